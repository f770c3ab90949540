"""A case (market, scripts, rules), and how it is played in each of the two engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from argus.core.arrays import Bars, Quotes
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Cancel as CancelIntent
from argus.core.intents import Intent, OrderRequest
from argus.core.intents import Replace as ReplaceIntent
from argus.core.market_events import InstrumentEvent
from argus.core.orders import Fill, OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import StrategyConstraints, StrategySpec, WakeRule
from argus.engine.account_terms import CurrencyTerms, DatedRate, IntradayMargin, IntradayRate
from argus.engine.config import AccountConfig, AccountKind, CostModel, FillRules, HaltRules, RunConfig
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.oracle.engine import Market, OracleResult, simulate
from tests.oracle.finer import matched
from tests.oracle.script import Action, Plan, Replace, Script, Submit, Ticket
from tests.oracle.seen import Sight
from tests.oracle.settings import Settings

ONLY_BOOK = "script"


@dataclass(frozen=True, eq=False)
class Case:
    """A market, scripts and the rules: all that both engines are given.

    Where `books` is empty there is one book, which plays `script` on every instrument as `settings` say.
    """

    seed: int
    specs: Mapping[str, InstrumentSpec]
    bars: Mapping[str, Bars]
    script: Script
    settings: Settings
    events: Mapping[str, tuple[InstrumentEvent, ...]] = field(default_factory=dict)
    books: Mapping[str, Plan] = field(default_factory=dict)
    pairs: Mapping[str, tuple[InstrumentSpec, Bars]] = field(default_factory=dict)  # for rates alone
    quotes: Mapping[str, Quotes] = field(default_factory=dict)
    finer: Mapping[str, Bars] = field(default_factory=dict)

    @property
    def plans(self) -> Mapping[str, Plan]:
        """Books by name, in their order."""
        if self.books:
            return self.books
        rules = self.settings
        plan = Plan(tuple(self.bars), self.script, rules.wake, rules.warmup, rules.wakes_on_fill, rules.late)
        return {ONLY_BOOK: plan}

    @property
    def lines(self) -> list[str]:
        """Symbol of each line."""
        return [symbol for plan in self.plans.values() for symbol in plan.universe]

    def under(self, **changes: Any) -> Case:
        """The same case with other settings."""
        return replace(self, settings=replace(self.settings, **changes))


class ScriptStrategy:
    """Plays the script of one book through the Strategy port."""

    def __init__(self, case: Case, name: str) -> None:
        plan = case.plans[name]
        self._specs = case.specs
        self._script = plan.script
        self._wakes = 0
        self._fills = 0
        self._sent: set[str] = set()
        self.seen: list[Sight] = []
        self.spec = StrategySpec(
            name=name,
            version="1",
            summary="Plays what is written.",
            source="tests/oracle",
            universe=plan.universe,
            wake=WakeRule(plan.wake),
            warmup_bars=plan.warmup,
            parameters=(),
            values={},
            features=(),
            needs=frozenset({"close"}),
            constraints=StrategyConstraints(parameter_count_max=0, turnover_annual_max=1e9),
            wakes_on_fill=plan.wakes_on_fill,
            late=frozenset(plan.late),
        )

    def wake(self, view: View) -> Sequence[Intent]:
        """The actions of this wake."""
        self._wakes += 1
        self._look(view)
        return self._intents(self._script.wakes.get(self._wakes - 1, ()))

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """The actions after this fill."""
        self._fills += 1
        self._look(view)
        return self._intents(self._script.fills.get(self._fills - 1, ()))

    def _look(self, view: View) -> None:
        account, lots = view.account, tuple(view.account.position_lots(symbol) for symbol in self.spec.universe)
        self.seen.append((view.now_ns, account.cash_micros, account.equity_micros, lots))

    def _intents(self, actions: Sequence[Action]) -> list[Intent]:
        intents: list[Intent] = []
        for action in actions:
            if isinstance(action, Submit):
                if not action.ticket.parent or action.ticket.parent in self._sent:
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
        spec = self._specs[ticket.symbol]

        def price(ticks: int | None) -> float | None:
            return None if ticks is None else float(ticks * spec.tick_size)

        return OrderRequest(
            instrument=ticket.symbol,
            side=Side(ticket.side),
            type=OrderType[ticket.type],
            units=float(ticket.lots * spec.lot_size),
            limit_price=price(ticket.limit),
            stop_price=price(ticket.stop),
            time_in_force=TimeInForce[ticket.tif],
            order_key=key,
            trail=price(ticket.trail),
            expires_ns=ticket.expires,
            reduce_only=ticket.reduce_only,
            oco=ticket.oco,
            parent_key=ticket.parent,
        )


class TrialList:
    """Trials in memory."""

    def __init__(self) -> None:
        self.trials: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        """Keep it."""
        self.trials.append(trial)


def cost_model(settings: Settings) -> CostModel:
    """The engine's costs for the oracle's."""
    return CostModel(
        fee_per_unit=settings.fee_per_unit,
        fee_rate=settings.fee_rate,
        fee_minimum=settings.fee_minimum,
        slippage_ticks=settings.slippage_ticks,
        slippage_rate=settings.slippage_rate,
        multiplier=settings.multiplier,
        spread=settings.spread,
        impact=settings.impact,
    )


def intraday_of(settings: Settings) -> IntradayMargin | None:
    """The engine's intraday margins for the oracle's."""
    if not settings.intraday_cutoff:
        return None
    rates = tuple(IntradayRate(*row) for row in settings.intraday_rates)
    return IntradayMargin(settings.intraday_cutoff, settings.intraday_share, rates)


def run_config(settings: Settings) -> RunConfig:
    """The engine's settings for the oracle's."""
    return RunConfig(
        account=AccountConfig(
            kind=AccountKind(settings.account),
            cash_micros=settings.cash,
            borrow_rate=settings.borrow_rate,
            debit_rate=settings.debit_rate,
            credit_rate=settings.credit_rate,
            currency=settings.currency,
            fx=CurrencyTerms(
                settings.fx_cost_bp, tuple(DatedRate(*row) for row in settings.rates), settings.rate_age_days
            ),
            intraday=intraday_of(settings),
        ),
        costs=cost_model(settings),
        fills=FillRules(touch=settings.touch, participation=settings.participation),
        halts=HaltRules(daily_loss=settings.daily_loss, drawdown=settings.drawdown, flatten=settings.flatten),
        latency_ns=settings.latency,
        latency_sample_ns=settings.latency_sample,
        data_latency_ns=settings.data_latency,
        seed=settings.seed,
        start_ns=settings.start,
        end_ns=settings.end,
    )


def play_engine(case: Case, seen: dict[str, list[Sight]] | None = None) -> RunRecord:
    """The case in the engine under test; the risk policy has no limits, so that the account alone refuses.

    What the strategies saw of the account is put into `seen`.
    """
    market = {**{symbol: (case.specs[symbol], case.bars[symbol]) for symbol in case.bars}, **case.pairs}
    strategies = {name: ScriptStrategy(case, name) for name in case.plans}
    if seen is not None:
        seen.update({name: strategy.seen for name, strategy in strategies.items()})
    rest: dict[str, Any] = {
        "sizer": FixedUnits(1),
        "risk": LimitRiskPolicy(check_margin=False),
        "trials": TrialList(),
    }
    if case.events:
        rest["events"] = case.events
    if case.finer or case.quotes:
        rest["finer"] = {**case.finer, **case.quotes}
    if case.books:
        from argus.engine.replay import run_books

        return run_books(strategies, market, run_config(case.settings), **rest)
    return run(strategies[ONLY_BOOK], market, run_config(case.settings), **rest)


def play_oracle(case: Case) -> OracleResult:
    """The case in the oracle; what a spread or impact model comes to per bar is the engine's own table."""
    met = {
        symbol: matched(bars, case.finer.get(symbol), Fraction(case.specs[symbol].tick_size))
        for symbol, bars in case.bars.items()
    }
    half_spreads: dict[str, Any] = {}
    impacts: dict[str, Any] = {}
    if case.settings.spread is not None or case.settings.impact is not None:
        from argus.engine.costs import half_spread_milliticks, impact_scale

        model = cost_model(case.settings)
        for symbol, bars in met.items():
            if symbol in case.quotes:
                continue
            half_spreads[symbol] = half_spread_milliticks(case.specs[symbol], bars, model)
            impacts[symbol] = impact_scale(case.specs[symbol], bars, model)
    announced = {symbol: case.bars[symbol] for symbol in case.finer}
    market = Market(case.specs, met, case.events, half_spreads, impacts, announced, case.pairs, case.quotes)
    return simulate(case.plans, market, case.settings)
