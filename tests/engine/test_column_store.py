"""A market in column files runs as the same market in memory does, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus.core.arrays import Bars
from argus.core.errors import DataError
from argus.core.instruments import instrument
from argus.core.strategy import FeatureRef
from argus.engine import mapped, replay
from argus.engine.column_store import ColumnMarket, write_columns
from tests.engine.markets import Scripted, digest, market_of, play, random_bars, restless

SYMBOLS = ("ES", "NQ", "CL")
SPECS = {symbol: instrument(symbol) for symbol in SYMBOLS}


def bars_of(symbol: str) -> Bars:
    return random_bars(len(symbol) + ord(symbol[0]), symbol, 400, per_session=8, volume=50.0)


def parts(bars: Bars, size: int) -> list[Bars]:
    return [bars.rows(at, min(at + size, len(bars))) for at in range(0, len(bars), size)]


def stored(folder: Path, size: int = 130) -> ColumnMarket:
    write_columns(folder, ((symbol, parts(bars_of(symbol), size)) for symbol in SYMBOLS))
    return ColumnMarket(folder, SPECS)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    market = stored(tmp_path / "columns")
    assert list(market) == list(SYMBOLS)
    for symbol in SYMBOLS:
        assert market[symbol][1].content_hash == bars_of(symbol).content_hash
        assert mapped.is_mapped(market[symbol][1].close)


@pytest.mark.parametrize("universe", [SYMBOLS, ("CL", "ES"), ("NQ",)])
def test_a_run_is_the_same_from_files_and_from_memory(
    tmp_path: Path, universe: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "LARGE_BYTES", 0)
    monkeypatch.setattr(replay, "_FORGET_ROWS", 10)
    monkeypatch.setattr(replay, "_KEPT_ROWS", 3)
    market = stored(tmp_path / "columns")
    in_memory = market_of(*(bars_of(symbol) for symbol in SYMBOLS))

    def strategy() -> Scripted:
        features = (FeatureRef("mean", "sma", universe[0], {"n": 5}),)
        return Scripted(universe, restless(5, universe), on_fill=lambda _fill, _view: (), features=features)

    one, other = play(strategy(), market), play(strategy(), in_memory)
    assert len(one.fills) > 50
    assert digest(one) == digest(other)


def test_nothing_is_left_behind_where_writing_fails(tmp_path: Path) -> None:
    def broken() -> list[Bars]:
        raise DataError("the source broke")

    with pytest.raises(DataError, match="the source broke"):
        write_columns(tmp_path / "columns", ((symbol, broken()) for symbol in SYMBOLS))
    assert not list(tmp_path.iterdir())


def test_bad_parts_are_named(tmp_path: Path) -> None:
    es = bars_of("ES")
    for pieces, message in (
        ([("ES", [es]), ("ES", [es])], "ES comes twice"),
        ([("ES", [])], "ES: there are no bars"),
        ([("ES", [es.rows(0, 10), es.rows(5, 20)])], "the part that begins at row 10 begins before"),
        ([("NQ", [es])], "a part of NQ holds bars of ES"),
        ([], "there is no instrument"),
    ):
        with pytest.raises(DataError, match=message):
            write_columns(tmp_path / "columns", iter(pieces))
    write_columns(tmp_path / "columns", [("ES", [es])])
    with pytest.raises(DataError, match="exists already"):
        write_columns(tmp_path / "columns", [("ES", [es])])


def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    stored(tmp_path / "columns")
    with pytest.raises(DataError, match="holds ES, NQ, CL; ZN is not among them"):
        ColumnMarket(tmp_path / "columns", {"ZN": instrument("ZN")})
    path = tmp_path / "columns" / "close"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="close do not hold 1200 rows"):
        ColumnMarket(tmp_path / "columns", SPECS)
    path.unlink()
    with pytest.raises(DataError, match="no complete column files"):
        ColumnMarket(tmp_path / "columns", SPECS)
