"""Volume: how much was traded, at which prices, and on which side of the market.

Sums that run since the first row depend on where the data begin; beside each stands a form over the last rows.
"""

from __future__ import annotations

import math
from typing import Final

from argus.core.strategy import FeatureRef, Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, input_column, node
from argus.features.inputs import CLOSE, HIGH, LOW, VOLUME

__all__ = ["COLUMNS", "DECLARED"]

_WINDOW_NAN: Final = "A missing price or volume makes every output NaN whose window holds it."
_SKIPPED: Final = "A row with a missing price or volume gives NaN and is skipped."
_CHANGE_SKIPPED: Final = (
    "A row with a missing price or volume, or after a row without a price, gives NaN and is skipped."
)
_INDEX_SKIPPED: Final = (
    "A row with a missing price or volume gives NaN; no move from or to it counts, nor one from or to a price that is "
    "not above zero."
)
_NOTHING_TRADED: Final = "NaN where nothing was traded in the window."
_SINCE_START: Final = "Its level depends on where the data begin; only its changes tell something."
_TYPICAL: Final = "p = (high + low + close) / 3"
_SIDE: Final = "s = 1, 0 or -1 as the close is above, at or below that of the row before"
_SESSION: Final = input_column("session")


def _n(values: Values) -> int:
    return int(values["n"])


def _rows(default: int, low: int = 1, why: str = "Rows in the window.") -> Parameter:
    return whole("n", default, low, 100_000, why)


def _directed() -> Node:
    """Volume with the sign of the close's change; as second output the volume of rows that have such a sign."""
    return node("volume.directed", CLOSE, VOLUME)


def _close_location() -> Node:
    return node("volume.close_location", HIGH, LOW, CLOSE)


def _running(x: Term) -> Node:
    return node("volume.running_total", x)


def _accumulated() -> Node:
    return _running(_close_location() * VOLUME)


def _money_flow(n: int) -> Node:
    price = w.typical_price()
    flow = node("volume.directed", price, w.absolute(price) * VOLUME)
    return 100.0 * w.ratio_of_totals(w.clip(flow, 0.0, math.inf), w.absolute(flow), n)


def _up_share(n: int) -> Node:
    return w.ratio_of_totals(w.clip(_directed(), 0.0, math.inf), w.absolute(_directed()), n)


def _ease(n: int) -> Node:
    return w.mean(node("volume.ease", w.change((HIGH + LOW) / 2.0, 1), HIGH - LOW, VOLUME), n)


def _relative_volume(values: Values) -> Node:
    sessions = int(values["sessions"])
    usual = node(
        "volume.usual_volume", VOLUME, input_column("start_s"), input_column("session_open_s"), _SESSION,
        args=(int(values["minutes"]), sessions, min(5, sessions)),
    )  # fmt: skip
    return VOLUME / usual


def _indices(output: int) -> Node:
    return node("volume.volume_indices", CLOSE, VOLUME, args=(1000.0,), output=output)


def _oscillator(fast: int, slow: int) -> Node:
    return w.ema(VOLUME, fast) / w.ema(VOLUME, slow) * 100.0 - 100.0


_FAST: Final = "Span of the fast mean."
_SLOW: Final = "Span of the slow mean."

DECLARED: Final = (
    Feature(
        name="obv",
        family="volume",
        meaning="On-balance volume: what was traded on rises less what was traded on falls, since the data begin.",
        warmup=lambda values: 2,
        build=lambda values: _running(_directed()),
        formula=f"sum of s volume over all rows from the second on; {_SIDE}",
        source="Granville (1963), New Key to Stock Market Profits",
        unit="units traded",
        volume_degree=1.0,
        distrust=_SINCE_START,
        nan_policy=_CHANGE_SKIPPED,
    ),
    Feature(
        name="obv_share",
        family="volume",
        meaning="Which side the recent volume was on: 1 all on rises, -1 all on falls.",
        own_parameters=(_rows(20),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.ratio_of_totals(_directed(), _directed().out(1), _n(values)),
        formula=f"sum(s volume) / sum(volume) over the last n rows; {_SIDE}",
        source="change of the on-balance volume of Granville (1963) over the volume",
        unit="share of the volume",
        low=-1.0,
        high=1.0,
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED}",
    ),
    Feature(
        name="up_volume_share",
        family="volume",
        meaning="Share of the volume of moving rows that came on rises; a half is balance.",
        own_parameters=(_rows(20),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _up_share(_n(values)),
        formula=f"sum(volume where s = 1) / sum(volume where s is not 0) over the last n rows; {_SIDE}",
        source="definition",
        unit="share of the volume of moving rows",
        low=0.0,
        high=1.0,
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED}",
    ),
    Feature(
        name="vzo",
        family="volume",
        meaning="Volume zone oscillator: which side smoothed volume is on, from -100 to 100.",
        own_parameters=(_rows(14, why="Span of both means."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: 100.0 * w.ema(_directed(), _n(values)) / w.ema(_directed().out(1), _n(values)),
        formula="100 * ema(s volume) / ema(volume), both of span n (as feature ema) over the rows from the "
        f"second on; {_SIDE}",
        source="Khalil, Steckler (2011), In the volume zone, Technical Analysis of Stocks and Commodities",
        unit="percent of the volume",
        low=-100.0,
        high=100.0,
        nan_policy=f"{_CHANGE_SKIPPED} NaN where nothing was traded.",
    ),
    Feature(
        name="clv",
        family="volume",
        meaning="Where in its range the bar closed: 1 at the high, -1 at the low.",
        warmup=lambda values: 1,
        build=lambda values: _close_location(),
        formula="((close - low) - (high - close)) / (high - low); 0 where high is low",
        source="Chaikin; as in the A/D line of TA-Lib, function AD",
        unit="share of the half range",
        low=-1.0,
        high=1.0,
        nan_policy="NaN where high, low or close is missing.",
    ),
    Feature(
        name="ad_line",
        family="volume",
        meaning="Accumulation and distribution: volume counted as bought or sold by where bars close.",
        warmup=lambda values: 1,
        build=lambda values: _accumulated(),
        formula="sum of clv volume over all rows so far",
        source="Chaikin; TA-Lib, function AD",
        unit="units traded",
        volume_degree=1.0,
        distrust=_SINCE_START,
        nan_policy=_SKIPPED,
    ),
    Feature(
        name="cmf",
        family="volume",
        meaning="Chaikin money flow: whether bars of much volume closed high (above 0) or low.",
        own_parameters=(_rows(20),),
        warmup=_n,
        build=lambda values: w.ratio_of_totals(_close_location() * VOLUME, VOLUME, _n(values)),
        formula="sum(clv volume) / sum(volume) over the last n rows",
        source="Chaikin; described in Achelis (2001), Technical Analysis from A to Z",
        unit="share of the volume",
        low=-1.0,
        high=1.0,
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED}",
    ),
    Feature(
        name="chaikin_oscillator",
        family="volume",
        meaning="Whether accumulation is gaining (above 0) or losing pace.",
        own_parameters=(whole("fast", 3, 1, 10_000, _FAST), whole("slow", 10, 1, 10_000, _SLOW)),
        warmup=lambda values: max(int(values["fast"]), int(values["slow"])),
        build=lambda values: w.ema(_accumulated(), int(values["fast"])) - w.ema(_accumulated(), int(values["slow"])),
        formula="ema(ad_line, fast) - ema(ad_line, slow), ema as the feature ema",
        source="Chaikin; TA-Lib, function ADOSC (whose means begin at the first value)",
        unit="units traded",
        volume_degree=1.0,
        nan_policy=_SKIPPED,
    ),
    Feature(
        name="mfi",
        family="volume",
        meaning="Money flow index: an RSI in which rows count by the money that changed hands.",
        own_parameters=(_rows(14),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _money_flow(_n(values)),
        formula="100 * sum(|p| volume where p rose) / sum(|p| volume where p rose or fell) over the last n rows; "
        f"{_TYPICAL}",
        source="Quong, Soudack (1989), Technical Analysis of Stocks and Commodities 7(3); TA-Lib, function MFI",
        unit="percent",
        low=0.0,
        high=100.0,
        nan_policy=f"{_WINDOW_NAN} NaN where no row of the window moved on volume.",
    ),
    Feature(
        name="force_index",
        family="volume",
        meaning="How hard the market pushes: the move of the close times the volume behind it, smoothed.",
        own_parameters=(_rows(13, why="Span of the mean."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.ema(w.change(CLOSE, 1) * VOLUME, _n(values)),
        formula="ema of (close[t] - close[t-1]) volume[t], of span n (as feature ema)",
        source="Elder (1993), Trading for a Living",
        unit="price times units traded",
        price_degree=1.0,
        volume_degree=1.0,
        nan_policy=_CHANGE_SKIPPED,
    ),
    Feature(
        name="ease_of_movement",
        family="volume",
        meaning="How far the price moves on little volume: large when it rises easily, negative when it falls easily.",
        own_parameters=(_rows(14),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _ease(_n(values)),
        formula="mean over the last n rows of (m[t] - m[t-1]) (high - low) / volume, m = (high + low) / 2; a row "
        "counts 0 where nothing was traded",
        source="Arms; described in Achelis (2001), Technical Analysis from A to Z",
        unit="squared price per unit traded",
        price_degree=2.0,
        volume_degree=-1.0,
        nan_policy=_WINDOW_NAN,
    ),
    Feature(
        name="price_volume_trend",
        family="volume",
        meaning="Volume counted by how far the price went on it, since the data begin.",
        warmup=lambda values: 2,
        build=lambda values: _running(w.growth(CLOSE, 1) * VOLUME),
        formula="sum of (close[t] / close[t-1] - 1) volume[t] over all rows from the second on",
        source="described in Achelis (2001), Technical Analysis from A to Z",
        unit="units traded times return",
        volume_degree=1.0,
        distrust=_SINCE_START,
        nan_policy="A row with a missing volume, or a missing, zero or negative price in it or before it, gives "
        "NaN and is skipped.",
    ),
    Feature(
        name="volume_weighted_return",
        family="volume",
        meaning="The mean return of the last rows, each weighing as was traded in it.",
        own_parameters=(_rows(20),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.weighted_mean(w.growth(CLOSE, 1), VOLUME, _n(values)),
        formula="sum((close[t] / close[t-1] - 1) volume[t]) / sum(volume[t]) over the last n rows",
        source="change of the price-volume trend over the volume",
        unit="return per row",
        low=-1.0,
        nan_policy=f"{_WINDOW_NAN} So does a price of zero or below. {_NOTHING_TRADED}",
    ),
    Feature(
        name="nvi",
        family="volume",
        meaning="Negative volume index: the price as if it moved only when volume falls.",
        warmup=lambda values: 1,
        build=lambda values: _indices(0),
        formula="1000 at first; times close[t] / close[t-1] in rows with volume[t] < volume[t-1]",
        source="Fosback (1976), Stock Market Logic",
        unit="index",
        low=0.0,
        distrust=_SINCE_START,
        nan_policy=_INDEX_SKIPPED,
    ),
    Feature(
        name="pvi",
        family="volume",
        meaning="Positive volume index: the price as if it moved only when volume rises.",
        warmup=lambda values: 1,
        build=lambda values: _indices(1),
        formula="1000 at first; times close[t] / close[t-1] in rows with volume[t] > volume[t-1]",
        source="Fosback (1976), Stock Market Logic",
        unit="index",
        low=0.0,
        distrust=_SINCE_START,
        nan_policy=_INDEX_SKIPPED,
    ),
    Feature(
        name="nvi_distance",
        family="volume",
        meaning="Where the negative volume index stands against its mean.",
        own_parameters=(_rows(255, why="Span of the mean."),),
        warmup=_n,
        build=lambda values: _indices(0) / w.ema(_indices(0), _n(values)) - 1.0,
        formula="nvi / ema(nvi, n) - 1, ema as the feature ema",
        source="Fosback (1976), Stock Market Logic (a mean of one year)",
        unit="share of the mean",
        low=-1.0,
        nan_policy=_INDEX_SKIPPED,
    ),
    Feature(
        name="pvi_distance",
        family="volume",
        meaning="Where the positive volume index stands against its mean.",
        own_parameters=(_rows(255, why="Span of the mean."),),
        warmup=_n,
        build=lambda values: _indices(1) / w.ema(_indices(1), _n(values)) - 1.0,
        formula="pvi / ema(pvi, n) - 1, ema as the feature ema",
        source="Fosback (1976), Stock Market Logic (a mean of one year)",
        unit="share of the mean",
        low=-1.0,
        nan_policy=_INDEX_SKIPPED,
    ),
    Feature(
        name="volume_ratio",
        family="volume",
        meaning="Volume of the row over the mean: 2 is twice the usual.",
        own_parameters=(_rows(20),),
        warmup=_n,
        build=lambda values: VOLUME / w.repaired_mean(VOLUME, _n(values)),
        formula="volume[t] / mean(volume) over the last n rows, this one among them",
        source="definition",
        unit="ratio",
        low=0.0,
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED}",
    ),
    Feature(
        name="volume_z",
        family="volume",
        meaning="How unusual the volume is, in standard deviations.",
        own_parameters=(_rows(20, 2),),
        warmup=_n,
        build=lambda values: w.zscore(VOLUME, _n(values)),
        formula="(volume[t] - mean) / std, both over the last n rows, std with divisor n - 1",
        source="definition",
        unit="sample standard deviations",
        nan_policy=f"{_WINDOW_NAN} NaN where all volumes of the window are equal.",
    ),
    Feature(
        name="pvo",
        family="volume",
        meaning="Percentage volume oscillator: whether volume has been growing.",
        own_parameters=(whole("fast", 12, 1, 10_000, _FAST), whole("slow", 26, 1, 10_000, _SLOW)),
        warmup=lambda values: max(int(values["fast"]), int(values["slow"])),
        build=lambda values: _oscillator(int(values["fast"]), int(values["slow"])),
        formula="100 * (ema(volume, fast) / ema(volume, slow) - 1), ema as the feature ema",
        source="Appel's percentage oscillator, of volume in place of price",
        unit="percent",
        low=-100.0,
        nan_policy="A row with a missing volume gives NaN and is skipped; NaN where nothing was traded.",
    ),
    Feature(
        name="relative_volume",
        family="volume",
        meaning="Volume of the bar against what is usual at this time of the session.",
        own_parameters=(
            whole("minutes", 5, 1, 1_440, "Minutes of a slot of the session."),
            whole("sessions", 20, 1, 10_000, "Sessions of the mean."),
        ),
        warmup=lambda values: min(5, int(values["sessions"])) + 1,
        build=_relative_volume,
        formula="volume / u, u the usual volume of a bar that begins in the same `minutes` after the session's "
        "opening: with x[k] the mean volume of such bars in the k-th earlier session that has any, u = mean of "
        "the first `sessions` x, then u + (x - u) / sessions; none before min(5, sessions) such sessions",
        source="definition",
        unit="ratio",
        low=0.0,
        nan_policy="Sparse: none until the slot of the session has been seen in five sessions; NaN where volume "
        "is missing or usually nothing is traded.",
    ),
    Feature(
        name="volume_return_correlation",
        family="volume",
        meaning="Whether volume comes with rises (above 0) or with falls.",
        own_parameters=(_rows(60, 2),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.correlation(w.log_growth(CLOSE, 1), VOLUME, _n(values)),
        formula="sample correlation of ln(close[t] / close[t-1]) with volume[t] over the last n rows",
        source="Karpoff (1987), The relation between price changes and trading volume, Journal of Financial and "
        "Quantitative Analysis 22(1)",
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy=f"{_WINDOW_NAN} So does a price of zero or below. NaN where either does not vary.",
    ),
    Feature(
        name="volume_range_correlation",
        family="volume",
        meaning="Whether volume comes with movement, as it usually does; a low value is a market out of its habits.",
        own_parameters=(_rows(60, 2),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.correlation(w.true_range(), VOLUME, _n(values)),
        formula="sample correlation of the true range with the volume over the last n rows",
        source="Karpoff (1987), The relation between price changes and trading volume, Journal of Financial and "
        "Quantitative Analysis 22(1)",
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy=f"{_WINDOW_NAN} NaN where either does not vary.",
    ),
)
"""Features of volume."""

COLUMNS: Final[tuple[FeatureRef, ...]] = (
    column("obv"),
    column("obv_share", n=20),
    column("obv_share", n=60),
    column("up_volume_share", n=20),
    column("clv"),
    column("cmf", n=20),
    column("chaikin_oscillator", fast=3, slow=10),
    column("mfi", n=14),
    column("force_index", n=13),
    column("ease_of_movement", n=14),
    column("volume_weighted_return", n=20),
    column("volume_return_correlation", n=60),
    column("volume_ratio", n=20),
    column("volume_z", n=20),
    column("volume_z", n=60),
    column("pvo", fast=12, slow=26),
    column("relative_volume", minutes=5, sessions=20),
    column("session_vwap_distance"),
    column("session_vwap_z"),
    column("vwap_distance", n=20),
    column("vwap_distance", n=60),
    column("vwap_z", n=60),
    column("poc_distance"),
    column("value_area_low_distance"),
    column("value_area_high_distance"),
)
"""Columns of the set `futures`."""
