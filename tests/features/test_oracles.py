"""Every feature against a plain reference that was written from its declaration alone, without a look at its code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.features import column, compute_set, feature, features
from argus.features.inputs import CALENDAR_INPUTS
from tests.features.market import NASTY, Market, market
from tests.features.oracles import CLOSENESS, LOST, ORACLES
from tests.features.oracles.plain import FLOAT32, Closeness, coarse_bars, held
from tests.features.test_clocks import with_missing_minutes

PRICES = ("open", "high", "low", "close")
Given = dict[str, Any]

WITHOUT_ORACLE: dict[str, str] = {
    "price": "sma ema wma hma kama log_return momentum roc zscore sma_distance ema_distance hma_distance "
    "kama_distance sma_cross macd macd_signal macd_histogram ppo ppo_histogram trix dpo coppock rsi "
    "stochastic_rsi stochastic_k stochastic_d stochastic_slow_d williams_r cci fisher ultimate_oscillator "
    "choppiness efficiency_ratio mass_index awesome_oscillator bollinger_b bollinger_width "
    "donchian_position donchian_width donchian_high_distance donchian_low_distance keltner_position "
    "keltner_width tenkan kijun senkou_a senkou_b tenkan_distance kijun_distance cloud_position "
    "cloud_width aroon_up aroon_down aroon_oscillator plus_di minus_di dx adx sar sar_distance sar_side "
    "linreg linear_slope linear_r2 linear_residual vortex_plus vortex_minus vortex kalman_slope "
    "kalman_distance",
    "volume": "obv obv_share up_volume_share vzo clv ad_line cmf chaikin_oscillator mfi force_index "
    "ease_of_movement price_volume_trend volume_weighted_return nvi pvi nvi_distance pvi_distance "
    "volume_ratio volume_z pvo relative_volume volume_return_correlation volume_range_correlation "
    "turnover session_volume session_vwap session_vwap_distance session_vwap_z vwap vwap_distance vwap_z "
    "poc_distance value_area_low_distance value_area_high_distance rolling_poc_distance "
    "rolling_value_area_low_distance rolling_value_area_high_distance",
    "volatility": "ewma_vol std true_range atr natr range_over_atr range_variation close_to_close_vol realized_vol "
    "upside_vol downside_vol upside_variance_share bipower_vol jump_share parkinson_vol garman_klass_vol "
    "rogers_satchell_vol yang_zhang_vol gap_vol vol_of_vol vol_ratio vol_percentile vol_regime garch_vol",
    "morphology": "skew kurtosis bimodality quantile_spread quantile_skew quantile_kurtosis tail_index l_skew "
    "l_kurtosis",
    "entropy": "shannon_entropy permutation_entropy sample_entropy approximate_entropy recurrence_rate "
    "recurrence_determinism lempel_ziv hjorth_mobility hjorth_complexity",
    "dynamics": "velocity acceleration jerk energy hurst_rs dfa higuchi_dimension katz_dimension petrosian_dimension "
    "lyapunov variance_ratio variance_ratio_score half_life",
    "flow": "bulk_buy_share order_imbalance vpin kyle_lambda amihud roll_spread corwin_schultz_spread "
    "abdi_ranaldo_spread",
    "change_point": "cusum_up cusum_down change_run page_hinkley mean_shift deviation_shift",
    "duration": "return_streak trend_duration volatility_duration time_since_high time_since_low time_since_move",
    "spectrum": "spectral_band spectral_entropy spectral_centroid wavelet_energy",
    "correlation": "autocorrelation absolute_autocorrelation leverage_correlation return_volume_correlation "
    "move_volume_correlation return_range_correlation range_volume_correlation",
    "cross_asset": "member_return member_zscore member_trend member_volatility member_drawdown dollar_trend "
    "price_ratio ratio_zscore relative_strength pair_correlation correlation_change pair_beta hedged_return "
    "lead_lag_correlation lead_lag_lean breadth_above_mean breadth_advancing dispersion "
    "average_correlation absorption_ratio risk_appetite volatility_term_slope volatility_basis "
    "volatility_premium variance_premium",
}
"""Registered features by family that no reference here checks yet; the tests of their families have their own oracles.

A new feature goes in here, or better, gets a reference.
"""

MORE: dict[str, tuple[Given, ...]] = {
    **dict.fromkeys(
        ("swing_high_distance", "swing_low_distance", "rows_since_swing_high", "rows_since_swing_low", "swing_trend"),
        ({"k": 1}, {"k": 3}),
    ),
    **dict.fromkeys(("resistance_distance", "support_distance"), ({"k": 1, "m": 1}, {"k": 2, "m": 40})),
    "range_position": ({"n": 1}, {"n": 7}),
    "breakout": ({"n": 1}, {"n": 10}),
    "rows_since_breakout": ({"n": 5, "side": "down"}, {"n": 1, "side": "up"}),
    "round_number_distance": ({"digits": 0}, {"digits": 3}, {"digits": 6}),
    "friday_range_position": ({"on_days": "week"},),
    "pivot_distance": tuple({"level": level} for level in ("r1", "s1", "r2", "s2", "r3", "s3")),
    "session_gap_atr": ({"n": 1}, {"n": 3}),
    **dict.fromkeys(
        (f"opening_range_{what}" for what in ("high_distance", "low_distance", "position", "width", "break")),
        ({"minutes": 5}, {"minutes": 30}),
    ),
    "doji": ({"most": 0.0}, {"most": 0.3}),
    "marubozu": ({"least": 0.5}, {"least": 1.0}),
    "hammer": ({"bodies": 1.0, "most": 0.3}, {"bodies": 0.3, "most": 0.0}),
    "star": ({"least": 0.0, "most": 1.0}, {"least": 0.8, "most": 0.5}),
    **dict.fromkeys(("trend_alignment", "trend_cascade"), ({"n": 2}, {"n": 6})),
    **dict.fromkeys(("rows_since_turn", "slow_range_position"), ({"n": 2, "slow": "1d"}, {"n": 5, "slow": "15m"})),
    **dict.fromkeys(
        ("zscore_divergence", "momentum_divergence", "volatility_cascade", "pullback"),
        ({"n": 3, "fast": "5m", "slow": "1d"}, {"n": 6, "fast": "bar", "slow": "15m"}, {"n": 2, "fast": "15m"}),
    ),
}
"""Parameters besides the defaults."""

COARSER: dict[str, tuple[Given, ...]] = {
    **dict.fromkeys(("trend_alignment", "trend_cascade"), ({"n": 3, "on": "5m"},)),
    **dict.fromkeys(
        ("rows_since_turn", "slow_range_position"),
        ({"n": 3, "slow": "1h", "on": "15m"}, {"n": 2, "slow": "1d", "on": "1h"}),
    ),
    **dict.fromkeys(
        ("zscore_divergence", "momentum_divergence", "volatility_cascade", "pullback"),
        ({"n": 4, "slow": "1h", "on": "5m"}, {"n": 3, "slow": "1d", "on": "1h"}),
    ),
}
"""Coarser clocks for the features that look at clocks themselves, which must not be finer than that."""


def given(name: str) -> list[Given]:
    """The defaults, other parameters, and coarser clocks with the last of these."""
    more = MORE.get(name, ())
    smaller = more[-1] if more else {}
    clocks = tuple({**smaller, "on": clock} for clock in ("5m", "1h", "1d", "session"))
    return [{}, *more, *COARSER.get(name, clocks)]


CHECKED = [name for name in features() if name in ORACLES]
ASKED = [(name, one) for name in CHECKED for one in given(name)]


def clean() -> Market:
    return market(31, 1_200, per_session=75)


def with_holes() -> Market:
    """Single prices missing, each by itself; a session without any price; a week of which hardly any is known."""
    columns = clean()
    random = generator(5, "holes")
    session = columns["session"]
    days = np.unique(session)
    empty = np.isin(session, [days[0], days[3], *days[8:12]])
    for name in PRICES:
        columns[name] = np.where(empty | (random.random(len(session)) < 0.03), np.nan, columns[name])
    return columns


def from_row(row: int) -> Market:
    return {name: values[row:] for name, values in clean().items()}


def without_regular_hours() -> Market:
    """Some sessions to which the calendar gives no regular hours."""
    columns = clean()
    days = np.unique(columns["session"])
    has_none = np.isin(columns["session"], days[[0, 4, 9]])
    for name in ("regular_open_s", "regular_close_s"):
        columns[name] = np.where(has_none, np.nan, columns[name])
    return columns


def stairs() -> Market:
    """Prices that rise or fall by a gap on every bar, and come back with gaps or over the same ground without any.

    On the way back without gaps the oldest of more than 32 gaps are passed by after all newer ones.
    """
    columns = clean()
    n = len(columns["close"])
    gapping = [range(45), range(44, 5, -1), range(5, 60), range(60, -60, -1), range(-60, 10)]
    covered = [range(45), range(44, 3, -1), range(3, 60), range(60, -20, -1), range(-20, 55)]
    legs = gapping + covered + gapping + covered
    step = np.concatenate([np.array(leg, dtype=np.float64) for leg in legs])[:n]
    up, down = (
        np.concatenate([np.full(len(leg), 8.0 if i in longer else 1.0) for i, leg in enumerate(legs)])[:n]
        for longer in ((6, 16), (7, 9, 17, 19))
    )
    middle = 4_000.0 + 2.0 * step
    prices = {"open": middle - 0.25, "high": middle + up, "low": middle - down, "close": middle + 0.25}
    return {name: values[: len(step)] for name, values in columns.items()} | prices


def with_blank_calendar() -> Market:
    """Rows on which the calendar says nothing, each of its columns by itself."""
    columns = clean()
    random = generator(6, "calendar")
    for name in CALENDAR_INPUTS:
        columns[name] = np.where(random.random(len(columns["close"])) < 0.1, np.nan, columns[name])
    return columns


MARKETS: dict[str, Callable[[], Market]] = {
    "clean": clean,
    "gaps": lambda: NASTY["gaps"](clean()),
    "zero volume": lambda: NASTY["zero volume"](clean()),
    "constant price": lambda: NASTY["constant price"](clean()),
    "minutes left out": lambda: with_missing_minutes(clean(), 7),
    "minutes left out and gaps": lambda: with_missing_minutes(NASTY["gaps"](clean()), 8, 0.5),
    "holes": with_holes,
    "begins overnight": lambda: from_row(10),
    "begins in the opening range": lambda: from_row(45),
    "begins after the opening range": lambda: from_row(72),
    "no regular hours": without_regular_hours,
    "stairs": stairs,
    "blank calendar": with_blank_calendar,
}
ONLY: dict[str, str] = {"blank calendar": "time"}
"""Markets that are defined for one family only."""
WITH_COARSER = {"gaps", "minutes left out", "minutes left out and gaps", "holes", "blank calendar"}
"""Markets on which coarser clocks are looked at too: those whose coarse bars are not all whole."""


@cache
def computed(name: str) -> tuple[Market, dict[int, F64_1D]]:
    columns = MARKETS[name]()
    chosen = [
        i
        for i, (one, parameters) in enumerate(ASKED)
        if ONLY.get(name) in (None, feature(one).family) and ("on" not in parameters or name in WITH_COARSER)
    ]
    values = compute_set([column(ASKED[i][0], **ASKED[i][1]) for i in chosen], columns)
    return columns, dict(zip(chosen, values.astype(np.float64), strict=True))


@cache
def coarse(kind: str, clock: str) -> tuple[Market, list[int]]:
    columns = computed(kind)[0]
    return (columns, [*range(len(columns["close"]))]) if clock == "bar" else coarse_bars(columns, clock)


def expected(kind: str, name: str, parameters: Given) -> F64_1D:
    values = feature(name).values(parameters)
    bars, known_on = coarse(kind, str(values["on"]))
    return held(ORACLES[name](bars, values), known_on, len(computed(kind)[0]["close"]))


def undecided(kind: str, name: str, parameters: Given) -> NDArray[np.bool_]:
    """Rows on which rounding alone decides; only a price that stands still for long brings an average that near."""
    n = len(computed(kind)[0]["close"])
    if name not in LOST or kind != "constant price":
        return np.zeros(n, dtype=bool)
    values = feature(name).values(parameters)
    bars, known_on = coarse(kind, str(values["on"]))
    is_lost: NDArray[np.bool_] = held(LOST[name](bars, values).astype(np.float64), known_on, n) == 1
    return is_lost


def differences(kind: str, name: str) -> tuple[list[str], int]:
    """Where a feature is not its reference, in words, and how many values were compared."""
    found, compared = [], 0
    values = computed(kind)[1]
    for i, (one, parameters) in enumerate(ASKED):
        if one == name and i in values:
            is_clear = ~undecided(kind, name, parameters)
            wanted = expected(kind, name, parameters)
            compared += int(np.count_nonzero(~np.isnan(wanted) & is_clear))
            got = np.where(is_clear, values[i], wanted)
            difference = first_difference(got, wanted, CLOSENESS.get(name, FLOAT32))
            if difference:
                found.append(f"{kind}, {parameters}: {difference}")
    return found, compared


def first_difference(got: F64_1D, wanted: F64_1D, closeness: Closeness) -> str:
    """Where two columns differ, in words; nothing if they do not."""
    is_close = np.isclose(got, wanted, rtol=closeness.relative, atol=closeness.absolute, equal_nan=True)
    rows = np.flatnonzero(~is_close)
    if not len(rows):
        return ""
    return f"{len(rows)} rows differ, first {rows[0]}: got {got[rows[0]]!r}, expected {wanted[rows[0]]!r}"


@pytest.mark.parametrize("name", CHECKED)
def test_a_feature_is_what_its_declaration_says(name: str) -> None:
    found, compared = [], 0
    for kind in MARKETS:
        differ, values = differences(kind, name)
        found += differ
        compared += values
    assert not found, "\n".join(found)
    assert compared > 1_000


def test_every_feature_has_an_oracle_or_stands_in_the_list() -> None:
    without = {name: family for family, names in WITHOUT_ORACLE.items() for name in names.split()}
    assert {name: one.family for name, one in features().items() if name not in ORACLES} == without
    assert set(ORACLES) <= set(features())


def test_tolerances_and_parameters_are_of_features_with_oracles() -> None:
    for names in (CLOSENESS, MORE, COARSER):
        assert set(names) <= set(ORACLES)


def test_a_wrong_reference_is_found() -> None:
    values = computed("clean")[1]
    right = values[ASKED.index(("swing_trend", {}))]
    for wrong in (expected("clean", "swing_trend", {"k": 4}), np.where(np.arange(len(right)) == 700, np.nan, right)):
        assert first_difference(right, wrong, FLOAT32)
