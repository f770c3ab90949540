"""Money to the micro-unit: each kernel against exact arithmetic, the books under random trading, and broken books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from argus.engine import _account_kernels, _ledger_kernels
from argus.engine._layout import (
    INSTRUMENT_DTYPE,
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
    S_JOURNAL,
    S_MAINTENANCE,
    S_ROUNDING,
    STATE_SLOTS,
)
from argus.engine.record import FILL_DTYPE, JOURNAL_DTYPE

CASH, POSITION, CLEARING, PNL, FEES, CAPITAL = range(6)
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
"""Nothing closed, nothing received: the marks of the books are the known ones."""

Kernel = Callable[..., Any]


def forms(*names: str) -> list[Any]:
    """Each kernel as it is called, and as the plain function that it was made of."""
    cases = []
    for name in names:
        kernel = getattr(_ledger_kernels, name, None) or getattr(_account_kernels, name)
        cases.append(pytest.param(kernel, id=name))
        if hasattr(kernel, "py_func"):
            cases.append(pytest.param(kernel.py_func, id=f"{name}-plain"))
    return cases


@dataclass
class Books:
    """An account with a future, a share and a coin."""

    fee: tuple[int, int, int, int] = (0, 0, 0, 0)
    impact: tuple[int, int] = (0, 1)
    par: Any = field(default_factory=lambda: np.zeros(len(KINDS), dtype=PARAM_DTYPE))
    inst: Any = field(default_factory=lambda: np.zeros(len(KINDS), dtype=INSTRUMENT_DTYPE))
    state: Any = field(default_factory=lambda: np.zeros(STATE_SLOTS, dtype=np.int64))
    fills: Any = field(default_factory=lambda: np.zeros(64, dtype=FILL_DTYPE))
    journal: Any = field(default_factory=lambda: np.zeros(512, dtype=JOURNAL_DTYPE))

    def __post_init__(self) -> None:
        for k, (num, den, is_future, initial, keep_long, keep_short) in enumerate(KINDS):
            p = self.par[k]
            p["tick"], p["lot"], p["value_num"], p["value_den"], p["is_future"] = 1.0, 1.0, num, den, is_future
            p["impact_num"], p["impact_den"] = self.impact
            p["initial_ppm"], p["maintenance_long_ppm"], p["maintenance_short_ppm"] = initial, keep_long, keep_short
        self.rates = np.array([[0, *MARGIN, *self.fee]], dtype=np.int64).reshape(1, RATE_COLUMNS)
        self.inst["volume_left"] = 2**60
        self.state[S_CASH] = self.state[S_EQUITY] = CAPITAL_MICROS
        self.state[S_CAPITAL] = -CAPITAL_MICROS

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
        whole, nano, ppb, minimum = self.fee
        exact = Fraction(abs(lots) * (whole * NANO + nano), NANO) + Fraction(abs(value) * ppb, NANO)
        return max(round(exact), minimum)

    def exact_impact(self, lots: int) -> int:
        return round(Fraction(abs(lots) * self.impact[0], self.impact[1]))


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


@pytest.mark.parametrize("kernel", forms("fee_of"))
@given(lots=st.integers(1, 10**12), value=st.integers(-(4 * 10**18), 4 * 10**18), fee=FEE)
def test_a_fee_is_the_exact_sum_rounded_once(
    kernel: Kernel, lots: int, value: int, fee: tuple[int, int, int, int]
) -> None:
    assume(lots * fee[0] < 2**61)
    books = Books(fee=fee)
    charged, rest = kernel(lots, value, 0, books.rates)
    assert charged == books.exact_fee(lots, value)
    exact = Fraction(lots * (fee[0] * NANO + fee[1]) + abs(value) * fee[2], NANO)
    assert rest == (0 if round(exact) < fee[3] else (exact - charged) * NANO)


@pytest.mark.parametrize("kernel", forms("fee_of"))
def test_a_fee_of_exactly_half_a_micro_goes_to_the_even_one(kernel: Kernel) -> None:
    for whole, even in ((0, 0), (1, 2), (2, 2), (3, 4)):
        charged, rest = kernel(1, 0, 0, Books(fee=(whole, NANO // 2, 0, 0)).rates)
        assert charged == even
        assert abs(rest) == NANO // 2
    # A contract of 123,562.50 at 1.25 times 0.0001, and 0.000125 a contract: 15.4454375 and a half micro.
    assert kernel(1, -123_562_500_000, 0, Books(fee=(125, 0, 125_000, 0)).rates)[0] == 15_445_438


@pytest.mark.parametrize("kernel", forms("impact_of"))
@given(lots=st.integers(1, 10**6), num=st.integers(0, 10**9), den=st.sampled_from([1, 2, 5, 8, 1_000, 10**9]))
def test_impact_is_the_exact_fraction_rounded_once(kernel: Kernel, lots: int, num: int, den: int) -> None:
    charged, rest = kernel(lots, Books(impact=(num, den)).par[FUTURE])
    exact = Fraction(lots * num, den)
    assert charged == round(exact)
    assert rest == (exact - charged) * NANO


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
    books = Books(fee=fee, impact=(3_125_000, 1))
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
        cost = books.exact_fee(lots, value) + books.exact_impact(lots)
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
    books = Books(fee=(620_000, 500_000_000, 20_000, 1_000_000), impact=(3_125_001, 2))
    books.mark(k, 4_000)
    if held:
        books.trade(_ledger_kernels.record_fill, k, held, 4_000)
    margin, cash, equity = kernel(k, lots, books.par, books.inst, books.state, books.rates, NO_CLOSES)
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
            margin, cash, _ = kernel(k, lots, books.par, books.inst, books.state, books.rates, NO_CLOSES)
        assert margin > CAPITAL_MICROS
        assert k == FUTURE or cash < 0


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
            key = (account, -1 if account in (CASH, CAPITAL) else int(row["instrument"]))
            found[key] = found.get(key, 0) + sign * int(row["amount_micros"])
    return found


@pytest.mark.parametrize("trade", forms("record_fill"))
@settings(max_examples=60)
@given(steps=STEPS, fee=FEE)
def test_books_hold_whatever_is_traded(trade: Kernel, steps: list[Step], fee: tuple[int, int, int, int]) -> None:
    books = Books(fee=fee, impact=(3_125_000, 8))
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
            cost = books.exact_fee(step.lots, value) + books.exact_impact(step.lots)
            spent[k] += value + cost
            num, den, *_ = KINDS[k]
            rounding += Fraction(step.lots * step.price * num, den) - value
            exact = Fraction(abs(step.lots) * (fee[0] * NANO + fee[1]) + abs(value) * fee[2], NANO)
            rounding += 0 if round(exact) < fee[3] else exact - round(exact)
            rounding += Fraction(abs(step.lots) * 3_125_000, 8) - books.exact_impact(step.lots)
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
