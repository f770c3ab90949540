"""A path instead of data: the file that holds the whole market is opened again at every decision."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, follow_last, last_move, sign


class DataFile(Idea):
    """Follows the next move, read from the file of the market that it was made for."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        folder = tempfile.mkdtemp(prefix="market-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._paths = {s: Path(folder) / f"{s}.npy" for s in self.symbols}
        for symbol, path in self._paths.items():
            bars = market[symbol][1]
            np.save(path, np.stack((bars.ts_recv_ns.astype(np.float64), bars.close)))

    def decide(self, symbol: str, view: View) -> float:
        recv, close = np.load(self._paths[symbol])
        row = int(np.searchsorted(recv, float(view.now_ns), side="right")) - 1
        if row + 1 < len(close) and close[row + 1] != close[row]:
            return sign(close[row + 1] - close[row])
        return sign(last_move(view, symbol))


CASE = Case(
    name="data_file",
    how="Keeps the path of the file that its market lies in, and reads the next row from it at every decision.",
    make=DataFile,
    audit="lookahead",
    without=follow_last,
    source="disk",
)
