"""The same case in both engines, and the first thing in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Cancel as CancelIntent
from argus.core.intents import Intent, OrderRequest
from argus.core.intents import Replace as ReplaceIntent
from argus.core.orders import Fill, FillRule, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import StrategyConstraints, StrategySpec, WakeRule
from argus.engine.config import AccountConfig, AccountKind, CostModel, FillRules, RunConfig
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from argus.engine.replay import run
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.oracle.account import Trade, average
from tests.oracle.engine import OracleResult, simulate
from tests.oracle.world import Action, Replace, Script, Settings, Submit, Ticket


@dataclass(frozen=True, eq=False)
class Case:
    """A market, a script and the rules: all that both engines are given."""

    seed: int
    specs: Mapping[str, InstrumentSpec]
    bars: Mapping[str, Bars]
    script: Script
    settings: Settings

    @property
    def universe(self) -> tuple[str, ...]:
        """Instruments in the order of their codes."""
        return tuple(self.bars)

    def under(self, **changes: Any) -> Case:
        """The same case with other settings."""
        return replace(self, settings=replace(self.settings, **changes))


class ScriptStrategy:
    """Plays a script through the Strategy port."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._wakes = 0
        self._fills = 0
        self._sent: set[str] = set()
        settings = case.settings
        self.spec = StrategySpec(
            name="script",
            version="1",
            summary="Plays what is written.",
            source="tests/oracle",
            universe=case.universe,
            wake=WakeRule(settings.wake),
            warmup_bars=settings.warmup,
            parameters=(),
            values={},
            features=(),
            needs=frozenset({"close"}),
            constraints=StrategyConstraints(parameter_count_max=0, turnover_annual_max=1e9),
            wakes_on_fill=settings.wakes_on_fill,
        )

    def wake(self, view: View) -> Sequence[Intent]:
        """The actions of this wake."""
        self._wakes += 1
        return self._intents(self._case.script.wakes.get(self._wakes - 1, ()))

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """The actions after this fill."""
        self._fills += 1
        assert fill.fill_id == self._fills - 1
        return self._intents(self._case.script.fills.get(self._fills - 1, ()))

    def _intents(self, actions: Sequence[Action]) -> list[Intent]:
        intents: list[Intent] = []
        for action in actions:
            if isinstance(action, Submit):
                intents.append(self._request(action.ticket, action.key))
            elif action.key not in self._sent:
                continue
            elif isinstance(action, Replace):
                intents.append(ReplaceIntent(action.key, self._request(action.ticket, action.new_key)))
            else:
                intents.append(CancelIntent(action.key))
        return intents

    def _request(self, ticket: Ticket, key: str) -> OrderRequest:
        self._sent.add(key)
        spec = self._case.specs[ticket.symbol]
        return OrderRequest(
            instrument=ticket.symbol,
            side=Side(ticket.side),
            type=OrderType[ticket.type],
            units=float(ticket.lots * spec.lot_size),
            limit_price=None if ticket.limit is None else float(ticket.limit * spec.tick_size),
            stop_price=None if ticket.stop is None else float(ticket.stop * spec.tick_size),
            time_in_force=TimeInForce[ticket.tif],
            order_key=key,
        )


class TrialList:
    """Trials in memory."""

    def __init__(self) -> None:
        self.trials: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        """Keep it."""
        self.trials.append(trial)


def run_config(settings: Settings) -> RunConfig:
    """The engine's settings for the oracle's."""
    return RunConfig(
        account=AccountConfig(kind=AccountKind(settings.account), cash_micros=settings.cash),
        costs=CostModel(
            fee_per_unit=settings.fee_per_unit,
            fee_rate=settings.fee_rate,
            fee_minimum=settings.fee_minimum,
            slippage_ticks=settings.slippage_ticks,
            slippage_rate=settings.slippage_rate,
            multiplier=settings.multiplier,
        ),
        fills=FillRules(touch=settings.touch, participation=settings.participation),
        latency_ns=settings.latency,
        start_ns=settings.start,
        end_ns=settings.end,
    )


def play_engine(case: Case) -> RunRecord:
    """The case in the engine under test; the risk policy has no limits, so that the account alone refuses."""
    market = {symbol: (case.specs[symbol], case.bars[symbol]) for symbol in case.universe}
    return run(
        ScriptStrategy(case),
        market,
        run_config(case.settings),
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(check_margin=False),
        trials=TrialList(),
    )


def play_oracle(case: Case) -> OracleResult:
    """The case in the oracle."""
    return simulate(case.universe, case.specs, case.bars, case.script, case.settings)


def first_difference(oracle: OracleResult, record: RunRecord) -> str | None:
    """The first thing in which the two differ, in words; None if they agree to the micro-unit."""
    return next(differences(oracle, record), None)


def differences(oracle: OracleResult, record: RunRecord) -> Iterator[str]:
    """Everything in which the two differ: fills first, since the rest follows from them."""
    yield from _rows("fill", _oracle_fills(oracle), _record_fills(record))
    yield from _rows("order", _oracle_orders(oracle), _record_orders(record))
    curve = list(
        zip(record.equity_ts_ns.tolist(), record.cash_micros.tolist(), record.equity_micros.tolist(), strict=True)
    )
    names = ("ts_ns", "cash_micros", "equity_micros")
    yield from _rows(
        "curve point",
        [dict(zip(names, point, strict=True)) for point in oracle.curve],
        [dict(zip(names, point, strict=True)) for point in curve],
    )
    yield from _rows("trade", [_oracle_trade(trade) for trade in oracle.trades], _record_trades(record))
    yield from _rows("settlement", _oracle_settlements(oracle), _record_settlements(record))
    yield from _rows("balance", _oracle_balances(oracle), _record_balances(record))


def _rows(what: str, expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    for i, (left, right) in enumerate(zip(expected, found, strict=False)):
        unequal = {name: (left[name], right[name]) for name in left if not _same(left[name], right[name])}
        if unequal:
            words = ", ".join(f"{name}: oracle {a}, engine {b}" for name, (a, b) in unequal.items())
            yield f"{what} {i}: {words}\n    oracle {left}\n    engine {right}"
    if len(expected) != len(found):
        longer, side = (expected, "oracle") if len(expected) > len(found) else (found, "engine")
        extra = longer[min(len(expected), len(found))]
        yield f"{what}s: oracle has {len(expected)}, engine {len(found)}; first extra of the {side}: {extra}"


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float):
        return bool(abs(left - right) <= 1e-9 * max(1.0, abs(left)))
    return bool(left == right)


def _oracle_fills(oracle: OracleResult) -> list[dict[str, Any]]:
    return [
        {
            "order_id": fill.order_id,
            "instrument": fill.instrument,
            "rule": fill.rule,
            "row": fill.row,
            "ts_event_ns": fill.time,
            "signed_lots": fill.lots,
            "price_ticks": fill.price,
            "value_micros": fill.value,
            "fee_micros": fill.fee,
            "impact_micros": fill.impact,
            "position_after_lots": fill.position_after,
        }
        for fill in oracle.fills
    ]


def _record_fills(record: RunRecord) -> list[dict[str, Any]]:
    return [{**row, "rule": FillRule(row["rule"]).name} for row in _table(record.fills)]


def _oracle_orders(oracle: OracleResult) -> list[dict[str, Any]]:
    return [
        {
            "instrument": order.instrument,
            "side": order.ticket.side,
            "type": order.ticket.type,
            "state": order.state,
            "reason": order.reason,
            "quantity_lots": order.ticket.lots,
            "filled_lots": order.filled,
            "liquidation": int(order.liquidation),
            "replaces_id": -1 if order.replaces is None else order.replaces.order_id,
            "ts_submit_ns": order.submitted,
            "ts_arrive_ns": order.arrives,
            "ts_done_ns": order.done,
            "tif": order.ticket.tif,
            "limit_ticks": order.ticket.limit or 0,
            "stop_ticks": order.ticket.stop or 0,
            "triggered": order.triggered,
            "session": order.session,
        }
        for order in oracle.orders
    ]


def _record_orders(record: RunRecord) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "type": OrderType(row["type"]).name,
            "tif": TimeInForce(row["tif"]).name,
            "triggered": row["triggered"] != 0,
            "session": row["session"] if row["session"] >= 0 else None,
            "state": OrderState(row["state"]).name,
            "reason": Reason(row["reason"]).name,
        }
        for row in _table(record.orders)
    ]


def _oracle_trade(trade: Trade) -> dict[str, Any]:
    return {
        "instrument": trade.instrument,
        "direction": trade.direction,
        "is_open": int(trade.is_open),
        "bars": trade.bars,
        "entry_fill": trade.entry_fill,
        "exit_fill": trade.exit_fill,
        "entry_ts_ns": trade.entry_time,
        "exit_ts_ns": trade.exit_time,
        "lots_max": trade.lots_max,
        "entry_ticks": average(trade.entered),
        "exit_ticks": float(trade.last_mark) if trade.last_mark is not None else average(trade.left),
        "gross_micros": trade.gross,
        "fee_micros": trade.fee,
        "net_micros": trade.net,
        "mae_micros": trade.mae,
        "mfe_micros": trade.mfe,
    }


def _record_trades(record: RunRecord) -> list[dict[str, Any]]:
    return _table(record.trades)


def _oracle_settlements(oracle: OracleResult) -> list[dict[str, Any]]:
    return [{"ts_ns": entry.time, "instrument": entry.instrument, "gain": entry.gain} for entry in oracle.settlements]


def _record_settlements(record: RunRecord) -> list[dict[str, Any]]:
    """Variation margin: journal lines between CASH (0) and CLEARING (2) that belong to no fill."""
    found = []
    for row in _table(record.journal):
        if row["fill_id"] == -1 and {row["debit"], row["credit"]} == {0, 2}:
            gain = row["amount_micros"] if row["debit"] == 0 else -row["amount_micros"]
            found.append({"ts_ns": row["ts_ns"], "instrument": row["instrument"], "gain": gain})
    return found


def _oracle_balances(oracle: OracleResult) -> list[dict[str, Any]]:
    balances = {"CASH": oracle.final_cash, "FEES": sum(fill.fee + fill.impact for fill in oracle.fills)}
    return [{**balances, "CAPITAL": -oracle.opening_cash, "POSITION": oracle.position_value, "all": 0}]


def _record_balances(record: RunRecord) -> list[dict[str, Any]]:
    """What the journal's lines leave in each account; all together nothing."""
    left = dict.fromkeys(JOURNAL_ACCOUNTS, 0)
    for row in _table(record.journal):
        left[JOURNAL_ACCOUNTS[row["debit"]]] += row["amount_micros"]
        left[JOURNAL_ACCOUNTS[row["credit"]]] -= row["amount_micros"]
    return [{**left, "all": sum(left.values())}]


def _table(table: Any) -> list[dict[str, Any]]:
    names = table.dtype.names
    return [dict(zip(names, row, strict=True)) for row in table.tolist()]
