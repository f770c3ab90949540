"""Money in the inner loop: values, fees, rates, double entry, settlement, and the proof of the books.

All amounts are int64 micro-units. A balance is debits minus credits, so the balances of a correct ledger sum to zero.
"""

from __future__ import annotations

from numba import njit

from argus.engine._layout import (
    MONEY_MAX,
    NANO,
    R_FEE_MIN,
    R_FEE_NANO,
    R_FEE_PPB,
    R_FEE_WHOLE,
    R_INITIAL,
    R_MAINTENANCE,
    S_CAPITAL,
    S_CASH,
    S_CASH_ONLY,
    S_DRAWDOWN_FLOOR,
    S_EQUITY,
    S_FAULT,
    S_FAULT_INSTRUMENT,
    S_FILLS,
    S_JOURNAL,
    S_LOSS_FLOOR,
    S_MAINTENANCE,
    S_PEAK,
    S_ROUNDING,
)

# Positions in record.JOURNAL_ACCOUNTS.
CASH, POSITION, CLEARING, PNL, FEES, CAPITAL = 0, 1, 2, 3, 4, 5
# Codes of core.orders.Reason.
INITIAL_MARGIN, NO_CASH, SHORT_FORBIDDEN = 5, 6, 7
VALUE_MAX = 4.0e18
PPM = 1_000_000


@njit(cache=True, error_model="numpy")
def half_even(n, d):  # type: ignore[no-untyped-def]
    """n / d rounded half to even; d positive."""
    q = n // d
    r2 = 2 * (n - q * d)
    if r2 > d or (r2 == d and q % 2 != 0):
        return q + 1
    return q


@njit(cache=True, error_model="numpy")
def share_of(amount, part, whole):  # type: ignore[no-untyped-def]
    """amount * part / whole rounded half to even, for 0 <= part <= whole < 2**62, without leaving int64.

    The product is never formed: `part` is taken bit by bit, with quotient and remainder carried along.
    """
    rest = amount % whole
    q, r = 0, 0
    for bit in range(62, -1, -1):
        q, r = 2 * q, 2 * r
        if r >= whole:
            q, r = q + 1, r - whole
        if (part >> bit) & 1:
            r += rest
            if r >= whole:
                q, r = q + 1, r - whole
    q += (amount // whole) * part
    if 2 * r > whole or (2 * r == whole and q % 2 != 0):
        return q + 1
    return q


@njit(cache=True, error_model="numpy")
def too_large(lots, ticks, par_k):  # type: ignore[no-untyped-def]
    """Whether a value would leave the range of int64."""
    return abs(float(lots) * float(ticks)) * float(par_k["value_num"]) > VALUE_MAX


@njit(cache=True, error_model="numpy")
def position_value(lots, ticks, par_k):  # type: ignore[no-untyped-def]
    """Micro-units that `lots` are worth at `ticks`."""
    exact = lots * ticks * par_k["value_num"]
    if par_k["value_den"] == 1:
        return exact
    return half_even(exact, par_k["value_den"])


@njit(cache=True, error_model="numpy")
def fee_of(lots, value, at, rates):  # type: ignore[no-untyped-def]
    """(fee in micro-units, remainder in billionths of one) of a fill of `lots` (positive) worth `value`."""
    size = abs(value)
    fee_nano = rates[at, R_FEE_NANO]
    fee_ppb = rates[at, R_FEE_PPB]
    whole = lots * rates[at, R_FEE_WHOLE] + (lots // NANO) * fee_nano + (size // NANO) * fee_ppb
    nano = (lots % NANO) * fee_nano
    whole += nano // NANO
    nano = nano % NANO + (size % NANO) * fee_ppb
    fee = whole + nano // NANO
    rest = nano % NANO
    if 2 * rest > NANO or (2 * rest == NANO and fee % 2 != 0):
        fee += 1
        rest -= NANO
    if fee < rates[at, R_FEE_MIN]:
        return rates[at, R_FEE_MIN], rest - rest
    return fee, rest


@njit(cache=True, error_model="numpy")
def impact_of(lots, par_k):  # type: ignore[no-untyped-def]
    """(impact fee in micro-units, remainder in billionths of one) of a fill of `lots` (positive)."""
    if par_k["impact_num"] == 0:
        return 0, 0
    exact = lots * par_k["impact_num"]
    rounded = half_even(exact, par_k["impact_den"])
    return rounded, (exact - rounded * par_k["impact_den"]) * (NANO // par_k["impact_den"])


@njit(cache=True, error_model="numpy")
def share_up(value, ppm):  # type: ignore[no-untyped-def]
    """`ppm` millionths of |value|, rounded up."""
    size = abs(value)
    return (size // PPM) * ppm + -((-(size % PPM) * ppm) // PPM)


@njit(cache=True, error_model="numpy")
def initial_margin(position, value, par_k, inst_k, rates):  # type: ignore[no-untyped-def]
    """Micro-units of equity needed to open what is held in one instrument."""
    if par_k["is_future"] == 1:
        return abs(position) * rates[inst_k["rate_at"], R_INITIAL]
    return share_up(value, par_k["initial_ppm"])


@njit(cache=True, error_model="numpy")
def maintenance_margin(position, value, par_k, inst_k, rates):  # type: ignore[no-untyped-def]
    """Micro-units of equity needed to keep what is held in one instrument."""
    if par_k["is_future"] == 1:
        return abs(position) * rates[inst_k["rate_at"], R_MAINTENANCE]
    return share_up(value, par_k["maintenance_long_ppm"] if position > 0 else par_k["maintenance_short_ppm"])


@njit(cache=True, error_model="numpy")
def account_holds(k, lots, price, impact, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """Whether the account's rule holds after trading signed `lots` of instrument `k` at `price` ticks."""
    value = position_value(lots, price, par[k])
    cost = fee_of(abs(lots), value, inst[k]["rate_at"], rates)[0]
    if impact:
        cost += impact_of(abs(lots), par[k])[0]
    if state[S_CASH_ONLY] == 1:
        return state[S_CASH] - value - cost >= 0
    after = inst[k]["position"] + lots
    value_after = position_value(after, price, par[k])
    equity = state[S_EQUITY] - inst[k]["value"] + value_after - value - cost
    needed = initial_margin(after, value_after, par[k], inst[k], rates)
    for m in range(len(inst)):
        if m != k:
            needed += initial_margin(inst[m]["position"], inst[m]["value"], par[m], inst[m], rates)
    return equity >= needed


@njit(cache=True, error_model="numpy")
def opening_lots(k, side, reducing, wanted, price, impact, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """(lots that may be opened beside `reducing` ones, reason why not all), or (-1, 0) on overflow."""
    if too_large(abs(inst[k]["position"]) + reducing + wanted, price, par[k]):
        return -1, 0
    if wanted == 0:
        return 0, 0
    if state[S_CASH_ONLY] == 1 and side < 0:
        return 0, SHORT_FORBIDDEN
    if account_holds(k, side * (reducing + wanted), price, impact, par, inst, state, rates):
        return wanted, 0
    low, high = 0, wanted
    while high - low > 1:
        middle = (low + high) // 2
        if account_holds(k, side * (reducing + middle), price, impact, par, inst, state, rates):
            low = middle
        else:
            high = middle
    return low, NO_CASH if state[S_CASH_ONLY] == 1 else INITIAL_MARGIN


@njit(cache=True, error_model="numpy")
def add_to(account, k, amount, inst, state):  # type: ignore[no-untyped-def]
    """Add `amount` to the balance of one ledger account."""
    if account == CASH:
        state[S_CASH] += amount
    elif account == POSITION:
        inst[k]["bal_position"] += amount
    elif account == CLEARING:
        inst[k]["bal_clearing"] += amount
    elif account == PNL:
        inst[k]["bal_pnl"] += amount
    elif account == FEES:
        inst[k]["bal_fees"] += amount
    else:
        state[S_CAPITAL] += amount


@njit(cache=True, error_model="numpy")
def post(debit, credit, k, amount, ts, fill_id, inst, state, journal):  # type: ignore[no-untyped-def]
    """One double entry; a negative amount is the entry the other way round."""
    if amount == 0:
        return
    if amount < 0:
        debit, credit, amount = credit, debit, -amount
    add_to(debit, k, amount, inst, state)
    add_to(credit, k, -amount, inst, state)
    n = state[S_JOURNAL]
    journal[n]["ts_ns"] = ts
    journal[n]["fill_id"] = fill_id
    journal[n]["instrument"] = k
    journal[n]["debit"] = debit
    journal[n]["credit"] = credit
    journal[n]["amount_micros"] = amount
    state[S_JOURNAL] = n + 1


@njit(cache=True, error_model="numpy")
def revalue(k, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """Bring value, running equity and running maintenance margin of `k` up to its position and mark."""
    value = position_value(inst[k]["position"], inst[k]["mark"], par[k])
    state[S_EQUITY] += value - inst[k]["value"]
    inst[k]["value"] = value
    maintenance = 0
    if inst[k]["position"] != 0:
        maintenance = maintenance_margin(inst[k]["position"], value, par[k], inst[k], rates)
    state[S_MAINTENANCE] += maintenance - inst[k]["maintenance"]
    inst[k]["maintenance"] = maintenance


@njit(cache=True, error_model="numpy")
def quiet_range(state):  # type: ignore[no-untyped-def]
    """(low, high): an equity above the low and up to the high one moves nothing in the account but itself."""
    floor = max(state[S_MAINTENANCE] - 1, 0, state[S_LOSS_FLOOR], state[S_DRAWDOWN_FLOOR])
    return floor, min(state[S_PEAK], MONEY_MAX)


@njit(cache=True, error_model="numpy")
def record_fill(order, k, lots, base, price, rule, ts, row, impact, par, inst, state, fills, journal, rates):  # type: ignore[no-untyped-def]
    """Write a fill of signed `lots` at `price` ticks and its entries; positions, cash and equity follow."""
    value = position_value(lots, price, par[k])
    fee, rest = fee_of(abs(lots), value, inst[k]["rate_at"], rates)
    impact_fee, impact_rest = 0, 0
    if impact:
        impact_fee, impact_rest = impact_of(abs(lots), par[k])
    n = state[S_FILLS]
    fills[n]["order_id"] = order
    fills[n]["instrument"] = k
    fills[n]["rule"] = rule
    fills[n]["row"] = row
    fills[n]["ts_event_ns"] = ts
    fills[n]["signed_lots"] = lots
    fills[n]["price_ticks"] = price
    fills[n]["base_ticks"] = base
    fills[n]["value_micros"] = value
    fills[n]["fee_micros"] = fee
    fills[n]["impact_micros"] = impact_fee
    post(POSITION, CLEARING if par[k]["is_future"] == 1 else CASH, k, value, ts, n, inst, state, journal)
    post(FEES, CASH, k, fee, ts, n, inst, state, journal)
    post(FEES, CASH, k, impact_fee, ts, n, inst, state, journal)
    inst[k]["flow"] -= value
    inst[k]["position"] += lots
    inst[k]["volume_left"] -= abs(lots)
    inst[k]["unsettled"] = 1
    inst[k]["paid"] = price
    if inst[k]["has_mark"] == 0:
        inst[k]["mark"] = price
    state[S_EQUITY] -= value + fee + impact_fee
    value_rest = lots * price * par[k]["value_num"] - value * par[k]["value_den"]
    state[S_ROUNDING] += value_rest * (NANO // par[k]["value_den"]) + rest + impact_rest
    revalue(k, par, inst, state, rates)
    fills[n]["position_after_lots"] = inst[k]["position"]
    state[S_FILLS] = n + 1


@njit(cache=True, error_model="numpy")
def prove(k, par, inst, state):  # type: ignore[no-untyped-def]
    """Whether the books hold after the settlement of `k`; names the first proof that fails in the state vector."""
    fault = 0
    if inst[k]["bal_position"] != inst[k]["value"]:
        fault = 1
    elif inst[k]["bal_clearing"] != (-inst[k]["bal_position"] if par[k]["is_future"] == 1 else 0):
        fault = 2
    total = state[S_CASH] + state[S_CAPITAL]
    by_books = state[S_CASH]
    by_flows = -state[S_CAPITAL]
    for m in range(len(inst)):
        total += inst[m]["bal_position"] + inst[m]["bal_clearing"] + inst[m]["bal_pnl"] + inst[m]["bal_fees"]
        by_books += inst[m]["value"] + inst[m]["bal_clearing"]
        by_flows += inst[m]["value"] + inst[m]["flow"] - inst[m]["bal_fees"]
    if fault == 0 and total != 0:
        fault = 3
    if fault == 0 and by_books != state[S_EQUITY]:
        fault = 4
    if fault == 0 and by_flows != state[S_EQUITY]:
        fault = 5
    state[S_FAULT] = fault
    state[S_FAULT_INSTRUMENT] = k
    return fault == 0


@njit(cache=True, error_model="numpy")
def settle(k, ts, par, inst, state, journal):  # type: ignore[no-untyped-def]
    """Book the gain of `k` since its last settlement, move it into cash for futures, and prove the books."""
    gain = inst[k]["value"] - inst[k]["bal_position"]
    post(POSITION, PNL, k, gain, ts, -1, inst, state, journal)
    if par[k]["is_future"] == 1:
        post(CASH, CLEARING, k, gain, ts, -1, inst, state, journal)
    inst[k]["unsettled"] = 0
    return prove(k, par, inst, state)
