"""Rates between currencies, the ledger in several of them, and what a run refuses, by hand and over random runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.time import NS_PER_DAY
from argus.engine._ledger_kernels import converted
from argus.engine.account_terms import CurrencyTerms, DatedRate
from argus.engine.config import AccountConfig, RunConfig
from argus.engine.cost_attribution import attribute_costs
from argus.engine.currency import cost_ppb, in_base, rates_of, recorded_rates
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from argus.engine.run_metrics import summary
from argus.engine.store import load_run, save_run
from argus.engine.trace import trace_trade
from argus.lab.audit.recomputed import faults_of
from tests.oracle.by_hand import DAY_ONE, HOUR, T0, flat, market
from tests.oracle.cases import Case, play_engine, run_config
from tests.oracle.variations import varied_case

OWN = ("CASH", "CAPITAL", "INTEREST", "FX_BASE", "FX_COST")
EUROS = replace(instrument("MES"), currency="EUR")
BARS = market("MES", *flat(8_000, 4))


def known(bars_of: dict[str, Bars] | None = None, *, spec: InstrumentSpec = EUROS, **terms: Any) -> Any:
    """Rates of a spec over four hourly bars."""
    pairs = {name: (instrument(name), bars) for name, bars in (bars_of or {}).items()}
    config = RunConfig(account=AccountConfig(fx=CurrencyTerms(**terms)))
    return rates_of(spec, BARS, {"MES": (spec, BARS), **pairs}, config, int(BARS.ts_close_ns[-1]))


def dated(*rows: tuple[int, str], currency: str = "EUR") -> tuple[DatedRate, ...]:
    """Rates of days of June 2019."""
    return tuple(DatedRate(currency, date(2019, 6, day), Decimal(rate)) for day, rate in rows)


# ---------------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("rate", [0, 1, 999_999_999, 1_000_000_000, 1_123_456_789, 163_250_000_000, 6_666_667])
def test_converting_is_exact_to_the_half_micro_unit(rate: int) -> None:
    for amount in (0, 1, -1, 5, 999_999_999, -1_234_567_890_123, 4_000_000_000_000_001, -(10**15) - 7):
        exact = (Decimal(amount) * rate / 10**9).to_integral_value(ROUND_HALF_EVEN)
        assert converted(amount, rate) == in_base(amount, rate) == int(exact)


def test_halves_go_to_the_even_one() -> None:
    assert [converted(amount, 500_000_000) for amount in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]


# ---------------------------------------------------------------------------------------------- where rates come from


def test_a_table_of_days_is_known_from_the_next_day_on() -> None:
    found = known(rates=dated((1, "1.1"), (2, "1.2"), (3, "1.3")))
    # The bars are of 3 June: at their first one the rate of the 2nd is the last known, and the 3rd comes too late.
    assert found.ts_ns.tolist() == [DAY_ONE * NS_PER_DAY]
    assert found.nano.tolist() == [1_200_000_000]
    assert found.at(T0 - 1) == 0
    assert found.at(T0) == 1_200_000_000


def test_a_pair_counts_from_its_receipt_and_turned_around() -> None:
    pair = market("EURUSD", *[(p, p, p, p) for p in (110_000, 110_000, 120_001)], delay=60)
    found = known({"EURUSD": pair})
    assert found.ts_ns.tolist() == [T0 + HOUR + 60, T0 + 3 * HOUR + 60]  # only where it changes
    assert found.nano.tolist() == [1_100_000_000, 1_200_010_000]
    yen = replace(EUROS, currency="JPY")
    found = known({"USDJPY": market("USDJPY", *flat(150_000, 2))}, spec=yen)
    assert found.nano.tolist() == [6_666_667]


def test_a_close_that_is_not_known_is_no_rate() -> None:
    pair = market("EURUSD", *[(p, p, p, p) for p in (110_000, None, 120_000)])
    assert known({"EURUSD": pair}).ts_ns.tolist() == [T0 + HOUR, T0 + 3 * HOUR]


@pytest.mark.parametrize(
    ("terms", "pairs", "error", "named"),
    [
        ({}, {}, ConfigError, "knows no rate between them; add bars of EURUSD"),
        ({"rates": dated((3, "1.1"))}, {}, CoverageError, "no rate of EUR is known before its last bar closes"),
        ({"rates": dated((1, "1.1")), "age_days_max": 1}, {}, CoverageError, "1.0 days old, more than the 1"),
        ({}, {"EURUSD": market("EURUSD", (1, 1, 1, 0))}, CoverageError, "row 0 of EURUSD closes at 0.0"),
        ({}, {"EURUSD": market("EURUSD", (1, 1, 1, -5))}, CoverageError, "row 0 of EURUSD closes at -5e-05"),
    ],
)
def test_what_is_no_rate_is_an_error_with_a_remedy(
    terms: dict[str, Any], pairs: dict[str, Bars], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        known(pairs, **terms)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (dated((1, "1.1"), currency="euro"), "three capital letters"),
        (dated((1, "0")), "rate of EUR on 2019-06-01 is 0"),
        (dated((1, "-1.1")), "is -1.1"),
        (dated((1, "NaN")), "is NaN"),
        (dated((1, "Infinity")), "is Infinity"),
        (dated((2, "1.1"), (1, "1.2")), "2019-06-01 follows 2019-06-02"),
        (dated((1, "1.1"), (1, "1.2")), "give each day once"),
    ],
)
def test_a_table_is_checked(rows: tuple[DatedRate, ...], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        CurrencyTerms(rates=rows)


@pytest.mark.parametrize("cost", ["-1", "NaN", "1001", "0.001"])
def test_the_cost_of_a_conversion_is_checked(cost: str) -> None:
    with pytest.raises(ConfigError, match="cost_bp"):
        CurrencyTerms(Decimal(cost))


def test_the_account_is_in_a_currency_and_needs_no_rate_of_it() -> None:
    with pytest.raises(ConfigError, match="three capital letters"):
        AccountConfig(currency="dollars")
    with pytest.raises(ConfigError, match="the account's own currency"):
        AccountConfig(currency="EUR", fx=CurrencyTerms(rates=dated((1, "1.1"))))


def test_the_multiplier_of_costs_scales_what_converting_costs() -> None:
    config = RunConfig(account=AccountConfig(fx=CurrencyTerms(Decimal("0.25"))))
    assert cost_ppb(config) == 25_000
    assert cost_ppb(replace(config, costs=replace(config.costs, multiplier=Decimal("1.5")))) == 37_500


def test_settings_that_say_nothing_of_currencies_are_described_as_ever() -> None:
    assert set(RunConfig().describe()["account"]) == {  # type: ignore[call-overload]
        "kind", "cash_micros", "currency", "borrow_rate", "debit_rate", "credit_rate",
    }  # fmt: skip
    told = RunConfig(account=AccountConfig(fx=CurrencyTerms(rates=dated((1, "1.1"))))).describe()["account"]
    assert told["fx"]["rates"] == [{"currency": "EUR", "day": "2019-06-01", "rate": "1.1"}]  # type: ignore[index]


# ---------------------------------------------------------------------------------------------------------- whole runs


def foreign_runs(count: int, *features: str) -> Iterator[tuple[Case, RunRecord]]:
    """Random runs with instruments in other currencies that traded."""
    seed, found = 2_000, 0
    while found < count:
        seed += 1
        case, names = varied_case(seed, only={"currencies", *features}, certain=True)
        if "currencies" not in names:
            continue
        record = play_engine(case)
        if len(record.fills) and any(recorded_rates(record, k) for k in range(len(record.universe))):
            found += 1
            yield case, record


def test_the_ledger_proves_in_each_currency_and_in_the_account() -> None:
    for case, record in foreign_runs(20, "events", "financing", "books"):
        left: dict[tuple[str, str], int] = {}
        for entry in record.journal.tolist():
            row = dict(zip(record.journal.dtype.names or (), entry, strict=True))
            for side, sign in (("debit", 1), ("credit", -1)):
                account = JOURNAL_ACCOUNTS[row[side]]
                spec = case.specs[record.universe[row["instrument"]]] if row["instrument"] >= 0 else None
                currency = "USD" if spec is None or account in OWN else spec.currency
                key = (currency, account)
                left[key] = left.get(key, 0) + sign * row["amount_micros"]
        for currency in {currency for currency, _ in left}:
            assert sum(amount for (of, _), amount in left.items() if of == currency) == 0
        cash = left["USD", "CASH"]
        if len(record.cash_micros) and not (record.cash_micros[-1] - cash):
            assert cash == record.cash_micros[-1]
        assert len(record.equity_micros) == 0 or (
            int(record.trades["net_micros"].sum()) + record.interest_micros == record.net_pnl_micros
        )


def test_traces_and_costs_of_trades_in_other_currencies_add_up() -> None:
    traced = 0
    for case, record in foreign_runs(15, "events", "components", "spread"):
        world = {**{symbol: (case.specs[symbol], case.bars[symbol]) for symbol in case.bars}, **case.pairs}
        for trade in range(min(4, len(record.trades))):
            told = trace_trade(record, world, trade, events=case.events)
            assert told.adds_up
            if told.in_account is not None:
                traced += 1
                parts = told.in_account
                assert parts.net_micros == parts.gross_micros - parts.fee_micros + parts.carry_micros
                assert all(step.rate for step in parts.conversions if step.own_micros)
        bridge = dict(attribute_costs(record, world, events=case.events).bridge())
        if len(record.equity_micros):
            assert bridge.pop("net") == sum(bridge.values()) == record.net_pnl_micros
            figures = summary(record, world)
            assert (
                figures["carry_paid_micros"] - figures["carry_received_micros"] == -record.trades["carry_micros"].sum()
            )
    assert traced > 10


def test_a_run_in_other_currencies_is_kept_with_its_rates(tmp_path: Any) -> None:
    _, record = next(foreign_runs(1))
    again, _ = load_run(save_run(tmp_path, record, {}))
    assert np.array_equal(again.rates, record.rates)
    assert len(again.rates)
    assert any("basis points" in note for note in record.notes)


def test_a_run_in_one_currency_keeps_no_rates() -> None:
    case, _ = varied_case(7, only=())
    record = play_engine(case)
    assert len(record.rates) == 0
    posted = set(record.journal["debit"].tolist()) | set(record.journal["credit"].tolist())
    assert not {JOURNAL_ACCOUNTS[code] for code in posted} & {"FOREIGN", "FX", "FX_BASE", "FX_COST"}


def test_the_bars_of_a_pair_that_is_a_rate_stand_in_the_manifest() -> None:
    case, record = next((case, record) for case, record in foreign_runs(9) if case.pairs)
    for pair, (_, bars) in case.pairs.items():
        assert record.manifest.data[pair]["content_hash"] == bars.content_hash
    assert set(record.manifest.data) <= {*record.universe, *case.pairs}


def test_costs_of_fills_in_other_currencies_are_worked_out_again_without_fault() -> None:
    filled = 0
    for case, record in foreign_runs(12):
        world = {**{symbol: (case.specs[symbol], case.bars[symbol]) for symbol in case.bars}, **case.pairs}
        foreign = [k for k in range(len(record.universe)) if recorded_rates(record, k)]
        filled += int(np.isin(record.fills["instrument"], foreign).sum())
        found = [f for f in faults_of(record, world, run_config(case.settings)) if f.field.endswith("micros")]
        assert not found
    assert filled > 30
