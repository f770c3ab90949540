"""What-if questions about the account, with the engine's own margin and fee arithmetic."""

from __future__ import annotations

from numba import njit

from argus.engine._layout import S_CASH
from argus.engine._ledger_kernels import fee_of, impact_of, initial_margin, position_value, too_large

UNAFFORDABLE = 2**62


@njit(cache=True)
def margin_and_cash_after(k, lots, par, inst, state, rates):  # type: ignore[no-untyped-def]
    """(initial margin of all that is held, cash) if signed `lots` of `k` were traded at its mark; lots may be 0.

    More than a ledger can hold needs more margin, and leaves less cash, than any account has.
    """
    margin = 0
    for m in range(len(inst)):
        position, value = inst[m]["position"], inst[m]["value"]
        if m == k:
            position += lots
            if too_large(position, inst[m]["mark"], par[m]):
                return UNAFFORDABLE, -UNAFFORDABLE
            value = position_value(position, inst[m]["mark"], par[m])
        margin += initial_margin(position, value, par[m], inst[m], rates)
    cash = state[S_CASH]
    if lots != 0:
        value = position_value(lots, inst[k]["mark"], par[k])
        cash -= fee_of(abs(lots), value, inst[k]["rate_at"], rates)[0] + impact_of(abs(lots), par[k])[0]
        if par[k]["is_future"] == 0:
            cash -= value
    return margin, cash
