"""What the page's script draws: each chart as the few numbers it needs, rounded to what the eye can tell.

Times travel as minutes since 1970 and as differences, values as short decimals; the page turns them back. Nothing is
worked out here beyond what showing asks for: thinning, counting trades into the bars of a histogram, running sums.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import I64_1D, Bars
from argus.core.instruments import InstrumentSpec
from argus.core.money import MICROS
from argus.core.time import NS_PER_MINUTE
from argus.report.figures import cost_word, parameters
from argus.report.sampling import POINTS_MAX, keep_extremes, short
from argus.report.stress_charts import stress_charts

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation

__all__ = ["MARKERS_MAX", "candidate_charts", "to_script_json"]

MARKERS_MAX: Final = 500
"""Trades that the price chart marks."""

_MINUTES_PER_DAY: Final = 1_440
_BINS: Final = 41


def to_script_json(value: Any) -> str:
    """JSON that may stand inside a script element: no tag can begin in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def candidate_charts(
    evaluation: Evaluation, market: Mapping[str, tuple[InstrumentSpec, Bars]] | None
) -> dict[str, Any]:
    """The data of every chart of one candidate, by chart name; a chart without data is left out."""
    charts: dict[str, Any] = {
        "equity": _equity(evaluation),
        "drawdown": _drawdown(evaluation),
        "bridge": _bridge(evaluation, market),
        "costs": _costs(evaluation),
        "folds": _folds(evaluation),
        "fan": _fan(evaluation),
        "histogram": _histogram(evaluation),
        "price": _prices(evaluation, market),
        **stress_charts(evaluation),
    }
    return {name: data for name, data in charts.items() if data}


def _steps(minutes: I64_1D) -> list[int]:
    """Times as a first value and differences."""
    return [int(step) for step in np.diff(minutes, prepend=0)]


def _equity(evaluation: Evaluation) -> dict[str, Any] | None:
    curve = evaluation.curve
    if len(curve.equity) < 2:
        return None
    kept = keep_extremes(curve.equity, curve.hold_equity)
    return {
        "t": _steps(curve.session[kept].astype(np.int64) * _MINUTES_PER_DAY),
        "equity": short(curve.equity[kept], 7),
        "hold": short(curve.hold_equity[kept], 7),
        "log": bool(np.nanmin(curve.equity) > 0 and not np.nanmin(curve.hold_equity) <= 0),
    }


def _drawdown(evaluation: Evaluation) -> dict[str, Any] | None:
    curve = evaluation.curve
    if len(curve.equity) < 2:
        return None
    kept = keep_extremes(curve.drawdown, curve.hold_drawdown)
    return {
        "t": _steps(curve.session[kept].astype(np.int64) * _MINUTES_PER_DAY),
        "strategy": short(-100 * curve.drawdown[kept], 4),
        "hold": short(-100 * curve.hold_drawdown[kept], 4),
    }


def _costs(evaluation: Evaluation) -> dict[str, Any] | None:
    if not evaluation.costs:
        return None
    found = evaluation.robustness.costs if evaluation.robustness else None
    return {
        "even": short([found.break_even_multiplier], 4)[0] if found else None,
        "level": [f"{escape(cost.multiplier)}×" for cost in evaluation.costs],
        "net": short([cost.net_pnl for cost in evaluation.costs], 7),
        "fees": short([cost.fees for cost in evaluation.costs], 7),
        "sharpe": short([cost.sharpe_annual for cost in evaluation.costs], 3),
    }


def _bridge(evaluation: Evaluation, market: Mapping[str, tuple[InstrumentSpec, Bars]] | None) -> dict[str, Any] | None:
    """From the result before costs to the one after them, in whole micro-units; the table beside it reads the same."""
    record = evaluation.record
    if market is None or not len(record.trades) or any("finer" in told for told in record.manifest.data.values()):
        return None  # the finer bars that orders met are not among what a page is drawn from
    from argus.engine.cost_attribution import attribute_costs

    steps = attribute_costs(record, market).bridge()
    return {
        "step": [name for name, _ in steps],
        "word": [escape(cost_word(name)) for name, _ in steps],
        "micros": [amount for _, amount in steps],
    }


def _folds(evaluation: Evaluation) -> dict[str, Any] | None:
    if not evaluation.folds:
        return None
    return {
        "test": [f"{fold.test_first[:7]}" for fold in evaluation.folds],
        "chosen": [escape(parameters(fold.values)) for fold in evaluation.folds],
        "span": [f"{fold.test_first} to {fold.test_last}" for fold in evaluation.folds],
        "train": short([fold.train_sharpe_annual for fold in evaluation.folds], 3),
        "sharpe": short([fold.test_sharpe_annual for fold in evaluation.folds], 3),
        "pnl": short([fold.test_pnl for fold in evaluation.folds], 7),
    }


def _fan(evaluation: Evaluation) -> dict[str, Any] | None:
    drawn = evaluation.bootstrap
    if drawn is None:
        return None
    return {
        "step": [0, *drawn.fan_step],
        "levels": list(drawn.quantiles),
        "bands": [[0, *short(band, 5)] for band in drawn.fan],
        "realised": [0, *short(drawn.realised, 5)],
    }


def _histogram(evaluation: Evaluation) -> dict[str, Any] | None:
    trades = evaluation.record.trades
    net = trades["net_micros"][trades["is_open"] == 0] / MICROS
    if not len(net):
        return None
    # Zero is an edge, so that no bar holds gains and losses together; the widest tails are cut off at the 0.5 % ends
    # and counted into the outermost bars, or one outlier would flatten all the rest.
    low, high = (float(bound) for bound in np.quantile(net, (0.005, 0.995)))
    low, high = min(low, 0.0), max(high, 0.0)
    width = (high - low) / _BINS or 1.0
    edges = np.arange(math.floor(low / width), math.ceil(high / width) + 1) * width
    if len(edges) < 2:
        edges = np.array([0.0, width])
    clipped = np.clip(net, edges[0], np.nextafter(edges[-1], -math.inf))
    counts, _ = np.histogram(clipped, edges)
    return {
        "edge": short(edges, 7),
        "count": counts.tolist(),
        "beyond": int(np.count_nonzero((net < edges[0]) | (net > edges[-1]))),
    }


def _prices(evaluation: Evaluation, market: Mapping[str, tuple[InstrumentSpec, Bars]] | None) -> dict[str, Any] | None:
    """Closes and trades of each instrument over the out-of-sample range."""
    curve = evaluation.curve
    if market is None or len(curve.ts_ns) < 2:
        return None
    first, last = int(curve.ts_ns[0]), int(curve.ts_ns[-1])
    symbols = [symbol for symbol in evaluation.universe if symbol in market]
    points = max(300, POINTS_MAX // max(1, len(symbols)))
    series = {}
    for symbol in symbols:
        spec, bars = market[symbol]
        begin = int(np.searchsorted(bars.ts_close_ns, first))
        stop = int(np.searchsorted(bars.ts_close_ns, last, side="right"))
        if stop - begin < 2:
            continue
        closes = bars.close[begin:stop]
        kept = keep_extremes(closes, points_max=points)
        series[escape(symbol)] = {
            "t": _steps(bars.ts_close_ns[begin:stop][kept] // NS_PER_MINUTE),
            "close": short(closes[kept], 8),
            **_marked_trades(evaluation, symbol, float(spec.tick_size), MARKERS_MAX // len(symbols)),
        }
    return series or None


def _marked_trades(evaluation: Evaluation, symbol: str, tick: float, most: int) -> dict[str, Any]:
    trades = evaluation.record.trades
    mine = np.flatnonzero(trades["instrument"] == evaluation.record.universe.index(symbol))
    largest = mine[np.argsort(-np.abs(trades["net_micros"][mine]), kind="stable")[:most]]
    shown = trades[np.sort(largest)]
    return {
        "id": np.sort(largest).tolist(),
        "in": _steps(shown["entry_ts_ns"] // NS_PER_MINUTE),
        "out": _steps(shown["exit_ts_ns"] // NS_PER_MINUTE),
        "from": short(shown["entry_ticks"] * tick, 8),
        "to": short(shown["exit_ticks"] * tick, 8),
        "side": shown["direction"].tolist(),
        "net": short(shown["net_micros"] / MICROS, 7),
        "open": shown["is_open"].tolist(),
        "trades": len(mine),
    }
