"""Channels: the bands, clouds and ranges that a price moves in, and where it stands in them."""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, real
from argus.features.families.price import EMA, SKIPPED_NAN, WINDOW_NAN, row_count, rows
from argus.features.graph import Node, node
from argus.features.inputs import CLOSE, HIGH, LOW

__all__ = ["COLUMNS", "DECLARED"]

_RANGE_NAN: Final = "NaN where highest and lowest are equal."
_CHANNEL: Final = "L = min(low[t-n..t-1]), H = max(high[t-n..t-1]), without the row itself, so that a breakout shows"
_DONCHIAN: Final = "Richard Donchian's four-week rule, for n rows"
_TRUE_RANGE: Final = "TR = max(high, close[t-1]) - min(low, close[t-1])"
_KELTNER: Final = (
    "m = ema(n) of the close, a Wilder's mean of TR: plain over the first `atr`, then a + (TR - a) / atr; "
    f"{_TRUE_RANGE}; {EMA}"
)
_LEAST: Final = 1e-9
"""Half-width of a band, as a share of the price, below which the rounding of the price would show in the place."""
_ICHIMOKU: Final = "mid(n) = (max(high[t-n+1..t]) + min(low[t-n+1..t])) / 2"
_CLOUD: Final = (
    f"A = (mid(short) + mid(middle)) / 2 and B = mid(long), both of `shift` rows ago, which is where they are drawn "
    f"today; {_ICHIMOKU}"
)
_HOSODA: Final = "Goichi Hosoda, Ichimoku Kinko Hyo (late 1960s)"
_SHORT: Final = rows(9, "Rows of the conversion line.", name="short")
_MIDDLE: Final = rows(26, "Rows of the base line.", name="middle")
_LONG: Final = rows(52, "Rows of the second span.", name="long")
_SHIFT: Final = rows(26, "Rows by which the cloud is drawn ahead.", name="shift")


def _n(values: Values) -> int:
    return row_count(values)


def _before(values: Values) -> tuple[Node, Node]:
    n = _n(values)
    return w.lag(w.lowest(LOW, n), 1), w.lag(w.highest(HIGH, n), 1)


def _keltner(values: Values) -> tuple[Node, Node]:
    return w.ema(CLOSE, _n(values)), w.wilder(w.true_range(), row_count(values, "atr"))


def _keltner_position(values: Values) -> Node:
    middle, reach = _keltner(values)
    k = float(values["k"])
    return w.gap_share(CLOSE, middle, reach, 1.0 / k, _LEAST / k)


def _keltner_width(values: Values) -> Node:
    middle, reach = _keltner(values)
    return w.share(reach, middle, 2.0 * float(values["k"]))


def _keltner_warmup(values: Values) -> int:
    return max(_n(values), row_count(values, "atr") + 1)


def _middle(n: int) -> Node:
    return (w.highest(HIGH, n) + w.lowest(LOW, n)) * 0.5


def _mid(values: Values, name: str) -> Node:
    return _middle(row_count(values, name))


def _span_a(values: Values) -> Node:
    return w.lag((_mid(values, "short") + _mid(values, "middle")) * 0.5, row_count(values, "shift"))


def _span_b(values: Values) -> Node:
    return w.lag(_mid(values, "long"), row_count(values, "shift"))


def _cloud_warmup(values: Values) -> int:
    return max(row_count(values, name) for name in ("short", "middle", "long")) + row_count(values, "shift")


DECLARED: Final = (
    Feature(
        name="donchian_position",
        family="price",
        meaning="Where the close stands in the channel of the rows before: above 1 or below 0 it broke out.",
        own_parameters=(rows(20, "Rows of the channel."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.position(CLOSE, *_before(values)),
        formula=f"(close - L) / (H - L), {_CHANNEL}",
        source=_DONCHIAN,
        unit="share of the channel",
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN}",
    ),
    Feature(
        name="donchian_width",
        family="price",
        meaning="How wide the channel of the rows before is: narrow before breakouts.",
        own_parameters=(rows(20, "Rows of the channel."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.gap_share(_before(values)[1], _before(values)[0], CLOSE),
        formula=f"(H - L) / close, {_CHANNEL}",
        source=_DONCHIAN,
        unit="share of the close",
        low=0.0,
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="donchian_high_distance",
        family="price",
        meaning="How far the close is from the highest high of the rows before: above zero it is a breakout.",
        own_parameters=(rows(20, "Rows of the channel."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.gap_share(CLOSE, _before(values)[1], CLOSE),
        formula=f"(close - H) / close, {_CHANNEL}",
        source=_DONCHIAN,
        unit="share of the close",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="donchian_low_distance",
        family="price",
        meaning="How far the close is from the lowest low of the rows before: below zero it broke down.",
        own_parameters=(rows(20, "Rows of the channel."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.gap_share(CLOSE, _before(values)[0], CLOSE),
        formula=f"(close - L) / close, {_CHANNEL}",
        source=_DONCHIAN,
        unit="share of the close",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="keltner_position",
        family="price",
        meaning="Place between the Keltner bands: 1 at the upper, -1 at the lower, 0 in the middle.",
        own_parameters=(
            rows(20, "Span of the middle line."),
            rows(10, "Rows of the average true range.", name="atr"),
            real("k", 2.0, 0.01, 100.0, "Half-width in average true ranges."),
        ),
        warmup=_keltner_warmup,
        build=_keltner_position,
        formula=f"(close - m) / (k a), {_KELTNER}",
        source="Keltner (1960), How to Make Money in Commodities; with averages as Raschke uses them",
        unit="half-widths",
        nan_policy=f"{SKIPPED_NAN} NaN where k a is not above 1e-9 |close|, as before anything moved and in a long "
        "standstill, in which a fades to nothing.",
    ),
    Feature(
        name="keltner_width",
        family="price",
        meaning="Distance between the Keltner bands: how far the market swings, as a share of its price.",
        own_parameters=(
            rows(20, "Span of the middle line."),
            rows(10, "Rows of the average true range.", name="atr"),
            real("k", 2.0, 0.01, 100.0, "Half-width in average true ranges."),
        ),
        warmup=_keltner_warmup,
        build=_keltner_width,
        formula=f"2 k a / m, {_KELTNER}",
        source="Keltner (1960), How to Make Money in Commodities; with averages as Raschke uses them",
        unit="share of the middle line",
        low=0.0,
        nan_policy=f"{SKIPPED_NAN} NaN where the middle line is not above zero.",
    ),
    Feature(
        name="tenkan",
        family="price",
        meaning="Conversion line: the middle of the short range.",
        own_parameters=(rows(9, "Rows of the range."),),
        warmup=_n,
        build=lambda values: _middle(_n(values)),
        formula=_ICHIMOKU,
        source=_HOSODA,
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="kijun",
        family="price",
        meaning="Base line: the middle of the longer range, at which prices are said to rest.",
        own_parameters=(rows(26, "Rows of the range."),),
        warmup=_n,
        build=lambda values: _middle(_n(values)),
        formula=_ICHIMOKU,
        source=_HOSODA,
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="senkou_a",
        family="price",
        meaning="First edge of the cloud as it stands over today's bar.",
        own_parameters=(_SHORT, _MIDDLE, _SHIFT),
        warmup=lambda values: max(row_count(values, "short"), row_count(values, "middle")) + row_count(values, "shift"),
        build=_span_a,
        formula=f"(mid(short) + mid(middle)) / 2 of `shift` rows ago; {_ICHIMOKU}",
        source=_HOSODA,
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="senkou_b",
        family="price",
        meaning="Second edge of the cloud as it stands over today's bar.",
        own_parameters=(_LONG, _SHIFT),
        warmup=lambda values: row_count(values, "long") + row_count(values, "shift"),
        build=_span_b,
        formula=f"mid(long) of `shift` rows ago; {_ICHIMOKU}",
        source=_HOSODA,
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="tenkan_distance",
        family="price",
        meaning="How far the conversion line is above the base line: their crossing is the signal.",
        own_parameters=(_SHORT, _MIDDLE),
        warmup=lambda values: max(row_count(values, "short"), row_count(values, "middle")),
        build=lambda values: w.gap_share(_mid(values, "short"), _mid(values, "middle"), CLOSE),
        formula=f"(mid(short) - mid(middle)) / close; {_ICHIMOKU}",
        source=_HOSODA,
        unit="share of the close",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="kijun_distance",
        family="price",
        meaning="How far the close is from the base line.",
        own_parameters=(rows(26, "Rows of the range."),),
        warmup=_n,
        build=lambda values: w.gap_share(CLOSE, _middle(_n(values)), CLOSE),
        formula=f"(close - mid(n)) / close; {_ICHIMOKU}",
        source=_HOSODA,
        unit="share of the close",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="cloud_position",
        family="price",
        meaning="How far the close is above or below the cloud; 0 inside.",
        own_parameters=(_SHORT, _MIDDLE, _LONG, _SHIFT),
        warmup=_cloud_warmup,
        build=lambda values: node("price.outside", CLOSE, _span_a(values), _span_b(values)),
        formula=f"(close - max(A, B)) / close above it, (close - min(A, B)) / close below, else 0; {_CLOUD}",
        source=_HOSODA,
        unit="share of the close",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="cloud_width",
        family="price",
        meaning="How thick the cloud is: above zero where the first edge is on top, a rising market.",
        own_parameters=(_SHORT, _MIDDLE, _LONG, _SHIFT),
        warmup=_cloud_warmup,
        build=lambda values: w.gap_share(_span_a(values), _span_b(values), CLOSE),
        formula=f"(A - B) / close; {_CLOUD}",
        source=_HOSODA,
        unit="share of the close",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
)
"""Channels, bands and clouds."""

COLUMNS: Final = (
    column("donchian_position", n=60),
    column("donchian_width", n=240),
    column("keltner_position", n=20),
    column("kijun_distance", n=26),
    column("cloud_position"),
)
"""Columns of these features in the set ``futures``."""
