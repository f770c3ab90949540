"""The steps of a trace as frozen records: plain values that a terminal prints and JSON carries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from argus.core.strategy import ParameterValue
from argus.core.time import format_ns

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
]


@dataclass(frozen=True, slots=True)
class SeenBar:
    """A bar with its three stamps; prices in currency, NaN where not observed.

    Of a quote start and close are its instant, the four prices its mid, and `quote` says bid and ask with their sizes.
    """

    instrument: str
    row: int
    session: str
    ts_event_ns: int
    ts_close_ns: int
    ts_recv_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote: SeenQuote | None = None


@dataclass(frozen=True, slots=True)
class SeenQuote:
    """Both sides of the market; NaN and 0 where one is empty. Sizes in units of the instrument."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float


@dataclass(frozen=True, slots=True)
class FeatureSeen:
    """Value of a feature at a decision; NaN in its warm-up."""

    alias: str
    feature: str
    instrument: str
    parameters: Mapping[str, ParameterValue]
    value: float


@dataclass(frozen=True, slots=True)
class DecisionStep:
    """A wake-up that led to an order.

    Attributes
    ----------
    decision_id : int
    ts_ns : int
        The present of the decision.
    kind : str
        ``woken`` or ``told of a fill``.
    bars : tuple of SeenBar
        The last bar of each instrument that could be known then.
    features : tuple of FeatureSeen
        Empty if no strategy was given to the trace.
    """

    decision_id: int
    ts_ns: int
    kind: str
    bars: tuple[SeenBar, ...]
    features: tuple[FeatureSeen, ...]


@dataclass(frozen=True, slots=True)
class OrderStep:
    """An order as it was sent; quantity in units of the instrument, prices in its currency, None where it has none.

    A split or a final settlement has no order: `order_id` is then -1, `type` says which of the two it is, and the
    instants are those of the event.
    """

    order_id: int
    type: str
    side: str
    quantity: str
    quantity_lots: int
    filled_lots: int
    limit_price: str | None
    stop_price: str | None
    time_in_force: str
    ts_submit_ns: int
    ts_arrive_ns: int
    replaces_id: int | None
    tag: str
    is_liquidation: bool
    ended: str
    """Name of the reason why it ended other than by being filled; empty if it was filled."""
    ended_text: str = ""
    """That reason in a sentence, with its numbers."""
    trail: str | None = None
    """Distance of a trailing stop."""
    expires: str | None = None
    """Instant until which a good-till-date order was good."""
    reduce_only: bool = False
    oco_group: int | None = None
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class PriceStep:
    """How a fill's price came about.

    Attributes
    ----------
    base : str
        Which price it starts from: open, close, bid, ask, limit, stop, trailing level, the end of the bar that was
        worse than the stop, mark (of a split), or settlement.
    base_price, base_ticks, price : str
        Exact decimals.
    price_ticks : int
    arithmetic : str
        The sum in words and figures.
    """

    base: str
    base_price: str
    base_ticks: str
    price: str
    price_ticks: int
    arithmetic: str


@dataclass(frozen=True, slots=True)
class FeeStep:
    """What a fill cost beyond its price, in micro-units; `share_micros` is what this trade bears of it."""

    fee_micros: int
    impact_micros: int
    share_micros: int
    source: str
    arithmetic: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A double entry of the run's journal; the amount is positive."""

    ts_ns: int
    debit: str
    credit: str
    amount_micros: int


@dataclass(frozen=True, slots=True)
class FillStep:
    """A fill of the trade, with everything that led to it.

    Attributes
    ----------
    fill_id : int
    role : str
        What it did to the trade: opens, adds, reduces, closes; with a note if it turned the position around.
    ts_ns : int
    signed_lots : int
        Of the fill.
    part_lots : int
        What of it belongs to this trade.
    value_micros : int
        Of that part at the fill's price; positive for a buy at a positive price.
    position_lots : int
        Of the trade, afterwards.
    decision : DecisionStep or None
        None for what the engine did by itself: a liquidation, the closing orders of a halt, a split, a settlement.
    order, bar, price, fee
        See their classes; `bar` is the one that filled the order, or in which a split or settlement happened (the last
        one, if it came after the data).
    rule, rule_text : str
        Name and meaning of the rule of ``docs/fills.md``.
    ledger : tuple of LedgerLine
        Of the whole fill.
    """

    fill_id: int
    role: str
    ts_ns: int
    signed_lots: int
    part_lots: int
    value_micros: int
    position_lots: int
    decision: DecisionStep | None
    order: OrderStep
    bar: SeenBar
    rule: str
    rule_text: str
    price: PriceStep
    fee: FeeStep
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class CarryStep:
    """What holding cost or brought while the trade was open: a dividend, funding, or a borrow fee.

    `amount_micros` is positive if it was received; `text` is the sum in words and figures.
    """

    ts_ns: int
    kind: str
    amount_micros: int
    text: str
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class SettlementStep:
    """A session's settlement while the trade was open, or on the day it ended.

    Attributes
    ----------
    session : str
    ts_ns : int
    mark : str
        Price it was settled at.
    position_lots : int
        Of the trade.
    gain_micros : int
        What this trade gained since its last settlement, before fees.
    other_micros : int
        What other trades in the instrument gained in the same settlement.
    ledger : tuple of LedgerLine
        Of the whole settlement; for futures the gain moves into or out of cash (variation margin).
    """

    session: str
    ts_ns: int
    mark: str
    position_lots: int
    gain_micros: int
    other_micros: int
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class ConversionStep:
    """Money of the instrument's currency that became money of the account's.

    Attributes
    ----------
    ts_ns : int
    what : str
    own_micros : int
        In the instrument's currency, received less paid.
    rate : str
        What one unit was worth then.
    account_micros : int
        In the account's currency, received less paid.
    cost_micros : int
        What the conversion cost, in the account's currency.
    text : str
        The sum in figures.
    """

    ts_ns: int
    what: str
    own_micros: int
    rate: str
    account_micros: int
    cost_micros: int
    text: str


@dataclass(frozen=True, slots=True)
class InAccount:
    """A trade in another currency, in the account's; its other figures are in the instrument's.

    `fee_micros` holds fees, impact and what conversions cost; `worth_micros` is what is still held, part of the gross.
    """

    currency: str
    gross_micros: int
    fee_micros: int
    carry_micros: int
    net_micros: int
    worth_micros: int
    conversions: tuple[ConversionStep, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A trade, worked out again from prices and compared with the record.

    Attributes
    ----------
    run_id, strategy : str
    trade_id : int
    chosen : str
        Why this trade.
    instrument, name, kind, currency : str
    tick_size, lot_size, multiplier : str
    tick_value_micros : str
        Micro-units of one tick on one lot.
    direction : str
        long or short.
    is_open : bool
        Whether it was still open when the data ended; then `mark` is the last close and `marked_micros` what is held.
    entry_ts_ns, exit_ts_ns : int
    bars : int
        Closes seen while it was open.
    lots_max : int
    mae_micros, mfe_micros : int
        Worst and best open gain on the way, as recorded.
    fills : tuple of FillStep
    settlements : tuple of SettlementStep
    mark : str or None
    bought_micros, sold_micros, marked_micros : int
        Value of what was bought, of what was sold, and of what is still held.
    gross_micros, fee_micros, net_micros : int
        Worked out here: ``sold - bought + split cash + marked``, the fees, and their difference plus the carry.
    recorded_net_micros : int
        What the run recorded.
    split_cash_micros : int
        What splits paid for fractions of a lot.
    carry_micros : int
        Dividends, funding and borrow fees, received less paid: the sum of `carries`.
    carries : tuple of CarryStep
    in_account : InAccount or None
        The result in the account's currency, which is the one recorded, where the instrument is in another: then all
        amounts above but ``recorded_net_micros``, ``mae_micros`` and ``mfe_micros`` are in the instrument's.
    """

    run_id: str
    strategy: str
    trade_id: int
    chosen: str
    instrument: str
    name: str
    kind: str
    currency: str
    tick_size: str
    lot_size: str
    multiplier: str
    tick_value_micros: str
    direction: str
    is_open: bool
    entry_ts_ns: int
    exit_ts_ns: int
    bars: int
    lots_max: int
    mae_micros: int
    mfe_micros: int
    fills: tuple[FillStep, ...]
    settlements: tuple[SettlementStep, ...]
    mark: str | None
    bought_micros: int
    sold_micros: int
    marked_micros: int
    gross_micros: int
    fee_micros: int
    net_micros: int
    recorded_net_micros: int
    split_cash_micros: int = 0
    carry_micros: int = 0
    carries: tuple[CarryStep, ...] = ()
    in_account: InAccount | None = None

    @property
    def difference_micros(self) -> int:
        """Worked-out net less recorded net, in the account's currency."""
        net = self.net_micros if self.in_account is None else self.in_account.net_micros
        return net - self.recorded_net_micros

    @property
    def adds_up(self) -> bool:
        """Whether the steps give the recorded result to the micro-unit."""
        return self.difference_micros == 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: each time also as ISO text under its name without ``_ns``, NaN as None."""
        plain: dict[str, Any] = _plain(self)
        plain["difference_micros"], plain["adds_up"] = self.difference_micros, self.adds_up
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        plain: dict[str, Any] = {}
        for field in fields(value):
            item = getattr(value, field.name)
            plain[field.name] = _plain(item)
            if field.name.startswith(("ts_", "entry_ts", "exit_ts")):
                plain[field.name.removesuffix("_ns")] = format_ns(item)
        return plain
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
