"""Run every benchmark and write what it measured into docs/performance.md, between the marks.

    python bench/run.py             all pieces (bench/*_bench.py), then the page
    python bench/run.py spine       only the pieces whose name begins so; the rest of the page is left as it is

Each piece runs in a process of its own, so that none warms the other up, and one that fails makes the whole fail: a
figure without its check is not written. The long calibration of the lab is a program of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

from argus.engine.manifest import code_version

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
LIBRARIES = ("numpy", "numba", "polars", "pyarrow", "duckdb")


def pieces(prefix: str = "") -> list[Path]:
    """The benchmark programs, by name."""
    return [path for path in sorted(HERE.glob("*_bench.py")) if path.name.startswith(prefix)]


def run_piece(path: Path) -> str:
    """What a piece printed; it is shown while it runs, and a failure ends everything."""
    print(f"== {path.stem}", flush=True)
    lines = []
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(f"{path.name} ended with exit code {process.returncode}; nothing was written")
    return "".join(lines)


def machine() -> str:
    """The machine and the versions that the figures belong to."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line[:10] == "model name"
        ]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{model}, {os.cpu_count()} logical processors, {memory:.0f} GiB; Python {platform.python_version()}, "
        f"{libraries}; Argus {code_version()}. Load of the machine when it began: {load:.1f}."
    )


def page_with(text: str, measured: str) -> str:
    """The page with everything between its marks replaced."""
    head, _, tail = _parts(text)
    return f"{head}{BEGIN}\n\n{measured.strip()}\n\n{END}{tail}"


def page_with_section(text: str, name: str, section: str) -> str:
    """The page with one section between its marks replaced, or added in its alphabetical place."""
    _, measured, _ = _parts(text)
    # A section's heading is the name of its piece, one word; what a piece prints may hold headings of its own.
    first, *others = re.split(r"(?m)^(?=### \w+$)", measured)
    kept = [other.strip() for other in others if other.splitlines()[0] != f"### {name}"]
    return page_with(text, "\n\n".join([first.strip(), *sorted([*kept, section])]))


def _parts(text: str) -> tuple[str, str, str]:
    head, begin, rest = text.partition(BEGIN)
    measured, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no lines {BEGIN} and {END} to write between")
    return head, measured, tail


def main() -> None:
    """Run, and write the page if everything was run."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("prefix", nargs="?", default="", help="only pieces whose name begins so")
    wanted = parser.parse_args().prefix
    about = machine()
    found = pieces(wanted)
    if not found:
        raise SystemExit(f"no piece of {HERE} begins with {wanted!r}; there are: {', '.join(p.stem for p in pieces())}")
    sections = {}
    for path in found:
        name, summary = (
            path.stem.removesuffix("_bench"),
            path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0],
        )
        alone = f"\n\nMeasured apart from the others: {about}" if wanted else ""
        sections[name] = f"### {name}\n\n{summary}{alone}\n\n```text\n{run_piece(path).rstrip()}\n```"
    page = PAGE.read_text(encoding="utf-8")
    if not wanted:
        page = page_with(page, "\n\n".join([about, *sections.values()]))
    for name, section in sections.items() if wanted else ():
        page = page_with_section(page, name, section)
    PAGE.write_text(page, encoding="utf-8")
    print(f"written to {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
