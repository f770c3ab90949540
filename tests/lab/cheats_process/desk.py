"""A workspace with the embedded prices, and one small experiment to be cheated with."""

from __future__ import annotations

import shutil
from pathlib import Path

from argus.app.experiments import ExperimentResult, run_experiment
from argus.app.workspace import Workspace, init_workspace
from argus.core.time import parse_ns
from argus.data.embedded import install_embedded

NOW = parse_ns("2020-01-01")
DAY = 86_400 * 10**9

FILE = """
name: months of trend
hypothesis: Trends of an index last for months, because news is taken in slowly.
strategy: tsmom
fixed: {execution: moc, rebalance: 20}
ranges:
  lookback: [40, 80]
instruments: [IXIC.1d]
data: {to: 2001-07-01}
holdout: {from: 2002-01-01, to: 2003-01-01}
splits: {train_years: 1, test_years: 0.5}
"""


def template(folder: Path) -> Workspace:
    """A fresh workspace with data; copies of it are cheap."""
    home = init_workspace(folder)[0]
    install_embedded(home.catalog())
    return home


def copied(home: Workspace, folder: Path) -> Workspace:
    shutil.copytree(home.root, folder)
    return Workspace(folder)


def written(home: Workspace, text: str = FILE, name: str = "experiment.yaml") -> Path:
    path = home.root / name
    path.write_text(text, encoding="utf-8")
    return path


def run(home: Workspace, text: str = FILE, day: int = 0) -> ExperimentResult:
    """The experiment, so many days after now."""
    return run_experiment(home, written(home, text), now_ns=NOW + day * DAY)


def changed(*pairs: tuple[str, str], text: str = FILE) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def told(result: ExperimentResult, *words: str) -> str:
    """The one note that holds all these words."""
    found = [note for note in result.notes if all(word in note for word in words)]
    assert len(found) == 1, (words, result.notes)
    return found[0]
