"""``argus audit costs``: is every cost setting in force, and does each cost what the fills imply?

The strategy is run as it would be, and every fill's price, fee, bound and arrival is worked out again from the
settings. Then each setting is changed alone and the run is made again: what it costs must move, the right way, and by
what the fills imply. The settings are found by looking at `RunConfig` itself, so that a new one is either audited or
reported as not covered; it cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np

from argus.core.errors import ArgusError, ConfigError, RunError
from argus.core.money import MICROS
from argus.core.orders import FillRule, OrderType
from argus.core.ports import TrialLedger
from argus.engine.account_terms import CurrencyTerms
from argus.engine.config import ImpactModel, RunConfig, SpreadModel
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from argus.engine.rolled_strategy import RolledStrategy
from argus.lab.audit.alteration import Market
from argus.lab.audit.recomputed import charged, faults_of, total_cost, volume_bound
from argus.lab.audit.report import AuditReport, Check, Difference, Status
from argus.lab.audit.subject import Counted, Played, Progress, Subject, play

__all__ = ["CostsSettings", "audit_costs", "settings_of"]

FILLS: Final = "fills"
MARKET: Final = "market"

_NO_COSTS: Final = frozenset(
    {
        *("account.kind", "account.cash_micros", "account.currency", "account.intraday"),
        *("halts.daily_loss", "halts.drawdown", "halts.flatten"),
        *("start_ns", "end_ns", "seed"),
    }
)
"""Settings of a run that charge nothing and make no fill worse."""
_LIMITS: Final = frozenset({int(OrderType.LIMIT), int(OrderType.STOP_LIMIT)})

_FILLS_OF_CHANGED: Final = 2_000
"""Fills of a run with a changed setting that are recomputed; of the run as it is, all are."""

Player = Callable[[Subject, TrialLedger], Played]


@dataclass(frozen=True, slots=True)
class CostsSettings:
    """How much there must be to judge by.

    Attributes
    ----------
    fills_min : int
        Fewer fills than this say nothing about costs.
    """

    fills_min: int = 10

    def __post_init__(self) -> None:
        if self.fills_min < 1:
            raise ConfigError(f"cost audit: fills_min is {self.fills_min}; at least 1 is needed")


@dataclass(frozen=True, slots=True, eq=False)
class _Base:
    """The run as it would be, from which single settings are changed."""

    subject: Subject
    record: RunRecord
    market: Market
    ledger: TrialLedger
    player: Player
    cost: Fraction

    @property
    def config(self) -> RunConfig:
        return self.subject.config

    def again(self, path: str, value: Any) -> tuple[RunConfig, RunRecord | None, str]:
        """(settings, record, error) of the run with one setting changed."""
        config = with_setting(self.config, path, value)
        played = self.player(replace(self.subject, config=config), self.ledger)
        return config, played.record, played.log.error


def settings_of(config: RunConfig) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every setting of a run that may charge something, nested ones included."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            named = [(f"{field.name}.{inner.name}", getattr(value, inner.name)) for inner in fields(value)]
        else:
            named = [(field.name, value)]
        yield from ((name, one) for name, one in named if name not in _NO_COSTS)


def with_setting(config: RunConfig, path: str, value: Any) -> RunConfig:
    """The settings with one of them changed."""
    part, dot, name = path.partition(".")
    if not dot:
        return replace(config, **{path: value})
    return replace(config, **{part: replace(getattr(config, part), **{name: value})})


def audit_costs(
    subject: Subject,
    *,
    trials: TrialLedger,
    settings: CostsSettings | None = None,
    progress: Progress | None = None,
    player: Player = play,
) -> AuditReport:
    """Audit whether all cost settings of a run are in force.

    Parameters
    ----------
    subject : Subject
        Its `config` holds the settings that are audited.
    trials : TrialLedger
        Every run is written here with the purpose ``audit``.
    settings : CostsSettings or None
    progress : callable or None
    player : callable
        What makes a run: the engine; an audit of another engine gives its own.

    Raises
    ------
    RunError
        If the strategy cannot be run on the market as it is.
    """
    how = settings or CostsSettings()
    ledger = Counted(trials)
    made = subject.create()
    spec = made.strategy.spec if isinstance(made, RolledStrategy) else made.spec
    played = player(subject, ledger)
    if played.record is None:
        raise RunError(f"the strategy cannot be audited, it does not run on the market as it is: {played.log.error}")
    paid = charged(played.record, subject.market)
    base = _Base(subject, played.record, subject.market, ledger, player, paid)
    checks = [_market(subject), _fills(base, how)]
    wanted = list(settings_of(subject.config)) if checks[1].status is Status.CLEAN else []
    for number, (path, value) in enumerate(wanted):
        if progress is not None:
            progress("settings", number, len(wanted))
        checks.append(_PROBES.get(path, _unknown)(base, path, value))
    if progress is not None:
        progress("settings", len(wanted), len(wanted))
    return AuditReport("costs", spec.name, dict(spec.values), spec.universe, tuple(checks), ledger.runs)


def _market(subject: Subject) -> Check:
    """Whether the market is still the same after the strategy was made from it."""
    given = dict(subject.market)
    subject.create_in(given)
    for symbol, (spec, bars) in subject.market.items():
        found = given.get(symbol)
        if found is None or found[1] is not bars:
            what = "gone" if found is None else "other bars"
            first = Difference(symbol, 0, int(bars.ts_recv_ns[0]), "bars", "as they were given", what)
        elif found[0] != spec:
            name = next(f.name for f in fields(spec) if getattr(found[0], f.name) != getattr(spec, f.name))
            was, became = (str(getattr(one, name))[:80] for one in (spec, found[0]))
            first = Difference(symbol, 0, int(bars.ts_recv_ns[0]), f"specification: {name}", was, became)
        else:
            continue
        return Check(
            MARKET,
            Status.FOUND,
            f"making the strategy changes the market that it is given ({symbol}): whoever runs it on that mapping does "
            "not pay what the instrument costs; give the factory nothing to change",
            first,
        )
    return Check(MARKET, Status.CLEAN, "making the strategy leaves specifications and bars as they were")


def _fills(base: _Base, how: CostsSettings) -> Check:
    """Every fill of the run as it would be, recomputed."""
    count = len(base.record.fills)
    fault = next(faults_of(base.record, base.market, base.config), None)
    if fault is not None:
        return Check(
            FILLS,
            Status.FOUND,
            f"{fault.field} is not what the settings imply: {fault.was} is due, the run has {fault.became}; do not "
            "believe its result, and look at this fill with argus trace",
            fault,
        )
    if count < how.fills_min:
        return Check(FILLS, Status.INSUFFICIENT, f"fills: {count}; {how.fills_min} are needed to judge by")
    paid = base.cost
    return Check(
        FILLS,
        Status.CLEAN,
        f"{count:,} fills recomputed: price, fee, bound and arrival of each is what the settings imply; costs of "
        f"{_money(paid)} in all{'' if paid else ': nothing is charged at all'}",
        facts={"fills": count, "cost": float(paid) / MICROS},
    )


# ---- what moves money


def _priced(base: _Base, path: str, value: Any, changed: Any, off: Any, told: str = "") -> Check:
    """A setting of the cost model: changed, the cost must move as the fills imply; `told` says the change in words."""
    now = base.cost
    made = told or f"set to {changed}"
    try:
        rates = with_setting(base.config, path, changed).costs
        total_cost(base.record, base.market, rates)
    except ArgusError as error_of_rates:
        return Check(path, Status.NOTED, f"not set: not charged; it cannot be applied to these data: {error_of_rates}")
    config, record, error = base.again(path, changed)
    implied = total_cost(base.record, base.market, config.costs) - now
    without = with_setting(base.config, path, off).costs if off is not None else base.config.costs
    part = now - total_cost(base.record, base.market, without) if without != base.config.costs else Fraction(0)
    stated = "a model" if told and value is not None else "not set" if value is None else str(value)
    state = f"{stated}, charged {_money(part)}" if part else f"{stated}: not charged"
    if value is None and path.startswith("costs.fee_") and base.config.costs.takes_schedule:
        state = "the instrument's own schedule"
    if record is None or not len(record.fills):
        why = error or "the account could not trade any more"
        return Check(path, Status.INSUFFICIENT, f"{state}; {made}, there is no fill to judge by: {why}")
    if not implied:
        return Check(path, Status.NOTED, f"{state}; there is no fill that it applies to")
    fault = next(faults_of(record, base.market, config, fills_max=_FILLS_OF_CHANGED), None)
    if fault is not None:
        return Check(
            path,
            Status.FOUND,
            f"{state}; {made}, {fault.field} of a fill should be {fault.was} and is {fault.became}",
            fault,
        )
    paid = charged(record, base.market)
    moved = paid / _lots(record) - now / _lots(base.record)
    unchanged = _same_fills(record, base.record)
    exact = paid - now
    if moved * implied <= 0 or (unchanged and exact != implied):
        return Check(
            path,
            Status.FOUND,
            f"{state}; {made}, the fills imply {_money(implied)} more and the run paid {_money(exact)} more",
        )
    return Check(
        path,
        Status.CLEAN if part else Status.NOTED,
        f"{state}; {made}, costs move by {_money(exact)}, "
        + ("to the micro-unit what the same fills imply" if unchanged else "and each fill costs what it implies"),
        facts={"charged": float(part) / MICROS, "changed_to": str(changed), "moved": float(exact) / MICROS},
    )


def _fee_per_unit(base: _Base, path: str, value: Decimal | None) -> Check:
    dearest = max((row.per_unit for symbol in base.record.universe for row in base.market[symbol][0].fees), default=0)
    return _priced(base, path, value, (value if value is not None else Decimal(dearest)) + 1, _off(value))


def _fee_rate(base: _Base, path: str, value: Decimal | None) -> Check:
    return _priced(base, path, value, (value or Decimal(0)) + Decimal("0.001"), _off(value))


def _fee_minimum(base: _Base, path: str, value: Decimal | None) -> Check:
    dearest = Decimal(int(base.record.fills["fee_micros"].max())) / MICROS
    return _priced(base, path, value, 2 * dearest + 1, _off(value))


def _off(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(0)


def _slippage_ticks(base: _Base, path: str, value: int) -> Check:
    return _priced(base, path, value, value + 1, 0)


def _slippage_rate(base: _Base, path: str, value: Decimal) -> Check:
    """Raised by two ticks of the cheapest fill, so that the grid does not swallow it."""
    lowest = min((abs(float(x)) for x in base.record.fills["base_ticks"] if x), default=1.0)
    step = (Decimal(2) / Decimal(repr(max(lowest, 4.0)))).quantize(Decimal("0.00001"), ROUND_CEILING)
    return _priced(base, path, value, value + step, Decimal(0))


def _multiplier(base: _Base, path: str, value: Decimal) -> Check:
    return _priced(base, path, value, 2 * value if value else Decimal(1), Decimal(0))


def _spread(base: _Base, path: str, value: SpreadModel | None) -> Check:
    """Half a tick wider, every instrument."""
    wider = Decimal("0.5")
    was = value or SpreadModel()
    changed = replace(
        was,
        half_spread_ticks=was.half_spread_ticks + wider,
        by_instrument=tuple((symbol, ticks + wider) for symbol, ticks in was.by_instrument),
    )
    return _priced(base, path, value, changed, None if value is None else SpreadModel(), "half a tick wider")


def _impact(base: _Base, path: str, value: ImpactModel | None) -> Check:
    was = value or ImpactModel(Decimal(0))
    changed = replace(was, coefficient=was.coefficient + 1)
    off = None if value is None else replace(was, coefficient=Decimal(0))
    return _priced(base, path, value, changed, off, f"with a coefficient of {changed.coefficient}")


# ---- what an account pays for being short or in debt


def _financing(base: _Base, path: str, value: Decimal) -> Check:
    """Yearly rates of the account: raised, what is paid or received over the run must grow."""
    name = path.rpartition(".")[2]
    state = f"{value:%} a year" if value else "0: not charged"
    config, record, error = base.again(path, value + Decimal("0.05") if value <= Decimal("0.9") else value / 2)
    if record is None:
        return Check(path, Status.INSUFFICIENT, f"{state}; with another rate the run fails: {error}")
    if not _same_fills(record, base.record):
        return Check(path, Status.NOTED, f"{state}; with another rate other orders are filled: in force, not measured")
    of = _carry if name == "borrow_rate" else _interest
    sign = -1 if name == "credit_rate" else 1
    paid = sign * (of(base.record) - of(record))
    grows = config.account != base.config.account and getattr(config.account, name) > value
    if not paid:
        without = {
            "borrow_rate": "no spot position was short over a session",
            "debit_rate": "cash was never negative over a session",
            "credit_rate": "cash earned nothing over a session",
        }[name]
        due = name == "credit_rate" and len(np.unique(base.record.equity_session)) > 1
        if due and bool((base.record.cash_micros > 0).all()):
            return Check(path, Status.FOUND, f"{state}; set to {getattr(config.account, name)}, interest does not move")
        return Check(path, Status.NOTED, f"{state}; {without}")
    if (paid > 0) != grows:
        return Check(path, Status.FOUND, f"{state}; another rate moves the money the wrong way, by {_micros(paid)}")
    return Check(
        path,
        Status.CLEAN if value else Status.NOTED,
        f"{state}; set to {getattr(config.account, name)}, {_micros(abs(paid))} more is "
        f"{'received' if name == 'credit_rate' else 'paid'}",
        facts={"moved": paid / MICROS},
    )


def _conversion(base: _Base, path: str, value: CurrencyTerms | None) -> Check:
    """The cost of converting other currencies: raised, what was paid for it must grow."""
    terms = value or CurrencyTerms()
    state = f"{terms.cost_bp} basis points of what is converted"
    if not len(base.record.rates):
        return Check(path, Status.NOTED, f"{state}; every instrument is in the account's currency")
    more = terms.cost_bp * 2 or Decimal(1)
    _, record, error = base.again(path, replace(terms, cost_bp=more))
    if record is None:
        return Check(path, Status.INSUFFICIENT, f"{state}; with another cost the run fails: {error}")
    if not _same_fills(record, base.record):
        return Check(path, Status.NOTED, f"{state}; with another cost other orders are filled: in force, not measured")
    paid = _converting(record) - _converting(base.record)
    if paid <= 0 and len(base.record.fills):
        return Check(path, Status.FOUND, f"{state}; set to {more}, {_micros(paid)} more is paid: it is not in force")
    return Check(
        path,
        Status.CLEAN if terms.cost_bp else Status.NOTED,
        f"{state}; set to {more}, {_micros(paid)} more is paid",
        facts={"moved": paid / MICROS},
    )


def _converting(record: RunRecord) -> int:
    account = JOURNAL_ACCOUNTS.index("FX_COST")
    journal = record.journal
    amounts = journal["amount_micros"]
    return int(amounts[journal["debit"] == account].sum() - amounts[journal["credit"] == account].sum())


def _carry(record: RunRecord) -> int:
    return int(record.trades["carry_micros"].sum())


def _interest(record: RunRecord) -> int:
    return int(record.interest_micros)


def _micros(amount: int) -> str:
    return _money(Fraction(amount))


# ---- what moves fills


def _touch(base: _Base, path: str, value: bool) -> Check:
    state = "limits fill on touch, kinder than the market is" if value else "limits fill on trade-through only"
    if not np.isin(base.record.orders["type"], list(_LIMITS)).any():
        return Check(path, Status.NOTED, f"{state}; the strategy sends no limit orders")
    config, record, error = base.again(path, not value)
    if record is None:
        return Check(path, Status.INSUFFICIENT, f"{state}; the other way round the run fails: {error}")
    touched = [_touches(one, base.market) for one in (base.record, record)]
    strict = touched[1] if value else touched[0]
    fault = next(faults_of(record, base.market, config, fills_max=_FILLS_OF_CHANGED), None)
    if fault is not None or strict:
        return Check(path, Status.FOUND, f"{state}; {strict} limits filled at a price that was only touched", fault)
    if touched[0] == touched[1]:
        return Check(path, Status.NOTED, f"{state}; no limit was touched and not traded through")
    status = Status.NOTED if value else Status.CLEAN
    return Check(path, status, f"{state}; {max(touched):,} fills depend on it", facts={"fills": max(touched)})


def _touches(record: RunRecord, market: Market) -> int:
    """Limit fills at the very edge of their bar's range, or of its open."""
    count = 0
    for fill in record.fills:
        rule = FillRule(int(fill["rule"]))
        if rule not in (FillRule.LIMIT_THROUGH, FillRule.LIMIT_AT_OPEN):
            continue
        spec, bars = market[record.universe[fill["instrument"]]]
        row, buy = int(fill["row"]), fill["signed_lots"] > 0
        edge = bars.open[row] if rule is FillRule.LIMIT_AT_OPEN else bars.low[row] if buy else bars.high[row]
        limit = int(record.orders[fill["order_id"]]["limit_ticks"])
        count += abs(edge / float(spec.tick_size) - limit) <= 1e-6
    return count


def _participation(base: _Base, path: str, value: Decimal) -> Check:
    state = f"at most {value:%} of a bar's volume"
    shares = [
        abs(int(fill["signed_lots"])) * float(spec.lot_size) / float(bars.volume[fill["row"]])
        for fill in base.record.fills
        for spec, bars in (base.market[base.record.universe[fill["instrument"]]],)
        if "volume" in bars.observed and bars.volume[fill["row"]] > 0
    ]
    if not shares:
        return Check(path, Status.NOTED, f"{state}, but volume was not observed: nothing bounds the fills")
    changed = min(Decimal(repr(max(shares))) / 2, value / 2)
    config, record, error = base.again(path, changed)
    if record is None:
        return Check(path, Status.INSUFFICIENT, f"{state}; with less the run fails: {error}")
    fault = next(faults_of(record, base.market, config, fills_max=_FILLS_OF_CHANGED), None)
    if fault is not None:
        return Check(path, Status.FOUND, f"{state}; at {changed:.2e} a bar filled {fault.became}", fault)
    if _same_fills(record, base.record) and _over_bound(base, config):
        return Check(path, Status.FOUND, f"{state}; at {changed:.2e} the same lots were filled as before")
    full = sum(share >= float(value) * 0.999 for share in shares)
    return Check(
        path,
        Status.CLEAN,
        f"{state}; {full:,} of {len(shares):,} fills took all of it, and at {changed:.2e} no bar gives more",
        facts={"largest_share": max(shares), "at_the_bound": full},
    )


def _over_bound(base: _Base, config: RunConfig) -> bool:
    """Whether the base run filled more in some bar than other settings allow."""
    for fill in base.record.fills:
        spec, bars = base.market[base.record.universe[fill["instrument"]]]
        bound = volume_bound(bars, int(fill["row"]), spec, config)
        if bound is not None and abs(int(fill["signed_lots"])) > bound:
            return True
    return False


def _latency(base: _Base, path: str, value: int) -> Check:
    state = f"{value / 1e6:g} ms" if value else "0: not charged, an order arrives as it is sent"
    if base.config.latency_sample_ns:
        return Check(path, Status.NOTED, "the measured sample is used in its place")
    config, record, error = base.again(path, value + _spacing(base))
    if record is None or not len(record.fills):
        return Check(path, Status.INSUFFICIENT, f"{state}; one bar later nothing is filled{': ' * bool(error)}{error}")
    fault = next(faults_of(record, base.market, config, fills_max=_FILLS_OF_CHANGED), None)
    if fault is not None:
        return Check(path, Status.FOUND, f"{state}; one bar more, and an order is filled before it arrived", fault)
    before, after = _delay(base.record), _delay(record)
    if after <= before:
        return Check(path, Status.FOUND, f"{state}; one bar more, and fills come no later than before")
    return Check(
        path,
        Status.CLEAN if value else Status.NOTED,
        f"{state}; with one bar more, fills come {(after - before) / 1e9:,.0f} s later on average",
        facts={"later_s": (after - before) / 1e9},
    )


def _latency_sample(base: _Base, path: str, value: tuple[int, ...]) -> Check:
    """A measured latency; none is set where the fixed one is used."""
    if not value:
        return Check(path, Status.NOTED, "no measured sample: every order takes the fixed latency")
    spacing = _spacing(base)
    config, record, error = base.again(path, tuple(one + spacing for one in value))
    if record is None or not len(record.fills):
        return Check(path, Status.INSUFFICIENT, f"one bar later nothing is filled{': ' * bool(error)}{error}")
    fault = next(faults_of(record, base.market, config, fills_max=_FILLS_OF_CHANGED), None)
    if fault is not None or _delay(record) <= _delay(base.record):
        return Check(path, Status.FOUND, "one bar more, and fills come no later than before", fault)
    orders = base.record.orders[(base.record.orders["decision_id"] >= 0) & (base.record.orders["parent_id"] < 0)]
    drawn = np.unique(orders["ts_arrive_ns"] - orders["ts_submit_ns"])
    return Check(
        path,
        Status.CLEAN,
        f"{len(drawn):,} of {len(set(value)):,} latencies of the sample were drawn",
        facts={"drawn": len(drawn)},
    )


def _data_latency(base: _Base, path: str, value: int) -> Check:
    """Later data: the first decision must come later by as much."""
    state = f"{value / 1e6:g} ms" if value else "0: a bar is known as soon as the data say so"
    more = max(_spacing(base) // 2, 1)
    _, record, error = base.again(path, value + more)
    if record is None or not len(record.decisions):
        return Check(path, Status.INSUFFICIENT, f"{state}; later by {more / 1e9:,.0f} s nothing is decided {error}")
    later = int(record.decisions["ts_ns"][0] - base.record.decisions["ts_ns"][0])
    if later <= 0:
        return Check(path, Status.FOUND, f"{state}; data later by {more / 1e9:,.0f} s, and decisions come no later")
    return Check(
        path,
        Status.CLEAN if value else Status.NOTED,
        f"{state}; data later by {more / 1e9:,.0f} s, and so are decisions",
    )


def _spacing(base: _Base) -> int:
    """Nanoseconds from bar to bar, of the instrument with the longest ones."""
    return max(
        int(np.median(np.diff(base.market[symbol][1].ts_event_ns)))
        for symbol in base.record.universe
        if len(base.market[symbol][1]) > 1
    )


def _delay(record: RunRecord) -> float:
    """Mean nanoseconds from sending to filling."""
    sent = record.orders["ts_submit_ns"][record.fills["order_id"]]
    return float(np.mean((record.fills["ts_event_ns"] - sent).astype(np.float64)))


# ---- settings without a probe of their own


def _unknown(base: _Base, path: str, value: Any) -> Check:
    """A setting that this audit does not know: numbers and switches are changed, anything else is reported."""
    if isinstance(value, bool):
        changed: Any = not value
    elif isinstance(value, int | float | Decimal):
        changed = value * 2 if value else value + 1
    else:
        return Check(
            path, Status.FOUND, f"{value!r} is not covered by this audit: nobody checks whether the setting is in force"
        )
    _, record, error = base.again(path, changed)
    if record is None:
        return Check(path, Status.INSUFFICIENT, f"{value}; with {changed} the run fails: {error}")
    if record.fills.tobytes() == base.record.fills.tobytes():
        return Check(path, Status.FOUND, f"{value}; set to {changed}, no fill and no fee moves: it is not in force")
    return Check(
        path, Status.NOTED, f"{value}; set to {changed}, fills or fees move; the amount is not covered by this audit"
    )


_PROBES: Final[dict[str, Callable[[_Base, str, Any], Check]]] = {
    "costs.fee_per_unit": _fee_per_unit,
    "costs.fee_rate": _fee_rate,
    "costs.fee_minimum": _fee_minimum,
    "costs.slippage_ticks": _slippage_ticks,
    "costs.slippage_rate": _slippage_rate,
    "costs.multiplier": _multiplier,
    "costs.spread": _spread,
    "costs.impact": _impact,
    "account.fx": _conversion,
    "account.borrow_rate": _financing,
    "account.debit_rate": _financing,
    "account.credit_rate": _financing,
    "fills.touch": _touch,
    "fills.participation": _participation,
    "latency_ns": _latency,
    "latency_sample_ns": _latency_sample,
    "data_latency_ns": _data_latency,
}


def _lots(record: RunRecord) -> int:
    return int(np.abs(record.fills["signed_lots"]).sum())


def _same_fills(one: RunRecord, other: RunRecord) -> bool:
    """Whether the same orders were filled in the same bars by the same lots."""
    return len(one.fills) == len(other.fills) and all(
        bool((one.fills[name] == other.fills[name]).all())
        for name in ("order_id", "row", "signed_lots", "rule", "base_ticks")
    )


def _money(micros: Fraction) -> str:
    return f"{float(micros) / MICROS:,.2f}"
