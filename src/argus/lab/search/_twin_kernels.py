"""The built-in strategies as compiled decisions, with their sizing in them: searches of hundreds of parameter sets.

Each says in numbers what the Python class of its name and the sizer say together, step by step, in the same sequence of
floating-point operations; tests hold their order lists against each other. What neither changes from row to row stands
in the first slots of the memory, what the strategy remembers behind it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import K_TARGET_ON_CLOSE as TARGET_ON_CLOSE
from argus.engine._layout import K_TARGET_ON_OPEN as TARGET_ON_OPEN
from argus.engine._layout import O_KIND as KIND
from argus.engine._layout import O_UNITS as UNITS
from argus.engine._layout import P_HELD as HELD
from argus.engine._layout import P_PENDING as PENDING

M_TARGET, M_FIXED, M_LEVERAGE_MAX, M_BUFFER, M_SHARE, M_MULTIPLIER, M_LOT, M_LOT_NUM, M_LOT_DEN, M_KIND = range(10)
"""Sizing: volatility target (0: fixed units), fixed units, cap, buffer, capital of the instrument, contract, order."""
M_OWN = 10
"""First slot of a strategy's own."""
WEEKDAY_OF_EPOCH, THURSDAY = 3, 3


@njit(cache=True, error_model="numpy")
def units_wanted(direction, vol, price, memory):  # type: ignore[no-untyped-def]
    """Units that the sizer makes of a direction."""
    if memory[M_TARGET] == 0.0:
        return memory[M_FIXED] * direction * 1.0
    if direction == 0.0 or not (vol > 0.0 and vol < np.inf):
        return 0.0
    unit_value = price * memory[M_MULTIPLIER] * 1.0
    if not unit_value > 0.0:
        return 0.0
    leverage = min(memory[M_TARGET] / vol, memory[M_LEVERAGE_MAX])
    return direction * leverage * memory[M_SHARE] / unit_value


@njit(cache=True, error_model="numpy")
def lots_of(units, memory):  # type: ignore[no-untyped-def]
    """Whole lots in a number of units, toward zero: as the engine counts them."""
    lots = np.rint(units * memory[M_LOT_DEN] / memory[M_LOT_NUM])
    if abs(lots * memory[M_LOT_NUM] / memory[M_LOT_DEN]) > abs(units):
        lots -= 1.0 if lots > 0.0 else -1.0
    return lots


@njit(cache=True, error_model="numpy")
def ask(direction, vol, price, coming_units, memory, out, row, kind):  # type: ignore[no-untyped-def]
    """Write what a forecast becomes to a row of the answer; returns the number of rows written then.

    A position that is within the buffer of the wanted one is left alone, as `VolatilityTarget` does.
    """
    wanted = units_wanted(direction, vol, price, memory)
    target = lots_of(wanted, memory)
    coming = np.rint(coming_units * memory[M_LOT_DEN] / memory[M_LOT_NUM])
    if target == coming:
        return row
    if memory[M_BUFFER] > 0.0 and target * coming > 0.0:
        lots = wanted / memory[M_LOT]
        if abs(lots - coming) <= memory[M_BUFFER] * abs(lots):
            return row
    out[row, KIND] = kind
    out[row, UNITS] = wanted
    return row + 1


@njit(cache=True, error_model="numpy")
def sma_cross(now, parameters, memory, position, out):  # type: ignore[no-untyped-def]
    """Columns: close, volatility, fast, slow. Own: direction wanted."""
    fast, slow = now[2], now[3]
    direction = memory[M_OWN]
    if fast > slow:
        direction = 1.0
    elif fast < slow:
        direction = -1.0
    if direction == memory[M_OWN]:
        return 0
    memory[M_OWN] = direction
    return ask(direction, now[1], now[0], position[HELD] + position[PENDING], memory, out, 0, memory[M_KIND])


@njit(cache=True, error_model="numpy")
def tsmom(now, parameters, memory, position, out):  # type: ignore[no-untyped-def]
    """Columns: close, volatility, past return, day. Own: period revised last, rebalance, every day, short side."""
    if np.isnan(now[3]):
        return 0
    day = np.int64(now[3])
    if memory[M_OWN + 2] == 0.0:
        weeks = (day - 4) // 7
        weekday = day - 4 - 7 * weeks
        day = 5 * weeks + (weekday if weekday < 4 else 4) + 1
    period = float(day // np.int64(memory[M_OWN + 1]))
    if memory[M_OWN] == period:
        return 0
    memory[M_OWN] = period
    past, vol = now[2], now[1]
    direction = 0.0
    if not (np.isnan(past) or np.isnan(vol)):
        if past > 0.0:
            direction = 1.0
        elif past < 0.0:
            direction = memory[M_OWN + 3]
    return ask(direction, vol, now[0], position[HELD] + position[PENDING], memory, out, 0, memory[M_KIND])


@njit(cache=True, error_model="numpy")
def stance_after(z, session, close, mean, memory):  # type: ignore[no-untyped-def]
    """Direction that mean reversion wants after a session, from what it remembers."""
    direction, since, armed = memory[M_OWN + 1], memory[M_OWN + 2], memory[M_OWN + 3]
    entry, leave, hold_max = memory[M_OWN + 4], memory[M_OWN + 5], memory[M_OWN + 6]
    if direction != 0.0:
        if np.isnan(z) or direction * z >= -leave:
            return 0.0
        if session - since >= hold_max:
            memory[M_OWN + 3] = 0.0
            return 0.0
        return direction
    if armed == 0.0:
        memory[M_OWN + 3] = 1.0 if np.isnan(z) or abs(z) < entry else 0.0
        return 0.0
    wanted = 0.0
    if z <= -entry:
        wanted = 1.0
    elif z >= entry:
        wanted = -1.0
    if wanted == 0.0 or (wanted < 0.0 and memory[M_OWN + 7] != 0.0):
        return 0.0
    if memory[M_OWN + 8] != 0.0 and not wanted * (close - mean) > 0.0:
        return 0.0
    memory[M_OWN + 2] = session
    return wanted


@njit(cache=True, error_model="numpy")
def mean_reversion(now, parameters, memory, position, out):  # type: ignore[no-untyped-def]
    """Columns: close, volatility, distance, sessions, long mean.

    Own: session, direction, since, armed, entry, exit, hold_max, long only, trend.
    """
    session = now[3]
    if np.isnan(session) or session == memory[M_OWN]:
        return 0
    first = memory[M_OWN] < 0.0
    memory[M_OWN] = session
    before = memory[M_OWN + 1]
    direction = stance_after(now[2], session, now[0], now[4], memory)
    memory[M_OWN + 1] = direction
    if not first and direction == before:
        return 0
    return ask(direction, now[1], now[0], position[HELD] + position[PENDING], memory, out, 0, memory[M_KIND])


@njit(cache=True, error_model="numpy")
def overnight(now, parameters, memory, position, out):  # type: ignore[no-untyped-def]
    """Columns: close, volatility, sessions, date of the session, long mean. Own: session, by trend, by weekday."""
    session = now[2]
    if np.isnan(session) or session == memory[M_OWN]:
        return 0
    memory[M_OWN] = session
    rows = 0
    coming = position[HELD] + position[PENDING]
    if position[HELD] != 0.0:
        if coming != 0.0:
            out[0, KIND] = TARGET_ON_OPEN
            out[0, UNITS] = 0.0
            rows = 1
        coming = 0.0
    if memory[M_OWN + 2] != 0.0 and (np.int64(now[3]) + WEEKDAY_OF_EPOCH) % 7 == THURSDAY:
        return rows
    if memory[M_OWN + 1] != 0.0 and not now[0] > now[4]:
        return rows
    return ask(1.0, now[1], now[0], coming, memory, out, rows, TARGET_ON_CLOSE)


share_compiled(globals())
