"""The trial ledger: every backtest ever run, so that the one that is shown can be judged by how many were tried.

The engine writes it at the end of every run; nobody else has to remember to. What counts as an independent look is
decided here, when the ledger is read, never by whoever writes it: a run recorded twice is one trial, the same
parameters in another order are the same parameters, and a record can only ever be raised to count, never lowered.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from argus.core.errors import ConfigError
from argus.lab.journal._database import connected, url_of
from argus.lab.journal.trial_marks import Mark, mark_table

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Engine

__all__ = [
    "COUNTED_PURPOSES",
    "UNCOUNTED_PURPOSES",
    "Looks",
    "MarkedJournal",
    "MemoryTrialLedger",
    "SqlTrialLedger",
    "Trial",
    "TrialJournal",
    "looks_among",
    "looks_of",
    "roots_of",
]

COUNTED_PURPOSES: Final = frozenset({"backtest", "search"})
"""Purposes whose runs are independent looks at the data. Others count only if no such run shares their parameters."""

UNCOUNTED_PURPOSES: Final = frozenset({"audit", "benchmark", "robustness", "surrogate", "baseline", "left_out"})
"""Runs from which nothing is ever chosen: altered markets, late decisions, holding the instrument, and what an
experiment shows beside its choice: the strategy as its author left it, and the data that were left out."""


_MONTH: Final = re.compile(r"\.\d{6}$")
_ROLLS: Final = re.compile(r" rolls=[0-9a-f]+$")


@dataclass(frozen=True, slots=True)
class Trial:
    """One backtest, as the engine recorded it.

    Attributes
    ----------
    run_id : str
        Hash of everything the run was made of: its identity.
    strategy, version, family : str
    parameters : str
        JSON of the parameter values, keys sorted.
    instruments : str
        Symbols, sorted, joined by commas.
    data_hash, config_hash : str
        What data and settings it ran on: by instrument the hash of all bars and that of the first ones, and settings as
        canonical JSON; or any text that stands for them.
    first_ns, last_ns : int
        Range of the data.
    status : str
        ``finished`` or ``failed``.
    sessions : int
    sharpe_session, skew, kurtosis : float
        Of session returns; NaN where there were none.
    net_pnl_micros, orders : int
    cost_multiplier : float
    purpose : str
        ``search``, ``backtest``, ``walk_forward``, ``cost_stress``, ``benchmark``, ``audit``; of experiments also
        ``baseline``, ``left_out`` and ``holdout``.
    """

    run_id: str
    strategy: str
    version: str
    family: str
    parameters: str
    instruments: str
    data_hash: str
    config_hash: str
    first_ns: int
    last_ns: int
    status: str
    sessions: int
    sharpe_session: float
    skew: float
    kurtosis: float
    net_pnl_micros: int
    orders: int
    cost_multiplier: float
    purpose: str

    @classmethod
    def from_mapping(cls, trial: Mapping[str, object]) -> Trial:
        """The trial in its canonical form.

        Raises
        ------
        ConfigError
            Naming the field that is missing or cannot be read.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name not in trial:
                raise ConfigError(f"trial {trial.get('run_id', '?')}: field {field.name} is missing")
            values[field.name] = _coerce(field.name, str(field.type), trial[field.name])
        return cls(**values)

    def look_key(self) -> tuple[str, ...]:
        """What makes it a look of its own: the hypothesis, its parameters, the market, and the settings but for costs.

        More bars at the end of the same data are not another look, a later start is; nor is a dearer fill, but another
        way of sizing is. Data of the same instrument that begin with other bars (of another length, or adjusted in
        another way) are other data. Contracts of one root are one market, and one more roll at the end is no look.
        """
        return (
            self.family,
            self.version,
            _without_rolls(self.parameters),
            ",".join(sorted(self.roots)),
            str(self.first_ns),
            _beginnings(self.data_hash),
            _without_costs(self.config_hash),
        )

    @property
    def roots(self) -> frozenset[str]:
        """Its instruments, with the root in the place of each contract of a delivery month."""
        return _roots_in(self.instruments)

    def overlaps(self, roots: frozenset[str], first_ns: int, last_ns: int) -> bool:
        """Whether it has seen any of these instruments or roots (from `roots_of`) at any of these times."""
        return self.first_ns <= last_ns and self.last_ns >= first_ns and not roots.isdisjoint(self.roots)


def _coerce(name: str, kind: str, value: Any) -> object:
    try:
        if name == "parameters":
            return json.dumps(json.loads(value) if isinstance(value, str) else dict(value), sort_keys=True)
        if name == "instruments":
            names = value.split(",") if isinstance(value, str) else list(value)
            return ",".join(sorted(str(symbol).strip() for symbol in names))
        if kind == "int":
            return int(value)
        if kind == "float":
            return math.nan if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"trial field {name} is {value!r}: {error}") from None
    return str(value)


def roots_of(instruments: Iterable[str]) -> frozenset[str]:
    """The instruments, with the root in the place of each contract of a delivery month."""
    return frozenset(_MONTH.sub("", symbol) for symbol in instruments)


# Thousands of trials share the same few texts; each is read once.
@lru_cache(maxsize=4096)
def _roots_in(instruments: str) -> frozenset[str]:
    return roots_of(instruments.split(","))


def _without_rolls(parameters: str) -> str:
    """The parameters without the hash of the rolls there were, which grows with the data; the rule stays."""
    if '"roll.' not in parameters:
        return parameters
    known = json.loads(parameters)
    told = {k: _ROLLS.sub("", v) if k.startswith("roll.") and isinstance(v, str) else v for k, v in known.items()}
    return json.dumps(told, sort_keys=True)


@lru_cache(maxsize=4096)
def _beginnings(data_hash: str) -> str:
    """Hash of the first bars of each instrument, of a root those of its oldest contract; empty where none was kept."""
    try:
        known = json.loads(data_hash)
    except ValueError:
        return ""
    if not isinstance(known, dict):
        return ""
    first: dict[str, str] = {}
    for symbol in sorted(known):
        if isinstance(known[symbol], list) and len(known[symbol]) > 1:
            first.setdefault(_MONTH.sub("", symbol), str(known[symbol][1]))
    return json.dumps(first, sort_keys=True) if first else ""


@lru_cache(maxsize=4096)
def _without_costs(settings: str) -> str:
    try:
        known = json.loads(settings)
    except ValueError:
        return settings
    if not isinstance(known, dict):
        return settings
    return json.dumps({name: value for name, value in known.items() if name != "costs"}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Looks:
    """How many independent looks were taken at some data.

    Attributes
    ----------
    count : int
        Distinct looks. At least 1 where it is used: the shown result is one.
    sharpe_variance : float
        Sample variance of their per-session Sharpe ratios; 0 with fewer than two.
    sharpe_best : float
        The highest of them; NaN if none has any.
    failed : int
        Runs that broke before they gave a result; they showed nothing and do not count.
    kept : int
        All records of these data, whatever their purpose.
    """

    count: int
    sharpe_variance: float
    sharpe_best: float
    failed: int
    kept: int


class TrialJournal(Protocol):
    """A trial ledger that can be read."""

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial. The same run recorded twice is one trial."""
        ...

    def journal(self) -> tuple[Trial, ...]:
        """Every trial, by run id."""
        ...

    def looks(self, family: str | None, instruments: Iterable[str], first_ns: int, last_ns: int) -> Looks:
        """Independent looks of a strategy family (None: of all) at data that overlap these."""
        ...


class MarkedJournal(TrialJournal, Protocol):
    """A trial ledger that also tells what decided its runs."""

    def marks(self) -> tuple[Mark, ...]:
        """Every mark, by run id and experiment."""
        ...


def looks_among(
    trials: Sequence[Trial], family: str | None, instruments: Iterable[str], first_ns: int, last_ns: int
) -> Looks:
    """Count the independent looks of a family (None: of all) at data that overlap these, among `trials`."""
    wanted = roots_of(instruments)
    return looks_of(
        [t for t in trials if (family is None or t.family == family) and t.overlaps(wanted, first_ns, last_ns)]
    )


def looks_of(trials: Sequence[Trial], key_of: Callable[[Trial], tuple[str, ...]] = Trial.look_key) -> Looks:
    """Count the independent looks that these trials are.

    A look is a distinct hypothesis, parameter set, market and setting (`Trial.look_key`). Runs with a purpose in
    `COUNTED_PURPOSES` are looks; a cost stress or a walk-forward account counts only where no such run has its
    parameters. Of several runs of one look the one with the highest Sharpe ratio stands for it: that is the one that
    would have been shown.
    """
    finished = [t for t in trials if t.status == "finished" and t.purpose not in UNCOUNTED_PURPOSES]
    keys = [key_of(t) for t in finished]
    known = {key for key, t in zip(keys, finished, strict=True) if t.purpose in COUNTED_PURPOSES}
    best: dict[tuple[str, ...], float] = {}
    for key, trial in zip(keys, finished, strict=True):
        if trial.purpose in COUNTED_PURPOSES or key not in known:
            best[key] = max(best.get(key, -math.inf), _or_lowest(trial.sharpe_session))
    ratios = sorted(value for value in best.values() if value != -math.inf)
    mean = math.fsum(ratios) / len(ratios) if ratios else 0.0
    spread = math.fsum((value - mean) ** 2 for value in ratios)
    return Looks(
        count=len(best),
        sharpe_variance=spread / (len(ratios) - 1) if len(ratios) > 1 else 0.0,
        sharpe_best=ratios[-1] if ratios else math.nan,
        failed=sum(t.status != "finished" for t in trials),
        kept=len(trials),
    )


def walks_at(trials: TrialJournal, instruments: Iterable[str], first_ns: int, last_ns: int) -> int:
    """How many different out-of-sample accounts, of any strategy, were shown on data that overlap these; at least 1.

    Other windows and other sets to choose from make another account of the same data, and each is one more to pick the
    best of. The same account on data that have grown is not: of each beginning that end counts which saw the most.
    """
    wanted = frozenset(instruments)
    shown: dict[tuple[object, ...], dict[int, set[str]]] = {}
    for t in trials.journal():
        if t.purpose == "walk_forward" and t.status == "finished" and t.overlaps(wanted, first_ns, last_ns):
            ends = shown.setdefault((t.family, t.version, t.instruments, t.first_ns), {})
            ends.setdefault(t.last_ns, set()).add(_without_rolls(t.parameters))
    return max(sum(max(map(len, ends.values())) for ends in shown.values()), 1)


def _or_lowest(value: float) -> float:
    return value if math.isfinite(value) else -math.inf


def _rank(trial: Trial) -> tuple[bool, bool, bool]:
    """How much a record says: a finished run above a failed one, a counted purpose above the others."""
    return (
        trial.status == "finished",
        trial.purpose in COUNTED_PURPOSES,
        trial.purpose not in UNCOUNTED_PURPOSES,
    )


class MemoryTrialLedger:
    """A trial ledger that lives as long as the process: for calibration and tests."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}
        self._marks: dict[tuple[str, str], Mark] = {}

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial. The same run recorded twice is one trial."""
        new = Trial.from_mapping(trial)
        mark = Mark.of(trial)
        if mark is not None:
            self._marks.setdefault((mark.run_id, mark.experiment), mark)
        old = self._trials.get(new.run_id)
        if old is None or _rank(new) > _rank(old):
            self._trials[new.run_id] = new

    def journal(self) -> tuple[Trial, ...]:
        """Every trial, by run id."""
        return tuple(self._trials[run_id] for run_id in sorted(self._trials))

    def marks(self) -> tuple[Mark, ...]:
        """Every mark, by run id and experiment."""
        return tuple(self._marks[key] for key in sorted(self._marks))

    def looks(self, family: str | None, instruments: Iterable[str], first_ns: int, last_ns: int) -> Looks:
        """Independent looks of a strategy family (None: of all) at data that overlap these."""
        return looks_among(self.journal(), family, instruments, first_ns, last_ns)


class SqlTrialLedger:
    """The trial ledger of a workspace, in its database; many processes may write it at once.

    Parameters
    ----------
    target : Path or str
        A file (SQLite, write-ahead log) or an SQLAlchemy URL.
    timeout_s : float
        How long a writer waits for the others.
    """

    def __init__(self, target: Path | str, timeout_s: float = 60.0) -> None:
        self._url = url_of(target)
        self._timeout_s = timeout_s
        self._opened: tuple[int, _Database] | None = None

    def __getstate__(self) -> dict[str, object]:
        # A connection must not cross into another process; it is opened again there.
        return {"_url": self._url, "_timeout_s": self._timeout_s, "_opened": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._url, self._timeout_s, self._opened = state["_url"], state["_timeout_s"], None

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial. The same run recorded twice is one trial."""
        self.record_all((trial,))

    def record_all(self, trials: Sequence[Mapping[str, object]]) -> None:
        """Add many trials in one transaction, all or none; the same run recorded twice is one trial."""
        from sqlalchemy import bindparam, case, or_
        from sqlalchemy.dialects import postgresql, sqlite

        rows = [_to_row(Trial.from_mapping(trial)) for trial in trials]
        marks = [asdict(mark) for trial in trials if (mark := Mark.of(trial)) is not None]
        if not rows:
            return
        names = list(rows[0])
        engine, table, mark_rows = self._open()
        insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
        statement = insert(table).values({name: bindparam(name) for name in names})
        new, old = statement.excluded, table.c
        # One statement, so that no other writer can come between the look and the write. The order is `_rank`'s.
        finished = case((new.status == "finished", 1), else_=0) - case((old.status == "finished", 1), else_=0)
        purpose = new.purpose_rank - old.purpose_rank
        raised = or_(finished > 0, (finished == 0) & (purpose > 0))
        statement = statement.on_conflict_do_update(
            index_elements=[table.c.run_id], set_={name: new[name] for name in names if name != "run_id"}, where=raised
        )
        with engine.begin() as connection:
            connection.execute(statement, rows)
            if marks:
                connection.execute(insert(mark_rows).on_conflict_do_nothing(), marks)

    def journal(self) -> tuple[Trial, ...]:
        """Every trial, by run id."""
        return self._read(None, None)

    def marks(self) -> tuple[Mark, ...]:
        """Every mark, by run id and experiment."""
        from sqlalchemy import select

        engine, _, table = self._open()
        with engine.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.run_id, table.c.experiment)).all()
        return tuple(Mark(*row) for row in rows)

    def looks(self, family: str | None, instruments: Iterable[str], first_ns: int, last_ns: int) -> Looks:
        """Independent looks of a strategy family (None: of all) at data that overlap these."""
        # The database leaves out what cannot count; what does count is decided in one place for every ledger.
        return looks_among(self._read(family, (first_ns, last_ns)), family, instruments, first_ns, last_ns)

    def _read(self, family: str | None, span_ns: tuple[int, int] | None) -> tuple[Trial, ...]:
        from sqlalchemy import select

        engine, table, _ = self._open()
        wanted = select(*(table.c[field.name] for field in fields(Trial))).order_by(table.c.run_id)
        if family is not None:
            wanted = wanted.where(table.c.family == family)
        if span_ns is not None:
            wanted = wanted.where(table.c.first_ns <= span_ns[1], table.c.last_ns >= span_ns[0])
        with engine.connect() as connection:
            rows = connection.execute(wanted).all()
        return tuple(_from_row(row) for row in rows)

    def close(self) -> None:
        """Let go of the database; the ledger opens it again when it is next used."""
        if self._opened is not None and self._opened[0] == os.getpid():
            self._opened[1].engine.dispose()
        self._opened = None

    def _open(self) -> _Database:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), _open_database(self._url, self._timeout_s))
        return self._opened[1]


class _Database(NamedTuple):
    engine: Engine
    trials: Table
    marks: Table


_NAMES: Final = tuple(field.name for field in fields(Trial))
_KINDS: Final = tuple({"int": int, "float": float}.get(str(field.type), str) for field in fields(Trial))


def _from_row(row: Sequence[Any]) -> Trial:
    """The trial of a row as this class wrote it; whatever else stands there is read as any other trial would be."""
    if tuple(map(type, row)) == _KINDS:
        return Trial(*row)
    known = [math.nan if value is None and kind is float else value for value, kind in zip(row, _KINDS, strict=True)]
    return Trial.from_mapping(dict(zip(_NAMES, known, strict=True)))


def _to_row(trial: Trial) -> dict[str, object]:
    row: dict[str, object] = asdict(trial)
    rank = _rank(trial)
    row["purpose_rank"] = 2 * rank[1] + rank[2]
    for name in ("sharpe_session", "skew", "kurtosis"):
        value = getattr(trial, name)
        row[name] = value if math.isfinite(value) else None
    return row


def _open_database(url: str, timeout_s: float) -> _Database:
    from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table

    columns: list[Column[Any]] = [Column("run_id", String, primary_key=True)]
    for field in fields(Trial):
        if field.name != "run_id":
            kind: Any = {"int": BigInteger, "float": Float}.get(str(field.type), String)
            columns.append(Column(field.name, kind, nullable=str(field.type) == "float"))
    metadata = MetaData()
    table = Table("trial", metadata, *columns, Column("purpose_rank", Integer, nullable=False))
    marks = mark_table(metadata)
    return _Database(connected(url, timeout_s, metadata, "the trial ledger"), table, marks)
