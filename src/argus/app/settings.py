"""The workspace's ``argus.yaml``: what to research, with what money, at what cost. Checked when it is read.

Every setting has a default that a sceptic would choose; an unknown name or a value out of range is an error that says
which one.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from argus.core.errors import ConfigError

__all__ = [
    "AccountSettings",
    "CandidateSettings",
    "CostSettings",
    "EvaluationSettings",
    "ResearchSettings",
    "Settings",
    "SizingSettings",
    "UniverseSettings",
    "default_yaml",
    "read_settings",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountSettings(_Strict):
    """The account that research trades."""

    kind: Literal["auto", "futures", "cash", "reg_t"] = "auto"
    """``auto``: futures for futures, reg_t for the rest."""
    cash: Decimal = Field(default=Decimal(1_000_000), gt=0)
    currency: str = "USD"
    daily_loss: Decimal | None = Field(default=Decimal("0.02"), gt=0, le=1)
    """Share of the equity at the session's begin that may be lost before trading halts for that session; null: any."""


class CostSettings(_Strict):
    """What trading costs; a fee left out is the instrument's own schedule."""

    fee_per_unit: Decimal | None = Field(default=None, ge=0)
    fee_rate: Decimal | None = Field(default=None, ge=0, lt=1)
    slippage_ticks: int = Field(default=1, ge=0)
    slippage_rate: Decimal = Field(default=Decimal("0.0002"), ge=0, lt=1)
    """Fraction of the price, used for everything but futures (whose slippage is in ticks)."""
    half_spread_ticks: Decimal = Field(default=Decimal(0), ge=0, le=10_000)
    """Half of the bid-ask spread, beside the slippage."""
    impact: Decimal = Field(default=Decimal(0), ge=0, le=100)
    """Coefficient of square-root market impact; 0 for none."""


class SizingSettings(_Strict):
    """How opinions become positions."""

    kind: Literal["volatility_target", "fixed_units"] = "volatility_target"
    vol_target_annual: float = Field(default=0.10, gt=0, le=1)
    units: float = Field(default=1.0, gt=0)


class CandidateSettings(_Strict):
    """One idea on one market: a strategy and the datasets it trades together."""

    strategy: str
    datasets: tuple[str, ...] = Field(min_length=1)
    parameters: dict[str, int | float | str | bool] = {}
    """Values that are fixed and not searched."""


_STOCKS = (
    *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO"),
    *("LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
)
"""The embedded stocks: adjusted closes only, so that only orders on the close can trade them."""


class ResearchSettings(_Strict):
    """What ``argus research`` looks at."""

    candidates: Annotated[tuple[CandidateSettings, ...], Field(min_length=1)] = (
        CandidateSettings(strategy="sma_cross", datasets=("IXIC.1d",)),
        CandidateSettings(strategy="tsmom", datasets=("IXIC.1d",)),
        CandidateSettings(strategy="mean_reversion", datasets=("IXIC.1d",)),
        CandidateSettings(strategy="overnight", datasets=("IXIC.1d",)),
        CandidateSettings(strategy="tsmom", datasets=("SPX.1d",), parameters={"execution": "moc"}),
        CandidateSettings(strategy="mean_reversion", datasets=("SPX.1d",), parameters={"execution": "moc"}),
        CandidateSettings(
            strategy="tsmom",
            datasets=tuple(f"US_EQUITY_ADJ:{name}.1d" for name in _STOCKS),
            parameters={"execution": "moc"},
        ),
    )


_SHARES = {"equity": "MES", "nasdaq": "MNQ", "small_caps": "RTY", "dow": "YM"}
_BONDS = {"bonds_30y": "ZB", "bonds_10y": "ZN", "bonds_5y": "ZF"}
_CURRENCIES = {"euro": "M6E", "yen": "6J", "aussie": "6A", "bitcoin": "BTCUSD"}
_GOODS = {"gold": "MGC", "silver": "SI", "oil": "MCL", "gas": "QG"}
_VOLATILITY = {"volatility_front": "VXM#1", "volatility_second": "VXM#2", "vix": "VIX", "vvix": "VVIX"}
_CYCLICAL = {"energy": "XLE", "financials": "XLF", "industrials": "XLI", "technology": "XLK", "discretionary": "XLY"}
_DEFENSIVE = {"staples": "XLP", "utilities": "XLU", "health_care": "XLV"}
_FUNDS = _CYCLICAL | _DEFENSIVE | {"high_yield": "HYG", "dollar": "UUP"}


def _customary_members() -> dict[str, str]:
    funds = {role: f"US_EQUITY_ADJ:{name}" for role, name in _FUNDS.items()}
    return _SHARES | _BONDS | _CURRENCIES | _GOODS | _VOLATILITY | funds


class UniverseSettings(_Strict):
    """Which markets cross-asset features look at."""

    members: dict[str, str] = Field(default_factory=_customary_members)
    """Role to symbol in the catalog; a role without bars is left out, and said so. ``VXM#2`` is the second contract."""
    clock: str = ""
    """Role whose bars are the rows; empty takes the first that there is."""
    stale_after_days: float = Field(default=5.0, gt=0, le=366)
    """Calendar days after which the last known close of a member no longer counts."""

    @field_validator("members")
    @classmethod
    def _known_roles(cls, given: dict[str, str]) -> dict[str, str]:
        from argus.features.universe import ROLES

        unknown = [role for role in given if role not in ROLES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no role of the universe; roles are {', '.join(ROLES)}")
        return given

    @field_validator("clock")
    @classmethod
    def _known_clock(cls, given: str) -> str:
        if given:
            cls._known_roles({given: ""})
        return given


class EvaluationSettings(_Strict):
    """What the lab asks of a strategy."""

    deploy_gates: dict[str, float] = {}
    """Gate to threshold, where it is not the one that Argus comes with. Some can be made stricter only."""
    embargo_sessions: int | None = Field(default=None, ge=1, le=10_000)
    """Sessions between choosing and trading in the walk; null: as long as a trade of the strategy can last."""

    @field_validator("deploy_gates")
    @classmethod
    def _known_gates(cls, given: dict[str, float]) -> dict[str, float]:
        from argus.lab.gates import gates_with

        if given:
            try:
                gates_with(given)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return given


class Settings(_Strict):
    """Everything in ``argus.yaml``."""

    version: Literal[1] = 1
    seed: int = 7
    account: AccountSettings = AccountSettings()
    costs: CostSettings = CostSettings()
    sizing: SizingSettings = SizingSettings()
    universe: UniverseSettings = UniverseSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    research: ResearchSettings = ResearchSettings()


def read_settings(path: Path) -> Settings:
    """Settings from a YAML file.

    Raises
    ------
    ConfigError
        Naming the file, each setting that is wrong, what was found and what is expected.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds a {type(found).__name__}; settings by name are expected")
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']} (found {item['input']!r})"
            for item in error.errors()
        )
        raise ConfigError(f"{path}: {wrong}; `argus init` in a new folder writes every setting") from None


def default_yaml() -> str:
    """The defaults as text for a new workspace, with every setting shown."""
    import yaml

    head = (
        "# What Argus researches here, with what money and at what cost. `argus explain` tells what a word means;\n"
        "# a setting that is left out has the value shown here.\n"
    )
    return head + yaml.safe_dump(
        Settings().model_dump(mode="json", exclude={"research": {"candidates": {"__all__": set()}}}),
        sort_keys=False,
    )
