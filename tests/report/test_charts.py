"""The data of the charts are those of the record, only fewer and shorter."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from argus.core.time import NS_PER_MINUTE
from argus.report.charts import MARKERS_MAX, candidate_charts, to_script_json
from argus.report.sampling import POINTS_MAX
from tests.report.sample_evaluation import sample_evaluation, without_trades


def _times(steps: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.cumsum(np.array(steps, dtype=np.int64))


def test_equity_is_that_of_the_record_at_true_dates() -> None:
    evaluation, market = sample_evaluation()
    equity = candidate_charts(evaluation, market)["equity"]
    days = _times(equity["t"]) // 1_440
    assert len(days) <= POINTS_MAX
    rows = np.searchsorted(evaluation.curve.session, days)
    assert evaluation.curve.session[rows].tolist() == days.tolist()
    assert equity["equity"] == pytest.approx(evaluation.curve.equity[rows].tolist(), rel=1e-6)
    assert equity["hold"] == pytest.approx(evaluation.curve.hold_equity[rows].tolist(), rel=1e-6)


def test_the_deepest_fall_is_drawn() -> None:
    evaluation, market = sample_evaluation()
    falls = candidate_charts(evaluation, market)["drawdown"]["strategy"]
    assert min(falls) == pytest.approx(-100 * evaluation.curve.drawdown.max(), rel=1e-3)


def test_an_account_that_was_lost_has_no_logarithm() -> None:
    evaluation, market = sample_evaluation()
    assert candidate_charts(evaluation, market)["equity"]["log"] is True
    lost = evaluation.curve.equity.copy()
    lost[-1] = 0.0
    broken = replace(evaluation, curve=replace(evaluation.curve, equity=lost))
    assert candidate_charts(broken, market)["equity"]["log"] is False


def test_the_histogram_counts_every_closed_trade_and_splits_at_zero() -> None:
    evaluation, market = sample_evaluation()
    histogram = candidate_charts(evaluation, market)["histogram"]
    closed = evaluation.record.trades[evaluation.record.trades["is_open"] == 0]["net_micros"]
    assert sum(histogram["count"]) == len(closed)
    assert 0 in histogram["edge"]
    zero = histogram["edge"].index(0)
    assert sum(histogram["count"][:zero]) == int(np.count_nonzero(closed < 0))


def test_a_histogram_of_equal_results() -> None:
    evaluation, market = sample_evaluation(trades=5)
    trades = evaluation.record.trades.copy()
    trades["net_micros"] = 0
    record = replace(evaluation.record, trades=trades)
    histogram = candidate_charts(replace(evaluation, record=record), market)["histogram"]
    assert sum(histogram["count"]) == 4


def test_the_fan_ends_where_the_trades_did() -> None:
    evaluation, market = sample_evaluation()
    fan = candidate_charts(evaluation, market)["fan"]
    closed = evaluation.record.trades[evaluation.record.trades["is_open"] == 0]["net_micros"]
    assert fan["realised"][0] == 0
    assert fan["realised"][-1] == pytest.approx(float(closed.sum()) / 1e6, rel=1e-4)
    assert all(len(band) == len(fan["step"]) for band in fan["bands"])


def test_trades_stand_at_their_price_and_time() -> None:
    evaluation, market = sample_evaluation(trades=40)
    price = candidate_charts(evaluation, market)["price"]["ES"]
    trades = evaluation.record.trades
    assert price["id"] == list(range(40))
    assert _times(price["in"]).tolist() == (trades["entry_ts_ns"] // NS_PER_MINUTE).tolist()
    assert price["from"] == pytest.approx((trades["entry_ticks"] * 0.25).tolist())


def test_of_many_trades_the_largest_are_marked() -> None:
    evaluation, market = sample_evaluation(trades=900)
    price = candidate_charts(evaluation, market)["price"]["ES"]
    net = np.abs(evaluation.record.trades["net_micros"])
    assert len(price["id"]) == MARKERS_MAX
    assert price["trades"] == 900
    assert net[price["id"]].min() >= np.delete(net, price["id"]).max()


def test_without_the_market_no_price_is_drawn() -> None:
    evaluation, _ = sample_evaluation()
    assert "price" not in candidate_charts(evaluation, None)


def test_the_bridge_from_gross_to_net_adds_up_to_the_micro_unit() -> None:
    evaluation, market = sample_evaluation(trades=40)
    bridge = candidate_charts(evaluation, market)["bridge"]
    assert bridge["step"] == ["gross", "slippage", "commission", "exchange", "nfa", "net"]
    assert sum(bridge["micros"][:-1]) == bridge["micros"][-1]
    # 39 closed trades and an open one, two contracts a side: commission 0.85, exchange 1.38, association 0.02, and a
    # tick of 12.50 in every price.
    sides = 2 * (2 * 39 + 1)
    assert bridge["micros"][1:-1] == [-sides * each for each in (12_500_000, 850_000, 1_380_000, 20_000)]
    assert bridge["word"][0] == "Before costs"
    assert "bridge" not in candidate_charts(evaluation, None)


def test_nothing_traded_nothing_drawn() -> None:
    assert candidate_charts(*without_trades()) == {}


def test_json_cannot_end_its_script() -> None:
    text = to_script_json({"name": "</script><script>alert(1)</script>&"})
    assert "<" not in text
    assert "&" not in text
    assert json.loads(text)["name"].startswith("</script>")
