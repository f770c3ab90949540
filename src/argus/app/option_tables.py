"""What the commands of options print and write: figures of snapshots, surfaces and positions as plain values.

Amounts of a position are money of one contract set: per unit of the underlying times the multiplier.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from argus.app.option_snapshots import RATE_ERROR_MAX
from argus.core.arrays import I64_1D
from argus.core.errors import ConfigError
from argus.core.time import format_ns
from argus.core.words import agreed, counted

if TYPE_CHECKING:
    import polars as pl

    from argus.app.option_heston import Refusal
    from argus.app.option_positions import PopReport, StructureReport
    from argus.app.option_snapshots import Snapshot
    from argus.app.option_surface import AnomalyReport, PublishedIndex, SurfaceReport, VolOutlook
    from argus.options import Estimate

__all__ = [
    "ExpiryLine",
    "anomaly_dict",
    "beside",
    "contract_name",
    "expiry_lines",
    "move_text",
    "pop_dict",
    "quote_frame",
    "structure_dict",
    "surface_dict",
    "write_frame",
    "write_text",
]

_FALSE_MAX = 0.1
_VANNA_NUDGE = 0.01
"""Of the volatility as a share."""
"""Share of false discoveries up to which a quote stands out."""


@dataclass(frozen=True, slots=True)
class ExpiryLine:
    """One expiry of a snapshot.

    Attributes
    ----------
    expiry : str
        Date (UTC).
    root, settlement : str
    days : float
        Days of 24 hours to it.
    forward, discount, rate, dividend_yield : float
        By put-call parity; the rate is annual and continuous. Rate and yield are NaN where the quotes do not tell them,
        and a future has no yield.
    forward_error, discount_error, rate_error : float
        Standard errors of the first three, those of the rates of the expiries that know theirs; 0 for stated rates.
    own_rate, own_rate_error : float
        What the quotes of this expiry alone say of the rate.
    rate_said, own_rate_said : str
        Both rates with their errors, as people read them: a rate that its error exceeds is not told by the quotes,
        unless the error is small. Of an expiry without a forward the first says why.
    atm_vol : float
        At the forward, between the nearest strikes.
    quotes, implied : int
        Quotes, and those whose middle has a volatility.
    refused : mapping of str to int
        Why the others have none.
    reason : str
        Why there is no forward; ``ok`` where there is one.
    """

    expiry: str
    root: str
    settlement: str
    days: float
    forward: float
    forward_error: float
    discount: float
    discount_error: float
    rate: float
    rate_error: float
    rate_said: str
    own_rate: float
    own_rate_error: float
    own_rate_said: str
    dividend_yield: float
    atm_vol: float
    quotes: int
    implied: int
    refused: dict[str, int]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def expiry_lines(snapshot: Snapshot) -> list[ExpiryLine]:
    """The expiries of a snapshot, the nearest first."""
    from argus.core.chains import settlement_text
    from argus.options import reason_names

    chain, fits, mid = snapshot.chain, snapshot.forwards, snapshot.vols.mid
    lines = []
    for number in range(len(snapshot.expiry_ns)):
        rows = snapshot.expiry == number
        names = reason_names(mid.reason[rows])
        refused = Counter(name for name in names if name != "ok")
        out = rows & snapshot.is_out & np.isfinite(mid.vol)
        order = np.argsort(chain.strike[out])
        strikes, vols = chain.strike[out][order], mid.vol[out][order]
        forward = float(fits.forward[number])
        around = len(strikes) > 1 and strikes[0] <= forward <= strikes[-1]
        rate, error = float(fits.rate[number]), float(snapshot.rate_error[number])
        own, own_error = float(snapshot.own.rate[number]), float(snapshot.own.rate_error[number])
        reason = reason_names(fits.reason[number : number + 1])[0]
        lines.append(
            ExpiryLine(
                expiry=format_ns(int(snapshot.expiry_ns[number]))[:10],
                root=snapshot.roots[number],
                settlement=settlement_text(int(chain.settlement[rows][0])).replace("European", "").strip(),
                days=float(fits.years[number]) * 365.0,
                forward=forward,
                forward_error=float(fits.forward_error[number]),
                discount=float(fits.discount[number]),
                discount_error=float(fits.discount[number] * fits.years[number]) * error,
                rate=rate if _is_told(rate, error) else math.nan,
                rate_error=error,
                rate_said=_rate_said(rate, error) if reason == "ok" else f"no forward ({reason})",
                own_rate=own if _is_told(own, own_error) else math.nan,
                own_rate_error=own_error,
                own_rate_said=_rate_said(own, own_error),
                dividend_yield=math.nan
                if snapshot.is_on_futures or not _is_told(rate, error)
                else float(fits.dividend_yield[number]),
                atm_vol=float(np.interp(forward, strikes, vols)) if around else math.nan,
                quotes=int(rows.sum()),
                implied=len(names) - sum(refused.values()),
                refused=dict(refused.most_common()),
                reason=reason,
            )
        )
    return lines


def _is_told(rate: float, error: float) -> bool:
    """Whether a rate is known to a fifth of a point, or at least better than it is large."""
    return error <= max(abs(rate), RATE_ERROR_MAX)


def _rate_said(rate: float, error: float) -> str:
    """A rate with its standard error; one that is not told is not printed as if it were known."""
    if not math.isfinite(rate):
        return "-"
    digits = 2 if error < 0.1 else 0
    said = f"{rate:z.{digits}%}" + (f" +/- {error:.{digits}%}" if error > 0.0 else "")
    return said if _is_told(rate, error) else f"not told by these quotes ({said})"


def quote_frame(snapshot: Snapshot, expiry: str | None = None) -> pl.DataFrame:
    """Every quote with its volatilities and greeks, one row each; of one expiry date, or of all.

    Greeks are those of Black at the volatility of the middle, and of options that may be exercised early those of the
    American model: delta, gamma and vanna to the forward, vega for a point of volatility, theta for a day with the
    forward held.

    Raises
    ------
    ConfigError
        If no option expires on that date.
    """
    import polars as pl

    from argus.options import reason_names

    chain, vols = snapshot.chain, snapshot.vols
    dates = np.array([format_ns(int(ns))[:10] for ns in snapshot.expiry_ns])
    if expiry is not None and expiry not in dates:
        raise ConfigError(
            f"no option of {snapshot.source} expires on {expiry!r}; there are {', '.join(sorted(set(dates)))}"
        )
    rows = (
        np.flatnonzero(np.isin(snapshot.expiry, np.flatnonzero(dates == expiry))) if expiry else np.arange(len(chain))
    )
    delta, gamma, vega, theta, vanna = _forward_greeks(snapshot, rows)
    return pl.DataFrame(
        {
            "root": np.array(chain.roots)[chain.root[rows]],
            "expiry": dates[snapshot.expiry[rows]],
            "expiry_ns": chain.expiry_ns[rows],
            "strike": chain.strike[rows],
            "right": np.where(chain.right[rows] > 0, "call", "put"),
            "bid": chain.bid[rows],
            "ask": chain.ask[rows],
            "exercise": np.where(snapshot.is_early[rows], "american", "european"),
            "years": snapshot.years[rows],
            "forward": snapshot.forward[rows],
            "discount": snapshot.discount[rows],
            "vol_bid": vols.bid.vol[rows],
            "vol_mid": vols.mid.vol[rows],
            "vol_ask": vols.ask.vol[rows],
            "delta_forward": delta,
            "gamma_forward": gamma,
            "vega_point": vega / 100.0,
            "theta_day": theta / 365.0,
            "vanna_forward": vanna,
            "parity_residual": snapshot.forwards.residual[rows],
            "vendor_iv": chain.vendor_iv[rows],
            "vendor_delta": chain.vendor_delta[rows],
            "reason": reason_names(vols.mid.reason[rows]),
        }
    )


def _forward_greeks(snapshot: Snapshot, rows: I64_1D) -> NDArray[np.float64]:
    """Delta, gamma, vega, theta and vanna of some quotes to their forwards, (5, rows); NaN without a volatility."""
    from argus.options import american_values, black76_greeks
    from argus.options._valuation import american_greeks

    chain, vol = snapshot.chain, snapshot.vols.mid.vol[rows]
    forward, years, right = snapshot.forward[rows], snapshot.years[rows], chain.right[rows]
    black = black76_greeks(forward, snapshot.discount[rows], chain.strike[rows], years, vol, right)
    found = np.stack((black.delta, black.gamma, black.vega, black.theta, black.vanna))
    early = np.flatnonzero(snapshot.is_early[rows] & np.isfinite(vol))
    if not len(early):
        return found
    at = snapshot.expiry[rows[early]]
    rate, dividend = snapshot.forwards.rate[at], snapshot.forwards.dividend_yield[at]
    strike, left, sigma, side = chain.strike[rows[early]], years[early], vol[early], right[early]
    spot = snapshot.beneath[rows[early]]
    own = american_greeks(side, spot, strike, left, sigma, rate, rate - dividend)
    up, down = (
        american_values(spot, strike, left, sigma * (1.0 + way), rate, dividend, side).delta
        for way in (_VANNA_NUDGE, -_VANNA_NUDGE)
    )
    # The forward moves by its ratio to the spot; held while a day passes, it lets the spot move by the carry.
    ratio = spot / forward[early]
    found[:, early] = (
        own.delta * ratio,
        own.gamma * ratio**2,
        own.vega,
        own.theta + (rate - dividend) * spot * own.delta,
        (up - down) / (2.0 * _VANNA_NUDGE * sigma) * ratio,
    )
    return found


def surface_dict(
    report: SurfaceReport, outlook: VolOutlook | None = None, published: PublishedIndex | None = None
) -> dict[str, Any]:
    """A surface as plain values, with sentences for people; beside what an index was published at, if that is given."""
    from argus.app.option_surface import calendars_unjudged, expiry_names, forward_vols, local_vols

    surface, shapes, index = report.surface, report.shapes, report.index
    names = ("forward", "vol_atm", "vol_put", "vol_call", "risk_reversal", "butterfly", "slope_atm")
    between, ends = forward_vols(report).tolist(), expiry_names(report)
    local, local_why = local_vols(report, np.zeros(1))
    expiries = [
        dict(zip(("expiry", "root", "settlement"), ends[row], strict=True))
        | {"days": float(years) * 365.0}
        | {name: float(getattr(shapes, name)[row]) for name in names}
        | {"vol_forward": between[row], "vol_local": float(local[row, 0])}
        | {"quotes": int(surface.quotes[row]), "inside_share": float(surface.inside_share[row])}
        | {"beyond_quotes": bool(shapes.beyond_quotes[row])}
        for row, years in enumerate(surface.years.tolist())
    ]
    judged = np.isfinite(report.fit.residual_spreads)
    inside = float(np.mean(report.fit.inside[judged])) if judged.any() else math.nan
    unjudged = calendars_unjudged(report)
    sentences = [
        f"The fit lies inside bid and ask for {surface.share_inside:.1%} of the {int(surface.quotes.sum()):,} quotes "
        f"it was made of, and for {inside:.1%} of all {int(judged.sum()):,} out-of-the-money quotes.",
        f"No butterfly{'' if unjudged else ' and no calendar spread'} costs less than nothing, on a dense grid five "
        "times as wide as the quotes."
        if surface.is_free
        else "There is arbitrage left in the fit: it must not be used beyond the quotes.",
    ]
    if unjudged:
        sentences.append(unjudged)
    if local_why:
        none = "No local volatilities" if np.isnan(local).all() else "Some expiries have no local volatilities"
        sentences.append(f"{none}: {local_why}.")
    value = index.index if index is not None and not index.reason else math.nan
    if math.isfinite(value) and index is not None:
        sentences.append(
            f"The model-free volatility of 30 days, by the rules of the VIX, is {value:.2f}, from expiries in "
            f"{index.near.years * 365.0:.1f} and {index.next.years * 365.0:.1f} days."
        )
    if published is not None:
        sentences.append(beside(published, value))
    if outlook is not None:
        told = "; ".join(f"{name} {vol:.2%}, premium {paid:+.4f}" for name, vol, paid in outlook.forecasts)
        past = ", ".join(f"{name} {vol:.2%}" for name, vol in outlook.realised)
        sentences.append(
            f"Volatility of the past: {past}. Forecasts for the next 21 sessions, and the variance that options charge "
            f"above them: {told}."
        )
    if len(surface.refused_years):
        days = ", ".join(f"{years * 365.0:.1f}" for years in surface.refused_years.tolist())
        sentences.append(f"Without a smile, for too few quotes: the expiries in {days} days.")
    return {
        "expiries": expiries,
        "share_inside": surface.share_inside,
        "free_of_arbitrage": None if unjudged and surface.is_free else surface.is_free,
        "volatility_index": value,
        "published_index": None
        if published is None
        else asdict(published)
        | {"day": published.day.isoformat(), "difference": value - published.close, "inside": published.holds(value)},
        "outlook": None if outlook is None else asdict(outlook),
        "sentences": sentences,
    }


def beside(published: PublishedIndex, value: float) -> str:
    """A published index and ours in a sentence."""
    told = (
        f"The index published for {published.day} ({published.source}) closed at {published.close:.2f} and moved "
        f"between {published.low:.2f} and {published.high:.2f}"
    )
    if not math.isfinite(value):
        return f"{told}; there is none of ours to hold against it."
    lies = "within that range" if published.holds(value) else "outside of that range"
    return f"{told}; ours differs from the close by {value - published.close:+.2f} and lies {lies}."


def contract_name(snapshot: Snapshot, row: int) -> str:
    """Root, expiry, strike and right of a row, as people read them."""
    chain = snapshot.chain
    side = "C" if chain.right[row] > 0 else "P"
    day = format_ns(int(chain.expiry_ns[row]))[:10]
    return f"{chain.roots[int(chain.root[row])]} {day} {chain.strike[row]:g}{side}"


def anomaly_dict(report: AnomalyReport, top: int) -> dict[str, Any]:
    """The most surprising quotes as plain values, with sentences for people."""
    found, quotes, rows = report.found, report.quotes, report.report.rows
    contracts = []
    for place in range(min(top, len(found))):
        at = int(found.row[place])
        contracts.append(
            {
                "contract": contract_name(report.report.snapshot, int(rows[at])),
                "bid": float(quotes.bid[at]),
                "ask": float(quotes.ask[at]),
                "model": float(quotes.model[at]),
                "residual_spreads": float(quotes.residual_spreads[at]),
                "score": float(found.score[place]),
                "score_fit": float(found.score_fit[place]),
                "score_neighbours": float(found.score_neighbours[place]),
                "score_history": float(found.score_history[place]),
                "p_value": float(found.p_value[place]),
                "q_value": float(found.q_value[place]),
                "expected_by_chance": float(found.expected_by_chance[place]),
                "edge": float(found.edge[place]),
                "tradable": bool(found.is_tradable[place]),
                "stands_out": bool(found.q_value[place] <= _FALSE_MAX),
            }
        )
    real = int((found.q_value <= _FALSE_MAX).sum())
    past = counted(len(report.past), "earlier session") if report.past else "no earlier session (--history)"
    sentences = [
        f"{counted(found.tests, 'quote')} {agreed(found.tests, 'was', 'were')} looked at, against the surface, "
        f"neighbours and {past}; {real:,} of them {agreed(real, 'stands', 'stand')} out at one false discovery in ten.",
        f"{int((found.is_tradable & (found.q_value <= _FALSE_MAX)).sum()):,} of those could be traded against the "
        f"model at bid or ask after fees; of all {int(found.is_tradable.sum()):,}, which chance alone may leave. "
        "The model is a smooth curve, not a promise: a quote that nobody trades may stand for hours.",
    ]
    return {"contracts": contracts, "tests": found.tests, "past": list(report.past), "sentences": sentences}


def structure_dict(report: StructureReport) -> dict[str, Any]:
    """A structure as plain values, with sentences for people; amounts are money of one contract set."""
    position, curve, costs = report.position, report.curve, report.costs
    times = costs.multiplier
    entry = position.entry(costs.fill)
    kind = "debit" if entry > 0.0 else "credit"
    where = "in the middle" if costs.fill.value == "mid" else "at the bid and the ask"
    gain, loss = curve.profit_max * times, curve.loss_max * times
    ends = ", ".join(f"{end:,.2f}" for end in curve.break_evens) or "none"
    margin, grid = report.margin, report.grid
    sentences = [
        f"Entered {where} for a {kind} of {abs(entry) * times:,.2f}, and {position.commission(costs) * times:,.2f} of "
        "commission.",
        f"At the nearest expiry it gains at most {_amount(gain)} and loses at most {_amount(loss)}; break-even: {ends}."
        + ("" if curve.is_exact else " Later expiries are valued by model, within eight deviations."),
        (
            f"Margin by strategy rules {margin.requirement * times:,.2f}, of which the premiums received leave "
            f"{margin.deposit * times:,.2f} to be paid in; by the worst of"
            if math.isfinite(margin.requirement)
            else f"Margin: {margin.rules[0]}; by the worst of"
        )
        + f" a grid of moves {grid.requirement * times:,.2f} (at {move_text(grid.worst_move)}, volatilities "
        f"times {grid.worst_vol_factor:g}). Brokers ask for more.",
    ]
    now = {name: value * times for name, value in report.greeks.items()}
    sentences.append(
        f"Now worth {now['value']:,.2f} by model; delta {now['delta']:+,.2f} units of the underlying, gamma "
        f"{now['gamma']:+,.4f} a point, vega {now['vega_point']:+,.2f} a point of volatility, theta "
        f"{now['theta_day']:+,.2f} a day."
    )
    return {
        "structure": position.name,
        "legs": [asdict(leg) for leg in report.legs],
        "multiplier": times,
        "entry": entry * times,
        "commission": position.commission(costs) * times,
        "profit_max": gain,
        "profit_unbounded": math.isinf(gain),
        "loss_max": loss,
        "loss_unbounded": math.isinf(loss),
        "break_evens": list(curve.break_evens),
        "margin_strategy": margin.requirement * times,
        "margin_deposit": margin.deposit * times,
        "margin_rules": list(margin.rules),
        "margin_grid": grid.requirement * times,
        "greeks": now,
        "structure_sentences": sentences,
    }


def move_text(move: float) -> str:
    """A move of the margin's grid: ``+6%``, or ``-11.9%`` where it is a third of a future's margin."""
    return f"{100.0 * move:+.3g}%"


def pop_dict(report: PopReport) -> dict[str, Any]:
    """Probabilities of profit as plain values; each estimate is a pair of value and standard error, 0 where exact."""
    times, position = report.structure.costs.multiplier, report.structure.position
    answers: list[dict[str, Any]] = []
    for row in report.rows:
        own = {"model": row.model, "measure": row.measure.value, "assumes": row.assumes}
        if row.at_expiry is not None:
            law = row.at_expiry
            touch = zip(law.touch_strike, law.touch, strict=True)
            answers.append(
                own
                | {
                    "how": "held, by formula",
                    "probability": (law.probability, 0.0),
                    "mean": (law.expected_pnl * times, 0.0),
                    "cvar": (law.cvar * times, 0.0),
                    "touch": [(strike, (value, 0.0) if math.isfinite(value) else None) for strike, value in touch],
                }
            )
        for how, paths in (("held, by paths", row.held), ("by the plan", row.managed)):
            if paths is None:
                continue
            touches = zip(paths.touch_strike, paths.touch, strict=True)
            answers.append(
                own
                | {
                    "how": how,
                    "probability": _pair(paths.probability),
                    "mean": _pair(paths.expected_pnl, times),
                    "cvar": _pair(paths.cvar, times),
                    "touch": [(strike, _pair(value)) for strike, value in touches],
                    "closed_by_target": _pair(paths.by_target),
                    "closed_by_stop": _pair(paths.by_stop),
                    "days_held": _pair(paths.years_held, 365.0),
                    "paths": paths.paths,
                    "assigned": [
                        (contract_name(report.structure.snapshot, int(position.row[leg])), _pair(chance))
                        for leg, chance in paths.assigned
                    ],
                }
            )
    answers += [_no_answer(one) for one in report.refused]
    fitted, plan = report.heston, report.plan
    target, stop = (math.inf, math.inf) if plan is None else plan.amounts(position, report.structure.costs)
    sentences = [
        f"{row.model.replace('_', ' ')} ({row.measure.value.replace('_', ' ')}): {row.assumes}" for row in report.rows
    ]
    if fitted.parameters is not None:
        sentences.append(
            f"Heston's parameters lie {fitted.rms:.1f} spreads (root mean square) from the quotes, inside bid and ask "
            f"for {fitted.inside:.0%} of them."
        )
    return {
        "answers": answers,
        "profit_target": target * times if math.isfinite(target) else None,
        "stop": stop * times if math.isfinite(stop) else None,
        "heston": None if fitted.parameters is None else asdict(fitted.parameters) | {"rms_spreads": fitted.rms},
        "sentences": [*sentences, *report.notes],
    }


def _no_answer(refusal: Refusal) -> dict[str, Any]:
    """A model that was asked and is not believed."""
    none = (math.nan, math.nan)
    told = {"model": refusal.model, "measure": refusal.measure, "assumes": "", "how": "refused"}
    return told | {"reason": refusal.reason, "probability": none, "mean": none, "cvar": none, "touch": []}


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """A table as Parquet or CSV, by the file's ending, whole or not at all.

    Raises
    ------
    ConfigError
        For another ending, or a place where no file can be written.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise ConfigError(f"--out is {path}; a table is written as .parquet or .csv")
    _write(path, frame.write_parquet if path.suffix == ".parquet" else frame.write_csv)


def write_text(text: str, path: Path) -> None:
    """A text, whole or not at all; raises `ConfigError` where no file can be written."""
    _write(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Beside its place first, so that a reader never sees half a file."""
    beside = path.parent / f"{path.name}.part"
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; name the file to be written in it")
        if not path.parent.is_dir():
            raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
        write(beside)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error


def _pair(estimate: Estimate, times: float = 1.0) -> tuple[float, float]:
    return estimate.value * times, estimate.standard_error * times


def _amount(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "any amount"
