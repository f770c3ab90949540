"""One trade each of a Nasdaq index, MES, ZN and Bitcoin, worked out again from the vendor's rows with pencil and paper.

Nothing here takes a price, a contract figure or a rule from Argus: the rows are read from the vendor's file, the
contract figures are written below as the exchange states them, and the arithmetic is exact decimals. Each market is
walked from its first bar, decision by decision and fill by fill; the trade that contributed most must then be the one
that the trace names, and every figure of the record, the trace and the journal must be the one found here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from argus.app.backtest import BacktestResult, account_kind_for, backtest, catalog_market
from argus.app.data import FileStatement, import_file
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.data.embedded import install_embedded
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.engine.record import JOURNAL_ACCOUNTS
from argus.engine.trace import FillStep, Trace

CHICAGO = ZoneInfo("America/Chicago")
NEW_YORK = ZoneInfo("America/New_York")
HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
WHOLE = Decimal(1)
# CME books the hours traded on these days on the next trade date; the day after Thanksgiving it halts at 12:15.
HOLIDAYS = {date(2023, month, day) for month, day in ((1, 16), (2, 20), (5, 29), (6, 19), (7, 4), (9, 4), (11, 23))}
HALF_DAY = date(2023, 11, 24)


# ------------------------------------------------------------------------------------------------ the vendor's rows


@dataclass(frozen=True, slots=True)
class Row:
    """A bar as the vendor gives it, with the hours that its market keeps."""

    start_ns: int
    end_ns: int
    session: date
    ends_session: bool
    open: float
    close: float
    volume: float


def exact(price: float) -> Decimal:
    """The decimal that was written in the vendor's file."""
    return Decimal(repr(float(price)))


def nasdaq_rows() -> list[Row]:
    from arch.data import nasdaq

    frame = nasdaq.load()
    rows = []
    for stamp, opened, closed, volume in zip(frame.index, frame["Open"], frame["Close"], frame["Volume"], strict=True):
        day = date(stamp.year, stamp.month, stamp.day)
        begin = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
        end = begin.replace(hour=16, minute=0)
        rows.append(Row(in_ns(begin), in_ns(end), day, True, float(opened), float(closed), float(volume)))
    return rows


def futures_rows(path: Path, contract: str) -> list[Row]:
    """Hourly rows; a session runs from 17:00 to 16:00 Chicago time and is named after the day on which it closes."""
    table = pl.read_parquet(path).filter(pl.col("contract_yyyymm") == contract).sort("time_utc")
    rows = []
    for stamp, opened, closed, volume in table.select("time_utc", "open", "close", "volume").iter_rows():
        end = (stamp + timedelta(hours=1)).astimezone(CHICAGO)
        session = (stamp.astimezone(CHICAGO).replace(tzinfo=None) + timedelta(hours=7)).date()
        session += timedelta(days=session in HOLIDAYS)
        # The hour from 12:00 holds the close of 12:15.
        ends = end.hour == (13 if session == HALF_DAY and end.date() == HALF_DAY else 16)
        at = in_ns(stamp)
        rows.append(Row(at, at + HOUR_NS, session, ends, opened, closed, volume))
    return rows


def bitcoin_rows(path: Path, first: datetime, last: datetime) -> list[Row]:
    """One-minute rows from `first` to before `last`; a session is a day of UTC."""
    stamp = pl.col("timestamp_ms_utc")
    inside = (stamp >= in_ns(first) // 1_000_000) & (stamp < in_ns(last) // 1_000_000)
    table = pl.read_parquet(path).filter(inside).sort("timestamp_ms_utc")
    day_ns = 24 * HOUR_NS
    days: dict[int, date] = {}
    rows = []
    for ms, opened, closed, volume in table.select("timestamp_ms_utc", "open", "close", "volume").iter_rows():
        at = ms * 1_000_000
        number = at // day_ns
        if number not in days:
            days[number] = datetime.fromtimestamp(number * 86_400, UTC).date()
        ends = (at + MINUTE_NS) % day_ns == 0
        rows.append(Row(at, at + MINUTE_NS, days[number], ends, opened, closed, volume))
    return rows


def in_ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000


# ------------------------------------------------------------------------------------------------ what is decided


def crosses(rows: Sequence[Row], fast: int, slow: int) -> dict[int, int]:
    """Row to direction wanted after it, at each row where the sign of fast average less slow average changes."""
    sums = [Decimal(0)]
    for row in rows:
        sums.append(sums[-1] + exact(row.close))
    wanted: dict[int, int] = {}
    now = 0
    for at in range(slow - 1, len(rows)):
        short, long = sums[at + 1] - sums[at + 1 - fast], sums[at + 1] - sums[at + 1 - slow]
        gap = short * slow - long * fast
        direction = (gap > 0) - (gap < 0)
        if direction not in (0, now):
            wanted[at] = now = direction
    return wanted


def average(rows: Sequence[Row], at: int, count: int) -> Decimal:
    return sum((exact(row.close) for row in rows[at + 1 - count : at + 1]), Decimal(0)) / count


def session_ends(rows: Sequence[Row]) -> list[int]:
    return [at for at, row in enumerate(rows) if row.ends_session]


def momentum(rows: Sequence[Row], ends: Sequence[int], count: int, lookback: int) -> Decimal:
    """Return over `lookback` sessions at the close of session number `count` (the first is number 1)."""
    return exact(rows[ends[count - 1]].close) / exact(rows[ends[count - 1 - lookback]].close) - 1


def distance(rows: Sequence[Row], ends: Sequence[int], at: int, window: int) -> Decimal:
    """Standard deviations between the session's close and the mean of the last `window` closes."""
    place = ends.index(at)
    closes = [exact(rows[end].close) for end in ends[place + 1 - window : place + 1]]
    mean = sum(closes, Decimal(0)) / window
    spread = (sum(((close - mean) ** 2 for close in closes), Decimal(0)) / (window - 1)).sqrt()
    return (closes[-1] - mean) / spread


def reversions(rows: Sequence[Row], ends: Sequence[int]) -> tuple[dict[int, int], dict[int, str]]:
    """Row to direction wanted after it, and to the reason: against 1.5 deviations from the mean of 10 sessions.

    Left at the mean or after 5 sessions; after an exit by time the distance must once be below 1.5 before the next.
    """
    wanted: dict[int, int] = {}
    reasons: dict[int, str] = {}
    direction, since, armed = 0, 0, True
    for count, at in enumerate(ends):
        if count < 9:
            continue
        z = distance(rows, ends, at, 10)
        far = abs(z) >= Decimal("1.5")
        before = direction
        if direction and direction * z >= 0:
            direction, reasons[at] = 0, "back at the mean"
        elif direction and count - since >= 5:
            direction, armed, reasons[at] = 0, False, "time is up"
        elif not direction and not armed:
            armed = not far
        elif not direction and far:
            direction, since = (-1 if z > 0 else 1), count
            reasons[at] = "far above the mean" if z > 0 else "far below the mean"
        if direction != before:
            wanted[at] = direction
    return wanted, reasons


# ------------------------------------------------------------------------------------------------ what is filled


@dataclass(frozen=True, slots=True)
class Contract:
    """What the exchange states of an instrument, and what this run was told that trading costs."""

    tick: Decimal
    multiplier: Decimal
    lot: Decimal
    is_future: bool
    fee_per_unit: Decimal = Decimal(0)
    fee_rate: Decimal = Decimal(0)
    slippage_ticks: int = 0
    slippage_rate: Decimal = Decimal(0)

    def price(self, opened: float, side: int) -> Decimal:
        """The open, moved against the trader, on the tick grid."""
        moved = exact(opened) * (1 + side * self.slippage_rate) / self.tick
        ticks = moved.to_integral_value(ROUND_CEILING if side > 0 else ROUND_FLOOR) + side * self.slippage_ticks
        return ticks * self.tick

    def value(self, lots: int, price: Decimal) -> int:
        """Micro-units of a signed quantity at a price."""
        return rounded(lots * self.lot * self.multiplier * price * 1_000_000)

    def fee(self, lots: int, value: int) -> int:
        return rounded(self.fee_per_unit * abs(lots) * self.lot * 1_000_000 + self.fee_rate * abs(value))


def rounded(number: Decimal) -> int:
    return int(number.quantize(WHOLE, ROUND_HALF_EVEN))


@dataclass(frozen=True, slots=True)
class HandFill:
    """A fill: which row decided it, which row's open filled it, and what it cost."""

    decided: int
    row: int
    lots: int
    price: Decimal
    value: int
    fee: int
    before: int


@dataclass(slots=True)
class _Order:
    decided: int
    left: int
    session: date | None = None


def fills_by_hand(rows: Sequence[Row], contract: Contract, wanted: Mapping[int, int]) -> list[HandFill]:
    """Market orders at the next opens, never more than a bar's volume; what is left when the session ends is gone.

    Parameters
    ----------
    wanted : mapping
        Row to position wanted after it, in lots.
    """
    position = 0
    orders: list[_Order] = []
    fills = []
    for at, row in enumerate(rows):
        if orders:
            orders = [order for order in orders if order.session in (None, row.session)]
            # Some volumes are sums of the vendor's, off by a rounding: 0.43982414999999997 coins are 43,982,415 lots.
            room = int((exact(row.volume) / contract.lot + Decimal("1e-6")).to_integral_value(ROUND_FLOOR))
            for order in orders:
                order.session = row.session
                side = 1 if order.left > 0 else -1
                lots = side * min(abs(order.left), room)
                if lots == 0:
                    continue
                room -= abs(lots)
                order.left -= lots
                price = contract.price(row.open, side)
                value = contract.value(lots, price)
                fills.append(HandFill(order.decided, at, lots, price, value, contract.fee(lots, value), position))
                position += lots
            orders = [order for order in orders if order.left and not row.ends_session]
        if at in wanted:
            lots = wanted[at] - position - sum(order.left for order in orders)
            if lots:
                orders.append(_Order(at, lots))
    return fills


@dataclass(slots=True)
class HandTrade:
    """From flat to flat; each part is (fill, lots, value, fee) of what belongs to this trade."""

    direction: int
    parts: list[tuple[HandFill, int, int, int]] = field(default_factory=list)

    @property
    def gross(self) -> int:
        return -sum(value for _, _, value, _ in self.parts)

    @property
    def fees(self) -> int:
        return sum(fee for _, _, _, fee in self.parts)

    @property
    def net(self) -> int:
        return self.gross - self.fees


def trades_by_hand(fills: Sequence[HandFill], contract: Contract) -> tuple[list[HandTrade], HandTrade | None]:
    """(finished trades, the one still open); a fill that turns the position ends one trade and begins the next."""
    trades: list[HandTrade] = []
    current: HandTrade | None = None
    for fill in fills:
        if current is None:
            current = HandTrade(1 if fill.lots > 0 else -1)
        closing = -fill.before
        turns = fill.before * fill.lots < 0 and abs(fill.lots) > abs(fill.before)
        if turns:
            value = contract.value(closing, fill.price)
            fee = rounded(Decimal(fill.fee) * abs(closing) / abs(fill.lots))
            current.parts.append((fill, closing, value, fee))
            trades.append(current)
            current = HandTrade(1 if fill.lots > 0 else -1)
            current.parts.append((fill, fill.lots - closing, fill.value - value, fill.fee - fee))
            continue
        current.parts.append((fill, fill.lots, fill.value, fill.fee))
        if fill.before + fill.lots == 0:
            trades.append(current)
            current = None
    return trades, current


# ------------------------------------------------------------------------------------------------ the comparison


def run_and_trace(
    desk: Workspace,
    dataset: str,
    strategy: str,
    costs: CostModel,
    units: float,
    parameters: Mapping[str, Any] | None = None,
    span: tuple[int | None, int | None] = (None, None),
) -> tuple[BacktestResult, Trace]:
    market, notes, source = catalog_market(desk, (dataset,), *span)
    kind = account_kind_for({symbol: spec for symbol, (spec, _) in market.items()})
    result = backtest(
        strategy,
        market,
        RunConfig(account=AccountConfig(AccountKind(kind)), costs=costs),
        parameters=parameters or {},
        units=units,
        vol_target_annual=None,
        workspace=desk,
        source=source,
        warnings=notes,
    )
    return result, trace_run(desk, result.record.manifest.run_id)


def check(
    result: BacktestResult, trace: Trace, rows: Sequence[Row], contract: Contract, fills: Sequence[HandFill]
) -> HandTrade:
    """Compare everything with what was found by hand; gives the trade that contributed most, gain or loss."""
    record = result.record
    seen = [row.session for row in rows if row.end_ns >= record.equity_ts_ns[0]]
    assert [date(1970, 1, 1) + timedelta(days=int(day)) for day in record.session_equity()[0]] == sorted(set(seen))
    assert len(record.fills) == len(fills)
    for fill, kept in zip(fills, record.fills, strict=True):
        assert (int(kept["ts_event_ns"]), int(kept["signed_lots"])) == (rows[fill.row].start_ns, fill.lots)
        assert int(kept["price_ticks"]) * contract.tick == fill.price
        assert (int(kept["value_micros"]), int(kept["fee_micros"])) == (fill.value, fill.fee)
        assert int(kept["impact_micros"]) == 0
    finished, unfinished = trades_by_hand(fills, contract)
    nets = [trade.net for trade in finished]
    assert record.trades["net_micros"][: len(nets)].tolist() == nets
    if unfinished is not None:
        assert record.trades["is_open"].tolist() == [0] * len(nets) + [1]
        held = sum(lots for _, lots, _, _ in unfinished.parts)
        nets.append(unfinished.net + contract.value(held, mark(rows[-1].close, contract)))
        assert int(record.trades["net_micros"][-1]) == nets[-1]
    assert sum(nets) == record.net_pnl_micros
    chosen = max(range(len(nets)), key=lambda at: abs(nets[at]))
    assert trace.trade_id == chosen
    trade = finished[chosen]
    check_trade(result, trace, rows, trade)
    assert len(trace.fills) == len(trade.parts)
    for step, (fill, lots, value, fee) in zip(trace.fills, trade.parts, strict=True):
        assert (step.part_lots, step.value_micros, step.fee.share_micros) == (lots, value, fee)
        check_fill(result, step, rows, contract, fill)
    check_settlements(trace, rows, contract, trade)
    return trade


def mark(close: float, contract: Contract) -> Decimal:
    """A close on the tick grid, as a settlement takes it."""
    return (exact(close) / contract.tick).quantize(WHOLE, ROUND_HALF_EVEN) * contract.tick


def check_trade(result: BacktestResult, trace: Trace, rows: Sequence[Row], trade: HandTrade) -> None:
    kept = result.record.trades[trace.trade_id]
    first, last = trade.parts[0][0], trade.parts[-1][0]
    assert trace.direction == ("long" if trade.direction > 0 else "short")
    assert int(kept["direction"]) == trade.direction
    assert trace.entry_ts_ns == int(kept["entry_ts_ns"]) == rows[first.row].start_ns
    assert trace.exit_ts_ns == int(kept["exit_ts_ns"]) == rows[last.row].start_ns
    assert trace.gross_micros == int(kept["gross_micros"]) == trade.gross
    assert trace.fee_micros == int(kept["fee_micros"]) == trade.fees
    assert trace.net_micros == trace.recorded_net_micros == int(kept["net_micros"]) == trade.net
    assert trace.bought_micros == sum(value for _, lots, value, _ in trade.parts if lots > 0)
    assert trace.sold_micros == -sum(value for _, lots, value, _ in trade.parts if lots < 0)
    # No fill stands before its first bar's start, so the closes seen are those from the entry's row to the exit's.
    assert trace.bars == int(kept["bars"]) == last.row - first.row
    assert trace.adds_up
    assert not trace.is_open


def check_fill(result: BacktestResult, step: FillStep, rows: Sequence[Row], contract: Contract, fill: HandFill) -> None:
    """Price, cost, the decision behind it, what was known then, and the lines of the journal."""
    row, known = rows[fill.row], rows[fill.decided]
    assert (step.ts_ns, step.bar.ts_event_ns, step.bar.open) == (row.start_ns, row.start_ns, row.open)
    assert (step.price.base, Decimal(step.price.price)) == ("open", fill.price)
    side = 1 if fill.lots > 0 else -1
    assert side * (fill.price - exact(row.open)) >= contract.slippage_ticks * contract.tick
    assert (step.fee.fee_micros, step.fee.impact_micros) == (fill.fee, 0)

    assert step.decision is not None
    assert step.decision.ts_ns == known.end_ns <= row.start_ns
    (seen,) = step.decision.bars
    assert (seen.ts_event_ns, seen.ts_recv_ns, seen.close) == (known.start_ns, known.end_ns, known.close)
    assert int(result.record.decisions["ts_ns"][step.decision.decision_id]) == known.end_ns
    # What the decision knew ends where the order could first be filled: nothing of the next bar is in it.
    assert rows[fill.decided + 1].start_ns >= step.decision.ts_ns
    assert step.order.ts_submit_ns == step.order.ts_arrive_ns == known.end_ns

    other = "CLEARING" if contract.is_future else "CASH"
    sides = ("POSITION", other) if fill.lots > 0 else (other, "POSITION")
    expected = [(*sides, abs(fill.value)), ("FEES", "CASH", fill.fee)]
    assert [(line.debit, line.credit, line.amount_micros) for line in step.ledger] == expected
    journal = result.record.journal
    assert [
        (JOURNAL_ACCOUNTS[line["debit"]], JOURNAL_ACCOUNTS[line["credit"]], int(line["amount_micros"]))
        for line in journal[journal["fill_id"] == step.fill_id]
    ] == expected


def check_settlements(trace: Trace, rows: Sequence[Row], contract: Contract, trade: HandTrade) -> None:
    """Each session's gain at its last close; together they are the gross result."""
    first, last = trade.parts[0][0].row, trade.parts[-1][0].row
    closing: dict[date, float] = {}
    for row in rows[first:]:
        if row.session > rows[last].session:
            break
        closing[row.session] = row.close
    assert [date.fromisoformat(step.session) for step in trace.settlements] == list(closing)
    gained = 0
    for step, (session, close) in zip(trace.settlements, closing.items(), strict=True):
        price = mark(close, contract)
        done = [part for part in trade.parts if rows[part[0].row].session <= session]
        position = sum(lots for _, lots, _, _ in done)
        total = contract.value(position, price) - sum(value for _, _, value, _ in done)
        assert (Decimal(step.mark), step.position_lots, step.gain_micros) == (price, position, total - gained)
        gained = total
        moved = step.gain_micros + step.other_micros
        lines = [("POSITION", "PNL"), ("CASH", "CLEARING")] if contract.is_future else [("POSITION", "PNL")]
        assert [(line.debit, line.credit, line.amount_micros) for line in step.ledger] == [
            (debit, credit, moved) if moved > 0 else (credit, debit, -moved) for debit, credit in lines if moved
        ]
    assert gained == trade.gross


def feature_values(step: FillStep) -> dict[str, float]:
    assert step.decision is not None
    return {seen.alias.split(":")[0]: seen.value for seen in step.decision.features}


def check_averages(trace: Trace, rows: Sequence[Row], trade: HandTrade) -> None:
    """Each decision of the trade asked for its direction, and the bar before it did not yet."""
    for step, (fill, _, _, _) in zip(trace.fills, trade.parts, strict=True):
        side = 1 if fill.lots > 0 else -1
        fast, slow = average(rows, fill.decided, 20), average(rows, fill.decided, 100)
        assert side * (fast - slow) > 0
        assert step.order.tag == ("fast above slow" if side > 0 else "fast below slow")
        if fill.decided >= 100:
            assert side * (average(rows, fill.decided - 1, 20) - average(rows, fill.decided - 1, 100)) <= 0
        seen = feature_values(step)
        assert seen["fast"] == pytest.approx(float(fast))
        assert seen["slow"] == pytest.approx(float(slow))


# ------------------------------------------------------------------------------------------------ the four markets


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return init_workspace(tmp_path_factory.mktemp("by_hand") / "desk")[0]


def test_a_trade_of_the_nasdaq_index_by_hand(desk: Workspace) -> None:
    install_embedded(desk.catalog())
    result, trace = run_and_trace(
        desk,
        "IXIC.1d",
        "sma_cross",
        CostModel(fee_per_unit=Decimal("0.005"), slippage_rate=Decimal("0.0002")),
        units=10.0,
    )
    contract = Contract(
        tick=Decimal("0.01"),
        multiplier=Decimal(1),
        lot=Decimal(1),
        is_future=False,
        fee_per_unit=Decimal("0.005"),
        slippage_rate=Decimal("0.0002"),
    )
    rows = nasdaq_rows()
    wanted = {at: 10 * direction for at, direction in crosses(rows, 20, 100).items()}
    trade = check(result, trace, rows, contract, fills_by_hand(rows, contract, wanted))
    check_averages(trace, rows, trade)


def test_a_trade_of_mes_by_hand(desk: Workspace, real_data: Path) -> None:
    path = real_data / "futures_hourly" / "MES.parquet"
    import_file(desk.catalog(), path, FileStatement("MES", preset="futures_hourly", contract="202312"))
    result, trace = run_and_trace(
        desk,
        "MES.202312.1h",
        "sma_cross",
        CostModel(fee_per_unit=Decimal("0.62"), slippage_ticks=1),
        units=2.0,
    )
    contract = Contract(
        tick=Decimal("0.25"),
        multiplier=Decimal(5),
        lot=Decimal(1),
        is_future=True,
        fee_per_unit=Decimal("0.62"),
        slippage_ticks=1,
    )
    rows = futures_rows(path, "202312")
    wanted = {at: 2 * direction for at, direction in crosses(rows, 20, 100).items()}
    trade = check(result, trace, rows, contract, fills_by_hand(rows, contract, wanted))
    check_averages(trace, rows, trade)


def test_a_trade_of_zn_by_hand(desk: Workspace, real_data: Path) -> None:
    path = real_data / "futures_hourly" / "ZN.parquet"
    import_file(desk.catalog(), path, FileStatement("ZN", preset="futures_hourly", contract="202312"))
    result, trace = run_and_trace(
        desk,
        "ZN.202312.1h",
        "mean_reversion",
        CostModel(fee_per_unit=Decimal("1.47"), slippage_ticks=1),
        units=3.0,
    )
    contract = Contract(
        tick=Decimal(1) / 64,
        multiplier=Decimal(1000),
        lot=Decimal(1),
        is_future=True,
        fee_per_unit=Decimal("1.47"),
        slippage_ticks=1,
    )
    rows = futures_rows(path, "202312")
    ends = session_ends(rows)
    directions, reasons = reversions(rows, ends)
    wanted = {at: 3 * direction for at, direction in directions.items()}
    trade = check(result, trace, rows, contract, fills_by_hand(rows, contract, wanted))

    entered = trade.parts[0][0].decided
    assert -trade.direction * distance(rows, ends, entered, 10) >= Decimal("1.5")
    for step, (fill, _, _, _) in zip(trace.fills, trade.parts, strict=True):
        seen = feature_values(step)
        assert seen["z"] == pytest.approx(float(distance(rows, ends, fill.decided, 10)))
        assert seen["sessions"] == ends.index(fill.decided) + 1
        assert step.order.tag == reasons[fill.decided]


def test_a_trade_of_bitcoin_by_hand(desk: Workspace, real_data: Path) -> None:
    path = real_data / "crypto_1m" / "BTCUSD.parquet"
    import_file(desk.catalog(), path, FileStatement("BTCUSD", preset="btc_ms_start"))
    first, last = datetime(2019, 1, 1, tzinfo=UTC), datetime(2019, 7, 1, tzinfo=UTC)
    result, trace = run_and_trace(
        desk,
        "BTCUSD.1m",
        "tsmom",
        CostModel(fee_rate=Decimal("0.001"), slippage_rate=Decimal("0.0005")),
        units=1.23456789,
        parameters={"lookback": 20, "rebalance": 5},
        span=(in_ns(first), in_ns(last)),
    )
    contract = Contract(
        tick=Decimal("0.01"),
        multiplier=Decimal(1),
        lot=Decimal("0.00000001"),
        is_future=False,
        fee_rate=Decimal("0.001"),
        slippage_rate=Decimal("0.0005"),
    )
    rows = bitcoin_rows(path, first, last)
    ends = session_ends(rows)
    # Session volatility is known from 60 returns on, and without it no position is taken; revised where the number of
    # days since 1970 passes a multiple of five.
    wanted = {}
    days = [rows[at].start_ns // (86_400 * 10**9) for at in ends]
    for count in range(61, len(ends) + 1):
        if days[count - 1] // 5 == days[count - 2] // 5:
            continue
        past = momentum(rows, ends, count, 20)
        wanted[ends[count - 1]] = 123_456_789 * ((past > 0) - (past < 0))
    trade = check(result, trace, rows, contract, fills_by_hand(rows, contract, wanted))

    for step, (fill, _, _, _) in zip(trace.fills, trade.parts, strict=True):
        past = momentum(rows, ends, ends.index(fill.decided) + 1, 20)
        assert (past > 0) == (fill.lots > 0)
        assert step.order.tag == ("past return up" if past > 0 else "past return down")
        assert feature_values(step)["past"] == pytest.approx(float(past))
    held = range(trade.parts[0][0].decided, trade.parts[-1][0].decided)
    assert all(wanted[at] * trade.direction > 0 for at in wanted if at in held)
