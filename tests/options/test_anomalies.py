"""Anomalies: a planted one comes first, chance is counted, and a real session's list can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr

from argus.core.errors import ConfigError
from argus.core.random import stream_key
from argus.options import (
    QuoteResiduals,
    find_anomalies,
    find_regions,
    fit_surface,
    history_scores,
    judge_quotes,
    neighbour_residuals,
)
from tests.options.spx_chains import read_session, session_files, surface_columns
