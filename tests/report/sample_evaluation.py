"""Evaluations made by hand from a seeded random walk: plausible records for drawing, without a run behind them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.orders import FillRule, OrderType
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, day_number, day_of
from argus.engine.config import AccountConfig, CostModel, RunConfig
from argus.engine.metrics import Metrics, session_returns
from argus.engine.record import (
    DECISION_DTYPE,
    FILL_DTYPE,
    JOURNAL_DTYPE,
    ORDER_DTYPE,
    TRADE_DTYPE,
    RunManifest,
    RunRecord,
)
from argus.lab.evaluation import (
    CostResult,
    Curve,
    Evaluation,
    FoldResult,
    Gap,
    HoldResult,
    SearchRun,
    Significance,
    month_returns,
)
from argus.lab.gates import GATES, GateResult, judge
from argus.lab.journal.trials import Looks
from argus.lab.look_ahead import Cut
from argus.lab.measures import best_run, plateau_around
from argus.lab.multiple_testing.multiplicity import Multiplicity, MultiplicitySettings, multiplicity
from argus.lab.red_flags import CHECK_NEXT, RedFlag
from argus.lab.search.resplits import resplit
from argus.lab.search.splits import Guard
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.stress.bootstrap import bootstrap_trades
from argus.lab.stress.capacity import Capacity
from argus.lab.stress.concentration import concentration_of
from argus.lab.stress.cost_stress import CostStress
from argus.lab.stress.delay import DelayStress
from argus.lab.stress.paths import monte_carlo
from argus.lab.stress.perturbation import PerturbationStress
from argus.lab.stress.regimes_stress import Trend, VolatilityTerciles, Years, regimes_stress, session_closes
from argus.lab.stress.replays import Outcome, outcome_of
from argus.lab.stress.robustness import Robustness
from argus.lab.stress.stability import walk_instability

__all__ = ["Market", "sample_evaluation", "without_trades"]

Market = dict[str, tuple[InstrumentSpec, Bars]]
FIRST_DAY = day_number(date(2004, 1, 5))
OPENING = 100_000.0
SETTINGS = RunConfig(account=AccountConfig(cash_micros=int(OPENING) * 1_000_000), costs=CostModel(slippage_ticks=1))
FEE_MICROS = 2_250_000
"""Of one ES contract and side: commission, exchange and association."""


def sample_evaluation(
    seed: int = 0,
    *,
    strategy: str = "tsmom",
    symbol: str = "ES",
    sessions: int = 2_500,
    drift: float = 0.0004,
    trades: int = 240,
) -> tuple[Evaluation, Market]:
    """An evaluation and the market that its prices are drawn from."""
    rng = np.random.default_rng(seed)
    days = _weekdays(sessions)
    closes = np.round(1_100.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.011, sessions))) * 4) / 4
    bars = _bars(symbol, days, closes)
    moves = rng.standard_t(4, sessions - 1) * 0.005 + drift
    equity = OPENING * np.concatenate(([1.0], np.cumprod(1.0 + moves)))
    hold = OPENING * np.concatenate(([1.0], np.cumprod(1.0 + rng.normal(0.0002, 0.007, sessions - 1))))
    curve = Curve(days, bars.ts_close_ns, equity, hold, _falls(equity), _falls(hold))
    table = _trades(rng, bars, trades, float(equity[-1] - OPENING))
    record = _record(seed, strategy, symbol, bars, table, equity)
    net = table["net_micros"][table["is_open"] == 0] / 1e6
    sharpe = float(np.mean(moves) / np.std(moves) * math.sqrt(252))
    drawn = bootstrap_trades(net, capital=OPENING, paths=400, seed=seed) if len(net) else None
    gates = _gates(sharpe, trades)
    folds = _folds(rng, days)
    matrix = _matrix(np.random.default_rng(seed + 1), days, drift)
    chosen = best_run(matrix)
    deployable = all(gate.passed for gate in gates)
    failed = [gate.name.replace("_", " ") for gate in gates if not gate.passed]
    return (
        Evaluation(
            strategy=strategy,
            version="1",
            summary="Long after a rising year, short after a falling one, sized to a constant volatility.",
            source="A. Author (2012), A paper on the idea, Journal of Examples 1(1)",
            universe=(symbol,),
            deployable=deployable,
            verdict=f"{strategy} on {symbol} "
            + ("passes every gate." if deployable else f"is not deployable: it fails {', '.join(failed)}."),
            gates=gates,
            red_flags=_flags(sharpe, trades),
            metrics=_metrics(record, sharpe, curve),
            search=tuple(
                SearchRun(
                    {"lookback": n, "rebalance": 20}, f"{n:016x}", 900.0 * n, rng.normal(0.4, 0.2), 200 + n, 260 + n
                )
                for n in (20, 60, 120, 250)
            ),
            folds=folds,
            costs=tuple(
                CostResult(
                    level,
                    f"{i:016x}",
                    float(equity[-1] - OPENING) - 9_000.0 * i,
                    9_000.0 + 2_250.0 * i,
                    sharpe - 0.2 * i,
                )
                for i, level in enumerate(("1", "1.25", "1.5"))
            ),
            hold=HoldResult("f" * 16, 0.31, 0.178, 0.44, 0.021, 0.12, 1.3),
            significance=Significance(
                Looks(4, 0.0004, 0.05, 0, 9), Looks(16, 0.0006, 0.06, 1, 40), 0.97, 0.62, 0.71, 6.4, 3.1
            ),
            bootstrap=drawn,
            bootstrap_at_opening_size=True,
            audit=(Cut(int(bars.ts_close_ns[sessions // 2]), 120, True, ""),),
            curve=curve,
            months=month_returns(days, equity),
            completeness={symbol: 0.9987},
            notes=("closes only: nothing could fill at an open", f"{symbol}: unverified figures were used: margins"),
            record=record,
            matrix=matrix,
            chosen=chosen,
            robustness=_robustness(seed, record, bars, net, matrix, chosen, folds),
            multiplicity=_multiplicity(matrix, chosen),
            gap=Gap(20, "a trade lasts up to 20 sessions"),
            resplits=resplit(matrix, Guard(20, 61, "a trade of it lasts up to 20 sessions")),
        ),
        {symbol: (instrument(symbol), bars)},
    )


def _matrix(rng: np.random.Generator, days: np.ndarray[tuple[int], np.dtype[np.int32]], drift: float) -> TrialMatrix:
    """Twelve parameter sets on a grid that share half of what they do."""
    values = tuple({"lookback": n, "rebalance": m, "side": "both"} for n in (20, 60, 120, 250) for m in (5, 20, 60))
    shared = rng.normal(0.0, 0.006, len(days))
    returns = np.column_stack(
        [shared + rng.normal(drift * (1.0 + 0.05 * k), 0.006, len(days)) for k in range(len(values))]
    )
    ids = tuple(f"{k:016x}" for k in range(len(values)))
    return TrialMatrix(days, np.ascontiguousarray(returns), values, ids, ids, 252.0)


def _multiplicity(matrix: TrialMatrix, chosen: int) -> Multiplicity:
    looks = Looks(matrix.runs + 3, 0.0004, 0.05, 0, 2 * matrix.runs)
    return multiplicity(matrix, chosen, None, looks, MultiplicitySettings(draws=100, slices=12))


def _robustness(
    seed: int,
    record: RunRecord,
    bars: Bars,
    net: np.ndarray,  # type: ignore[type-arg]
    matrix: TrialMatrix,
    chosen: int,
    folds: tuple[FoldResult, ...],
) -> Robustness:
    """What can be measured without an engine by its own functions; replays are replaced by smaller accounts."""
    session, equity = record.session_equity()
    base = outcome_of("0", record, 252.0)

    def weaker(name: str, by: int) -> Outcome:
        return replace(
            base, name=name, net_pnl=base.net_pnl - 9_000.0 * by, sharpe_annual=base.sharpe_annual - 0.2 * by
        )

    late = (base, weaker("1", 1), weaker("2", 3))
    shaken = (replace(base, name="as it was"), weaker("prices moved, seed 0", 1), weaker("bars lost, seed 0", 2))
    dearer = (replace(base, name="1"), weaker("1.25", 1), weaker("1.5", 2), weaker("2", 4))
    kept = shaken[2].sharpe_annual / base.sharpe_annual
    returns = session_returns(equity, record.opening_cash_micros)
    sources = (VolatilityTerciles(), Trend(), Years())
    return Robustness(
        paths=monte_carlo(net, capital=OPENING, paths=200, seed=seed, workers=1) if len(net) else None,
        costs=CostStress(dearer, (), 2.75, 0.0004, None, dearer[-1].net_pnl, "Half of it is left at 2 times."),
        delay=DelayStress(late, late[1].sharpe_annual, "Late by one wake-up it earns less."),
        perturbed=PerturbationStress(shaken, shaken[2].sharpe_annual, kept, "Bars that are lost cost most."),
        regimes=regimes_stress(returns, session, session_closes(bars, session), sources, per_year=252.0),
        plateau=plateau_around(matrix, chosen),
        instability=walk_instability(folds, matrix.values),
        concentration=concentration_of(record, 252.0),
        capacity=Capacity(0.01, 0.0004, 25.0, 2_500_000.0, 25.0, "It could have been 25 times as large."),
    )


def without_trades() -> tuple[Evaluation, Market]:
    """A candidate that never came to trade."""
    evaluation, market = sample_evaluation(sessions=300, trades=0)
    empty = np.zeros(0)
    nothing = Curve(np.zeros(0, np.int32), np.zeros(0, np.int64), empty, empty, empty, empty)
    return replace(
        evaluation,
        curve=nothing,
        folds=(),
        search=(),
        costs=(),
        months=(),
        audit=(),
        completeness=None,
        matrix=None,
        chosen=-1,
        robustness=Robustness(),
        multiplicity=None,
        resplits=None,
    ), market


def _weekdays(count: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    days = FIRST_DAY + np.arange(2 * count)
    return np.ascontiguousarray(days[(days + 3) % 7 < 5][:count].astype(np.int32))


def _bars(symbol: str, days: np.ndarray[tuple[int], np.dtype[np.int32]], closes: np.ndarray) -> Bars:  # type: ignore[type-arg]
    start = days.astype(np.int64) * NS_PER_DAY + 14 * NS_PER_HOUR
    nothing = np.full(len(days), np.nan)
    return Bars(
        instrument=symbol,
        ts_event_ns=start,
        ts_close_ns=start + 7 * NS_PER_HOUR,
        ts_recv_ns=start + 7 * NS_PER_HOUR,
        open=nothing.copy(),
        high=nothing.copy(),
        low=nothing.copy(),
        close=closes,
        volume=nothing.copy(),
        open_interest=nothing.copy(),
        session=days,
        session_end=np.ones(len(days), dtype=bool),
        observed=frozenset({"close"}),
    )


def _falls(equity: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    falls: np.ndarray = 1.0 - equity / np.maximum.accumulate(equity)  # type: ignore[type-arg]
    return falls


def _trades(rng: np.random.Generator, bars: Bars, count: int, total: float) -> np.ndarray:  # type: ignore[type-arg]
    table = np.zeros(count, dtype=TRADE_DTYPE)
    if not count:
        return table
    rows = np.sort(rng.choice(len(bars) - 20, count, replace=False))
    ends = rows + rng.integers(1, 15, count)
    net = rng.standard_t(3, count)
    net += (total / 1_000.0 - net.sum()) / count
    table["direction"] = np.where(rng.random(count) < 0.6, 1, -1)
    table["bars"] = ends - rows
    table["entry_fill"], table["exit_fill"] = 2 * np.arange(count), 2 * np.arange(count) + 1
    table["entry_ts_ns"], table["exit_ts_ns"] = bars.ts_close_ns[rows], bars.ts_close_ns[ends]
    table["lots_max"] = 2
    table["entry_ticks"], table["exit_ticks"] = bars.close[rows] * 4, bars.close[ends] * 4
    table["net_micros"] = np.round(net * 1_000.0 * 100.0) * 10_000
    table["is_open"][-1], table["exit_fill"][-1] = 1, -1
    table["fee_micros"] = np.where(table["is_open"] == 1, 2, 4) * FEE_MICROS
    table["gross_micros"] = table["net_micros"] + table["fee_micros"]
    return table


def _fills(bars: Bars, trades: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Two contracts in and out of every trade on a close, a tick worse than it."""
    spec = instrument(bars.instrument)
    fills = np.zeros(max(0, 2 * len(trades) - 1), dtype=FILL_DTYPE)
    for at in range(len(fills)):
        trade, entered = trades[at // 2], at % 2 == 0
        side = int(trade["direction"]) * (1 if entered else -1)
        ts = int(trade["entry_ts_ns" if entered else "exit_ts_ns"])
        fills[at]["order_id"], fills[at]["rule"] = at, FillRule.MARKET_ON_CLOSE
        fills[at]["row"], fills[at]["ts_event_ns"] = int(np.searchsorted(bars.ts_close_ns, ts)), ts
        base = round(float(trade["entry_ticks" if entered else "exit_ticks"]))
        fills[at]["signed_lots"], fills[at]["base_ticks"], fills[at]["price_ticks"] = 2 * side, base, base + side
        fills[at]["value_micros"] = 2 * side * (base + side) * int(spec.value_micros_per_tick_lot)
        fills[at]["fee_micros"] = 2 * FEE_MICROS
        fills[at]["position_after_lots"] = 2 * side if entered else 0
    return fills


def _record(seed: int, strategy: str, symbol: str, bars: Bars, trades: np.ndarray, equity: np.ndarray) -> RunRecord:  # type: ignore[type-arg]
    orders = np.zeros(2 * len(trades), dtype=ORDER_DTYPE)
    orders["type"] = OrderType.MARKET_ON_CLOSE
    equity_micros = (equity * 1e6).astype(np.int64)
    if len(trades):
        equity_micros[-1] = int(OPENING * 1e6) + trades["net_micros"].sum()
    return RunRecord(
        manifest=RunManifest(
            run_id=f"{seed + 0xABCDEF:016x}",
            strategy={"name": strategy, "version": "1", "parameters": {"lookback": 120}},
            config=SETTINGS.describe(),
            data={
                symbol: {
                    "content_hash": bars.content_hash,
                    "specification": hashlib.sha256(repr(instrument(symbol)).encode()).hexdigest()[:16],
                    "bars": len(bars),
                    "first": "2004-01-05T14:00:00Z",
                    "last": "2013-08-02T21:00:00Z",
                }
            },
            code_version="0.1.0+0123456789ab",
            versions={"python": "3.11", "numpy": "2.4"},
        ),
        universe=(symbol,),
        decisions=np.zeros(0, dtype=DECISION_DTYPE),
        orders=orders,
        fills=_fills(bars, trades),
        journal=np.zeros(0, dtype=JOURNAL_DTYPE),
        trades=trades,
        order_tags=("",) * len(orders),
        refusals=(),
        equity_ts_ns=bars.ts_close_ns,
        equity_micros=equity_micros,
        cash_micros=equity_micros,
        equity_session=bars.session,
        opening_cash_micros=int(OPENING * 1e6),
        interest_micros=0,
        bars=len(bars),
        notes=(),
        books=(strategy,),
    )


def _metrics(record: RunRecord, sharpe: float, curve: Curve) -> Metrics:
    net = record.trades["net_micros"]
    won, lost = net[net > 0], net[net < 0]
    return Metrics(
        sessions=len(curve.session),
        sessions_per_year=252.0,
        net_pnl_micros=record.net_pnl_micros,
        fees_micros=int(record.trades["fee_micros"].sum()),
        final_equity_micros=record.final_equity_micros,
        return_total=float(curve.equity[-1] / OPENING - 1.0),
        return_annual=float((curve.equity[-1] / OPENING) ** (252 / len(curve.equity)) - 1.0),
        vol_annual=0.112,
        sharpe_session=sharpe / math.sqrt(252),
        sharpe_annual=sharpe,
        sharpe_annual_error=0.33,
        sortino_annual=1.4 * sharpe,
        calmar=0.5,
        skew=-0.2,
        kurtosis=6.0,
        psr_zero=0.97,
        drawdown_max=float(curve.drawdown.max()),
        drawdown_max_micros=21_000_000_000,
        drawdown_sessions=411,
        exposure=0.71,
        turnover_annual=8.4,
        turnover_equity_annual=6.1,
        orders=len(record.orders),
        fills=len(record.orders),
        trades=len(net),
        hit_rate=len(won) / len(net) if len(net) else math.nan,
        profit_factor=float(won.sum() / -lost.sum()) if len(lost) and lost.sum() else math.inf,
        expectancy_micros=float(net.mean()) if len(net) else math.nan,
        largest_trade_share=0.18,
    )


def _gates(sharpe: float, trades: int) -> tuple[GateResult, ...]:
    """Answers that follow the Sharpe ratio; without trades some cannot be judged."""
    values = {
        "data_complete": 0.9987,
        "look_ahead": 1.0,
        "risk_caps": 0.0,
        "minimum_trades": float(trades),
        "walk_forward": sharpe,
        "fold_concentration": 0.6 * sharpe,
        "regime_concentration": 0.5 * sharpe,
        "cost_1_25x": 42_000.0 * sharpe,
        "cost_1_5x": 42_000.0 * sharpe - 12_000.0,
        "perturbation": 0.9 * sharpe,
        "bootstrap": 30_000.0 * sharpe - 11_000.0,
        "deflated_sharpe": min(0.999, max(0.01, 0.5 + 0.5 * sharpe)),
        "overfitting": 0.12 if sharpe > 0.0 else 0.61,
        "data_snooping": 0.021 if sharpe > 0.0 else 0.7,
        "benchmark": 2.4 * sharpe,
        "own_limits": 0.61,
    }
    results = []
    for gate in GATES:
        value = values[gate.name] if trades else math.nan
        passed = gate.passes(value) if trades else None
        sentence = (
            "There was too little to judge." if passed is None else f"{gate.question} {'Yes' if passed else 'No'}."
        )
        results.append(judge(gate, (passed, value, sentence)))
    return tuple(results)


def _flags(sharpe: float, trades: int) -> tuple[RedFlag, ...]:
    flags = [RedFlag("closes_only", "Closes only: nothing could fill at an open.", CHECK_NEXT["closes_only"])]
    if sharpe > 1.5:
        flags.append(
            RedFlag("sharpe_above_3", f"A Sharpe ratio of {sharpe:.1f} is rarer than a mistake: look for one.")
        )
    if trades < 30:
        flags.append(RedFlag("few_trades", f"All of it rests on {trades} trades."))
    return tuple(flags)


def _folds(rng: np.random.Generator, days: np.ndarray) -> tuple[FoldResult, ...]:  # type: ignore[type-arg]
    cuts = np.linspace(len(days) // 3, len(days) - 1, 8).astype(int)
    return tuple(
        FoldResult(
            train_first=day_of(int(days[0])).isoformat(),
            train_last=day_of(int(days[begin - 2])).isoformat(),
            test_first=day_of(int(days[begin])).isoformat(),
            test_last=day_of(int(days[end - 1])).isoformat(),
            values={"lookback": int(rng.choice([20, 60, 120, 250])), "rebalance": 20},
            train_sharpe_annual=float(rng.normal(0.8, 0.2)),
            test_sharpe_annual=float(rng.normal(0.4, 0.6)),
            test_pnl=float(rng.normal(4_000, 6_000)),
            test_return=float(rng.normal(0.04, 0.06)),
        )
        for begin, end in pairwise(cuts.tolist())
    )
