"""Argus: from raw market data to live orders without fooling yourself.

The packages stand on floors, and each imports only from the floors below it: ``core`` (the vocabulary) at the bottom,
then ``data``, ``features`` and ``options``, ``regimes``, then ``engine``, ``strategies`` and ``portfolio``, the ``lab``
that judges them, and the faces on top. ``docs/architecture.md`` tells what lives on each and why. This module holds
the version, and points Numba to the kernel cache of these very sources, before anything can compile.
"""

from __future__ import annotations

from argus._kernel_cache import use_kernel_cache

__all__ = ["__version__"]

__version__ = "0.1.0"
"""The release, as the run manifests and ``argus doctor`` print it."""

use_kernel_cache()
