"""Work spread over a Ray cluster, one small local one for all of it: the same bytes as without."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from argus.app.data import write_synthetic
from argus.app.research import map_runs_on
from argus.app.sweep import sweep
from argus.app.workspace import Workspace, init_workspace
from argus.core.errors import ConfigError, RunError
from argus.core.intents import Intent
from argus.core.ports import View
from argus.data.embedded import install_embedded
from argus.lab.candidate import Candidate
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.search.parameter_search import search
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.app import test_features as features
from tests.app import test_sweep as sweeps
from tests.app.root_desk import NAMES, wandering, write
from tests.app.test_experiments import ROLLED
from tests.lab.cheats_process.desk import NOW, copied, written
from tests.lab.markets import Fade, config, daily_bars, market_of, noise


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A cluster of this machine, to which this process is connected; ``local`` finds it."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed (pip install 'argus[ray]')")
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield "local"
    ray.shutdown()


def test_an_experiment_over_ray_is_the_same_examination(cluster: str, tmp_path: Path) -> None:
    from argus.app.experiments import run_experiment

    home, _ = init_workspace(tmp_path / "desk")
    for at, name in enumerate(NAMES):
        write(home.catalog(), wandering(name, at), name)
    other = copied(home, tmp_path / "other")
    plain = run_experiment(home, written(home, ROLLED), now_ns=NOW)
    spread = run_experiment(other, written(other, ROLLED), ray=cluster, now_ns=NOW)
    assert spread.examination_hash == plain.examination_hash
    assert _trials(other) == _trials(home)
    assert other.trials().marks() == home.trials().marks()


def _trials(home: Workspace) -> list[str]:
    return [repr(trial) for trial in home.trials().journal()]


def test_results_come_in_the_order_of_the_items(cluster: str) -> None:
    with map_runs_on(1, cluster) as map_runs:
        assert list(map_runs(abs, [])) == []
        assert list(map_runs(abs, range(-20, 0))) == list(range(20, 0, -1))
        assert list(map_runs(str, [3, 1])) == ["3", "1"]


class Breaks(Fade):
    """Cannot be run with a window of 3."""

    def wake(self, view: View) -> Sequence[Intent]:
        if self.days == 3:
            raise RunError("a window of 3")
        return super().wake(view)


def test_a_run_that_breaks_on_the_cluster_is_counted_here(cluster: str) -> None:
    bars = daily_bars(noise(60, 1))
    grid = ({"days": 2}, {"days": 3})
    candidate = Candidate("fade", ("ES",), market_of(bars), config(), FixedUnits(), LimitRiskPolicy(), grid, Breaks)
    here, there = MemoryTrialLedger(), MemoryTrialLedger()
    with pytest.raises(RunError, match="a window of 3"):
        search(candidate, here, map, lambda stage, done, total: None)
    with map_runs_on(1, cluster) as map_runs, pytest.raises(RunError, match="a window of 3"):
        search(candidate, there, map_runs, lambda stage, done, total: None)
    assert [trial.status for trial in there.journal()].count("failed") == 1
    assert repr(there.journal()) == repr(here.journal())


def test_feature_tables_made_over_ray_are_the_same_bytes(cluster: str, tmp_path: Path) -> None:
    homes = [init_workspace(tmp_path / name)[0] for name in ("one", "other")]
    for home in homes:
        write_synthetic(home.catalog(), features.SPEC)
    features.run(homes[0], ["MES.SYNTH7"], ["1m", "1h"])
    features.run(homes[1], ["MES.SYNTH7"], ["1m", "1h"], ray=cluster)
    assert features.contents(homes[0]) == features.contents(homes[1])


def test_a_sweep_over_ray_is_the_same_bytes(cluster: str, tmp_path: Path) -> None:
    home = init_workspace(tmp_path / "desk")[0]
    install_embedded(home.catalog())
    other = copied(home, tmp_path / "other")
    plain = sweep(home, sweeps.written(home.root))
    spread = sweep(other, sweeps.written(other.root), ray=cluster)
    assert spread.table.read_bytes() == plain.table.read_bytes()
    assert len(other.trials().journal()) == len(home.trials().journal()) == 14


def test_workers_and_a_cluster_exclude_each_other() -> None:
    from argus.cli.workers import worker_count

    with pytest.raises(ConfigError, match="give one of the two"):
        worker_count(2, "local")
