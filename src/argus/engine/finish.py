"""The end of a run, whatever form its strategy had: what must hold before it, the record after it, the trial it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import ConfigError, CoverageError, LedgerError, RunError
from argus.core.ports import TrialLedger
from argus.core.strategy import StrategySpec
from argus.core.time import format_ns
from argus.engine._layout import (
    BOOKS_BROKEN,
    E_KIND,
    E_MARGIN,
    E_RATE,
    S_EQUITY_ROWS,
    S_EVENT,
    S_FAULT,
    S_FAULT_INSTRUMENT,
    S_FILLS,
    S_HALTS,
    S_INTEREST,
    S_JOURNAL,
    S_LIQUIDATIONS,
    S_ORDERS,
    S_TS,
)
from argus.engine.book import RunTables, resized
from argus.engine.config import RunConfig
from argus.engine.currency import rates_table
from argus.engine.manifest import canonical_json
from argus.engine.market import Market
from argus.engine.metrics import kurtosis, session_returns, sharpe, skewness
from argus.engine.record import DECISION_DTYPE, Refusal, RunManifest, RunRecord
from argus.engine.trades import trades_of

__all__ = [
    "Minutes",
    "TrialLines",
    "check_universe",
    "record_of",
    "record_trials",
    "stop_run",
    "trial_of",
    "trial_with",
]

_BEGINNING_BARS: Final = 64
_ORDERS_TELLING: Final = 4
"""Orders below which equal returns say nothing: everybody who only holds has the same ones."""
_FAULTS: Final = {
    1: "the position account is not the value of what is held",
    2: "the clearing account is not the negative of the position",
    3: "debits and credits differ",
    4: "equity from the books is not the running equity",
    5: "equity from the fills is not the running equity",
    6: "debits and credits in its own currency differ",
    7: "what was converted is not what was received and paid in its own currency",
}
_OF_ACCOUNT: Final = (E_RATE, E_MARGIN)


@dataclass(slots=True)
class Minutes:
    """What all desks of a run wrote down: decisions as (time, kind, orders), and refusals."""

    decisions: list[tuple[int, int, int]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    first_decision_ns: int | None = None


def check_universe(spec: StrategySpec, market: Market) -> None:
    """Raise unless the market holds what a strategy needs."""
    universe = spec.universe
    if not universe or len(set(universe)) != len(universe):
        raise ConfigError(f"{spec.name}: its universe is {universe}; one or more different instruments are needed")
    for symbol in universe:
        if symbol not in market:
            raise CoverageError(f"{symbol}: the run has no bars of it; it has {', '.join(market) or 'none at all'}")
        missing = spec.needs - market[symbol][1].observed
        if missing:
            raise CoverageError(
                f"{spec.name} needs {', '.join(sorted(missing))} of {symbol}, which these data do not hold (observed: "
                f"{', '.join(sorted(market[symbol][1].observed))}); use other data, or an execution without it"
            )


def stop_run(why: int, tables: RunTables, universe: tuple[str, ...]) -> NoReturn:
    """The kernel cannot go on: say why."""
    now = format_ns(int(tables.state[S_TS]))
    if why == BOOKS_BROKEN:
        symbol = universe[int(tables.state[S_FAULT_INSTRUMENT])]
        raise LedgerError(f"books of {symbol} at {now}: {_FAULTS[int(tables.state[S_FAULT])]}")
    raise RunError(f"at {now} a position or balance became too large for the ledger; trade smaller")


def record_of(
    t: RunTables,
    minutes: Minutes,
    config: RunConfig,
    manifest: RunManifest,
    universe: tuple[str, ...],
    books: tuple[str, ...],
) -> RunRecord:
    """Everything that happened in a run that came to its end, cut to its length."""
    rows = int(t.state[S_EQUITY_ROWS])
    instants, sessions = t.equity_instants()
    first = rows
    if minutes.first_decision_ns is not None:
        first = int(np.searchsorted(instants, minutes.first_decision_ns))
    fills = resized(t.fills, int(t.state[S_FILLS]))
    equity = t.eq_micros[first:rows]
    opening = config.account.cash_micros
    interest = -int(t.state[S_INTEREST])
    journal = resized(t.journal, int(t.state[S_JOURNAL]))
    final = int(t.eq_micros[rows - 1]) if rows else opening
    trades = trades_of(t.market, t.market.events[: t.state[S_EVENT]], fills, journal, final - opening - interest)
    orders = resized(t.orders, int(t.state[S_ORDERS]))
    notes = list(t.market.notes)
    if t.state[S_LIQUIDATIONS]:
        notes.append(f"the account was liquidated {int(t.state[S_LIQUIDATIONS])} times for lack of margin")
    if t.state[S_HALTS]:
        notes.append(f"trading was halted {int(t.state[S_HALTS])} times after losses")
    late = int(np.isin(t.market.events[int(t.state[S_EVENT]) :, E_KIND], _OF_ACCOUNT, invert=True).sum())
    if late:
        notes.append(f"{late} events of instruments come after the last bar of the run and were not booked")
    if config.fills.touch:
        notes.append("limit orders were filled on touch, which is kinder than the market is")
    if minutes.first_decision_ns is None:
        notes.append("the strategy was never woken: the data are shorter than its warm-up, or the range is empty")
    return RunRecord(
        manifest=manifest,
        universe=universe,
        books=books,
        decisions=np.array(minutes.decisions, dtype=DECISION_DTYPE),
        orders=orders,
        fills=fills,
        journal=journal,
        trades=trades,
        order_tags=_tags(t.order_tags, orders),
        refusals=tuple(minutes.refusals),
        equity_ts_ns=instants[first:],
        equity_micros=equity,
        cash_micros=t.cash_micros(first, rows),
        equity_session=sessions[first:],
        opening_cash_micros=opening,
        interest_micros=interest,
        bars=t.market.bars,
        notes=tuple(notes),
        rates=rates_table(t.market.foreign),
    )


def _tags(given: Mapping[int, str], orders: NDArray[np.void]) -> tuple[str, ...]:
    """The strategy's word for each order; the account's own are liquidations."""
    tags = [""] * len(orders)
    for i in np.flatnonzero(orders["liquidation"]).tolist():
        tags[i] = "liquidation"
    for i, tag in given.items():
        tags[i] = tag
    return tuple(tags)


def trial_of(
    manifest: RunManifest,
    config: RunConfig,
    market: Market,
    purpose: str,
    record: RunRecord | None,
) -> Mapping[str, Any]:
    """The line of the trial ledger for a run; `record` is None if it failed."""
    if record is None:
        return trial_with(manifest, config, market, purpose, None)
    returns = session_returns(record.session_equity()[1], record.opening_cash_micros)
    return trial_with(manifest, config, market, purpose, (returns, record.net_pnl_micros, len(record.orders)))


def _beginning(bars: Bars) -> str:
    """Hash of the first bars: by it the ledger knows the same data again when more bars have come to their end."""
    digest = hashlib.sha256()
    for name in ("ts_event_ns", "ts_close_ns", "open", "high", "low", "close"):
        digest.update(np.nan_to_num(getattr(bars, name)[:_BEGINNING_BARS]).tobytes())
    return digest.hexdigest()[:16]


def trial_with(
    manifest: RunManifest,
    config: RunConfig,
    market: Market,
    purpose: str,
    result: tuple[F64_1D, int, int] | None,
) -> Mapping[str, Any]:
    """The line of the trial ledger; `result` is (session returns, net P&L in micros, orders), None if it failed."""
    return TrialLines(config, market, purpose).of(manifest, result)


class TrialLines:
    """Lines of the trial ledger for runs that share data and settings: what they have in common is made once.

    Parameters
    ----------
    config : RunConfig
    market : mapping
    purpose : str
    """

    def __init__(self, config: RunConfig, market: Market, purpose: str) -> None:
        self._market, self._purpose = market, purpose
        self._multiplier = str(config.costs.multiplier)
        self._settings: tuple[Any, str] = (None, "")
        self._data: tuple[Any, dict[str, Any]] = (None, {})

    def of(self, manifest: RunManifest, result: tuple[F64_1D, int, int] | None) -> Mapping[str, Any]:
        """The line of one run; `result` is (session returns, net P&L in micros, orders), None if it failed."""
        told = manifest.strategy
        if self._settings[0] is not manifest.config:
            self._settings = manifest.config, canonical_json(manifest.config)
        if self._data[0] is not manifest.data or self._data[1]["instruments"] != ",".join(told["universe"]):
            self._data = manifest.data, self._of_data(manifest)
        returns, net_pnl_micros, orders = (np.zeros(0), 0, 0) if result is None else result
        return {
            "run_id": manifest.run_id,
            "strategy": told["name"],
            "version": told["version"],
            "family": told["name"],
            "parameters": canonical_json(told["parameters"]),
            **self._data[1],
            "status": "failed" if result is None else "finished",
            "sessions": len(returns),
            "sharpe_session": sharpe(returns),
            "skew": skewness(returns),
            "kurtosis": kurtosis(returns),
            "net_pnl_micros": net_pnl_micros,
            "orders": orders,
            "cost_multiplier": self._multiplier,
            "config_hash": self._settings[1],
            "purpose": self._purpose,
            "source_hash": _source_of(told),
            "returns_hash": hashlib.sha256(returns.tobytes()).hexdigest()[:16] if orders >= _ORDERS_TELLING else "",
        }

    def _of_data(self, manifest: RunManifest) -> dict[str, Any]:
        symbols = manifest.strategy["universe"]
        bars = [self._market[symbol][1] for symbol in symbols]
        return {
            "instruments": ",".join(symbols),
            "data_hash": canonical_json(
                {
                    symbol: [manifest.data[symbol]["content_hash"], _beginning(one)]
                    for symbol, one in zip(symbols, bars, strict=True)
                }
            ),
            "first_ns": int(min(b.ts_event_ns[0] for b in bars)),
            "last_ns": int(max(b.ts_close_ns[-1] for b in bars)),
        }


def record_trials(ledger: TrialLedger, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write many lines, in one transaction where the ledger can."""
    at_once = getattr(ledger, "record_all", None)
    if at_once is not None:
        at_once(lines)
        return
    for line in lines:
        ledger.record(line)


def _source_of(told: Mapping[str, Any]) -> str:
    """Hash of the text of what decided; of several books all of theirs, through rolls that of the strategy within."""
    if "books" in told:
        return ",".join(_source_of(one) for one in told["books"].values())
    rolled = told["parameters"].get("rolled_source")
    return str(rolled).rpartition(" ")[2] if rolled else str(told.get("source", ""))
