"""Where compiled kernels are kept: a folder named by the hash of every kernel source.

Numba renews a cached kernel when the kernel's own file changes, but not when a kernel that it calls, in another file,
does. A stale kernel is a wrong number, so each state of the sources gets a cache of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["cache_root", "clear_old", "kernel_compiles", "kernel_hash", "tell_first_compilation", "use_kernel_cache"]

_KEPT: Final = 4
_waiting: list[Callable[[], None]] = []


def tell_first_compilation(tell: Callable[[], None]) -> None:
    """Call `tell`, once, when kernels are compiled of which none is kept yet: whoever waits should know for what."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    is_new = not folder or not any(Path(folder).rglob("*.nbc"))
    _waiting[:] = [tell] if is_new else []


def kernel_compiles() -> None:
    """A kernel is about to be compiled."""
    while _waiting:
        _waiting.pop()()


def kernel_hash(package: Path) -> str:
    """Hash of all kernel modules of the package, of the layouts they share, and of how they are compiled."""
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*_kernels.py"), *package.rglob("_kernel_*.py"), *package.rglob("_layout.py")]):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_root() -> Path | None:
    """Where this installation keeps what it can make again: beside the package, or at home; None without a place."""
    package = Path(__file__).parent
    beside = package / "__pycache__"
    if os.access(beside if beside.exists() else package, os.W_OK):
        return beside
    with suppress(RuntimeError):
        return Path.home() / ".cache" / "argus"
    return None


def use_kernel_cache() -> None:
    """Point Numba to the cache of these sources, unless the user has chosen one (``NUMBA_CACHE_DIR``)."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    root = cache_root()
    if root is None:  # kernels are compiled anew each time
        return
    folder = root / f"kernels-{kernel_hash(Path(__file__).parent)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    clear_old(folder)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)


def clear_old(current: Path) -> None:
    """Keep the newest few folders of this kind beside the current one; another process may be clearing too."""
    ages = {}
    for path in current.parent.glob(f"{current.name.partition('-')[0]}-*"):
        with suppress(OSError):
            ages[path] = path.stat().st_mtime
    for stale in sorted(ages, key=ages.__getitem__)[:-_KEPT]:
        if stale != current:
            shutil.rmtree(stale, ignore_errors=True)
