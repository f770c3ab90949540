"""Money to the micro-unit: each kernel against exact arithmetic, the books under random trading, and broken books."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from argus.engine import _account_kernels, _ledger_kernels, _session_kernels
from argus.engine._layout import (
    EVENT_COLUMNS,
    INSTRUMENT_DTYPE,
    INT64_MAX,
    MILLI,
    NANO,
    PARAM_DTYPE,
    RATE_COLUMNS,
    S_CAPITAL,
    S_CASH,
    S_CASH_ONLY,
    S_EQUITY,
    S_FAULT,
    S_FAULT_INSTRUMENT,
    S_FILLS,
    S_INTEREST,
    S_JOURNAL,
    S_MAINTENANCE,
    S_ROUNDING,
    STATE_SLOTS,
)
from argus.engine.record import FILL_DTYPE, JOURNAL_ACCOUNTS, JOURNAL_DTYPE

CASH, POSITION, CLEARING, PNL, FEES, CAPITAL, CARRY, INTEREST, *_ = range(len(JOURNAL_ACCOUNTS))
FUTURE, SHARE, COIN = 0, 1, 2
# num, den, is_future, initial ppm, maintenance ppm long and short: ES, a share, and a coin of 0.00000001.
KINDS = (
    (12_500_000, 1, 1, 0, 0, 0),
    (10_000, 1, 0, 500_000, 250_000, 300_000),
    (1, 10_000, 0, 500_000, 250_000, 300_000),
)
MARGIN = (12_100_000_000, 11_000_000_000)
CAPITAL_MICROS = 10**13
NO_CLOSES = np.zeros(0)
NO_EVENTS = np.zeros((0, EVENT_COLUMNS), dtype=np.int64)
"""Nothing closed, nothing received: the marks of the books are the known ones."""

Kernel = Callable[..., Any]


def forms(*names: str) -> list[Any]:
    """Each kernel as it is called, and as the plain function that it was made of."""
    cases = []
    for name in names:
        kernel = next(
            getattr(module, name)
            for module in (_ledger_kernels, _account_kernels, _session_kernels)
            if hasattr(module, name)
        )
        cases.append(pytest.param(kernel, id=name))
        if hasattr(kernel, "py_func"):
            cases.append(pytest.param(kernel.py_func, id=f"{name}-plain"))
    return cases


Component = tuple[int, int, int, int, int, int]
"""Micros and billionths a lot, billionths of the value, least, largest, sells only: a row of the table of rates."""


def exact_component(component: Component, lots: int, value: int) -> tuple[int, Fraction]:
    """(fee, what rounding kept back) of one component for signed `lots`, by fractions."""
    whole, nano, ppb, least, most, sells_only = component
    if sells_only and lots > 0:
        return 0, Fraction(0)
    exact = Fraction(abs(lots) * (whole * NANO + nano), NANO) + Fraction(abs(value) * ppb, NANO)
    if least <= round(exact) <= most:
        return round(exact), exact - round(exact)
    return min(max(round(exact), least), most), Fraction(0)


@dataclass
class Books:
    """An account with a future, a share and a coin.

    `fee` is a component with a minimum, `more` are further ones; `milli` is what is left of a tick of slippage, in
    thousandths, and `impact_scale` the coefficient of square-root impact.
    """

    fee: tuple[int, int, int, int] = (0, 0, 0, 0)
    milli: int = 0
    impact_scale: float = 0.0
    more: tuple[Component, ...] = ()
    par: Any = field(default_factory=lambda: np.zeros(len(KINDS), dtype=PARAM_DTYPE))
    inst: Any = field(default_factory=lambda: np.zeros(len(KINDS), dtype=INSTRUMENT_DTYPE))
    state: Any = field(default_factory=lambda: np.zeros(STATE_SLOTS, dtype=np.int64))
    fills: Any = field(default_factory=lambda: np.zeros(64, dtype=FILL_DTYPE))
    journal: Any = field(default_factory=lambda: np.zeros(512, dtype=JOURNAL_DTYPE))

    def __post_init__(self) -> None:
        for k, (num, den, is_future, initial, keep_long, keep_short) in enumerate(KINDS):
            p = self.par[k]
            p["tick"], p["lot"], p["value_num"], p["value_den"], p["is_future"] = 1.0, 1.0, num, den, is_future
            p["value_scale"] = float(num)
            p["initial_ppm"], p["maintenance_long_ppm"], p["maintenance_short_ppm"] = initial, keep_long, keep_short
            p["first_line"], p["next_line"] = k, -1
        components = self.components()
        self.rates = np.array([[0, *MARGIN, 1, 1 + len(components), 0], *components], dtype=np.int64)
        self.inst["volume_left"] = 2**60
        self.inst["adverse_milli"], self.inst["impact_scale"] = self.milli, self.impact_scale
        self.state[S_CASH] = self.state[S_EQUITY] = CAPITAL_MICROS
        self.state[S_CAPITAL] = -CAPITAL_MICROS

    def components(self) -> list[Component]:
        return [(*self.fee, INT64_MAX, 0), *self.more]

    def trade(self, kernel: Kernel, k: int, lots: int, price: int, *, impact: bool = True) -> None:
        kernel(
            0, k, lots, float(price), price, 0, 5, 1, impact, self.par, self.inst, self.state, self.fills, self.journal,
            self.rates,
        )  # fmt: skip

    def mark(self, k: int, price: int) -> None:
        self.inst[k]["mark"], self.inst[k]["has_mark"] = price, 1
        _ledger_kernels.revalue(k, self.par, self.inst, self.state, self.rates)

    def settle(self, kernel: Kernel, k: int) -> bool:
        return bool(kernel(k, 9, self.par, self.inst, self.state, self.journal))

    def value(self, k: int, lots: int, ticks: int) -> int:
        num, den, *_ = KINDS[k]
        return round(Fraction(lots * ticks * num, den))

    def initial(self, k: int, lots: int, ticks: int) -> int:
        if k == FUTURE:
            return abs(lots) * MARGIN[0]
        return -(-abs(self.value(k, lots, ticks)) * KINDS[k][3] // 1_000_000)

    def exact_fee(self, lots: int, value: int) -> int:
        return sum(exact_component(component, lots, value)[0] for component in self.components())

    def fee_rest(self, lots: int, value: int) -> Fraction:
        return sum((exact_component(component, lots, value)[1] for component in self.components()), Fraction(0))

    def impact_rest(self, k: int, lots: int) -> Fraction:
        exact = self.part_of_tick(k, lots)
        return exact - round(exact)

    def part_of_tick(self, k: int, lots: int) -> Fraction:
        num, den, *_ = KINDS[k]
        return abs(lots) * Fraction(self.milli % MILLI, MILLI) * Fraction(num, den)

    def exact_impact(self, k: int, lots: int) -> int:
        root = round(self.impact_scale * abs(lots) * math.sqrt(abs(lots)))
        return round(self.part_of_tick(k, lots)) + root


# ---- arithmetic


@pytest.mark.parametrize("kernel", forms("half_even"))
@given(n=st.integers(-(2**61), 2**61), d=st.integers(1, 2**40))
def test_half_even_is_the_rounding_of_decimal(kernel: Kernel, n: int, d: int) -> None:
    assert kernel(n, d) == round(Fraction(n, d))


@pytest.mark.parametrize("kernel", forms("half_even"))
@given(n=st.integers(-(10**12), 10**12))
def test_half_even_of_every_exact_half(kernel: Kernel, n: int) -> None:
    assert kernel(2 * n + 1, 2) == int((Decimal(2 * n + 1) / 2).to_integral_value(ROUND_HALF_EVEN))


@pytest.mark.parametrize("kernel", forms("position_value"))
@given(k=st.sampled_from([FUTURE, SHARE, COIN]), lots=st.integers(-(10**6), 10**6), ticks=st.integers(-(10**5), 10**5))
def test_a_position_s_value_is_rounded_once(kernel: Kernel, k: int, lots: int, ticks: int) -> None:
    books = Books()
    assert kernel(lots, ticks, books.par[k]) == books.value(k, lots, ticks)


FEE = st.tuples(
    st.integers(0, 10**7), st.integers(0, NANO - 1), st.integers(0, 10**7), st.sampled_from([0, 0, 1, 1_750_000])
)


COMPONENT = st.builds(
    lambda fee, most, sells: (*fee, most if most >= fee[3] else INT64_MAX, sells),
    FEE,
    st.sampled_from([INT64_MAX, INT64_MAX, 0, 5, 9_990_000]),
    st.sampled_from([0, 1]),
)


@pytest.mark.parametrize("kernel", forms("component_fee"))
@given(lots=st.integers(1, 10**12), size=st.integers(0, 4 * 10**18), component=COMPONENT)
def test_a_component_is_the_exact_sum_rounded_once_between_its_bounds(
    kernel: Kernel, lots: int, size: int, component: Component
) -> None:
    assume(lots * component[0] < 2**61)
    rates = np.array([[0] * RATE_COLUMNS, [*component, 0]], dtype=np.int64)
    charged, rest = kernel(lots, size, 1, rates)
    fee, kept = exact_component(component, -lots, size)
    assert charged == fee
    assert rest == kept * NANO


@pytest.mark.parametrize("kernel", forms("component_fee"))
def test_a_component_keeps_its_minimum_and_its_maximum(kernel: Kernel) -> None:
    rates = np.array([[3_000_000, 0, 0, 1_000_000, 5_000_000, 0], [0, 0, 10, 1_000_000, 5_000_000, 0]], dtype=np.int64)
    assert [kernel(lots, 0, 0, rates)[0] for lots in (1, 2, 1_000)] == [3_000_000, 5_000_000, 5_000_000]
    assert [kernel(1, size, 1, rates)[0] for size in (0, 2 * 10**14, 10**18)] == [1_000_000, 2_000_000, 5_000_000]


@pytest.mark.parametrize("kernel", forms("fee_of"))
@given(
    lots=st.integers(1, 10**12),
    sign=st.sampled_from([1, -1]),
    value=st.integers(-(4 * 10**18), 4 * 10**18),
    fee=FEE,
    more=st.lists(COMPONENT, max_size=3),
)
def test_a_fee_is_the_sum_of_its_components_each_rounded_once(
    kernel: Kernel, lots: int, sign: int, value: int, fee: tuple[int, int, int, int], more: list[Component]
) -> None:
    assume(all(lots * whole < 2**61 for whole, *_ in (fee, *more)))
    books = Books(fee=fee, more=tuple(more))
    charged, rest = kernel(sign * lots, value, 0, books.rates)
    assert charged == books.exact_fee(sign * lots, value)
    assert rest == books.fee_rest(sign * lots, value) * NANO


@pytest.mark.parametrize("kernel", forms("fee_of"))
def test_what_falls_on_sales_costs_a_purchase_nothing(kernel: Kernel) -> None:
    books = Books(more=((0, 0, 27_800, 0, INT64_MAX, 1), (166, 0, 0, 0, 8_300_000, 1)))
    assert kernel(100, 4 * 10**10, 0, books.rates)[0] == 0
    assert kernel(-100, -(4 * 10**10), 0, books.rates)[0] == 1_112_000 + 16_600
    assert kernel(-100_000, -(10**7), 0, books.rates)[0] == 278 + 8_300_000


@pytest.mark.parametrize("kernel", forms("fee_of"))
def test_no_component_is_no_fee(kernel: Kernel) -> None:
    rates = np.array([[0, *MARGIN, 1, 1, 0]], dtype=np.int64)
    assert tuple(kernel(-5, 10**9, 0, rates)) == (0, 0)


@pytest.mark.parametrize("kernel", forms("fee_of"))
def test_a_fee_of_exactly_half_a_micro_goes_to_the_even_one(kernel: Kernel) -> None:
    for whole, even in ((0, 0), (1, 2), (2, 2), (3, 4)):
        charged, rest = kernel(1, 0, 0, Books(fee=(whole, NANO // 2, 0, 0)).rates)
        assert charged == even
        assert abs(rest) == NANO // 2
    # A contract of 123,562.50 at 1.25 times 0.0001, and 0.000125 a contract: 15.4454375 and a half micro.
    assert kernel(1, -123_562_500_000, 0, Books(fee=(125, 0, 125_000, 0)).rates)[0] == 15_445_438


@pytest.mark.parametrize("kernel", forms("impact_of"))
@given(
    lots=st.integers(1, 10**6),
    milli=st.integers(0, 10**6),
    k=st.sampled_from([FUTURE, SHARE, COIN]),
    scale=st.sampled_from([0.0, 0.001, 37.25, 123_456.789]),
)
def test_impact_is_the_part_of_a_tick_rounded_once_and_the_square_root(
    kernel: Kernel, lots: int, milli: int, k: int, scale: float
) -> None:
    books = Books(milli=milli, impact_scale=scale)
    charged, rest = kernel(lots, books.par[k], books.inst[k])
    assert charged == books.exact_impact(k, lots)
    assert rest == books.impact_rest(k, lots) * NANO


@pytest.mark.parametrize("kernel", forms("impact_of"))
def test_four_times_the_size_has_eight_times_the_impact(kernel: Kernel) -> None:
    books = Books(impact_scale=1_000.0)
    assert [kernel(lots, books.par[SHARE], books.inst[SHARE])[0] for lots in (1, 4, 16, 2)] == [
        1_000,
        8_000,
        64_000,
        2_828,
    ]


@pytest.mark.parametrize("kernel", forms("part_of"))
@given(
    amount=st.integers(-(10**18), 10**18),
    numerator=st.integers(-(10**6) * 366, 10**6 * 366),
    denominator=st.sampled_from([360 * 10**6, NANO, 1, 7]),
)
def test_a_part_of_an_amount_is_rounded_once(kernel: Kernel, amount: int, numerator: int, denominator: int) -> None:
    exact = Fraction(amount * numerator, denominator)
    assume(abs(exact) < 2**62)
    assert kernel(amount, numerator, denominator) == round(exact)


@pytest.mark.parametrize("kernel", forms("rounded"))
@given(whole=st.integers(-(2**60), 2**60), d=st.integers(1, 2**40), data=st.data())
def test_a_whole_and_a_part_are_rounded_half_to_even(kernel: Kernel, whole: int, d: int, data: st.DataObject) -> None:
    part = data.draw(st.one_of(st.integers(0, d - 1), st.just(d // 2)))
    assert kernel(whole, part, d) == round(whole + Fraction(part, d))


@pytest.mark.parametrize("kernel", forms("loss_floor"))
@given(equity=st.integers(-(2**62), 2**62), ppm=st.integers(1, 1_000_000))
def test_a_loss_limit_is_the_fraction_rounded_up_below_the_equity(kernel: Kernel, equity: int, ppm: int) -> None:
    assert kernel(equity, ppm) == equity - math.ceil(Fraction(equity * ppm, 1_000_000))


@pytest.mark.parametrize("kernel", forms("loss_floor"))
def test_no_limit_is_never_reached(kernel: Kernel) -> None:
    assert kernel(10**12, 0) == -INT64_MAX
    assert kernel(10**12, 20_000) == 98 * 10**10
    assert kernel(3, 20_000) == 2


@pytest.mark.parametrize("kernel", forms("share_up"))
@given(
    value=st.integers(-(4 * 10**18), 4 * 10**18),
    ppm=st.sampled_from([0, 250_000, 300_000, 333_333, 500_000, 1_000_000]),
)
def test_spot_margin_is_rounded_up(kernel: Kernel, value: int, ppm: int) -> None:
    assert kernel(value, ppm) == -(-abs(value) * ppm // 1_000_000)


@pytest.mark.parametrize("kernel", forms("maintenance_margin"))
@pytest.mark.parametrize(
    ("k", "lots", "needed"), [(FUTURE, -3, 3 * MARGIN[1]), (SHARE, 7, 17_500_000), (SHARE, -7, 21_000_000)]
)
def test_maintenance_margin_of_long_and_short(kernel: Kernel, k: int, lots: int, needed: int) -> None:
    books = Books()
    value = books.value(k, lots, 1_000)
    assert kernel(lots, value, books.par[k], books.inst[k], books.rates) == needed


@pytest.mark.parametrize("kernel", forms("too_large"))
def test_values_beyond_the_ledger_are_seen(kernel: Kernel) -> None:
    books = Books()
    assert not kernel(16_000_000, 20_000, books.par[FUTURE])
    assert kernel(16_000_001, 20_000, books.par[FUTURE])
    assert kernel(-(2**62), -(2**62), books.par[COIN])


# ---- margin search


@pytest.mark.parametrize("kernel", forms("opening_lots"))
@settings(max_examples=60)
@given(
    k=st.sampled_from([FUTURE, SHARE]),
    cash_only=st.booleans(),
    held=st.integers(-3, 3),
    side=st.sampled_from([1, -1]),
    wanted=st.integers(0, 30),
    dollars=st.integers(0, 400),
    fee=st.tuples(
        st.sampled_from([0, 2_250_000]), st.just(0), st.sampled_from([0, 10**6]), st.sampled_from([0, 10**6])
    ),
)
def test_the_largest_opening_is_that_of_trying_each(
    kernel: Kernel, k: int, cash_only: bool, held: int, side: int, wanted: int, dollars: int, fee: Any
) -> None:
    assume(not (cash_only and (k == FUTURE or held < 0)))
    books = Books(fee=fee, milli=250, impact_scale=1_234.5)
    price = 4_000
    books.mark(k, price)
    other = SHARE if k == FUTURE else FUTURE
    books.mark(other, price)
    if not cash_only:
        books.trade(_ledger_kernels.record_fill, other, 1, price, impact=False)
    books.trade(_ledger_kernels.record_fill, k, held, price, impact=False) if held else None
    change = dollars * (10**9 if k == FUTURE else 10**6) - int(books.state[S_CASH])
    for slot in (S_CASH, S_EQUITY):
        books.state[slot] += change
    books.state[S_CASH_ONLY] = cash_only
    reducing = min(abs(held), wanted) if held * side < 0 else 0
    wanted -= reducing

    def holds(opening: int) -> bool:
        lots = side * (reducing + opening)
        value = books.value(k, lots, price)
        cost = books.exact_fee(lots, value) + books.exact_impact(k, lots)
        if cash_only:
            return int(books.state[S_CASH]) - value - cost >= 0
        needed = books.initial(k, held + lots, price) + books.initial(other, int(books.inst[other]["position"]), price)
        return int(books.state[S_EQUITY]) - cost >= needed

    expected = max((n for n in range(1, wanted + 1) if holds(n)), default=0)
    if cash_only and side < 0:
        expected = 0
    opened, reason = kernel(k, side, reducing, wanted, price, True, books.par, books.inst, books.state, books.rates)
    assert opened == expected
    if expected == wanted:
        assert reason == 0
    else:
        assert reason == ((7 if side < 0 else 6) if cash_only else 5)


@pytest.mark.parametrize("kernel", forms("opening_lots"))
def test_an_opening_beyond_the_ledger_is_an_overflow(kernel: Kernel) -> None:
    books = Books()
    arguments = (20_000, False, books.par, books.inst, books.state, books.rates)
    assert kernel(FUTURE, 1, 0, 16_000_001, *arguments)[0] == -1
    books.inst[FUTURE]["position"] = 10_000_000
    assert kernel(FUTURE, 1, 0, 10_000_000, *arguments)[0] == -1


@pytest.mark.parametrize("kernel", forms("as_known"))
@given(k=st.sampled_from([FUTURE, SHARE, COIN]), held=st.integers(-5, 5), lots=st.integers(-50, 50))
def test_what_if_says_what_a_fill_at_the_mark_then_does(kernel: Kernel, k: int, held: int, lots: int) -> None:
    books = Books(fee=(620_000, 500_000_000, 20_000, 1_000_000), milli=2_501, impact_scale=77.7)
    books.mark(k, 4_000)
    if held:
        books.trade(_ledger_kernels.record_fill, k, held, 4_000)
    margin, cash, equity = kernel(k, lots, books.par, books.inst, books.state, books.rates, NO_CLOSES, NO_EVENTS)
    assert equity == books.state[S_EQUITY]
    if lots:
        books.trade(_ledger_kernels.record_fill, k, lots, 4_000)
    assert cash == books.state[S_CASH]
    assert margin == books.initial(k, held + lots, 4_000)


@pytest.mark.parametrize("kernel", forms("as_known"))
def test_what_if_of_more_than_the_ledger_holds_does_not_look_affordable(kernel: Kernel) -> None:
    books = Books()
    for k, price in ((FUTURE, 20_000), (SHARE, 50_000), (COIN, 10_000_000)):
        books.mark(k, price)
        lots = 10**12 if k == COIN else 10**11
        with np.errstate(over="ignore"):
            margin, cash, _ = kernel(k, lots, books.par, books.inst, books.state, books.rates, NO_CLOSES, NO_EVENTS)
        assert margin > CAPITAL_MICROS
        assert k == FUTURE or cash < 0


# ---- two books in one instrument


def two_books(**how: Any) -> Books:
    """The same account, where the share is a line of a second book in the future."""
    books = Books(**how)
    books.par[SHARE] = books.par[FUTURE]
    books.par[SHARE]["book"] = 1
    books.par[FUTURE]["next_line"] = SHARE
    return books


@pytest.mark.parametrize("kernel", forms("opening_lots"))
def test_margin_is_asked_of_what_all_books_hold_together(kernel: Kernel) -> None:
    books = two_books()
    books.mark(FUTURE, 4_000)
    books.mark(SHARE, 4_000)
    books.trade(_ledger_kernels.record_fill, FUTURE, 3, 4_000)
    change = 4 * MARGIN[0] - int(books.state[S_CASH])
    for slot in (S_CASH, S_EQUITY):
        books.state[slot] += change
    arguments = (4_000, False, books.par, books.inst, books.state, books.rates)
    assert kernel(SHARE, 1, 0, 9, *arguments) == (1, 5)
    assert kernel(SHARE, -1, 3, 9, *arguments) == (4, 5), "three end the account's position, four are then short"
    assert books.state[S_MAINTENANCE] == 3 * MARGIN[1]
    books.trade(_ledger_kernels.record_fill, SHARE, -3, 4_000)
    assert books.state[S_MAINTENANCE] == 0
    assert books.inst["position"][:2].tolist() == [3, -3]


@pytest.mark.parametrize("kernel", forms("reducing_lots"))
@pytest.mark.parametrize(
    ("cash_only", "k", "side", "wanted", "reducing"),
    [
        (0, FUTURE, -1, 9, 3),
        (0, SHARE, -1, 9, 3),
        (0, SHARE, 1, 9, 0),
        (0, SHARE, -1, 2, 2),
        (1, FUTURE, -1, 9, 5),
        (1, SHARE, 1, 9, 2),
        (1, SHARE, -1, 9, 0),
    ],
)
def test_what_reduces_is_the_account_s_position_or_in_cash_the_book_s(
    kernel: Kernel, cash_only: int, k: int, side: int, wanted: int, reducing: int
) -> None:
    books = two_books()
    books.inst[FUTURE]["position"], books.inst[SHARE]["position"] = 5, -2
    books.state[S_CASH_ONLY] = cash_only
    assert kernel(k, side, wanted, books.par, books.inst, books.state) == reducing


@pytest.mark.parametrize("kernel", forms("set_mark"))
def test_a_mark_is_that_of_every_book(kernel: Kernel) -> None:
    books = two_books()
    for k, lots in ((FUTURE, 3), (SHARE, -2)):
        books.trade(_ledger_kernels.record_fill, k, lots, 4_000)
    before = int(books.state[S_EQUITY])
    assert kernel(SHARE, 4_010, books.par, books.inst, books.state, books.rates)
    assert books.inst["mark"][:2].tolist() == [4_010, 4_010]
    assert books.state[S_EQUITY] - before == 10 * 12_500_000
    assert books.state[S_MAINTENANCE] == MARGIN[1]


# ---- the books


@dataclass(frozen=True)
class Step:
    """A fill, a new mark or a settlement of one instrument."""

    k: int
    what: str
    lots: int
    price: int


PRICE = {FUTURE: st.integers(-300, 20_000), SHARE: st.integers(1, 50_000), COIN: st.integers(1, 10_000_000)}
STEPS = st.lists(
    st.sampled_from([FUTURE, SHARE, COIN]).flatmap(
        lambda k: st.builds(
            Step,
            st.just(k),
            st.sampled_from(["fill", "fill", "mark", "settle"]),
            st.integers(-9, 9).filter(bool),
            PRICE[k],
        )
    ),
    max_size=25,
)


def balances(books: Books) -> dict[tuple[int, int], int]:
    """Every account of the ledger, from the journal and the opening balance alone."""
    found = {(CASH, -1): CAPITAL_MICROS, (CAPITAL, -1): -CAPITAL_MICROS}
    for row in books.journal[: books.state[S_JOURNAL]]:
        for account, sign in ((int(row["debit"]), 1), (int(row["credit"]), -1)):
            key = (account, -1 if account in (CASH, CAPITAL, INTEREST) else int(row["instrument"]))
            found[key] = found.get(key, 0) + sign * int(row["amount_micros"])
    return found


@pytest.mark.parametrize("trade", forms("record_fill"))
@settings(max_examples=60)
@given(steps=STEPS, fee=FEE)
def test_books_hold_whatever_is_traded(trade: Kernel, steps: list[Step], fee: tuple[int, int, int, int]) -> None:
    books = Books(fee=fee, milli=3_125, impact_scale=4_321.0, more=((0, 0, 27_800, 0, 5_000_000, 1),))
    held, spent, rounding = [0, 0, 0], [0, 0, 0], Fraction(0)
    for step in steps:
        k = step.k
        if step.what == "mark":
            books.mark(k, step.price)
        elif step.what == "settle":
            assert books.settle(_ledger_kernels.settle, k)
            found = balances(books)
            assert found.get((POSITION, k), 0) == books.value(k, held[k], int(books.inst[k]["mark"]))
            assert found.get((CLEARING, k), 0) == (-found.get((POSITION, k), 0) if k == FUTURE else 0)
        else:
            books.trade(trade, k, step.lots, step.price)
            value = books.value(k, step.lots, step.price)
            held[k] += step.lots
            cost = books.exact_fee(step.lots, value) + books.exact_impact(k, step.lots)
            spent[k] += value + cost
            num, den, *_ = KINDS[k]
            rounding += Fraction(step.lots * step.price * num, den) - value
            rounding += books.fee_rest(step.lots, value) + books.impact_rest(k, step.lots)
            assert books.fills[books.state[S_FILLS] - 1]["position_after_lots"] == held[k]
        equity = CAPITAL_MICROS + sum(
            books.value(m, held[m], int(books.inst[m]["mark"])) - spent[m] for m in range(len(KINDS))
        )
        assert books.state[S_EQUITY] == equity
    for k in range(len(KINDS)):
        assert books.settle(_ledger_kernels.settle, k)
    found = balances(books)
    assert sum(found.values()) == 0
    assert found[CASH, -1] == books.state[S_CASH]
    for k in range(len(KINDS)):
        for account, column in (
            (POSITION, "bal_position"),
            (CLEARING, "bal_clearing"),
            (PNL, "bal_pnl"),
            (FEES, "bal_fees"),
        ):
            assert found.get((account, k), 0) == books.inst[k][column]
    assert books.state[S_ROUNDING] == rounding * NANO
    assert books.state[S_MAINTENANCE] == books.inst["maintenance"].sum()
    assert (books.journal[: books.state[S_JOURNAL]]["amount_micros"] > 0).all()


@pytest.mark.parametrize("kernel", forms("post"))
def test_a_negative_amount_is_the_entry_the_other_way_round(kernel: Kernel) -> None:
    books = Books()
    kernel(POSITION, PNL, SHARE, -5, 1, -1, books.inst, books.state, books.journal)
    kernel(POSITION, PNL, SHARE, 0, 1, -1, books.inst, books.state, books.journal)
    assert books.state[S_JOURNAL] == 1
    assert (books.journal[0]["debit"], books.journal[0]["credit"], books.journal[0]["amount_micros"]) == (
        PNL,
        POSITION,
        5,
    )
    assert (books.inst[SHARE]["bal_position"], books.inst[SHARE]["bal_pnl"]) == (-5, 5)


def in_order() -> Books:
    books = Books(fee=(2_250_000, 0, 0, 0))
    for k, price in ((FUTURE, 16_000), (SHARE, 40_000)):
        books.trade(_ledger_kernels.record_fill, k, 2, price)
        books.mark(k, price + 10)
        assert books.settle(_ledger_kernels.settle, k)
    return books


# What is broken, so that this proof alone fails: each change is balanced against the other four.
BREAKS = [
    (1, SHARE, {"bal_position": 1, "bal_pnl": -1}, {}),
    (2, FUTURE, {"bal_clearing": 1}, {S_CASH: -1}),
    (3, FUTURE, {"bal_pnl": 1}, {}),
    (4, FUTURE, {"bal_pnl": -1}, {S_CASH: 1}),
    (5, SHARE, {"flow": 1}, {}),
    (3, SHARE, {"bal_carry": 1}, {}),
    (3, FUTURE, {}, {S_INTEREST: 1}),
    (4, SHARE, {"bal_carry": 1}, {S_CASH: -1}),
    (5, SHARE, {"bal_carry": 1, "bal_pnl": -1}, {}),
    (5, FUTURE, {"bal_pnl": -1}, {S_INTEREST: 1}),
]


@pytest.mark.parametrize("kernel", forms("prove"))
@pytest.mark.parametrize(("fault", "k", "instrument", "slots"), BREAKS)
@pytest.mark.parametrize("size", [1, -1, 10**9])
def test_each_broken_balance_is_found(
    kernel: Kernel, fault: int, k: int, instrument: dict[str, int], slots: dict[int, int], size: int
) -> None:
    books = in_order()
    assert kernel(k, books.par, books.inst, books.state)
    for column, amount in instrument.items():
        books.inst[k][column] += size * amount
    for slot, amount in slots.items():
        books.state[slot] += size * amount
    assert not kernel(k, books.par, books.inst, books.state)
    assert (books.state[S_FAULT], books.state[S_FAULT_INSTRUMENT]) == (fault, k)


@pytest.mark.parametrize("kernel", forms("prove"))
@pytest.mark.parametrize("slot", [S_CASH, S_CAPITAL, S_EQUITY])
def test_a_single_wrong_micro_of_the_account_is_found(kernel: Kernel, slot: int) -> None:
    books = in_order()
    books.state[slot] += 1
    assert not kernel(SHARE, books.par, books.inst, books.state)


@pytest.mark.parametrize("kernel", forms("prove"))
def test_of_several_failed_proofs_the_first_is_named(kernel: Kernel) -> None:
    books = in_order()
    books.inst[FUTURE]["bal_position"] += 1
    assert not kernel(FUTURE, books.par, books.inst, books.state)
    assert books.state[S_FAULT] == 1


@pytest.mark.parametrize("kernel", forms("settle"))
def test_settlement_moves_a_future_s_gain_into_cash_and_a_share_s_into_its_value(kernel: Kernel) -> None:
    books = Books()
    for k, price in ((FUTURE, 16_000), (SHARE, 40_000)):
        books.trade(_ledger_kernels.record_fill, k, -3, price)
        books.mark(k, price + 4)
        before = int(books.state[S_CASH])
        assert books.settle(kernel, k)
        assert books.state[S_CASH] - before == (-3 * 4 * 12_500_000 if k == FUTURE else 0)
        assert books.inst[k]["bal_position"] == books.value(k, -3, price + 4)
        assert books.inst[k]["bal_pnl"] == 3 * 4 * KINDS[k][0]
        assert books.inst[k]["unsettled"] == 0
