"""Marks beside the trial ledger: what decided a run, what came of it, and for which experiment it was made.

A trial says under which name an idea was run. A mark says what the idea was: the hash of the text that decided, and the
hash of the returns that it made. Two names with one text, or with one series of returns, are one idea; so a strategy
that was tried a hundred times does not become a fresh one by being called another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

__all__ = ["Mark", "mark_table"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a run beside its trial.

    Attributes
    ----------
    run_id : str
    experiment : str
        Id of the experiment that made the run; empty for a run that none made. A run of several has several marks.
    source_hash : str
        Of the text of the strategy; empty if it is not known.
    returns_hash : str
        Of the session returns; empty if the run failed or hardly traded.
    """

    run_id: str
    experiment: str
    source_hash: str
    returns_hash: str

    @classmethod
    def of(cls, trial: Mapping[str, object]) -> Mark | None:
        """The mark that a line of the engine carries; None for a line without one."""
        if "source_hash" not in trial and "returns_hash" not in trial and "experiment" not in trial:
            return None
        source = str(trial.get("source_hash", ""))
        return cls(
            run_id=str(trial["run_id"]),
            experiment=str(trial.get("experiment", "")),
            source_hash="" if source == "unknown" else source,
            returns_hash=str(trial.get("returns_hash", "")),
        )


def mark_table(metadata: MetaData) -> Table:
    """The table of marks, beside that of trials."""
    from sqlalchemy import Column, String, Table

    columns: list[Column[Any]] = [
        Column("run_id", String, primary_key=True),
        Column("experiment", String, primary_key=True),
        Column("source_hash", String, nullable=False),
        Column("returns_hash", String, nullable=False),
    ]
    return Table("trial_mark", metadata, *columns)
