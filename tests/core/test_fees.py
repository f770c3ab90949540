"""Fee components: published examples, dated switches, exactness, the shipped figures, and a trader's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import InstrumentError
from argus.core.fees import STANDING_FEES, FeeComponent, FeeName, charge, fees_in_force
from argus.core.instruments import InstrumentKind, InstrumentSpec, Source, fee_set, instrument, load_instruments

ALL = load_instruments()
FUTURES = sorted(symbol for symbol, spec in ALL.items() if spec.kind is InstrumentKind.FUTURE)
DOLLAR = 1_000_000
HERE = Source("this test", None, verified=False)

# All-in cost of one side in dollars as it was before figures were split, from the pages the entries name.
_TABLE = """
ES 2.25 NQ 2.25 RTY 2.25 YM 2.25 MES 0.62 MNQ 0.62 M2K 0.62 MYM 0.62 CL 2.37 MCL 0.77 NG 2.47 QG 1.37 GC 2.47
MGC 1.02 SI 2.47 SIL 1.27 ZB 2.47 ZN 2.47 ZF 2.47 ZT 2.47 6E 2.47 M6E 0.41 6J 2.47 6B 2.47 6A 2.47 VX 2.38 VXM 0.47
"""
TOTALS = _TABLE.split()


def part(name: FeeName = FeeName.COMMISSION, since: str = "2020-01-01", **figures: object) -> FeeComponent:
    row = FeeComponent(name, date.fromisoformat(since), Decimal(0), Decimal(0), Decimal(0), None, False, HERE)
    return replace(row, **{key: Decimal(value) if isinstance(value, str) else value for key, value in figures.items()})  # type: ignore[arg-type]


def sale(symbol: str, day: str, shares: int, price: int, *, is_sell: bool = True) -> dict[FeeName, int]:
    parts = instrument(symbol).fees_on(date.fromisoformat(day))
    return charge(parts, shares, shares * price * DOLLAR, is_sell=is_sell)


# ---- published examples ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "dollars"),
    [
        ("2001-12-27", "33.30"),
        ("2001-12-28", "15.00"),
        ("2007-03-16", "30.70"),
        ("2012-11-15", "22.40"),  # SEC, fee rate advisory 2 for fiscal year 2013
        ("2014-10-07", "22.10"),  # FINRA, information notice of 7 October 2014
        ("2016-03-15", "21.80"),  # FINRA, information notice of 15 March 2016
        ("2018-05-21", "23.10"),
        ("2018-05-22", "13.00"),
        ("2019-04-15", "13.00"),
        ("2019-04-16", "20.70"),
        ("2020-02-18", "22.10"),
        ("2021-02-24", "22.10"),
        ("2021-02-25", "5.10"),
        ("2022-05-13", "5.10"),
        ("2022-05-14", "22.90"),
        ("2023-02-26", "22.90"),
        ("2023-02-27", "8.00"),
        ("2024-05-21", "8.00"),
        ("2024-05-22", "27.80"),
        ("2025-05-13", "27.80"),
        ("2025-05-14", "0.00"),
        ("2026-04-03", "0.00"),
        ("2026-04-04", "20.60"),
    ],
)
def test_section_31_on_a_sale_of_a_million_dollars(day: str, dollars: str) -> None:
    assert sale("SPY", day, 10_000, 100)[FeeName.SEC_SECTION_31] == Decimal(dollars) * DOLLAR
    assert sale("SPY", day, 10_000, 100, is_sell=False)[FeeName.SEC_SECTION_31] == 0


@pytest.mark.parametrize(
    ("day", "shares", "dollars"),
    [
        ("2011-06-30", 50_001, "3.75"),
        ("2011-07-01", 50_001, "4.50"),
        ("2012-02-29", 1_000, "0.09"),
        ("2012-03-01", 1_000, "0.095"),
        # DriveWealth's page on regulatory fees: below 50,000 shares 0.000119 a share, from there on 5.95 a trade.
        ("2021-06-01", 49_999, "5.949881"),
        ("2021-06-01", 50_000, "5.95"),
        ("2021-06-01", 80_000, "5.95"),
        ("2023-06-01", 200_000, "7.27"),
        ("2025-12-31", 1_000, "0.166"),
        ("2026-01-01", 1_000, "0.195"),
        # The amount reaches the cap of 9.79 between 50,205 and 50,206 shares.
        ("2026-01-01", 50_205, "9.789975"),
        ("2026-01-01", 50_206, "9.79"),
    ],
)
def test_trading_activity_fee_with_its_cap(day: str, shares: int, dollars: str) -> None:
    assert sale("SPY", day, shares, 5)[FeeName.FINRA_TAF] == Decimal(dollars) * DOLLAR
    assert sale("SPY", day, shares, 5, is_sell=False)[FeeName.FINRA_TAF] == 0


def test_the_brokers_own_example_of_a_large_sale() -> None:
    # Interactive Brokers, fixed against tiered pricing: 200,000 shares sold at 5 dollars cost 1,015.27 in all.
    amounts = sale("US_EQUITY:XYZ", "2023-06-01", 200_000, 5)
    assert amounts == {
        FeeName.COMMISSION: 1_000 * DOLLAR,
        FeeName.SEC_SECTION_31: 8 * DOLLAR,
        FeeName.FINRA_TAF: 7_270_000,
    }
    assert sum(amounts.values()) == Decimal("1015.27") * DOLLAR


@pytest.mark.parametrize(("shares", "dollars"), [(100, "1.00"), (200, "1.00"), (201, "1.005"), (1_000, "5.00")])
def test_the_brokers_own_examples_of_the_commission(shares: int, dollars: str) -> None:
    assert sale("SPY", "2023-06-01", shares, 25, is_sell=False)[FeeName.COMMISSION] == Decimal(dollars) * DOLLAR


def test_the_audit_trail_is_charged_on_both_sides_while_it_is_charged() -> None:
    for is_sell in (True, False):
        assert FeeName.CAT not in sale("SPY", "2024-08-31", 1_000, 100, is_sell=is_sell)
        assert sale("SPY", "2024-09-01", 1_000, 100, is_sell=is_sell)[FeeName.CAT] == 35_000
        assert sale("SPY", "2024-10-01", 1_000, 100, is_sell=is_sell)[FeeName.CAT] == 48_000
        assert sale("SPY", "2026-01-02", 1_000, 100, is_sell=is_sell)[FeeName.CAT] == 0
        assert sale("SPY", "2026-05-01", 1_000, 100, is_sell=is_sell)[FeeName.CAT] == 3_000


def test_the_association_takes_two_cents_a_side_of_a_future() -> None:
    es = charge(instrument("ES").fees_on(date(2024, 1, 2)), 3, 3 * 5_000 * 50 * DOLLAR, is_sell=True)
    assert es == {FeeName.COMMISSION: 2_550_000, FeeName.EXCHANGE: 4_140_000, FeeName.NFA: 60_000}


# ---- the shipped figures ---------------------------------------------------------------------------------------------


def test_all_futures_are_in_the_table_of_totals() -> None:
    assert sorted(TOTALS[::2]) == FUTURES
    assert len(FUTURES) == 27


@pytest.mark.parametrize(("symbol", "dollars"), list(zip(TOTALS[::2], TOTALS[1::2], strict=True)))
def test_the_parts_of_a_future_add_up_to_the_all_in_figure(symbol: str, dollars: str) -> None:
    spec = instrument(symbol)
    (total,) = spec.fees
    assert (total.effective_date, total.per_unit, total.rate, total.minimum) == (
        date.min,
        Decimal(dollars),
        Decimal(0),
        Decimal(0),
    )
    parts = spec.fees_on(date(1990, 1, 2))
    assert [each.name for each in parts] == [FeeName.COMMISSION, FeeName.EXCHANGE, FeeName.NFA]
    assert {each.source for each in parts} == {total.source}
    for is_sell in (True, False):
        amounts = charge(parts, 7, 10**12, is_sell=is_sell)
        assert sum(amounts.values()) == 7 * total.per_unit * DOLLAR


@pytest.mark.parametrize("symbol", sorted(ALL))
def test_the_totals_are_what_the_standing_components_charge(symbol: str) -> None:
    spec = instrument(symbol)
    standing = [each for each in spec.fees_on(date(2024, 1, 2)) if each.name in STANDING_FEES]
    total = spec.fee_on(date(2024, 1, 2))
    assert total is not None
    for units, notional in ((1, 10**6), (3, 12_345_678_901), (5_000, 10**12)):
        expected = max(total.per_unit * DOLLAR * units + total.rate * notional, total.minimum * DOLLAR)
        amount = sum(charge(standing, units, notional, is_sell=True).values())
        assert amount == expected.to_integral_value(ROUND_HALF_EVEN)


@pytest.mark.parametrize("symbol", sorted(ALL))
def test_every_row_has_a_source_and_sales_fees_are_for_shares_only(symbol: str) -> None:
    spec = instrument(symbol)
    for row in spec.fee_components:
        assert row.source.text
        assert not row.source.verified or row.source.url
        assert row.sells_only == (row.name in (FeeName.SEC_SECTION_31, FeeName.FINRA_TAF))
    regulators = {row.name for row in spec.fee_components} - STANDING_FEES
    taken = {FeeName.SEC_SECTION_31, FeeName.FINRA_TAF, FeeName.CAT}
    assert regulators == (taken if spec.kind is InstrumentKind.EQUITY else set())


def test_the_shares_figures_were_read_and_the_options_partly() -> None:
    assert instrument("SPY").unverified() == ()
    rows = fee_set("us_options")
    assert {row.name for row in rows} == {FeeName.CLEARING, FeeName.ORF, FeeName.FINRA_TAF, FeeName.CAT}
    in_2026 = fees_in_force(rows, date(2026, 6, 1))
    assert charge(in_2026, 10, 10_000 * DOLLAR, is_sell=True) == {
        FeeName.CLEARING: 250_000,
        FeeName.FINRA_TAF: 32_900,
        FeeName.ORF: 281_500,
        FeeName.CAT: 3_000,
    }
    flat = fees_in_force(rows, date(2020, 6, 1))
    assert charge(flat, 5_000, 0, is_sell=False)[FeeName.CLEARING] == 55 * DOLLAR
    with pytest.raises(
        InstrumentError, match="fee set 'shares' is unknown; there are us_options, us_section_31, us_sh"
    ):
        fee_set("shares")


def test_a_template_and_its_names_share_their_rows() -> None:
    assert instrument("AAPL").fee_components == instrument("US_EQUITY:ABNB").fee_components
    assert instrument("SPY").fee_components == instrument("US_EQUITY_ADJ:SPY").fee_components


# ---- dates -----------------------------------------------------------------------------------------------------------


def test_each_component_is_dated_by_itself() -> None:
    rows = [
        part(since="2020-01-01", per_unit="1"),
        part(since="2022-01-01", per_unit="2"),
        part(FeeName.EXCHANGE, since="2021-01-01", per_unit="10"),
    ]

    def on(day: str) -> list[tuple[str, int]]:
        return [(each.name.value, int(each.per_unit)) for each in fees_in_force(rows, date.fromisoformat(day))]

    assert on("2019-12-31") == []
    assert on("2020-01-01") == [("commission", 1)]
    assert on("2020-12-31") == [("commission", 1)]
    assert on("2021-01-01") == [("commission", 1), ("exchange", 10)]
    assert on("2022-01-01") == on("2099-01-01") == [("commission", 2), ("exchange", 10)]


@given(st.sampled_from(["SPY", "ES", "BTCUSD"]), st.integers(-9_000, 12_000), st.data())
def test_the_rows_in_force_do_not_depend_on_their_order(symbol: str, days: int, data: st.DataObject) -> None:
    day = date(2000, 1, 1) + timedelta(days=days)
    spec = instrument(symbol)
    mixed = data.draw(st.permutations(spec.fee_components))
    found = spec.fees_on(day)
    assert fees_in_force(mixed, day) == found
    for row in found:
        same = [each.effective_date for each in spec.fee_components if each.name is row.name]
        assert row.effective_date == max(each for each in same if each <= day)


# ---- the amount ------------------------------------------------------------------------------------------------------

amounts = st.decimals(0, 100, places=7)


@st.composite
def components(draw: st.DrawFn) -> list[FeeComponent]:
    names = draw(st.lists(st.sampled_from(FeeName), unique=True, max_size=4))
    rows = []
    for name in names:
        least = draw(amounts)
        most = draw(st.none() | st.just(least + draw(amounts)))
        rows.append(
            part(
                name,
                per_unit=draw(amounts),
                rate=draw(amounts),
                minimum=least,
                maximum=most,
                sells_only=draw(st.booleans()),
            )
        )
    return rows


@given(
    components(),
    st.decimals("0.00000001", 10_000, places=8),
    st.integers(-(10**15), 10**15),
    st.booleans(),
    st.decimals(0, 4, places=2),
)
def test_each_component_is_exact_and_rounded_once(
    rows: Sequence[FeeComponent], units: Decimal, notional: int, is_sell: bool, multiplier: Decimal
) -> None:
    found = charge(rows, units, notional, is_sell=is_sell, multiplier=multiplier)
    assert list(found) == [row.name for row in rows]
    with localcontext() as context:
        context.prec = 80
        for row in rows:
            exact = row.per_unit * DOLLAR * units + row.rate * abs(notional)
            exact = max(exact, row.minimum * DOLLAR)
            exact = exact if row.maximum is None else min(exact, row.maximum * DOLLAR)
            expected = (exact * multiplier).to_integral_value(ROUND_HALF_EVEN)
            assert found[row.name] == (0 if row.sells_only and not is_sell else expected)
    assert charge(rows, -units, -notional, is_sell=is_sell, multiplier=multiplier) == found


@pytest.mark.parametrize(
    ("units", "micros"), [(Fraction(1, 2), 0), (Fraction(3, 2), 2), (Fraction(5, 2), 2), (Fraction(7, 2), 4)]
)
def test_half_a_micro_unit_goes_to_the_even_one(units: Fraction, micros: int) -> None:
    assert charge([part(per_unit="0.000001")], units, 0, is_sell=False) == {FeeName.COMMISSION: micros}


def test_components_are_rounded_one_by_one_and_not_their_sum() -> None:
    halves = [part(per_unit="0.0000005"), part(FeeName.EXCHANGE, per_unit="0.0000005")]
    assert sum(charge(halves, 1, 0, is_sell=False).values()) == 0
    assert sum(charge(halves, 3, 0, is_sell=False).values()) == 4


def test_the_multiplier_scales_minimum_and_maximum_too() -> None:
    row = part(per_unit="0.005", minimum="1", maximum="2")
    for shares, micros in ((1, 1_000_000), (300, 1_500_000), (10_000, 2_000_000)):
        once = charge([row], shares, 0, is_sell=False)[FeeName.COMMISSION]
        half_more = charge([row], shares, 0, is_sell=False, multiplier=Decimal("1.5"))[FeeName.COMMISSION]
        assert (once, half_more) == (micros, micros * 3 // 2)
    assert charge([row], 300, 0, is_sell=False, multiplier=0) == {FeeName.COMMISSION: 0}


def test_rows_of_several_dates_are_refused_instead_of_added() -> None:
    with pytest.raises(InstrumentError, match="fee component sec_section_31 is given twice; charge only the rows in f"):
        charge(instrument("SPY").fee_components, 100, 10**9, is_sell=True)


def test_components_travel_to_workers() -> None:
    spec = instrument("SPY")
    copy = ForkingPickler.loads(ForkingPickler.dumps(spec))
    assert copy == spec
    assert hash(copy) == hash(spec)
    assert copy.fees_on(date(2024, 6, 3)) == spec.fees_on(date(2024, 6, 3))


# ---- a trader's own rows ---------------------------------------------------------------------------------------------

OWN = """\
version: 1
sources:
  mine: {text: "my broker's confirmation of 3 June 2024", verified: true}
fees:
  ES:
    - {name: commission, effective_date: undated, per_unit: 0.85, source: mine}
    - {name: commission, effective_date: 2024-06-03, per_unit: 0.47, source: mine}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def without(spec: InstrumentSpec, name: FeeName) -> list[FeeComponent]:
    return [row for row in spec.fee_components if row.name is not name]


def test_own_rows_replace_one_component_and_leave_the_rest(tmp_path: Path) -> None:
    shipped, own = instrument("ES"), instrument("ES", path=write(tmp_path, OWN))
    assert without(own, FeeName.COMMISSION) == without(shipped, FeeName.COMMISSION)
    assert [row.per_unit for row in own.fees] == [Decimal("2.25"), Decimal("1.87")]
    assert [row.effective_date for row in own.fees] == [date.min, date(2024, 6, 3)]
    assert "my broker" in own.fees[0].source.text
    assert "Interactive Brokers" in own.fees[0].source.text
    assert replace(own, fees=shipped.fees, fee_components=shipped.fee_components) == shipped
    assert load_instruments(tmp_path / "mine.yaml")["NQ"] == instrument("NQ")
    assert instrument("ES").fees == shipped.fees


def test_own_rows_of_a_template_reach_all_its_names_but_those_with_rows_of_their_own(tmp_path: Path) -> None:
    text = OWN.replace("  ES:\n", "  SPY:\n") + (
        "  US_EQUITY:\n    - {name: commission, effective_date: undated, rate: 0, source: mine}\n"
    )
    path = write(tmp_path, text)
    day = date(2024, 6, 3)
    for symbol in ("AAPL", "US_EQUITY:ABNB"):
        own = instrument(symbol, path=path)
        assert own.fees_on(day)[0].per_unit == 0
        assert without(own, FeeName.COMMISSION) == without(instrument(symbol), FeeName.COMMISSION)
    assert instrument("SPY", path=path).fees_on(day)[0].per_unit == Decimal("0.47")
    assert instrument("US_EQUITY_ADJ:AAPL", path=path).fees_on(day)[0].per_unit == Decimal("0.005")


def test_the_shipped_rows_survive_a_round_trip_through_a_file(tmp_path: Path) -> None:
    spec = instrument("SPY")
    sources = {f"s{at}": source for at, source in enumerate(dict.fromkeys(row.source for row in spec.fee_components))}
    names = {source: name for name, source in sources.items()}
    rows = [
        {
            "name": row.name.value,
            "effective_date": "undated" if row.effective_date == date.min else row.effective_date.isoformat(),
            "per_unit": f"{row.per_unit:f}",
            "rate": f"{row.rate:f}",
            "minimum": f"{row.minimum:f}",
            **({} if row.maximum is None else {"maximum": f"{row.maximum:f}"}),
            "sells_only": str(row.sells_only).lower(),
            "source": names[row.source],
        }
        for row in spec.fee_components
    ]
    described = {
        name: {"text": source.text, "url": source.url, "verified": str(source.verified).lower()}
        for name, source in sources.items()
    }
    text = yaml.safe_dump({"version": "1", "sources": described, "fees": {"SPY": rows}}, sort_keys=False)
    assert instrument("SPY", path=write(tmp_path, text)) == spec


def test_an_own_set_is_shared_by_own_entries(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
    one, another = (block.split("```")[0] for block in page.split("```yaml\n")[1:])
    own = instrument("ES", path=write(tmp_path, one))
    assert own.fees_on(date(2024, 7, 1))[0].per_unit == Decimal("0.47")
    path = write(tmp_path, another)
    spec = instrument("XFND", path=path)
    parts = spec.fees_on(date(2024, 7, 1))
    assert [row.name for row in parts] == [FeeName.COMMISSION, FeeName.EXCHANGE, FeeName.SEC_SECTION_31]
    assert parts[1].per_unit == Decimal("0.003")
    assert [row.per_unit for row in fee_set("my_venue", path=path)] == [Decimal("0.003")]


ROW = "    - {name: commission, effective_date: 2024-06-03, per_unit: 0.47, source: mine}\n"


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            ROW.replace("commission", "comission"),
            r"ES: fees\.1\.comission\.name: found 'comission'; .*'commission', 'ex",
        ),
        (ROW.replace("0.47", "-0.47"), r"ES: fees\.1\.commission\.per_unit: found '-0\.47'"),
        (ROW.replace("0.47", "inf"), r"ES: fees\.1\.commission\.per_unit: found 'inf'"),
        (ROW.replace("per_unit: 0.47, ", ""), r"ES: fees\.1\.commission\.per_unit: found neither per_unit nor rate"),
        (
            ROW.replace("per_unit", "per_share"),
            r"ES: fees\.1\.commission\.per_share: found '0\.47'; the field is unknown",
        ),
        (
            ROW.replace("source: mine", "source: yours"),
            r"ES: fees\.1\.commission\.source: found source 'yours'; add it",
        ),
        (
            ROW.replace("2024-06-03", "3 June 2024"),
            r"ES: fees\.1\.commission\.effective_date\.date: found '3 June 2024'",
        ),
        (
            ROW.replace("2024-06-03", "undated"),
            r"ES: fees\.commission\.effective_date: found 0001-01-01 after 0001-01-01",
        ),
        (
            ROW.replace("source", "minimum: 2, maximum: 1, source"),
            r"ES: fees\.1\.commission\.maximum: found 1; it must be at least the minimum of 2",
        ),
        (
            ROW.replace("commission", "finra_taf"),
            r"ES: fees\.1\.finra_taf\.sells_only: found false; write `sells_only: true`",
        ),
        (
            ROW.replace("name: commission, ", ""),
            r"ES: fees\.all_in: found an all-in row beside commission, exchange, nfa; split the all-in figure",
        ),
    ],
)
def test_a_wrong_row_names_file_symbol_component_and_field(tmp_path: Path, new: str, message: str) -> None:
    assert OWN.count(ROW) == 1
    path = write(tmp_path, OWN.replace(ROW, new))
    with pytest.raises(InstrumentError, match=r"^mine\.yaml: " + message) as caught:
        load_instruments(path)
    assert str(path) in str(caught.value)


def test_the_manuals_message_is_the_one_that_is_given(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
    with pytest.raises(InstrumentError) as caught:
        load_instruments(write(tmp_path, OWN.replace(ROW, ROW.replace("0.47", "-0.47"))))
    assert str(caught.value).split(" (file")[0] in page


def test_the_manuals_tables_are_the_shipped_rows() -> None:
    page = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
    parts = instrument("SPY").fee_components
    for row in parts:
        day = "before 28 Dec 2001" if row.effective_date == date.min else f"{row.effective_date:%-d %b %Y}"
        if row.name is FeeName.SEC_SECTION_31:
            assert f"| {day} | {row.rate * DOLLAR:.2f} |" in page
        elif row.name is FeeName.FINRA_TAF:
            assert f"| {day} | {row.per_unit:f} | {row.maximum} |" in page
        elif row.name is FeeName.CAT:
            assert f"| {day} | {row.per_unit:f} |" in page
    assert len(parts) == 1 + 33 + 8 + 4
    for row in fee_set("us_options"):
        bound = "none" if row.maximum is None else f"{row.maximum}"
        assert f"| {row.effective_date:%-d %b %Y} | {row.per_unit:f} | {bound} |" in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN.replace("  ES:\n", "  EZ:\n"), r"EZ: fees: found the symbol 'EZ'; name an instrument that is known"),
        ("version: 1\nfees: {ES: []}\n", r"ES: fees: found no row"),
        ("version: 1\nfees: {ES: 3}\n", r"ES: fees: found '3'"),
        ("version: 1\nfees: [ES]\n", r"section fees: found \['ES'\]"),
        ("version: 1\nfee_sets: {mine: []}\n", r"fee set mine: fees: found no row"),
        (
            "version: 1\nfee_sets: {mine: [{name: orf, rate: 0}]}\n",
            r"fee set mine: fees\.0\.orf\.effective_date: found n",
        ),
    ],
)
def test_a_wrong_section_of_fees(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InstrumentError, match=message):
        load_instruments(write(tmp_path, text))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (
            "[us_shares, venue]",
            r"XFND: fee_sets: found set 'venue'; add it to the section `fee_sets`; known: my_venue, us_",
        ),
        (
            "[us_shares, us_options]",
            r"XFND: fee_sets: found cat, finra_taf in two sets; name one set for each component",
        ),
    ],
)
def test_sets_that_do_not_fit(tmp_path: Path, sets: str, message: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
    entry = page.split("```yaml\n")[2].split("```")[0]
    named = "fee_sets: [my_venue, us_section_31]"
    assert entry.count(named) == 1
    with pytest.raises(InstrumentError, match=message):
        load_instruments(write(tmp_path, entry.replace(named, f"fee_sets: {sets}")))
