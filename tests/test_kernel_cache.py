"""The cache of compiled kernels: one folder for each state of their sources, wherever there is a place to write."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numba import config, njit

import argus
from argus._kernel_cache import kernel_hash, tell_first_compilation, use_kernel_cache
from argus.core._kernel_compiler import Whole

KERNELS = {"engine/_kernels.py": "x = 1\n", "core/_random_kernels.py": "y = 2\n", "engine/_layout.py": "z = 3\n"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "package"
    for name, text in (KERNELS | {"engine/replay.py": "w = 4\n"}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copy(str(Path(argus.__file__).with_name("_kernel_cache.py")), root)
    return root


def module_of(package: Path) -> Any:
    """The cache module, as it lives in this package."""
    spec = importlib.util.spec_from_file_location("cache_of_package", package / "_kernel_cache.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nobody has chosen a cache, and a compiler that is put back as it was."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    if "numba" in sys.modules:
        monkeypatch.setattr(sys.modules["numba"].config, "CACHE_DIR", sys.modules["numba"].config.CACHE_DIR)


@pytest.mark.parametrize("name", KERNELS)
def test_the_hash_follows_every_kernel_file(package: Path, name: str) -> None:
    before = kernel_hash(package)
    (package / name).write_text("changed = True\n")
    after = kernel_hash(package)
    assert len(before) == len(after) == 16
    assert before != after
    (package / name).write_text(KERNELS[name])
    assert kernel_hash(package) == before


def test_the_hash_follows_names_and_new_files(package: Path) -> None:
    before = kernel_hash(package)
    (package / "engine/_kernels.py").rename(package / "engine/_other_kernels.py")
    renamed = kernel_hash(package)
    (package / "engine/_new_kernels.py").write_text("")
    assert len({before, renamed, kernel_hash(package)}) == 3


def test_the_hash_leaves_other_files_out(package: Path) -> None:
    before = kernel_hash(package)
    (package / "engine/replay.py").write_text("changed = True\n")
    assert kernel_hash(package) == before


def modules_used_by(path: Path) -> Iterator[str]:
    """What a source file imports of Argus, as paths within the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            if name.startswith("argus."):
                yield name.removeprefix("argus.").replace(".", "/") + ".py"


def test_the_hash_follows_everything_of_argus_that_is_compiled_into_a_kernel(tmp_path: Path) -> None:
    root = Path(argus.__file__).parent
    kernels = [*root.rglob("*_kernels.py")]
    used = {*(path.relative_to(root).as_posix() for path in kernels), *(n for k in kernels for n in modules_used_by(k))}
    assert len(used) > len(kernels) > 8
    copy = tmp_path / "argus"
    shutil.copytree(root, copy, ignore=lambda folder, names: [n for n in names if n == "__pycache__"])
    before = kernel_hash(copy)
    assert before == kernel_hash(root)
    for name in sorted(used):
        original = (copy / name).read_text()
        (copy / name).write_text(original + "changed = True\n")
        assert kernel_hash(copy) != before, f"{name} is compiled into a kernel and is not in the hash"
        (copy / name).write_text(original)


@pytest.mark.usefixtures("no_choice")
def test_kernels_are_kept_beside_the_package(package: Path) -> None:
    module_of(package).use_kernel_cache()
    folder = package / "__pycache__" / f"kernels-{kernel_hash(package)}"
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert folder.is_dir()
    if "numba" in sys.modules:
        assert str(folder) == sys.modules["numba"].config.CACHE_DIR


def test_a_cache_that_the_user_chose_is_respected(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    module_of(package).use_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "elsewhere"
    assert not list(package.rglob("kernels-*"))


@pytest.mark.usefixtures("no_choice")
def test_old_states_are_cleared_away_but_not_the_present_one(package: Path) -> None:
    module = module_of(package)
    made = []
    for number in range(7):
        (package / "engine/_kernels.py").write_text(f"x = {number}\n")
        os.environ.pop("NUMBA_CACHE_DIR", None)
        module.use_kernel_cache()
        made.append(Path(os.environ["NUMBA_CACHE_DIR"]))
        os.utime(made[-1], ns=(number, number))
    (package / "engine/_kernels.py").write_text("x = 0\n")
    os.environ.pop("NUMBA_CACHE_DIR", None)
    module.use_kernel_cache()
    left = set(package.rglob("kernels-*"))
    assert made[0] in left
    assert made[-1] in left
    assert 2 <= len(left) <= 5


@pytest.mark.usefixtures("no_choice")
def test_a_file_where_the_folder_should_be_is_no_reason_to_fail(package: Path) -> None:
    (package / "__pycache__").write_text("in the way")
    module_of(package).use_kernel_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ


@pytest.mark.parametrize("chosen", [True, False])
def test_the_first_compilation_of_an_installation_is_told_once(
    chosen: bool, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache") if chosen else "")
    module = module_of(package)
    told: list[str] = []
    module.tell_first_compilation(lambda: told.append("compiling"))
    assert told == []
    module.kernel_compiles()
    module.kernel_compiles()
    assert told == ["compiling"]


def test_later_compilations_are_not_told(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    kept = tmp_path / "cache" / "engine" / "_kernels.advance.nbc"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"kernel")
    module = module_of(package)
    told: list[str] = []
    module.tell_first_compilation(lambda: told.append("compiling"))
    module.kernel_compiles()
    assert told == []


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_a_kernel_that_is_compiled_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    told: list[str] = []
    tell_first_compilation(lambda: told.append("compiling"))
    assert njit(pipeline_class=Whole)(lambda number: number + 1)(1) == 2
    assert told == ["compiling"]


# Whoever owns a machine may write anywhere: the unwritable package is tried as somebody who owns nothing.
AS_SOMEBODY_ELSE = """
import __future__, hashlib, importlib.util, os, pathlib, shutil, sys, typing
home, package = sys.argv[1:]
os.environ.pop("NUMBA_CACHE_DIR", None)
os.environ.pop("HOME", None)
if home != "none":
    os.environ["HOME"] = home
spec = importlib.util.spec_from_file_location("cache_of_package", package + "/_kernel_cache.py")
module = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
if os.getuid() == 0:
    os.setgid(54321)
    os.setuid(54321)
spec.loader.exec_module(module)
module.use_kernel_cache()
print(os.environ.get("NUMBA_CACHE_DIR", "none"))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, which pytest's own may not be."""
    folder = Path(tempfile.mkdtemp(prefix="argus-kernels-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def as_somebody_else(home: str, package: Path) -> str:
    child = subprocess.run(
        [sys.executable, "-c", AS_SOMEBODY_ELSE, home, str(package)], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


@pytest.fixture
def locked(package: Path, open_folder: Path) -> Iterator[Path]:
    """The package where it can be read and not written."""
    place = open_folder / "package"
    shutil.copytree(package, place)
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    for path in (place, *place.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_an_unwritable_package_keeps_its_kernels_in_the_home_folder(locked: Path, open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir()
    home.chmod(0o777)
    folder = home / ".cache" / "argus" / f"kernels-{kernel_hash(locked)}"
    assert as_somebody_else(str(home), locked) == str(folder)
    assert folder.is_dir()


@pytest.mark.parametrize("home", ["none", "/nonexistent/home"])
def test_without_a_place_to_write_argus_still_starts(locked: Path, home: str) -> None:
    assert as_somebody_else(home, locked) in ("none", f"{home}/.cache/argus/kernels-{kernel_hash(locked)}")


def test_this_very_run_keeps_its_kernels_by_the_hash() -> None:
    chosen = os.environ["NUMBA_CACHE_DIR"]
    use_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == chosen
    child = subprocess.run(
        [sys.executable, "-c", "import argus, numba; print(numba.config.CACHE_DIR)"],
        env={name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip().endswith(f"kernels-{kernel_hash(Path(argus.__file__).parent)}")
