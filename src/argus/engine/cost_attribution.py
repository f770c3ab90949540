"""Where the money went: the costs of each trade by who took them, and the bridge from gross to net.

A run's record holds what a fill cost in three sums: ticks in its price, a fee, and an impact fee. Here they are taken
apart again, with the instrument's dated fee components and the run's own settings, in whole micro-units. What is taken
apart must give the recorded sum exactly; where it does not, the run is not to be believed. Nothing is estimated, and
nothing is left over: per trade, gross less all components is the recorded net result.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import ConfigError, LedgerError
from argus.core.fees import FeeName
from argus.core.market_events import Dividend, Funding
from argus.core.money import format_micros
from argus.core.orders import FillRule
from argus.core.time import day_of
from argus.engine._layout import NANO
from argus.engine.currency import in_base, recorded_rates
from argus.engine.market import NO_EVENTS, NOT_FINER, Events, Finer, Market
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord

if TYPE_CHECKING:
    from argus.core.arrays import I64_1D
    from argus.core.fees import FeeComponent
    from argus.engine._trace_rules import Contract
    from argus.engine.config import RunConfig

__all__ = ["COST_WORDS", "CostAttribution", "attribute_costs", "bars_met"]

_CARRY: Final = JOURNAL_ACCOUNTS.index("CARRY")
_COST: Final = JOURNAL_ACCOUNTS.index("FX_COST")
_EVENT_RULES: Final = (FillRule.SPLIT, FillRule.FINAL_SETTLEMENT)
_HOLDING: Final = ("dividends", "funding", "borrow", "carry")

COST_WORDS: Final[Mapping[str, str]] = {
    "slippage": "Spread and slippage, in the price",
    "slippage_below_tick": "Spread and slippage below a tick, in cash",
    "impact": "Market impact",
    FeeName.ALL_IN.value: "Fees, as one figure",
    FeeName.COMMISSION.value: "Commission",
    FeeName.EXCHANGE.value: "Exchange",
    FeeName.CLEARING.value: "Clearing house",
    FeeName.NFA.value: "National Futures Association",
    FeeName.REGULATORY.value: "Other regulators",
    FeeName.SEC_SECTION_31.value: "SEC section 31",
    FeeName.FINRA_TAF.value: "FINRA trading activity fee",
    FeeName.ORF.value: "Options regulatory fee",
    FeeName.CAT.value: "Consolidated audit trail",
    "conversion": "Conversion between currencies",
    "dividends": "Dividends, paid less received",
    "funding": "Funding, paid less received",
    "borrow": "Borrowing of shares sold short",
    "carry": "Dividends, funding and borrowing, paid less received",
}
"""Every component of a trade's cost in words, in the order in which they are told."""
_CONVERSION: Final = tuple(COST_WORDS).index("conversion")


@dataclass(frozen=True, slots=True, eq=False)
class CostAttribution:
    """The costs of a run's trades, component by component.

    Attributes
    ----------
    table : structured array, one row a trade in the order of ``record.trades``
        ``trade`` (its id), ``instrument`` (line of the universe), ``gross_micros`` (before every cost), for each
        component ``NAME_micros`` (paid less received: positive is a cost), ``net_micros`` (as recorded).
    components : tuple of str
        Names of `COST_WORDS` that occur in this run, in that order.
    interest_micros : int
        Interest of the account, received less paid; in no trade.
    net_pnl_micros : int
        Of the run.
    """

    table: NDArray[np.void]
    components: tuple[str, ...]
    interest_micros: int
    net_pnl_micros: int

    def totals(self, trades: Sequence[int] | slice = slice(None)) -> dict[str, int]:
        """Micro-units that each component took from all trades, or from some of them."""
        return {name: int(self.table[f"{name}_micros"][trades].sum()) for name in self.components}

    @property
    def gross_micros(self) -> int:
        """What the trades made before every cost."""
        return int(self.table["gross_micros"].sum())

    @property
    def cost_micros(self) -> int:
        """All components of all trades together, paid less received."""
        return sum(self.totals().values())

    def bridge(self) -> tuple[tuple[str, int], ...]:
        """(name, micros) from gross to net: ``gross``, each component as what it changed, ``interest``, ``net``.

        All steps between the first and the last, added to the first, give the last.
        """
        steps = [("gross", self.gross_micros), *((name, -total) for name, total in self.totals().items())]
        if self.interest_micros:
            steps.append(("interest", self.interest_micros))
        return (*steps, ("net", self.net_pnl_micros))


def attribute_costs(
    record: RunRecord,
    market: Market,
    config: RunConfig | None = None,
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
) -> CostAttribution:
    """Take the costs of every trade apart.

    Parameters
    ----------
    record : RunRecord
    market : mapping
        Symbol to specification and bars, the very ones of the run.
    config : RunConfig, optional
        The run's settings; None reads them from its manifest.
    events : mapping
        The run's events of instruments. Where an instrument had some and they are not given, its carry stays one
        component (``carry``) instead of dividends, funding and borrowing.
    finer : mapping
        Symbol to the finer bars or quotes that the run's orders met, if it had any.

    Raises
    ------
    ConfigError
        If market, finer bars or settings are not those that the manifest names.
    LedgerError
        If the components of a fill or of a trade are not what the run recorded.
    """
    met = bars_met(record, market, finer)
    told: Mapping[str, Any] = record.manifest.config["costs"]
    if config is not None and config.describe()["costs"] != told:
        raise ConfigError(
            f"the cost settings given are not those of run {record.manifest.run_id}; give the run's own, or none"
        )
    names = tuple(COST_WORDS)
    costs = np.zeros((len(record.trades), len(names)), dtype=np.int64)
    for line in np.unique(record.trades["instrument"]).tolist():
        _Line(record, met, line, told).attribute(costs)
        _attribute_carry(record, line, events.get(record.universe[line]), costs)
    _prove(record, costs)
    used = [name for at, name in enumerate(names) if costs[:, at].any()]
    table = np.zeros(
        len(record.trades),
        dtype=[("trade", np.int64), ("instrument", np.int32), ("gross_micros", np.int64)]
        + [(f"{name}_micros", np.int64) for name in used]
        + [("net_micros", np.int64)],
    )
    table["trade"] = np.arange(len(table))
    table["instrument"], table["net_micros"] = record.trades["instrument"], record.trades["net_micros"]
    table["gross_micros"] = record.trades["gross_micros"] + costs[:, names.index("slippage")]
    for name in used:
        table[f"{name}_micros"] = costs[:, names.index(name)]
    return CostAttribution(table, tuple(used), record.interest_micros, record.net_pnl_micros)


def bars_met(record: RunRecord, market: Market, finer: Finer = NOT_FINER) -> Market:
    """The bars that the orders of a run met, after proof that bars and specifications are those of the run.

    They are the market's own, refined where the run had finer bars: the rows that fills name are rows of these.

    Raises
    ------
    ConfigError
        Naming the first instrument that is missing or another one.
    """
    from argus.engine.quoted import meet

    met = {}
    for symbol in dict.fromkeys(record.universe):
        stated = record.manifest.data[symbol]
        if symbol not in market:
            raise ConfigError(f"market holds no {symbol}, which the run traded; give the market of the run")
        spec, bars = market[symbol]
        specification = hashlib.sha256(repr(spec).encode()).hexdigest()[:16]
        if (bars.content_hash, specification) != (stated["content_hash"], stated["specification"]):
            raise ConfigError(f"bars or specification of {symbol} are not those of run {record.manifest.run_id}")
        fine = finer.get(symbol)
        if (None if fine is None else fine.content_hash) != stated.get("finer"):
            what = "quotes" if "fills" in stated else "finer bars than the market's"
            asked = f"met {what}" if "finer" in stated else "met no finer bars and no quotes"
            raise ConfigError(
                f"{symbol}: the orders of run {record.manifest.run_id} {asked}; give the same as `finer`, no others"
            )
        met[symbol] = (spec, bars if fine is None else meet(bars, fine, spec.tick_size)[0])
    return met


def _prove(record: RunRecord, costs: NDArray[np.int64]) -> None:
    """Every trade's components are its recorded fee and carry."""
    in_cash = costs[:, 1 : -len(_HOLDING)].sum(axis=1)
    held = -costs[:, -len(_HOLDING) :].sum(axis=1)
    for name, found in (("fee_micros", in_cash), ("carry_micros", held)):
        wrong = np.flatnonzero(found != record.trades[name])
        if len(wrong):
            at = int(wrong[0])
            raise LedgerError(
                f"trade {at} of run {record.manifest.run_id}: the components of its {name.removesuffix('_micros')} "
                f"give {format_micros(int(found[at]))}, the record says "
                f"{format_micros(int(record.trades[name][at]))}; do not believe this run"
            )


class _Line:
    """One line of a run: an instrument in a book, with what its fills pay."""

    def __init__(self, record: RunRecord, market: Market, line: int, costs: Mapping[str, Any]) -> None:
        from argus.engine._trace_rules import contract_of

        self.symbol = record.universe[line]
        self.bars = market[self.symbol][1]
        self.contract: Contract = contract_of(*market[self.symbol], costs)
        self.fill_ids: I64_1D = np.flatnonzero(record.fills["instrument"] == line)
        self.fills = record.fills[self.fill_ids]
        self.rates = recorded_rates(record, line)
        self.conversions = _conversions(record, line) if self.rates is not None else {}
        of_line = np.flatnonzero(record.trades["instrument"] == line)
        self.trades = of_line[np.argsort(record.trades["entry_fill"][of_line])]
        self.entries = record.trades["entry_fill"][self.trades]
        self._components: dict[int, Sequence[FeeComponent]] = {}
        # Most fills of a run are alike, and what they pay is worked out in fractions, which is slow.
        self._fees: dict[tuple[object, ...], Mapping[FeeName, int]] = {}
        self._impacts: dict[tuple[object, ...], tuple[int, int]] = {}
        self._slippages: dict[tuple[Fraction, int], int] = {}

    def attribute(self, costs: NDArray[np.int64]) -> None:
        """Add what the fills paid to the rows of their trades."""
        owner = np.searchsorted(self.entries, self.fill_ids, side="right") - 1
        own = [[0] * costs.shape[1] for _ in self.trades]
        for fill_id, fill, at in zip(self.fill_ids.tolist(), self.fills, owner.tolist(), strict=True):
            if fill["rule"] in _EVENT_RULES:
                own[at][_CONVERSION] += self.conversions.get(fill_id, 0)
                continue
            paid = self._paid(fill_id, fill)
            lots, after = int(fill["signed_lots"]), int(fill["position_after_lots"])
            closing = after - lots if (after - lots) * after < 0 else 0
            if closing:
                # The fill turned the position around: the first part of it ended the trade before.
                share = _apportion(paid, abs(closing), abs(lots))
                paid = [whole - part for whole, part in zip(paid, share, strict=True)]
                _add(own[at - 1], self._in_price(fill, -closing), share)
            _add(own[at], self._in_price(fill, lots + closing), paid)
        costs[self.trades] += np.array(own, dtype=np.int64).reshape(len(own), costs.shape[1])

    def _in_price(self, fill: np.void, lots: int) -> int:
        """Micro-units by which the price of a fill was worse than the market's own, on signed `lots` of it."""
        key = int(fill["price_ticks"]) - Fraction(float(fill["base_ticks"])), lots
        if key not in self._slippages:
            self._slippages[key] = round(key[0] * lots * self.contract.spec.value_micros_per_tick_lot)
        return self._in_base([self._slippages[key]], fill)[0]

    def _in_base(self, amounts: Sequence[int], fill: np.void) -> list[int]:
        """Amounts of the instrument's currency in the account's, adding up to what their sum is converted to."""
        if self.rates is None:
            return list(amounts)
        return _apportion(amounts, self.rates.at(int(fill["ts_event_ns"])), NANO)

    def _paid(self, fill_id: int, fill: np.void) -> list[int]:
        """Cash that a fill paid, in the order of `COST_WORDS` from the second on, without carry."""
        lots, row = int(fill["signed_lots"]), int(fill["row"])
        rule = FillRule(int(fill["rule"]))
        value = int(fill["value_micros"])
        if self.rates is not None:
            value = self.contract.value(lots, int(fill["price_ticks"]))
        own = self._fees_of(lots, value, row)
        fees = dict(zip(own, self._in_base(list(own.values()), fill), strict=True))
        own_impact, below_tick = self._impact_of(rule, abs(lots), row)
        impact = self._in_base([own_impact], fill)[0]
        for name, found in (("fee_micros", sum(fees.values())), ("impact_micros", impact)):
            if found != int(fill[name]):
                raise LedgerError(
                    f"fill {fill_id} of {self.symbol}: its {name.removesuffix('_micros')} worked out again is "
                    f"{format_micros(found)}, the record says {format_micros(int(fill[name]))}; do not believe this run"
                )
        parts = self._in_base([below_tick, own_impact - below_tick], fill)
        return [*parts, *(fees.get(name, 0) for name in FeeName), self.conversions.get(fill_id, 0)]

    def _impact_of(self, rule: FillRule, lots: int, row: int) -> tuple[int, int]:
        """(impact fee, what of it is a fraction of a tick) of unsigned `lots` in the bar `row`, in its own currency."""
        contract = self.contract
        spread = 0 if contract.spread is None else int(contract.spread[row])
        scale = 0.0 if contract.impact_scale is None else float(contract.impact_scale[row])
        key = (rule, lots, spread, scale)
        if key not in self._impacts:
            adverse = contract.adverse_ticks(row)
            below = (adverse - math.floor(adverse)) * contract.spec.value_micros_per_tick_lot * lots
            below_tick = 0 if rule is FillRule.LIMIT_THROUGH else round(below)
            self._impacts[key] = contract.impact(rule, lots, row), below_tick
        return self._impacts[key]

    def _fees_of(self, lots: int, value: int, row: int) -> Mapping[FeeName, int]:
        day = int(self.bars.session[row])
        if day not in self._components:
            self._components[day] = self.contract.fee_components(day_of(day))
        parts = self._components[day]
        # Fees of contracts do not depend on the value: most fills of a run pay one of a few sums.
        key = (parts, lots, value if any(part.rate for part in parts) else 0)
        if key not in self._fees:
            self._fees[key] = self.contract.fees(lots, value, parts)
        return self._fees[key]


def _add(row: list[int], in_price: int, paid: Sequence[int]) -> None:
    """Add what a fill, or a part of it, paid to the row of a trade."""
    row[0] += in_price
    for at, amount in enumerate(paid, 1):
        row[at] += amount


def _apportion(amounts: Sequence[int], part: int, whole: int) -> list[int]:
    """`part / whole` of each amount, so that they add up to the share of their sum rounded half-even.

    By largest remainders, the first of equal ones.
    """
    total = round(Fraction(sum(amounts) * part, whole))
    shares = [amount * part // whole for amount in amounts]
    by_rest = sorted(range(len(amounts)), key=lambda i: -(amounts[i] * part % whole))
    for i in by_rest[: total - sum(shares)]:
        shares[i] += 1
    return shares


def _conversions(record: RunRecord, line: int) -> dict[int, int]:
    """Cost of the conversions of each fill of a line."""
    journal = record.journal
    costs: dict[int, int] = {}
    for entry in journal[(journal["instrument"] == line) & (journal["debit"] == _COST) & (journal["fill_id"] >= 0)]:
        costs[int(entry["fill_id"])] = costs.get(int(entry["fill_id"]), 0) + int(entry["amount_micros"])
    return costs


def _attribute_carry(record: RunRecord, line: int, events: Sequence[Any] | None, costs: NDArray[np.int64]) -> None:
    """Add carry, and what converting beside fills cost, to the trades of a line that were open when it was posted."""
    journal = record.journal
    mine = journal[(journal["instrument"] == line) & ((journal["debit"] == _CARRY) | (journal["credit"] == _CARRY))]
    beside = journal[(journal["instrument"] == line) & (journal["debit"] == _COST) & (journal["fill_id"] < 0)]
    if not len(mine) and not len(beside):
        return
    rates = recorded_rates(record, line)
    names = tuple(COST_WORDS)
    of_line = np.flatnonzero(record.trades["instrument"] == line)
    of_line = of_line[np.argsort(record.trades["entry_fill"][of_line])]
    fill_ids = np.flatnonzero(record.fills["instrument"] == line)
    for entry in beside:
        last_fill = fill_ids[np.searchsorted(fill_ids, entry["fills_before"]) - 1]
        trade = of_line[np.searchsorted(record.trades["entry_fill"][of_line], last_fill, side="right") - 1]
        costs[trade, _CONVERSION] += int(entry["amount_micros"])
    kinds = _carry_kinds(record, line, mine, events)
    for entry, kind in zip(mine, kinds, strict=True):
        last_fill = fill_ids[np.searchsorted(fill_ids, entry["fills_before"]) - 1]
        trade = of_line[np.searchsorted(record.trades["entry_fill"][of_line], last_fill, side="right") - 1]
        amount = int(entry["amount_micros"]) * (1 if entry["debit"] == _CARRY else -1)
        if rates is not None:
            amount = in_base(amount, rates.at(int(entry["ts_ns"])))
        costs[trade, names.index(kind)] += amount


def _carry_kinds(record: RunRecord, line: int, entries: NDArray[np.void], events: Sequence[Any] | None) -> list[str]:
    """What each entry was: at one instant the events come first, in their order, then the fee for borrowing."""
    symbol = record.universe[line]
    if "events" in record.manifest.data[symbol] and not events:
        return ["carry"] * len(entries)
    due: dict[int, list[str]] = {}
    for event in events or ():
        if isinstance(event, Dividend) and event.amount:
            due.setdefault(event.ts_ns, []).append("dividends")
        elif isinstance(event, Funding) and event.rate:
            due.setdefault(event.ts_ns, []).append("funding")
    kinds = []
    for ts in entries["ts_ns"].tolist():
        waiting = due.get(ts)
        kinds.append(waiting.pop(0) if waiting else "borrow")
    return kinds
