from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from argus.core.random import generator
from argus.lab.journal.registry import Event, EventKind
from argus.lab.journal.screen import account_of, screen_of
from argus.lab.multiple_testing.screens import benjamini_hochberg, haircut_sharpe, holm

YEARS = 8.0


def event(experiment: str, kind: EventKind, **body: Any) -> Event:
    return Event(1, experiment, str(kind), 0, body, "", "")


def stated(experiment: str, *markets: str) -> Event:
    return event(
        experiment, EventKind.REGISTERED, spec={"name": f"idea {experiment}", "markets": dict.fromkeys(markets)}
    )


def verdict(experiment: str, **ratios: float | None) -> Event:
    accounts = {
        market: {"p_value": None if ratio is None else chance(ratio), "sharpe_annual": ratio, "years": YEARS}
        for market, ratio in ratios.items()
    }
    return event(experiment, EventKind.VERDICT, accounts=accounts)


def chance(ratio: float) -> float:
    return 0.5 * math.erfc(ratio * math.sqrt(YEARS / 2.0))


def test_every_row_is_corrected_for_all_the_others() -> None:
    ratios = {f"e{k}": float(value) for k, value in enumerate(generator(3, "tests", "screen").normal(0.4, 0.5, 12))}
    events = [one for name, ratio in ratios.items() for one in (stated(name, "A"), verdict(name, A=ratio))]
    found = screen_of(events)
    assert [row.p_value for row in found.rows] == sorted(row.p_value for row in found.rows)
    p = np.array([chance(ratio) for ratio in ratios.values()])
    two_sided = [math.erfc(abs(ratio) * math.sqrt(YEARS / 2.0)) for ratio in ratios.values()]
    for k, (name, ratio) in enumerate(ratios.items()):
        row = next(one for one in found.rows if one.experiment == name)
        assert (row.name, row.market, row.sharpe_annual) == (f"idea {name}", "A", ratio)
        assert (row.p_value, row.holm, row.false_share) == (p[k], holm(p)[k], benjamini_hochberg(p)[k])
        assert row.p_value <= row.false_share <= row.holm
        others = [*two_sided[:k], *two_sided[k + 1 :]]
        left = haircut_sharpe(ratio, YEARS, 12, method="holm", others=others).sharpe_left
        assert row.sharpe_left == pytest.approx(left, rel=1e-12)
    assert "12 ideas were judged" in found.sentence
    assert "0.6 would have it by luck" in found.sentence


def test_leaving_out_never_helps() -> None:
    good = [stated("a", "A"), verdict("a", A=1.0)]
    alone = screen_of(good).rows[0]
    assert alone.holm == alone.p_value
    # An interrupted run and an account that never traded are looks; a file that nobody ran is none.
    ran = [stated("b", "B"), event("b", EventKind.RUN, market="B"), stated("c", "C"), verdict("c", C=None)]
    found = screen_of([*good, *ran, stated("d", "D", "E")])
    first = found.rows[0]
    assert (first.experiment, first.holm) == ("a", pytest.approx(3 * alone.p_value))
    assert first.sharpe_left is not None
    assert alone.sharpe_left is not None
    assert first.sharpe_left < alone.sharpe_left
    assert [(row.p_value, row.sharpe_left) for row in found.rows[1:]] == [(1.0, None)] * 2
    assert found.unjudged == 2
    assert "3 ideas were judged" in found.sentence
    assert found.unknown == 2
    assert "2 have no p-value and count with 1" in found.sentence
    assert "2 more were registered and never run" in found.sentence


def test_verdicts_that_did_not_note_their_account_are_told() -> None:
    # A verdict of an earlier version: the run is known, what the account did is not.
    events = [
        stated("a", "A"),
        event("a", EventKind.RUN, market="A"),
        event("a", EventKind.VERDICT, verdicts={"A": ""}),
    ]
    found = screen_of(events)
    assert [(row.p_value, row.sharpe_annual) for row in found.rows] == [(1.0, None)]
    assert found.unknown == 1
    assert "1 has no p-value and counts with 1" in found.sentence
    assert "run the file again" in found.sentence
    judged = screen_of([*events, verdict("a", A=0.9)])
    assert judged.unknown == 0
    assert "no p-value" not in judged.sentence


def test_the_last_verdict_counts_and_a_hold_out_takes_none_away() -> None:
    told = [stated("a", "A"), verdict("a", A=0.1), verdict("a", A=0.9), event("a", EventKind.VERDICT, holdout={})]
    (row,) = screen_of(told).rows
    assert row.sharpe_annual == 0.9
    assert "1 idea was judged" in screen_of(told).sentence
    assert screen_of([stated("a", "A")]).sentence == "No idea was judged yet."


def test_an_account_is_read_off_its_metrics() -> None:
    metrics = {"psr_zero": 0.975, "sessions": 504, "sessions_per_year": 252.0, "sharpe_annual": 1.4}
    assert account_of(metrics) == {"p_value": pytest.approx(0.025), "sharpe_annual": 1.4, "years": 2.0}
    assert account_of(metrics | {"psr_zero": None, "sharpe_annual": None})["p_value"] is None
