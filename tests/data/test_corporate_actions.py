"""Corporate actions: what they may say, and series without their jumps, by hand, by property and against noise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.errors import DataError
from argus.core.time import day_of
from argus.data import (
    CashDividend,
    CorporateAction,
    Delisting,
    Split,
    SymbolChange,
    join_symbols,
    known_actions,
    session_table,
    split_adjusted,
    total_return_adjusted,
)
from tests.data.futures_samples import with_noise_after

FIRST, LAST = date(2020, 8, 3), date(2020, 9, 30)


def opens(day: date) -> int:
    return int(session_table("NYSE", day, day).open_ns[0])


def split(
    day: date, numerator: int = 4, denominator: int = 1, symbol: str = "AAPL", known_ns: int | None = None
) -> Split:
    return Split(symbol, day, opens(day), opens(day) if known_ns is None else known_ns, numerator, denominator)


def dividend(day: date, amount: str, symbol: str = "AAPL") -> CashDividend:
    return CashDividend(symbol, day, opens(day), opens(day), Decimal(amount), "USD", day)


def change(day: date, symbol: str, new_symbol: str) -> SymbolChange:
    return SymbolChange(symbol, day, opens(day), opens(day), new_symbol)


def share(symbol: str = "AAPL", closes: dict[date, float] | None = None, bars_a_session: int = 1) -> Bars:
    """Bars of a share at 400, or at the closes given from their day on."""
    table = session_table("NYSE", FIRST, LAST)
    levels = sorted((closes or {FIRST: 400.0}).items())
    close = np.array([[v for d, v in levels if d <= day_of(int(s))][-1] for s in table.session])
    edges = np.linspace(table.open_ns, table.close_ns, bars_a_session + 1).astype(np.int64).T
    close = np.repeat(close, bars_a_session)
    ends = edges[:, 1:].ravel()
    return Bars(
        instrument=symbol,
        ts_event_ns=edges[:, :-1].ravel(),
        ts_close_ns=ends,
        ts_recv_ns=ends.copy(),
        open=close.copy(),
        high=close + 1.0,
        low=close - 1.0,
        close=close,
        volume=np.full(len(close), 1000.0),
        open_interest=np.full(len(close), np.nan),
        session=np.repeat(table.session, bars_a_session).astype(np.int32),
        session_end=np.tile(np.arange(bars_a_session) == bars_a_session - 1, len(table)),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


SPLIT_DAY = date(2020, 8, 31)
"""Apple's four-for-one split: the first session in which the shares traded split."""


# ------------------------------------------------------------------------------------------------------------- records


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: split(SPLIT_DAY, 0), "a split of 0 new for 1 old shares on 2020-08-31 is none"),
        (lambda: split(SPLIT_DAY, 2, 2), "a split of 2 new for 2 old"),
        (
            lambda: split(SPLIT_DAY, known_ns=opens(SPLIT_DAY) + 1),
            "is stated to be known only at 2020-08-31T13:30:00.0000",
        ),
        (lambda: dividend(SPLIT_DAY, "0"), "a dividend of 0 on 2020-08-31; it must be above zero"),
        (lambda: dividend(SPLIT_DAY, "NaN"), "a dividend of NaN"),
        (
            lambda: replace(dividend(SPLIT_DAY, "1"), pay_session=date(2020, 8, 28)),
            "is paid on 2020-08-28, before its ex-session",
        ),
        (lambda: change(SPLIT_DAY, "FB", "FB"), "to itself"),
        (
            lambda: Delisting("TWTR", SPLIT_DAY, opens(SPLIT_DAY), opens(SPLIT_DAY), Decimal(-1), "USD"),
            "TWTR: -1 paid per share at its delisting",
        ),
    ],
)
def test_an_action_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()  # type: ignore[operator]


def test_what_is_known_at_an_instant() -> None:
    early = split(date(2020, 9, 15), known_ns=opens(date(2020, 8, 5)))
    late = dividend(date(2020, 8, 10), "0.82")
    assert known_actions([early, late], opens(date(2020, 8, 5)) - 1) == ()
    assert known_actions([early, late], opens(date(2020, 8, 5))) == (early,)
    assert known_actions([early, late], opens(date(2020, 8, 10))) == (late, early)


# ------------------------------------------------------------------------------------------------------------- series


def test_a_split_is_no_crash_and_the_prices_before_it_stay() -> None:
    bars = share(closes={FIRST: 500.0, SPLIT_DAY: 125.0})
    adjusted = split_adjusted(
        bars, [split(SPLIT_DAY), dividend(date(2020, 8, 7), "0.82"), split(SPLIT_DAY, symbol="TSLA")]
    )
    assert np.unique(adjusted.bars.close).tolist() == [500.0]
    turn = int(np.argmax(bars.close == 125.0))
    assert adjusted.factor.tolist() == [1.0] * turn + [4.0] * (len(bars) - turn)
    assert adjusted.bars.volume[turn - 1 : turn + 1].tolist() == [1000.0, 250.0]
    assert adjusted.bars.rows(0, turn).content_hash == bars.rows(0, turn).content_hash
    assert adjusted.applied == (split(SPLIT_DAY),)
    with pytest.raises(ValueError, match="read-only"):
        adjusted.factor[0] = 2.0


def test_a_reverse_split_divides() -> None:
    bars = share(closes={FIRST: 1.0, SPLIT_DAY: 10.0})
    assert np.unique(split_adjusted(bars, [split(SPLIT_DAY, 1, 10)]).bars.close) == pytest.approx([1.0])


def test_a_fall_by_the_dividend_is_no_loss() -> None:
    bars = share(closes={FIRST: 100.0, date(2020, 8, 7): 98.0, date(2020, 9, 4): 96.04})
    actions = [dividend(date(2020, 8, 7), "2.00"), dividend(date(2020, 9, 4), "1.96")]
    adjusted = total_return_adjusted(bars, actions)
    assert adjusted.bars.close == pytest.approx(np.full(len(bars), 100.0))
    assert adjusted.factor[-1] == pytest.approx((100 / 98) * (98 / 96.04))
    assert (adjusted.bars.volume == 1000.0).all()
    assert (split_adjusted(bars, actions).factor == 1.0).all()


def test_a_split_and_later_dividends_multiply() -> None:
    bars = share(closes={FIRST: 400.0, SPLIT_DAY: 100.0, date(2020, 9, 8): 99.0})
    adjusted = total_return_adjusted(bars, [dividend(date(2020, 9, 8), "1"), split(SPLIT_DAY)])
    assert adjusted.bars.close == pytest.approx(np.full(len(bars), 400.0))
    assert [type(action).__name__ for action in adjusted.applied] == ["Split", "CashDividend"]


def test_a_dividend_in_the_session_of_a_split_is_per_new_share() -> None:
    bars = share(closes={FIRST: 400.0, SPLIT_DAY: 99.0})
    adjusted = total_return_adjusted(bars, [dividend(SPLIT_DAY, "1"), split(SPLIT_DAY)])
    assert adjusted.bars.close == pytest.approx(np.full(len(bars), 400.0))


def test_actions_outside_the_bars_change_nothing() -> None:
    bars = share()
    inside = bars.rows(5, 20)
    actions = [split(FIRST), dividend(FIRST, "1"), split(date(2020, 10, 15))]
    assert total_return_adjusted(inside, actions).bars.content_hash == inside.content_hash
    assert total_return_adjusted(inside, actions).applied == ()


def test_an_intraday_split_takes_effect_at_the_opening() -> None:
    bars = share(closes={FIRST: 400.0, SPLIT_DAY: 100.0}, bars_a_session=7)
    assert np.unique(split_adjusted(bars, [split(SPLIT_DAY)]).bars.close).tolist() == [400.0]


def test_what_cannot_be_adjusted() -> None:
    bars = share()
    with pytest.raises(
        DataError, match=r"the dividend of 400 on 2020-08-31 is not smaller than the close before it, 400"
    ):
        total_return_adjusted(bars, [dividend(SPLIT_DAY, "400")])
    with pytest.raises(DataError, match=r"US_EQUITY_ADJ:AAPL: these prices are adjusted already"):
        split_adjusted(replace(bars, instrument="US_EQUITY_ADJ:AAPL"), [])


DAYS = [day_of(int(s)) for s in session_table("NYSE", date(2020, 8, 4), date(2020, 9, 29)).session]


@st.composite
def happenings(draw: st.DrawFn) -> list[CorporateAction]:
    days = draw(st.lists(st.sampled_from(DAYS), unique=True, max_size=6))
    found: list[CorporateAction] = []
    for day in days:
        if draw(st.booleans()):
            a, b = draw(st.sampled_from([(2, 1), (3, 2), (1, 10), (4, 1)]))
            found.append(split(day, a, b, known_ns=opens(day) - draw(st.integers(0, 10**15))))
        else:
            found.append(dividend(day, str(draw(st.decimals("0.01", "3", places=2)))))
    return found


def wandering(seed: int) -> Bars:
    bars = share(bars_a_session=2)
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, len(bars))))
    return replace(bars, open=close, high=close + 1, low=close - 1, close=close)


@settings(max_examples=40)
@given(actions=happenings(), seed=st.integers(0, 999), share_of=st.floats(0.02, 0.98))
def test_noise_in_the_future_moves_no_bit_of_the_past(
    actions: list[CorporateAction], seed: int, share_of: float
) -> None:
    bars = wandering(seed)
    row = int(len(bars) * share_of)
    now = int(bars.ts_recv_ns[row])
    known = [action for action in actions if action.known_at_ns <= now]
    for adjust in (split_adjusted, total_return_adjusted):
        whole = adjust(bars, actions)
        noisy = adjust(with_noise_after(bars, now, seed), known)
        part = adjust(bars.rows(0, row + 1), known)
        for other in (noisy, part):
            assert other.bars.rows(0, row + 1).content_hash == whole.bars.rows(0, row + 1).content_hash
            assert other.factor[: row + 1].tobytes() == whole.factor[: row + 1].tobytes()


@settings(max_examples=40)
@given(actions=happenings(), seed=st.integers(0, 999))
def test_returns_between_actions_are_those_that_traded(actions: list[CorporateAction], seed: int) -> None:
    bars = wandering(seed)
    for adjust in (split_adjusted, total_return_adjusted):
        adjusted = adjust(bars, actions)
        same = np.diff(adjusted.factor) == 0
        ours, theirs = adjusted.bars.close, bars.close
        assert (ours[1:] / ours[:-1])[same] == pytest.approx((theirs[1:] / theirs[:-1])[same], rel=1e-12)
        assert (adjusted.bars.close == bars.close * adjusted.factor).all()


# ------------------------------------------------------------------------------------------------------------- symbols


def test_a_change_of_symbol_joins_two_histories() -> None:
    day = date(2020, 9, 1)
    old, new = share("FB", {FIRST: 200.0}), share("META", {FIRST: 9.0, day: 201.0})
    joined = join_symbols({"FB": old, "META": new}, [change(day, "FB", "META"), split(day)], "META")
    assert joined.instrument == "META"
    assert len(joined) == len(old)
    turn = int(np.argmax(joined.close == 201.0))
    assert day_of(int(joined.session[turn])) == day
    assert np.unique(joined.close[:turn]).tolist() == [200.0], "rows of another META before the change are not its own"


def test_changes_are_followed_back_and_a_ticker_that_was_taken_over_is_not_confused() -> None:
    first, second = date(2020, 8, 17), date(2020, 9, 1)
    actions = [change(first, "AAA", "BBB"), change(second, "BBB", "CCC"), change(date(2020, 9, 15), "XXX", "AAA")]
    bars = {
        name: share(name, {FIRST: close}) for name, close in (("AAA", 1.0), ("BBB", 2.0), ("CCC", 3.0), ("XXX", 4.0))
    }
    joined = join_symbols(bars, actions, "CCC")
    assert [float(c) for c in dict.fromkeys(joined.close.tolist())] == [1.0, 2.0, 3.0]
    later = join_symbols(bars, actions, "AAA")
    assert [float(c) for c in dict.fromkeys(later.close.tolist())] == [4.0, 1.0]
    with pytest.raises(DataError, match=r"CCC was called AAA, BBB before, and there are no bars of AAA"):
        join_symbols({"BBB": bars["BBB"], "CCC": bars["CCC"]}, actions, "CCC")


def test_without_a_change_the_history_is_the_symbol_s_own() -> None:
    bars = share("META")
    assert join_symbols({"META": bars}, [], "META").content_hash == bars.content_hash
    ended = bars.rows(0, 5)
    with pytest.raises(DataError, match="no bar lies in the time in which it had that symbol"):
        join_symbols({"META": ended, "FB": bars.rows(30, 35)}, [change(date(2020, 9, 1), "FB", "META")], "META")
