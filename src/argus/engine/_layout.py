"""Memory layout that the replay and its kernels share: state slots, per-instrument records, return codes.

Kept apart from the kernels so that the Python side can name slots without compiling anything.
"""

from __future__ import annotations

from typing import Final

import numpy as np

INT64_MAX: Final = 9_223_372_036_854_775_807
NANO: Final = 1_000_000_000
NO_SESSION: Final = -(2**31)
"""Session of an order that has not yet met a bar, and of an instrument before its first bar."""
MONEY_MAX: Final = 2**62
"""`core.money.MONEY_MAX`, written out, since constants of other files are not in the hash of the kernel cache."""
NO_MARK: Final = -(2**63)
"""Mark of a row whose close is not known."""
GRID_TOLERANCE: Final = 1e-6
"""A price this close to a whole number of ticks, in ticks, is on the grid (docs/fills.md)."""

# Why `advance` came back.
END, WAKE, FILLED, GROW, BOOKS_BROKEN, OVERFLOW, AHEAD = 0, 1, 2, 3, 4, 5, 6

# Phases, in the order in which they happen at one instant.
PHASE_CLOSE, PHASE_RECV, PHASE_OPEN = 0, 1, 2

# Slots of the int64 state vector.
(
    S_TS,  # instant of the group of events in hand
    S_PHASE,  # 0: its CLOSE and RECV events; 2: its OPEN events
    S_WAKE,  # a wake-up is due at the end of the group
    S_NOTIFY,  # fills are to be told at the end of the group
    S_ORDERS,
    S_ACTIVE,
    S_FILLS,
    S_JOURNAL,
    S_EQUITY_ROWS,
    S_CASH,  # balance of CASH
    S_CAPITAL,  # balance of CAPITAL, negative: a credit
    S_EQUITY,  # running equity at the last marks
    S_MAINTENANCE,  # running sum of maintenance margins
    S_ROUNDING,  # billionths of a micro-unit that rounding kept back
    S_LIQUIDATING,  # liquidation orders that still work
    S_CLOSED,  # the account is closed
    S_TOUCH,
    S_CASH_ONLY,
    S_WAKE_AT_SESSION_END,
    S_WARMUP,
    S_START,
    S_END,
    S_NOTIFY_ON,
    S_FAULT,  # what did not prove: 1 position, 2 clearing, 3 zero sum, 4 equity, 5 flows
    S_FAULT_INSTRUMENT,
    S_LIQUIDATIONS,
    S_PLAIN,  # one instrument only, so that quiet stretches are possible
    S_AWAKE_ROW,  # first row at which the strategy may be woken, and the first one at which it no longer is (plain runs)
    S_ASLEEP_ROW,
    S_SPECIAL,  # position in the list of special rows
    S_AHEAD,  # first row of the stretch passed last, row after it, and equity rows before it
    S_AHEAD_END,
    S_AHEAD_EQUITY,
    S_STRETCH,  # longest stretch to pass before the strategy is asked
    S_LOSS_FLOOR,  # equity at or below which a halt begins; the int64 minimum for none
    S_DRAWDOWN_FLOOR,
    S_PEAK,  # highest equity; the int64 maximum where no drawdown limit is set
) = range(37)
STATE_SLOTS: Final = 37

STRETCH_MIN, STRETCH_MAX = 32, 4096

# Columns of the dated rates of an instrument: the first session they are in force, margins per lot, fees.
R_SESSION, R_INITIAL, R_MAINTENANCE = 0, 1, 2
R_FEE_WHOLE, R_FEE_NANO, R_FEE_PPB, R_FEE_MIN = 3, 4, 5, 6  # micros per lot and their billionths; of the value; least
RATE_COLUMNS: Final = 7

PARAM_DTYPE: Final = np.dtype(
    [
        ("tick", np.float64),
        ("lot", np.float64),
        ("participation", np.float64),
        ("slip_rate", np.float64),
        ("slip_ticks", np.int64),
        ("value_num", np.int64),  # micro-units of one tick on one lot, as a fraction
        ("value_den", np.int64),
        ("impact_num", np.int64),  # micro-units of impact fee per lot, as a fraction
        ("impact_den", np.int64),
        ("is_future", np.int64),
        ("has_volume", np.int64),
        ("has_open", np.int64),
        ("row_begin", np.int64),
        ("row_end", np.int64),
        ("rate_begin", np.int64),
        ("rate_end", np.int64),
        ("initial_ppm", np.int64),
        ("maintenance_long_ppm", np.int64),
        ("maintenance_short_ppm", np.int64),
    ],
    align=True,
)

INSTRUMENT_DTYPE: Final = np.dtype(
    [
        ("market_row", np.int64),  # next bar to open or close
        ("market_phase", np.int64),
        ("recv_row", np.int64),  # next bar to become known; bars known so far
        ("position", np.int64),  # lots
        ("mark", np.int64),  # ticks
        ("has_mark", np.int64),
        ("paid", np.int64),  # ticks, price of the last fill
        ("value", np.int64),  # of the position at the mark, micro-units
        ("flow", np.int64),  # minus the value of all fills
        ("bal_position", np.int64),  # ledger balances: debits positive
        ("bal_clearing", np.int64),
        ("bal_pnl", np.int64),
        ("bal_fees", np.int64),
        ("maintenance", np.int64),
        ("rate_at", np.int64),
        ("session", np.int64),  # of the last bar opened
        ("unsettled", np.int64),  # a bar closed since the last settlement
        ("volume_left", np.int64),
        ("working", np.int64),  # orders in the active list
    ],
    align=True,
)
