"""Realised volatility and its forecasts: against the libraries, and blind to the future."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    evaluate_forecasts,
    forecast_ewma,
    forecast_garch,
    forecast_har,
    forward_variance,
    realised_daily,
    realised_intraday,
    variance_risk_premium,
)


def _garch(count: int, seed: int = 1) -> np.ndarray:
    """Returns of a GARCH(1,1) with 1 % a session."""
    noise = np.random.default_rng(seed).normal(size=count)
    out, level = np.empty(count), 1e-4
    for row in range(count):
        out[row] = math.sqrt(level) * noise[row]
        level = 2e-6 + 0.08 * out[row] ** 2 + 0.90 * level
    return out


RETURNS = _garch(900)
VARIANCE = RETURNS**2


def test_squared_returns() -> None:
    found = realised_daily(np.array([100.0, 110.0, math.nan, 110.0, 99.0, 0.0]))
    assert found == pytest.approx(
        [math.nan, math.log(1.1) ** 2, math.nan, math.nan, math.log(0.9) ** 2, math.nan], nan_ok=True
    )


def test_bars_are_summed_by_session() -> None:
    close = np.array([100.0, 101.0, 102.0, 104.0, math.nan, 103.0, 105.0])
    session = np.array([7, 7, 8, 8, 8, 8, 10])
    step = np.diff(np.log(close[np.isfinite(close)])) ** 2
    both = realised_intraday(close, session)
    assert both.session.tolist() == [7, 8, 10]
    assert both.variance == pytest.approx([math.nan, step[1] + step[2] + step[3], step[4]], nan_ok=True)
    day = realised_intraday(close, session, with_overnight=False)
    assert day.variance == pytest.approx([step[0], step[2] + step[3], math.nan], nan_ok=True)
    assert day.bars.tolist() == [1, 2, 0]
    with pytest.raises(ConfigError, match="bar 2"):
        realised_intraday(close[:3], np.array([1, 2, 1]))
    with pytest.raises(ConfigError, match="bars"):
        realised_intraday(close, session[1:])


def test_a_session_without_prices_does_not_lend_its_night() -> None:
    close = np.array([100.0, 101.0, math.nan, 103.0, 104.0])
    found = realised_intraday(close, np.array([1, 1, 2, 3, 3]))
    assert np.isnan(found.variance).tolist() == [True, True, True]


def test_the_answer_is_the_mean_of_what_comes() -> None:
    assert forward_variance(np.arange(5.0), 2) == pytest.approx([1.5, 2.5, 3.5, math.nan, math.nan], nan_ok=True)
    assert np.isnan(forward_variance(np.arange(2.0), 2)).all()


FORECASTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ewma": lambda returns: forecast_ewma(returns**2),
    "har": lambda returns: forecast_har(returns**2, horizon=5, fit_min=60),
    "garch": lambda returns: forecast_garch(returns, horizon=5, fit_min=400, refit=200),
}


@pytest.mark.parametrize("name", sorted(FORECASTS))
def test_a_forecast_does_not_see_what_comes(name: str) -> None:
    forecast = FORECASTS[name]
    whole = forecast(RETURNS)
    assert np.isfinite(whole[-1])
    cut = 611
    spoilt = RETURNS.copy()
    spoilt[cut:] = 0.05 * np.random.default_rng(0).normal(size=len(spoilt) - cut)
    for other in (forecast(spoilt)[:cut], forecast(RETURNS[:cut])):
        assert np.array_equal(other, whole[:cut], equal_nan=True)


def test_exponential_means() -> None:
    found = forecast_ewma(np.array([math.nan, 4.0, 1.0, math.nan, 1.0]), decay=0.9)
    assert found == pytest.approx([math.nan, 4.0, 3.7, 3.7, 3.43], nan_ok=True)


def test_har_is_least_squares_on_the_past() -> None:
    horizon, row = 3, 700
    found = forecast_har(VARIANCE, horizon=horizon, fit_min=100)

    def regressors(at: int) -> list[float]:
        return [1.0, VARIANCE[at], VARIANCE[at - 4 : at + 1].mean(), VARIANCE[at - 21 : at + 1].mean()]

    rows = range(21, row - horizon + 1)
    x = np.array([regressors(at) for at in rows])
    y = np.array([VARIANCE[at + 1 : at + 1 + horizon].mean() for at in rows])
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    assert found[row] == pytest.approx(float(np.array(regressors(row)) @ weights), rel=1e-8)
    first = int(np.argmax(np.isfinite(found)))
    assert first == 21 + horizon + 100 - 1


def test_har_does_not_leave_what_was_seen() -> None:
    calm = np.full(400, 1e-4) + 1e-6 * np.sin(np.arange(400.0))
    calm[-1] = 1.0
    found = forecast_har(calm, fit_min=100)
    seen = calm[22:399]
    assert seen.min() * 0.999 <= found[398] <= seen.max() * 1.001
    assert found[399] <= 1.0
    assert np.isnan(forecast_har(calm[:50], fit_min=100)).all()
    flat = forecast_har(np.full(200, 1e-4), fit_min=50)
    assert flat[-1] == pytest.approx(1e-4)


def test_garch_is_what_the_library_forecasts() -> None:
    from arch import arch_model

    found = forecast_garch(RETURNS, horizon=10, fit_min=600, refit=20)
    assert np.isnan(found[:599]).all()
    model = arch_model(100.0 * RETURNS[:600], vol="GARCH", p=1, q=1, rescale=False)
    fitted = model.fit(disp="off")
    theirs = fitted.forecast(horizon=10, reindex=False).variance.to_numpy()[-1].mean()
    assert found[599] == pytest.approx(theirs * 1e-4, rel=1e-6)
    longer = arch_model(100.0 * RETURNS[:610], vol="GARCH", p=1, q=1, rescale=False)
    carried = longer.forecast(fitted.params, horizon=10, reindex=False).variance.to_numpy()[-1].mean()
    # The library starts its recursion from the sample that it is given: what is left of the start is little.
    assert found[609] == pytest.approx(carried * 1e-4, rel=1e-4)


def test_scores_are_those_of_the_library() -> None:
    import statsmodels.api as sm

    forecast = forecast_ewma(VARIANCE)
    (score,) = evaluate_forecasts(VARIANCE, {"ewma": forecast}, horizon=5)
    answer = forward_variance(VARIANCE, 5)
    rows = np.isfinite(answer) & np.isfinite(forecast)
    actual, said = 252 * answer[rows], 252 * forecast[rows]
    fit = sm.OLS(actual, sm.add_constant(said)).fit(cov_type="HAC", cov_kwds={"maxlags": 4})
    assert score.rows == rows.sum()
    assert (score.intercept, score.slope) == pytest.approx(tuple(fit.params))
    assert (score.intercept_error, score.slope_error) == pytest.approx(tuple(fit.bse))
    assert score.r_squared == pytest.approx(fit.rsquared)
    assert score.mse == pytest.approx(np.mean((actual - said) ** 2))
    assert score.qlike == pytest.approx(np.mean(actual / said - np.log(actual / said) - 1.0))


def test_the_truth_beats_every_forecast() -> None:
    truth = forward_variance(VARIANCE, 5)
    scores = evaluate_forecasts(VARIANCE, {"truth": truth, "ewma": forecast_ewma(VARIANCE)}, horizon=5)
    assert scores[0].qlike == pytest.approx(0.0, abs=1e-12)
    assert (scores[0].slope, scores[0].r_squared) == pytest.approx((1.0, 1.0))
    assert scores[1].qlike > 0.01
    assert scores[0].rows == scores[1].rows


def test_the_premium_is_in_variances() -> None:
    premium = variance_risk_premium(np.array([0.2, 0.0]), np.array([1e-4, 1e-4]))
    assert premium == pytest.approx([0.04 - 0.0252, math.nan], nan_ok=True)


def test_settings_out_of_range_are_refused() -> None:
    for words, call in (
        ("horizon", lambda: forward_variance(VARIANCE, 0)),
        ("decay", lambda: forecast_ewma(VARIANCE, decay=1.0)),
        ("fit_min", lambda: forecast_har(VARIANCE, fit_min=5)),
        ("fit_min", lambda: forecast_garch(RETURNS, fit_min=50)),
        ("row 3", lambda: forecast_garch(np.array([math.nan, 0.1, 0.1, math.nan, 0.1]))),
        ("10 needed", lambda: evaluate_forecasts(VARIANCE[:9], {})),
        ("forecast x", lambda: evaluate_forecasts(VARIANCE, {"x": VARIANCE[1:]})),
    ):
        with pytest.raises(ConfigError, match=words):
            call()


def test_forecasts_of_the_real_market_beat_its_mean(real_data: Path) -> None:
    import polars as pl

    close = pl.read_csv(real_data / "daily" / "SPY.csv")["close"].to_numpy()[-4_000:]
    variance = realised_daily(close)
    naive = np.cumsum(np.nan_to_num(variance)) / np.arange(1, len(variance) + 1)
    scores = evaluate_forecasts(
        variance,
        {"mean": naive, "ewma": forecast_ewma(variance), "har": forecast_har(variance, horizon=21)},
        horizon=21,
    )
    assert scores[1].qlike < scores[0].qlike
    assert scores[2].qlike < scores[0].qlike
    assert scores[2].r_squared > 0.05
