"""Runs of compiled and array strategies: the whole replay happens within one kernel, and the record is like any other.

The words that a compiled decision uses stand here too: names of the columns of its answer, of the kinds of orders, and
of what it is told of its position. They are plain numbers, so that Numba compiles them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BAR_FIELDS, F64_1D, I64_1D, Bars
from argus.core.errors import ConfigError, OrderError, RunError, StrategyError, StrategyFailed
from argus.core.instruments import InstrumentSpec
from argus.core.orders import Order, OrderType, Side, TimeInForce
from argus.core.ports import RiskPolicy, TrialLedger
from argus.core.random import stream_key
from argus.core.risk import OrderLimits, RiskRefused
from argus.core.strategy import FeatureRef
from argus.core.time import format_ns
from argus.engine import _layout as at
from argus.engine._compiled_entries import entries
from argus.engine.book import NEW_TABLES, RunTables, resized
from argus.engine.config import RunConfig
from argus.engine.feature_columns import feature_column
from argus.engine.finish import Minutes, check_universe, record_of, stop_run, trial_of
from argus.engine.forms import ArrayStrategy, CompiledStrategy
from argus.engine.manifest import manifest_of
from argus.engine.market import (
    CLOSE_COLUMN,
    HIGH_COLUMN,
    LOW_COLUMN,
    NO_EVENTS,
    NOT_FINER,
    RECV_COLUMN,
    Events,
    Finer,
    Market,
    MarketArrays,
    lay_out,
    seat,
)
from argus.engine.record import DECISION_DTYPE, Refusal, RunRecord

__all__ = [
    "CANCEL",
    "DAY",
    "EXIT_STOP",
    "EXIT_TARGET",
    "EXIT_TRAIL",
    "FOK",
    "GTC",
    "HELD",
    "IOC",
    "KEY",
    "KIND",
    "LIMIT",
    "LIMIT_ON_CLOSE",
    "LIMIT_ON_OPEN",
    "LIMIT_PRICE",
    "LIVING",
    "MARKET",
    "MARKET_ON_CLOSE",
    "MARKET_ON_OPEN",
    "PENDING",
    "REDUCE_ONLY",
    "STOP",
    "STOP_LIMIT",
    "STOP_PRICE",
    "TARGET",
    "TARGET_ON_CLOSE",
    "TARGET_ON_OPEN",
    "TIME_IN_FORCE",
    "TRAIL",
    "TRAILING_STOP",
    "UNITS",
    "Drive",
    "run_compiled",
]

KIND: Final = at.O_KIND
"""Column of an answer's row: what is asked for; `TARGET` in a blank row."""
UNITS: Final = at.O_UNITS
"""Column: signed units, wanted in all (targets) or to trade (orders)."""
LIMIT_PRICE: Final = at.O_LIMIT
"""Column: limit of an order that has one."""
STOP_PRICE: Final = at.O_STOP
"""Column: stop of an order that has one."""
TRAIL: Final = at.O_TRAIL
"""Column: distance of a trailing stop."""
TIME_IN_FORCE: Final = at.O_TIF
"""Column: `DAY` (in a blank row), `GTC`, `IOC` or `FOK`."""
REDUCE_ONLY: Final = at.O_REDUCE_ONLY
"""Column: 1 for an order that may only bring the position nearer to zero."""
KEY: Final = at.O_KEY
"""Column: a whole number of the strategy's own, by which `CANCEL` finds the order and its exits; 0 is none."""
EXIT_STOP: Final = at.O_EXIT_STOP
"""Column: price of a protective stop that lives once the order has filled (`core.intents.Bracket`)."""
EXIT_TARGET: Final = at.O_EXIT_TARGET
"""Column: price of a target that lives once the order has filled."""
EXIT_TRAIL: Final = at.O_EXIT_TRAIL
"""Column: distance of a trailing stop that lives once the order has filled."""

MARKET: Final = int(OrderType.MARKET)
"""Kind of a row: an order to trade at the next open; so are the other types of `core.orders.OrderType`."""
LIMIT: Final = int(OrderType.LIMIT)  # kind: needs `LIMIT_PRICE`
STOP: Final = int(OrderType.STOP)  # kind: needs `STOP_PRICE`
STOP_LIMIT: Final = int(OrderType.STOP_LIMIT)  # kind: needs both prices
MARKET_ON_OPEN: Final = int(OrderType.MARKET_ON_OPEN)  # kind: fills at a session's open
MARKET_ON_CLOSE: Final = int(OrderType.MARKET_ON_CLOSE)  # kind: fills at a session's close
TRAILING_STOP: Final = int(OrderType.TRAILING_STOP)  # kind: needs `TRAIL`
LIMIT_ON_OPEN: Final = int(OrderType.LIMIT_ON_OPEN)  # kind: needs `LIMIT_PRICE`
LIMIT_ON_CLOSE: Final = int(OrderType.LIMIT_ON_CLOSE)  # kind: needs `LIMIT_PRICE`
TARGET: Final = at.K_TARGET
"""Kind: a market order from what is held and on its way to `UNITS`, if that is not there yet."""
TARGET_ON_OPEN: Final = at.K_TARGET_ON_OPEN
"""Kind: the same at a session's open."""
TARGET_ON_CLOSE: Final = at.K_TARGET_ON_CLOSE
"""Kind: the same at a session's close."""
CANCEL: Final = at.K_CANCEL
"""Kind: withdraw every living order sent under `KEY`, or all of the strategy's where that is 0."""
DAY: Final = int(TimeInForce.DAY)
"""Time in force: until the session's end."""
GTC: Final = int(TimeInForce.GTC)
"""Time in force: until filled or cancelled."""
IOC: Final = int(TimeInForce.IOC)
"""Time in force: what can be had at the next open."""
FOK: Final = int(TimeInForce.FOK)
"""Time in force: all at the next open, or nothing."""
HELD: Final = at.P_HELD
"""Slot of `position`: units held."""
PENDING: Final = at.P_PENDING
"""Slot of `position`: units that working market, on-open and on-close orders would add."""
LIVING: Final = at.P_LIVING
"""Slot of `position`: how many orders of the strategy live."""

_NO_LIMIT: Final = 2**62
_FIRST_ROWS: Final = 256
_COUNT_MAX: Final = 2.0**53
_LIMIT_NAMES: Final = {
    at.ORDER_MAX: "max_order_units",
    at.POSITION_MAX: "max_position_units",
    at.SHORT: "short_forbidden",
    at.OUT_OF_CASH: "cash",
    at.OVER_MARGIN: "initial_margin",
}
_FAULTS: Final = {
    at.W_KIND: "its KIND is {kind:g}, which is no kind of order or target",
    at.W_UNITS: "its UNITS are {units!r}; a finite number is needed (a column may still be warming up)",
    at.W_UNITS_TOO_LARGE: "its UNITS are {units!r}; that is too large to be counted exactly, trade smaller",
    at.W_NO_UNITS: "its UNITS are 0; an order needs a quantity",
    at.W_UNITS_OFF_LOT: "its UNITS are {units!r}, not a whole number of lots of {lot}; round them down",
    at.W_PRICE: "a price is infinite; a finite one is needed",
    at.W_PRICE_TOO_LARGE: "a price is too large to be counted in ticks of {tick}",
    at.W_PRICE_OFF_TICK: "a price is off the tick of {tick}; round it to the grid (prices of the row: {prices})",
    at.W_PRICE_MISSING: "its kind needs a price that is not given (prices of the row: {prices})",
    at.W_PRICE_UNWANTED: "it names a price or exit that its kind does not take (prices of the row: {prices})",
    at.W_TRAIL: "a trailing distance is not positive (prices of the row: {prices})",
    at.W_TIF: "its TIME_IN_FORCE is {tif:g}; DAY, GTC, IOC or FOK is expected",
    at.W_AT_ONCE: "it is IOC or FOK, which only market and limit orders can be",
    at.W_TWO_STOPS: "it has EXIT_STOP and EXIT_TRAIL; give one of them",
}


def run_compiled(
    strategy: CompiledStrategy | ArrayStrategy,
    market: Market,
    config: RunConfig,
    *,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "backtest",
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
) -> RunRecord:
    """Replay a compiled or an array strategy; `replay.run` does the same for all three forms.

    Parameters
    ----------
    strategy : CompiledStrategy or ArrayStrategy
    market, config, trials, purpose, events, finer
        As for `replay.run`.
    risk : RiskPolicy
        One whose limits a kernel can apply, as `portfolio.LimitRiskPolicy`.

    Raises
    ------
    LookAheadError
        If an array of targets knows the future.
    StrategyFailed
        If the decision raised; it names the row.
    OrderError, StrategyError, ConfigError, CoverageError, LedgerError
        As for `replay.run`.
    """
    check_universe(strategy.spec, market)
    limits = limits_of(risk)
    arrays = lay_out(market, strategy.spec.universe, config, events, finer)
    manifest = manifest_of(
        {strategy.spec.name: strategy}, market, config, sizer=None, risk=risk, events=events, finer=finer
    )
    try:
        columns = columns_of(strategy, market)
        drive = Drive(strategy, arrays, columns, np.arange(len(columns)), config, limits)
        drive.play()
        minutes = Minutes(drive.decided, drive.refused(risk), drive.first_decision_ns)
        record = record_of(drive.tables, minutes, config, manifest, strategy.spec.universe, (strategy.spec.name,))
    except BaseException:  # also whoever interrupts a run that goes badly has looked at it
        trials.record(trial_of(manifest, config, market, purpose, None))
        raise
    trials.record(trial_of(manifest, config, market, purpose, record))
    return record


def limits_of(risk: RiskPolicy) -> OrderLimits:
    """All that a risk policy asks, where a kernel can ask it."""
    found = getattr(risk, "limits", None)
    if not isinstance(found, OrderLimits):
        raise ConfigError(
            f"{type(risk).__name__}: compiled and array strategies are judged within the kernel, which knows limits of "
            "LimitRiskPolicy on units, margin and cash, but no other policy, order rate or price collar; leave those "
            "out, or write the strategy in Python"
        )
    return found


def columns_of(strategy: CompiledStrategy | ArrayStrategy, market: Market) -> NDArray[np.float64]:
    """What the decision sees, a row for each column.

    An array's targets are checked against other futures here, and never seen by the engine if they know this one.
    """
    symbol = strategy.spec.universe[0]
    if isinstance(strategy, ArrayStrategy):
        from argus.engine.array_form import checked_targets

        return checked_targets(strategy, market)
    spec, bars = market[symbol]
    found = np.empty((len(strategy.columns), len(bars)))
    refs = {ref.alias: ref for ref in strategy.spec.features}
    for j, name in enumerate(strategy.columns):
        write_column(name, refs, spec, bars, found[j])
    return found


def write_column(name: str, refs: Mapping[str, FeatureRef], spec: InstrumentSpec, bars: Bars, out: F64_1D) -> None:
    """Write a feature, a bar field or a column of the calendar to `out`."""
    if name in refs:
        feature_column(refs[name], spec, bars, out)
    elif name in BAR_FIELDS and name not in bars.observed:
        raise StrategyError(f"column {name} was not observed in these bars of {bars.instrument}")
    else:
        out[:] = getattr(bars, name)


@dataclass(frozen=True, slots=True)
class _Then:
    """The account as it was when an order was refused."""

    held: int
    pending: int
    margin: int
    cash_after: int
    equity_micros: int
    cash_micros: int
    initial_margin_micros: int = 0

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        return self.margin

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        return self.cash_after

    def position_lots(self, instrument: str) -> int:
        return self.held

    def pending_lots(self, instrument: str) -> int:
        return self.pending

    def orders_within(self, span_ns: int) -> int:
        return 0

    def last_price_ticks(self, instrument: str) -> int | None:
        return None


class Drive:
    """One run of a compiled decision under way.

    Parameters
    ----------
    strategy : CompiledStrategy or ArrayStrategy
    arrays : MarketArrays
        Of one instrument alone; its line is given to the strategy.
    columns : (c, n) float64
        Columns of this and perhaps of other strategies.
    pick : (k,) int64
        Which of them are this one's.
    config : RunConfig
    limits : OrderLimits
    lent : mapping
        Tables of a run that is over (`tables_in_use`), as large as they have become, to be written over.

    Attributes
    ----------
    memory : (m,) float64
        What the decision remembers.
    """

    def __init__(
        self,
        strategy: CompiledStrategy | ArrayStrategy,
        arrays: MarketArrays,
        columns: NDArray[np.float64],
        pick: I64_1D,
        config: RunConfig,
        limits: OrderLimits,
        lent: Mapping[str, NDArray[Any]] = NEW_TABLES,
    ) -> None:
        self.spec = strategy.spec
        seat(arrays, [self.spec])
        self.tables = RunTables(arrays, config, lent)
        self._strategy = strategy
        self._columns, self._pick = columns, pick
        columns.setflags(write=False)
        names: tuple[str, ...] = ()
        memory: tuple[float, ...] = ()
        if isinstance(strategy, CompiledStrategy):
            names, memory = strategy.parameter_names, strategy.memory
        self._parameters = np.array([float(self.spec.values[name]) for name in names])
        self.memory = np.array(memory, dtype=np.float64)
        self._out = np.full((at.OUT_ROWS, at.OUT_COLUMNS), np.nan)
        self._settings = _settings(arrays, config, limits)
        self._latencies = np.array(config.latency_sample_ns, dtype=np.int64)
        self._streams = np.array(
            [stream_key(config.seed, "latency", name) for name in ("order", "cancel")], dtype=np.uint64
        )
        if not lent:
            rows = len(self.tables.orders)
            lent = {
                "refusals": np.zeros((_FIRST_ROWS, at.REFUSAL_COLUMNS), dtype=np.int64),
                "decisions": np.zeros(rows, dtype=DECISION_DTYPE),
                "keys": np.zeros(rows, dtype=np.int64),
            }
        self._refusals, self._decisions, self._keys = lent["refusals"], lent["decisions"], lent["keys"]
        self._ds: I64_1D = np.zeros(at.DRIVE_SLOTS, dtype=np.int64)
        self._ds[at.D_FIRST_NS] = at.INT64_MAX
        self._bands = NO_BANDS

    def play(self) -> None:
        """Walk to the end of the data."""
        from argus.engine._answer_kernels import clear_answer

        clear_answer(at.OUT_ROWS, self._out)
        arguments = self._arguments()
        drive, pointers = entries(self._strategy, arguments)
        while True:
            try:
                why = drive(*pointers, *arguments)
            except Exception as error:
                raise StrategyFailed(
                    f"strategy {self.spec.name} raised {type(error).__name__} in decide() {self._place()}: {error}"
                ) from error
            if why == at.END:
                return
            if why == at.GROW:
                self._grow()
                arguments = self._arguments()
            elif why == at.WRONG_ANSWER:
                self._wrong()
            else:
                stop_run(why, self.tables, self.spec.universe)

    @property
    def decided(self) -> Any:
        """Decisions, as rows of `DECISION_DTYPE`."""
        return self._decisions[: self._ds[at.D_DECISIONS]]

    @property
    def refusal_count(self) -> int:
        """Orders that a limit stopped."""
        return int(self._ds[at.D_REFUSALS])

    @property
    def first_decision_ns(self) -> int | None:
        """When the strategy was first asked."""
        first = int(self._ds[at.D_FIRST_NS])
        return None if first == at.INT64_MAX else first

    def refused(self, risk: RiskPolicy) -> list[Refusal]:
        """Every refusal in the words of the policy, which is asked again about each of them.

        Raises
        ------
        RunError
            If the policy would have let one through: then kernel and policy are not the same.
        """
        symbol = self.spec.universe[0]
        found = []
        for row in self._refusals[: self.refusal_count].tolist():
            lots = row[at.F_LOTS]
            if row[at.F_LIMIT] == at.PARENT_REFUSED:
                limit, reason = "parent", "the order whose fill it would wait for was refused"
            else:
                order = Order(
                    0, 0, symbol, Side.BUY if lots > 0 else Side.SELL, OrderType.MARKET, TimeInForce.DAY, abs(lots)
                )
                verdict = risk.approve(
                    order,
                    _Then(
                        row[at.F_HELD],
                        row[at.F_PENDING],
                        row[at.F_MARGIN],
                        row[at.F_CASH_AFTER],
                        row[at.F_EQUITY],
                        row[at.F_CASH],
                    ),
                )
                if not isinstance(verdict, RiskRefused) or verdict.limit != _LIMIT_NAMES[row[at.F_LIMIT]]:
                    raise RunError(
                        f"an order for {lots} lots of {symbol} at {format_ns(row[at.F_TS])} was stopped by "
                        f"{_LIMIT_NAMES[row[at.F_LIMIT]]}, and {type(risk).__name__} answers {verdict}; report it"
                    )
                limit, reason = verdict.limit, verdict.reason
            found.append(Refusal(row[at.F_DECISION], row[at.F_TS], symbol, lots, limit, reason))
        return found

    def tables_in_use(self) -> dict[str, NDArray[Any]]:
        """Every table that grows, to be lent to another run of the same market."""
        own = {"refusals": self._refusals, "decisions": self._decisions, "keys": self._keys}
        return own | self.tables.in_use()

    def keep_little(self, bands: Bands) -> None:
        """Keep no cash, and the equity only where a session ends and where something happened; look at `bands`."""
        self.tables.keep_no_cash()
        self._bands = bands

    def _grow(self) -> None:
        """Enlarge what is full; the tables of the run where nothing else is."""
        full = False
        if self._ds[at.D_REFUSALS] + at.ORDERS_PER_ROW * self._ds[at.D_PENDING] > len(self._refusals):
            self._refusals, full = resized(self._refusals, 2 * len(self._refusals)), True
        if self._ds[at.D_DECISIONS] >= len(self._decisions):
            self._decisions, full = resized(self._decisions, 2 * len(self._decisions)), True
        if not full:
            self.tables.grow()
            self._keys = resized(self._keys, len(self.tables.orders))

    def _arguments(self) -> tuple[Any, ...]:
        """What `drive` takes after its pointers, in its sequence."""
        return (
            self._columns,
            self._pick,
            self._parameters,
            self.memory,
            np.zeros(at.POSITION_SLOTS),
            np.zeros(len(self._pick)),
            self._out,
            self._settings,
            self._latencies,
            self._streams,
            np.zeros(at.REFUSAL_COLUMNS, dtype=np.int64),
            self._refusals,
            self._decisions,
            self._keys,
            self._ds,
            self.tables.market.known[CLOSE_COLUMN],
            *self._bands,
            *self.tables.arguments(),
        )

    def _place(self) -> str:
        row = int(self._ds[at.D_ROW])
        now = int(self.tables.market.known[RECV_COLUMN][row])
        return f"at {format_ns(now)} (last known: {self.spec.universe[0]} row {row})"

    def _wrong(self) -> None:
        """Say what is wrong with the answer in hand."""
        fault, which = int(self._ds[at.D_FAULT]), int(self._ds[at.D_FAULT_ROW])
        if fault == at.W_COUNT:
            raise StrategyFailed(
                f"strategy {self.spec.name} answered {int(self._ds[at.D_COUNT])} {self._place()}: decide() returns how "
                f"many rows of `out` it wrote, 0 to {at.OUT_ROWS}"
            )
        row = self._out[which]
        par = self.tables.market.par[0]
        words = {
            "kind": row[KIND],
            "units": float(row[UNITS]),
            "tif": row[TIME_IN_FORCE],
            "tick": float(par["tick"]),
            "lot": float(par["lot"]),
            "prices": ", ".join(f"{name} {row[j]:g}" for name, j in _PRICES.items() if not np.isnan(row[j])) or "none",
        }
        raise OrderError(
            f"{self.spec.name}, row {which} of its answer {self._place()}: {_FAULTS[fault].format(**words)}"
        )


_PRICES: Final = {
    "LIMIT_PRICE": LIMIT_PRICE,
    "STOP_PRICE": STOP_PRICE,
    "TRAIL": TRAIL,
    "EXIT_STOP": EXIT_STOP,
    "EXIT_TARGET": EXIT_TARGET,
    "EXIT_TRAIL": EXIT_TRAIL,
}


Bands = tuple[NDArray[np.float64], NDArray[np.int64]]
NO_BANDS: Final[Bands] = (np.zeros((0, 2)), np.zeros((0, 2), dtype=np.int64))
"""Where rows are looked at one by one."""


def bands_of(arrays: MarketArrays) -> Bands:
    """Extremes of prices and marks of every few rows, by which a run sees at once where nothing can happen.

    Worth their price where many runs meet the same market. None where one instrument is not alone.
    """
    from argus.engine._coast_kernels import BAND, write_bands

    if not arrays.is_plain:
        return NO_BANDS
    rows = -(-len(arrays.marks) // BAND)
    found = np.empty((rows, 2)), np.empty((rows, 2), dtype=np.int64)
    write_bands(arrays.columns[LOW_COLUMN], arrays.columns[HIGH_COLUMN], arrays.marks, *found)
    return found


def _settings(arrays: MarketArrays, config: RunConfig, limits: OrderLimits) -> I64_1D:
    """What `drive` needs to know besides the tables."""
    lot = Fraction(Decimal(repr(float(arrays.par[0]["lot"]))))

    def lots(units: float | None) -> int:
        return _NO_LIMIT if units is None else min(int(Fraction(Decimal(repr(float(units)))) / lot), _NO_LIMIT)

    settings = np.zeros(7, dtype=np.int64)
    settings[at.L_ORDER_LOTS_MAX] = lots(limits.max_order_units)
    settings[at.L_POSITION_LOTS_MAX] = lots(limits.max_position_units)
    settings[at.L_CHECK_MARGIN] = limits.check_margin
    settings[at.L_CHECK_CASH] = limits.check_cash
    settings[at.L_LATENCY_NS] = config.latency_ns
    settings[at.L_LOT_NUM], settings[at.L_LOT_DEN] = lot.numerator, lot.denominator
    return settings
