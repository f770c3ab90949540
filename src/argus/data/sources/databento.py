"""Databento DBN files: OHLCV schemas to columns of bars, trades and definitions to tables, top-of-book to quotes.

DBN prices are integers of 1e-9; ``ts_event`` of an OHLCV record is the start of its bar
(https://databento.com/docs/schemas-and-data-formats/ohlcv). Daily OHLCV records cover UTC days, which cut through the
sessions of most futures, and are refused. A market-by-order file gives its trades; its book is not rebuilt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, Quotes
from argus.core.errors import ImportFailed, MissingExtraError
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND, day_number
from argus.data.raw import SourceTable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DbnSource", "read_definitions", "read_quotes", "read_top", "read_trades"]

_INTERVALS: Final = {"ohlcv-1s": NS_PER_SECOND, "ohlcv-1m": NS_PER_MINUTE, "ohlcv-1h": NS_PER_HOUR}
_PRICE_SCALE: Final = 1e9
_NO_PRICE: Final = np.iinfo(np.int64).max
_TRADED: Final = ("trades", "mbo", "tbbo", "mbp-1")
_TOPPED: Final = ("mbp-1", "tbbo", "cmbp-1")
_SAMPLED: Final = ("bbo-1s", "bbo-1m", "cbbo-1s", "cbbo-1m")
_SIDES: Final = {b"B": "buy", b"A": "sell"}


class DbnSource:
    """A DBN file of an OHLCV or top-of-book schema, opened.

    Its columns are ``ts_event`` (UTC nanoseconds), ``symbol`` and ``instrument_id``; of bars ``open``, ``high``,
    ``low``, ``close`` and ``volume``; of quotes ``ts_recv``, ``bid_px_00``, ``ask_px_00``, ``bid_sz_00`` and
    ``ask_sz_00``, NaN where a side is empty.

    Raises
    ------
    ImportFailed
        If the file is damaged, empty, or of another schema.
    MissingExtraError
        If the databento library is not installed.
    """

    hint = ""

    def __init__(self, path: Path, content: bytes) -> None:
        import polars as pl

        self.name = path.name
        self.sha256 = hashlib.sha256(content).hexdigest()
        store, schema, records = _records(path.name, content)
        if schema not in _INTERVALS and schema not in _TOPPED:
            why = "its bars are UTC days, not sessions: take ohlcv-1h or ohlcv-1m" if "ohlcv" in schema else "no bars"
            raise ImportFailed(f"{path.name} is of schema {schema}: {why}; one of {', '.join(_INTERVALS)} is needed")
        self.interval_ns: int | None = _INTERVALS.get(schema)
        observed = _top(records) if schema in _TOPPED else _bar(records)
        self._frame = pl.DataFrame(
            {
                "ts_event": records["ts_event"].astype(np.int64),
                "symbol": _symbols(store, records),
                "instrument_id": records["instrument_id"].astype(np.int64),
                **observed,
            }
        )
        self.names: tuple[str, ...] = tuple(self._frame.columns)

    def table(self, columns: Sequence[str]) -> SourceTable:
        """The named columns.

        Raises
        ------
        ImportFailed
            If the file holds several instruments and no column is asked for that could tell them apart.
        """
        from argus.data.sources.parquet import row_json

        several = self._frame["symbol"].unique().sort().to_list()
        if len(several) > 1 and not {"symbol", "instrument_id"} & set(columns):
            raise ImportFailed(
                f"{self.name} holds {len(several)} instruments ({', '.join(several[:10])}); state which one to read: "
                f"where={{'symbol': {several[0]!r}}}"
            )
        return SourceTable(
            name=self.name,
            sha256=self.sha256,
            frame=self._frame.select(list(dict.fromkeys(columns))),
            source_line=np.arange(1, self._frame.height + 1, dtype=np.int64),
            original=lambda row: row_json(self._frame, row),
        )


def read_definitions(path: Path) -> pl.DataFrame:
    """Instrument definitions as a table, times in UTC nanoseconds and prices as float64 (NaN where undefined).

    Raises
    ------
    ImportFailed
        If the file is damaged or of another schema.
    """
    import polars as pl

    _, schema, records = _records(path.name, _content(path))
    if schema != "definition":
        raise ImportFailed(f"{path.name} is of schema {schema}; 'definition' is needed")
    columns: dict[str, Any] = {
        "instrument_id": records["instrument_id"].astype(np.int64),
        "ts_recv_ns": records["ts_recv"].astype(np.int64),
        "activation_ns": _times(records["activation"]),
        "expiration_ns": _times(records["expiration"]),
    }
    for name in ("raw_symbol", "underlying", "asset", "exchange", "currency", "instrument_class", "cfi"):
        columns[name] = [text.decode() for text in records[name].tolist()]
    for name in ("strike_price", "min_price_increment", "unit_of_measure_qty"):
        columns[name] = _prices(records[name])
    return pl.DataFrame(columns)


def read_trades(path: Path) -> pl.DataFrame:
    """Trades of a trades, market-by-order or top-of-book file: the `trade` layout with the symbol.

    Columns are ``symbol``, ``ts_event_ns``, ``ts_recv_ns``, ``price``, ``size``, ``aggressor`` (``buy``, ``sell`` or
    null), in the order in which they could be known.

    Raises
    ------
    ImportFailed
        If the file is damaged or of a schema without trades.
    """
    import polars as pl

    store, schema, records = _records(path.name, _content(path))
    if schema not in _TRADED:
        raise ImportFailed(f"{path.name} is of schema {schema}; one of {', '.join(_TRADED)} is needed")
    records = records[records["action"] == b"T"]
    frame = pl.DataFrame(
        {
            "symbol": _symbols(store, records),
            "ts_event_ns": records["ts_event"].astype(np.int64),
            "ts_recv_ns": records["ts_recv"].astype(np.int64),
            "price": _prices(records["price"]),
            "size": records["size"].astype(np.float64),
            "aggressor": [_SIDES.get(side) for side in records["side"].tolist()],
        },
        schema_overrides={"aggressor": pl.String},
    )
    return frame.sort("ts_recv_ns", maintain_order=True)


def read_quotes(path: Path, symbol: str, instrument: str) -> Quotes:
    """Top-of-book quotes of one symbol in a file that carries them (mbp-1, tbbo, cmbp-1).

    Raises
    ------
    ImportFailed
        If the file is damaged, of a schema without quotes, or does not hold the symbol.
    """
    store, schema, records = _records(path.name, _content(path))
    if schema not in _TOPPED:
        raise ImportFailed(
            f"{path.name} is of schema {schema}; one of {', '.join(_TOPPED)} is needed: a book is not rebuilt from its "
            "orders"
        )
    symbols = np.asarray(_symbols(store, records))
    records = records[symbols == symbol]
    if not len(records):
        raise ImportFailed(f"{path.name} holds no {symbol!r}; it holds {', '.join(sorted(set(symbols.tolist())))}")
    records = records[np.argsort(records["ts_recv"], kind="stable")]
    return Quotes(
        instrument=instrument,
        ts_event_ns=records["ts_event"].astype(np.int64),
        ts_recv_ns=records["ts_recv"].astype(np.int64),
        bid=_prices(records["bid_px_00"]),
        ask=_prices(records["ask_px_00"]),
        bid_size=records["bid_sz_00"].astype(np.float64),
        ask_size=records["ask_sz_00"].astype(np.float64),
    )


def read_top(path: Path) -> tuple[pl.DataFrame, str]:
    """Top-of-book records of all instruments of a file, in the order in which they could be known, and its hash.

    Columns are ``line`` (its place in the file), ``instrument_id``, ``ts_event_ns``, ``ts_recv_ns``, ``bid``, ``ask``,
    ``bid_size`` and ``ask_size``; NaN where a side is empty. A record sampled once a second or a minute is a quote of
    that instant.

    Raises
    ------
    ImportFailed
        If the file is damaged, of a schema without quotes, or holds the books of several venues.
    """
    import polars as pl

    content = _content(path)
    _, schema, records = _records(path.name, content)
    if schema not in (*_TOPPED, *_SAMPLED):
        raise ImportFailed(f"{path.name} is of schema {schema}; one of {', '.join((*_TOPPED, *_SAMPLED))} is needed")
    if not schema.startswith("c") and len(set(records["publisher_id"].tolist())) > 1:
        raise ImportFailed(f"{path.name} holds the books of several venues; take their consolidated one (c{schema})")
    known = records["ts_recv"].astype(np.int64)
    frame = pl.DataFrame(
        {
            "line": np.arange(1, len(records) + 1, dtype=np.int64),
            "instrument_id": records["instrument_id"].astype(np.int64),
            "ts_event_ns": known if schema in _SAMPLED else records["ts_event"].astype(np.int64),
            "ts_recv_ns": known,
            "bid": _prices(records["bid_px_00"]),
            "ask": _prices(records["ask_px_00"]),
            "bid_size": records["bid_sz_00"].astype(np.float64),
            "ask_size": records["ask_sz_00"].astype(np.float64),
        }
    )
    return frame.sort("ts_recv_ns", maintain_order=True), hashlib.sha256(content).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from None


def _records(name: str, content: bytes) -> tuple[Any, str, NDArray[np.void]]:
    """The opened store, its schema and its records."""
    try:
        import databento
    except ImportError:
        raise MissingExtraError("databento", "databento") from None
    if not content:
        raise ImportFailed(f"{name} is empty (0 bytes); deliver the file again")
    try:
        store = databento.DBNStore.from_bytes(content)
        schema = str(store.schema)
        records = store.to_ndarray(schema=schema)
    except Exception as error:  # noqa: BLE001 - the library raises bare exceptions of several kinds on damaged bytes
        raise ImportFailed(f"{name} is not a sound DBN file: {error}; deliver it again") from None
    if not len(records):
        raise ImportFailed(f"{name} holds no records; deliver the file again")
    return store, schema, records


def _bar(records: NDArray[np.void]) -> dict[str, Any]:
    prices = {name: _prices(records[name]) for name in ("open", "high", "low", "close")}
    return {**prices, "volume": records["volume"].astype(np.float64)}


def _top(records: NDArray[np.void]) -> dict[str, Any]:
    sizes = {name: records[name].astype(np.float64) for name in ("bid_sz_00", "ask_sz_00")}
    prices = {name: _prices(records[name]) for name in ("bid_px_00", "ask_px_00")}
    return {"ts_recv": records["ts_recv"].astype(np.int64), **prices, **sizes}


def _prices(fixed: NDArray[Any]) -> F64_1D:
    """Integers of 1e-9 as the nearest float64; NaN where undefined."""
    values: F64_1D = np.where(fixed == _NO_PRICE, np.nan, fixed / _PRICE_SCALE)
    return values


def _times(stamps: NDArray[Any]) -> NDArray[np.int64]:
    """Unsigned stamps as int64; -1 where undefined."""
    undefined = stamps == np.iinfo(np.uint64).max
    values: NDArray[np.int64] = np.where(undefined, np.uint64(0), stamps).astype(np.int64)
    values[undefined] = -1
    return values


def _symbols(store: Any, records: NDArray[np.void]) -> list[str]:
    """The symbol of each record by the file's own mappings, dated; the instrument id as text where it has none."""
    ids, inverse = np.unique(records["instrument_id"], return_inverse=True)
    texts = [str(number) for number in ids.tolist()]
    names = np.asarray(texts, dtype=np.object_)[inverse]
    if not len(records) or "ts_event" not in (records.dtype.names or ()):
        return [str(name) for name in names.tolist()]
    days = records["ts_event"].astype(np.int64) // NS_PER_DAY
    for symbol, intervals in store.mappings.items():
        for interval in intervals:
            if interval["symbol"] not in texts:
                continue
            first, last = day_number(interval["start_date"]), day_number(interval["end_date"])
            names[(inverse == texts.index(interval["symbol"])) & (days >= first) & (days < last)] = symbol
    return [str(name) for name in names.tolist()]
