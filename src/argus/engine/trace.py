"""One trade from end to end: what was known, what was decided, what was ordered, which bar filled it and at what price.

A number nobody can follow is a number nobody should trust. The trace takes a trade of a recorded run and works out
every step of it again, in exact arithmetic, from the bars, the instrument and the run's settings. It then compares with
what the engine recorded: a difference of one micro-unit anywhere is an error, not a footnote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, LedgerError, LookAheadError, RunError
from argus.core.instruments import InstrumentSpec
from argus.core.market_events import FinalSettlement
from argus.core.money import format_micros
from argus.core.orders import LIMITED, FillRule, OrderType, Reason, Side, TimeInForce
from argus.core.ports import Strategy
from argus.core.time import day_of, format_ns
from argus.engine._trace_books import (
    EVENT_RULES,
    LineBooks,
    Part,
    check_data,
    lines_of,
    match_ledger,
    must_equal,
)
from argus.engine._trace_currency import account_result, in_own_currency
from argus.engine._trace_quotes import QUOTE_SENTENCES, quote_price, quote_triggers
from argus.engine._trace_rules import (
    RULE_SENTENCES,
    PriceBasis,
    TrailingTrigger,
    decimal_text,
    ended_text,
    mark_ticks,
    trailing_triggers,
)
from argus.engine._trace_steps import (
    CarryStep,
    DecisionStep,
    FeatureSeen,
    FeeStep,
    FillStep,
    LedgerLine,
    OrderStep,
    PriceStep,
    SeenBar,
    SeenQuote,
    SettlementStep,
    Trace,
)
from argus.engine.feature_columns import feature_column
from argus.engine.market import NO_EVENTS, NOT_FINER, Events, Finer
from argus.engine.quoted import QuoteRows, meet
from argus.engine.record import ORDER_DTYPE, RunRecord

__all__ = [
    "CarryStep",
    "DecisionStep",
    "FeatureSeen",
    "FeeStep",
    "FillStep",
    "LedgerLine",
    "OrderStep",
    "PriceStep",
    "SeenBar",
    "SeenQuote",
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
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
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
    events : mapping
        The run's events of instruments; with them dividends, funding and final prices are worked out again too.
    finer : mapping
        Symbol to the finer bars or quotes that the run's orders met, if it had any.

    Raises
    ------
    RunError
        If the run made no trade.
    ConfigError
        If there is no such trade.
    DataError
        If `market` or `finer` does not hold the bars that the run was made on.
    LookAheadError
        If a fill used a bar that began before its order arrived.
    LedgerError
        If a price, fee, ledger line, settlement or the trade's result is not what the rules give.
    """
    trade_id, chosen = _choose(record, trade_id)
    check_data(record, market, finer)
    met = {
        symbol: (spec, meet(bars, finer[symbol], spec.tick_size)[0] if symbol in finer else bars)
        for symbol, (spec, bars) in market.items()
    }
    code = int(record.trades["instrument"][trade_id])
    record, converter = in_own_currency(record, met, code)
    books = LineBooks(record, met, code, events, converter)
    return _Tracer(record, market, strategy, books).trace(trade_id, chosen)


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


class _Tracer:
    """One instrument of a run, with what is needed to go through its fills again."""

    def __init__(
        self,
        record: RunRecord,
        market: Mapping[str, tuple[InstrumentSpec, Bars]],
        strategy: Strategy | None,
        books: LineBooks,
    ) -> None:
        self.record, self.market, self.strategy, self.books = record, market, strategy, books
        self.spec, self.bars, self.contract = books.spec, books.bars, books.contract
        self.fill_ids = books.fill_ids
        self._columns: dict[str, Any] = {}

    def trace(self, trade_id: int, chosen: str) -> Trace:
        """The whole trade, checked."""
        trade = self.record.trades[trade_id]
        parts = self.parts(int(trade["entry_fill"]))
        fills = tuple(self.fill_step(part) for part in parts)
        settlements = self.books.settlements(parts)
        carries = self.books.carries(parts)
        carry = sum(step.amount_micros for step in carries)
        open_lots = parts[-1].position_after
        mark = self.books.mark_at(len(self.bars) - 1, self.books.end_ns) if open_lots else None
        marked = 0 if mark is None else self.contract.value(open_lots, mark)
        traded = [part for part in parts if not part.is_split]
        bought = sum(part.value for part in traded if part.lots > 0)
        sold = -sum(part.value for part in traded if part.lots < 0)
        split_cash = -sum(part.value for part in parts if part.is_split)
        gross, fee = sold - bought + split_cash + marked, sum(part.fee for part in parts)
        net = gross - fee + carry
        run_id = self.record.manifest.run_id
        where = f"trade {trade_id} of run {run_id}"
        settled = sum(step.gain_micros for step in settlements)
        must_equal(where, "the sum of its settlements", settled, gross, "its gross result")
        in_account = None
        results = {"gross": gross, "fee": fee, "carry": carry, "net": net}
        if self.books.converter is not None:
            in_account = account_result(self.books, parts, gross, carries)
            results = {name: getattr(in_account, f"{name}_micros") for name in results}
        for name, found in results.items():
            must_equal(where, f"its {name} worked out again", found, int(trade[f"{name}_micros"]), "the record")
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
            net_micros=net,
            recorded_net_micros=int(trade["net_micros"]),
            split_cash_micros=split_cash,
            carry_micros=carry,
            carries=carries,
            in_account=in_account,
        )

    # ---- the fills of the trade

    def parts(self, entry_fill: int) -> tuple[Part, ...]:
        """The trade that fill `entry_fill` opened, its first and last fill cut where they turned the position."""
        parts: list[Part] = []
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
            is_split = int(fill["rule"]) == FillRule.SPLIT
            parts.append(Part(fill_id, lots, value, fee, position, position + lots, turned, is_split))
            position += lots
            if position == 0:
                break
        return tuple(parts)

    def fill_step(self, part: Part) -> FillStep:
        """Everything about one fill, checked."""
        fill = self.record.fills[part.fill_id]
        bar = self.bar(min(int(fill["row"]), len(self.bars) - 1))
        rule = FillRule(int(fill["rule"]))
        ledger = lines_of(self.record.journal[self.record.journal["fill_id"] == part.fill_id])
        decision = None
        if rule in EVENT_RULES:
            order, price, fee = self._event_order(fill, rule), self._event_price(part, rule), _no_fee(part)
        else:
            sent = self.record.orders[fill["order_id"]]
            if sent["ts_arrive_ns"] > bar.ts_event_ns:
                raise LookAheadError(
                    f"fill {part.fill_id}: its order arrived at {format_ns(sent['ts_arrive_ns'])}, after the start of "
                    f"the bar that filled it ({format_ns(bar.ts_event_ns)}); the run cannot be believed"
                )
            order, price, fee = (
                self._order(int(fill["order_id"])),
                self._price(part.fill_id, rule, bar),
                self._fee(part, rule, bar),
            )
            decision = self._decision(int(sent["decision_id"]))
        self._check_ledger(part.fill_id, ledger)
        return FillStep(
            fill_id=part.fill_id,
            role=_role(part, rule),
            ts_ns=int(fill["ts_event_ns"]),
            signed_lots=int(fill["signed_lots"]),
            part_lots=part.lots,
            value_micros=part.value,
            position_lots=part.position_after,
            decision=decision,
            order=order,
            bar=bar,
            rule=rule.name,
            rule_text=(QUOTE_SENTENCES if bar.quote and rule in QUOTE_SENTENCES else RULE_SENTENCES)[rule],
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
            ts_recv_ns=int(bars.ts_recv_ns[row]) + self.books.data_latency_ns,
            open=float(bars.open[row]),
            high=float(bars.high[row]),
            low=float(bars.low[row]),
            close=float(bars.close[row]),
            volume=float(bars.volume[row]),
            quote=SeenQuote(*(float(side[row]) for side in (bars.bid, bars.bid_size, bars.ask, bars.ask_size)))
            if isinstance(bars, QuoteRows)
            else None,
        )

    def _decision(self, decision_id: int) -> DecisionStep | None:
        if decision_id < 0:
            return None
        decision = self.record.decisions[decision_id]
        now = int(decision["ts_ns"])
        known = {
            symbol: int(
                np.searchsorted(self.market[symbol][1].ts_recv_ns, now - self.books.data_latency_ns, side="right")
            )
            - 1
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
        seen = []
        for ref in self.strategy.spec.features:
            if ref.alias not in self._columns:
                self._columns[ref.alias] = feature_column(ref, *self.market[ref.instrument])
            row = known[ref.instrument]
            value = float(self._columns[ref.alias][row]) if row >= 0 else math.nan
            seen.append(FeatureSeen(ref.alias, ref.feature, ref.instrument, dict(ref.parameters), value))
        return tuple(seen)

    def _order(self, order_id: int) -> OrderStep:
        row = self.record.orders[order_id]
        kind = OrderType(int(row["type"]))
        has_limit = kind in LIMITED
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
            ended_text=self._ended_text(row, reason) if unfilled and reason is not Reason.NONE else "",
            trail=self.contract.price_text(int(row["trail_ticks"])) if kind is OrderType.TRAILING_STOP else None,
            expires=format_ns(int(row["expires_ns"])) if row["tif"] == TimeInForce.GTD else None,
            reduce_only=bool(row["reduce_only"]),
            oco_group=int(row["oco_group"]) if row["oco_group"] >= 0 else None,
            parent_id=int(row["parent_id"]) if row["parent_id"] >= 0 else None,
        )

    def _ended_text(self, row: np.void, reason: Reason) -> str:
        columns = {name: int(row[name]) for name in ORDER_DTYPE.names or () if name != "level"}
        return ended_text(reason, columns, self.record.manifest.config.get("halts", {}))

    def _event_order(self, fill: np.void, rule: FillRule) -> OrderStep:
        """What stands in the place of an order for what came with the data."""
        lots, ts = int(fill["signed_lots"]), int(fill["ts_event_ns"])
        return OrderStep(
            order_id=-1,
            type=rule.name,
            side=(Side.BUY if lots > 0 else Side.SELL).name,
            quantity=decimal_text(abs(lots) * self.spec.lot_size),
            quantity_lots=abs(lots),
            filled_lots=abs(lots),
            limit_price=None,
            stop_price=None,
            time_in_force="NONE",
            ts_submit_ns=ts,
            ts_arrive_ns=ts,
            replaces_id=None,
            tag="",
            is_liquidation=False,
            ended="",
        )

    # ---- price, fee and ledger of a fill

    def _price(self, fill_id: int, rule: FillRule, bar: SeenBar) -> PriceStep:
        fill = self.record.fills[fill_id]
        order = self.record.orders[fill["order_id"]]
        side = 1 if fill["signed_lots"] > 0 else -1
        wanted: dict[str, float] = {name: int(order[name]) for name in ("limit_ticks", "stop_ticks")}
        trigger = None
        if order["type"] == OrderType.TRAILING_STOP:
            trigger = self._trigger(fill_id, rule)
            wanted["level"] = trigger.level
        if isinstance(self.bars, QuoteRows):
            basis = quote_price(self.contract, self.bars, bar.row, rule, side, wanted)
        else:
            basis = self.contract.price(
                rule,
                side,
                wanted,
                {name: getattr(bar, name) for name in ("open", "high", "low", "close")},
                bar.row,
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
            arithmetic=self._trail_words(trigger, order, side) + self._price_words(basis, recorded, side, bar.row),
        )

    def _trigger(self, fill_id: int, rule: FillRule) -> TrailingTrigger:
        """How the trailing stop of a fill met its level, found by following the bars again."""
        fill = self.record.fills[fill_id]
        order = self.record.orders[fill["order_id"]]
        arrived, submitted = int(order["ts_arrive_ns"]), int(order["ts_submit_ns"])
        first = int(np.searchsorted(self.bars.ts_event_ns, arrived))
        side, trail, tick = int(order["side"]), int(order["trail_ticks"]), self.spec.tick_size
        if isinstance(self.bars, QuoteRows):
            triggers = quote_triggers(side, trail, self.bars, tick, submitted, arrived)
        else:
            is_sure = int(self.bars.ts_event_ns[first]) != arrived
            triggers = trailing_triggers(side, trail, self.bars, tick, first, is_sure)
        row, rest = int(fill["row"]), rule is FillRule.TRAILING_AT_OPEN
        for found in triggers:
            if found is not None and ((found.row == row and found.rule is rule) or (found.row < row and rest)):
                return found
        raise LedgerError(
            f"fill {fill_id}: rule {rule.name} filled a trailing stop in row {row}, but following the bars from row "
            f"{first} on it triggers {' or '.join(_trigger_text(found) for found in triggers)}; do not believe this run"
        )

    def _trail_words(self, trigger: TrailingTrigger | None, order: np.void, side: int) -> str:
        if trigger is None:
            return ""
        level, trail = Fraction(trigger.level), int(order["trail_ticks"])
        best, sign = ("highest", "−") if side < 0 else ("lowest", "+")
        return (
            f"level {self.contract.price_text(level)} = {best} price seen "
            f"{self.contract.price_text(level - side * trail)} {sign} {self.contract.price_text(trail)}, met in row "
            f"{trigger.row}; "
        )

    def _event_price(self, part: Part, rule: FillRule) -> PriceStep:
        """Price of a split or of a final settlement, checked."""
        fill = self.record.fills[part.fill_id]
        ts, recorded, where = int(fill["ts_event_ns"]), int(fill["price_ticks"]), f"fill {part.fill_id}"
        price = self.contract.price_text(recorded)
        if rule is FillRule.FINAL_SETTLEMENT:
            must_equal(where, "what is left after the settlement", part.position_after, 0, "a settled position")
            for event in self.books.events:
                if isinstance(event, FinalSettlement) and event.ts_ns == ts:
                    given = mark_ticks(event.price, self.spec.tick_size)
                    must_equal(where, "the final price in ticks", recorded, given, "the data")
            words = f"final settlement at {price} = {recorded} ticks of {decimal_text(self.spec.tick_size)}"
            return PriceStep("settlement", price, str(recorded), price, recorded, words)
        ratio = dict(self.books.splits)[ts]
        held, old = part.position_before, self.books.mark_before(ts)
        exact = Fraction(abs(held)) * ratio
        whole = math.floor(exact) * (1 if held > 0 else -1)
        left = (exact - abs(whole)) * (1 if held > 0 else -1)
        cash = round(left / ratio * old * self.spec.value_micros_per_tick_lot)
        must_equal(where, "the position in new lots", part.position_after, whole, "the split")
        must_equal(where, "the cash for the fraction", -part.value, cash, "the split")
        must_equal(where, "the mark in ticks after the split", recorded, round(old / ratio), "the split")
        words = (
            f"{ratio.numerator} new for {ratio.denominator} old: {abs(held):,} lots become {decimal_text(exact)}, of "
            f"which {abs(whole):,} are whole; the fraction is paid {format_micros(cash)} {self.spec.currency} at the "
            f"mark of {self.contract.price_text(old)}; the mark becomes {price}"
        )
        return PriceStep("mark", self.contract.price_text(old), str(old), price, recorded, words)

    def _price_words(self, basis: PriceBasis, price: int, side: int, row: int) -> str:
        tick, contract = decimal_text(self.spec.tick_size), self.contract
        base = f"{basis.base_name} {contract.price_text(basis.base_ticks)}"
        words = f"{base} = {decimal_text(basis.base_ticks)} ticks of {tick}"
        sign = "+" if side > 0 else "−"
        whole = math.floor(contract.adverse_ticks(row))
        if basis.base_name == "limit":
            return f"{words}; no slippage on a limit"
        if basis.capped:
            limit = f"{price} ticks = {contract.price_text(price)}"
            return f"{words}; with slippage worse than the limit, so the limit: {limit}"
        if contract.slippage_rate:
            words += f"; {sign} {decimal_text(contract.slippage_rate)} of it for slippage, rounded against the trader"
        elif basis.base_ticks.denominator != 1:
            words += "; off the tick grid, so rounded against the trader"
        if whole:
            cause = "slippage" if contract.spread is None else "slippage and half-spread"
            words += f"; {sign} {whole} tick{'s' if whole > 1 else ''} {cause}"
        return f"{words} = {price} ticks × {tick} = {contract.price_text(price)}"

    def _fee(self, part: Part, rule: FillRule, bar: SeenBar) -> FeeStep:
        fill = self.record.fills[part.fill_id]
        lots, price = int(fill["signed_lots"]), int(fill["price_ticks"])
        where = f"fill {part.fill_id}"
        value = self.contract.value(lots, price)
        must_equal(where, "the value at its price", value, int(fill["value_micros"]), "the record")
        components = self.contract.fee_components(day_of(int(self.bars.session[bar.row])))
        fee = sum(self.contract.fees(lots, value, components).values())
        impact = self.contract.impact(rule, abs(lots), bar.row)
        must_equal(where, "the fee schedule", fee, int(fill["fee_micros"]), "the record")
        must_equal(where, "the impact fee", impact, int(fill["impact_micros"]), "the record")
        currency = self.spec.currency
        words = self.contract.fee_text(lots, value, components)
        if impact:
            cause = "the fraction of a tick of slippage"
            if self.contract.impact_scale is not None:
                cause = (
                    "market impact"
                    if self.contract.adverse_ticks(bar.row).denominator == 1
                    else f"{cause} and market impact"
                )
            words += f"; + {format_micros(impact)} {currency} for {cause}"
        if part.turned:
            words += (
                f"; the fill turned the position, {abs(part.lots)} of its {abs(lots)} lots are this trade's: "
                f"{format_micros(part.fee)} {currency}"
            )
        sources = {part.source.text + ("" if part.source.verified else " (unverified)"): None for part in components}
        return FeeStep(fee, impact, part.fee, "; ".join(sources) or "no schedule known", words)

    def _check_ledger(self, fill_id: int, ledger: Sequence[LedgerLine]) -> None:
        fill = self.record.fills[fill_id]
        paid = [("FEES", int(fill["fee_micros"])), ("FEES", int(fill["impact_micros"]))]
        expected = []
        if self.contract.is_future:
            expected.append(("POSITION", "CLEARING", int(fill["value_micros"])))
        else:
            paid.insert(0, ("POSITION", int(fill["value_micros"])))
        converter, ts = self.books.converter, int(fill["ts_event_ns"])
        for account, amount in paid:
            expected += [(account, "CASH", amount)] if converter is None else converter.entries(account, amount, ts)
        gain = self.books.realised.get(fill_id, 0)
        if converter is not None and gain:
            expected += [("POSITION", "PNL", gain), *converter.entries("CLEARING", -gain, ts)]
        match_ledger(f"fill {fill_id}", ledger, expected)


def _no_fee(part: Part) -> FeeStep:
    return FeeStep(0, 0, part.fee, "docs/fills.md, events of an instrument", "no fee falls on it")


def _trigger_text(found: TrailingTrigger | None) -> str:
    return "never" if found is None else f"in row {found.row} by {found.rule.name}"


def _role(part: Part, rule: FillRule) -> str:
    if rule is FillRule.SPLIT:
        return f"splits {abs(part.position_before):,} lots into {abs(part.position_after):,}"
    if rule is FillRule.FINAL_SETTLEMENT:
        return "is settled for good"
    if part.position_before == 0:
        return "opens (the rest of a fill that turned the position)" if part.turned else "opens"
    if part.position_after == 0:
        return "closes (part of a fill that turned the position)" if part.turned else "closes"
    return "adds" if part.position_before * part.lots > 0 else "reduces"
