"""One trade from end to end: what was known, what was decided, what was ordered, which bar filled it and at what price.

A number nobody can follow is a number nobody should trust. The trace takes a trade of a recorded run and works out
every step of it again, in exact arithmetic, from the bars, the instrument and the run's settings. It then compares with
what the engine recorded: a difference of one micro-unit anywhere is an error, not a footnote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, DataError, LedgerError, LookAheadError, RunError
from argus.core.instruments import InstrumentSpec
from argus.core.money import format_micros
from argus.core.orders import FillRule, OrderType, Reason, Side, TimeInForce
from argus.core.ports import Strategy
from argus.core.time import day_of, format_ns
from argus.engine._trace_rules import RULE_SENTENCES, Contract, decimal_text, mark_ticks
from argus.engine._trace_steps import (
    DecisionStep,
    FeatureSeen,
    FeeStep,
    FillStep,
    LedgerLine,
    OrderStep,
    PriceStep,
    SeenBar,
    SettlementStep,
    Trace,
)
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord

__all__ = [
    "DecisionStep",
    "FeatureSeen",
    "FeeStep",
    "FillStep",
    "LedgerLine",
    "OrderStep",
    "PriceStep",
    "SeenBar",
    "SettlementStep",
    "Trace",
    "trace_trade",
]

_KINDS: Final = ("woken", "told of a fill")


def trace_trade(
    record: RunRecord,
    market: Mapping[str, tuple[InstrumentSpec, Bars]],
    trade_id: int | None = None,
    strategy: Strategy | None = None,
) -> Trace:
    """Work a trade out again from prices, and prove that it is what the run recorded.

    Parameters
    ----------
    record : RunRecord
    market : mapping
        Symbol to (specification, bars): the data of the run.
    trade_id : int or None
        Position in ``record.trades``; None takes the trade whose net result is largest, gain or loss.
    strategy : Strategy or None
        The run's strategy; with it the trace shows the features it read.

    Raises
    ------
    RunError
        If the run made no trade.
    ConfigError
        If there is no such trade.
    DataError
        If `market` does not hold the bars that the run was made on.
    LookAheadError
        If a fill used a bar that began before its order arrived.
    LedgerError
        If a price, fee, ledger line, settlement or the trade's result is not what the rules give.
    """
    trade_id, chosen = _choose(record, trade_id)
    _check_data(record, market)
    return _Tracer(record, market, int(record.trades["instrument"][trade_id]), strategy).trace(trade_id, chosen)


def _choose(record: RunRecord, trade_id: int | None) -> tuple[int, str]:
    count = len(record.trades)
    if count == 0:
        raise RunError(
            f"run {record.manifest.run_id} made no trade: there is nothing to trace "
            f"({len(record.orders)} orders were sent, {len(record.refusals)} refused by the risk policy)"
        )
    if trade_id is None:
        return int(np.argmax(np.abs(record.trades["net_micros"]))), "the trade that contributed most, gain or loss"
    if not 0 <= trade_id < count:
        raise ConfigError(f"trade {trade_id} does not exist: run {record.manifest.run_id} has trades 0 to {count - 1}")
    return int(trade_id), "asked for"


def _check_data(record: RunRecord, market: Mapping[str, tuple[InstrumentSpec, Bars]]) -> None:
    for symbol in record.universe:
        if symbol not in market:
            raise DataError(f"{symbol}: the run traded on its bars, which were not given; pass the data of the run")
        expected, found = record.manifest.data[symbol]["content_hash"], market[symbol][1].content_hash
        if expected != found:
            raise DataError(
                f"{symbol}: the run was made on bars with content hash {expected[:12]}, these have {found[:12]}; "
                "import the original data again, or repeat the run on these"
            )


def _must_equal(where: str, name: str, found: int, expected: int, other: str) -> None:
    if found != expected:
        raise LedgerError(
            f"{where}: {name} gives {format_micros(found)} and {other} {format_micros(expected)}, a difference of "
            f"{found - expected} micro-units; do not believe this run, and report it with its manifest"
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a fill belongs to the trade, signed; positions are the trade's."""

    fill_id: int
    lots: int
    value: int
    fee: int
    position_before: int
    position_after: int
    turned: bool


class _Tracer:
    """One instrument of a run, with what is needed to go through its fills again."""

    def __init__(
        self,
        record: RunRecord,
        market: Mapping[str, tuple[InstrumentSpec, Bars]],
        code: int,
        strategy: Strategy | None,
    ) -> None:
        self.record, self.market, self.strategy = record, market, strategy
        self.code = code
        self.spec, self.bars = market[record.universe[code]]
        self.contract = Contract(self.spec, record.manifest.config["costs"])
        self.fill_ids = np.flatnonzero(record.fills["instrument"] == code)
        self.fills = record.fills[self.fill_ids]
        journal = record.journal
        self.settled = journal[(journal["fill_id"] == -1) & (journal["instrument"] == code)]
        rows = np.arange(len(self.bars))
        self.marked_row = np.maximum.accumulate(np.where(np.isnan(self.bars.close), -1, rows))
        self._columns: dict[str, Any] = {}

    def trace(self, trade_id: int, chosen: str) -> Trace:
        """The whole trade, checked."""
        trade = self.record.trades[trade_id]
        parts = self.parts(int(trade["entry_fill"]))
        fills = tuple(self.fill_step(part) for part in parts)
        settlements = self.settlements(parts)
        open_lots = parts[-1].position_after
        mark = self.mark_at(len(self.bars) - 1) if open_lots else None
        marked = 0 if mark is None else self.contract.value(open_lots, mark)
        bought = sum(part.value for part in parts if part.lots > 0)
        sold = -sum(part.value for part in parts if part.lots < 0)
        gross, fee = sold - bought + marked, sum(part.fee for part in parts)
        run_id = self.record.manifest.run_id
        where = f"trade {trade_id} of run {run_id}"
        settled = sum(step.gain_micros for step in settlements)
        _must_equal(where, "the sum of its settlements", settled, gross, "its gross result")
        for name, found in (("gross", gross), ("fee", fee), ("net", gross - fee)):
            _must_equal(where, f"its {name} worked out again", found, int(trade[f"{name}_micros"]), "the record")
        spec = self.spec
        return Trace(
            run_id=run_id,
            strategy=str(self.record.manifest.strategy["name"]),
            trade_id=trade_id,
            chosen=chosen,
            instrument=spec.symbol,
            name=spec.name,
            kind=spec.kind.value,
            currency=spec.currency,
            tick_size=decimal_text(spec.tick_size),
            lot_size=decimal_text(spec.lot_size),
            multiplier=decimal_text(spec.multiplier),
            tick_value_micros=decimal_text(spec.value_micros_per_tick_lot),
            direction="long" if trade["direction"] > 0 else "short",
            is_open=bool(trade["is_open"]),
            entry_ts_ns=int(trade["entry_ts_ns"]),
            exit_ts_ns=int(trade["exit_ts_ns"]),
            bars=int(trade["bars"]),
            lots_max=int(trade["lots_max"]),
            mae_micros=int(trade["mae_micros"]),
            mfe_micros=int(trade["mfe_micros"]),
            fills=fills,
            settlements=settlements,
            mark=None if mark is None else self.contract.price_text(mark),
            bought_micros=bought,
            sold_micros=sold,
            marked_micros=marked,
            gross_micros=gross,
            fee_micros=fee,
            net_micros=gross - fee,
            recorded_net_micros=int(trade["net_micros"]),
        )

    # ---- the fills of the trade

    def parts(self, entry_fill: int) -> tuple[_Part, ...]:
        """The trade that fill `entry_fill` opened, its first and last fill cut where they turned the position."""
        parts: list[_Part] = []
        position = 0
        for fill_id in self.fill_ids[np.searchsorted(self.fill_ids, entry_fill) :].tolist():
            fill = self.record.fills[fill_id]
            lots, value = int(fill["signed_lots"]), int(fill["value_micros"])
            fee = int(fill["fee_micros"] + fill["impact_micros"])
            before = int(fill["position_after_lots"]) - lots
            closing = max(-abs(lots), min(abs(lots), -before)) if before * lots < 0 else 0
            turned = closing not in (0, lots)
            closing_value = self.contract.value(closing, int(fill["price_ticks"])) if turned else value
            closing_fee = round(Fraction(fee * abs(closing), abs(lots))) if turned else fee
            if turned and fill_id == entry_fill:
                lots, value, fee = lots - closing, value - closing_value, fee - closing_fee
            elif turned:
                lots, value, fee = closing, closing_value, closing_fee
            parts.append(_Part(fill_id, lots, value, fee, position, position + lots, turned))
            position += lots
            if position == 0:
                break
        return tuple(parts)

    def fill_step(self, part: _Part) -> FillStep:
        """Everything about one fill, checked."""
        fill = self.record.fills[part.fill_id]
        order = self.record.orders[fill["order_id"]]
        bar = self.bar(int(fill["row"]))
        rule = FillRule(int(fill["rule"]))
        if order["ts_arrive_ns"] > bar.ts_event_ns:
            raise LookAheadError(
                f"fill {part.fill_id}: its order arrived at {format_ns(order['ts_arrive_ns'])}, after the start of the "
                f"bar that filled it ({format_ns(bar.ts_event_ns)}); the run cannot be believed"
            )
        price = self._price(part.fill_id, rule, bar)
        fee = self._fee(part, rule, bar)
        ledger = _lines(self.record.journal[self.record.journal["fill_id"] == part.fill_id])
        self._check_ledger(part.fill_id, ledger)
        return FillStep(
            fill_id=part.fill_id,
            role=_role(part),
            ts_ns=int(fill["ts_event_ns"]),
            signed_lots=int(fill["signed_lots"]),
            part_lots=part.lots,
            value_micros=part.value,
            position_lots=part.position_after,
            decision=self._decision(int(order["decision_id"])),
            order=self._order(int(fill["order_id"])),
            bar=bar,
            rule=rule.name,
            rule_text=RULE_SENTENCES[rule],
            price=price,
            fee=fee,
            ledger=ledger,
        )

    def bar(self, row: int, symbol: str | None = None) -> SeenBar:
        """A row of bars as plain values."""
        bars = self.bars if symbol is None else self.market[symbol][1]
        return SeenBar(
            instrument=self.spec.symbol if symbol is None else symbol,
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

    def _decision(self, decision_id: int) -> DecisionStep | None:
        if decision_id < 0:
            return None
        decision = self.record.decisions[decision_id]
        now = int(decision["ts_ns"])
        known = {
            symbol: int(np.searchsorted(self.market[symbol][1].ts_recv_ns, now, side="right")) - 1
            for symbol in self.record.universe
        }
        return DecisionStep(
            decision_id=decision_id,
            ts_ns=now,
            kind=_KINDS[int(decision["kind"])],
            bars=tuple(self.bar(row, symbol) for symbol, row in known.items() if row >= 0),
            features=self._features(known),
        )

    def _features(self, known: Mapping[str, int]) -> tuple[FeatureSeen, ...]:
        if self.strategy is None or not self.strategy.spec.features:
            return ()
        from argus.features import compute

        seen = []
        for ref in self.strategy.spec.features:
            if ref.alias not in self._columns:
                self._columns[ref.alias] = compute(ref, self.market[ref.instrument][1])
            row = known[ref.instrument]
            value = float(self._columns[ref.alias][row]) if row >= 0 else math.nan
            seen.append(FeatureSeen(ref.alias, ref.feature, ref.instrument, dict(ref.parameters), value))
        return tuple(seen)

    def _order(self, order_id: int) -> OrderStep:
        row = self.record.orders[order_id]
        kind = OrderType(int(row["type"]))
        has_limit = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        has_stop = kind in (OrderType.STOP, OrderType.STOP_LIMIT)
        reason = Reason(int(row["reason"]))
        unfilled = row["filled_lots"] < row["quantity_lots"]
        return OrderStep(
            order_id=order_id,
            type=kind.name,
            side=Side(int(row["side"])).name,
            quantity=decimal_text(int(row["quantity_lots"]) * self.spec.lot_size),
            quantity_lots=int(row["quantity_lots"]),
            filled_lots=int(row["filled_lots"]),
            limit_price=self.contract.price_text(int(row["limit_ticks"])) if has_limit else None,
            stop_price=self.contract.price_text(int(row["stop_ticks"])) if has_stop else None,
            time_in_force=TimeInForce(int(row["tif"])).name,
            ts_submit_ns=int(row["ts_submit_ns"]),
            ts_arrive_ns=int(row["ts_arrive_ns"]),
            replaces_id=int(row["replaces_id"]) if row["replaces_id"] >= 0 else None,
            tag=self.record.order_tags[order_id],
            is_liquidation=bool(row["liquidation"]),
            ended=reason.name if unfilled and reason is not Reason.NONE else "",
        )

    # ---- price, fee and ledger of a fill

    def _price(self, fill_id: int, rule: FillRule, bar: SeenBar) -> PriceStep:
        fill = self.record.fills[fill_id]
        order = self.record.orders[fill["order_id"]]
        side = 1 if fill["signed_lots"] > 0 else -1
        basis = self.contract.price(
            rule,
            side,
            {name: int(order[name]) for name in ("limit_ticks", "stop_ticks")},
            {name: getattr(bar, name) for name in ("open", "high", "low", "close")},
            at_open=int(fill["ts_event_ns"]) == bar.ts_event_ns,
        )
        recorded = int(fill["price_ticks"])
        if basis.price_ticks != recorded or abs(basis.base_ticks - Fraction(float(fill["base_ticks"]))) > Fraction(
            1, 10**6
        ):
            raise LedgerError(
                f"fill {fill_id}: rule {rule.name} gives {basis.price_ticks} ticks from {float(basis.base_ticks)}, "
                f"the record says {recorded} from {float(fill['base_ticks'])}; do not believe this run"
            )
        return PriceStep(
            base=basis.base_name,
            base_price=self.contract.price_text(basis.base_ticks),
            base_ticks=decimal_text(basis.base_ticks),
            price=self.contract.price_text(recorded),
            price_ticks=recorded,
            arithmetic=self._price_words(basis.base_name, basis.base_ticks, recorded, side, basis.capped),
        )

    def _price_words(self, base: str, base_ticks: Fraction, price: int, side: int, capped: bool) -> str:
        tick = decimal_text(self.spec.tick_size)
        words = f"{base} {self.contract.price_text(base_ticks)} = {decimal_text(base_ticks)} ticks of {tick}"
        sign = "+" if side > 0 else "−"
        whole = math.floor(self.contract.slippage_ticks)
        if base == "limit":
            return f"{words}; no slippage on a limit"
        if capped:
            limit = f"{price} ticks = {self.contract.price_text(price)}"
            return f"{words}; with slippage worse than the limit, so the limit: {limit}"
        if self.contract.slippage_rate:
            words += (
                f"; {sign} {decimal_text(self.contract.slippage_rate)} of it for slippage, rounded against the trader"
            )
        elif base_ticks.denominator != 1:
            words += "; off the tick grid, so rounded against the trader"
        if whole:
            words += f"; {sign} {whole} tick{'s' if whole > 1 else ''} slippage"
        return f"{words} = {price} ticks × {tick} = {self.contract.price_text(price)}"

    def _fee(self, part: _Part, rule: FillRule, bar: SeenBar) -> FeeStep:
        fill = self.record.fills[part.fill_id]
        lots, price = int(fill["signed_lots"]), int(fill["price_ticks"])
        where = f"fill {part.fill_id}"
        value = self.contract.value(lots, price)
        _must_equal(where, "the value at its price", value, int(fill["value_micros"]), "the record")
        terms = self.contract.fee_terms(day_of(int(self.bars.session[bar.row])))
        fee, impact = self.contract.fee(abs(lots), value, terms), self.contract.impact(rule, abs(lots))
        _must_equal(where, "the fee schedule", fee, int(fill["fee_micros"]), "the record")
        _must_equal(where, "the impact fee", impact, int(fill["impact_micros"]), "the record")
        currency = self.spec.currency
        units = decimal_text(abs(lots) * self.spec.lot_size)
        terms_text = []
        if terms.per_unit or not terms.rate:
            terms_text.append(f"{decimal_text(terms.per_unit)} {currency} × {units} unit{'' if units == '1' else 's'}")
        if terms.rate:
            terms_text.append(f"{decimal_text(terms.rate)} × {format_micros(abs(value))} {currency}")
        words = " + ".join(terms_text)
        if self.contract.multiplier != 1:
            words = f"{decimal_text(self.contract.multiplier)} × ({words})"
        words += f" = {format_micros(fee)} {currency}"
        if terms.minimum:
            words += f", at least {decimal_text(terms.minimum * self.contract.multiplier)}"
        if impact:
            words += f"; + {format_micros(impact)} {currency} for the fraction of a tick of slippage"
        if part.turned:
            words += (
                f"; the fill turned the position, {abs(part.lots)} of its {abs(lots)} lots are this trade's: "
                f"{format_micros(part.fee)} {currency}"
            )
        return FeeStep(fee, impact, part.fee, terms.source, words)

    def _check_ledger(self, fill_id: int, ledger: Sequence[LedgerLine]) -> None:
        fill = self.record.fills[fill_id]
        expected = [
            ("POSITION", "CLEARING" if self.contract.is_future else "CASH", int(fill["value_micros"])),
            ("FEES", "CASH", int(fill["fee_micros"])),
            ("FEES", "CASH", int(fill["impact_micros"])),
        ]
        _match_ledger(f"fill {fill_id}", ledger, expected)

    # ---- settlements

    def mark_at(self, row: int) -> int:
        """Mark in ticks after the close of `row`: the last known close, or before any the last fill's price."""
        if self.marked_row[row] >= 0:
            return mark_ticks(float(self.bars.close[self.marked_row[row]]), self.spec.tick_size)
        return int(self.fills["price_ticks"][np.searchsorted(self.fills["row"], row, side="right") - 1])

    def settlements(self, parts: Sequence[_Part]) -> tuple[SettlementStep, ...]:
        """Settlements from the entry's session to the exit's, each with this trade's share of the gain."""
        bars = self.bars
        rows = self.record.fills["row"]
        ends = np.flatnonzero(bars.session_end | np.append(bars.session[1:] != bars.session[:-1], True))
        first = int(np.searchsorted(ends, rows[parts[0].fill_id]))
        last = len(ends) - 1
        if parts[-1].position_after == 0:
            last = int(np.searchsorted(ends, rows[parts[-1].fill_id]))
        flow, position, at = 0, 0, 0
        gained_before, instrument_before = 0, self._instrument_gain(int(ends[first - 1])) if first else 0
        steps = []
        for end in ends[first : last + 1].tolist():
            while at < len(parts) and rows[parts[at].fill_id] <= end:
                flow, position = flow - parts[at].value, parts[at].position_after
                at += 1
            mark = self.mark_at(end)
            gained = flow + self.contract.value(position, mark)
            instrument_gained = self._instrument_gain(end)
            step = self._settlement(end, mark, position, gained - gained_before, instrument_gained - instrument_before)
            gained_before, instrument_before = gained, instrument_gained
            steps.append(step)
        return tuple(steps)

    def _instrument_gain(self, row: int) -> int:
        """Gain of all trades in the instrument from the start of the run to the close of `row`, before fees."""
        fills = self.fills[: np.searchsorted(self.fills["row"], row, side="right")]
        position = int(fills["signed_lots"].sum())
        value = self.contract.value(position, self.mark_at(row)) if position else 0
        return value - int(fills["value_micros"].sum())

    def _settlement(self, row: int, mark: int, position: int, gain: int, instrument_gain: int) -> SettlementStep:
        bars = self.bars
        if bars.session_end[row]:
            ts = int(bars.ts_close_ns[row])
        elif row + 1 < len(bars):
            ts = int(bars.ts_event_ns[row + 1])
        else:
            ts = max(int(self.market[symbol][1].ts_recv_ns[-1]) for symbol in self.record.universe)
        begin, end = np.searchsorted(self.settled["ts_ns"], (ts, ts + 1))
        ledger = _lines(self.settled[begin:end])
        expected = [("POSITION", "PNL", instrument_gain)]
        if self.contract.is_future:
            expected.append(("CASH", "CLEARING", instrument_gain))
        session = day_of(int(bars.session[row])).isoformat()
        _match_ledger(f"settlement of {self.spec.symbol} on {session}", ledger, expected)
        return SettlementStep(
            session, ts, self.contract.price_text(mark), position, gain, instrument_gain - gain, ledger
        )


def _role(part: _Part) -> str:
    if part.position_before == 0:
        return "opens (the rest of a fill that turned the position)" if part.turned else "opens"
    if part.position_after == 0:
        return "closes (part of a fill that turned the position)" if part.turned else "closes"
    return "adds" if part.position_before * part.lots > 0 else "reduces"


def _lines(journal: NDArray[np.void]) -> tuple[LedgerLine, ...]:
    return tuple(
        LedgerLine(
            int(line["ts_ns"]),
            JOURNAL_ACCOUNTS[line["debit"]],
            JOURNAL_ACCOUNTS[line["credit"]],
            int(line["amount_micros"]),
        )
        for line in journal
    )


def _match_ledger(where: str, ledger: Sequence[LedgerLine], expected: Sequence[tuple[str, str, int]]) -> None:
    """Raise `LedgerError` unless the lines are those expected; a negative amount is the entry the other way round."""
    wanted = [
        (debit, credit, amount) if amount > 0 else (credit, debit, -amount)
        for debit, credit, amount in expected
        if amount
    ]
    found = [(line.debit, line.credit, line.amount_micros) for line in ledger]
    if found != wanted:
        raise LedgerError(f"{where}: the journal holds {found}, the rules give {wanted}; do not believe this run")
