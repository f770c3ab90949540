"""All figures of one run, under the names that `declared_metrics` declares, and the result of each of its books."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D, I64_1D
from argus.engine import metrics, period_metrics, risk_metrics, trade_metrics
from argus.engine.cost_attribution import bars_met
from argus.engine.currency import in_base, recorded_rates
from argus.engine.declared_metrics import METRICS
from argus.engine.market import NOT_FINER, Finer, Market
from argus.engine.period_metrics import Frequency
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord

__all__ = ["BookResult", "book_pnl", "summary"]


def summary(
    record: RunRecord,
    market: Market | None = None,
    *,
    sessions_per_year: float | None = None,
    participation_limit: float = 0.01,
    finer: Finer = NOT_FINER,
) -> Mapping[str, float]:
    """Every declared figure of a run, in the order of `METRICS`; NaN where there is too little to say.

    Parameters
    ----------
    record : RunRecord
    market : mapping, optional
        Symbol to specification and bars, the very ones of the run: the three figures of capacity need their volume and
        are NaN without.
    sessions_per_year : float, optional
        Counted from the record's own sessions if None.
    participation_limit : float
        Share of a bar's volume that capacity is stated at.
    finer : mapping
        Symbol to the finer bars or quotes that the run's orders met, if it had any: beside a market.

    Raises
    ------
    ConfigError
        If `sessions_per_year` is not positive, the limit does not lie in (0, 1], or the market is not the one that the
        run's manifest names.
    """
    session, equity = record.session_equity()
    rate = metrics.sessions_per_year(session) if sessions_per_year is None else sessions_per_year
    basis = metrics.summarise(record, rate)
    found = {name: float(getattr(basis, name)) for name in METRICS if hasattr(basis, name)}
    returns = metrics.session_returns(equity, record.opening_cash_micros)
    found |= _dependence(returns, rate)
    found |= _periods(session, equity, record.opening_cash_micros)
    found |= _risk(equity, record.opening_cash_micros, returns, basis.return_annual, rate)
    found |= _in_market(record)
    found |= _trades(record)
    found |= _costs(record)
    met = None if market is None else bars_met(record, market, finer)
    found |= _capacity(record, met, equity, participation_limit)
    return {name: found[name] for name in METRICS}


def _dependence(returns: F64_1D, rate: float) -> dict[str, float]:
    return {
        "sharpe_annual_error_dependent": period_metrics.sharpe_error_dependent(returns) * math.sqrt(rate),
        "sharpe_annual_dependent": period_metrics.sharpe_annual_dependent(returns, rate),
        "autocorrelation_1": float(period_metrics.autocorrelations(returns, 1)[0]),
    }


def _periods(session: I32_1D, equity: I64_1D, opening: int) -> dict[str, float]:
    weeks = period_metrics.period_returns(session, equity, opening, Frequency.WEEK, whole=True)
    months = period_metrics.period_returns(session, equity, opening, Frequency.MONTH, whole=True)
    known = bool(len(months.returns))
    return {
        "month_return_mean": float(np.mean(months.returns)) if known else math.nan,
        "month_return_worst": float(np.min(months.returns)) if known else math.nan,
        "months_positive": float(np.mean(months.returns > 0.0)) if known else math.nan,
        "sharpe_annual_weekly": metrics.sharpe(weeks.returns) * math.sqrt(weeks.per_year),
        "sharpe_annual_monthly": metrics.sharpe(months.returns) * math.sqrt(months.per_year),
    }


def _risk(equity: I64_1D, opening: int, returns: F64_1D, annual: float, rate: float) -> dict[str, float]:
    curve = metrics.drawdown_curve(equity, opening)
    depth, length = risk_metrics.mean_drawdown(risk_metrics.drawdowns(equity, opening))
    ulcer = risk_metrics.ulcer_index(curve)
    return {
        "downside_annual": metrics.downside_deviation(returns) * math.sqrt(rate),
        "drawdown_mean": depth,
        "drawdown_mean_sessions": length,
        "under_water": risk_metrics.under_water(curve),
        "ulcer_index": ulcer,
        "ulcer_performance": risk_metrics.ulcer_performance(annual, ulcer),
        "var_95": risk_metrics.value_at_risk(returns),
        "cvar_95": risk_metrics.conditional_value_at_risk(returns),
        "tail_ratio": risk_metrics.tail_ratio(returns),
    }


def _in_market(record: RunRecord) -> dict[str, float]:
    instants, equity = record.equity_ts_ns, record.equity_micros
    begin, end = (int(instants[0]), int(instants[-1])) if len(instants) else (0, 0)
    return {
        "exposure_time": trade_metrics.time_in_market(record.fills, begin, end),
        "exposure_gross": trade_metrics.mean_exposure(record.fills, instants, equity),
        "exposure_net": trade_metrics.mean_exposure(record.fills, instants, equity, net=True),
    }


def _trades(record: RunRecord) -> dict[str, float]:
    closed = record.trades[record.trades["is_open"] == 0]
    net, mae, mfe = closed["net_micros"], closed["mae_micros"], closed["mfe_micros"]
    return {
        "payoff_ratio": trade_metrics.payoff_ratio(net),
        "expectancy_error_micros": trade_metrics.expectancy_error(net),
        "mae_mean_micros": float(np.mean(mae)) if len(closed) else math.nan,
        "mfe_mean_micros": float(np.mean(mfe)) if len(closed) else math.nan,
        "edge_ratio": trade_metrics.edge_ratio(mae, mfe),
        "winner_mae_90_micros": trade_metrics.winner_excursion(mae, net),
        "captured_share": trade_metrics.captured_share(closed["gross_micros"], mfe),
    }


def _costs(record: RunRecord) -> dict[str, float]:
    slippage = float(trade_metrics.slippage_micros(record.fills).sum())
    carry, interest = _flows(record, "CARRY"), _flows(record, "INTEREST")
    costs = record.fees_micros + slippage + carry.paid_micros + interest.paid_micros
    # Interest on idle cash was not earned by trading: without it off, a rich account would make any cost look small.
    gross = record.net_pnl_micros + costs - interest.received_micros
    return {
        "slippage_micros": slippage,
        "carry_paid_micros": float(carry.paid_micros),
        "carry_received_micros": float(carry.received_micros),
        "interest_micros": float(record.interest_micros),
        "cost_share": trade_metrics.cost_share(costs, gross),
        "break_even_cost": trade_metrics.break_even_cost(gross, float(metrics.traded_micros(record.fills))),
        "break_even_multiplier": trade_metrics.break_even_multiplier(gross, costs),
    }


class _Flow(NamedTuple):
    """What moved between cash and another account of the ledger."""

    paid_micros: int
    received_micros: int


def _flows(record: RunRecord, account: str) -> _Flow:
    """All that was paid to, and received from, CARRY or INTEREST."""
    code, journal = JOURNAL_ACCOUNTS.index(account), record.journal
    amount = journal["amount_micros"]
    if len(record.rates):
        amount = amount.copy()
        for row in np.flatnonzero((journal["debit"] == code) | (journal["credit"] == code)).tolist():
            rates = recorded_rates(record, int(journal["instrument"][row])) if journal["instrument"][row] >= 0 else None
            if rates is not None:
                amount[row] = in_base(int(amount[row]), rates.at(int(journal["ts_ns"][row])))
    return _Flow(int(amount[journal["debit"] == code].sum()), int(amount[journal["credit"] == code].sum()))


def _capacity(record: RunRecord, market: Market | None, equity: I64_1D, limit: float) -> dict[str, float]:
    shares = np.full(1, math.nan)
    if market is not None:
        shares = trade_metrics.participation(_by_instrument(record), _volumes(record, market))
    multiple = trade_metrics.capacity_multiple(shares, limit)
    return {
        "participation_max": float(np.max(shares)) if len(shares) else math.nan,
        "capacity_multiple": multiple,
        "capacity_micros": multiple * float(np.mean(equity)) if len(equity) else math.nan,
    }


def _by_instrument(record: RunRecord) -> NDArray[np.void]:
    """The fills, those of all books in one instrument under its first line: they share the volume of a bar."""
    first = np.array([record.universe.index(symbol) for symbol in record.universe], dtype=np.int32)
    fills = record.fills.copy()
    fills["instrument"] = first[fills["instrument"]]
    return fills


def _volumes(record: RunRecord, market: Market) -> list[F64_1D]:
    """Volume of every bar in lots, line by line."""
    return [market[symbol][1].volume * float(market[symbol][0].lots_per_unit) for symbol in record.universe]


@dataclass(frozen=True, slots=True)
class BookResult:
    """What one book of a run earned; the account's interest belongs to none.

    Attributes
    ----------
    trades, open_trades : int
        Closed round trips, and those that were still open at the end.
    gross_micros, fee_micros, carry_micros, net_micros : int
        Of all trades, open ones marked at the last close: gross less fees (impact included) plus carry is net.
    """

    trades: int
    open_trades: int
    gross_micros: int
    fee_micros: int
    carry_micros: int
    net_micros: int


def book_pnl(record: RunRecord) -> Mapping[str, BookResult]:
    """The result of each book, in the run's order; with the account's interest they are the net result, exactly.

    ``sum(net_micros) + record.interest_micros == record.net_pnl_micros``. A run of one strategy has one book.

    Parameters
    ----------
    record : RunRecord
    """
    of_trade = np.array(record.books)[record.trades["instrument"]]
    results = {}
    for book in dict.fromkeys(record.books):
        mine = record.trades[of_trade == book]
        is_open = int(mine["is_open"].sum())
        sums = {f"{name}_micros": int(mine[f"{name}_micros"].sum()) for name in ("gross", "fee", "carry", "net")}
        results[book] = BookResult(trades=len(mine) - is_open, open_trades=is_open, **sums)
    return results
