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
PHASE_EVENT, PHASE_CLOSE, PHASE_RECV, PHASE_OPEN = -1, 0, 1, 2

# Slots of the int64 state vector.
(
    S_TS,  # instant of the group of events in hand
    S_PHASE,  # 0: its CLOSE and RECV events; 2: its OPEN events
    S_WAKE,  # a wake-up of some book is due at the end of the group
    S_NOTIFY,  # fills are to be told to some book at the end of the group
    S_BOOK,  # whom `advance` came back for
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
    S_START,
    S_END,
    S_FAULT,  # what did not prove: 1 position, 2 clearing, 3 zero sum, 4 equity, 5 flows
    S_FAULT_INSTRUMENT,
    S_LIQUIDATIONS,
    S_PLAIN,  # one instrument only, so that quiet stretches are possible
    S_AWAKE_ROW,  # first row at which the strategy may be woken, and first at which it no longer is
    S_ASLEEP_ROW,
    S_SPECIAL,  # position in the list of special rows
    S_CASH_STEPS,  # changes of cash that are noted
    S_AHEAD,  # first row of the stretch passed last, row after it, and equity rows before it
    S_AHEAD_END,
    S_AHEAD_EQUITY,
    S_STRETCH,  # longest stretch to pass before the strategy is asked
    S_LOSS_FLOOR,  # equity at or below which a halt begins; the int64 minimum for none
    S_DRAWDOWN_FLOOR,
    S_PEAK,  # highest equity; the int64 maximum where no drawdown limit is set
    S_HALT,  # code of core.orders.Reason while the account is halted, else 0
    S_LOSS_PPM,  # limits in millionths; 0 for none
    S_DRAWDOWN_PPM,
    S_FLATTEN,
    S_SESSION,  # latest session that began on any instrument
    S_DEBIT_PPM,  # yearly interest on negative and on positive cash, in millionths
    S_CREDIT_PPM,
    S_INTEREST,  # balance of INTEREST
    S_EVENT,  # next row of the table of events
    S_HALTS,
    S_FOREIGN,  # 1 where an instrument is quoted in another currency than the account's
) = range(47)
STATE_SLOTS: Final = 47

STRETCH_MIN, STRETCH_MAX = 256, 4096

# Columns of the dated rates of an instrument: the first session they are in force, margins per lot, and where the fee
# components of that time begin and end; the last two are the margins while intraday ones are in force.
R_SESSION, R_INITIAL, R_MAINTENANCE, R_FEE_BEGIN, R_FEE_END, R_INTRADAY_INITIAL, R_INTRADAY_MAINTENANCE = range(7)
RATE_COLUMNS: Final = 7
INTRADAY_SHIFT: Final = R_INTRADAY_INITIAL - R_INITIAL
"""From the column of an overnight margin to that of the intraday one."""

# Columns of a fee component, a row of the same table: micros per lot and their billionths, parts per billion of the
# value, least and largest
# amount in micros (the int64 maximum for none), and whether only sales pay it.
C_WHOLE, C_NANO, C_PPB, C_MIN, C_MAX, C_SELLS_ONLY = range(6)

# Columns of the table of events of instruments, in the order in which they happen; `E_LINE` is the first line of the
# instrument and
# `E_ROW` the first bar, of those that the strategy sees, that had not closed by then.
E_TS, E_LINE, E_KIND, E_A, E_B, E_ROW = range(6)
EVENT_COLUMNS: Final = 6
# Kinds: dividend of a micros and b billionths per lot; funding of a parts per billion; split of a for b; final
# settlement at a ticks; rate of the instrument's currency of a billionths of the account's; margins in force (a: how
# far their columns lie from the overnight ones).
E_DIVIDEND, E_FUNDING, E_SPLIT, E_FINAL, E_RATE, E_MARGIN = range(6)

MILLI: Final = 1_000
"""Slippage and half-spread are counted in thousandths of a tick."""

PARAM_DTYPE: Final = np.dtype(
    [
        ("tick", np.float64),
        ("lot", np.float64),
        ("participation", np.float64),
        ("slip_rate", np.float64),
        ("adverse_milli", np.int64),  # slippage in thousandths of a tick
        ("value_num", np.int64),  # micro-units of one tick on one lot, as a fraction
        ("value_den", np.int64),
        ("is_future", np.int64),
        ("has_volume", np.int64),
        ("has_open", np.int64),
        ("row_begin", np.int64),  # bars that orders meet
        ("row_end", np.int64),
        ("known_begin", np.int64),  # bars that the strategy sees; the same ones, unless finer bars fill the orders
        ("known_end", np.int64),
        ("is_refined", np.int64),
        ("is_quoted", np.int64),  # orders meet bids and asks: rows of one instant, with a CLOSE event only
        ("rate_begin", np.int64),
        ("rate_end", np.int64),
        ("initial_ppm", np.int64),
        ("maintenance_long_ppm", np.int64),
        ("maintenance_short_ppm", np.int64),
        ("borrow_ppm", np.int64),  # yearly
        ("first_line", np.int64),  # first line with this instrument; itself where there is one book
        ("next_line", np.int64),  # next line with this instrument, or -1
        ("book", np.int64),  # whose line this is; the lines of a book lie together
        ("warmup", np.int64),  # bars to be known before the book's strategy is woken
        ("session_end_only", np.int64),  # wakes at session ends only
        ("tells_fills", np.int64),  # the strategy wants to hear of fills
        ("is_foreign", np.int64),  # quoted in another currency than the account's
        ("fx_cost_ppb", np.int64),  # billionths of what is converted
        ("value_scale", np.float64),  # largest micro-units of a tick on a lot, in either currency
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
        ("volume_left", np.int64),  # of the bar in hand; kept at the first line of the instrument
        ("volume_row", np.int64),
        ("bid_taken", np.int64),  # lots taken from the quoted bid since its price changed; kept at the first line
        ("ask_taken", np.int64),
        ("opens_session", np.int64),  # the quote in hand is the first of its session; at the first line
        ("mark_row", np.int64),  # bar whose close the mark is; kept at the first line
        ("split_row", np.int64),  # bars known before it are in the old shares
        ("expired", np.int64),  # the contract is settled for good
        ("bal_carry", np.int64),
        ("adverse_milli", np.int64),  # slippage and half-spread of the bar in hand, thousandths of a tick
        ("impact_scale", np.float64),  # micro-units of impact per lot to the power of 1.5 in the bar in hand
        ("working", np.int64),  # orders in the active list
        ("wake", np.int64),  # a bar became known that wakes the strategy
        ("notify", np.int64),  # a fill that the strategy has not heard of
        ("margin_shift", np.int64),  # 0, or `INTRADAY_SHIFT` while intraday margins are in force
        # Of lines in another currency only; `value`, `flow` and the balances above are in that currency.
        ("fx_rate", np.int64),  # billionths of the account's currency; 0 before one is known
        ("worth", np.int64),  # what the line adds to the equity beside cash, in the account's currency
        ("bal_foreign", np.int64),
        ("bal_fx", np.int64),
        ("bal_fx_base", np.int64),
        ("bal_fx_cost", np.int64),
    ],
    align=True,
)

# Columns of the quotes beside the rows that orders meet: prices, and the lots that fills may take from either side.
Q_BID, Q_ASK, Q_BID_LOTS, Q_ASK_LOTS = range(4)
QUOTE_COLUMNS: Final = 4

# What a compiled strategy asks for: columns of a row of its answer (`argus.engine.compiled` has the words for them).
(
    O_KIND,
    O_UNITS,
    O_LIMIT,
    O_STOP,
    O_TRAIL,
    O_TIF,
    O_REDUCE_ONLY,
    O_KEY,
    O_EXIT_STOP,
    O_EXIT_TARGET,
    O_EXIT_TRAIL,
) = range(11)
OUT_COLUMNS: Final = 11
OUT_ROWS: Final = 8
K_TARGET, K_TARGET_ON_OPEN, K_TARGET_ON_CLOSE, K_CANCEL = 100, 101, 102, 103
"""Kinds of a row beside the codes of core.orders.OrderType."""
P_HELD, P_PENDING, P_LIVING = 0, 1, 2
POSITION_SLOTS: Final = 3
ORDERS_PER_ROW: Final = 3
"""A bracket is an entry and two exits."""

# Slots of the int64 vector that the drive of a compiled strategy keeps.
(
    D_PENDING,  # rows of the answer in hand
    D_ROW,  # row of the market at which the strategy was asked last
    D_COUNT,  # rows it answered with
    D_DECISIONS,
    D_REFUSALS,
    D_FIRST_NS,  # first decision; the int64 maximum before there is one
    D_FAULT,  # what is wrong with the answer
    D_FAULT_ROW,  # of the answer
) = range(8)
DRIVE_SLOTS: Final = 8
WRONG_ANSWER: Final = 7
"""Why the drive came back, beside the reasons of `advance`."""
(
    W_COUNT,
    W_KIND,
    W_UNITS,
    W_UNITS_OFF_LOT,
    W_UNITS_TOO_LARGE,
    W_NO_UNITS,
    W_PRICE,
    W_PRICE_OFF_TICK,
    W_PRICE_TOO_LARGE,
    W_PRICE_MISSING,
    W_PRICE_UNWANTED,
    W_TRAIL,
    W_TIF,
    W_AT_ONCE,
    W_TWO_STOPS,
) = range(1, 16)

# Columns of the table of refused orders, and the codes of the limits that stopped them.
(
    F_DECISION,
    F_TS,
    F_LOTS,
    F_LIMIT,
    F_HELD,
    F_PENDING,
    F_MARGIN,
    F_CASH_AFTER,
    F_EQUITY,
    F_CASH,
) = range(10)
REFUSAL_COLUMNS: Final = 10
NOT_REFUSED, ORDER_MAX, POSITION_MAX, SHORT, OUT_OF_CASH, OVER_MARGIN, PARENT_REFUSED = range(7)

# Settings of the drive.
(
    L_ORDER_LOTS_MAX,
    L_POSITION_LOTS_MAX,
    L_CHECK_MARGIN,
    L_CHECK_CASH,
    L_LATENCY_NS,
    L_LOT_NUM,  # the lot in units, as a fraction
    L_LOT_DEN,
) = range(7)
