"""Money in the inner loop: values, fees, rates, double entry, settlement, and the proof of the books.

All amounts are int64 micro-units. A balance is debits minus credits, so the balances of a correct ledger sum to zero.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import (
    C_MAX,
    C_MIN,
    C_NANO,
    C_PPB,
    C_SELLS_ONLY,
    C_WHOLE,
    MILLI,
    MONEY_MAX,
    NANO,
    R_FEE_BEGIN,
    R_FEE_END,
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
    S_HALT,
    S_INTEREST,
    S_JOURNAL,
    S_LOSS_FLOOR,
    S_MAINTENANCE,
    S_NOTIFY,
    S_PEAK,
    S_ROUNDING,
)

# Positions in record.JOURNAL_ACCOUNTS.
CASH, POSITION, CLEARING, PNL, FEES, CAPITAL, CARRY, INTEREST = 0, 1, 2, 3, 4, 5, 6, 7
FOREIGN, FX, FX_BASE, FX_COST = 8, 9, 10, 11
# Codes of core.orders.Reason.
INITIAL_MARGIN, NO_CASH, SHORT_FORBIDDEN, NO_RATE = 5, 6, 7, 21
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
    return abs(float(lots)) * max(abs(float(ticks)), float(MILLI)) * par_k["value_scale"] > VALUE_MAX


@njit(cache=True, error_model="numpy")
def position_value(lots, ticks, par_k):  # type: ignore[no-untyped-def]
    """Micro-units that `lots` are worth at `ticks`."""
    exact = lots * ticks * par_k["value_num"]
    if par_k["value_den"] == 1:
        return exact
    return half_even(exact, par_k["value_den"])


@njit(cache=True, error_model="numpy")
def component_fee(lots, size, c, rates):  # type: ignore[no-untyped-def]
    """(micro-units, remainder in billionths of one) that the fee component in row `c` of `rates` charges.

    For a fill of `lots` (positive) worth `size` (not negative).
    """
    fee_nano, fee_ppb = rates[c, C_NANO], rates[c, C_PPB]
    whole = lots * rates[c, C_WHOLE] + (lots // NANO) * fee_nano + (size // NANO) * fee_ppb
    nano = (lots % NANO) * fee_nano
    whole += nano // NANO
    nano = nano % NANO + (size % NANO) * fee_ppb
    fee = whole + nano // NANO
    rest = nano % NANO
    if 2 * rest > NANO or (2 * rest == NANO and fee % 2 != 0):
        fee += 1
        rest -= NANO
    if fee < rates[c, C_MIN]:
        fee, rest = rates[c, C_MIN], rest - rest
    if fee > rates[c, C_MAX]:
        fee, rest = rates[c, C_MAX], rest - rest
    return fee, rest


@njit(cache=True, error_model="numpy")
def fee_of(signed_lots, value, at, rates):  # type: ignore[no-untyped-def]
    """(fee in micro-units, remainder in billionths) of a fill under the dated row `at`: sum of its components."""
    fee, rest = np.int64(0), np.int64(0)
    for c in range(rates[at, R_FEE_BEGIN], rates[at, R_FEE_END]):
        if signed_lots < 0 or rates[c, C_SELLS_ONLY] == 0:
            amount, remainder = component_fee(abs(signed_lots), abs(value), c, rates)
            fee += amount
            rest += remainder
    return fee, rest


@njit(cache=True, error_model="numpy")
def impact_of(lots, par_k, inst_k):  # type: ignore[no-untyped-def]
    """(impact fee in micro-units, remainder in billionths of one) of a fill of `lots` (positive) in the bar in hand."""
    fee, rest = np.int64(0), np.int64(0)
    milli = inst_k["adverse_milli"] % MILLI
    if milli != 0:
        exact, den = lots * milli * par_k["value_num"], MILLI * par_k["value_den"]
        fee = half_even(exact, den)
        rest = np.int64(np.rint((exact - fee * den) / den * NANO))
    if inst_k["impact_scale"] != 0.0:
        fee += np.int64(np.rint(inst_k["impact_scale"] * lots * np.sqrt(float(lots))))
    return fee, rest


@njit(cache=True, error_model="numpy")
def rounded(whole, part, d):  # type: ignore[no-untyped-def]
    """whole + part / d rounded half to even; 0 <= part < d."""
    if 2 * part > d or (2 * part == d and whole % 2 != 0):
        return whole + 1
    return whole


@njit(cache=True, error_model="numpy")
def part_of(amount, numerator, denominator):  # type: ignore[no-untyped-def]
    """amount * numerator / denominator half to even, where numerator * denominator fits into int64."""
    rest = (amount % denominator) * numerator
    return rounded((amount // denominator) * numerator + rest // denominator, rest % denominator, denominator)


@njit(cache=True, error_model="numpy")
def share_up(value, ppm):  # type: ignore[no-untyped-def]
    """`ppm` millionths of |value|, rounded up."""
    size = abs(value)
    return (size // PPM) * ppm + -((-(size % PPM) * ppm) // PPM)


@njit(cache=True, error_model="numpy")
def converted(amount, rate):  # type: ignore[no-untyped-def]
    """amount * rate / 10**9 half to even, `rate` not negative; whole part and billionths are multiplied apart."""
    billionths = rate % NANO
    rest = (amount % NANO) * billionths
    whole = amount * (rate // NANO) + (amount // NANO) * billionths + rest // NANO
    return rounded(whole, rest % NANO, NANO)


@njit(cache=True, error_model="numpy")
def conversion_cost(base, par_k):  # type: ignore[no-untyped-def]
    """What the conversion of `base` micro-units of the account's currency costs."""
    return part_of(abs(base), par_k["fx_cost_ppb"], NANO)


@njit(cache=True, error_model="numpy")
def paid_in_base(amount, par_k, inst_k):  # type: ignore[no-untyped-def]
    """Cash that paying `amount` of the instrument's currency takes, conversion and its cost included."""
    if par_k["is_foreign"] == 0:
        return amount
    base = converted(amount, inst_k["fx_rate"])
    return base + conversion_cost(base, par_k)


@njit(cache=True, error_model="numpy")
def initial_margin(position, value, par_k, inst_k, rates):  # type: ignore[no-untyped-def]
    """Micro-units of equity needed to open what is held in one instrument."""
    if par_k["is_future"] == 1:
        margin = abs(position) * rates[inst_k["rate_at"], R_INITIAL + inst_k["margin_shift"]]
    else:
        margin = share_up(value, par_k["initial_ppm"])
    return margin if par_k["is_foreign"] == 0 else converted(margin, inst_k["fx_rate"])


@njit(cache=True, error_model="numpy")
def maintenance_margin(position, value, par_k, inst_k, rates):  # type: ignore[no-untyped-def]
    """Micro-units of equity needed to keep what is held in one instrument."""
    if par_k["is_future"] == 1:
        margin = abs(position) * rates[inst_k["rate_at"], R_MAINTENANCE + inst_k["margin_shift"]]
    else:
        margin = share_up(value, par_k["maintenance_long_ppm"] if position > 0 else par_k["maintenance_short_ppm"])
    return margin if par_k["is_foreign"] == 0 else converted(margin, inst_k["fx_rate"])


@njit(cache=True, error_model="numpy")
def net_position(k, par, inst):  # type: ignore[no-untyped-def]
    """Lots that all books together hold in the instrument of line `k`."""
    line, net = par[k]["first_line"], np.int64(0)
    while line >= 0:
        net += inst[line]["position"]
        line = par[line]["next_line"]
    return net


@njit(cache=True, error_model="numpy")
def realised_gain(after, price, par_k, inst_k):  # type: ignore[no-untyped-def]
    """Gain of a future in another currency that a fill ended, not settled yet: `after` lots at `price` were begun."""
    return position_value(after, price, par_k) - inst_k["bal_position"]


@njit(cache=True, error_model="numpy")
def is_ended(before, after):  # type: ignore[no-untyped-def]
    """Whether going from one position to another ends the first."""
    return before != 0 and (after == 0 or (before > 0) != (after > 0))


@njit(cache=True, error_model="numpy")
def foreign_after(k, lots, price, value, fee, impact_fee, par, inst, state):  # type: ignore[no-untyped-def]
    """(cash, equity) after trading signed `lots` of line `k`, which is in another currency, at `price` ticks."""
    is_future = par[k]["is_future"] == 1
    rate = inst[k]["fx_rate"]
    cost = paid_in_base(fee, par[k], inst[k]) + paid_in_base(impact_fee, par[k], inst[k])
    held = inst[k]["position"]
    if is_future and is_ended(held, held + lots):
        gain = realised_gain(held + lots, price, par[k], inst[k]) - value
        cost += conversion_cost(converted(gain, rate), par[k])
    if not is_future:
        cost += paid_in_base(value, par[k], inst[k])
    equity, line = state[S_EQUITY] - cost, par[k]["first_line"]
    while line >= 0:
        held_open = inst[line]["bal_clearing"] - (value if is_future and line == k else 0)
        held_open += position_value(inst[line]["position"] + (lots if line == k else 0), price, par[line])
        equity += converted(held_open, rate) - inst[line]["worth"]
        line = par[line]["next_line"]
    return state[S_CASH] - cost, equity


@njit(cache=True, error_model="numpy")
def account_holds(k, lots, price, impact, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """Whether the account's rule holds after trading signed `lots` of line `k` at `price` ticks."""
    value = position_value(lots, price, par[k])
    fee, impact_fee = fee_of(lots, value, inst[k]["rate_at"], rates)[0], np.int64(0)
    if impact:
        impact_fee = impact_of(abs(lots), par[k], inst[k])[0]
    is_foreign = par[k]["is_foreign"] == 1
    cash, equity = state[S_CASH] - value - fee - impact_fee, state[S_EQUITY] - value - fee - impact_fee
    if is_foreign:
        cash, equity = foreign_after(k, lots, price, value, fee, impact_fee, par, inst, state)
    if state[S_CASH_ONLY] == 1:
        return cash >= 0
    net, line = lots, par[k]["first_line"]
    while line >= 0:
        held = inst[line]["position"]
        net += held
        if not is_foreign:
            equity += position_value(held + (lots if line == k else 0), price, par[line]) - inst[line]["value"]
        line = par[line]["next_line"]
    needed = initial_margin(net, position_value(net, price, par[k]), par[k], inst[k], rates)
    for m in range(len(inst)):
        if par[m]["first_line"] == m and m != par[k]["first_line"]:
            net = net_position(m, par, inst)
            if net != 0:
                needed += initial_margin(net, position_value(net, inst[m]["mark"], par[m]), par[m], inst[m], rates)
    return equity >= needed


@njit(cache=True, error_model="numpy")
def reducing_lots(k, side, wanted, par, inst, state):  # type: ignore[no-untyped-def]
    """How many of the `wanted` lots bring nearer to zero what the account (if cash: the book) holds."""
    held = inst[k]["position"] if state[S_CASH_ONLY] == 1 else net_position(k, par, inst)
    return min(wanted, abs(held)) if held * side < 0 else np.int64(0)


@njit(cache=True, error_model="numpy")
def opening_lots(k, side, reducing, wanted, price, impact, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """(lots that may be opened beside `reducing` ones, reason why not all), or (-1, 0) on overflow."""
    held = abs(inst[k]["position"]) + abs(net_position(k, par, inst))
    if too_large(held + reducing + wanted, price, par[k]):
        return np.int64(-1), 0
    if wanted == 0:
        return np.int64(0), 0
    if state[S_HALT] != 0:
        return np.int64(0), state[S_HALT]
    if par[k]["is_foreign"] == 1 and inst[k]["fx_rate"] == 0:
        return np.int64(0), NO_RATE
    if state[S_CASH_ONLY] == 1 and side < 0:
        return np.int64(0), SHORT_FORBIDDEN
    if account_holds(k, side * (reducing + wanted), price, impact, par, inst, state, rates):
        return wanted, 0
    low, high = np.int64(0), wanted
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
    elif account == CARRY:
        inst[k]["bal_carry"] += amount
    elif account == INTEREST:
        state[S_INTEREST] += amount
    elif account == FOREIGN:
        inst[k]["bal_foreign"] += amount
    elif account == FX:
        inst[k]["bal_fx"] += amount
    elif account == FX_BASE:
        inst[k]["bal_fx_base"] += amount
    elif account == FX_COST:
        inst[k]["bal_fx_cost"] += amount
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
    journal[n]["fills_before"] = state[S_FILLS]
    state[S_JOURNAL] = n + 1


@njit(cache=True, error_model="numpy")
def pay_cash(account, k, amount, ts, fill_id, par, inst, state, journal):  # type: ignore[no-untyped-def]
    """Pay `amount` of the currency of line `k` out of cash (receive it, if negative), converted if need be."""
    if par[k]["is_foreign"] == 0:
        post(account, CASH, k, amount, ts, fill_id, inst, state, journal)
        state[S_EQUITY] -= amount
        return
    post(account, FOREIGN, k, amount, ts, fill_id, inst, state, journal)
    post(FOREIGN, FX, k, amount, ts, fill_id, inst, state, journal)
    base = converted(amount, inst[k]["fx_rate"])
    cost = conversion_cost(base, par[k])
    post(FX_BASE, CASH, k, base, ts, fill_id, inst, state, journal)
    post(FX_COST, CASH, k, cost, ts, fill_id, inst, state, journal)
    state[S_EQUITY] -= base + cost


@njit(cache=True, error_model="numpy")
def open_amount(inst_k):  # type: ignore[no-untyped-def]
    """What a line in another currency holds beside the account's cash, in that currency."""
    return inst_k["value"] + inst_k["bal_clearing"] + inst_k["bal_foreign"]


@njit(cache=True, error_model="numpy")
def set_worth(k, inst, state):  # type: ignore[no-untyped-def]
    """Bring the running equity up to what line `k`, in another currency, is worth in the account's."""
    worth = converted(open_amount(inst[k]), inst[k]["fx_rate"])
    state[S_EQUITY] += worth - inst[k]["worth"]
    inst[k]["worth"] = worth


@njit(cache=True, error_model="numpy")
def revalue(k, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """Bring value, running equity and running maintenance margin of line `k` up to its position and mark."""
    value = position_value(inst[k]["position"], inst[k]["mark"], par[k])
    if par[k]["is_foreign"] == 0:
        state[S_EQUITY] += value - inst[k]["value"]
        inst[k]["value"] = value
    else:
        inst[k]["value"] = value
        set_worth(k, inst, state)
    first, net = par[k]["first_line"], inst[k]["position"]
    if par[first]["next_line"] >= 0:
        net = net_position(k, par, inst)
        value = position_value(net, inst[k]["mark"], par[k])
    maintenance = 0
    if net != 0:
        maintenance = maintenance_margin(net, value, par[k], inst[k], rates)
    state[S_MAINTENANCE] += maintenance - inst[first]["maintenance"]
    inst[first]["maintenance"] = maintenance


@njit(cache=True, error_model="numpy")
def set_mark(k, mark, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """A new mark of the instrument of line `k`, for all its books; False on overflow."""
    line = par[k]["first_line"]
    while line >= 0:
        inst[line]["mark"] = mark
        if inst[line]["position"] != 0:
            if too_large(inst[line]["position"], mark, par[line]):
                return False
            revalue(line, par, inst, state, rates)
        line = par[line]["next_line"]
    return True


@njit(cache=True, error_model="numpy")
def quiet_range(state):  # type: ignore[no-untyped-def]
    """(low, high): an equity above the low and up to the high one moves nothing in the account but itself."""
    floor = max(state[S_MAINTENANCE] - 1, 0, state[S_LOSS_FLOOR], state[S_DRAWDOWN_FLOOR])
    return floor, min(state[S_PEAK], MONEY_MAX)


@njit(cache=True, error_model="numpy")
def has_news(k, par, inst, state):  # type: ignore[no-untyped-def]
    """Something was filled on line `k`: its strategy is told at the end of the instant, if it wants to hear of it."""
    if par[k]["tells_fills"] == 1:
        inst[k]["notify"] = 1
        state[S_NOTIFY] = 1


@njit(cache=True, error_model="numpy")
def write_fill(order, k, lots, base, price, rule, ts, row, value, fee, impact, inst, state, fills):  # type: ignore[no-untyped-def]
    """Write a row of the fill table, in the account's currency, and move the position; returns the fill's id."""
    n = state[S_FILLS]
    inst[k]["flow"] -= value
    if inst[k]["fx_rate"] != 0:
        value, fee = converted(value, inst[k]["fx_rate"]), converted(fee, inst[k]["fx_rate"])
        impact = converted(impact, inst[k]["fx_rate"])
    inst[k]["position"] += lots
    inst[k]["unsettled"] = 1
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
    fills[n]["impact_micros"] = impact
    fills[n]["position_after_lots"] = inst[k]["position"]
    state[S_FILLS] = n + 1
    return n


@njit(cache=True, error_model="numpy")
def post_foreign(k, lots, price, value, fee, impact_fee, ts, n, par, inst, state, journal):  # type: ignore[no-untyped-def]
    """The entries of fill `n` of a line in another currency, whose position has moved already.

    A future whose position ends here is settled at once, so that each conversion belongs to one trade.
    """
    if par[k]["is_future"] == 0:
        pay_cash(POSITION, k, value, ts, n, par, inst, state, journal)
    else:
        post(POSITION, CLEARING, k, value, ts, n, inst, state, journal)
    pay_cash(FEES, k, fee, ts, n, par, inst, state, journal)
    pay_cash(FEES, k, impact_fee, ts, n, par, inst, state, journal)
    after = inst[k]["position"]
    if par[k]["is_future"] == 1 and is_ended(after - lots, after):
        gain = realised_gain(after, price, par[k], inst[k])
        post(POSITION, PNL, k, gain, ts, n, inst, state, journal)
        pay_cash(CLEARING, k, -gain, ts, n, par, inst, state, journal)


@njit(cache=True, error_model="numpy")
def record_fill(order, k, lots, base, price, rule, ts, row, impact, par, inst, state, fills, journal, rates):  # type: ignore[no-untyped-def]
    """Write a fill of signed `lots` at `price` ticks and its entries; positions, cash and equity follow."""
    value = position_value(lots, price, par[k])
    fee, rest = fee_of(lots, value, inst[k]["rate_at"], rates)
    impact_fee, impact_rest = np.int64(0), np.int64(0)
    if impact:
        impact_fee, impact_rest = impact_of(abs(lots), par[k], inst[k])
    n = write_fill(order, k, lots, base, price, rule, ts, row, value, fee, impact_fee, inst, state, fills)
    if par[k]["is_foreign"] == 1:
        post_foreign(k, lots, price, value, fee, impact_fee, ts, n, par, inst, state, journal)
    else:
        post(POSITION, CLEARING if par[k]["is_future"] == 1 else CASH, k, value, ts, n, inst, state, journal)
        post(FEES, CASH, k, fee, ts, n, inst, state, journal)
        post(FEES, CASH, k, impact_fee, ts, n, inst, state, journal)
        state[S_EQUITY] -= value + fee + impact_fee
    inst[par[k]["first_line"]]["volume_left"] -= abs(lots)
    inst[par[k]["first_line"]]["paid"] = price
    value_rest = lots * price * par[k]["value_num"] - value * par[k]["value_den"]
    state[S_ROUNDING] += value_rest * (NANO // par[k]["value_den"]) + rest + impact_rest
    if inst[k]["has_mark"] == 0:
        set_mark(k, price, par, inst, state, rates)
        line = par[k]["first_line"]
        while line >= 0:  # another book's gain may have been settled in this very event, at the mark before
            if inst[line]["position"] != 0:
                inst[line]["unsettled"] = 1
            line = par[line]["next_line"]
    revalue(k, par, inst, state, rates)


@njit(cache=True, error_model="numpy")
def foreign_fault(own, inst_m):  # type: ignore[no-untyped-def]
    """Which proof of a line in another currency fails; `own` is the sum of its accounts without money on its way."""
    if own + inst_m["bal_foreign"] + inst_m["bal_fx"] != 0:
        return 6
    received = inst_m["flow"] - inst_m["bal_clearing"] - inst_m["bal_fees"] - inst_m["bal_carry"]
    return 7 if inst_m["bal_fx"] != received - inst_m["bal_foreign"] else 0


@njit(cache=True, error_model="numpy")
def prove(k, par, inst, state):  # type: ignore[no-untyped-def]
    """Whether the books hold after the settlement of `k`; names the first proof that fails in the state vector."""
    fault = 0
    if inst[k]["bal_position"] != inst[k]["value"]:
        fault = 1
    elif inst[k]["bal_clearing"] != (-inst[k]["bal_position"] if par[k]["is_future"] == 1 else 0):
        fault = 2
    total = state[S_CASH] + state[S_CAPITAL] + state[S_INTEREST]
    by_books = state[S_CASH]
    by_flows = -state[S_CAPITAL] - state[S_INTEREST]
    for m in range(len(inst)):
        own = inst[m]["bal_position"] + inst[m]["bal_clearing"] + inst[m]["bal_pnl"] + inst[m]["bal_fees"]
        own += inst[m]["bal_carry"]
        if par[m]["is_foreign"] == 1:
            if fault == 0:
                fault = foreign_fault(own, inst[m])
            worth = converted(open_amount(inst[m]), inst[m]["fx_rate"])
            total += inst[m]["bal_fx_base"] + inst[m]["bal_fx_cost"]
            by_books += worth
            by_flows += worth - inst[m]["bal_fx_base"] - inst[m]["bal_fx_cost"]
            continue
        total += own
        by_books += inst[m]["value"] + inst[m]["bal_clearing"]
        by_flows += inst[m]["value"] + inst[m]["flow"] - inst[m]["bal_fees"] - inst[m]["bal_carry"]
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
    if par[k]["is_foreign"] == 1:
        if par[k]["is_future"] == 1:
            pay_cash(CLEARING, k, -gain, ts, -1, par, inst, state, journal)
        set_worth(k, inst, state)
    elif par[k]["is_future"] == 1:
        post(CASH, CLEARING, k, gain, ts, -1, inst, state, journal)
    inst[k]["unsettled"] = 0
    return prove(k, par, inst, state)


@njit(cache=True, error_model="numpy")
def settle_last(k, ts, par, inst, state, journal):  # type: ignore[no-untyped-def]
    """The settlement at the end of the data: money in another currency is not converted any more."""
    if par[k]["is_foreign"] == 0:
        return settle(k, ts, par, inst, state, journal)
    gain = inst[k]["value"] - inst[k]["bal_position"]
    post(POSITION, PNL, k, gain, ts, -1, inst, state, journal)
    if par[k]["is_future"] == 1:
        post(FOREIGN, CLEARING, k, gain, ts, -1, inst, state, journal)
    inst[k]["unsettled"] = 0
    return prove(k, par, inst, state)


share_compiled(globals())
