"""Cross-asset features against their declared formulas in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError, StrategyError
from argus.features import column, compute_set, feature
from argus.features.families import cross_asset, cross_asset_groups
from argus.features.graph import Term, node
from argus.features.inputs import CLOSE, HIGH, LOW, OPEN
from argus.features.runner import Runner
from argus.features.sets import columns_of, feature_sets
from argus.features.universe import APPETITE, GROUPS, ROLES, least_of, members_read, usable, what_is_lacking
from tests.features.market import Market, market, with_gaps

Values = Mapping[str, Any]
F64_2D = NDArray[np.float64]


def run(terms: list[Term], columns: Mapping[str, F64_1D], piece: int = 512) -> F64_2D:
    runner = Runner(terms, piece)
    n = len(next(iter(columns.values())))
    out = np.empty((len(terms), n))
    for first in range(0, n, piece):
        runner.feed([columns[name][first : first + piece] for name in runner.inputs], out, first)
    return out


def closes(columns: Market, role: str) -> F64_1D:
    return columns[f"close@{role}"]


def log_return(columns: Market, role: str, k: int = 1) -> F64_1D:
    x = closes(columns, role)
    out = np.full(len(x), np.nan)
    out[k:] = np.log(x[k:] / x[:-k])
    return out


def lagged(x: F64_1D, k: int) -> F64_1D:
    return np.concatenate((np.full(k, np.nan), x[:-k]))


def windows(of: Callable[..., float], n: int, *series: F64_1D) -> F64_1D:
    """A function of every full window of these columns; NaN where a value is missing."""
    out = np.full(len(series[0]), np.nan)
    for t in range(n - 1, len(out)):
        cut = [x[t - n + 1 : t + 1] for x in series]
        if not any(np.isnan(x).any() for x in cut):
            out[t] = of(*cut)
    return out


def z_of(x: F64_1D) -> float:
    return float((x[-1] - x.mean()) / x.std(ddof=1))


def correlation_of(x: F64_1D, y: F64_1D) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(x, y)[0, 1])


def beta_of(y: F64_1D, x: F64_1D) -> float:
    return float(np.cov(y, x)[0, 1] / x.var(ddof=1))


def trend(c: Market, role: str, n: int) -> F64_1D:
    spread = windows(lambda x: x.std(ddof=1), n, log_return(c, role))
    return log_return(c, role, n) / (spread * n**0.5)


def ratio_z(c: Market, a: str, b: str, n: int) -> F64_1D:
    return windows(z_of, n, np.log(closes(c, a)) - np.log(closes(c, b)))


def correlation(c: Market, a: str, b: str, n: int) -> F64_1D:
    return windows(correlation_of, n, log_return(c, a), log_return(c, b))


def leads(c: Market, a: str, b: str, k: int, n: int) -> F64_1D:
    return windows(correlation_of, n, lagged(log_return(c, a), k), log_return(c, b))


def known_mean(rows: F64_2D, least: int, of: Callable[[F64_1D], float] = np.mean) -> F64_1D:
    out = np.full(rows.shape[1], np.nan)
    for t in range(rows.shape[1]):
        known = rows[:, t][np.isfinite(rows[:, t])]
        if len(known) >= least:
            out[t] = of(known)
    return out


def share_up(x: F64_1D) -> float:
    return float((np.sum(x > 0) + 0.5 * np.sum(x == 0)) / len(x))


def over_group(c: Market, v: Values, of: Callable[[str], F64_1D], then: Callable[[F64_1D], float]) -> F64_1D:
    members = GROUPS[v["group"]]
    return known_mean(np.array([of(role) for role in members]), least_of(len(members)), then)


def above_mean(c: Market, v: Values) -> F64_1D:
    def gap(role: str) -> F64_1D:
        return windows(lambda x: x[-1] - x.mean(), v["n"], closes(c, role))

    return over_group(c, v, gap, share_up)


def group_correlations(c: Market, v: Values) -> F64_2D:
    return np.array([correlation(c, a, b, v["n"]) for a, b in combinations(GROUPS[v["group"]], 2)])


def average_correlation(c: Market, v: Values) -> F64_1D:
    half = least_of(len(GROUPS[v["group"]]))
    return known_mean(group_correlations(c, v), half * (half - 1) // 2)


def absorption(c: Market, v: Values) -> F64_1D:
    members = GROUPS[v["group"]]
    pairs = group_correlations(c, v)
    out = np.full(pairs.shape[1], np.nan)
    for t in range(len(out)):
        matrix = np.eye(len(members))
        for (i, j), value in zip(combinations(range(len(members)), 2), pairs[:, t], strict=True):
            matrix[i, j] = matrix[j, i] = value
        known = [i for i in range(len(members)) if np.isfinite(np.delete(matrix[i], i)).any()]
        if len(known) >= least_of(len(members)):
            out[t] = np.linalg.eigvalsh(matrix[np.ix_(known, known)])[-1] / len(known)
    return out


def appetite(c: Market, v: Values) -> F64_1D:
    return known_mean(np.array([ratio_z(c, a, b, v["n"]) for a, b in APPETITE]), least_of(len(APPETITE)))


def realised(c: Market, n: int) -> F64_1D:
    squares = windows(lambda r: float((r**2).sum()), n, log_return(c, "equity"))
    return squares * 31_557_600.0 / (c["close_s"] - lagged(c["close_s"], n))


def drawdown(c: Market, v: Values) -> F64_1D:
    return windows(lambda x: x[-1] / x.max() - 1.0, v["n"], closes(c, v["a"]))


def hedged(c: Market, v: Values) -> F64_1D:
    beta = windows(beta_of, v["n"], log_return(c, v["a"]), log_return(c, v["b"]))
    return log_return(c, v["a"], v["n"]) - beta * log_return(c, v["b"], v["n"])


ORACLES: dict[str, Callable[[Market, Values], F64_1D]] = {
    "member_return": lambda c, v: log_return(c, v["a"], v["n"]),
    "member_zscore": lambda c, v: windows(z_of, v["n"], closes(c, v["a"])),
    "member_trend": lambda c, v: trend(c, v["a"], v["n"]),
    "member_volatility": lambda c, v: windows(lambda x: x.std(ddof=1), v["n"], log_return(c, v["a"])),
    "member_drawdown": drawdown,
    "dollar_trend": lambda c, v: trend(c, v["by"], v["n"]) * (-1.0 if v["by"] == "euro" else 1.0),
    "price_ratio": lambda c, v: closes(c, v["a"]) / closes(c, v["b"]),
    "ratio_zscore": lambda c, v: ratio_z(c, v["a"], v["b"], v["n"]),
    "relative_strength": lambda c, v: log_return(c, v["a"], v["n"]) - log_return(c, v["b"], v["n"]),
    "pair_correlation": lambda c, v: correlation(c, v["a"], v["b"], v["n"]),
    "correlation_change": lambda c, v: (
        correlation(c, v["a"], v["b"], v["short"]) - correlation(c, v["a"], v["b"], v["long"])
    ),
    "pair_beta": lambda c, v: windows(beta_of, v["n"], log_return(c, v["a"]), log_return(c, v["b"])),
    "hedged_return": hedged,
    "lead_lag_correlation": lambda c, v: leads(c, v["a"], v["b"], v["k"], v["n"]),
    "lead_lag_lean": lambda c, v: leads(c, v["a"], v["b"], v["k"], v["n"]) - leads(c, v["b"], v["a"], v["k"], v["n"]),
    "breadth_above_mean": above_mean,
    "breadth_advancing": lambda c, v: over_group(c, v, lambda role: log_return(c, role, v["n"]), share_up),
    "dispersion": lambda c, v: over_group(c, v, lambda role: log_return(c, role, v["n"]), lambda x: x.std(ddof=1)),
    "average_correlation": average_correlation,
    "absorption_ratio": absorption,
    "risk_appetite": appetite,
    "volatility_term_slope": lambda c, v: closes(c, "volatility_second") / closes(c, "volatility_front") - 1.0,
    "volatility_basis": lambda c, v: closes(c, "volatility_front") / closes(c, "vix") - 1.0,
    "volatility_premium": lambda c, v: closes(c, "vix") / 100.0 - np.sqrt(realised(c, v["n"])),
    "variance_premium": lambda c, v: (closes(c, "vix") / 100.0) ** 2 - realised(c, v["n"]),
}

CASES: tuple[tuple[str, dict[str, int | str]], ...] = (
    *((name, {"n": 90} if name == "member_drawdown" else {}) for name in ORACLES),
    ("member_return", {"a": "bitcoin", "n": 20}),
    ("dollar_trend", {"by": "dollar", "n": 12}),
    ("pair_correlation", {"a": "vix", "b": "equity", "n": 10}),
    ("lead_lag_correlation", {"a": "oil", "b": "energy", "k": 3, "n": 25}),
    ("breadth_advancing", {"group": "assets", "n": 1}),
    ("dispersion", {"group": "indices", "n": 1}),
    ("average_correlation", {"group": "indices", "n": 15}),
    ("absorption_ratio", {"group": "indices", "n": 12}),
    ("absorption_ratio", {"group": "assets", "n": 5}),
)


def test_every_feature_of_the_family_has_an_oracle() -> None:
    declared = {one.name for one in (*cross_asset.DECLARED, *cross_asset_groups.DECLARED)}
    assert set(ORACLES) == declared


@pytest.mark.parametrize(("name", "given_values"), CASES, ids=lambda one: str(one))
def test_features_are_their_formulas(name: str, given_values: dict[str, int | str]) -> None:
    columns = with_gaps(market(11, 900, per_session=60), 3)
    declared = feature(name)
    got = run([declared.term(given_values)], columns)[0]
    want = ORACLES[name](columns, declared.values(given_values))
    assert np.isfinite(want).sum() > 100
    # Window sums about a block's reference keep ten digits and more; a z-score or a beta divides by what is left.
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)


def test_gold_and_silver_by_hand() -> None:
    gold, silver = np.array([2_000.0, 2_200.0, 1_980.0]), np.array([25.0, 20.0, np.nan])
    columns = {"close@gold": gold, "close@silver": silver}
    ratio, gone, fall = run(
        [
            feature("price_ratio").term({}),
            feature("relative_strength").term({"a": "gold", "b": "silver", "n": 1}),
            feature("member_drawdown").term({"a": "gold", "n": 2}),
        ],
        columns,
    )
    np.testing.assert_array_equal(ratio, [80.0, 110.0, np.nan])
    np.testing.assert_allclose(gone, [np.nan, np.log(1.1) - np.log(0.8), np.nan])
    np.testing.assert_allclose(fall, [np.nan, 0.0, -0.1])


def test_half_of_a_group_is_enough_and_less_is_not() -> None:
    n, members = 6, GROUPS["sectors"]
    columns = {f"close@{role}": np.linspace(10.0, 10.0 + k - 3, n) for k, role in enumerate(members)}
    term = feature("breadth_advancing").term({"n": 1})
    assert run([term], columns)[0, 1:].tolist() == [0.5 * (1 + 8) / 8] * 5  # four rise, one stands still, three fall
    for role in members[:4]:
        columns[f"close@{role}"] = np.full(n, np.nan)
    assert run([term], columns)[0, 1:].tolist() == [1.0] * 5
    columns[f"close@{members[4]}"] = np.full(n, np.nan)
    assert np.isnan(run([term], columns)).all()


MATRICES = arrays(np.float64, (12, 4), elements=st.integers(-4, 4).map(float))


@given(MATRICES)
def test_first_eigenvalue_is_that_of_numpy(x: F64_2D) -> None:
    spread = x.std(axis=0)
    x = x[:, spread > 0.0]
    size = x.shape[1]
    matrix = np.full((4, 4), np.nan)
    if size > 1:
        matrix[:size, :size] = np.corrcoef(x.T)
    inputs = (CLOSE, HIGH, LOW, OPEN)
    pairs = [matrix[i, j] for i, j in combinations(range(4), 2)]
    names = ("close", "high", "low", "open", "volume", "open_interest")
    columns = {name: np.array([value]) for name, value in zip(names, pairs, strict=True)}
    from argus.features.inputs import OPEN_INTEREST, VOLUME

    term = node("cross_asset.first_eigenvalue_share", *inputs, VOLUME, OPEN_INTEREST, args=(4, 2))
    got = run([term], columns)[0, 0]
    if size < 2:
        assert np.isnan(got)
    else:
        np.testing.assert_allclose(got, np.linalg.eigvalsh(matrix[:size, :size])[-1] / size, rtol=2e-8)
        assert 1.0 / size - 1e-8 <= got <= 1.0 + 1e-12


def test_a_market_led_by_another_is_found_and_the_lean_says_which() -> None:
    random = np.random.default_rng(5)
    moves = random.standard_normal(600) * 0.01
    follower = np.concatenate(([0.0, 0.0], moves[:-2])) + random.standard_normal(600) * 0.001
    columns = {"close@equity": 100 * np.exp(np.cumsum(moves)), "close@small_caps": 50 * np.exp(np.cumsum(follower))}
    found, other, lean = run(
        [
            feature("lead_lag_correlation").term({"k": 2, "n": 200}),
            feature("lead_lag_correlation").term({"k": 1, "n": 200}),
            feature("lead_lag_lean").term({"k": 2, "n": 200}),
        ],
        columns,
    )
    assert found[-1] > 0.98
    assert abs(other[-1]) < 0.25
    assert lean[-1] > 0.7


def test_unknown_roles_and_groups_are_refused() -> None:
    with pytest.raises(StrategyError, match="parameter a is 'tulips'; one of equity, nasdaq"):
        feature("member_return").term({"a": "tulips"})
    with pytest.raises(StrategyError, match="parameter group is 'planets'; one of sectors"):
        feature("dispersion").term({"group": "planets"})


def test_features_of_one_instrument_say_where_members_come_from() -> None:
    missing = r"close@discretionary, close@energy, close@financials and 5 more members of the universe \(argus features"
    with pytest.raises(ConfigError, match=missing):
        compute_set([column("dispersion", group="sectors", n=5)], {"close": np.ones(9)}, threads=1)


def test_the_set_holds_about_180_columns_that_all_can_be_made_with_every_role() -> None:
    refs = columns_of("cross_asset")
    assert 170 <= len(refs) <= 200
    assert usable(refs, ROLES) == (refs, {})
    assert {role for ref in refs for role in members_read(ref)} == set(ROLES)
    assert set(feature_sets()) >= {"futures", "cross_asset"}


def test_columns_without_their_members_are_left_out_with_the_reason() -> None:
    refs = (
        column("member_return", a="gold", n=1),
        column("pair_beta", a="gold", b="equity", n=60),
        column("dispersion", group="indices", n=5),
        column("risk_appetite", n=60),
        column("sma", n=5),
    )
    kept, reasons = usable(refs, {"equity", "dow", "bonds_10y", "small_caps"})
    assert [ref.feature for ref in kept] == ["dispersion", "sma"]
    assert reasons["member_return_gold_1"] == "nobody plays gold"
    assert reasons["pair_beta_gold_equity_60"] == "nobody plays gold"
    assert reasons["risk_appetite_60"].startswith("2 of 6 parts are there, 3 are needed; nobody plays high_yield")
    assert what_is_lacking(refs[2], {"dow"}).startswith("1 of 4 parts are there, 2 are needed")


def test_the_declarations_load_no_kernels() -> None:
    import subprocess
    import sys

    code = "import sys, argus.features.sets as s; s.columns_of('cross_asset'); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
