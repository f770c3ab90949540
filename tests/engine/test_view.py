"""What a strategy sees at each wake-up: every row known by then, no row more, and an account that knows no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.intents import Intent
from argus.core.orders import OrderType
from argus.core.ports import View
from argus.core.strategy import FeatureRef
from argus.core.time import NS_PER_HOUR, NS_PER_MINUTE
from argus.engine.config import AccountKind, CostModel
from argus.features import compute
from tests.engine.markets import (
    DOLLAR,
    Scripted,
    account,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
)

WINDOW = ("ts_event_ns", "ts_close_ns", "open", "high", "low", "close", "volume")


def watch(
    market_bars: Sequence[Bars], look: Any, *, also: Any = None, config: Any = None, **declared: Any
) -> list[Any]:
    """What `look` returns at each wake-up of a run over these bars."""
    seen = []

    def decide(view: View, number: int) -> Sequence[Intent]:
        seen.append(look(view, number))
        return also(view, number) if also else ()

    play(Scripted([bars.instrument for bars in market_bars], decide, **declared), market_of(*market_bars), config)
    return seen


@settings(max_examples=20)
@given(delay=st.integers(0, 3 * NS_PER_HOUR), n=st.integers(1, 40), seed=st.integers(0, 999))
def test_windows_hold_the_last_known_rows_and_none_later(delay: int, n: int, seed: int) -> None:
    es = random_bars(seed, "ES", 18, per_session=6, delay_ns=delay, volume=9.0)
    cl = random_bars(seed + 1, "CL", 10, per_session=3, minutes=110, delay_ns=delay // 2)

    def look(view: View, _number: int) -> int:
        for bars in (es, cl):
            window = view.bars(bars.instrument, n)
            known = int(np.searchsorted(bars.ts_recv_ns, view.now_ns, side="right"))
            assert len(window) == min(n, known)
            for name in WINDOW:
                expected = getattr(bars, name)[max(0, known - n) : known]
                np.testing.assert_array_equal(getattr(window, name), expected)
        return view.now_ns

    seen = watch([es, cl], look)
    assert len(seen) > 10
    assert seen == sorted(set(seen))


def test_windows_are_read_only_copies_that_lead_to_no_later_row() -> None:
    bars = random_bars(1, "ES", 6)

    def look(view: View, _number: int) -> Any:
        window = view.bars("ES", 2)
        for name in WINDOW:
            array = getattr(window, name)
            assert array.base is None
            assert not np.shares_memory(array, getattr(bars, name))
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        with pytest.raises(FrozenInstanceError):
            window.close = window.open  # type: ignore[misc]
        return window

    kept = watch([bars], look)
    for number, window in enumerate(kept):
        assert window.close.tolist() == bars.close[max(0, number - 1) : number + 1].tolist()


def test_a_feature_is_its_column_at_the_last_known_bar() -> None:
    bars = random_bars(2, "ES", 20, delay_ns=30 * NS_PER_HOUR)
    feature = FeatureRef("slow", "sma", "ES", {"n": 4})
    column = compute(feature, bars)
    seen = watch([bars], lambda view, _n: (len(view.bars("ES", 99)), view.feature("slow")), features=(feature,))
    assert [known for known, _ in seen] == list(range(1, 21))
    np.testing.assert_array_equal([value for _, value in seen], column)
    assert np.isnan(seen[0][1])
    assert not np.isnan(seen[-1][1])


def test_a_position_is_what_is_held_and_what_is_on_its_way() -> None:
    script = {
        0: [order("ES", 3), order("ES", -1, OrderType.MARKET_ON_CLOSE), order("ES", 9, OrderType.LIMIT, limit=1.0)],
        2: [order("ES", 2, OrderType.MARKET_ON_OPEN)],
    }
    bars = flat("ES", [4_000.0, 4_001.0, 4_002.0, 4_003.0])

    def look(view: View, _number: int) -> tuple[float, float, float]:
        held = view.position("ES")
        assert view.account.position_lots("ES") == held.units
        assert view.account.pending_lots("ES") == held.pending_units
        return held.units, held.pending_units, held.mark_price

    after: list[tuple[float, float, float]] = []

    def also(view: View, number: int) -> Sequence[Intent]:
        return script.get(number, ())

    after = watch([bars], look, also=also)
    assert after == [(0.0, 0.0, 4_000.0), (2.0, 0.0, 4_001.0), (2.0, 0.0, 4_002.0), (4.0, 0.0, 4_003.0)]


def test_pending_units_are_seen_within_a_run_with_latency() -> None:
    bars = flat("BTCUSD", [100.0] * 4)
    config = account(1_000, AccountKind.CASH, latency_ns=25 * NS_PER_HOUR)
    seen = watch(
        [bars],
        lambda view, _n: (view.position("BTCUSD").units, view.position("BTCUSD").pending_units),
        also=lambda _view, n: [order("BTCUSD", 0.3)] if n == 0 else (),
        config=config,
    )
    assert seen == [(0.0, 0.0), (0.0, 0.3), (0.3, 0.0), (0.3, 0.0)]


def test_a_mark_is_the_last_known_price_even_if_the_last_bar_has_none() -> None:
    whole = flat("ES", [4_000.0, 4_001.0, 4_002.0, 4_003.0])
    close = whole.close.copy()
    close[[0, 2]] = np.nan
    seen = watch([replace(whole, close=close)], lambda view, _n: view.position("ES").mark_price)
    np.testing.assert_array_equal(seen, [np.nan, 4_001.0, 4_001.0, 4_003.0])


def test_the_account_is_cash_and_marks() -> None:
    bars = make_bars("ES", [(4_000, 4_000, 4_000, 4_000), (4_000, 4_010, 4_000, 4_010), (4_010, 4_030, 4_010, 4_030)])
    costs = CostModel(fee_per_unit=Decimal("2.25"))
    seen = watch(
        [bars],
        lambda view, _n: (view.account.cash_micros, view.account.equity_micros, view.account.initial_margin_micros),
        also=lambda _view, n: [order("ES", 2)] if n == 0 else (),
        config=account(50_000, costs=costs),
    )
    free, margin = 50_000 * DOLLAR, 22_000 * DOLLAR
    assert seen == [(free, free, 0), *((free - 4_500_000 + gain * DOLLAR,) * 2 + (margin,) for gain in (1_000, 3_000))]


@pytest.mark.parametrize(("symbol", "kind"), [("ES", AccountKind.FUTURES), ("SPY", AccountKind.REG_T)])
def test_what_if_answers_hold_when_the_order_fills_at_the_mark(symbol: str, kind: AccountKind) -> None:
    asked: list[tuple[int, int]] = []

    def look(view: View, number: int) -> tuple[int, int]:
        if number == 0:
            asked.append(
                (view.account.initial_margin_after_micros(symbol, 3), view.account.cash_after_micros(symbol, 3))
            )
        return view.account.initial_margin_micros, view.account.cash_micros

    config = account(100_000, kind, costs=CostModel(fee_per_unit=Decimal("1.5")))
    seen = watch(
        [flat(symbol, [400.0] * 3)], look, also=lambda _v, n: [order(symbol, 3)] if n == 0 else (), config=config
    )
    assert seen[1:] == asked * 2


def test_a_late_bar_does_not_show_in_the_account_before_it_is_known() -> None:
    # Each bar is known half an hour after the next one has closed: its price may not be read off the account before.
    closes = [400.0, 410.0, 390.0, 420.0, 380.0, 430.0]
    bars = flat("SPY", closes, per_session=6, minutes=60, delay_ns=90 * NS_PER_MINUTE)

    def look(view: View, _number: int) -> tuple[float, float]:
        price_micros = view.account.cash_micros - view.account.cash_after_micros("SPY", 1)
        return view.bars("SPY", 1).close[-1], price_micros / DOLLAR

    for known, implied in watch([bars], look, config=account(10_000, AccountKind.CASH)):
        assert implied == known


@pytest.mark.parametrize(("symbol", "kind"), [("ES", AccountKind.FUTURES), ("SPY", AccountKind.REG_T)])
@pytest.mark.parametrize("row", [5, 6, 7, 8, 9])
def test_closes_that_are_not_known_move_nothing_that_is_seen(symbol: str, kind: AccountKind, row: int) -> None:
    rows = [(400.0, 420.0, 380.0, 400.0 + 2 * n) for n in range(12)]
    late = make_bars(symbol, rows, per_session=4, delay_ns=150 * NS_PER_MINUTE)
    close = late.close.copy()
    close[row:] -= 15.0
    other = replace(late, close=close)

    def look(view: View, _number: int) -> tuple[Any, ...]:
        told = view.account
        # Cash is the broker's own figure, to which a settlement of futures is posted as soon as it is made.
        cash = (told.cash_micros, told.cash_after_micros(symbol, 1)) if kind == AccountKind.REG_T else ()
        return (
            view.now_ns,
            *cash,
            told.equity_micros,
            told.initial_margin_micros,
            told.initial_margin_after_micros(symbol, 1),
            view.position(symbol).units,
            view.position(symbol).mark_price,
        )

    def also(_view: View, number: int) -> Sequence[Intent]:
        return [order(symbol, 3 if number % 3 else -1)]

    one, two = (watch([bars], look, also=also, config=account(1_000_000, kind)) for bars in (late, other))
    known_ns = late.ts_recv_ns[row]
    assert [seen for seen in one if seen[0] < known_ns] == [seen for seen in two if seen[0] < known_ns]
    assert one[-1] != two[-1], "once known, they are seen"


def test_a_position_whose_closes_are_all_unknown_is_worth_what_was_paid() -> None:
    nothing = float("nan")
    bars = make_bars("ES", [(4_000.0, 4_000.0, 4_000.0, nothing)] * 6, per_session=6, delay_ns=90 * NS_PER_MINUTE)
    seen = watch(
        [bars], lambda view, _n: view.account.equity_micros, also=lambda _v, n: [order("ES", 1)] if n == 0 else ()
    )
    assert seen == [1_000_000 * DOLLAR] * 6


def test_a_view_is_the_present_whenever_it_is_asked() -> None:
    bars = random_bars(4, "ES", 12, per_session=4)
    views: list[View] = []

    def look(view: View, _number: int) -> int:
        views.append(view)
        return view.now_ns

    assert watch([bars], look, also=restless(1, ["ES"])) == bars.ts_recv_ns.tolist()
    assert all(view.instrument("ES").symbol == "ES" for view in views)
