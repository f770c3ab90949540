"""Pages of snapshots, surfaces and positions: what was worked out, laid out as the report's records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.app.option_surface import (
    MONEYNESS_EDGES,
    TENOR_DAYS,
    calendars_unjudged,
    expiry_names,
    fit_snapshot,
    forward_vols,
    local_vols,
)
from argus.app.option_tables import beside, contract_name, expiry_lines, move_text
from argus.core.arrays import F64_1D
from argus.core.errors import CoverageError
from argus.core.time import format_ns
from argus.core.words import counted

if TYPE_CHECKING:
    from argus.app.option_positions import PopReport, StructureReport
    from argus.app.option_snapshots import Snapshot
    from argus.app.option_surface import AnomalyReport, PublishedIndex, SurfaceReport, VolOutlook
    from argus.options import Estimate, ExpiryPop, PathPop, PopRow, Position
    from argus.report.options import AnomalyRegions, Measured, PopAnswer, PopModel, PositionTerms, SurfaceExpiry

__all__ = ["anomaly_page", "pop_page", "smile_page", "structure_page", "surface_page"]

_CURRENCY: Final = "USD"
_K_POINTS: Final = 81
_CURVE_POINTS: Final = 121
_SPOTS: Final = 241
_WIDTHS: Final = 4.0
_LIMIT: Final = 0.1
_MODEL: Final = "arbitrage-free smiles"


def smile_page(snapshot: Snapshot) -> str:
    """Quotes as volatilities by expiry, with the fitted smile through them."""
    from argus.options import reason_names
    from argus.report.options import SmileExpiry, SmileView, render_smile

    try:
        surface = fit_snapshot(snapshot).surface
    except CoverageError:
        surface = None
    chain, vols = snapshot.chain, snapshot.vols
    expiries = []
    for number, line in enumerate(expiry_lines(snapshot)):
        rows = np.flatnonzero((snapshot.expiry == number) & snapshot.is_out)
        curve: dict[str, Any] = {}
        years = float(snapshot.forwards.years[number])
        if surface is not None and years in surface.years:
            at = int(np.flatnonzero(surface.years == years)[0])
            k = np.linspace(surface.k_low[at], surface.k_high[at], _CURVE_POINTS)
            curve = {
                "curve_strike": line.forward * np.exp(k),
                "curve_vol": surface.vol(k, np.full(len(k), years)).value,
            }
        why = "" if line.reason == "ok" else f"no forward: {line.reason}"
        expiries.append(
            SmileExpiry(
                label=f"{line.expiry}, {line.root} {line.settlement}",
                days=line.days,
                forward=line.forward,
                discount=line.discount,
                rate=line.rate,
                forward_error=line.forward_error,
                rate_said=line.rate_said.strip("-"),
                own_rate_said=line.own_rate_said.strip("-"),
                vol_atm=line.atm_vol,
                strike=chain.strike[rows],
                right=chain.right[rows],
                vol_bid=vols.bid.vol[rows],
                vol_mid=vols.mid.vol[rows],
                vol_ask=vols.ask.vol[rows],
                reason=tuple(
                    "" if name == "ok" else name.replace("_", " ") for name in reason_names(vols.mid.reason[rows])
                ),
                vol_vendor=chain.vendor_iv[rows] if np.isfinite(chain.vendor_iv[rows]).any() else None,
                why=(why or ("" if curve else "too few quotes for a smile")).replace("_", " "),
                **curve,
            )
        )
    notes = (*snapshot.notes, "Only quotes out of the money are drawn: those in the money say the same, less exactly.")
    head = _titled("Implied volatility", snapshot)
    return render_smile(SmileView(**head, spot=snapshot.spot, model=_MODEL, expiries=tuple(expiries), notes=notes))


def surface_page(
    report: SurfaceReport, outlook: VolOutlook | None = None, published: PublishedIndex | None = None
) -> str:
    """The surface with its term structure, skew, densities, and how well it fits."""
    from argus.report.options import Finding, SurfaceView, VolIndex, VolPremium, render_surface

    surface, index, snapshot = report.surface, report.index, report.snapshot
    years = surface.years
    k = np.linspace(float(np.quantile(surface.k_low, 0.25)), float(np.quantile(surface.k_high, 0.75)), _K_POINTS)
    grid_k, grid_years = np.tile(k, len(years)), np.repeat(years, len(k))
    shape = (len(years), len(k))
    local, local_why = local_vols(report, k)
    if np.isfinite(local).any() and not np.isfinite(local).all():
        local_why = "; ".join(filter(None, (local_why, "no answer outside of the quoted strikes and expiries")))
    told = None
    if index is not None or published is not None:
        ours = index.index if index is not None and not index.reason else math.nan
        sentence = "No two expiries lie around 30 days."
        if index is not None:
            near, later = index.near.years * 365.0, index.next.years * 365.0
            sentence = f"From expiries in {near:.1f} and {later:.1f} days, by the rules of the VIX."
        if published is not None:
            sentence += f" {beside(published, ours)}"
        told = VolIndex("30-day volatility index", ours, math.nan if published is None else published.close, sentence)
    rise = surface.rise_min[np.isfinite(surface.rise_min)]
    return render_surface(
        SurfaceView(
            **_titled("Volatility surface", snapshot),
            model=_MODEL,
            spot=snapshot.spot,
            k=k,
            tenor_days=years * 365.0,
            tenor=tuple(f"{date}, {root}" for date, root, _ in expiry_names(report)),
            vol=surface.vol(grid_k, grid_years).value.reshape(shape),
            local_vol=local if np.isfinite(local).any() else None,
            local_why=local_why,
            expiries=_surface_expiries(report),
            findings=(
                Finding(
                    bool((surface.g_min >= 0.0).all()),
                    f"Butterflies: the least of Durrleman's g on a dense grid is {float(surface.g_min.min()):.3g}; "
                    "below zero a butterfly would cost less than nothing.",
                ),
                Finding(
                    bool((rise >= -1e-9).all()) if len(rise) else None,
                    calendars_unjudged(report)
                    or "Calendar spreads: the total variance never falls from one expiry to the next; its least rise "
                    f"is {float(rise.min()):.2g} as a share.",
                ),
            ),
            index=told,
            premium=None
            if outlook is None
            else VolPremium(
                30.0,
                outlook.implied,
                outlook.realised,
                outlook.forecasts,
                f"From {outlook.sessions:,} daily returns known at the snapshot; forecasts are of 21 sessions.",
            ),
            notes=snapshot.notes,
        )
    )


def anomaly_page(report: AnomalyReport, top: int) -> str:
    """The ranked list of misfits, of which `top` are listed, and the regions they lie in."""
    from argus.report.options import AnomalyRow, AnomalyView, render_anomalies

    found, quotes, rows = report.found, report.quotes, report.report.rows
    snapshot = report.report.snapshot
    lines = []
    for place in range(len(found)):
        at = int(found.row[place])
        lines.append(
            AnomalyRow(
                contract=contract_name(snapshot, int(rows[at])),
                k=float(quotes.k[at]),
                days=float(quotes.years[at]) * 365.0,
                bid=float(quotes.bid[at]),
                ask=float(quotes.ask[at]),
                model=float(quotes.model[at]),
                residual_spreads=float(quotes.residual_spreads[at]),
                score=float(found.score[place]),
                score_fit=float(found.score_fit[place]),
                score_history=float(found.score_history[place]),
                score_neighbours=float(found.score_neighbours[place]),
                p_value=float(found.p_value[place]),
                q_value=float(found.q_value[place]),
                by_chance=float(found.expected_by_chance[place]),
                edge=float(found.edge[place]),
                is_tradable=bool(found.is_tradable[place]),
                is_found=bool(found.q_value[place] <= _LIMIT),
                why="sold at the bid" if quotes.residual_spreads[at] > 0.0 else "bought at the ask",
            )
        )
    past = counted(len(report.past), "earlier session") if report.past else "no earlier session, for none was asked for"
    return render_anomalies(
        AnomalyView(
            **_titled("Quotes that do not fit", snapshot),
            currency=_CURRENCY,
            tests=found.tests,
            limit=_LIMIT,
            expected=_LIMIT * float((found.q_value <= _LIMIT).sum()),
            rows=tuple(lines),
            regions=_regions(report),
            notes=(*snapshot.notes, f"Held against the surface, the neighbours, and {past}."),
            listed=top,
        )
    )


def structure_page(report: StructureReport) -> str:
    """A structure: its legs, its gain at several times, its greeks, its margin."""
    from argus.options import profile
    from argus.report.options import MarginLine, StructureView, render_structure

    position, snapshot = report.position, report.snapshot
    days = position.horizon * 365.0
    elapsed = np.linspace(0.0, position.horizon, 5)
    spot = _spots(report)
    found = profile(position, spot, elapsed, fill=report.costs.fill)
    paid = position.commission(report.costs)
    per_day = {"theta": 1.0 / 365.0, "vega": 0.01, "rho": 0.01}
    greeks = {
        name: getattr(found, name) * per_day.get(name, 1.0) for name in ("delta", "gamma", "vega", "theta", "rho")
    }
    now = report.greeks
    margin, grid = report.margin, report.grid
    return render_structure(
        StructureView(
            **_headed(position.name.replace("_", " ").capitalize(), snapshot),
            terms=_terms(report),
            spot=spot,
            days=np.linspace(0.0, days, len(elapsed)),
            pnl=found.pnl - paid,
            greeks=greeks,
            greeks_now={
                "delta": now["delta"],
                "gamma": now["gamma"],
                "vega": now["vega_point"],
                "theta": now["theta_day"],
                "rho": now["rho_point"],
            },
            margins=(
                MarginLine("Strategy rules", margin.requirement, "; ".join(margin.rules)),
                MarginLine(
                    "Worst of a grid of moves",
                    grid.requirement,
                    f"At {move_text(grid.worst_move)} with volatilities times {grid.worst_vol_factor:g}; not the "
                    "clearing house's figure.",
                ),
            ),
            assumes="Before expiry each leg is worth what Black and Scholes say at its own volatility, which stays.",
            notes=snapshot.notes,
        )
    )


def pop_page(report: PopReport) -> str:
    """What may become of a structure, by every model."""
    from argus.report.options import PopView, render_pop

    structure, plan = report.structure, report.plan
    position, snapshot, costs = structure.position, structure.snapshot, structure.costs
    spot = _spots(structure)
    told = []
    if plan is not None and plan.profit_target is not None:
        told.append(f"at {plan.profit_target:.0%} of the premium gained")
    if plan is not None and plan.stop is not None:
        told.append(f"at {plan.stop:g} times the premium lost")
    if plan is not None and plan.exit_years is not None:
        told.append(f"after {counted(round(plan.exit_years * 365.0), 'day')}")
    today = position.value(spot).value - position.entry(costs.fill) - position.commission(costs)
    answers = [answer for row in report.rows for answer in (row.at_expiry, row.held, row.managed) if answer]
    return render_pop(
        PopView(
            **_headed(f"Probability of profit: {position.name.replace('_', ' ')}", snapshot),
            terms=_terms(structure),
            plan=f"Closed {', or '.join(told)}, at the price of that step." if told else "",
            costs=f"Commission of {costs.commission:g} a contract and side; entered "
            f"{'in the middle' if costs.fill.value == 'mid' else 'at the bid and the ask'}; closing early costs half "
            "the spread of each option.",
            tail=answers[0].tail if answers else 0.05,
            models=tuple(_model(row, report) for row in report.rows),
            spot=spot,
            pnl_expiry=structure.curve.at(spot),
            pnl_today=today,
            notes=(*snapshot.notes, *report.notes),
        )
    )


def _headed(title: str, snapshot: Snapshot) -> dict[str, Any]:
    made = f"Argus {version('argus')}, from {snapshot.source}, content {snapshot.chain.content_hash[:16]}"
    return {"title": f"{title}: {snapshot.chain.underlying}", "made": made}


def _titled(title: str, snapshot: Snapshot) -> dict[str, Any]:
    own = {"underlying": snapshot.chain.underlying, "instant": format_ns(snapshot.now_ns)}
    return _headed(title, snapshot) | own


def _surface_expiries(report: SurfaceReport) -> tuple[SurfaceExpiry, ...]:
    between = forward_vols(report).tolist()
    return tuple(
        _surface_expiry(report, row, f"{date}, {root} {ends}", between[row])
        for row, (date, root, ends) in enumerate(expiry_names(report))
    )


def _surface_expiry(report: SurfaceReport, row: int, label: str, vol_forward: float) -> SurfaceExpiry:
    from argus.options.surface_shape import surface_density
    from argus.options.svi import smile_moments
    from argus.report.options import Density, SurfaceExpiry

    surface, shapes = report.surface, report.shapes
    years = float(surface.years[row])
    moments = smile_moments(surface.smile[row])
    deviation = float(shapes.vol_atm[row]) * math.sqrt(years)
    k = np.linspace(-_WIDTHS * 1.5 * deviation, _WIDTHS * deviation, _CURVE_POINTS)
    flat = np.exp(-0.5 * (k / deviation + 0.5 * deviation) ** 2) / (deviation * math.sqrt(2.0 * math.pi))
    return SurfaceExpiry(
        label=label,
        days=years * 365.0,
        vol_atm=float(shapes.vol_atm[row]),
        vol_forward=vol_forward,
        risk_reversal=float(shapes.risk_reversal[row]),
        butterfly=float(shapes.butterfly[row]),
        skewness=moments.skew,
        kurtosis=moments.kurtosis,
        quotes=int(surface.quotes[row]),
        inside_share=float(surface.inside_share[row]),
        density=Density(k, surface_density(surface, years, k), flat),
        why="its 25-delta strikes lie beyond the quotes: the wings answered" if shapes.beyond_quotes[row] else "",
    )


def _regions(report: AnomalyReport) -> AnomalyRegions:
    from argus.report.options import AnomalyRegions

    found = report.regions
    shape = (len(TENOR_DAYS) + 1, len(MONEYNESS_EDGES) + 1)
    residual, q_value = np.full(shape, np.nan), np.full(shape, np.nan)
    contracts = np.zeros(shape, dtype=np.int64)
    residual[found.tenor, found.moneyness] = found.residual_mean
    q_value[found.tenor, found.moneyness] = found.q_value
    contracts[found.tenor, found.moneyness] = found.contracts
    return AnomalyRegions(_ranges(TENOR_DAYS, " days"), _ranges(MONEYNESS_EDGES, ""), residual, contracts, q_value)


def _ranges(edges: tuple[float, ...], unit: str) -> tuple[str, ...]:
    inner = [f"{low:g} to {high:g}{unit}" for low, high in pairwise(edges)]
    return (f"below {edges[0]:g}{unit}", *inner, f"above {edges[-1]:g}{unit}")


def _terms(report: StructureReport) -> PositionTerms:
    from argus.options import STRUCTURES, Fill
    from argus.report.options import LegLine, PositionTerms

    position, curve, snapshot = report.position, report.curve, report.snapshot
    structure = STRUCTURES[position.name]
    return PositionTerms(
        structure=structure.title,
        view=structure.view,
        underlying=snapshot.chain.underlying,
        instant=format_ns(snapshot.now_ns),
        currency=_CURRENCY,
        spot=position.spot,
        multiplier=report.costs.multiplier,
        legs=tuple(
            LegLine(
                leg.quantity,
                leg.right,
                leg.strike if leg.right != "underlying" else math.nan,
                leg.contract.rpartition(" ")[0] if leg.right != "underlying" else "",
                leg.days if math.isfinite(leg.days) else math.nan,
                leg.bid,
                leg.ask,
                leg.vol if leg.vol > 0.0 else math.nan,
                leg.delta,
            )
            for leg in report.legs
        ),
        entry_natural=position.entry(Fill.NATURAL),
        entry_mid=position.entry(Fill.MID),
        commission=position.commission(report.costs),
        entered_at="the middle" if report.costs.fill is Fill.MID else "the bid and the ask",
        profit_max=curve.profit_max,
        loss_max=curve.loss_max,
        break_evens=curve.break_evens,
        bounds_why="" if curve.is_exact else "Later expiries are valued by model, within eight deviations.",
    )


def _spots(report: StructureReport) -> F64_1D:
    """Spots to draw: four deviations to either side, the strikes among them."""
    position = report.position
    options = position.right != 0
    reach = _WIDTHS * float(position.vol[options].max()) * math.sqrt(position.horizon)
    even = position.spot * np.exp(np.linspace(-reach, reach, _SPOTS))
    strikes = position.strike[options]
    inside = strikes[(strikes > even[0]) & (strikes < even[-1])]
    return np.unique(np.concatenate((even, inside, [position.spot])))


def _closed_at_once(report: StructureReport) -> float:
    """What closing at the moment of entry would bring, per unit: two commissions, and the spread crossed."""
    from argus.options.positions import half_spreads

    position, costs = report.position, report.costs
    value = float(position.value(np.array([position.spot])).value[0])
    crossed = float((np.abs(position.quantity) * half_spreads(position, costs)).sum())
    return value - position.entry(costs.fill) - crossed - 2.0 * position.commission(costs)


def _leg_names(position: Position) -> list[str]:
    """Strike and right of each leg, as a heading has room for; sold ones that are alike so far have their days too."""
    names = [
        f"{strike:g} {'C' if right > 0 else 'P'}"
        for strike, right in zip(position.strike.tolist(), position.right.tolist(), strict=True)
    ]
    sold = [names[leg] for leg in np.flatnonzero(position.quantity < 0.0).tolist()]
    return [
        name if sold.count(name) < 2 else f"{name}, {365.0 * years:.1f} days"
        for name, years in zip(names, position.years.tolist(), strict=True)
    ]


def _model(row: PopRow, report: PopReport) -> PopModel:
    from argus.report.options import PopModel

    answers = []
    at_once = _closed_at_once(report.structure)
    names = _leg_names(report.structure.position)
    if row.at_expiry is not None:
        answers.append(_by_law(row.at_expiry))
    for how, paths in (("held to expiry, on paths", row.held), ("with exits, on paths", row.managed)):
        if paths is not None:
            answers.append(_by_paths(how, paths, at_once, names))
    spot, density = _density(row, report.structure.position.horizon, report)
    return PopModel(
        name=row.model.replace("_", " ").capitalize(),
        measure=row.measure.value.replace("_", "-"),
        assumes=row.assumes,
        answers=tuple(answers),
        density_spot=spot,
        density=density,
    )


def _density(row: PopRow, years: float, report: PopReport) -> tuple[F64_1D | None, F64_1D | None]:
    """Slope of the distribution at expiry, where the model has one."""
    law = report.laws.get(row.model)
    if law is None:
        return None, None
    spot = _spots(report.structure)
    even = np.linspace(float(spot[0]), float(spot[-1]), _SPOTS)
    below: NDArray[np.float64] = np.asarray(law.cdf(years, even), dtype=np.float64)
    return even, np.maximum(np.gradient(below, even), 0.0)


def _by_law(answer: ExpiryPop) -> PopAnswer:
    from argus.report.options import Measured, PopAnswer

    def exact(value: float) -> Measured:
        return Measured(value, 0.0, "" if math.isfinite(value) else "no formula")

    return PopAnswer(
        how="held to expiry, by formula",
        probability=exact(answer.probability),
        expected_pnl=exact(answer.expected_pnl),
        cvar=exact(answer.cvar),
        touch=tuple((strike, exact(value)) for strike, value in zip(answer.touch_strike, answer.touch, strict=True)),
        levels=answer.levels,
        quantiles=answer.quantiles,
    )


def _by_paths(how: str, answer: PathPop, at_once: float, names: Sequence[str]) -> PopAnswer:
    """An answer by paths; its fan begins at the entry, when closing brings `at_once` on every path."""
    from argus.report.options import Measured, PopAnswer, PopFan

    def drawn(estimate: Estimate, times: float = 1.0) -> Measured:
        return Measured(estimate.value * times, estimate.standard_error * times)

    fan = answer.fan
    touches = zip(answer.touch_strike, answer.touch, strict=True)
    by = (("target", answer.by_target), ("stop", answer.by_stop), ("the end", answer.by_end))
    return PopAnswer(
        how=how,
        probability=drawn(answer.probability),
        expected_pnl=drawn(answer.expected_pnl),
        cvar=drawn(answer.cvar),
        touch=tuple((strike, drawn(value)) for strike, value in touches),
        assigned=tuple((names[leg], drawn(value)) for leg, value in answer.assigned),
        closed=tuple((name, drawn(value)) for name, value in by) if how.startswith("with") else (),
        days_held=drawn(answer.years_held, 365.0),
        levels=answer.levels,
        quantiles=tuple(one.value for one in answer.quantiles),
        histogram_edge=answer.histogram_edge,
        histogram_share=answer.histogram_share,
        histogram_error=answer.histogram_error,
        fan=PopFan(
            fan.paths,
            np.insert(fan.elapsed * 365.0, 0, 0.0),
            fan.levels,
            np.insert(fan.pnl, 0, at_once, axis=1),
            np.insert(fan.profit_share, 0, float(at_once > 0.0)),
            np.insert(fan.profit_error, 0, 0.0),
        ),
        paths=answer.paths,
    )
