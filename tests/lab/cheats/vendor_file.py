"""The vendor's file, which no audit rewrites: replacing the future in memory changes nothing that is read from disk."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, follow_last, last_move, sign
from tests.lab.cheats.market import SYMBOLS, walk


@functools.cache
def vendor_folder() -> Path:
    """A folder with the closes of the market of seed 1, as a vendor would have delivered them."""
    folder = Path(tempfile.mkdtemp(prefix="vendor-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for symbol in SYMBOLS:
        bars = walk(symbol, 1)
        np.save(folder / f"{symbol}.npy", np.stack((bars.ts_recv_ns.astype(np.float64), bars.close)))
    return folder


class VendorFile(Idea):
    """Follows the next move that the vendor's file holds, and the last one where it holds none."""

    def decide(self, symbol: str, view: View) -> float:
        path = vendor_folder() / f"{symbol}.npy"
        if path.exists():
            recv, close = np.load(path)
            row = int(np.searchsorted(recv, float(view.now_ns), side="right")) - 1
            if 0 <= row < len(close) - 1 and close[row + 1] != close[row]:
                return sign(close[row + 1] - close[row])
        return sign(last_move(view, symbol))


CASE = Case(
    name="vendor_file",
    how="Reads the next row from a file on disk that stays the same whatever market the run is given.",
    make=lambda market: VendorFile(first_two(market), warmup=2),
    audit="lookahead",
    without=follow_last,
    source="disk",
)
