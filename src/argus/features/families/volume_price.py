"""Volume by price: what was paid on average, and at which prices most was traded, of the session or the last rows."""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, real, whole
from argus.features.graph import Node, Term, input_column, node
from argus.features.inputs import CLOSE, VOLUME

__all__ = ["DECLARED"]

_WINDOW_NAN: Final = "A missing price or volume makes every output NaN whose window holds it."
_NOTHING_TRADED: Final = "NaN where nothing was traded in the window."
_TYPICAL: Final = "p = (high + low + close) / 3"
_SESSION: Final = input_column("session")


def _n(values: Values) -> int:
    return int(values["n"])


def _rows(default: int, low: int = 1, why: str = "Rows in the window.") -> Parameter:
    return whole("n", default, low, 100_000, why)


def _session_average() -> Node:
    return node("volume.session_average", w.typical_price(), VOLUME, _SESSION)


def _vwap(n: int) -> Node:
    return w.weighted_mean(w.typical_price(), VOLUME, n)


def _from(average: Node) -> Node:
    return w.gap_share(CLOSE, average, average)


def _vwap_z(n: int) -> Node:
    return w.gap_share(CLOSE, _vwap(n), w.weighted_deviation(w.typical_price(), VOLUME, n))


def _width(values: Values) -> float:
    return float(values["bin"]) / 10_000.0


def _in_session(values: Values, output: int) -> Term:
    args = (_width(values), float(values["share"]))
    return node("profile.session_profile", w.typical_price(), CLOSE, VOLUME, _SESSION, args=args, output=output)


def _in_window(values: Values, output: int) -> Term:
    n, price = _n(values), w.log(w.typical_price())
    args = (_width(values), float(values["share"]), n)
    traded = node("profile.traded", price, VOLUME)
    top, bottom = w.highest(traded, n), w.lowest(traded.out(1), n)
    profile = node("profile.window_profile", price, VOLUME, top, bottom, args=args)
    return w.log(CLOSE) - profile.out(output)


_BIN: Final = real("bin", 5.0, 0.1, 1_000.0, "Width of a bin of prices, in hundredths of a percent.")
_SHARE: Final = real("share", 0.7, 0.01, 1.0, "Share of the volume that the value area holds at least.")
_PROFILE: Final = (
    "the volume of a bar is put in bin floor(ln(p) / width), width = bin / 10000, p = (high + low + close) / 3; POC is "
    "the middle of the bin with most volume (the lowest of equals); the value area starts there and takes in whichever "
    "next bin has more volume, above or below (of equals the lower one), until it holds `share` of all or every bin "
    "between the lowest and the highest in which anything was traded; its edges are those of its outermost bins"
)
_PROFILE_SOURCE: Final = (
    "Steidlmayer, Koy (1986), Markets and Market Logic; volume in place of half-hours, bins as given"
)
_PROFILE_NAN: Final = (
    "A row with a missing price or volume, or a p not above zero, gives NaN and is skipped. NaN as long as no row of "
    "the session so far had volume above zero (a row without volume after one with some has a value), where the close "
    "is not above zero, and where the lowest and the highest bin with volume are 512 or more apart."
)
_ROLLING_NAN: Final = (
    "A missing price, or a p not above zero, makes every output NaN whose window holds it; a missing volume counts as "
    "none. NaN where no row of the window had volume above zero, where the close is not above zero, and where the "
    "lowest and the highest bin with volume are 512 or more apart."
)
_PROFILE_DOUBT: Final = (
    "Bars are put at one price, which blurs it for long bars. Prices 512 bins apart have no profile: take a wider bin."
)

DECLARED: Final = (
    Feature(
        name="turnover",
        family="volume",
        meaning="Money that changes hands in a row, on average: what the market can take.",
        own_parameters=(_rows(20),),
        warmup=_n,
        build=lambda values: w.repaired_mean(CLOSE * VOLUME, _n(values)),
        formula="mean(close volume) over the last n rows",
        source="definition",
        unit="price times units traded",
        price_degree=1.0,
        volume_degree=1.0,
        nan_policy=_WINDOW_NAN,
    ),
    Feature(
        name="session_volume",
        family="volume",
        meaning="What was traded in the session so far.",
        warmup=lambda values: 1,
        build=lambda values: _session_average(),
        formula="sum(volume) over the rows of the session so far that have high, low and close",
        source="definition",
        unit="units traded",
        volume_degree=1.0,
        low=0.0,
        nan_policy="NaN where price or volume is missing (the row is skipped), or nothing was traded in the "
        "session yet.",
    ),
    Feature(
        name="session_vwap",
        family="volume",
        meaning="Average price of the session so far, each price weighing as was traded at it.",
        warmup=lambda values: 1,
        build=lambda values: _session_average().out(1),
        formula=f"sum(p volume) / sum(volume) over the rows of the session so far; {_TYPICAL}",
        source="Berkowitz, Logue, Noser (1988), The total cost of transactions on the NYSE, Journal of Finance 43(1)",
        unit="price",
        price_degree=1.0,
        nan_policy="NaN where price or volume is missing (the row is skipped), or nothing was traded in the "
        "session yet.",
    ),
    Feature(
        name="session_vwap_distance",
        family="volume",
        meaning="How far the price is from what the session's buyers paid on average.",
        warmup=lambda values: 1,
        build=lambda values: _from(_session_average().out(1)),
        formula="close / session_vwap - 1",
        source="definition",
        unit="share of the average price",
        nan_policy="NaN where price or volume is missing (the row is skipped), or nothing was traded in the "
        "session yet, or the average is not above zero.",
    ),
    Feature(
        name="session_vwap_z",
        family="volume",
        meaning="Distance from the session's average price, in deviations of the volume about it.",
        warmup=lambda values: 2,
        build=lambda values: w.gap_share(CLOSE, _session_average().out(1), _session_average().out(2)),
        formula="(close - v) / sqrt(sum(volume (p - v)^2) / sum(volume)), v = session_vwap, over the rows of the "
        f"session so far; {_TYPICAL}",
        source="definition (the bands about a VWAP)",
        unit="volume-weighted standard deviations",
        distrust="Wild in the first rows of a session, when the deviation is that of two or three bars.",
        nan_policy="Sparse: NaN where price or volume is missing, and while all p of the session that had volume "
        "are equal.",
    ),
    Feature(
        name="vwap",
        family="volume",
        meaning="Average price of the last rows, each price weighing as was traded at it.",
        own_parameters=(_rows(20),),
        warmup=_n,
        build=lambda values: _vwap(_n(values)),
        formula=f"sum(p volume) / sum(volume) over the last n rows; {_TYPICAL}",
        source="Berkowitz, Logue, Noser (1988), The total cost of transactions on the NYSE, Journal of Finance 43(1)",
        unit="price",
        price_degree=1.0,
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED}",
    ),
    Feature(
        name="vwap_distance",
        family="volume",
        meaning="How far the price is from what recent buyers paid on average.",
        own_parameters=(_rows(20),),
        warmup=_n,
        build=lambda values: _from(_vwap(_n(values))),
        formula="close / vwap(n) - 1",
        source="definition",
        unit="share of the average price",
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED} NaN where the average is not above zero.",
    ),
    Feature(
        name="vwap_z",
        family="volume",
        meaning="Distance from the recent average price, in deviations of the volume about it.",
        own_parameters=(_rows(20, 2),),
        warmup=_n,
        build=lambda values: _vwap_z(_n(values)),
        formula="(close - v) / sqrt(sum(volume (p - v)^2) / sum(volume)), v = vwap(n), over the last n rows; "
        f"{_TYPICAL}",
        source="definition (the bands about a VWAP)",
        unit="volume-weighted standard deviations",
        nan_policy=f"{_WINDOW_NAN} {_NOTHING_TRADED} NaN where all p that had volume are equal.",
    ),
    Feature(
        name="poc_distance",
        family="volume",
        meaning="How far the close is from the price at which most was traded, in the session so far.",
        own_parameters=(_BIN, _SHARE),
        warmup=lambda values: 1,
        build=lambda values: _in_session(values, 0),
        formula=f"ln(close) - ln(POC); in the session so far, this row among it, {_PROFILE}",
        source=_PROFILE_SOURCE,
        unit="log distance",
        price_degree=None,
        distrust=_PROFILE_DOUBT,
        nan_policy=_PROFILE_NAN,
    ),
    Feature(
        name="value_area_low_distance",
        family="volume",
        meaning="How far the close is from the lower edge of the prices at which most of the trading took place, "
        "in the session so far.",
        own_parameters=(_BIN, _SHARE),
        warmup=lambda values: 1,
        build=lambda values: _in_session(values, 1),
        formula=f"ln(close) - ln(lower edge of the value area); in the session so far, this row among it, {_PROFILE}",
        source=_PROFILE_SOURCE,
        unit="log distance",
        price_degree=None,
        distrust=_PROFILE_DOUBT,
        nan_policy=_PROFILE_NAN,
    ),
    Feature(
        name="value_area_high_distance",
        family="volume",
        meaning="How far the close is from the upper edge of the prices at which most of the trading took place, "
        "in the session so far.",
        own_parameters=(_BIN, _SHARE),
        warmup=lambda values: 1,
        build=lambda values: _in_session(values, 2),
        formula=f"ln(close) - ln(upper edge of the value area); in the session so far, this row among it, {_PROFILE}",
        source=_PROFILE_SOURCE,
        unit="log distance",
        price_degree=None,
        distrust=_PROFILE_DOUBT,
        nan_policy=_PROFILE_NAN,
    ),
    Feature(
        name="rolling_poc_distance",
        family="volume",
        meaning="How far the close is from the price at which most was traded, over the last rows.",
        own_parameters=(_rows(390), _BIN, _SHARE),
        warmup=_n,
        build=lambda values: _in_window(values, 0),
        formula=f"ln(close) - ln(POC); over the last n rows, {_PROFILE}",
        source=_PROFILE_SOURCE,
        unit="log distance",
        price_degree=None,
        distrust=_PROFILE_DOUBT,
        nan_policy=_ROLLING_NAN,
    ),
    Feature(
        name="rolling_value_area_low_distance",
        family="volume",
        meaning="How far the close is from the lower edge of the prices at which most of the trading took place, "
        "over the last rows.",
        own_parameters=(_rows(390), _BIN, _SHARE),
        warmup=_n,
        build=lambda values: _in_window(values, 1),
        formula=f"ln(close) - ln(lower edge of the value area); over the last n rows, {_PROFILE}",
        source=_PROFILE_SOURCE,
        unit="log distance",
        price_degree=None,
        distrust=_PROFILE_DOUBT,
        nan_policy=_ROLLING_NAN,
    ),
    Feature(
        name="rolling_value_area_high_distance",
        family="volume",
        meaning="How far the close is from the upper edge of the prices at which most of the trading took place, "
        "over the last rows.",
        own_parameters=(_rows(390), _BIN, _SHARE),
        warmup=_n,
        build=lambda values: _in_window(values, 2),
        formula=f"ln(close) - ln(upper edge of the value area); over the last n rows, {_PROFILE}",
        source=_PROFILE_SOURCE,
        unit="log distance",
        price_degree=None,
        distrust=_PROFILE_DOUBT,
        nan_policy=_ROLLING_NAN,
    ),
)
"""Features of volume by price."""
