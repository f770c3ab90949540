"""Made-up but plausible records for the pages on options: an index, its smiles, and a bull put spread on it."""

from __future__ import annotations

import math

import numpy as np

from argus.core.random import generator
from argus.options.margin import grid_margin, strategy_margin
from argus.options.pop import ExitPlan, PathPop, pop_at_expiry, pop_by_paths
from argus.options.pop_models import BlackScholes
from argus.options.positions import Costs, Position, pnl_curve, position_of, profile
from argus.report.options import (
    AnomalyRegions,
    AnomalyRow,
    AnomalyView,
    Density,
    Finding,
    LegLine,
    MarginLine,
    Measured,
    PopAnswer,
    PopFan,
    PopModel,
    PopView,
    PositionTerms,
    SmileExpiry,
    SmileView,
    StructureView,
    SurfaceExpiry,
    SurfaceView,
    VolIndex,
    VolPremium,
)

MADE, UNDERLYING, INSTANT, SPOT = "Options, Argus 1", "SPX", "2019-05-21 15:45 New York", 2_864.36
DAYS_YEAR = 365.0


def _vol(k: np.ndarray, years: float) -> np.ndarray:
    """A smile with a skew that flattens with the root of time."""
    z = k / (0.15 * math.sqrt(years))
    return np.asarray(0.135 + 0.01 * math.sqrt(years) - 0.020 * z + 0.0035 * z * z / (1.0 + 0.05 * z * z))


def expiry(days: float, count: int, *, vendor: bool = True) -> SmileExpiry:
    """One expiry with `count` quotes, some of them left out."""
    random, years = generator(7, "smile", str(days)), days / DAYS_YEAR
    forward = SPOT * math.exp(0.005 * years)
    width = 0.15 * math.sqrt(years)
    strike = np.round(forward * np.exp(np.linspace(-6.0 * width, 3.0 * width, count)) / 5.0) * 5.0
    k = np.log(strike / forward)
    model = _vol(k, years)
    half = 0.002 + 0.0012 * (k / width) ** 2
    middle = model + random.standard_normal(count) * half * 0.4
    bid, ask = middle - half, middle + half
    far = np.abs(k / width) > 4.5
    bid[far], middle[far] = np.nan, np.nan
    reason = tuple("no bid" if out else "in the money" if i % 17 == 5 else "" for i, out in enumerate(far.tolist()))
    label = f"2019-{6 + int(days) // 31:02d}-{1 + int(days) % 28:02d}" if days < 200 else f"in {days:g} days"
    return SmileExpiry(
        label=f"{label}, settled at the close",
        days=days,
        forward=forward,
        discount=math.exp(-0.024 * years),
        rate=0.024,
        vol_atm=float(_vol(np.zeros(1), years)[0]),
        strike=strike,
        right=np.where(k < 0.0, -1, 1).astype(np.int8),
        vol_bid=bid,
        vol_mid=middle,
        vol_ask=ask,
        reason=reason,
        curve_strike=strike,
        curve_vol=model,
        vol_vendor=middle + 0.003 if vendor else None,
    )


def smile_view(expiries: int = 8, quotes: int = 60) -> SmileView:
    """Smiles; the last expiry has neither forward nor line."""
    days = np.round(np.geomspace(2.0, 700.0, expiries)).tolist()
    shown = [expiry(one, quotes) for one in days]
    bare = SmileExpiry(
        label="2021-12-17, settled at the open",
        days=942.0,
        forward=math.nan,
        discount=math.nan,
        rate=math.nan,
        vol_atm=math.nan,
        strike=np.array([2_500.0, 3_000.0]),
        right=np.array([-1, 1], dtype=np.int8),
        vol_bid=np.full(2, np.nan),
        vol_mid=np.full(2, np.nan),
        vol_ask=np.full(2, np.nan),
        reason=("expiry without a forward",) * 2,
        why="two strikes are too few for a forward",
    )
    notes = ("Quotes of one minute before the close.",)
    return SmileView("Smiles of SPX", MADE, UNDERLYING, INSTANT, SPOT, "SVI fit", (*shown, bare), notes)


def surface_view(expiries: int = 12) -> SurfaceView:
    """A surface with a hole, checks of all three answers, an index beside the published one."""
    days = np.round(np.geomspace(3.0, 700.0, expiries))
    k = np.linspace(-0.3, 0.15, 31)
    vol = np.stack([_vol(k, one / DAYS_YEAR) for one in days])
    vol[:2, :8] = np.nan
    local = vol * (1.0 + 0.4 * np.abs(k)) + 0.01
    rows = []
    for one in days.tolist():
        years = one / DAYS_YEAR
        atm = float(_vol(np.zeros(1), years)[0])
        root = atm * math.sqrt(years)
        at = np.linspace(-6.0 * root, 4.0 * root, 201)
        normal = np.exp(-0.5 * ((at + 0.5 * root**2) / root) ** 2) / (root * math.sqrt(2.0 * math.pi))
        z = at / root
        skewed = np.maximum(normal * (1.0 - 0.18 * (z**3 - 3.0 * z) + 0.06 * (z**4 - 6.0 * z**2 + 3.0)), 0.0)
        rows.append(
            SurfaceExpiry(
                label=f"in {one:g} days",
                days=one,
                vol_atm=atm,
                vol_forward=atm + 0.01 if one > 3.0 else math.nan,
                risk_reversal=-0.035 - 0.01 * math.sqrt(years),
                butterfly=0.004 + 0.001 * years,
                skewness=-1.4 + 0.3 * years,
                kurtosis=6.5 - 1.2 * years,
                quotes=int(180 - one / 8),
                inside_share=0.97 - 0.05 * years,
                density=Density(at, skewed, normal),
                why="the put of 25 % delta lies beyond the quoted strikes" if one < 4 else "",
            )
        )
    rows.append(
        SurfaceExpiry(
            "in 942 days", 942.0, *[math.nan] * 6, quotes=0, inside_share=math.nan, why="two quotes are too few"
        )
    )
    return SurfaceView(
        title="Volatility surface of SPX",
        made=MADE,
        underlying=UNDERLYING,
        instant=INSTANT,
        model="SVI with three hyperbolas",
        spot=SPOT,
        k=k,
        tenor_days=days,
        tenor=tuple(f"{one:g} d" for one in days),
        vol=vol,
        local_vol=local,
        local_why="there is no earlier expiry to take the slope from",
        expiries=tuple(rows),
        findings=(
            Finding(True, "No butterfly costs less than nothing at any expiry: the least density is 0.02."),
            Finding(True, "No calendar spread costs less than nothing between the expiries."),
            Finding(None, "Beyond the quoted strikes nothing can be checked against quotes."),
        ),
        index=VolIndex("Volatility index, 30 days", 14.92, 14.95, "From the expiries in 24 and 31 days."),
        premium=VolPremium(
            30.0,
            0.149,
            (("last 21 sessions", 0.131), ("last 63 sessions", 0.104)),
            (("HAR", 0.127, 0.149**2 - 0.127**2), ("GARCH(1,1)", 0.134, 0.149**2 - 0.134**2)),
            "Daily closes of 2010 to 2019; no forecast knows the day of the snapshot.",
        ),
    )


def anomaly_view(count: int = 400) -> AnomalyView:
    """A ranked list of which three are beyond chance, one of them tradable."""
    random = generator(7, "anomalies", "rows")
    rows = []
    for i in range(count):
        residual = float(random.standard_normal()) * 0.25
        k = float(random.uniform(-0.3, 0.15))
        score = residual / 0.25
        if i < 3:
            residual, score = (2.4, -1.9, 1.6)[i], (6.8, -5.4, 4.9)[i]
        p_value = math.erfc(abs(score) / math.sqrt(2.0)) + 1e-12
        rows.append(
            AnomalyRow(
                contract=f"2019-06-{1 + i % 28:02d} {'put' if k < 0 else 'call'} {5 * round(SPOT * math.exp(k) / 5):,}",
                k=k,
                days=30.0 + i % 28,
                bid=10.0 + i % 7,
                ask=10.6 + i % 7,
                model=10.3 + i % 7 - residual * 0.6,
                residual_spreads=residual,
                score=score,
                score_fit=score * 1.1,
                score_history=math.nan if i % 3 else score * 1.2,
                score_neighbours=score * 1.05,
                p_value=p_value,
                q_value=min(1.0, p_value * count / (i + 1)),
                by_chance=p_value * count,
                edge=0.42 if i == 0 else abs(residual) * 0.1 - 0.313,
                is_tradable=i == 0,
                is_found=i < 3,
                why="0.42 a unit is left after spread and fees" if i == 0 else "the spread is wider than the residual",
            )
        )
    rows.sort(key=lambda row: -abs(row.score))
    mean = np.round(random.standard_normal((4, 6)) * 0.15, 3)
    mean[0, 0] = np.nan
    regions = AnomalyRegions(
        ("up to 7 d", "7 to 30 d", "30 to 90 d", "beyond 90 d"),
        ("below −3", "−3 to −1.5", "−1.5 to 0", "0 to 1", "1 to 2", "beyond 2"),
        mean,
        np.where(np.isnan(mean), 0, 40).astype(np.int64),
        np.where(np.isnan(mean), np.nan, 0.4),
    )
    return AnomalyView(
        "Quotes of SPX that do not fit", MADE, UNDERLYING, INSTANT, "USD", count, 0.05, 0.15, tuple(rows), regions,
        ("Each contract was held against its residuals on the 20 sessions before, where it has ten.",),
    )  # fmt: skip


def position() -> Position:
    """A bull put spread of 31 days."""
    return position_of(
        "short_put_vertical",
        SPOT,
        right=[-1, -1],
        quantity=[-1.0, 1.0],
        strike=[2_760.0, 2_710.0],
        years=31.0 / DAYS_YEAR,
        bid=[26.1, 18.9],
        ask=[26.9, 19.5],
        vol=[0.168, 0.181],
        rate=0.024,
        carry=0.005,
    )


def terms() -> PositionTerms:
    """What is held."""
    held, costs = position(), Costs()
    end = pnl_curve(held, costs)
    delta = held.leg_values(SPOT).delta[0]
    legs = tuple(
        LegLine(
            quantity=float(held.quantity[i]),
            right="put",
            strike=float(held.strike[i]),
            expiry="2019-06-21, settled at the open",
            days=31.0,
            bid=float(held.bid[i]),
            ask=float(held.ask[i]),
            vol=float(held.vol[i]),
            delta=float(delta[i]),
        )
        for i in range(2)
    )
    return PositionTerms(
        structure="Bull put spread",
        view="No fall below the sold strike; the bought put bounds the loss.",
        underlying=UNDERLYING,
        instant=INSTANT,
        currency="USD",
        spot=SPOT,
        multiplier=100.0,
        legs=legs,
        entry_natural=held.entry(),
        entry_mid=0.5 * float(held.quantity @ (held.bid + held.ask)),
        commission=held.commission(costs),
        entered_at="bid and ask",
        profit_max=end.profit_max,
        loss_max=end.loss_max,
        break_evens=end.break_evens,
    )


def structure_view() -> StructureView:
    """The structure over spots and five times."""
    held = position()
    spot = np.union1d(np.linspace(0.88 * SPOT, 1.08 * SPOT, 161), held.strike)
    days = np.array([0.0, 8.0, 16.0, 24.0, 31.0])
    seen = profile(held, spot, days / DAYS_YEAR)
    now = profile(held, SPOT)
    scale = {"delta": 1.0, "gamma": 1.0, "vega": 0.01, "theta": 1.0 / DAYS_YEAR, "rho": 0.01}
    by_rules, by_grid = strategy_margin(held), grid_margin(held)
    return StructureView(
        title="Bull put spread on SPX",
        made=MADE,
        terms=terms(),
        spot=spot,
        days=days,
        pnl=seen.pnl - held.commission(Costs()),
        greeks={name: getattr(seen, name) * unit for name, unit in scale.items()},
        greeks_now={name: float(getattr(now, name)[0, 0]) * unit for name, unit in scale.items()},
        margins=(
            MarginLine("Strategy rules (Regulation T)", by_rules.requirement, ", ".join(by_rules.rules)),
            MarginLine("Grid of moves", by_grid.requirement, "the largest loss is at a move of −15 %"),
            MarginLine("Short underlying", math.nan, "a short underlying is not covered by these rules"),
        ),
        assumes="Before expiry by Black's formula, each leg at its own volatility.",
    )


def _answer(found: PathPop, how: str, *, managed: bool) -> PopAnswer:
    def told(one: object) -> Measured:
        return Measured(one.value, one.standard_error)  # type: ignore[attr-defined]

    fan = found.fan
    closed = (("target", told(found.by_target)), ("stop", told(found.by_stop)), ("end", told(found.by_end)))
    return PopAnswer(
        how=how,
        probability=told(found.probability),
        expected_pnl=told(found.expected_pnl),
        cvar=told(found.cvar),
        touch=tuple((strike, told(one)) for strike, one in zip(found.touch_strike, found.touch, strict=True)),
        closed=closed if managed else (),
        days_held=Measured(found.years_held.value * DAYS_YEAR, found.years_held.standard_error * DAYS_YEAR),
        levels=found.levels,
        quantiles=tuple(one.value for one in found.quantiles),
        histogram_edge=found.histogram_edge,
        histogram_share=found.histogram_share,
        histogram_error=found.histogram_error,
        fan=PopFan(fan.paths, fan.elapsed * DAYS_YEAR, fan.levels, fan.pnl, fan.profit_share, fan.profit_error),
        paths=found.paths,
    )


def pop_view(paths: int = 4_000) -> PopView:
    """Two volatilities as two models, and a third that has no answer."""
    held = position()
    models = []
    for name, vol, drift in (("Black-Scholes", 0.16, None), ("Black-Scholes, your drift", 0.13, 0.06)):
        law = BlackScholes(SPOT, vol, 0.005, drift)
        exact = pop_at_expiry(held, law)
        on_paths = pop_by_paths(held, law, plan=ExitPlan(0.5, 2.0), paths=paths, seed=3)
        spot = np.linspace(0.7 * SPOT, 1.3 * SPOT, 241)
        cdf = law.cdf(held.horizon, spot)
        first = PopAnswer(
            how="held to expiry, by formula",
            probability=Measured(exact.probability, 0.0),
            expected_pnl=Measured(exact.expected_pnl, 0.0),
            cvar=Measured(exact.cvar, 0.0),
            touch=tuple((k, Measured(p, 0.0)) for k, p in zip(exact.touch_strike, exact.touch, strict=True)),
            levels=exact.levels,
            quantiles=exact.quantiles,
        )
        models.append(
            PopModel(
                name,
                law.measure.value.replace("_", "-"),
                law.assumes,
                (first, _answer(on_paths, "with exits, on paths", managed=True)),
                0.5 * (spot[1:] + spot[:-1]),
                np.diff(cdf) / np.diff(spot),
            )
        )
    models.append(PopModel("Heston", "risk-neutral", "Volatility moves.", (), why="the calibration did not converge"))
    spot = np.union1d(np.linspace(0.88 * SPOT, 1.08 * SPOT, 161), held.strike)
    return PopView(
        title="Bull put spread on SPX: probability of profit",
        made=MADE,
        terms=terms(),
        plan="Closed at half of the credit gained, at twice of it lost, or at expiry.",
        costs="Costs: 0.65 USD a contract and side, entry at bid and ask, closing half a spread off the model.",
        tail=0.05,
        models=tuple(models),
        spot=spot,
        pnl_expiry=pnl_curve(held).at(spot),
        pnl_today=profile(held, spot).pnl[0],
    )
