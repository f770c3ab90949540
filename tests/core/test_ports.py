from __future__ import annotations

from typing import Any

import pytest

from argus.core import ports
from argus.core.ports import AccountView, BarWindow, PositionView, Strategy, View
from argus.engine.view import ReplayAccount, ReplayPosition, ReplayView, Window
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import Scripted, TrialList, at_wakes


def members(protocol: type[Any]) -> set[str]:
    """What a protocol asks for."""
    return {name for name in vars(protocol) if not name.startswith("_") or name == "__len__"}


@pytest.mark.parametrize(
    ("port", "adapter"),
    [
        (View, ReplayView),
        (AccountView, ReplayAccount),
        (PositionView, ReplayPosition),
        (BarWindow, Window),
        (ports.Sizer, FixedUnits),
        (ports.RiskPolicy, LimitRiskPolicy),
        (ports.TrialLedger, TrialList),
    ],
)
def test_what_stands_behind_a_port_has_all_that_the_port_asks_for(port: type[Any], adapter: type[Any]) -> None:
    asked = members(port)
    assert asked
    assert asked <= {name for kind in adapter.__mro__ for name in (*vars(kind), *getattr(kind, "__slots__", ()))}


def test_a_strategy_is_known_by_its_shape() -> None:
    assert isinstance(Scripted(["ES"], at_wakes({})), Strategy)
    assert not isinstance(object(), Strategy)


def test_every_port_is_named() -> None:
    protocols = {name for name, value in vars(ports).items() if getattr(value, "_is_protocol", False)}
    assert protocols - {"Protocol"} == set(ports.__all__)
