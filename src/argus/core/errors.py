"""Every error that Argus raises on purpose, in one tree.

::

    ArgusError
    ├── ConfigError              a setting, parameter or specification file is wrong
    │   ├── InstrumentError      an instrument is unknown or its specification is inconsistent
    │   └── StrategyError        a strategy is unknown, or its parameters are out of their stated range
    ├── DataError                market data are unusable as they stand
    │   ├── ImportFailed         a source file cannot be read as stated
    │   ├── CatalogError         the catalog is missing, locked or damaged
    │   └── CoverageError        a run asks for data that are missing or incomplete
    ├── OrderError               an order, or a change of an order's state, is not legal
    ├── RunError                 a run could not be finished
    │   ├── StrategyFailed       the strategy raised; carries the instant and the row
    │   ├── StrategyTimeout      the strategy did not come back from a wake-up
    │   ├── LookAheadError       a strategy or feature asked for what it could not yet know
    │   └── LedgerError          the books do not prove; nothing of the run may be believed
    ├── WorkspaceError           the workspace folder is missing, unwritable or of another version
    └── MissingExtraError        an optional library is not installed; names the extra

A message says which parameter or row is meant, what was found, and what to do about it.
"""

from __future__ import annotations

__all__ = [
    "ArgusError",
    "CatalogError",
    "ConfigError",
    "CoverageError",
    "DataError",
    "ImportFailed",
    "InstrumentError",
    "LedgerError",
    "LookAheadError",
    "MissingExtraError",
    "OrderError",
    "RunError",
    "StrategyError",
    "StrategyFailed",
    "StrategyTimeout",
    "WorkspaceError",
]


class ArgusError(Exception):
    """Root of the tree: whoever catches this catches every deliberate error of Argus."""


class ConfigError(ArgusError):
    """A setting, parameter or specification file is wrong."""


class InstrumentError(ConfigError):
    """An instrument is unknown, or its specification is inconsistent."""


class StrategyError(ConfigError):
    """A strategy is unknown, or its parameters are out of their stated range."""


class DataError(ArgusError):
    """Market data are unusable as they stand."""


class ImportFailed(DataError):
    """A source file cannot be read in the way that was stated."""


class CatalogError(DataError):
    """The catalog is missing, locked by another writer, or damaged."""


class CoverageError(DataError):
    """A run asks for data that are missing or incomplete."""


class OrderError(ArgusError):
    """An order, or a change of an order's state, is not legal."""


class RunError(ArgusError):
    """A run could not be finished."""


class StrategyFailed(RunError):
    """The strategy raised; the message names the instant, the instrument and the row."""


class StrategyTimeout(RunError):
    """The strategy did not come back from a wake-up within the limit."""


class LookAheadError(RunError):
    """A strategy or feature asked for what it could not yet know."""


class LedgerError(RunError):
    """The books do not prove; nothing of the run may be believed."""


class WorkspaceError(ArgusError):
    """The workspace folder is missing, unwritable or of another version."""


class MissingExtraError(ArgusError):
    """An optional library is not installed.

    Parameters
    ----------
    library : str
        The import that failed.
    extra : str
        The extra of Argus that installs it.
    """

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"{library} is not installed; in a checkout of Argus: pip install -c constraints.txt -e '.[{extra}]'"
        )
        self.library = library
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return MissingExtraError, (self.library, self.extra)
