"""Structures found in a snapshot, and what may become of them: payoff, margin, and the probability of profit.

The same position is asked of several models side by side: the market's own smile, Black and Scholes at the volatility
of its legs, Heston calibrated to the snapshot, and, where the workspace holds daily closes of the underlying, sessions
of the past.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.app.option_early import assignment_notes, early_exercise
from argus.app.option_futures import future_of_days, scan_moves
from argus.app.option_heston import (
    Refusal,
    calibrate_snapshot,
    fit_notes,
    marked_by,
    refused_expiry,
    refused_paths,
    refused_position,
    refused_search,
)
from argus.app.option_quotes import TradableVols, quote_notes, tradable_vols
from argus.app.option_snapshots import Snapshot, absurd_notes
from argus.app.option_surface import fit_snapshot
from argus.core.arrays import BOOL_1D, F64_1D
from argus.core.chains import NS_PER_YEAR_365, settles_in_cash
from argus.core.errors import ConfigError, CoverageError, WorkspaceError
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, day_of, format_ns

if TYPE_CHECKING:
    from argus.options import (
        ChainSlice,
        Costs,
        ExitPlan,
        Fill,
        GridMargin,
        HestonCalibration,
        Law,
        Model,
        PnlCurve,
        PopRow,
        Position,
        StrategyMargin,
        Wanted,
    )

__all__ = [
    "LegLine",
    "PastReturns",
    "PopReport",
    "StructureReport",
    "daily_returns",
    "find_structure",
    "probability_of_profit",
]

_BROAD_INDICES: Final = frozenset({"SPX", "XSP", "NDX", "RUT", "VIX", "OEX", "DJX"})
"""Underlyings whose options margin rules treat as options on a broad index."""
_RETURNS_MIN: Final = 250
_SESSIONS_A_YEAR: Final = 252
_INDEX_MOVES: Final = (-0.08, -0.064, -0.048, -0.032, -0.016, 0.0, 0.012, 0.024, 0.036, 0.048, 0.06)
"""Moves of customer portfolio margin on a broad index of large companies: eight percent down to six up."""
_DRIFT_MAX: Final = 2.0
"""Annual growth of the mean price, continuous, beyond which a stated one is a slip: five percent written as 5."""


_NO_RULES: Final = (
    "no strategy rule holds for options on futures, which the clearing house margins by a scan of risk (SPAN); the "
    "grid, by thirds of the future's maintenance margin, is a likeness of it"
)
_NO_MARGIN: Final = "no margin of the future is known for that day: the grid moves it by fifteen percent at most"


@dataclass(frozen=True, slots=True)
class LegLine:
    """A leg as people read it.

    Attributes
    ----------
    contract : str
        Root, expiry and strike, or the underlying.
    right : str
        ``call``, ``put`` or ``underlying``.
    quantity, strike, days, bid, ask, vol, delta : float
        Units for one unit of the structure (bought is positive); the delta is of one unit bought: Black's, or the
        American model's where the option may be exercised early.
    american : bool
        Whether it may be exercised early.
    early_premium, exercised_at : float
        What that right is worth now, and the spot from which on using it pays (NaN: never before the expiry).
    """

    contract: str
    right: str
    quantity: float
    strike: float
    days: float
    bid: float
    ask: float
    vol: float
    delta: float
    american: bool
    early_premium: float
    exercised_at: float


@dataclass(frozen=True, slots=True, eq=False)
class StructureReport:
    """A structure in a chain.

    Attributes
    ----------
    snapshot : Snapshot
    position : Position
    legs : tuple of LegLine
    costs : Costs
    curve : PnlCurve
        Gain at the nearest expiry, costs paid.
    margin : StrategyMargin
    grid : GridMargin
    greeks : mapping of str to float
        Of one unit now: value, delta, gamma, vega per point, theta per day, rho per point.
    """

    snapshot: Snapshot
    position: Position
    legs: tuple[LegLine, ...]
    costs: Costs
    curve: PnlCurve
    margin: StrategyMargin
    grid: GridMargin
    greeks: dict[str, float]


def find_structure(snapshot: Snapshot, structure: str, wanted: Wanted, costs: Costs) -> StructureReport:
    """Select a structure by days and delta, and measure it.

    Raises
    ------
    ConfigError
        For an unknown structure, or a delta or width of which it has no use.
    CoverageError
        If the chain has no contracts that fit; says which leg and why.
    """
    from argus.options import pnl_curve, reason_names, select_structure

    chain, vols = snapshot.chain, tradable_vols(snapshot)
    slice_, future = _slice(snapshot, structure, wanted, vols)
    found = select_structure(structure, slice_, wanted)
    position = found.position
    if position is None:
        reason = reason_names(np.array([found.reason], dtype=np.uint8))[0].replace("_", " ")
        told = [f"all legs are looked for on {future}: no structure over two futures is analysed"] * bool(future)
        told += absurd_notes(int(snapshot.no_price.sum()))
        raise CoverageError("; ".join([f"{snapshot.source}: {reason}: {found.detail}", *told]))
    margin, grid, said = _margins(snapshot, position, costs.fill)
    now = position.value(position.spot)
    greeks = {
        "value": float(now.value[0]),
        "delta": float(now.delta[0]),
        "gamma": float(now.gamma[0]),
        "vega_point": float(now.vega[0]) / 100.0,
        "theta_day": float(now.theta[0]) / 365.0,
        "rho_point": float(now.rho[0]) / 100.0,
    }
    if (position.right == 0).any() and settles_in_cash(chain.settlement).all():
        snapshot = replace(
            snapshot,
            notes=(
                *snapshot.notes,
                f"{chain.underlying} itself cannot be bought: the underlying stands for a fund on it",
            ),
        )
    legs = _legs(snapshot, position)
    told = quote_notes(snapshot, vols, position.row, [f"{leg.right} {leg.contract}" for leg in legs])
    told += [*_dividend_notes(snapshot, position), *said]
    told += _wing_notes(position, costs)
    told += assignment_notes(position, [leg.contract for leg in legs], early_exercise(position), future)
    snapshot = replace(snapshot, notes=(*snapshot.notes, *told))
    curve = pnl_curve(position, costs)
    return StructureReport(snapshot, position, legs, costs, curve, margin, grid, greeks)


def _slice(snapshot: Snapshot, structure: str, wanted: Wanted, vols: TradableVols) -> tuple[ChainSlice, str]:
    """The quotes that legs are taken from, and the future that they are on: one, that of the nearest expiry."""
    from argus.options import STRUCTURES, ChainSlice

    chain, own = snapshot.chain, vols.vol
    future = ""
    if snapshot.is_on_futures:
        if structure in STRUCTURES and any(leg.right == 0 for leg in STRUCTURES[structure].legs):
            raise ConfigError(
                f"{structure} holds the underlying, and a future is margined, not bought: it is analysed on shares only"
            )
        future, spot = future_of_days(snapshot.futures, snapshot.forwards, wanted.dte)
        own = np.where(np.array(snapshot.futures)[snapshot.expiry] == future, own, np.nan)
    else:
        spot = _spot(snapshot)
    columns = (chain.right, chain.strike, snapshot.years, chain.bid, chain.ask, own)
    return ChainSlice(spot, *columns, snapshot.forward, snapshot.discount, snapshot.is_early), future


def _margins(snapshot: Snapshot, position: Position, fill: Fill) -> tuple[StrategyMargin, GridMargin, list[str]]:
    """Margin by rules and by a grid of moves, and what must be said of them."""
    from argus.options import MarginClass, StrategyMargin, grid_margin, strategy_margin

    chain = snapshot.chain
    if snapshot.is_on_futures:
        day = day_of(snapshot.now_ns // NS_PER_DAY)
        moves = scan_moves(instrument(chain.underlying), position.spot, day)
        scan = {} if moves is None else {"moves": moves}
        grid = grid_margin(position, least_per_contract=0.0, **scan)
        return StrategyMargin(*(math.nan,) * 7, (_NO_RULES,)), grid, [_NO_MARGIN] * (moves is None)
    is_index = chain.underlying in _BROAD_INDICES
    margin = strategy_margin(position, MarginClass.BROAD_INDEX if is_index else MarginClass.EQUITY, fill)
    return margin, grid_margin(position, _INDEX_MOVES) if is_index else grid_margin(position), []


@dataclass(frozen=True, slots=True, eq=False)
class PopReport:
    """The probability of profit of a structure by every model.

    Attributes
    ----------
    structure : StructureReport
    plan : ExitPlan or None
    rows : tuple of PopRow
    heston : HestonCalibration
        What the snapshot says of Heston's parameters.
    laws : mapping of str to Law
        Distributions at expiry, by the models' labels.
    refused : tuple of Refusal
        Models that were asked and have no answer to be believed.
    notes : tuple of str
        Which model is missing, and why.
    """

    structure: StructureReport
    plan: ExitPlan | None
    rows: tuple[PopRow, ...]
    heston: HestonCalibration
    laws: Mapping[str, Law]
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...]


def probability_of_profit(
    structure: StructureReport,
    *,
    plan: ExitPlan | None = None,
    drift: float | None = None,
    past: PastReturns | None = None,
    paths: int = 20_000,
    seed: int = 0,
    workers: int = 2,
) -> PopReport:
    """Ask every model the same questions of one position.

    Parameters
    ----------
    structure : StructureReport
    plan : ExitPlan or None
        Target, stop and time at which it is closed; None holds it.
    drift : float or None
        The user's real-world drift, continuous and annual; None takes the forward's for the models of option prices,
        and the sample's own for the past.
    past : PastReturns or None
        Sessions of the past.
    paths, seed, workers : int

    Raises
    ------
    ConfigError
        For a drift beyond reason, or a plan that makes no sense.
    """
    from argus.options import BlackScholes, HistoricalBootstrap, Law, PathModel, SurfaceLaw, pop_table

    if drift is not None and not abs(drift) <= _DRIFT_MAX:
        raise ConfigError(
            f"drift is {drift:g}; write a share a year from -{_DRIFT_MAX:g} to {_DRIFT_MAX:g}, such as 0.05"
        )
    position, snapshot = structure.position, structure.snapshot
    options = position.right != 0
    near = options & (position.years == position.horizon)
    carry = float(position.carry[near][0])
    vol, note = _one_volatility(position, near)
    # Under a model of prices the legs are marked on the way at the model's own volatilities: marks at the market's
    # would gain, on the average, what the model thinks the market has wrong, and a fair game would seem to pay.
    asked: list[tuple[Position, Model]] = [
        (position.at_vols(np.where(near, vol, position.vol)), BlackScholes(position.spot, vol, carry, drift))
    ]
    notes = [note]
    if not position.has_one_expiry:
        notes.append(
            "what a later expiry is worth when the first one ends, the smiles of today do not say: the market's smile "
            "and Heston's formula are left out"
        )
    else:
        try:
            surface = fit_snapshot(snapshot).surface
            surface.smile_at(position.horizon)
            asked.insert(0, (position, SurfaceLaw(position.spot, surface, carry, drift)))
        except (CoverageError, ConfigError) as error:
            notes.append(f"the market's own smile is missing: {error}")
    smile = next((model for _, model in asked if isinstance(model, SurfaceLaw)), None)
    heston, own, refused, told = _asked_of_heston(structure, carry, drift, smile)
    asked += own
    notes += told
    if past is None:
        notes.append(
            f"the past is missing: the catalog has no year of daily bars {snapshot.chain.underlying}.1d; import them "
            "(argus data import), or name a dataset with --history"
        )
    else:
        asked.append((position, HistoricalBootstrap(position.spot, past.log_returns, drift=drift)))
        notes.append(_of_the_past(past, drift, vol))
    how = {"plan": plan, "costs": structure.costs, "paths": paths, "seed": seed, "workers": workers}
    rows = tuple(row for held, model in asked for row in pop_table(held, [model], **how))  # type: ignore[arg-type]
    if not position.has_one_expiry:
        rows = tuple(replace(row, at_expiry=None) if row.model == "heston" else row for row in rows)
    laws = {model.label: model for _, model in asked if isinstance(model, Law)}
    marked = {model.label: held for held, model in asked if isinstance(model, PathModel)}
    notes += _of_the_plan(structure, plan, marked) if plan is not None else []
    notes += _of_early_exercise(structure)
    return PopReport(structure, plan, rows, heston, laws, refused, tuple(notes))


def _asked_of_heston(
    structure: StructureReport, carry: float, drift: float | None, smile: Law | None
) -> tuple[HestonCalibration, list[tuple[Position, Model]], tuple[Refusal, ...], list[str]]:
    """Heston calibrated, the position and the model where it is believed, why it is not, and what to say of it."""
    from argus.options import HestonLaw, HestonMarks

    position, snapshot = structure.position, structure.snapshot
    heston = calibrate_snapshot(snapshot, position.horizon)
    if heston.parameters is None:
        missing = "Heston is missing: the snapshot has too few quotes with a bid and an ask to calibrate it"
        return heston, [], (), [missing]
    law = HestonLaw(position.spot, heston.parameters, carry, drift)
    refusal = refused_expiry(snapshot, heston, law, position.horizon)
    if refusal is None:
        fair = marked_by(position, law)
        refusal = refused_position(law, fair, structure.curve)
        refusal = refusal or refused_search(law, heston, fair, structure.costs, smile)
    if refusal is not None:
        return heston, [], (refusal,), [refusal.why]
    told = fit_notes(heston, fair)
    refusal = refused_paths(snapshot, heston, law, position.horizon)
    if refusal is None:
        return heston, [(fair, HestonMarks(law, fair))], (), told
    if not position.has_one_expiry:
        return heston, [], (refusal,), [refusal.why]
    return heston, [(fair, law)], (refusal,), [*told, refusal.why]


def _one_volatility(position: Position, near: BOOL_1D) -> tuple[float, str]:
    """The volatility that Black and Scholes are given, and what that means for their answers."""
    sold = near & (position.quantity < 0.0)
    rows = sold if sold.any() else near
    vol = float(np.sqrt(np.average(position.vol[rows] ** 2, weights=np.abs(position.quantity[rows]))))
    return vol, (
        f"Black and Scholes move by {vol:.1%}, the volatility of the {'sold' if sold.any() else 'bought'} options of "
        "the nearest expiry; where other legs cost another, its mean gain holds that difference and no edge"
    )


def _of_the_plan(structure: StructureReport, plan: ExitPlan, marked: Mapping[str, Position]) -> list[str]:
    """Target and stop in money, and which of them closes nothing, or everything at the first look.

    `marked` are the position as each model of paths marks it.
    """
    from argus.options import closing_gain

    position, curve, times = structure.position, structure.curve, structure.costs.multiplier
    if not plan.watches:
        return []
    target, stop = plan.amounts(position, structure.costs)
    amounts = {"the target is a gain of": target, "the stop is a loss of": stop}
    each = ", ".join(f"{name} {amount * times:,.2f}" for name, amount in amounts.items() if math.isfinite(amount))
    is_held = bool((position.right == 0).any())
    whose = "the premium of the plan is that of the options sold against the underlying" if is_held else "the plan"
    told = [f"{whose}: {each}"]
    for name, amount, most, end in (
        ("profit target", target, curve.profit_max, "gain"),
        ("stop", stop, curve.loss_max, "loss"),
    ):
        if math.isfinite(amount) and amount > most:
            told.append(
                f"the {name} of {amount * times:,.2f} is more than the largest {end} at the expiry, "
                f"{most * times:,.2f}: it closes nothing, or next to nothing"
            )
    for label, held in marked.items():
        gain = closing_gain(held, structure.costs)
        for name, amount, reached, verb in (("target", target, gain, "gain"), ("stop", stop, -gain, "lose")):
            if reached >= amount:
                told.append(
                    f"the {name} of {amount * times:,.2f} is reached at entry: under {label.replace('_', ' ')} closing "
                    f"at once, half-spreads and commission paid, would {verb} {reached * times:,.2f}, so that nearly "
                    f"every path ends at the first look"
                )
    return told


def _of_early_exercise(structure: StructureReport) -> list[str]:
    """What the answers do with the right to exercise early, where a leg has it."""
    position = structure.position
    if not position.early.any():
        return []
    worth = math.fsum(position.quantity * early_exercise(position).premium)
    return [
        "the right to exercise early: formulas, and paths that are held, take what the options pay at the expiry; on "
        "the way they are marked with it, under Black and Scholes and under the past at the volatility of each leg, "
        "under Heston at the volatility that Black needs for Heston's price of the European option, near but not "
        f"Heston's American price. Now the rights are worth {worth:+z,.2f} a unit: held to the end, that is "
        f"{'given away' if worth > 0.0 else 'kept, if no holder uses them'}",
    ]


def _of_the_past(past: PastReturns, drift: float | None, vol: float) -> str:
    own = past.growth if drift is None else drift
    return (
        f"the past is {len(past.log_returns):,} sessions from {past.first} to {past.last}: the mean of the spot grows "
        f"by {own:+.1%} a year, and moves by {past.vol:.1%} where these options imply {vol:.1%}. A gain may be that "
        "growth or that difference, and what those years did not hold cannot come"
    )


@dataclass(frozen=True, slots=True, eq=False)
class PastReturns:
    """Logarithmic returns of single sessions.

    Attributes
    ----------
    log_returns : (n,) float64
    first, last : str
        Dates of the first and the last of them.
    """

    log_returns: F64_1D
    first: str
    last: str

    @property
    def growth(self) -> float:
        """Annual growth of the mean price, continuous."""
        return float(_SESSIONS_A_YEAR * np.log(np.mean(np.exp(self.log_returns))))

    @property
    def vol(self) -> float:
        """Annual volatility."""
        return float(np.std(self.log_returns, ddof=1) * np.sqrt(_SESSIONS_A_YEAR))


def daily_returns(
    workspace: Path | None, name: str, before_ns: int, years: float = 10.0, *, wanted: bool = False
) -> PastReturns | None:
    """Returns of single sessions of a dataset, those known by an instant; None if there is not a year of them.

    Parameters
    ----------
    workspace : Path or None
    name : str
        A dataset of daily bars, such as ``SPY.1d``; a symbol alone stands for its daily bars.
    before_ns : int
    years : float
        How much of the past is taken, up to that instant.
    wanted : bool
        Whether it was asked for by name: then it must be there.

    Raises
    ------
    WorkspaceError, CatalogError, CoverageError
        If it was asked for, and there is no workspace, no such dataset, or less than a year of it.
    """
    from argus.app.workspace import open_workspace

    try:
        catalog = open_workspace(workspace).catalog()
    except WorkspaceError:
        if wanted:
            raise
        return None
    symbol, _, interval = name.partition(".")
    held = {info.name for info in catalog.datasets()}
    if not wanted and f"{symbol}.{interval or '1d'}" not in held:
        return None
    bars = catalog.load(symbol, interval or "1d")
    known = (bars.ts_recv_ns <= before_ns) & (bars.ts_recv_ns > before_ns - round(years * NS_PER_YEAR_365))
    known &= np.isfinite(bars.close) & (bars.close > 0.0)
    close, session = bars.close[known], bars.session[known]
    if len(close) <= _RETURNS_MIN:
        if wanted:
            raise CoverageError(f"{name} has {len(close)} closes by then; at least {_RETURNS_MIN + 1} are needed")
        return None
    return PastReturns(np.diff(np.log(close)), day_of(session[1]).isoformat(), day_of(session[-1]).isoformat())


def _spot(snapshot: Snapshot) -> float:
    spot = snapshot.spot
    if not np.isfinite(spot):
        raise CoverageError(
            f"{snapshot.source}: the chain has no price of {snapshot.chain.underlying} and no forward that would stand "
            "for it; import the underlying's price with the chain"
        )
    return spot


def _dividend_notes(snapshot: Snapshot, position: Position) -> list[str]:
    """What an underlying held is taken to pay, in a sentence."""
    shares = np.flatnonzero(position.right == 0)
    if not len(shares):
        return []
    paid, stock = float(position.dividends(position.horizon)[0]), int(shares[0])
    row = int(position.row[np.argmin(position.years)])
    rate_error = float(snapshot.rate_error[snapshot.expiry[row]])
    error = float(position.quantity[stock]) * position.spot * position.horizon * rate_error
    return [
        f"until the nearest expiry the underlying held is taken to pay {paid:,.2f} a unit"
        + (f" +/- {error:,.2f}" if error > 0.0 else "")
        + f", the {position.rate[stock] - position.carry[stock]:z.2%} a year that its forward is short of the rate "
        "(dividends, and fees for lending it): every gain counts it, as it accrues"
    ]


def _wing_notes(position: Position, costs: Costs) -> list[str]:
    """Wings of one width by definition that the chain does not have."""
    from argus.options import STRUCTURES, pnl_curve

    declared = STRUCTURES[position.name]
    pairs = [(leg, declared.twin(leg)) for leg in range(len(declared.legs)) if declared.twin(leg) > leg]
    told, times = [], costs.multiplier
    for leg, twin in pairs:
        low, high = (abs(position.strike[wing] - position.strike[declared.legs[wing].of]) for wing in (leg, twin))
        if abs(low - high) > 1e-6 * high:
            paid, worst = position.entry(costs.fill), pnl_curve(position, costs).loss_max
            more = f", more than the {paid * times:,.2f} paid" if worst > paid > 0.0 else ""
            told.append(
                f"the wings are {low:g} and {high:g} wide: the chain has no two near enough that are as wide, so that "
                f"one side loses more than the other, {worst * times:,.2f} at the worst{more}"
            )
    return told


def _legs(snapshot: Snapshot, position: Position) -> tuple[LegLine, ...]:
    chain = snapshot.chain
    each, early = position.leg_values(position.spot), early_exercise(position)
    lines = []
    for leg, row in enumerate(position.row.tolist()):
        side = int(position.right[leg])
        contract, days = chain.underlying, float("inf")
        if side:
            at = int(row)
            day = format_ns(int(chain.expiry_ns[at]))[:10]
            contract = f"{chain.roots[int(chain.root[at])]} {day} {position.strike[leg]:g}"
            days = float(position.years[leg]) * 365.0
        lines.append(
            LegLine(
                contract,
                {1: "call", -1: "put", 0: "underlying"}[side],
                float(position.quantity[leg]),
                float(position.strike[leg]),
                days,
                float(position.bid[leg]),
                float(position.ask[leg]),
                float(position.vol[leg]),
                float(each.delta[0, leg]),
                bool(position.early[leg]),
                float(early.premium[leg]),
                float(early.boundary[leg]),
            )
        )
    return tuple(lines)
