"""Options on futures: the one price of each future that all its expiries share, and what several futures mean.

A chain of options on futures of one root has another future beneath every few expiries. Options that expire at
different times but into one future have one forward, the price of that future now; between two futures nothing but a
rate of money is shared. The price that a vendor delivers is held against what put-call parity says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, day_of

if TYPE_CHECKING:
    from datetime import date

    from argus.app.option_snapshots import Snapshot
    from argus.core.instruments import InstrumentSpec
    from argus.options import Costs, ForwardFit, Reason

__all__ = [
    "AgreedPrices",
    "agreed_prices",
    "contract_costs",
    "future_forwards",
    "future_of_days",
    "futures_notes",
    "futures_of",
    "given_prices",
    "scan_moves",
    "without_forward",
]

_ERRORS: Final = 3.0
_APART: Final = 0.0005
"""A price is believed within these errors, and within that share, of what parity says it is."""
_CONTRADICT: Final = 0.0025
"""Share of the price by which expiries of one future may differ whatever their errors: two near futures of crude oil,
or of an index, lie further apart, and rates and bent parity lines of quotes in order do not reach it."""
_OF_EXPIRY: Final = (
    *("forward", "discount", "forward_error", "discount_error"),
    *("rate", "dividend_yield", "spot_move", "spot_move_error"),
)
_SCAN_STEPS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class AgreedPrices:
    """Prices of the futures beneath m expiries.

    Attributes
    ----------
    price, error : (m,) float64
        NaN where neither the vendor nor the quotes say it, and of expiries in `apart`; the standard error of a price
        that was delivered is 0.
    apart : (m,) bool
        Whether the expiry contradicts most of the others on its future, or there is no such majority.
    notes : tuple of str
    """

    price: F64_1D
    error: F64_1D
    apart: BOOL_1D
    notes: tuple[str, ...]


def agreed_prices(futures: Sequence[str], fits: ForwardFit, given: F64_1D) -> AgreedPrices:
    """The price of each future: as delivered if the quotes of its options agree, else as they say.

    Expiries of one future that contradict each other are not all on it: those against the majority have no price.

    Parameters
    ----------
    futures : sequence of str
        Contract of each of m expiries.
    fits : ForwardFit
        What each expiry alone says by parity.
    given : (m,) float64
        Prices that came with the chain; NaN where none did.
    """
    price, error = np.full(len(futures), np.nan), np.full(len(futures), np.nan)
    apart, notes = np.zeros(len(futures), dtype=np.bool_), []
    for future in dict.fromkeys(futures):
        own = np.array([one == future for one in futures])
        apart[own] = _apart(fits.forward[own], fits.forward_error[own], float(given[own][0]))
        if (own & apart).any():
            notes.append(_contradiction(future, fits, own, apart))
        own &= ~apart
        if not own.any():
            continue
        said, spread = _by_parity(fits.forward[own], fits.forward_error[own])
        came = float(given[own][0])
        if not np.isfinite(came):
            price[own], error[own] = said, spread
        elif not np.isfinite(said) or abs(np.log(said / came)) <= max(_ERRORS * spread / said, _APART):
            price[own], error[own] = came, 0.0
        else:
            price[own], error[own] = said, spread
            notes.append(
                f"the price of {future} that came with the chain, {came:,.6g}, is not of the moment of these quotes: "
                f"put-call parity says {said:,.6g} +/- {spread:.2g}, which is used"
            )
    return AgreedPrices(price, error, apart, tuple(notes))


def _apart(forward: F64_1D, error: F64_1D, came: float) -> BOOL_1D:
    """Which expiries of one future contradict the majority; all with a forward, where there is no majority.

    The price that was delivered has one vote among them.
    """
    known = np.flatnonzero(np.isfinite(forward))
    found = np.zeros(len(forward), dtype=np.bool_)
    price, width = np.log(forward[known]), error[known] / forward[known]
    if _fits_all(price, width).all():
        return found
    if np.isfinite(came):
        price, width = np.append(price, np.log(came)), np.append(width, 0.0)
    agree, groups = _fits_all(price, width), set()
    for first in range(len(price)):
        group = [first]
        for other in np.argsort(width, kind="stable").tolist():
            if other != first and agree[other, group].all():
                group.append(other)
        groups.add(frozenset(group))
    most = max(len(group) for group in groups)
    largest = [group for group in groups if len(group) == most]
    kept = largest[0] if len(largest) == 1 and 2 * most > len(price) else frozenset()
    found[known] = [number not in kept for number in range(len(known))]
    return found


def _fits_all(price: F64_1D, width: F64_1D) -> BOOL_1D:
    """Whether each two of n logarithms of prices, with their errors, can be one price, (n, n)."""
    allowed = np.maximum(_ERRORS * np.hypot(width[:, None], width), _CONTRADICT)
    found: BOOL_1D = np.abs(price[:, None] - price) <= allowed
    return found


def _contradiction(future: str, fits: ForwardFit, own: BOOL_1D, apart: BOOL_1D) -> str:
    """Which expiries of a future have no forward, and what all of them say, in a sentence."""
    rows = np.flatnonzero(own & np.isfinite(fits.forward))
    says = ", ".join(
        f"{fits.years[row] * 365.0:.1f} days {fits.forward[row]:,.6g} +/- {fits.forward_error[row]:.2g}"
        f"{' (no forward)' if apart[row] else ''}"
        for row in rows
    )
    return (
        f"the expiries that are said to be on {future} contradict each other: put-call parity says {says}. Options on "
        f"one future have one forward, so that {'none of them is' if apart[rows].all() else 'those are not'} believed: "
        "look whether they are on another future"
    )


def without_forward(fits: ForwardFit, expiry: I64_1D, without: BOOL_1D, reason: Reason) -> ForwardFit:
    """The forwards, with a reason and no number in place of those of some expiries."""
    if not without.any():
        return fits
    reasons = np.where(without, reason, fits.reason).astype(np.uint8)
    blank = {name: np.where(without, np.nan, getattr(fits, name)) for name in _OF_EXPIRY}
    blank |= {name: np.where(without[expiry], np.nan, getattr(fits, name)) for name in ("residual", "residual_spreads")}
    return replace(fits, **blank, reason=reasons)


def future_forwards(
    roots: tuple[str, ...],
    expiry_ns: I64_1D,
    expiry: I64_1D,
    given: F64_1D,
    fits: ForwardFit,
    refit: Callable[[F64_1D], ForwardFit],
) -> tuple[ForwardFit, tuple[str, ...]]:
    """The forwards of expiries on futures, one for each future, and what to say of them.

    An expiry that the exchange's rule puts on another future than the one it is named with has none, and no say in
    what the price of that future is; so does one that contradicts the others.

    Parameters
    ----------
    roots : (m,) tuple of str
    expiry_ns : (m,) int64
    expiry : (n,) int64
        Number of each row's expiry.
    given : (n,) float64
        Price of the future as it came with each row; NaN where it did not.
    fits : ForwardFit
        What each expiry alone says by parity.
    refit : callable
        The fit by known forwards of each row.
    """
    from argus.core.chains import future_of
    from argus.options import Reason

    futures = tuple(map(future_of, roots))
    wrong, misplaced = _misplaced(roots, expiry_ns)
    came, told = given_prices(futures, expiry, np.where(wrong[expiry], np.nan, given))
    prices = agreed_prices(futures, without_forward(fits, expiry, wrong, Reason.WRONG_FUTURE), came)
    found = replace(refit(prices.price[expiry]), forward_error=prices.error)
    found = without_forward(found, expiry, prices.apart, Reason.FUTURES_CONTRADICT)
    return without_forward(found, expiry, wrong, Reason.WRONG_FUTURE), (*misplaced, *told, *prices.notes)


def _misplaced(roots: tuple[str, ...], expiry_ns: I64_1D) -> tuple[BOOL_1D, tuple[str, ...]]:
    """Which expiries cannot be on the future of their root, and why; chains stored long ago were not asked."""
    from argus.core.chains import future_of, product_of
    from argus.data.contract_dates import parse_contract
    from argus.data.future_options import exchange_day, future_fault

    faults = [
        future_fault(product_of(root), exchange_day(int(ns)), None, parse_contract(future_of(root)))
        for root, ns in zip(roots, expiry_ns, strict=True)
    ]
    notes = tuple(f"{fault}: that expiry has no forward" for fault in dict.fromkeys(faults) if fault)
    return np.array([bool(fault) for fault in faults], dtype=np.bool_), notes


def _by_parity(forward: F64_1D, error: F64_1D) -> tuple[float, float]:
    """Weighted mean of what expiries say of one price, and its standard error; NaN where none says anything."""
    known = np.isfinite(forward)
    if not known.any():
        return float("nan"), float("nan")
    forward, weight = forward[known], np.maximum(error[known], 1e-9 * forward[known]) ** -2.0
    mean = float(weight @ forward / weight.sum())
    # Expiries that contradict each other know less than each of them says.
    apart = float(weight @ (forward - mean) ** 2) / max(len(forward) - 1, 1)
    return mean, float(np.sqrt(max(1.0, apart) / weight.sum()))


def futures_notes(futures: Sequence[str], *, is_early: bool) -> tuple[str, ...]:
    """What a reader of results about options on these futures must know."""
    notes = []
    several = list(dict.fromkeys(futures))
    if len(several) > 1:
        notes.append(
            f"these options are on {len(several)} futures ({', '.join(several[:8])}{', ...' * (len(several) > 8)}): "
            "each has a price of its own; smiles are held free of arbitrage, and Heston is calibrated, among the "
            "expiries of one future only; what is read between two futures, such as the volatility of 30 days, is no "
            "law of either"
        )
    if is_early:
        notes.append(
            "these options may be exercised early, into the future: volatilities, surface and chances are those of "
            "European options, with that right taken out; positions are valued with it"
        )
    return tuple(notes)


def future_of_days(futures: Sequence[str], fits: ForwardFit, days: float) -> tuple[str, float]:
    """The future beneath the expiry that is nearest to some days, of those with a forward, and its price.

    Raises
    ------
    CoverageError
        If none is known.
    """
    usable = np.flatnonzero(np.isfinite(fits.forward))
    if not len(usable):
        raise CoverageError("no future beneath these options has a price, delivered or by put-call parity")
    nearest = int(usable[np.argmin(np.abs(fits.years[usable] * 365.0 - days))])
    return futures[nearest], float(fits.forward[nearest])


def contract_costs(
    snapshot: Snapshot, *, commission: float | None = None, multiplier: float | None = None, mid: bool = False
) -> tuple[Costs, tuple[str, ...]]:
    """What trading a contract takes, and what to say of it; what is None is not stated.

    Options on futures have the multiplier of the future, and where no commission is stated its fees stand for theirs.

    Raises
    ------
    ConfigError
        If a stated figure is none that can be.
    """
    from argus.options import Costs, Fill

    fill = Fill.MID if mid else Fill.NATURAL
    notes: tuple[str, ...] = ()
    if snapshot.is_on_futures:
        spec = instrument(snapshot.chain.underlying)
        multiplier = float(spec.multiplier) if multiplier is None else multiplier
        fee = spec.fee_on(day_of(snapshot.now_ns // NS_PER_DAY))
        if commission is None and fee is not None:
            commission = float(fee.per_unit)
            notes = (
                f"the commission is what the future itself costs, {commission:g} a contract and side; state your own",
            )
    stated = {"commission": commission, "multiplier": multiplier}
    return Costs(fill=fill, **{name: value for name, value in stated.items() if value is not None}), notes


def scan_moves(spec: InstrumentSpec, price: float, day: date) -> tuple[float, ...] | None:
    """Moves of a future by thirds of its maintenance margin, as shares of its price; None where no margin is known."""
    rate = spec.margin_on(day)
    if rate is None:
        return None
    reach = float(rate.maintenance) / float(spec.multiplier) / price
    return tuple(reach * step / _SCAN_STEPS for step in range(-_SCAN_STEPS, _SCAN_STEPS + 1))


def futures_of(roots: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Future beneath each expiry; empty where none is on a future."""
    from argus.core.chains import future_of

    futures = tuple(future_of(root) for root in roots)
    if any(futures) and not all(futures):
        plain = next(root for root, future in zip(roots, futures, strict=True) if not future)
        raise ConfigError(
            f"{source}: {plain} is on no future, and {next(filter(None, futures))} is there too; keep options on "
            "shares and options on futures as series of their own"
        )
    return futures if any(futures) else ()


def given_prices(futures: tuple[str, ...], expiry: I64_1D, given: F64_1D) -> tuple[F64_1D, tuple[str, ...]]:
    """Price of the future of each expiry as it came with the chain, and what to say of it.

    It is the middle one of its rows; NaN without any, and where they are too far apart to be of one future.
    """
    names = np.array(futures)
    found, notes = np.full(len(names), np.nan), []
    for future in dict.fromkeys(futures):
        came = given[names[expiry] == future]
        if not np.isfinite(came).any():
            continue
        middle, low, high = (float(of(came)) for of in (np.nanmedian, np.nanmin, np.nanmax))
        is_one = high - low <= _CONTRADICT * abs(middle)
        if is_one:
            found[names == future] = middle
        if high - low > _APART * abs(middle):
            used = f"the middle one, {middle:,.6g}, is held against the quotes" if is_one else "none of them is used"
            notes.append(f"rows of one snapshot came with prices of {future} from {low:,.6g} to {high:,.6g}: {used}")
    return found, tuple(notes)
