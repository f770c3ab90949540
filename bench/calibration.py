"""How often the lab is fooled, and how often it finds what is there: the full run, as it is published.

    python bench/calibration.py                                  400 markets without an edge, 60 of each planted one
    python bench/calibration.py --no-edge 40 --edge 6 --reported 0 --workers 2
    python bench/calibration.py --page docs/calibration.md       writes the figures into the documentation too

The same as ``argus lab calibrate``, without a workspace. Stopped at any moment, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from argus.app.calibration import calibrate, write_page
from argus.lab.calibration.cases import calibration_plan
from argus.report.calibration import markdown

PICTURES = {
    "Share of searches called deployable, by what is true of the market": "rates",
    "Share of planted edges found, by their true Sharpe ratio": "power",
    "Share of searches that pass each gate": "gates",
}


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-edge", type=int, default=400, help="markets without an edge")
    parser.add_argument("--edge", type=int, default=60, help="markets of each planted edge and strength")
    parser.add_argument("--reported", type=int, default=30, help="markets of each group that is only reported")
    parser.add_argument("--seed", type=int, default=1_000, help="of the first market; below 1000 to set thresholds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("bench/out/calibration"), help="where it is kept")
    parser.add_argument("--page", type=Path, help="page whose marks get the figures; pictures go to images/ beside it")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    given = parser.parse_args()
    plan = calibration_plan(given.no_edge, given.edge, given.reported, seed=given.seed)
    started = time.perf_counter()

    def tell(done: int, total: int, name: str) -> None:
        if done % 20 == 0 or done == total:
            print(f"{done}/{total} searches, {time.perf_counter() - started:.0f} s ({name})", file=sys.stderr)

    found = calibrate(given.folder, plan, workers=given.workers, progress=tell)
    print(markdown(found.table))
    print(
        f"\n{len(plan)} searches, {found.judged} of them now, in {time.perf_counter() - started:.0f} s with "
        f"{given.workers} processes; {found.seconds_case:.2f} s a search in its process"
    )
    if given.page:
        images = given.page.parent / "images"
        images.mkdir(exist_ok=True)
        for picture in found.pictures:
            (images / picture.name).write_bytes(picture.read_bytes())
        shown = {told: f"images/calibration_{name}.svg" for told, name in PICTURES.items()}
        write_page(found.table, given.page, shown)
    if given.json:
        given.json.write_text(json.dumps(found.as_dict(), indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
