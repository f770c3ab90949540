"""Options of a run that several commands have: parameters, account, size, costs and span, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "AccountOption",
    "CashOption",
    "CostMultiplierOption",
    "EndOption",
    "FeePerContractOption",
    "FeeRateOption",
    "HalfSpreadOption",
    "ImpactOption",
    "LatencyOption",
    "ParamOption",
    "ParticipationOption",
    "SlippageRateOption",
    "SlippageTicksOption",
    "StartOption",
    "TouchOption",
    "UnitsOption",
    "VolTargetOption",
]

ParamOption = Annotated[list[str] | None, typer.Option(help="Parameter as name=value; repeatable.")]
CashOption = Annotated[str, typer.Option(help="Opening balance.")]
AccountOption = Annotated[str, typer.Option(help="auto, futures, cash or reg_t.")]
UnitsOption = Annotated[
    float | None, typer.Option(help="Contracts, shares or coins of a full position; 1 if not given.")
]
VolTargetOption = Annotated[float | None, typer.Option(help="Size by volatility instead: annual share, such as 0.1.")]
FeePerContractOption = Annotated[
    str | None, typer.Option(help="Fee per contract or share and side; default: the instrument's schedule.")
]
FeeRateOption = Annotated[str | None, typer.Option(help="Fee as a fraction of the notional per side.")]
SlippageTicksOption = Annotated[int, typer.Option(help="Ticks against the trader per market fill.")]
SlippageRateOption = Annotated[str, typer.Option(help="Fraction of the price against the trader per market fill.")]
HalfSpreadOption = Annotated[str, typer.Option(help="Half of the bid-ask spread in ticks, paid per market fill.")]
ImpactOption = Annotated[
    str, typer.Option(help="Square-root market impact in session volatilities, as 1; needs volume. 0 for none.")
]
CostMultiplierOption = Annotated[str, typer.Option(help="Scales all fees and slippage.")]
LatencyOption = Annotated[float, typer.Option(help="From decision to arrival of an order.")]
TouchOption = Annotated[bool, typer.Option("--touch", help="Fill limits on touch; kinder than the market is.")]
ParticipationOption = Annotated[str, typer.Option(help="Largest share of a bar's volume that fills may take.")]
StartOption = Annotated[str | None, typer.Option(help="First decision, ISO date or date-time; earlier bars warm up.")]
EndOption = Annotated[str | None, typer.Option(help="Decisions end before this instant.")]
