"""Sweep: run a strategy over parameters, markets and periods, count every run, and say what the best of them is worth.

A sweep lives in a folder of the workspace, named by a hash of the file's meaning, the data and the code. The same
command goes on where it stopped; another file, other data or other code is another sweep.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app._sweep_file import plan_sweep
from argus.app._sweep_replay import replay_task
from argus.app._sweep_start import write_starting_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from argus.app._sweep_file import Skipped, SweepPlan
    from argus.app._sweep_replay import ReplayTask
    from argus.app.workspace import Workspace
    from argus.engine.sweep import Executor, Point, Reading, SweepStore
    from argus.lab.journal.trials import SqlTrialLedger
    from argus.report.sweep import Luck, SweepSlice, SweepView

__all__ = ["RUNS_ASKED", "SweepResult", "sweep", "write_starting_file"]

RUNS_ASKED: Final = 1_000
"""Runs beyond which a sweep must be asked for twice."""
_BEST_KEPT: Final = 12
"""Markets and periods whose best run is kept whole, so that its trades can be traced."""

Progress = Callable[[int, int], None]
"""Told how many runs are done, and of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class SweepResult:
    """A finished sweep.

    Attributes
    ----------
    plan : SweepPlan
    view : SweepView
        What page and terminal show.
    folder, table, report : Path
    """

    plan: SweepPlan
    view: SweepView
    folder: Path
    table: Path
    report: Path

    def as_dict(self) -> dict[str, Any]:
        """The outcome for JSON; every run stands in the table."""
        return {
            "sweep": self.plan.identity,
            "strategy": self.plan.strategy,
            "runs": self.view.runs,
            "failed": self.view.failed,
            "skipped": len(self.plan.skipped),
            "repeated_samples": self.plan.repeated,
            "table": str(self.table),
            "report": str(self.report),
            "slices": [_slice_dict(one) for one in self.view.slices],
            "notes": list(self.view.notes),
            "failures": list(self.view.failures),
        }


def _slice_dict(one: SweepSlice) -> dict[str, Any]:
    best = one.reading.best
    found: dict[str, Any] = {
        "where": one.name,
        "reading": one.reading.word,
        "sentence": one.reading.sentence,
        "neighbours": one.reading.neighbours,
        "neighbours_holding": one.reading.holding,
        "neighbours_sharpe_median": one.reading.beside_median,
    }
    if best >= 0:
        found |= {
            "best": one.point(best),
            "sharpe_annual": float(one.sharpe[best]),
            "sharpe_annual_error": float(one.sharpe_error[best]),
            "net_pnl": float(one.net[best]),
            "run_id": one.run_ids[best] if one.run_ids else None,
        }
    if one.luck:
        found |= {
            "looks": one.luck.looks,
            "sharpe_by_luck_annual": one.luck.expected_annual,
            "deflated_sharpe": one.luck.probability,
        }
    return found


def sweep(
    workspace: Workspace,
    path: Path,
    *,
    workers: int = 1,
    ray: str | None = None,
    yes: bool = False,
    progress: Progress | None = None,
) -> SweepResult:
    """Run what a sweep file describes, or what is left of it, and write table and page.

    Parameters
    ----------
    workspace : Workspace
    path : Path
        The sweep file.
    workers : int
        Processes; the table is the same bytes for any number.
    ray : str or None
        Address of a Ray cluster to run on instead: ``auto``, ``local`` or ``HOST:PORT``.
    yes : bool
        Run more than `RUNS_ASKED` runs without a further question.
    progress : callable or None

    Raises
    ------
    ConfigError
        If the file is wrong, or describes many runs and `yes` is not given; the message holds count and estimate.
    """
    from argus.data._catalog_files import lock_for_writing, write_atomic
    from argus.engine.sweep import SweepStore, run_sweep
    from argus.report.sweep import render_sweep

    plan = plan_sweep(workspace, path)
    task = replay_task(workspace, plan)
    folder = workspace.runs / f"sweep-{plan.identity}"
    store = SweepStore(folder, plan.parameters, task.columns, len(plan.points))
    trials = workspace.trials()
    with lock_for_writing(folder, 0.0):
        _forget_uncounted(store, trials)
        if not yes:
            _ask(plan, task, store, trials, workers if ray is None else 1)
        write_atomic(folder / "sweep.json", json.dumps(plan.describe(), indent=1, default=str).encode())
        run_sweep(
            plan.points, task, executor=_executor(workers, ray), store=store, trials=trials, progress=progress
        )  # fmt: skip
        view = _view(plan, store, trials)
        _keep_best(workspace, plan, task, store, view, trials)
        report = folder / "report.html"
        write_atomic(report, render_sweep(view).encode())
    return SweepResult(plan, view, folder, store.table_path, report)


def _executor(workers: int, ray: str | None) -> Executor:
    from argus.engine.sweep import InProcess, Processes, RayCluster

    if ray is not None:
        return RayCluster(ray)
    return InProcess() if workers == 1 else Processes(workers)


def _forget_uncounted(store: SweepStore, trials: SqlTrialLedger) -> None:
    """Run again what the ledger does not know: a database that was lost or restored must not lose its count."""
    kept = {point: run_id for point, run_id in store.kept().items() if run_id}
    if not kept:
        return
    counted = {trial.run_id for trial in trials.journal()}
    store.forget([point for point, run_id in kept.items() if run_id not in counted])


def _ask(plan: SweepPlan, task: ReplayTask, store: SweepStore, trials: SqlTrialLedger, workers: int) -> None:
    """Refuse a large sweep with its count and an estimate from the first two of its runs, which are kept."""
    from argus.core.errors import ConfigError

    kept = store.kept()
    todo = [point for point in plan.points if point.number not in kept]
    if len(todo) <= RUNS_ASKED:
        return
    seconds = 0.0
    for point in todo[:2]:
        # The first one also loads the market and the kernels; the second says what a run takes.
        started = time.perf_counter()
        done = task((point,))
        seconds = time.perf_counter() - started
        trials.record_all(done.trials)
        store.add((point,), done.rows)
    raise ConfigError(
        f"{len(todo):,} runs are left to do; one took {seconds:.2g} s, so all would take about "
        f"{_duration(seconds * len(todo) / workers)} on {workers} worker{'s' if workers > 1 else ''}, and every one "
        "counts as a trial; give --yes to run them, or fewer values"
    )


def _duration(seconds: float) -> str:
    for size, unit in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _keep_best(
    workspace: Workspace,
    plan: SweepPlan,
    task: ReplayTask,
    store: SweepStore,
    view: SweepView,
    trials: SqlTrialLedger,
) -> None:
    """Replay the best run of each market and period once more, and keep it whole: the way from a row to its trades."""
    from argus.engine.store import save_run

    best = [one.run_ids[one.reading.best] for one in view.slices if one.run_ids and one.reading.best >= 0]
    wanted = {run_id for run_id in best[:_BEST_KEPT] if not (workspace.runs / run_id).exists()}
    if not wanted:
        return
    for number, run_id in sorted(store.kept().items()):
        if run_id in wanted:
            wanted.remove(run_id)
            point = plan.points[number]
            record = task.replay(point, task.market(point), trials)
            save_run(workspace.runs, record, task.source(point))


# ---- reading the table


def _view(plan: SweepPlan, store: SweepStore, trials: SqlTrialLedger) -> SweepView:
    from argus.engine.manifest import code_version
    from argus.engine.sweep import FAILED
    from argus.report.sweep import SweepView

    table = {name: column.to_numpy(zero_copy_only=False) for name, column in _columns(store).items()}
    slices = _slices(plan, table, trials)
    failed = [i for i, status in enumerate(table["status"]) if status == FAILED]
    return SweepView(
        strategy=plan.strategy,
        made=f"Sweep {plan.identity}, Argus {code_version()}",
        runs=len(plan.points),
        failed=len(failed),
        slices=slices,
        notes=(*_notes(plan, len(failed)), *_doubts(plan, slices, table), *plan.data_notes),
        skipped=tuple(_skipped_line(one) for one in plan.skipped),
        failures=tuple(f"{_where(plan, plan.points[i])}: {table['error'][i]}" for i in failed),
    )


def _columns(store: SweepStore) -> dict[str, Any]:
    table = store.table()
    return dict(zip(table.column_names, table.columns, strict=True))


def _notes(plan: SweepPlan, failed: int) -> tuple[str, ...]:
    notes = [
        f"{len(plan.points):,} runs: {len(plan.markets)} market{'s' * (len(plan.markets) > 1)}, "
        f"{len(plan.periods)} period{'s' * (len(plan.periods) > 1)}, parameters "
        f"{'drawn at random' if plan.mode == 'random' else 'on a grid'}. Every run is a trial in the ledger."
    ]
    if plan.skipped:
        notes.append(
            f"{len(plan.skipped):,} combinations were skipped, because the strategy refuses them; the first: "
            f"{_skipped_line(plan.skipped[0])}."
        )
    if plan.repeated:
        notes.append(f"{plan.repeated:,} random samples were like an earlier one and were run once.")
    if failed:
        notes.append(f"{failed:,} runs failed; they are listed below and have no figures.")
    if plan.mode == "grid":
        narrow = [one.name for one in plan.ranges if len(one.values) == 2]
        if narrow:
            notes.append(f"{', '.join(narrow)}: two values show no plateau; three or more would.")
    return tuple(notes)


def _doubts(plan: SweepPlan, slices: Sequence[SweepSlice], table: dict[str, NDArray[Any]]) -> Iterator[str]:
    """Runs that say nothing, and ranges that end where it gets interesting."""
    import numpy as np

    idle = int(np.sum(np.asarray(table["orders"], dtype=np.float64) == 0))
    if idle:
        yield f"{idle:,} runs never sent an order, and have no Sharpe ratio."
    for one in slices:
        if one.reading.best < 0 or not one.on_grid or one.reading.score <= 0:
            continue
        for name in one.numeric:
            found, best = one.values[name], one.values[name][one.reading.best]
            if len(set(found)) > 2 and best in (min(found), max(found)):
                yield f"{one.name}: the best point lies at the end of the range of {name}; a wider one may hold more."


def _skipped_line(one: Skipped) -> str:
    from argus.report import figures

    where = f" on {one.market}" if one.market else ""
    return f"{figures.parameters(one.values)}{where}: {one.reason}"


def _where(plan: SweepPlan, point: Point) -> str:
    from argus.report import figures

    varied = {one.name: point.values[one.name] for one in plan.ranges}
    return f"{figures.parameters(varied)} on {_slice_name(plan, point)}"


def _slice_name(plan: SweepPlan, point: Point) -> str:
    from argus.engine.sweep import period_text

    if len(plan.periods) == 1 and plan.periods[0] == (None, None):
        return point.market
    start, end = (period_text(bound).removesuffix("T00:00:00Z") for bound in (point.start_ns, point.end_ns))
    return f"{point.market}, {start or 'first bar'} to {end or 'last bar'}"


def _slices(plan: SweepPlan, table: dict[str, NDArray[Any]], trials: SqlTrialLedger) -> tuple[SweepSlice, ...]:
    """One slice for each market and period, and before them their mean if there are several."""
    groups: dict[object, list[int]] = {}
    for i, point in enumerate(plan.points):
        groups.setdefault(point.group, []).append(i)
    slices = [_slice(plan, table, rows, trials) for rows in groups.values()]
    return (_mean_slice(plan, slices), *slices) if len(slices) > 1 else tuple(slices)


def _slice(plan: SweepPlan, table: dict[str, NDArray[Any]], rows: list[int], trials: SqlTrialLedger) -> SweepSlice:
    import numpy as np

    from argus.report.sweep import SweepSlice

    point = plan.points[rows[0]]

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(table[name][rows], dtype=np.float64)

    values = {one.name: tuple(plan.points[i].values[one.name] for i in rows) for one in plan.ranges}
    sharpe = column("sharpe_annual")
    reading = _reading(plan, values, sharpe)
    return SweepSlice(
        name=_slice_name(plan, point),
        currency=plan.settings.account.currency,
        numeric=_numeric(plan),
        values=values,
        on_grid=plan.mode == "grid",
        sharpe=sharpe,
        sharpe_error=column("sharpe_annual_error"),
        net=column("net_pnl_micros") / 1e6,
        drawdown=column("drawdown_max"),
        trades=column("trades"),
        fees=column("fees_micros") / 1e6,
        turnover=column("turnover_annual"),
        run_ids=tuple(str(table["run_id"][i]) for i in rows),
        ranking=_ranking(sharpe),
        reading=reading,
        luck=_luck(plan, table, rows, reading.best, trials),
    )


def _ranking(sharpe: NDArray[np.float64]) -> NDArray[np.int64]:
    import numpy as np

    order = np.argsort(np.where(np.isfinite(sharpe), -sharpe, np.inf), kind="stable")
    return order[: int(np.isfinite(sharpe).sum())]


def _numeric(plan: SweepPlan) -> tuple[str, ...]:
    kinds = {column.name: column.kind for column in plan.parameters}
    return tuple(one.name for one in plan.ranges if kinds[one.name] in (int, float))


def _reading(plan: SweepPlan, values: dict[str, tuple[Any, ...]], sharpe: NDArray[np.float64]) -> Reading:
    """Plateau or spike, among the points of one market and period."""
    import numpy as np

    from argus.engine.sweep import grid_neighbours, nearest_neighbours, read_surface

    axes = [name for name in _numeric(plan) if len(set(values[name])) > 1]
    words = [name for name in values if name not in axes]
    if plan.mode == "random":
        coordinates = np.array([values[name] for name in axes], dtype=np.float64).T.reshape(len(sharpe), len(axes))
        return read_surface(sharpe, nearest_neighbours(coordinates, 2 * len(axes) + 2))
    index = np.array(
        [[sorted(set(values[name])).index(value) for value in values[name]] for name in axes], dtype=np.int64
    ).T.reshape(len(sharpe), len(axes))
    known: dict[tuple[Any, ...], int] = {}
    rest = zip(*(values[name] for name in words), strict=True) if words else [()] * len(sharpe)
    labels = np.array([known.setdefault(tuple(key), len(known)) for key in rest], dtype=np.int64)
    # Along a line there are but two points next to one: too few to tell, so that two steps count as near there.
    return read_surface(sharpe, grid_neighbours(index, labels, reach=2 if len(axes) == 1 else 1))


def _luck(
    plan: SweepPlan, table: dict[str, NDArray[Any]], rows: list[int], best: int, trials: SqlTrialLedger
) -> Luck | None:
    """What the best of all looks at these data would have shown by luck."""
    import numpy as np

    from argus.lab.multiple_testing.significance import deflated_sharpe, expected_maximum_sharpe
    from argus.report.sweep import Luck

    if best < 0:
        return None
    i = rows[best]
    first, last = np.nanmin(table["first_ns"][rows]), np.nanmax(table["last_ns"][rows])
    looks = trials.looks(plan.strategy, plan.symbols[plan.points[i].market], int(first), int(last))
    count = max(looks.count, 1)
    expected = expected_maximum_sharpe(count, looks.sharpe_variance) * math.sqrt(table["sessions_per_year"][i])
    probability = deflated_sharpe(
        float(table["sharpe_session"][i]),
        int(table["sessions"][i]),
        float(table["skew"][i]),
        float(table["kurtosis"][i]),
        count,
        looks.sharpe_variance,
    )
    shown, error = float(table["sharpe_annual"][i]), float(table["sharpe_annual_error"][i])
    sentence = (
        f"{len(rows):,} runs were made here, and {plan.strategy} has had {count:,} different looks at these data in "
        f"all. The best of {count:,} worthless ideas would show a Sharpe ratio of about {expected:.2f} a year by luck; "
        f"the best here shows {shown:.2f} ± {error:.2f}. The probability that its true one is above luck's is "
        f"{probability:.0%}."
    )
    return Luck(count, expected, probability, sentence)


def _mean_slice(plan: SweepPlan, slices: Sequence[SweepSlice]) -> SweepSlice:
    """Parameter sets that were run everywhere, with the mean over markets and periods."""
    import numpy as np

    from argus.report.sweep import SweepSlice

    names = list(slices[0].values)
    places = [{key: i for i, key in enumerate(zip(*one.values.values(), strict=True))} for one in slices]
    keys = [key for key in places[0] if all(key in known for known in places)]

    def gathered(name: str) -> NDArray[np.float64]:
        rows = [[getattr(one, name)[known[key]] for key in keys] for one, known in zip(slices, places, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(len(slices), len(keys))

    values = {name: tuple(key[place] for key in keys) for place, name in enumerate(names)}
    sharpe = gathered("sharpe").mean(axis=0)
    return SweepSlice(
        name=f"mean of {len(slices)} markets and periods",
        currency=slices[0].currency,
        numeric=slices[0].numeric,
        values=values,
        on_grid=slices[0].on_grid,
        sharpe=sharpe,
        sharpe_error=np.full(len(keys), np.nan),
        net=gathered("net").sum(axis=0),
        drawdown=gathered("drawdown").max(axis=0, initial=0.0),
        trades=gathered("trades").sum(axis=0),
        fees=gathered("fees").sum(axis=0),
        turnover=gathered("turnover").mean(axis=0),
        run_ids=(),
        ranking=_ranking(sharpe),
        reading=_reading(plan, values, sharpe),
        luck=None,
    )
