"""The database of a workspace, opened: one file for trials, marks and experiments, which many processes may write."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.engine import Engine

__all__ = ["connected", "url_of"]

_ATTEMPTS: Final = 40
_PAUSE_S: Final = 0.05


def url_of(target: Path | str) -> str:
    """The SQLAlchemy URL of a file, or the URL itself."""
    text = str(target)
    return text if "://" in text else f"sqlite:///{Path(text).absolute()}"


def _is_no_interruption(record: logging.LogRecord) -> bool:
    """Whether a record is to be shown: SQLAlchemy raises an interruption that meets it again, but prints it first."""
    return not (record.exc_info and record.exc_info[0] is KeyboardInterrupt)


def connected(url: str, timeout_s: float, metadata: MetaData, what: str) -> Engine:
    """An engine whose database has these tables.

    Raises
    ------
    ConfigError
        If it cannot be opened; `what` says what would have been in it.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import OperationalError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    is_sqlite = url.startswith("sqlite")
    try:
        engine = create_engine(
            url, poolclass=NullPool if is_sqlite else None, connect_args={"timeout": timeout_s} if is_sqlite else {}
        )
        pool = type(engine.pool)
        logging.getLogger(f"{pool.__module__}.{pool.__qualname__}").addFilter(_is_no_interruption)
        if is_sqlite:
            event.listen(engine, "connect", _write_ahead)
        for attempt in range(_ATTEMPTS):
            try:
                _make_tables(engine, metadata)
                break
            except OperationalError as error:
                # Where several open a new file at once, SQLite answers some of them without waiting.
                if "locked" not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_S)
    except SQLAlchemyError as error:
        raise ConfigError(f"{what} at {url} cannot be opened: {error}; check the path and its rights") from error
    return engine


def _make_tables(engine: Engine, metadata: MetaData) -> None:
    from sqlalchemy.schema import CreateTable

    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))


def _write_ahead(connection: Any, _record: object) -> None:
    """Readers never wait for a writer, and a kill leaves whole transactions only."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
