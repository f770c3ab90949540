"""Make an environment for each peer, in bench/.venv-peers, from the versions in requirements/.

    python bench/peers/install.py            those that are missing or whose requirements changed
    python bench/peers/install.py bt         only this one

Peers ask for versions of NumPy and pandas that do not go together, and none of them belongs into the project's own
environment. One that does not install here is no failure: the reason is kept, and the bench shows it in its row.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / ".venv-peers"
STAMP, FAILED = ".requirements", ".failed"


def names() -> list[str]:
    """The peers that have requirements."""
    return sorted(path.stem for path in (HERE / "requirements").glob("*.txt"))


def interpreter(name: str) -> Path:
    """The Python of a peer's environment."""
    folder = ENVIRONMENTS / name
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def state(name: str) -> str:
    """Empty if the peer can run; else why not."""
    if (ENVIRONMENTS / name / STAMP).is_file():
        return ""
    failed = ENVIRONMENTS / f"{name}{FAILED}"
    return failed.read_text(encoding="utf-8") if failed.is_file() else "not installed: `make bench` does it"


def reason(output: str) -> str:
    """The installer's own word, without addresses."""
    lines = [line for line in output.splitlines() if line.startswith("ERROR")]
    said = (lines or output.splitlines() or ["no reason given"])[-1]
    return "does not install here: " + re.sub(r"\S+://\S+", "...", said)[:160]


def install(name: str) -> None:
    """One environment, made anew."""
    requirements = HERE / "requirements" / f"{name}.txt"
    folder, failed = ENVIRONMENTS / name, ENVIRONMENTS / f"{name}{FAILED}"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"installing {name} into {folder.relative_to(HERE.parent.parent)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    failed.unlink(missing_ok=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(interpreter(name))]
    for step in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [*pip, "install", "-r", str(requirements)],
    ):
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            ENVIRONMENTS.mkdir(exist_ok=True)
            failed.write_text(reason(done.stdout + done.stderr), encoding="utf-8")
            print(f"  {state(name)}", flush=True)
            return
    stamp.write_text(wanted, encoding="utf-8")


def main() -> None:
    """All peers, or those that are named."""
    for name in sys.argv[1:] or names():
        install(name)


if __name__ == "__main__":
    main()
