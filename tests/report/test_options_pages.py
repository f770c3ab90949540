"""The pages on options: they hold what their records hold, as text and as valid data, and load nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from argus.report.options import (
    AnomalyView,
    Finding,
    Measured,
    PopModel,
    SmileView,
    SurfaceView,
    VolIndex,
    render_anomalies,
    render_pop,
    render_smile,
    render_structure,
    render_surface,
)
from argus.report.options_page import WORDS
from tests.report import sample_options as sample
from tests.report.test_html import EVIL, Page, _without_library

PAGES: dict[str, Callable[[], str]] = {
    "smile": lambda: render_smile(sample.smile_view()),
    "surface": lambda: render_surface(sample.surface_view()),
    "anomalies": lambda: render_anomalies(sample.anomaly_view()),
    "pop": lambda: render_pop(sample.pop_view(paths=400)),
    "structure": lambda: render_structure(sample.structure_view()),
}


@pytest.fixture(scope="module", autouse=True)
def small_library() -> Iterator[None]:
    """Five megabytes of chart library would be read in every test; one test below asks for the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plotly.offline.get_plotlyjs", lambda: "the chart library")
        yield


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return _without_library(PAGES[request.param]())


def data_of(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="d0">(.*?)</script>', page, flags=re.DOTALL)
    assert len(found) == 1

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return dict(json.loads(found[0], parse_constant=refuse))


def text_of(page: str) -> str:
    """What a reader sees, tags and data left out."""
    seen = re.sub(r"<(style|script)[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", seen).replace("\u00a0", " ").split())


def row_of(page: str, name: str, nth: int = 0) -> str:
    """Text of the table row that `name` heads."""
    rows = [text_of(row) for row in re.findall(r"<tr[^>]*>.*?</tr>", page, flags=re.DOTALL)]
    return [row for row in rows if row.startswith(name)][nth]


# ----------------------------------------------------------------------------------------------------------- every page


def test_the_page_is_whole_and_alone(page: str) -> None:
    read = Page(page)
    assert read.open == []
    for tag, attributes in read.tags:
        assert not {"src", "srcset", "data"} & set(attributes), tag
        assert tag not in ("link", "iframe", "object", "embed")
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in page.split("</style>")[0]
    assert "default-src 'none'" in page


def test_the_real_library_is_inside_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from plotly.offline.offline import get_plotlyjs

    monkeypatch.setattr("plotly.offline.get_plotlyjs", get_plotlyjs)
    page = render_structure(sample.structure_view())
    assert page.count('id="plotly"') == 1
    assert len(page) > 4_000_000


def test_every_chart_has_its_data_and_the_script_draws_its_kind(page: str) -> None:
    data = data_of(page)
    placed = [attributes for _, attributes in Page(page).tags if "data-chart" in attributes]
    assert {str(one["data-chart"]) for one in placed} == set(data)
    script = page.rsplit("<script>", 1)[1]
    for one in placed:
        assert one["aria-label"]
        assert re.search(rf"^    {data[str(one['data-chart'])]['kind']}\(d, c", script, flags=re.MULTILINE)
    modes = {s["mode"] for chart in data.values() for part in chart.get("sheets", ()) for s in part["series"]}
    for mode in modes:
        assert re.search(rf"^    {mode}\(s, x, c", script, flags=re.MULTILINE)


def test_controls_lead_to_charts_and_links_to_parts(page: str) -> None:
    data = data_of(page)
    tags = Page(page).tags
    for _, attributes in tags:
        if "data-for" in attributes:
            assert attributes["data-for"] in data
        if "data-goto" in attributes:
            name, place = str(attributes["data-goto"]).split()
            assert int(place) < len(data[name]["expiries"])
    links = {str(attributes["href"])[1:] for tag, attributes in tags if tag == "a"}
    assert links <= {str(attributes["id"]) for _, attributes in tags if "id" in attributes}
    for chart in data.values():
        options = [len(part) for part in (chart.get("sheets"), chart.get("expiries")) if part]
        assert all(options)


def test_words_in_dotted_headings_are_explained(page: str) -> None:
    told = [str(attributes["title"]) for tag, attributes in Page(page).tags if tag == "th" and "title" in attributes]
    assert told
    assert all(sentence.endswith(".") for sentence in told)
    assert text_of(page).count("What the words mean") == 1


def test_each_word_is_told_in_one_plain_sentence_or_two() -> None:
    for word, sentence in WORDS.items():
        assert sentence.endswith("."), word
        assert 20 < len(sentence) < 160, word


# ---------------------------------------------------------------------------------------------------------------- smile


@pytest.fixture(scope="module")
def smile() -> str:
    return _without_library(render_smile(sample.smile_view()))


def test_the_smile_counts_what_is_used_and_left_out(smile: str) -> None:
    view = sample.smile_view()
    used = sum(reason == "" for one in view.expiries for reason in one.reason)
    total = sum(len(one.strike) for one in view.expiries)
    assert 0 < used < total
    text = text_of(smile)
    assert f"{used} of {total} quotes in 9 expiries have a volatility that is used" in text
    no_bid = sum(reason == "no bid" for one in view.expiries for reason in one.reason)
    assert f"no bid ({no_bid})" in text
    assert "expiry without a forward (2)" in text
    assert "Quotes of one minute before the close." in text


def test_the_smile_draws_each_quote_as_bid_middle_and_ask(smile: str) -> None:
    chart, one = data_of(smile)["smile"], sample.smile_view().expiries[3]
    drawn = chart["expiries"][3]
    assert drawn["strike"] == one.strike.tolist()
    assert drawn["call"] == (one.right > 0).astype(int).tolist()
    assert [chart["reasons"][code] for code in drawn["reason"]] == list(one.reason)
    for name, values in (("bid", one.vol_bid), ("mid", one.vol_mid), ("ask", one.vol_ask), ("vendor", one.vol_vendor)):
        shown = np.array(drawn[name], dtype=np.float64)
        assert np.allclose(shown, 100.0 * values, atol=1e-3, equal_nan=True)
        assert None in drawn[name] or name == "ask"
    assert np.allclose(drawn["curve"]["vol"], 100.0 * one.curve_vol, atol=1e-3)
    assert drawn["deviation"] == pytest.approx(one.vol_atm * math.sqrt(one.days / 365.0), rel=1e-5)


def test_an_expiry_without_a_forward_says_why(smile: str) -> None:
    row = row_of(smile, "2021-12-17")
    assert "two strikes are too few for a forward" in row
    assert row.count("—") == 6
    drawn = data_of(smile)["smile"]["expiries"][-1]
    assert drawn["forward"] is None
    assert drawn["deviation"] is None
    assert drawn["mid"] == [None, None]
    assert "curve" not in drawn


def test_the_table_of_expiries_holds_what_parity_implies(smile: str) -> None:
    one = sample.smile_view().expiries[2]
    row = row_of(smile, one.label)
    for told in (f"{one.forward:,.2f}", f"{one.discount:.5f}", "2.40 %", f"{100 * one.vol_atm:.2f} %", f"{one.used}"):
        assert told in row


def test_the_smile_opens_near_a_month(smile: str) -> None:
    days = [one.days for one in sample.smile_view().expiries]
    nearest = min(range(len(days)), key=lambda k: abs(days[k] - 30))
    assert f'<option value="{nearest}" selected>' in smile


def test_no_quotes_and_no_expiries_are_told() -> None:
    empty = SmileView("Nothing", "made", "SPX", "now", math.nan, "", ())
    page = _without_library(render_smile(empty))
    assert "There is no quote to show" in page
    assert "The chain has no expiry." in page
    assert data_of(page) == {}


def test_many_quotes_stay_small() -> None:
    page = _without_library(render_smile(sample.smile_view(expiries=40, quotes=125)))
    assert len(page) < 700_000
    assert len(data_of(page)["smile"]["expiries"]) == 41


# -------------------------------------------------------------------------------------------------------------- surface


@pytest.fixture(scope="module")
def surface() -> str:
    return _without_library(render_surface(sample.surface_view()))


def test_the_surface_leads_with_the_share_inside_and_the_checks(surface: str) -> None:
    view = sample.surface_view()
    judged = view.expiries[:-1]
    share = sum(one.inside_share * one.quotes for one in judged) / sum(one.quotes for one in judged)
    text = text_of(surface)
    assert (
        f"{100 * share:.1f} % of the quotes hold the model&#x27;s price between bid and ask, over 12 expiries" in text
    )
    assert "2 of 3 checks for arbitrage passed; 1 could not be judged." in text
    assert "Volatility index, 30 days 14.92 published 14.95, −0.03" in text
    for finding in view.findings:
        assert finding.sentence in text
    assert '<div class="headline yes">' in surface


def test_a_failed_check_is_the_headline() -> None:
    bad = (Finding(True, "No calendar."), Finding(False, "A butterfly costs less than nothing."))
    page = render_surface(replace(sample.surface_view(2), findings=bad))
    assert '<div class="headline no">' in page
    assert "1 of 2 checks failed: A butterfly costs less than nothing." in text_of(page)


def test_the_grid_is_drawn_in_per_cent_with_its_holes(surface: str) -> None:
    view, chart = sample.surface_view(), data_of(surface)["vol"]
    assert np.allclose(np.array(chart["z"], dtype=np.float64), 100.0 * view.vol, atol=1e-3, equal_nan=True)
    assert chart["z"][0][0] is None
    assert chart["names"] == list(view.tenor)
    assert chart["x"] == pytest.approx(view.k, abs=1e-6)
    assert chart["y"] == view.tenor_days.tolist()
    assert f"16 of {view.vol.size} cells are empty, beyond the quoted strikes." in text_of(surface)
    assert "there is no earlier expiry to take the slope from" in text_of(surface)


def test_the_density_keeps_its_area_on_the_axis_of_moves(surface: str) -> None:
    for part in data_of(surface)["density"]["sheets"][:-1]:
        for line in part["series"]:
            # In per cent of the cases, over moves in per cent.
            assert np.trapezoid(line["y"], line["x"]) == pytest.approx(100.0, abs=1.5)


def test_tenors_and_fit_hold_the_figures(surface: str) -> None:
    view, data = sample.surface_view(), data_of(surface)
    atm, forward = data["term"]["sheets"][0]["series"]
    assert atm["y"][4] == pytest.approx(100.0 * view.expiries[4].vol_atm, rel=1e-5)
    assert forward["y"][0] is None
    one = view.expiries[4]
    row = row_of(surface, one.label)
    for told in (f"{100 * one.risk_reversal:.2f}".replace("-", "−"), f"{one.kurtosis:.2f}", f"{one.quotes}"):
        assert told in row
    assert "two quotes are too few" in row_of(surface, "in 942 days")


def test_the_premium_stands_beside_forecasts_and_the_past(surface: str) -> None:
    assert "12.70 % +60.7" in row_of(surface, "Forecast HAR")
    assert "13.10 % —" in row_of(surface, "Realised last 21 sessions")


def test_an_empty_surface_says_so() -> None:
    none = np.empty((0, 0))
    empty = SurfaceView(
        "Nothing", "made", "SPX", "now", "SVI", math.nan, np.empty(0), np.empty(0), (), none, None,
        "there is no surface", (), (), VolIndex("Index", math.nan, math.nan, "There is no expiry of a month."),
    )  # fmt: skip
    page = _without_library(render_surface(empty))
    for told in ("No expiry could be fitted", "The snapshot has no expiry.", "There is no expiry of a month."):
        assert told in page
    assert data_of(page) == {}


def test_without_local_volatility_the_reason_stands_there() -> None:
    page = render_surface(replace(sample.surface_view(3), local_vol=None, local_why="one expiry is too few"))
    assert "No local volatilities: one expiry is too few" in text_of(page)
    assert "local" not in data_of(_without_library(page))


# ------------------------------------------------------------------------------------------------------------ anomalies


@pytest.fixture(scope="module")
def anomalies() -> str:
    return _without_library(render_anomalies(sample.anomaly_view()))


def test_anomalies_lead_with_what_chance_would_show(anomalies: str) -> None:
    text = text_of(anomalies)
    assert "3 of 400 contracts stand out beyond chance; 1 of them can be traded for a gain" in text
    assert "About 0.1 of them would be there by chance" in text or "About 0.2 of them" in text
    assert "and 100 more, less surprising than these" in text


def test_a_contract_has_a_row_with_all_that_is_known(anomalies: str) -> None:
    first = sample.anomaly_view().rows[0]
    row = row_of(anomalies, first.contract)
    assert first.is_tradable
    for told in ("10.00", "10.60", "+2.40", "+6.80", "+7.48", "< 0.0001", "+0.42", "yes", first.why):
        assert told.replace("<", "&lt;") in row
    assert "— no past" in row_of(anomalies, sample.anomaly_view().rows[1].contract)
    rows = [a for tag, a in Page(anomalies).tags if tag == "tr" and "data-tags" in a]
    assert len(rows) == 300
    assert rows[0]["data-tags"] == "found tradable dear"
    assert rows[1]["data-tags"] == "found cheap"


def test_every_contract_is_in_the_cloud_and_every_region_in_the_map(anomalies: str) -> None:
    data, view = data_of(anomalies), sample.anomaly_view()
    clouds = [s for s in data["cloud"]["sheets"][0]["series"] if s["mode"] == "dots"]
    assert [len(s["x"]) for s in clouds] == [397, 2, 1]
    assert view.regions is not None
    assert data["regions"]["z"][0][0] is None
    assert data["regions"]["z"][1] == pytest.approx(view.regions.residual[1])
    assert data["regions"]["told"][0][:2] == ["0 contracts, not judged", "40 contracts, q 0.400"]


def test_a_gain_that_chance_may_have_left_is_no_yes() -> None:
    view = sample.anomaly_view()
    lucky = replace(view.rows[5], is_tradable=True)
    page = _without_library(render_anomalies(replace(view, rows=(*view.rows[:5], lucky, *view.rows[6:]))))
    row = row_of(page, lucky.contract)
    assert "by chance" in row
    assert "yes" not in row
    tags = [a["data-tags"] for tag, a in Page(page).tags if tag == "tr" and "data-tags" in a]
    assert ["tradable" in tag.split() for tag in tags[:6]] == [True, False, False, False, False, False]


def test_counts_and_chart_are_of_all_contracts_however_few_are_listed(anomalies: str) -> None:
    page = _without_library(render_anomalies(replace(sample.anomaly_view(), listed=1)))
    assert "3 of 400 contracts stand out beyond chance" in text_of(page)
    assert "and 399 more" in text_of(page)
    assert data_of(page)["cloud"] == data_of(anomalies)["cloud"]


def test_nothing_found_and_nothing_to_rank_are_told() -> None:
    calm = sample.anomaly_view()
    calm = replace(calm, rows=tuple(replace(row, is_found=False) for row in calm.rows))
    assert "None of 400 contracts stands out beyond chance" in render_anomalies(calm)
    empty = AnomalyView("Nothing", "made", "SPX", "now", "USD", 0, 0.05, 0.0, ())
    page = _without_library(render_anomalies(empty))
    assert "No contract could be held against the surface" in page
    assert data_of(page) == {}


# ------------------------------------------------------------------------------------------------ probability of profit


@pytest.fixture(scope="module")
def pop_view() -> sample.PopView:
    return sample.pop_view(paths=400)


@pytest.fixture(scope="module")
def pop(pop_view: sample.PopView) -> str:
    return _without_library(render_pop(pop_view))


def test_answers_stand_side_by_side_with_their_errors(pop: str, pop_view: sample.PopView) -> None:
    for model in pop_view.models[:2]:
        rows = [row_of(pop, f"{model.name} {model.measure}", nth) for nth in range(2)]
        for answer, row in zip(model.answers, rows, strict=True):
            assert answer.how in row
            chance, mean = answer.probability, answer.expected_pnl
            error = "exact" if chance.error == 0.0 else f"± {100 * chance.error:.1f} %"
            assert f"{100 * chance.value:.1f} % {error}" in row
            assert f"{abs(100 * mean.value):,.2f}" in row
        assert model.assumes in text_of(pop)
    assert "± " in rows[1]
    assert "400 paths" in rows[1]


def test_a_model_without_an_answer_says_why(pop: str) -> None:
    row = row_of(pop, "Heston")
    assert "the calibration did not converge" in row
    assert "no answer" in row


def test_the_headline_never_gives_a_probability_without_its_value(pop: str, pop_view: sample.PopView) -> None:
    answers = [answer for model in pop_view.models for answer in model.answers]
    low, high = (f"{100 * end([a.probability.value for a in answers]):.1f} %" for end in (min, max))
    head = text_of(pop.split('<div class="remarks">')[0])
    assert f"Profit in {low} to {high} of the cases; expected value −" in head
    assert pop_view.plan in text_of(pop)
    assert pop_view.costs in text_of(pop)


@pytest.mark.parametrize(
    ("mean", "kind"),
    [
        (Measured(0.5, 0.1), "yes"),
        (Measured(-0.5, 0.1), "no"),
        (Measured(0.1, 0.1), "plain"),
        (Measured(math.nan, math.nan, "not asked"), "plain"),
    ],
)
def test_the_colour_follows_the_expected_value_not_the_probability(
    pop_view: sample.PopView, mean: Measured, kind: str
) -> None:
    models = tuple(
        replace(model, answers=tuple(replace(answer, expected_pnl=mean) for answer in model.answers))
        for model in pop_view.models
    )
    assert f'<div class="headline {kind}">' in render_pop(replace(pop_view, models=models))


def test_results_are_drawn_in_money_of_one_structure(pop: str, pop_view: sample.PopView) -> None:
    data, answer = data_of(pop), pop_view.models[0].answers[1]
    histogram = data["results"]["sheets"][0]["series"][0]
    assert answer.histogram_edge is not None
    assert histogram["edge"] == pytest.approx(100.0 * answer.histogram_edge, rel=1e-5)
    assert sum(histogram["y"]) == pytest.approx(100.0, abs=1e-3)
    assert [one["name"].split()[0] for one in data["results"]["sheets"][0]["marks"]] == ["nothing", "expected", "CVaR"]
    assert data["ranges"]["rows"][1][5] == pytest.approx(100.0 * answer.expected_pnl.value, rel=1e-5)
    assert len(data["ranges"]["rows"]) == 4
    median = next(line for line in data["fan"]["sheets"][0]["series"] if line["name"] == "median")
    assert answer.fan is not None
    assert median["y"] == pytest.approx(100.0 * answer.fan.pnl[answer.fan.levels.index(0.5)], rel=1e-4, abs=1e-2)


def test_the_payoff_shows_spot_break_evens_and_densities(pop: str, pop_view: sample.PopView) -> None:
    part = data_of(pop)["payoff"]["sheets"][0]
    assert [one["name"] for one in part["marks"]] == ["spot 2,864.36", "break-even 2,753.41"]
    below = [line for line in part["series"] if line.get("panel") == 1]
    assert [line["name"] for line in below] == ["density, Black-Scholes", "density, Black-Scholes, your drift"]
    assert below[0]["dash"] != below[1]["dash"]
    assert min(below[0]["x"]) >= pop_view.spot[0]
    assert max(part["series"][0]["y"]) == pytest.approx(100.0 * pop_view.terms.profit_max, rel=1e-5)


def test_a_page_without_answers_or_models(pop_view: sample.PopView) -> None:
    bare = PopModel("Heston", "risk-neutral", "Volatility moves.", (), why="no surface")
    empty = np.empty(0)
    page = _without_library(
        render_pop(replace(pop_view, models=(bare,), spot=empty, pnl_expiry=empty, pnl_today=empty))
    )
    assert "No model has an answer no surface" in text_of(page)
    assert data_of(page) == {}
    assert "No model was asked." in render_pop(replace(pop_view, models=()))


# ------------------------------------------------------------------------------------------------------------ structure


@pytest.fixture(scope="module")
def structure() -> str:
    return _without_library(render_structure(sample.structure_view()))


def test_the_structure_tells_entry_bounds_and_margin(structure: str) -> None:
    text = text_of(structure)
    for told in (
        "Bull put spread, entered for a credit of 660 USD",
        "No fall below the sold strike; the bought put bounds the loss.",
        "Largest gain 659 USD 6.59 a unit",
        "Largest loss 4,341 USD 43.41 a unit",
        "Break-even at expiry 2,753.41 −3.9 % from the spot",
        "Sell 1 put 2,760 2019-06-21, settled at the open 31 days 26.10 26.90 16.8 %",
        "spread at its largest intrinsic loss",
        "a short underlying is not covered by these rules",
    ):
        assert told in text
    assert "6,950 USD 69.50 9.5 %" in row_of(structure, "Strategy rules (Regulation T)")
    assert row_of(structure, "Short underlying").count("—") == 3


def test_the_payoff_is_drawn_at_every_time_of_one_structure(structure: str) -> None:
    view, data = sample.structure_view(), data_of(structure)
    lines = {line["name"]: line for line in data["payoff"]["sheets"][0]["series"]}
    assert list(lines) == ["at the nearest expiry", "after 24 days", "after 16 days", "after 8 days", "today"]
    assert lines["today"]["y"] == pytest.approx(100.0 * view.pnl[0], rel=1e-4, abs=1e-2)
    assert lines["at the nearest expiry"]["y"] == pytest.approx(100.0 * view.pnl[-1], rel=1e-4, abs=1e-2)
    assert lines["at the nearest expiry"]["fill"] == "sign"


def test_each_greek_has_its_sheet_and_its_unit(structure: str) -> None:
    view, sheets = sample.structure_view(), data_of(structure)["greeks"]["sheets"]
    assert [part["name"] for part in sheets] == ["delta", "gamma", "vega", "theta", "rho"]
    assert sheets[2]["y"]["title"] == "vega, USD per percentage point of volatility"
    today = next(line for line in sheets[3]["series"] if line["name"] == "today")
    assert today["y"] == pytest.approx(100.0 * view.greeks["theta"][0], rel=1e-4, abs=1e-4)
    told = f"{100 * view.greeks_now['theta']:+.2f}"
    assert f"Theta {told} USD per calendar day" in text_of(structure)


def test_a_structure_of_which_little_is_known() -> None:
    view = sample.structure_view()
    terms = replace(
        view.terms,
        profit_max=math.inf,
        loss_max=math.nan,
        break_evens=(),
        entry_natural=math.nan,
        bounds_why="no quote",
    )
    none = np.empty((0, 0))
    page = _without_library(
        render_structure(replace(view, terms=terms, pnl=none, greeks={}, greeks_now={}, margins=()))
    )
    text = text_of(page)
    for told in (
        "which cannot be entered", "Largest gain no bound", "Largest loss — no quote", "Break-even at expiry none",
        "No greeks were worked out.", "No margin was worked out.",
    ):  # fmt: skip
        assert told in text
    assert data_of(page) == {}


# --------------------------------------------------------------------------------------------------------------- safety


def _poisoned(value: Any) -> Any:
    """The same record with every text in it replaced by an attack."""
    if isinstance(value, str):
        return EVIL if value else value
    if isinstance(value, tuple):
        return tuple(_poisoned(one) for one in value)
    if hasattr(value, "__dataclass_fields__"):
        names = value.__dataclass_fields__
        return type(value)(**{name: _poisoned(getattr(value, name)) for name in names})
    return value


@pytest.mark.parametrize(
    ("render", "make"),
    [
        (render_smile, sample.smile_view),
        (render_surface, sample.surface_view),
        (render_anomalies, sample.anomaly_view),
        (render_pop, lambda: sample.pop_view(paths=100)),
        (render_structure, sample.structure_view),
    ],
)
def test_what_comes_from_outside_is_text(render: Callable[[Any], str], make: Callable[[], Any]) -> None:
    page = _without_library(render(_poisoned(make())))
    read = Page(page)
    assert read.open == []
    assert "img" not in {tag for tag, _ in read.tags}
    assert not [a for _, a in read.tags if "onerror" in a]
    assert page.count("</script>") == 3
    assert EVIL not in page
    # The chart library reads tags in names and labels, so data hold them escaped too.
    assert "<img" not in json.dumps(data_of(page))
