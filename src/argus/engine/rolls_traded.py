"""What each roll of a run did: the two fills, the distance between them, and what they cost.

A roll is no number of its own in the record: it is a closing order in one contract and an opening order in the next,
found by their tags. `rolls_traded` puts them beside each other, with the gap that the continuous series took out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import Bars
from argus.core.time import day_of, format_ns
from argus.engine.record import RunRecord
from argus.engine.rolled_strategy import RolledStrategy, roll_from, roll_to
from argus.engine.rolling import RolledRoot
from argus.engine.trace import FeatureSeen, SeenBar, Trace

__all__ = ["RollTraded", "rolls_traded", "with_series"]


@dataclass(frozen=True, slots=True)
class RollTraded:
    """One roll, as it was traded.

    Attributes
    ----------
    root, from_symbol, to_symbol : str
    session : str
        The session at whose opening it took effect.
    reason : str
        Why the schedule rolled then.
    closed_lots, opened_lots : int
        Signed lots traded in the old and in the new contract; both 0 if nothing was held. They are opposite unless
        something was refused or left unfilled.
    closed_ns, opened_ns : int
        Time of the last fill in each; 0 if there was none.
    from_price, to_price : float
        Average fill in each contract, slippage included; NaN if there was none.
    spread : float
        `to_price` less `from_price`.
    gap : float
        The distance that the continuous series took out, measured on the last bar common to both; NaN if it was not.
    fee_micros : int
        Fees and impact of all fills of the roll.
    slippage_micros : int
        What slippage and half-spread took.
    closed_trade, opened_trade : int
        Trades that the roll ended and began, for `argus trace`; -1 if none.
    """

    root: str
    from_symbol: str
    to_symbol: str
    session: str
    reason: str
    closed_lots: int
    opened_lots: int
    closed_ns: int
    opened_ns: int
    from_price: float
    to_price: float
    spread: float
    gap: float
    fee_micros: int
    slippage_micros: int
    closed_trade: int
    opened_trade: int

    @property
    def cost_micros(self) -> int:
        """Fees, impact and slippage together."""
        return self.fee_micros + self.slippage_micros

    def as_dict(self) -> dict[str, Any]:
        """Plain values; times also as text, money in units of the currency."""
        plain = asdict(self)
        for name in ("closed", "opened"):
            ts_ns = plain.pop(f"{name}_ns")
            plain[f"{name}_at"] = format_ns(ts_ns) if ts_ns else None
        for name in ("fee", "slippage"):
            plain[name] = plain.pop(f"{name}_micros") / 1e6
        plain["cost"] = self.cost_micros / 1e6
        return plain


def rolls_traded(record: RunRecord, roots: Sequence[RolledRoot]) -> tuple[RollTraded, ...]:
    """Every roll that fell into a run, in order of time, whether anything was held or not.

    Parameters
    ----------
    record : RunRecord
        Of `argus.engine.rolling.run_rolled`.
    roots : sequence of RolledRoot
        Those that it traded.
    """
    found = [roll for root in roots for roll in _of_root(record, root)]
    return tuple(sorted(found, key=lambda roll: (roll.session, roll.root)))


@dataclass(frozen=True, slots=True)
class _Side:
    """Fills of one contract's side of a roll, together."""

    lots: int = 0
    ts_ns: int = 0
    price: float = float("nan")
    fee_micros: int = 0
    slippage_micros: int = 0
    trade: int = -1


def _of_root(record: RunRecord, root: RolledRoot) -> Iterator[RollTraded]:
    line_of = {symbol: line for line, symbol in enumerate(record.universe)}
    begins = int(record.equity_ts_ns[0]) if len(record.equity_ts_ns) else 0
    for roll, splice in zip(root.schedule.rolls, root.series.splices, strict=True):
        if roll.effective_ns < begins:
            continue
        tags = (roll_to(roll.to_symbol), roll_from(roll.from_symbol))
        closed = _side(record, root, line_of[roll.from_symbol], tags[0], "exit_fill")
        opened = _side(record, root, line_of[roll.to_symbol], tags[1], "entry_fill")
        yield RollTraded(
            root=root.symbol,
            from_symbol=roll.from_symbol,
            to_symbol=roll.to_symbol,
            session=roll.session.isoformat(),
            reason=roll.reason.value,
            closed_lots=closed.lots,
            opened_lots=opened.lots,
            closed_ns=closed.ts_ns,
            opened_ns=opened.ts_ns,
            from_price=closed.price,
            to_price=opened.price,
            spread=opened.price - closed.price,
            gap=splice.to_close - splice.from_close,
            fee_micros=closed.fee_micros + opened.fee_micros,
            slippage_micros=closed.slippage_micros + opened.slippage_micros,
            closed_trade=closed.trade,
            opened_trade=opened.trade,
        )


def _side(record: RunRecord, root: RolledRoot, line: int, tag: str, end: str) -> _Side:
    orders = [at for at in np.flatnonzero(record.orders["instrument"] == line).tolist() if record.order_tags[at] == tag]
    rows = np.flatnonzero(np.isin(record.fills["order_id"], orders))
    if not len(rows):
        return _Side()
    fills: NDArray[np.void] = record.fills[rows]
    lots = int(fills["signed_lots"].sum())
    ticks = float((fills["signed_lots"] * fills["price_ticks"]).sum()) / lots
    worse = (fills["price_ticks"] - fills["base_ticks"]) * fills["signed_lots"]
    ends = np.flatnonzero((record.trades["instrument"] == line) & np.isin(record.trades[end], rows))
    return _Side(
        lots=lots,
        ts_ns=int(fills["ts_event_ns"][-1]),
        price=ticks * float(root.spec.tick_size),
        fee_micros=int(fills["fee_micros"].sum() + fills["impact_micros"].sum()),
        slippage_micros=round(float(worse.sum()) * float(root.spec.value_micros_per_tick_lot)),
        trade=int(ends[0]) if len(ends) else -1,
    )


def with_series(trace: Trace, strategy: RolledStrategy, data_latency_ns: int = 0) -> Trace:
    """A trace of a rolled run with what the strategy saw: the series and its features, beside the contracts concerned.

    Parameters
    ----------
    trace : Trace
    strategy : RolledStrategy
        That of the run, made again.
    data_latency_ns : int
        That of the run.
    """
    fills = []
    for step in trace.fills:
        decision = step.decision
        if decision is not None:
            concerned = {trace.instrument, *(symbol for symbol in step.order.tag.split() if "." in symbol)}
            known_ns = decision.ts_ns - data_latency_ns
            decision = replace(
                decision,
                bars=(
                    *(bar for bar in decision.bars if bar.instrument in concerned),
                    *(seen for root in strategy.roots for seen in _seen(root, known_ns)),
                ),
                features=_features_seen(strategy, known_ns),
            )
        fills.append(replace(step, decision=decision))
    return replace(trace, fills=tuple(fills))


def _row_known(bars: Bars, known_ns: int) -> int:
    return int(np.searchsorted(bars.ts_recv_ns, known_ns, side="right")) - 1


def _seen(root: RolledRoot, known_ns: int) -> Iterator[SeenBar]:
    """The last known bar of a root's series."""
    bars = root.series.bars
    row = _row_known(bars, known_ns)
    if row >= 0:
        yield SeenBar(
            instrument=f"{root.symbol} {root.series.adjustment.value} series",
            row=row,
            session=day_of(int(bars.session[row])).isoformat(),
            ts_event_ns=int(bars.ts_event_ns[row]),
            ts_close_ns=int(bars.ts_close_ns[row]),
            ts_recv_ns=int(bars.ts_recv_ns[row]),
            open=float(bars.open[row]),
            high=float(bars.high[row]),
            low=float(bars.low[row]),
            close=float(bars.close[row]),
            volume=float(bars.volume[row]),
        )


def _features_seen(strategy: RolledStrategy, known_ns: int) -> tuple[FeatureSeen, ...]:
    columns = strategy.feature_columns()
    seen = []
    for ref in strategy.strategy.spec.features:
        root, column = columns[ref.alias]
        row = _row_known(root.series.bars, known_ns)
        value = float(column[row]) if row >= 0 else float("nan")
        seen.append(FeatureSeen(ref.alias, ref.feature, ref.instrument, dict(ref.parameters), value))
    return tuple(seen)
