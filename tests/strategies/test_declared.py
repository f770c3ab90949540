from __future__ import annotations

import numpy as np
import pytest

from argus.core.arrays import BAR_FIELDS
from argus.core.errors import StrategyError
from argus.core.intents import Forecast
from argus.core.ports import Strategy
from argus.features import feature
from argus.strategies import DeclaredStrategy, create, strategies, strategy_class
from tests.features.bars import random_bars
from tests.strategies.market import play

NAMES = tuple(strategies())


def test_the_first_four() -> None:
    assert NAMES == ("sma_cross", "tsmom", "mean_reversion", "overnight")


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_tells_all_about_itself_without_running(name: str) -> None:
    declared = strategy_class(name)
    spec = declared.specify(["ES", "ZN"])
    assert (spec.name, spec.universe) == (name, ("ES", "ZN"))
    for text in (declared.VERSION, declared.SUMMARY, declared.SOURCE, declared.WHY, declared.FAILS, declared.FITS):
        assert text
    assert len(spec.parameters) <= spec.constraints.parameter_count_max
    assert spec.constraints.turnover_annual_max > 0
    assert all(parameter.why for parameter in spec.parameters)
    assert spec.values == {parameter.name: parameter.default for parameter in spec.parameters}
    aliases = [ref.alias for ref in spec.features]
    assert len(set(aliases)) == len(aliases)
    assert {ref.instrument for ref in spec.features} == {"ES", "ZN"}
    for ref in spec.features:
        feature(ref.feature).values(ref.parameters)
    assert "close" in spec.needs <= set(BAR_FIELDS)


@pytest.mark.parametrize("name", NAMES)
def test_the_grid_is_small_and_every_point_of_it_is_legal(name: str) -> None:
    declared = strategy_class(name)
    grid = declared.grid()
    assert 4 <= len(grid) <= 12
    assert len({tuple(sorted(point.items())) for point in grid}) == len(grid)
    for point in grid:
        spec = declared.specify(["ES"], **point)
        assert point.items() <= spec.values.items()


@pytest.mark.parametrize("name", NAMES)
def test_a_made_strategy_fits_the_port(name: str) -> None:
    made = create(name, ["ES"])
    assert isinstance(made, Strategy)
    assert made.spec == strategy_class(name).specify(["ES"])


def test_values_are_taken_in_their_own_type() -> None:
    spec = create("tsmom", ["SPY"], lookback="60", long_only="true", execution="moc").spec
    assert (spec.values["lookback"], spec.values["long_only"], spec.values["execution"]) == (60, True, "moc")


def test_warmup_and_needs_follow_the_values() -> None:
    assert create("sma_cross", ["ES"], slow=150).spec.warmup_bars == 150
    assert create("tsmom", ["ES"], lookback=250).spec.warmup_bars == 251
    assert create("tsmom", ["ES"], lookback=20).spec.warmup_bars == 61
    assert create("mean_reversion", ["ES"], trend=200).spec.warmup_bars == 200
    assert create("overnight", ["SPY"]).spec.warmup_bars == 61
    assert create("overnight", ["SPY"], filter="trend").spec.warmup_bars == 100
    assert create("tsmom", ["ES"], execution="moc").spec.needs == {"close"}
    assert create("tsmom", ["ES"], execution="moo").spec.needs == {"open", "close"}
    assert create("overnight", ["SPY"]).spec.needs == {"open", "close"}


@pytest.mark.parametrize(
    ("name", "universe", "values", "message"),
    [
        ("sma_cros", ["ES"], {}, "there is no strategy 'sma_cros'; did you mean sma_cross"),
        ("sma_cross", [], {}, "the universe is"),
        ("sma_cross", "ES", {}, "the universe is 'ES'; give a list"),
        ("sma_cross", ["ES", "ES"], {}, "names an instrument twice"),
        ("sma_cross", ["ES"], {"lookback": 3}, "has no parameter lookback; it takes fast, slow"),
        ("sma_cross", ["ES"], {"fast": 100}, "fast is 100 and slow is 100"),
        ("sma_cross", ["ES"], {"fast": 0}, "parameter fast is 0"),
        ("sma_cross", ["ES"], {"fast": 2.5}, "parameter fast is 2.5; int expected"),
        ("tsmom", ["ES"], {"execution": "limit"}, "parameter execution is 'limit'; one of market, moo, moc"),
        ("tsmom", ["ES"], {"long_only": "maybe"}, "parameter long_only is 'maybe'"),
        ("mean_reversion", ["ES"], {"exit": 1.5}, "exit is 1.5 and entry is 1.5"),
        ("mean_reversion", ["ES"], {"window": 5, "entry": 1.8}, "always below 1.789"),
        ("mean_reversion", ["ES"], {"trend": 5}, "trend is 5 sessions and window is 10"),
        ("overnight", ["SPY"], {"filter": "moon"}, "parameter filter is 'moon'"),
    ],
)
def test_what_cannot_be_made(name: str, universe: list[str], values: dict[str, object], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        create(name, universe, **values)  # type: ignore[arg-type]


def test_a_strategy_without_decisions_says_so() -> None:
    class Empty(strategy_class("overnight")):  # type: ignore[misc]
        NAME = "empty"
        wake = DeclaredStrategy.wake

    with pytest.raises(NotImplementedError, match="Empty has no wake"):
        Empty(["SPY"]).wake(None)


@pytest.mark.parametrize(
    ("name", "values"),
    [("mean_reversion", {"hold_max": 3}), ("tsmom", {"lookback": 5, "rebalance": 4, "sessions_per_year": 365})],
)
def test_no_decision_outlasts_the_horizon(name: str, values: dict[str, int]) -> None:
    bars = random_bars(5, 400)
    made = create(name, ["ES"], **values)
    lasted, since = [], None
    for decision in play(made, {"ES": bars}):
        (intent,) = decision.intents
        assert isinstance(intent, Forecast)
        row = int(np.searchsorted(bars.ts_recv_ns, decision.now_ns))
        if since is not None:
            lasted.append(row - since)
        since = row if intent.direction != 0.0 else None
    # Random prices make some decision last as long as it may.
    assert max(lasted) == strategy_class(name).horizon(made.spec.values)


def test_what_ends_by_itself_has_a_horizon() -> None:
    for name, expected in (("overnight", 1), ("sma_cross", None)):
        declared = strategy_class(name)
        assert declared.horizon(declared.specify(["ES"]).values) == expected
