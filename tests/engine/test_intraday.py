"""When intraday margins are in force, and what is no intraday margin."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.instruments import instrument
from argus.engine._layout import INTRADAY_SHIFT
from argus.engine.account_terms import IntradayMargin, IntradayRate
from argus.engine.intraday import has_intraday, intraday_micros, margin_switches, note_of
from tests.oracle.by_hand import HOUR, T0, flat, market

MES = replace(instrument("MES"), calendar="24/7")
HALF = Decimal("0.5")
MINUTES = 24 * 60


def test_they_hold_from_the_first_bar_to_the_cut_off() -> None:
    bars = market("MES", *flat(8_000, 4))
    assert margin_switches(MES, bars, IntradayMargin(MINUTES - 90, HALF)) == [
        (T0, INTRADAY_SHIFT), (T0 + 90 * HOUR // 60, 0),
    ]  # fmt: skip
    assert margin_switches(MES, bars, IntradayMargin(60, HALF))[1] == (T0 + 4 * HOUR, 0)  # its last bar says the end


def test_a_cut_off_before_the_first_bar_leaves_none() -> None:
    late = market("MES", *flat(8_000, 2), starts=[T0 + 5 * HOUR, T0 + 6 * HOUR])
    assert margin_switches(MES, late, IntradayMargin(MINUTES - 5 * 60, HALF)) == []


def test_half_days_are_those_of_the_calendar() -> None:
    # The day after Thanksgiving 2019 closes at 12:15 in Chicago, 18:15 UTC; an ordinary day at 16:00, 22:00 UTC.
    spec, day = instrument("MES"), (np.datetime64("2019-11-29") - np.datetime64("1970-01-01")).astype(int)
    start = int(day) * 24 * HOUR + 15 * HOUR
    bars = market("MES", *flat(8_000, 2), starts=[start, start + HOUR], ends=())
    bars = replace(bars, session=np.full(2, day, dtype=np.int32))
    assert margin_switches(spec, bars, IntradayMargin(75, HALF)) == [(start, INTRADAY_SHIFT), (start + 2 * HOUR, 0)]


def test_bars_that_are_too_long_are_refused() -> None:
    with pytest.raises(ConfigError, match="bars of 60 minutes cannot serve"):
        margin_switches(MES, market("MES", *flat(8_000, 2)), IntradayMargin(15, HALF))


def test_shares_are_rounded_up_and_stated_figures_come_first() -> None:
    terms = IntradayMargin(30, Decimal("0.3333333"), (IntradayRate("ES", Decimal(500), Decimal(450)),))
    assert intraday_micros(terms, MES, Decimal("693.00"), Decimal("630.00")) == (230_999_977, 209_999_979)
    assert intraday_micros(terms, instrument("ES"), Decimal(6_930), Decimal(6_300)) == (500_000_000, 450_000_000)
    assert intraday_micros(None, MES, Decimal(1), Decimal(1)) == (0, 0)
    only = replace(terms, share=None)
    assert (has_intraday(only, MES), has_intraday(only, instrument("ES"))) == (False, True)
    assert not has_intraday(terms, instrument("AAPL"))
    assert "500 initial and 450 maintenance" in note_of(terms, instrument("ES"))
    assert "33.33333 % of the overnight ones" in note_of(terms, MES)


def test_more_than_the_overnight_margin_is_a_slip() -> None:
    terms = IntradayMargin(30, None, (IntradayRate("MES", Decimal(700), Decimal(600)),))
    with pytest.raises(ConfigError, match="more than the overnight ones"):
        intraday_micros(terms, MES, Decimal(693), Decimal(630))


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"cutoff_minutes": 0, "share": HALF}, "cutoff_minutes is 0"),
        ({"cutoff_minutes": MINUTES, "share": HALF}, "less than a day"),
        ({"cutoff_minutes": 15}, "name no figure"),
        ({"cutoff_minutes": 15, "share": Decimal(0)}, "share is 0"),
        ({"cutoff_minutes": 15, "share": Decimal("NaN")}, "share is NaN"),
        ({"cutoff_minutes": 15, "share": Decimal("1.5")}, "share is 1.5"),
        ({"cutoff_minutes": 15, "by_instrument": (IntradayRate("ES", Decimal(1), Decimal(2)),)}, "not the smaller"),
        ({"cutoff_minutes": 15, "by_instrument": (IntradayRate("ES", Decimal(2), Decimal(1)),) * 2}, "given twice"),
    ],
)
def test_terms_are_checked(terms: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        IntradayMargin(**terms)
