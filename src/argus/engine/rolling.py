"""Rolls in a run: what a strategy needs to trade one root over many contracts, and the run that does it.

A strategy that trades futures thinks of one market, "MES", and its orders go to one contract after the other. A
`RolledRoot` holds everything between the two: the contracts with their bars, the schedule of rolls, the continuous
series that signals are read on, and the instants at which something is due. `run_rolled` wraps the strategy
(`argus.engine.rolled_strategy`), gives the engine the contracts as its market, and settles whoever is held to the end.
Nothing here knows the future: each roll was known when it is acted on, and every order fills on the contract itself.

`docs/rolls.md` tells a trader what happens at a roll.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentSpec
from argus.core.market_events import FinalSettlement
from argus.core.orders import Order
from argus.core.ports import AccountView, RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.risk import RiskApproved, RiskRefused
from argus.core.time import day_number, format_ns
from argus.data.calendars import session_table
from argus.data.continuous import Adjustment, ContinuousSeries, continuous_series
from argus.data.contract_dates import ContractLife, contract_life, contract_spec
from argus.data.rolls import Leg, Roll, RollReason, RollRule, RollSchedule, roll_date, roll_schedule
from argus.engine.config import RunConfig
from argus.engine.market import NOT_FINER, Events, Finer, Market
from argus.engine.record import RunRecord

__all__ = [
    "RolledRisk",
    "RolledRoot",
    "rolled_events",
    "rolled_market",
    "rolled_root",
    "rolled_start",
    "run_rolled",
]

_SESSIONS_BEFORE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, eq=False)
class RolledRoot:
    """One root, ready to be traded through its rolls; make it with `rolled_root`.

    Attributes
    ----------
    spec : InstrumentSpec
        Of the root.
    contracts : mapping
        Contract's name to its bars, up to its last trade; those that are in front at some time, by delivery month.
    schedule : RollSchedule
    series : ContinuousSeries
        Anchored at its oldest contract. The strategy reads its bars, and gives its prices in its terms.
    legs : tuple of Leg
        Of the schedule.
    rows : tuple of (int, int)
        Which rows of the series come from each leg; an empty range if none.
    amounts : tuple of float
        What the series adds to (or multiplies) each leg's prices.
    due_ns : tuple of int
        From when each roll of the schedule may be acted on: it is known, and the session before it is over.
    exit_ns : tuple of (int or None)
        For each leg, from when its contract is left in any case, because notices of delivery come next; None where cash
        settles.
    settlements : mapping
        Contract's name to its end, for those that end within the data.
    """

    spec: InstrumentSpec
    contracts: Mapping[str, Bars]
    schedule: RollSchedule
    series: ContinuousSeries
    legs: tuple[Leg, ...]
    rows: tuple[tuple[int, int], ...]
    amounts: tuple[float, ...]
    due_ns: tuple[int, ...]
    exit_ns: tuple[int | None, ...]
    settlements: Mapping[str, FinalSettlement]

    @property
    def symbol(self) -> str:
        """The root's symbol, the only one that the strategy knows."""
        return self.spec.symbol

    def describe(self) -> str:
        """Rule, adjustment and a hash of the rolls as one line, for the manifest."""
        rule = self.schedule.rule
        rolls = [(roll.to_symbol, roll.effective_ns, amount) for roll, amount in self._rolls_with_amounts()]
        digest = hashlib.sha256(repr((self.schedule.first_symbol, self.schedule.start_ns, rolls)).encode()).hexdigest()
        return (
            f"{rule.trigger.value} days_before={rule.days_before} sessions={rule.sessions} cycle={rule.cycle or 'all'} "
            f"deadline_days={rule.deadline_days} open_interest_lag={rule.open_interest_lag} "
            f"silent_sessions={rule.silent_sessions} adjust={self.series.adjustment.value} rolls={digest[:12]}"
        )

    def _rolls_with_amounts(self) -> list[tuple[Roll, float]]:
        return list(zip(self.schedule.rolls, self.amounts[1:], strict=True))


def rolled_root(
    contracts: Mapping[str, Bars],
    spec: InstrumentSpec,
    rule: RollRule | None = None,
    adjustment: Adjustment = Adjustment.DIFFERENCE,
    *,
    schedule: RollSchedule | None = None,
    is_cut: bool = False,
) -> RolledRoot:
    """Make a root tradable through its rolls, or say what stands against it.

    Parameters
    ----------
    contracts : mapping
        Contract's name (``MES.202306``) to its bars.
    spec : InstrumentSpec
        Of the root.
    rule : RollRule, optional
        By default the customary one of the instrument.
    adjustment : Adjustment
        Of the series that the strategy reads.
    schedule : RollSchedule, optional
        One that was made from these contracts already; else `rule` makes it.
    is_cut : bool
        Whether the bars end where somebody cut them, and not where the data do: that a contract has no bar left in
        which a roll could be traded is then no error, for it may have one beyond the cut.

    Raises
    ------
    CoverageError
        If there is a gap between contracts, or a contract has no bars left in which a roll could be traded.
    ConfigError
        If both a rule and a schedule are given.
    DataError, InstrumentError
        As `roll_schedule`, `continuous_series` and `contract_life`.
    """
    if rule is not None and schedule is not None:
        raise ConfigError(f"{spec.symbol}: give either a roll rule or a schedule, not both")
    if schedule is None:
        schedule = roll_schedule(contracts, spec, rule)
    series = continuous_series(contracts, schedule, adjustment)
    legs = schedule.legs
    lives = [contract_life(leg.symbol, spec, contracts[leg.symbol]) for leg in legs]
    due_ns = tuple(_due_ns(spec, roll) for roll in schedule.rolls)
    if not is_cut:
        _check_tradable(contracts, schedule, due_ns)
    last_ns = max(int(bars.ts_close_ns[-1]) for bars in contracts.values() if len(bars))
    kept = {life.symbol: _until_last_trade(contracts[life.symbol], life) for life in lives}
    return RolledRoot(
        spec=spec,
        contracts=kept,
        schedule=schedule,
        series=series,
        legs=legs,
        rows=_rows(series, legs),
        amounts=_amounts(series),
        due_ns=due_ns,
        exit_ns=tuple(_exit_ns(spec, schedule.rule, life, contracts) for life in lives),
        settlements={
            life.symbol: _settlement(kept[life.symbol], life) for life in lives if life.settlement_ns <= last_ns
        },
    )


def _session_before(spec: InstrumentSpec, day: date) -> tuple[int, int]:
    """(day number, close) of the last session before that day."""
    table = session_table(spec.calendar, day - _SESSIONS_BEFORE, day)
    at = int(np.searchsorted(table.session, day_number(day))) - 1
    return int(table.session[at]), int(table.close_ns[at])


def _due_ns(spec: InstrumentSpec, roll: Roll) -> int:
    """Orders sent from then on, and not before, meet the opening of the roll's session first."""
    return max(roll.known_at_ns, _session_before(spec, roll.session)[1])


def _exit_ns(spec: InstrumentSpec, rule: RollRule, life: ContractLife, contracts: Mapping[str, Bars]) -> int | None:
    """When the session before that of the rule's deadline is complete and received; None where nothing is delivered.

    A roll that was forced by the deadline is known at the same instant, and comes first.
    """
    if life.exit_by_ns is None:
        return None
    session, closed_ns = _session_before(spec, roll_date(spec, life.symbol, rule.deadline_days))
    received = [closed_ns]
    for bars in contracts.values():
        row = int(np.searchsorted(bars.session, session, side="right")) - 1
        if row >= 0 and bars.session[row] == session:
            received.append(int(bars.ts_recv_ns[row]))
    return max(received)


def _check_tradable(contracts: Mapping[str, Bars], schedule: RollSchedule, due_ns: Sequence[int]) -> None:
    """Every roll before the end of the data must find a bar of either contract to fill in."""
    last_ns = max(int(bars.ts_event_ns[-1]) for bars in contracts.values() if len(bars))
    for roll, due in zip(schedule.rolls, due_ns, strict=True):
        if due > last_ns:
            continue
        for symbol in (roll.from_symbol, roll.to_symbol):
            # After a hole nothing is held any more: there is no old contract to leave.
            if symbol == roll.from_symbol and roll.reason is RollReason.AFTER_HOLE:
                continue
            bars = contracts[symbol]
            if not len(bars) or int(bars.ts_event_ns[-1]) < due:
                ended = f"its bars end at {format_ns(int(bars.ts_close_ns[-1]))}" if len(bars) else "it has no bars"
                raise CoverageError(
                    f"{symbol}: the roll from {roll.from_symbol} to {roll.to_symbol} takes effect with the session "
                    f"{roll.session}, and {ended}: no order could fill in it. Import more of the contract, or take "
                    "a rule that rolls earlier"
                )


def _until_last_trade(bars: Bars, life: ContractLife) -> Bars:
    return bars.rows(0, int(np.searchsorted(bars.ts_event_ns, life.last_trade_ns)))


def _settlement(bars: Bars, life: ContractLife) -> FinalSettlement:
    """The end of a contract at its last known close: what the exchange settled at is not among the bars."""
    known = np.flatnonzero(np.isfinite(bars.close))
    if not len(known):
        raise CoverageError(f"{life.symbol}: none of its {len(bars)} bars has a close; import it again")
    return FinalSettlement(max(life.settlement_ns, int(bars.ts_close_ns[-1])), float(bars.close[known[-1]]))


def _rows(series: ContinuousSeries, legs: Sequence[Leg]) -> tuple[tuple[int, int], ...]:
    rows = []
    end = 0
    for leg in legs:
        begin = end
        if leg.symbol in series.symbols:
            end = int(np.searchsorted(series.contract, series.symbols.index(leg.symbol), side="right"))
        rows.append((begin, end))
    return tuple(rows)


def _amounts(series: ContinuousSeries) -> tuple[float, ...]:
    """As `continuous_series` sums them up, also for a contract that has no bars while it is in front."""
    ratio = series.adjustment is Adjustment.RATIO
    amounts = [1.0 if ratio else 0.0]
    for splice in series.splices:
        if series.adjustment is Adjustment.UNADJUSTED:
            amounts.append(0.0)
        elif ratio:
            amounts.append(amounts[-1] * (splice.from_close / splice.to_close))
        else:
            amounts.append(amounts[-1] + (splice.from_close - splice.to_close))
    return tuple(amounts)


def rolled_market(roots: Sequence[RolledRoot]) -> dict[str, tuple[InstrumentSpec, Bars]]:
    """The contracts of all roots as the market of a run."""
    return {
        symbol: (contract_spec(root.spec, symbol), bars) for root in roots for symbol, bars in root.contracts.items()
    }


def rolled_events(roots: Sequence[RolledRoot]) -> dict[str, tuple[FinalSettlement, ...]]:
    """The final settlements of all roots as the events of a run."""
    return {symbol: (end,) for root in roots for symbol, end in root.settlements.items()}


def rolled_start(config: RunConfig, strategy: Strategy, roots: Sequence[RolledRoot]) -> RunConfig:
    """The settings with the first decision put where each root's series has the strategy's warm-up.

    The engine counts a warm-up on each instrument; that of a root runs over its contracts.
    """
    count = max(1, strategy.spec.warmup_bars)
    begins = [
        int(root.series.bars.ts_recv_ns[count - 1]) + config.data_latency_ns
        for root in roots
        if root.symbol not in strategy.spec.late and len(root.series.bars) >= count
    ]
    start_ns = max([*begins, *([] if config.start_ns is None else [config.start_ns])], default=None)
    if start_ns is None or (config.end_ns is not None and start_ns >= config.end_ns):
        return config
    return replace(config, start_ns=start_ns)


def run_rolled(
    strategy: Strategy,
    roots: Sequence[RolledRoot],
    config: RunConfig,
    *,
    sizer: Sizer,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "backtest",
    limits: RiskPolicy | None = None,
    finer: Finer = NOT_FINER,
) -> RunRecord:
    """Replay a strategy on roots: through all rolls, each traded by real orders on the contracts.

    Parameters
    ----------
    strategy : Strategy
        Its universe are the roots' symbols.
    roots : sequence of RolledRoot
    config, sizer, risk, trials, purpose
        As `argus.engine.run`; the risk policy is asked through `RolledRisk`.
    limits : RiskPolicy or None
        A second policy that is asked about the root's net, such as limits on orders and positions; see `RolledRisk`.
    finer : mapping
        Contract to bars of a shorter interval, as for `argus.engine.run`.

    Raises
    ------
    ConfigError
        If the universe and the roots are not the same.
    ArgusError
        As `argus.engine.run`.
    """
    from argus.engine.replay import run
    from argus.engine.rolled_strategy import RolledStrategy

    rolled = RolledStrategy(strategy, roots)
    market: Market = rolled_market(roots)
    events: Events = rolled_events(roots)
    record = run(
        rolled,
        market,
        rolled_start(config, strategy, roots),
        sizer=sizer,
        risk=RolledRisk(risk, {symbol: root.symbol for root in roots for symbol in root.contracts}, limits),
        trials=trials,
        purpose=purpose,
        events=events,
        finer=finer,
    )
    return replace(record, notes=(*record.notes, *rolled.notes(), *_settled_notes(record, roots)))


def _settled_notes(record: RunRecord, roots: Sequence[RolledRoot]) -> list[str]:
    """Who was held to the end, and at what price that was settled here."""
    from argus.core.orders import FillRule

    notes = []
    ends = {symbol: end for root in roots for symbol, end in root.settlements.items()}
    for fill in record.fills[record.fills["rule"] == FillRule.FINAL_SETTLEMENT]:
        symbol = record.universe[fill["instrument"]]
        notes.append(
            f"{symbol}: {-int(fill['signed_lots'])} lots were held to the end and settled at {ends[symbol].price:g}, "
            "the contract's last close, not at the exchange's settlement value"
        )
    return notes


@dataclass(frozen=True, slots=True)
class RolledRisk:
    """A risk policy that knows contracts of one root as one market: what is being closed in one frees its margin.

    At a roll the old contract is sold and the new one bought at the same opening. Without this, the order for the new
    one would be judged as if both were to be held. The engine checks the margin again at the fill, where the old
    contract comes first. Implements `core.ports.RiskPolicy`.

    Attributes
    ----------
    policy : RiskPolicy
        Who judges.
    root_of : mapping
        Contract's name to its root.
    limits : RiskPolicy or None
        Asked too, of every order that the policy lets through, but for one that only takes up what a roll closes: with
        positions and pending orders of all contracts of the root together. It must ask for no margin and no cash, which
        belong to a contract.
    """

    policy: RiskPolicy
    root_of: Mapping[str, str]
    limits: RiskPolicy | None = None

    def approve(self, order: Order, account: AccountView) -> RiskApproved | RiskRefused:
        """What the policy says of the order, with the closing orders of the root's other contracts taken as done."""
        root = self.root_of.get(order.instrument)
        others = tuple(symbol for symbol, of in self.root_of.items() if of == root and symbol != order.instrument)
        closing = tuple(symbol for symbol in others if _is_closing(account, symbol))
        found = self.policy.approve(order, _Released(account, closing) if closing else account)
        if self.limits is None or isinstance(found, RiskRefused) or _takes_up(order, account, closing):
            return found
        return self.limits.approve(order, _Net(account, (order.instrument, *others)))

    def describe(self) -> Mapping[str, object]:
        """Settings of the policy, and that contracts of a root are netted."""
        told = {**self.policy.describe(), "rolled": "orders that close another contract of the root free its margin"}
        return told if self.limits is None else {**told, "limits_of_roots": dict(self.limits.describe())}


def _is_closing(account: AccountView, symbol: str) -> bool:
    held = account.position_lots(symbol)
    if held == 0:
        return False
    after = held + account.pending_lots(symbol)
    return abs(after) < abs(held) and after * held >= 0


def _takes_up(order: Order, account: AccountView, closing: tuple[str, ...]) -> bool:
    """Whether the order only takes up again what is being closed in the other contracts.

    Such an order keeps what is held and makes it no larger: the other half of it has gone out already.
    """
    closed = -sum(account.pending_lots(symbol) for symbol in closing)
    taken = account.position_lots(order.instrument) + account.pending_lots(order.instrument) + order.signed_lots
    return closed * order.signed_lots > 0 and closed * taken > 0 and abs(taken) <= abs(closed)


@dataclass(frozen=True, slots=True)
class _Through:
    """An account as it is; others say in which respect they see it otherwise. Implements `core.ports.AccountView`."""

    account: AccountView

    @property
    def cash_micros(self) -> int:
        return self.account.cash_micros

    @property
    def equity_micros(self) -> int:
        return self.account.equity_micros

    @property
    def initial_margin_micros(self) -> int:
        return self.account.initial_margin_micros

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        return self.account.initial_margin_after_micros(instrument, signed_lots)

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        return self.account.cash_after_micros(instrument, signed_lots)

    def position_lots(self, instrument: str) -> int:
        return self.account.position_lots(instrument)

    def pending_lots(self, instrument: str) -> int:
        return self.account.pending_lots(instrument)

    def last_price_ticks(self, instrument: str) -> int | None:
        return self.account.last_price_ticks(instrument)

    def orders_within(self, window_ns: int) -> int:
        return self.account.orders_within(window_ns)


@dataclass(frozen=True, slots=True)
class _Net(_Through):
    """An account in which a contract holds what all of its root hold together."""

    contracts: tuple[str, ...]

    def position_lots(self, instrument: str) -> int:
        return sum(self.account.position_lots(symbol) for symbol in self.contracts)

    def pending_lots(self, instrument: str) -> int:
        return sum(self.account.pending_lots(symbol) for symbol in self.contracts)


@dataclass(frozen=True, slots=True)
class _Released(_Through):
    """An account with the pending closing orders of some contracts done."""

    closing: tuple[str, ...]

    @property
    def initial_margin_micros(self) -> int:
        return self.account.initial_margin_micros - self._released_micros()

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        return self.account.initial_margin_after_micros(instrument, signed_lots) - self._released_micros()

    def _released_micros(self) -> int:
        account = self.account
        now = account.initial_margin_micros
        return sum(
            now - account.initial_margin_after_micros(symbol, account.pending_lots(symbol)) for symbol in self.closing
        )
