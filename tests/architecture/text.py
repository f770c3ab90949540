"""What may not stand in any file of the project: marks of unfinished work, paths of one machine, package registries.

The patterns are written so that they do not find themselves.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

UNWANTED = {
    "a mark of unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E)\b"),
    "a path of one machine": re.compile(r"/(?:wor[k]|roo[t]|far[m])/|/(?:hom[e]|User[s])/\w"),
    "a package registry's address": re.compile(
        r"pyp[i]\.org|pythonhoste[d]\.org|index-ur[l]|extra-inde[x]|conda\.anacond[a]"
    ),
}


def project_files(repository: Path) -> list[Path]:
    """The files that git tracks or would track, which exist; a folder that is no checkout has none to offer."""
    listed = subprocess.run(
        ["git", "-C", str(repository), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (repository / name for name in sorted(set(listed.stdout.split("\0"))) if name)
    return [path for path in paths if path.is_file()]


def unwanted_text(paths: list[Path], root: Path) -> list[str]:
    """Each line that holds something unwanted, as ``path:line: what``; files that are no text are passed over."""
    faults = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            for what, pattern in UNWANTED.items():
                if pattern.search(line):
                    faults.append(f"{path.relative_to(root)}:{number}: {what}: {line.strip()[:100]}")
    return faults
