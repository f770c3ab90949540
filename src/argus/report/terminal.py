"""The same answers in a terminal: scorecard, verdicts, and one trade from end to end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from argus.core.money import MICROS, format_micros
from argus.report import figures
from argus.report.tables import currency_of

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

    from argus.engine._trace_steps import ConversionStep, InAccount
    from argus.engine.cost_attribution import CostAttribution
    from argus.engine.trace import CarryStep, FillStep, OrderStep, SeenBar, SettlementStep, Trace
    from argus.lab.evaluation import Evaluation

__all__ = ["Scorecard", "costs_view", "doubts", "scorecard", "trace_view", "verdict_line"]

_WIDEST: Final = 1_000
_SETTLEMENTS_SHOWN: Final = 12
_FILLS_SHOWN: Final = 10
_BAR_CELLS: Final = 16


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A scorecard that fits the terminal: a column for each gate where there is room, else what stopped a candidate."""

    evaluations: tuple[Evaluation, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        wide = _wide(self.evaluations)
        needed = console.measure(wide, options=options.update(width=_WIDEST)).minimum
        yield wide if needed <= options.max_width else _narrow(self.evaluations)
        yield _legend()


def scorecard(evaluations: Sequence[Evaluation]) -> Scorecard:
    """Every candidate before every gate, for ``Console.print``; deployable ones first."""
    from argus.report.html import ranked

    return Scorecard(tuple(ranked(evaluations)))


def verdict_line(evaluation: Evaluation) -> Text:
    """The verdict on one candidate in a line, with the number of red flags."""
    from rich.text import Text

    line = Text()
    line.append("✓ " if evaluation.deployable else "✕ ", style=_colour(evaluation.deployable))
    line.append(evaluation.verdict)
    if evaluation.red_flags:
        many = len(evaluation.red_flags)
        line.append(f"  ⚑ {many} red flag{'' if many == 1 else 's'}", style="yellow")
    return line


def doubts(evaluations: Sequence[Evaluation]) -> list[Text]:
    """A line for each threshold that is not the default and each red flag, with what to look at next; each line once.

    What many candidates share is said once with their number.
    """
    from rich.text import Text

    told: dict[tuple[str, str], list[str]] = {}
    for evaluation in evaluations:
        name = f"{evaluation.strategy} on {figures.universe(evaluation)}"
        currency = currency_of(evaluation)
        for gate in evaluation.gates:
            changed = figures.gate_changed(gate, currency)
            if changed:
                bound = f"{figures.gate_label(gate.name)}: {figures.gate_threshold(gate, currency)}, {changed}"
                told.setdefault((f"threshold of {bound} ({figures.gate_bound(gate)})", ""), []).append(name)
        for flag in evaluation.red_flags:
            told.setdefault((flag.sentence, flag.check_next), []).append(name)
    lines = []
    for (sentence, check_next), names in told.items():
        line = Text("⚑ ", style="yellow").append(sentence, style="default")
        if len(evaluations) > 1:
            line.append(f"  {names[0] if len(names) == 1 else f'{len(names)} candidates'}", style="dim")
        if check_next:
            line.append(f"\n  check next: {check_next}", style="dim")
        lines.append(line)
    return lines


def _colour(passed: bool | None) -> str:
    return "dim" if passed is None else "green" if passed else "red"


def _legend() -> Text:
    from rich.text import Text

    line = Text("✓ passed  ✕ failed  ? too little to judge, which is not a pass  ", style="dim")
    line.append("⚑ red flags", style="yellow")
    return line


def _table(evaluations: Sequence[Evaluation]) -> Table:
    from rich import box
    from rich.table import Table

    currencies = sorted({currency_of(evaluation) for evaluation in evaluations} - {""})
    unit = f", money in {', '.join(currencies)}" if currencies else ""
    return Table(box=box.SIMPLE_HEAD, title=f"Scorecard: out of sample, after costs{unit}", title_justify="left")


def _names(evaluation: Evaluation) -> tuple[Text, Text]:
    from rich.text import Text

    name = Text(evaluation.strategy, style="bold")
    return Text.assemble(("✓ " if evaluation.deployable else "✕ ", _colour(evaluation.deployable)), name), Text(
        figures.universe(evaluation)
    )


def _flags(evaluation: Evaluation) -> Text:
    from rich.text import Text

    return Text(f"⚑ {len(evaluation.red_flags)}" if evaluation.red_flags else "", style="yellow")


def _wide(evaluations: Sequence[Evaluation]) -> Table:
    from rich.text import Text

    table = _table(evaluations)
    names = list(dict.fromkeys(gate.name for evaluation in evaluations for gate in evaluation.gates))
    table.add_column("Strategy", no_wrap=True)
    table.add_column("Market")
    for name in names:
        table.add_column(figures.gate_label(name).replace(" ", "\n"), justify="right", no_wrap=True)
    table.add_column("Flags", justify="right")
    for evaluation in evaluations:
        answers = {gate.name: gate for gate in evaluation.gates}
        cells = []
        for name in names:
            gate = answers.get(name)
            if gate is None:
                cells.append(Text(figures.NOTHING, style="dim"))
                continue
            sign, _ = figures.gate_mark(gate.passed)
            figure = figures.gate_value(gate, short=True)
            cells.append(Text.assemble(f"{figure} ", (sign, _colour(gate.passed))))
        table.add_row(*_names(evaluation), *cells, _flags(evaluation))
    return table


def _narrow(evaluations: Sequence[Evaluation]) -> Table:
    from rich.text import Text

    table = _table(evaluations)
    table.add_column("Strategy", no_wrap=True)
    table.add_column("Market", max_width=10)
    for heading in ("Sharpe", "Net", "Passed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Stopped by", min_width=22)
    table.add_column("", no_wrap=True)
    for evaluation in evaluations:
        stopped = [
            f"{figures.gate_label(gate.name)}\u00a0{figures.gate_mark(gate.passed)[0]}"
            for gate in evaluation.gates
            if not gate.passed
        ]
        passed = len(evaluation.gates) - len(stopped)
        table.add_row(
            *_names(evaluation),
            figures.ratio(evaluation.metrics.sharpe_annual),
            figures.money_short(evaluation.metrics.net_pnl_micros / MICROS),
            f"{passed} of {len(evaluation.gates)}",
            Text(", ".join(stopped) or "nothing", style="" if stopped else "green"),
            _flags(evaluation),
        )
    return table


# ---- costs


def costs_view(found: CostAttribution, currency: str = "") -> Table:
    """Who took what from a run's trades, from gross to net, for ``Console.print``.

    Parameters
    ----------
    found : CostAttribution
    currency : str
        Of the account.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title="What trading cost", title_justify="left")
    table.add_column("", min_width=16)
    table.add_column(f"Amount{f', {currency}' if currency else ''}", justify="right", no_wrap=True)
    table.add_column("A trade", justify="right", no_wrap=True)
    table.add_column("Of gross", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    steps = found.bridge()
    gross, trades = found.gross_micros, len(found.table)
    widest = max((abs(amount) for _, amount in steps[1:-1]), default=0) or 1
    for name, amount in steps:
        is_end = name in ("gross", "net")
        cells = 0 if is_end else math.ceil(abs(amount) / widest * _BAR_CELLS)
        table.add_row(
            Text(figures.cost_word(name), style="bold" if is_end else ""),
            figures.money(amount / MICROS, places=2, sign=True),
            figures.money(amount / MICROS / trades, places=2, sign=True) if trades else figures.NOTHING,
            figures.percent(amount / gross) if gross > 0 else figures.NOTHING,
            Text("▇" * cells, style=_colour(amount > 0)),
        )
    return table


# ---- the trace


def trace_view(
    trace: Trace, *, fills_shown: int = _FILLS_SHOWN, settlements_shown: int = _SETTLEMENTS_SHOWN
) -> RenderableType:
    """A trade from what was known to the last micro-unit, for ``Console.print``.

    Parameters
    ----------
    trace : Trace
    fills_shown : int
        Of more fills than this the first and last are told in full and the others in a line each.
    settlements_shown : int
        Of more settlements than this the first and last are printed and the others summed; of what holding cost too.
    """
    from rich.console import Group
    from rich.text import Text

    own = trace.in_account
    net, currency = (trace.net_micros, trace.currency) if own is None else (own.net_micros, own.currency)
    sign = "+" if net > 0 else ""
    head = Text.assemble(
        (f"Trade {trace.trade_id}", "bold"),
        f" of run {trace.run_id}: {trace.strategy}, {trace.direction} {trace.instrument} ({trace.name}), net ",
        (f"{sign}{format_micros(net)} {currency}", "bold"),
        (f"   {trace.chosen}", "dim"),
    )
    facts = Text(
        f"{trace.kind}; tick {trace.tick_size}, lot {trace.lot_size}, multiplier {trace.multiplier}: one tick on one "
        f"lot is {trace.tick_value_micros} micro-units of {trace.currency}. {figures.instant(trace.entry_ts_ns)} to "
        f"{figures.instant(trace.exit_ts_ns)} UTC, {trace.bars} closes; open gain at worst "
        f"{format_micros(trace.mae_micros)}, at best {format_micros(trace.mfe_micros)}.",
        style="dim",
    )
    parts: list[RenderableType] = [head, facts]
    for number, step in enumerate(trace.fills, start=1):
        half = max(1, fills_shown // 2)
        in_full = len(trace.fills) <= max(2, fills_shown) or number <= half or number > len(trace.fills) - half
        parts.append(_fill(number, step, trace) if in_full else _fill_line(number, step, trace))
    if trace.settlements:
        parts.append(_settlements(trace, settlements_shown))
    if trace.carries:
        parts.append(_carries(trace, settlements_shown))
    if own is not None:
        parts.append(_conversions(own, trace.currency, settlements_shown))
    parts.append(_result(trace))
    return Group(*parts)


def _bar(bar: SeenBar) -> str:
    prices = " ".join(
        f"{letter} {value:.10g}"
        for letter, value in (("O", bar.open), ("H", bar.high), ("L", bar.low), ("C", bar.close), ("V", bar.volume))
        if not math.isnan(value)
    )
    if bar.quote is not None:
        bid, ask = (
            f"{bar.quote.bid:.10g} × {bar.quote.bid_size:.10g}",
            f"{bar.quote.ask:.10g} × {bar.quote.ask_size:.10g}",
        )
        where = f"{bar.instrument} quote {bar.row}, session {bar.session}: {figures.instant(bar.ts_event_ns)}"
        return f"{where}; bid {bid}, ask {ask}"
    return (
        f"{bar.instrument} row {bar.row}, session {bar.session}: {figures.instant(bar.ts_event_ns)} to "
        f"{figures.instant(bar.ts_close_ns)}, known {figures.instant(bar.ts_recv_ns)}; {prices}"
    )


def _order(order: OrderStep) -> str:
    if order.order_id < 0:
        return f"none: the {order.type.lower().replace('_', ' ')} came with the data"
    named = (("stop", order.stop_price), ("limit", order.limit_price), ("trailing by", order.trail))
    prices = "".join(f", {name} {value}" for name, value in named if value)
    words = (
        f"#{order.order_id} {order.side.lower()} {order.quantity} {order.type.lower().replace('_', ' ')}{prices}, "
        f"{order.time_in_force.lower()}{f' {order.expires}' if order.expires else ''}"
        f"{', reduce only' if order.reduce_only else ''}; sent {figures.instant(order.ts_submit_ns)}, arrived "
        f"{figures.instant(order.ts_arrive_ns)}"
    )
    if order.replaces_id is not None:
        words += f"; in place of #{order.replaces_id}"
    if order.parent_id is not None:
        words += f"; after a fill of #{order.parent_id}"
    if order.ended_text:
        words += f"; then it ended: {order.ended_text.removesuffix('.')}"
    elif order.filled_lots < order.quantity_lots:
        words += f"; {order.filled_lots} of {order.quantity_lots} lots were filled"
    return words + (f"; “{order.tag}”" if order.tag else "")


def _decided(order: OrderStep) -> str:
    """Who decided on what no decision of the strategy led to."""
    if order.order_id < 0:
        return "by nobody: it happened to the instrument, and the data say so"
    if order.is_liquidation:
        return "by the engine, not the strategy: the account had to be liquidated"
    return "by the engine, not the strategy: a halt after losses closed what was held"


def _quantity(lots: int, trace: Trace) -> str:
    """A quantity in units, with the lots where a lot is not one unit."""
    units = f"{Decimal(trace.lot_size) * abs(lots):,f}"
    return units if trace.lot_size == "1" else f"{units} ({abs(lots):,} lots)"


def _fill_title(number: int, step: FillStep, trace: Trace) -> str:
    if step.rule == "SPLIT":
        return f"{number}. {step.role}; the mark becomes {step.price.price}, {figures.instant(step.ts_ns)}"
    verb = "bought" if step.part_lots > 0 else "sold"
    return (
        f"{number}. {step.role}: {verb} {_quantity(step.part_lots, trace)} at {step.price.price}, "
        f"{figures.instant(step.ts_ns)}"
    )


def _fill_line(number: int, step: FillStep, trace: Trace) -> Text:
    from rich.text import Text

    paid = f"value {format_micros(abs(step.value_micros))}, fees {format_micros(step.fee.share_micros)}"
    if step.rule == "SPLIT":
        paid = f"cash for what is no whole lot {format_micros(-step.value_micros)}"
    paid += f" {trace.currency}"
    return Text(f"  {_fill_title(number, step, trace)}; {paid}")


def _fill(number: int, step: FillStep, trace: Trace) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, min_width=9)
    grid.add_column()
    lots = "1 lot" if abs(step.part_lots) == 1 else f"{abs(step.part_lots):,} lots"
    grid.add_row("", "")
    grid.add_row("fill", Text(_fill_title(number, step, trace), style="bold"))
    if step.decision is None:
        grid.add_row("decided", _decided(step.order))
    else:
        for bar in step.decision.bars:
            grid.add_row("known", Text(_bar(bar)))
        for feature in step.decision.features:
            given = ", ".join(f"{name} {value}" for name, value in feature.parameters.items())
            grid.add_row("read", Text(f"{feature.alias} = {feature.feature}({given}) = {feature.value:.10g}"))
        grid.add_row("decided", f"{figures.instant(step.decision.ts_ns)}, when it was {step.decision.kind}")
    grid.add_row("order", Text(_order(step.order)))
    grid.add_row("bar" if step.bar.quote is None else "quote", Text(_bar(step.bar)))
    grid.add_row("rule", Text(f"{step.rule}: {step.rule_text}"))
    grid.add_row("price", Text(step.price.arithmetic))
    if step.rule == "SPLIT":
        grid.add_row("cash", f"{format_micros(-step.value_micros)} {trace.currency} for what is no whole lot")
    else:
        value = (
            f"{lots} × {step.price.price_ticks} ticks × {trace.tick_value_micros} micro-units = "
            f"{format_micros(abs(step.value_micros))} {trace.currency}"
        )
        grid.add_row("value", Text(value))
    grid.add_row("fee", Text(f"{step.fee.arithmetic} ({step.fee.source})"))
    for line in step.ledger:
        entry = f"debit {line.debit:<9} credit {line.credit:<9} {format_micros(line.amount_micros)} {trace.currency}"
        grid.add_row("ledger", Text(entry))
    return grid


def _settlements(trace: Trace, shown: int) -> Table:
    from rich import box
    from rich.table import Table

    title = "Settlements" + (": variation margin" if trace.kind == "future" else ": marks")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("Session")
    table.add_column("Marked at", justify="right")
    table.add_column("Held", justify="right")
    table.add_column(f"Gain, {trace.currency}", justify="right")
    table.add_column("Other trades", justify="right")
    table.add_column("Booked")
    steps = trace.settlements
    half = max(1, shown // 2)
    left_out = steps[half : len(steps) - half] if len(steps) > max(2, shown) else ()
    for step in steps[:half] if left_out else steps:
        table.add_row(*_settlement(step, trace))
    if left_out:
        gained = format_micros(sum(step.gain_micros for step in left_out))
        table.add_row(f"… {len(left_out)} more", "", "", gained, "", "")
        for step in steps[-half:]:
            table.add_row(*_settlement(step, trace))
    return table


def _settlement(step: SettlementStep, trace: Trace) -> tuple[str, str, str, str, str, str]:
    booked = "; ".join(f"{line.debit} / {line.credit} {format_micros(line.amount_micros)}" for line in step.ledger)
    other = format_micros(step.other_micros) if step.other_micros else ""
    held = f"{Decimal(trace.lot_size) * step.position_lots:,f}"
    return step.session, step.mark, held, format_micros(step.gain_micros), other, booked or "nothing"


def _carries(trace: Trace, shown: int) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title="What holding it cost and brought", title_justify="left")
    table.add_column("When, UTC")
    table.add_column("What")
    table.add_column(f"Amount, {trace.currency}", justify="right")
    table.add_column("From")
    table.add_column("Booked")
    steps = trace.carries
    half = max(1, shown // 2)
    left_out = steps[half : len(steps) - half] if len(steps) > max(2, shown) else ()
    for step in steps[:half] if left_out else steps:
        table.add_row(*_carry(step))
    if left_out:
        amount = format_micros(sum(step.amount_micros for step in left_out))
        table.add_row(f"… {len(left_out)} more", "", amount, "", "")
        for step in steps[-half:]:
            table.add_row(*_carry(step))
    return table


def _conversions(own: InAccount, currency: str, shown: int) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=f"Converted from {currency} to {own.currency}", title_justify="left")
    table.add_column("When, UTC")
    table.add_column("What")
    for name in (currency, "Rate", own.currency, "Cost"):
        table.add_column(name, justify="right")
    half = max(1, shown // 2)
    steps = own.conversions
    left_out = steps[half : len(steps) - half] if len(steps) > max(2, shown) else ()
    for step in steps[:half] if left_out else steps:
        table.add_row(*_conversion(step))
    if left_out:
        came, cost = sum(step.account_micros for step in left_out), sum(step.cost_micros for step in left_out)
        table.add_row(f"… {len(left_out)} more", "", "", "", format_micros(came), format_micros(cost))
        for step in steps[-half:]:
            table.add_row(*_conversion(step))
    return table


def _conversion(step: ConversionStep) -> tuple[str, str, str, str, str, str]:
    amounts = (
        format_micros(step.own_micros),
        step.rate,
        format_micros(step.account_micros),
        format_micros(step.cost_micros),
    )
    return figures.instant(step.ts_ns), step.what, *amounts


def _carry(step: CarryStep) -> tuple[str, str, str, str, str]:
    booked = "; ".join(f"{line.debit} / {line.credit}" for line in step.ledger)
    return figures.instant(step.ts_ns), step.kind, format_micros(step.amount_micros), step.text, booked


def _result(trace: Trace) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, min_width=9)
    grid.add_column(justify="right")
    grid.add_column()
    grid.add_row("sold", format_micros(trace.sold_micros))
    grid.add_row("bought", format_micros(-trace.bought_micros))
    if any(step.rule == "SPLIT" for step in trace.fills):
        grid.add_row("splits", format_micros(trace.split_cash_micros), "cash for what was no whole lot")
    if trace.mark is not None:
        grid.add_row("held", format_micros(trace.marked_micros), f"still open, at the last mark of {trace.mark}")
    grid.add_row("gross", format_micros(trace.gross_micros), "the sum of the settlements above, too")
    grid.add_row("fees", format_micros(-trace.fee_micros))
    if trace.carries:
        grid.add_row("carry", format_micros(trace.carry_micros), "what holding it brought, less what it cost")
    grid.add_row("net", Text(format_micros(trace.net_micros), style="bold"), trace.currency)
    own = trace.in_account
    if own is not None:
        if trace.is_open:
            grid.add_row("held", format_micros(own.worth_micros), f"in {own.currency}, at the last mark and rate")
        grid.add_row("gross", format_micros(own.gross_micros), f"in {own.currency}, the sum of the conversions above")
        grid.add_row("fees", format_micros(-own.fee_micros), "with what conversions cost")
        if trace.carries:
            grid.add_row("carry", format_micros(own.carry_micros))
        grid.add_row("net", Text(format_micros(own.net_micros), style="bold"), own.currency)
    verdict = "✓ adds up to the micro-unit" if trace.adds_up else f"✕ differs by {trace.difference_micros} micro-units"
    grid.add_row("recorded", format_micros(trace.recorded_net_micros), Text(verdict, style=_colour(trace.adds_up)))
    return grid
