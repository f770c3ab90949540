"""Research: from a strategy and a market to a verdict.

The road is always the same. Every parameter set is run over the whole range and counted. Parameters are chosen
walk-forward and traded in one replay that never saw them chosen. That account is stressed, redrawn, compared with
holding, deflated by the number of trials, and replayed with its future replaced by noise; then it is put before the
gates. Nothing here reads or writes a file; what is counted goes through the trial ledger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I32_1D, I64_1D
from argus.core.money import MICROS
from argus.core.ports import TrialLedger
from argus.engine.config import RunConfig
from argus.engine.metrics import (
    Metrics,
    drawdown_curve,
    session_returns,
    sharpe,
    summarise,
)
from argus.engine.record import RunRecord
from argus.lab.benchmark import alpha_against, hold_plan, scaled_to
from argus.lab.candidate import Candidate, MapRuns, Progress, ResearchSettings
from argus.lab.evaluation import (
    CostResult,
    Curve,
    Evaluation,
    FoldResult,
    HoldResult,
    MonthReturn,
    Significance,
    month_returns,
)
from argus.lab.evidence import Evidence, Figure
from argus.lab.gates import GATES, GateResult, apply_gates, gates_with
from argus.lab.journal.trials import TrialJournal, walks_at
from argus.lab.look_ahead import Cut, audit
from argus.lab.measures import best_run, measured, plateau_around
from argus.lab.multiple_testing.multiplicity import Multiplicity, MultiplicitySettings, multiplicity, null_variance
from argus.lab.multiple_testing.significance import (
    deflated_sharpe,
    minimum_backtest_years,
    minimum_track_record,
)
from argus.lab.red_flags import RedFlag, red_flags
from argus.lab.score import score_of
from argus.lab.search.parameter_search import search
from argus.lab.search.play import Change
from argus.lab.search.resplits import Resplits, longest_trade_sessions, resplit
from argus.lab.search.splits import guard_of_sets
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.search.walk import Walk, fold_results, plan_walk
from argus.lab.search.walk_forward import aligned_returns, equity_on
from argus.lab.stress.bootstrap import BootstrapResult, Redraw
from argus.lab.stress.paths import KillRule
from argus.lab.stress.replays import MakeStrategy
from argus.lab.stress.robustness import Robustness, RobustnessSettings, Subject, robustness
from argus.lab.stress.stability import Plateau

_JUDGED_MIN: Final = 20

__all__ = ["Candidate", "MapRuns", "Progress", "ResearchSettings", "evaluate"]


def evaluate(
    candidate: Candidate,
    *,
    trials: TrialJournal,
    settings: ResearchSettings | None = None,
    map_runs: MapRuns = map,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge a candidate.

    Parameters
    ----------
    candidate : Candidate
    trials : TrialJournal
        Where every run is counted, and the number of trials comes from.
    settings : ResearchSettings or None
    map_runs : callable
        Runs the parameter sets; ``map``, or a process pool's ``map``.
    progress : callable or None

    Raises
    ------
    ConfigError, CoverageError
        If settings or data do not allow a judgement.
    RunError
        If a run could not be finished; it is in the ledger as failed.
    """
    how = settings or ResearchSettings()
    tell = progress or _silent
    searched = search(candidate, trials, map_runs, tell)
    walk = plan_walk(candidate, searched.matrix, how)
    tell("walk-forward", 0, 1)
    record = walk.run(trials, "walk_forward")
    tell("walk-forward", 1, 1)
    metrics = summarise(record, walk.per_year)
    hold, curve = _against_holding(candidate, walk, record, trials, tell)
    windows = fold_results(walk, curve)
    chosen = best_run(searched.matrix)
    robust = _press(candidate, walk, record, windows, plateau_around(searched.matrix, chosen), how, trials, tell)
    costs = _cost_results(robust)
    cuts = _audit(candidate, walk, record, how, trials, tell)
    tell("statistics", 0, 1)
    held = _held_through_search(candidate, searched.matrix, trials)
    multiple, significance = _significance(candidate, metrics, searched.matrix, chosen, held, how, trials)
    drawn = robust.paths.of(Redraw.STATIONARY) if robust.paths else None
    figures = measured(record, windows, robust, multiple, searched.matrix.runs)
    evidence = _evidence(candidate, metrics, windows, costs, drawn, significance, hold, cuts, walk, figures)
    gates = apply_gates(evidence, gates_with(how.thresholds))
    months = month_returns(curve.session, curve.equity)
    others = _resplit(candidate, searched.matrix, record)
    stated = (walk.gap.sentence,) if walk.gap.is_stated else ()
    shortened = (walk.shortened,) if walk.shortened else ()
    notes = tuple(dict.fromkeys((*candidate.notes, *record.notes, *stated, *shortened)))
    flags = _flags(candidate, record, metrics, evidence, months, notes, robust, others)
    tell("statistics", 1, 1)
    spec = walk.strategy().spec
    return Evaluation(
        strategy=spec.name,
        version=spec.version,
        summary=candidate.create(searched.matrix.values[0]).spec.summary,
        source=spec.source,
        universe=candidate.universe,
        deployable=all(gate.passed is True for gate in gates),
        verdict=_verdict(spec.name, candidate.universe, gates),
        gates=gates,
        red_flags=flags,
        metrics=metrics,
        search=searched.runs,
        folds=windows,
        costs=costs,
        hold=hold,
        significance=significance,
        bootstrap=drawn,
        bootstrap_at_opening_size=_sizes_on_equity(candidate),
        audit=cuts,
        curve=curve,
        months=months,
        completeness=candidate.completeness,
        notes=notes,
        record=record,
        matrix=searched.matrix,
        chosen=chosen,
        robustness=robust,
        multiplicity=multiple,
        gap=walk.gap,
        resplits=others,
        score=score_of(gates, significance, robust),
    )


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


# ---- stress, benchmark, audit


def _press(
    candidate: Candidate,
    walk: Walk,
    record: RunRecord,
    windows: Sequence[FoldResult],
    plateau: Plateau | None,
    how: ResearchSettings,
    trials: TrialLedger,
    tell: Progress,
) -> Robustness:
    """Whether the out-of-sample account breaks when costs, prices, the order of its trades or the time are others."""
    play = candidate.play
    pressed = RobustnessSettings(
        rule=KillRule(ruin_equity_share=how.ruin_fraction),
        paths=how.bootstrap_paths,
        seed=how.seed,
        workers=how.workers,
        cost_multipliers=("1", *how.cost_multipliers),
    )
    told = 0

    def replay(make: MakeStrategy, config: RunConfig, purpose: str, change: Change | None = None) -> RunRecord:
        nonlocal told
        told += 1
        tell("robustness", told, pressed.replays)
        on = play if change is None else play.changed(change)
        return on.run(make(), config, sizer=candidate.sizer, risk=candidate.risk, trials=trials, purpose=purpose)

    subject = Subject(
        make=walk.strategy,
        market=play.market,
        config=walk.config,
        record=record,
        per_year=walk.per_year,
        sizes_on_equity=_sizes_on_equity(candidate),
        folds=tuple(windows),
        grid=walk.matrix.values,
        plateau=plateau,
        traded=play.traded,
    )
    return robustness(subject, replay, pressed)


def _cost_results(robust: Robustness) -> tuple[CostResult, ...]:
    outcomes = robust.costs.outcomes if robust.costs else ()
    return tuple(CostResult(one.name, one.run_id, one.net_pnl, one.fees, one.sharpe_annual) for one in outcomes)


def _against_holding(
    candidate: Candidate, walk: Walk, record: RunRecord, trials: TrialLedger, tell: Progress
) -> tuple[HoldResult, Curve]:
    tell("benchmark", 0, 1)
    held = _hold(candidate, walk.segments[0].start_ns, trials)
    first = walk.choices[0].fold.test_start - 1
    sessions = walk.sessions[first:]
    opening = record.opening_cash_micros
    equity = equity_on(*record.session_equity(), sessions, opening)
    hold_equity = equity_on(*held.session_equity(), sessions, held.opening_cash_micros)
    returns = session_returns(equity[1:], max(int(equity[0]), 1))
    hold_returns = session_returns(hold_equity[1:], int(hold_equity[0]))
    scaled, scale = scaled_to(hold_returns, returns)
    alpha = alpha_against(returns, hold_returns)
    root = math.sqrt(walk.per_year)
    result = HoldResult(
        run_id=held.manifest.run_id,
        sharpe_annual=sharpe(hold_returns) * root,
        vol_annual=float(np.std(hold_returns, ddof=1)) * root,
        scale=scale,
        alpha_annual=alpha.alpha_session * walk.per_year,
        beta=alpha.beta,
        alpha_t=alpha.t_statistic,
    )
    path = np.concatenate(([1.0], np.cumprod(1.0 + np.maximum(scaled, -1.0)))) * opening
    curve = Curve(
        session=sessions,
        ts_ns=_last_instants(record, sessions, walk.segments[0].start_ns),
        equity=equity / MICROS,
        hold_equity=path / MICROS,
        drawdown=drawdown_curve(equity, opening),
        hold_drawdown=drawdown_curve(np.round(path).astype(np.int64), opening),
    )
    tell("benchmark", 1, 1)
    return result, curve


def _hold(candidate: Candidate, start_ns: int, trials: TrialLedger) -> RunRecord:
    """The universe bought at the first chance after `start_ns`, and held."""
    from argus.portfolio.risk import LimitRiskPolicy
    from argus.portfolio.sizing import FixedUnits

    hold, config = hold_plan(candidate.play.market, candidate.universe, candidate.config, start_ns)
    return candidate.play.run(
        hold, config, sizer=FixedUnits(), risk=LimitRiskPolicy(), trials=trials, purpose="benchmark"
    )


def _held_through_search(candidate: Candidate, matrix: TrialMatrix, trials: TrialLedger) -> F64_1D | None:
    """Session returns of holding over the rows in which the search is judged, 0 before; None if one begins later."""
    sessions, begin = matrix.session, matrix.begin
    known = [candidate.market[symbol][1] for symbol in candidate.universe]
    rows = [int(np.searchsorted(bars.session, sessions[max(begin - 1, 0)], side="right")) - 1 for bars in known]
    if min(rows) < 0:
        return None
    held = _hold(candidate, max(int(bars.ts_recv_ns[row]) for bars, row in zip(known, rows, strict=True)), trials)
    return aligned_returns(held, sessions)


def _last_instants(record: RunRecord, sessions: I32_1D, start_ns: int) -> I64_1D:
    """Instant of the last equity of each session; the start where there is none yet."""
    if not len(record.equity_session):
        return np.full(len(sessions), start_ns, dtype=np.int64)
    # Where markets with different sessions are traded together, one's next session begins before the other's has ended.
    begun = np.maximum.accumulate(record.equity_session)
    rows = np.searchsorted(begun, sessions, side="right") - 1
    instants: I64_1D = np.where(rows >= 0, record.equity_ts_ns[np.maximum(rows, 0)], start_ns)
    return instants


def _audit(
    candidate: Candidate,
    walk: Walk,
    record: RunRecord,
    how: ResearchSettings,
    trials: TrialLedger,
    tell: Progress,
) -> tuple[Cut, ...]:
    """Cuts at the ends of sessions spread evenly over the tested range."""
    tested = walk.tested
    bars = candidate.market[candidate.universe[0]][1]
    cuts = []
    for number in range(1, how.audit_cuts + 1):
        session = tested[number * len(tested) // (how.audit_cuts + 1)]
        row = int(np.searchsorted(bars.session, session, side="right")) - 1
        cuts.append(int(bars.ts_recv_ns[row]))
    found: list[Cut] = []
    tell("look-ahead", 0, len(cuts))
    for cut_ns in cuts:
        found.extend(
            audit(
                walk.strategy,
                candidate.play,
                walk.config,
                record,
                sizer=candidate.sizer,
                risk=candidate.risk,
                trials=trials,
                cuts_ns=[cut_ns],
                seed=how.seed,
            )
        )
        tell("look-ahead", len(found), len(cuts))
    return tuple(found)


# ---- statistics


def _resplit(candidate: Candidate, matrix: TrialMatrix, record: RunRecord) -> Resplits:
    """The search cut in other ways; trades of undeclared length are as long as the account's longest."""
    bars = [candidate.market[symbol][1] for symbol in candidate.universe]
    per_session = max(1.0, min(len(one) / len(np.unique(one.session)) for one in bars))
    sets = [candidate.create(values) for values in matrix.values]
    return resplit(matrix, guard_of_sets(sets, longest_trade_sessions(record), per_session))


def _sizes_on_equity(candidate: Candidate) -> bool:
    return candidate.sizer.describe().get("capital") == "equity"


def _significance(
    candidate: Candidate,
    metrics: Metrics,
    matrix: TrialMatrix,
    chosen: int,
    hold: F64_1D | None,
    how: ResearchSettings,
    trials: TrialJournal,
) -> tuple[Multiplicity | None, Significance]:
    """The set that would be traded now against all that were tried, and the account against all such accounts.

    No parameter was chosen on the out-of-sample account, so the number of parameter sets is not held against it; how
    many such accounts were looked at on these data is.
    """
    bars = [candidate.market[symbol][1] for symbol in candidate.universe]
    first = min(int(b.ts_event_ns[0]) for b in bars)
    last = max(int(b.ts_close_ns[-1]) for b in bars)
    family = candidate.create(candidate.parameter_sets()[0]).spec.name
    looks = trials.looks(family, candidate.universe, first, last)
    multiple = None
    if chosen >= 0 and len(matrix.judged) >= _JUDGED_MIN:
        settings = MultiplicitySettings(draws=how.draws, seed=how.seed, workers=how.workers)
        multiple = multiplicity(matrix, chosen, hold, looks, settings)
    walks = walks_at(trials, candidate.universe, first, last)
    known = math.isfinite(metrics.sharpe_session) and metrics.sessions > 1
    of_walk = math.nan
    if known:
        null = null_variance(metrics.sessions)
        of_walk = deflated_sharpe(metrics.sharpe_session, metrics.sessions, metrics.skew, metrics.kurtosis, walks, null)
    track = minimum_track_record(metrics.sharpe_session, metrics.skew, metrics.kurtosis) if known else math.inf
    of_chosen = multiple.dsr if multiple else math.nan
    count = multiple.trials_effective if multiple else max(looks.count, 1)
    return multiple, Significance(
        looks=looks,
        looks_all=trials.looks(None, candidate.universe, first, last),
        psr_zero=metrics.psr_zero,
        sharpe_by_luck_annual=(multiple.sharpe_luck if multiple else 0.0) * math.sqrt(matrix.per_year),
        deflated=min(of_chosen, of_walk) if known and multiple else math.nan,
        track_record_years_min=track / matrix.per_year,
        backtest_years_min=minimum_backtest_years(count),
        deflated_chosen=of_chosen,
        deflated_walk=of_walk,
        trials_effective=count,
        walks=walks,
    )


def _evidence(
    candidate: Candidate,
    metrics: Metrics,
    fold_results: Sequence[FoldResult],
    costs: Sequence[CostResult],
    drawn: BootstrapResult | None,
    significance: Significance,
    hold: HoldResult,
    cuts: Sequence[Cut],
    walk: Walk,
    figures: Mapping[str, Figure],
) -> Evidence:
    spec = walk.strategy().spec
    return Evidence(
        sharpe_annual=metrics.sharpe_annual,
        sharpe_annual_error=metrics.sharpe_annual_error,
        folds_positive=sum(fold.test_pnl > 0.0 for fold in fold_results),
        folds=len(fold_results),
        net_by_cost={cost.multiplier: cost.net_pnl for cost in costs},
        bootstrap=drawn,
        deflated_sharpe=significance.deflated,
        trials=significance.trials_effective,
        sharpe_by_luck_annual=significance.sharpe_by_luck_annual,
        deflated_walk=significance.deflated_walk,
        walks=significance.walks,
        alpha_annual=hold.alpha_annual,
        alpha_t=hold.alpha_t,
        hold_sharpe_annual=hold.sharpe_annual,
        trades=metrics.trades,
        cuts_clean=sum(cut.clean for cut in cuts),
        cuts=len(cuts),
        completeness=candidate.completeness,
        parameter_count=len(spec.parameters),
        parameter_count_max=spec.constraints.parameter_count_max,
        turnover_annual=metrics.turnover_annual,
        turnover_annual_max=spec.constraints.turnover_annual_max,
        measured=figures,
    )


def _flags(
    candidate: Candidate,
    record: RunRecord,
    metrics: Metrics,
    evidence: Evidence,
    months: Sequence[MonthReturn],
    notes: Sequence[str],
    robust: Robustness,
    others: Resplits,
) -> tuple[RedFlag, ...]:
    still_open = record.trades["is_open"] == 1
    return red_flags(
        metrics,
        net_by_cost=evidence.net_by_cost,
        month_returns=[month.value for month in months],
        years_pnl=_by_year(months),
        config=candidate.config,
        notes=notes,
        session_returns=session_returns(record.session_equity()[1], record.opening_cash_micros),
        open_pnl_micros=int(record.trades["net_micros"][still_open].sum()),
        turnover_micros=int(np.abs(record.fills["value_micros"]).sum()),
        robust=robust,
        paths=others.paths,
    )


def _by_year(months: Sequence[MonthReturn]) -> dict[int, float]:
    years: dict[int, float] = {}
    for month in months:
        years[month.year] = years.get(month.year, 0.0) + month.pnl
    return years


def _verdict(name: str, universe: Sequence[str], gates: Sequence[GateResult]) -> str:
    where = ", ".join(universe)
    failed = [gate for gate in gates if gate.passed is not True]
    if not failed:
        return f"{name} on {where} is deployable: it passed all {len(gates)} gates.{_softened(gates)}"
    fatal = [gate.name for gate in failed if gate.passed is False and not gate.is_negotiable]
    others = [gate.name for gate in failed if gate.name not in fatal]
    told = [f"it failed {', '.join(fatal)}, which cannot be negotiated"] if fatal else []
    told += [f"it did not pass {', '.join(others)}"] if others else []
    return f"{name} on {where} is not deployable: {'; '.join(told)}.{_softened(gates)}"


def _softened(gates: Sequence[GateResult]) -> str:
    """Which gates were made easier: the calibrated rates of error are those of the defaults, and hold for no others."""
    declared = {gate.name: gate for gate in GATES}
    told = [
        f"{gate.name} ({gate.threshold:g}, default {gate.default:g})"
        for gate in gates
        if declared[gate.name].is_softer(gate.threshold)
    ]
    return f" Its thresholds are softer than the default for {', '.join(told)}." if told else ""
