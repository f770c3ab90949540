"""``argus options consensus``: one volatility for each contract out of several sources, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from argus.cli.options_analysis import ChainOption, PresetOption, RateOption, UnderlyingOption
from argus.cli.output import Columns, JsonOption, WorkspaceOption, emit, print_table

__all__ = ["consensus"]

_SOURCES: Final[Columns] = (
    ("source", "source", "{!s}"),
    ("from", "origin", "{!s}"),
    ("stream", "stream", "{}"),
    ("weight", "weight", "{:g}"),
    ("snapshots", "snapshots", "{:,}"),
    ("last quoted", "last_quoted", "{!s}"),
    ("age s", "age_s", "{:,.0f}"),
    ("may be", "max_age_s", "{:,g}"),
    ("heard", "heard", "{}"),
)
_EXPIRIES: Final[Columns] = (
    ("expiry", "expiry", "{}"),
    ("root", "root", "{}"),
    ("days", "days", "{:.1f}"),
    ("forward", "forward", "{:,.2f}"),
    ("ATM vol", "atm_vol", "{:.2%}"),
    ("contracts", "contracts", "{:,}"),
    ("with vol", "answered", "{:,}"),
    ("oldest s", "age_s_max", "{:,.0f}"),
    ("differ", "discrepancy_median", "{:.2%}"),
    ("most", "discrepancy_max", "{:.2%}"),
    ("whose", "whose", "{!s}"),
)
_CONTRACTS: Final[Columns] = (
    ("contract", "contract", "{}"),
    ("vol", "vol", "{:.2%}"),
    ("source", "source", "{!s}"),
    ("age s", "age_s", "{:,.0f}"),
    ("heard", "fresh", "{}"),
    ("differ", "discrepancy", "{:.2%}"),
    ("score", "discrepancy_score", "{:.2f}"),
    ("why not", "why", "{}"),
)


def consensus(
    chain: ChainOption,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME=FILE", help="Another source: a file, or chains of the catalog."),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="prefer_stream, winner_based or blended.")
    ] = "prefer_stream",
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE|INSTANT", help="What was known then; by default what is known last."),
    ] = None,
    max_age: Annotated[
        list[str] | None,
        typer.Option("--max-age", metavar="SECONDS", help="Nothing older is heard; NAME=SECONDS for one source."),
    ] = None,
    stream: Annotated[
        list[str] | None, typer.Option("--stream", metavar="NAME", help="This source is a stream.")
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option("--weight", metavar="NAME=NUMBER", help="Trust in a source; 1 by default.")
    ] = None,
    expiry: Annotated[
        str | None, typer.Option("--expiry", metavar="DATE", help="Show every contract of this expiry.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, metavar="N", help="Contracts shown on which sources differ most.")] = 10,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write every contract.")] = None,
    underlying: UnderlyingOption = None,
    preset: PresetOption = None,
    rate: RateOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """One volatility of each contract out of several sources: whose, how old, and how far the others differ.

    The quotes of --chain are the source `ours`, the volatilities of its vendor the source `vendor`; each --source is
    one or two more, NAME and NAME:vendor.
    """
    from argus.app.data import parse_pairs
    from argus.app.option_consensus import CHAIN, consensus_dict, consensus_frame, hear_sources
    from argus.core.errors import ConfigError

    others = parse_pairs(source or (), "--source")
    if CHAIN in others:
        raise ConfigError(f"--source names {CHAIN!r}, as --chain is called; give it another name")
    report = hear_sources(
        {CHAIN: chain, **others},
        as_of,
        policy=_policy(policy),
        trust=_trust(max_age or [], weight or [], stream or []),
        workspace=workspace,
        underlying=underlying,
        preset=preset,
        rate=rate,
    )
    data = consensus_dict(report, top)
    if expiry is not None:
        data["rows"] = consensus_frame(report, expiry).to_dicts()
    if out is not None:
        from argus.app.option_tables import write_frame

        write_frame(consensus_frame(report), out)
        data["file"] = str(out)
    emit(data, json_wanted=json_wanted, text=lambda: _say(data))


def _policy(name: str) -> Any:
    from argus.core.errors import ConfigError
    from argus.options import ConsensusPolicy

    if name not in set(ConsensusPolicy):
        raise ConfigError(f"--policy is {name!r}; write one of {', '.join(ConsensusPolicy)}")
    return ConsensusPolicy(name)


def _trust(max_age: list[str], weight: list[str], stream: list[str]) -> Any:
    from argus.app.data import parse_pairs
    from argus.app.option_consensus import MAX_AGE_S, Trust
    from argus.core.errors import ConfigError

    general = [text for text in max_age if "=" not in text]
    if len(general) > 1:
        raise ConfigError(f"--max-age is given as {' and as '.join(general)}; state one for all, or NAME=SECONDS")
    single = parse_pairs([text for text in max_age if "=" in text], "--max-age")
    weights = parse_pairs(weight, "--weight")
    return Trust(
        _number(general[0], "--max-age") if general else MAX_AGE_S,
        {name: _number(text, "--max-age") for name, text in single.items()},
        {name: _number(text, "--weight") for name, text in weights.items()},
        tuple(stream),
    )


def _number(text: str, option: str) -> float:
    import math

    from argus.core.errors import ConfigError

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise ConfigError(f"{option} is {text!r}; write a positive number")
    return value


def _say(data: Mapping[str, Any]) -> None:
    typer.echo(f"{data['underlying']} as of {data['as_of']}, {data['policy'].replace('_', ' ')}")
    for note in data["notes"]:
        typer.echo(f"note: {note}")
    print_table([one | {"last_quoted": one["last_quoted"] or "-"} for one in data["sources"]], _SOURCES)
    print_table([one | {"whose": _whose(one["shares"])} for one in data["expiries"]], _EXPIRIES)
    shown = data.get("rows", data["disputed"])
    if shown:
        print_table([one | {"why": "" if one["reason"] == "ok" else one["reason"]} for one in shown], _CONTRACTS)
    for sentence in data["sentences"]:
        typer.echo(sentence)
    if "file" in data:
        typer.echo(f"written: {data['file']}")


def _whose(shares: Mapping[str, float]) -> str:
    """The sources that were followed, by their shares in the answers."""
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share > 0.0) or "-"
