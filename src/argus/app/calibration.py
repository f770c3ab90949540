"""Calibration: the lab judged on hundreds of markets of known truth, case by case, killed and gone on with at will.

Every case that is done is a line of a journal in the folder of the calibration. The folder's name says what was judged
by what (the plan, and the sources of Argus), so that results of two versions never meet. When all cases are there, they
become one Parquet table, the same bytes for any number of workers and of interruptions, with pictures beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argus.lab.calibration.cases import Case, CaseResult
    from argus.lab.calibration.table import CalibrationTable

__all__ = ["Calibrated", "Progress", "calibrate", "calibration_identity", "read_table", "write_page", "write_table"]

Progress = Callable[[int, int, str], None]
"""Told how many cases are done, of how many, and the name of the last."""

TABLE = "calibration.parquet"
_JOURNAL = "done.jsonl"
_BEGIN, _END = "<!-- calibration:begin -->", "<!-- calibration:end -->"


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What a calibration left behind.

    Attributes
    ----------
    table : CalibrationTable
    folder : Path
    pictures : tuple of Path
    judged : int
        Cases of this call; the others had been done before.
    seconds_case : float
        Mean time of a case in its process, of all cases; NaN without any.
    """

    table: CalibrationTable
    folder: Path
    pictures: tuple[Path, ...]
    judged: int
    seconds_case: float

    def as_dict(self) -> dict[str, Any]:
        """The rates, for JSON; every answer stands in the table."""
        from argus.report.calibration import summary

        return {
            "folder": str(self.folder),
            "table": str(self.folder / TABLE),
            "judged": self.judged,
            "seconds_case": self.seconds_case,
            **summary(self.table),
        }


def calibrate(parent: Path, plan: Sequence[Case], *, workers: int = 1, progress: Progress | None = None) -> Calibrated:
    """Judge every case that is not done yet, and make the table.

    Parameters
    ----------
    parent : Path
        A folder of this plan and these sources is made in it, or gone on with.
    plan : sequence of Case
    workers : int
        Processes, one case each at a time; the table is the same for any number.
    progress : callable or None
    """
    from argus.lab.calibration.table import CalibrationTable
    from argus.report.calibration import gates_svg, power_svg, rates_svg

    folder = parent / f"calibration-{calibration_identity(plan)}"
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / _JOURNAL
    done = _read_journal(journal)
    left = [case for case in plan if case.name not in done]
    count = len(plan) - len(left)
    with journal.open("ab") as file, _judged(left, workers) as results:
        for result, seconds in results:
            line = json.dumps({"seconds": seconds, **result.as_dict()})
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            done[result.case] = result, seconds
            count += 1
            if progress is not None:
                progress(count, len(plan), result.case)
    table = CalibrationTable(tuple(plan), tuple(done[case.name][0] for case in plan))
    write_table(table, folder / TABLE)
    pictures = []
    for name, draw in (("rates", rates_svg), ("power", power_svg), ("gates", gates_svg)):
        pictures.append(folder / f"calibration_{name}.svg")
        pictures[-1].write_text(draw(table), encoding="utf-8")
    times = [done[case.name][1] for case in plan]
    return Calibrated(table, folder, tuple(pictures), len(left), sum(times) / len(times) if times else float("nan"))


def calibration_identity(plan: Sequence[Case]) -> str:
    """12 hex digits of the plan and of all that judges it."""
    import argus
    from argus.engine.manifest import code_version

    digest = hashlib.sha256(json.dumps([asdict(case) for case in plan], sort_keys=True).encode())
    digest.update(code_version().encode())
    for path in sorted((Path(argus.__file__).parent / "lab").rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _read_journal(path: Path) -> dict[str, tuple[CaseResult, float]]:
    """Cases that are done, and the seconds each took; a line that a kill cut short is cut off."""
    from argus.lab.calibration.cases import CaseResult

    if not path.exists():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    done = {}
    for line in whole.splitlines():
        told = json.loads(line)
        seconds = float(told.pop("seconds"))
        done[str(told["case"])] = CaseResult.from_dict(told), seconds
    return done


def _timed(case: Case) -> tuple[CaseResult, float]:
    from argus.lab.calibration.cases import judge

    started = time.perf_counter()
    result = judge(case)
    return result, time.perf_counter() - started


@contextmanager
def _judged(cases: Sequence[Case], workers: int) -> Iterator[Iterator[tuple[CaseResult, float]]]:
    """Results as they come; fresh processes, and those that are at work are the last ones when the caller leaves."""
    if workers <= 1 or len(cases) <= 1:
        yield map(_timed, cases)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        waiting = [pool.submit(_timed, case) for case in cases]
        yield (one.result() for one in as_completed(waiting))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# ---- files


def write_table(table: CalibrationTable, path: Path) -> None:
    """Write a table as Parquet, wholly or not at all: the same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from argus.data._catalog_files import write_atomic

    rows = table.rows()
    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema(
        [(name, pa.bool_() if name == "passed" else kinds[type(value)]) for name, value in rows[0].items()]
    )
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    write_atomic(path, memoryview(buffer.getvalue()))


def read_table(path: Path) -> CalibrationTable:
    """The table of a file that `write_table` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it holds something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from argus.core.errors import DataError
    from argus.lab.calibration.table import CalibrationTable

    try:
        return CalibrationTable.from_rows(pq.read_table(path).to_pylist())
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is no table of a calibration: {error}; make one with: argus lab calibrate") from error


def write_page(table: CalibrationTable, page: Path, pictures: Mapping[str, str] | None = None) -> None:
    """Write the figures of a table between the marks of a page, and leave the rest of the page alone.

    Parameters
    ----------
    table : CalibrationTable
    page : Path
        Markdown with a line ``<!-- calibration:begin -->`` and one ``<!-- calibration:end -->``.
    pictures : mapping or None
        What a picture shows to its path as the page sees it.

    Raises
    ------
    DataError
        If the page has no such marks.
    """
    from argus.core.errors import DataError
    from argus.data._catalog_files import write_atomic
    from argus.report.calibration import markdown

    text = page.read_text(encoding="utf-8")
    if text.count(_BEGIN) != 1 or text.count(_END) != 1 or text.index(_BEGIN) > text.index(_END):
        raise DataError(f"{page}: a line {_BEGIN} and after it a line {_END} are needed, once each")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    shown = [f"![{told}]({path})" for told, path in (pictures or {}).items()]
    body = "\n\n".join([markdown(table), *shown])
    write_atomic(page, f"{before}{_BEGIN}\n\n{body}\n\n{_END}{after}".encode())
