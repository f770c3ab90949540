"""Contracts of one root in a workspace, for the tests of runs through rolls."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from argus.core.arrays import Bars
from argus.data.catalog import Catalog, SourceRecord
from tests.data.futures_samples import contract

NAMES = ("202303", "202306", "202309")
START = date(2022, 12, 1)


def wandering(name: str, at: int) -> Bars:
    """Session bars of a contract of MES that wander."""
    walk = np.random.default_rng(at).integers(-40, 41, 400).cumsum() * 0.25
    return contract(f"MES.{name}", START, close=lambda day: 4000.0 + 30 * at + walk[(day - START).days], volume=50.0)


def write(catalog: Catalog, bars: Bars, name: str, interval_ns: int | None = None) -> None:
    source = SourceRecord(f"made up {name}", bars.content_hash, name, {}, len(bars))
    catalog.write(replace(bars, instrument="MES"), interval_ns, source, contract=name, notes=("made up",))
