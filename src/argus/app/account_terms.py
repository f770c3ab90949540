"""Terms of an account from what was typed: its currency, rates of others, what converting costs, intraday margins."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argus.app.workspace import Workspace
from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.engine.account_terms import CurrencyTerms, DatedRate, IntradayMargin
    from argus.engine.market import Market

__all__ = ["NO_TERMS", "AccountTerms", "rates_market"]

_COLUMNS: Final = ("date", "currency", "rate")


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What was stated of an account beside its cash; None is what holds where nothing is said.

    Attributes
    ----------
    currency : str or None
        Of the account; None is that of the first instrument.
    rates : tuple of str
        Where rates of other currencies come from: datasets of pairs in the catalog, or files of dated rates.
    conversion_cost_bp : Decimal or None
    intraday_share : Decimal or None
        Intraday margins as a share of the overnight ones.
    intraday_cutoff_minutes : int or None
        Minutes before the session's close at which overnight margins must be met.
    """

    currency: str | None = None
    rates: tuple[str, ...] = ()
    conversion_cost_bp: Decimal | None = None
    intraday_share: Decimal | None = None
    intraday_cutoff_minutes: int | None = None

    def fx(self) -> CurrencyTerms | None:
        """The engine's terms for other currencies; None where nothing was said of them."""
        from argus.engine.account_terms import CurrencyTerms

        stated = tuple(row for name in self.rates if Path(name).is_file() for row in _read_rates(Path(name)))
        if not stated and self.conversion_cost_bp is None:
            return None
        terms = CurrencyTerms()
        cost = terms.cost_bp if self.conversion_cost_bp is None else self.conversion_cost_bp
        return CurrencyTerms(cost, tuple(sorted(stated, key=lambda row: (row.currency, row.day))))

    def intraday(self) -> IntradayMargin | None:
        """The engine's intraday margins; None where overnight ones hold at all times."""
        from argus.engine.account_terms import IntradayMargin

        if self.intraday_share is None and self.intraday_cutoff_minutes is None:
            return None
        if self.intraday_share is None or self.intraday_cutoff_minutes is None:
            raise ConfigError(
                "--intraday-margin and --intraday-cutoff go together: give the share of the overnight margin that your "
                "broker asks within the day, and how many minutes before the close it ends"
            )
        return IntradayMargin(self.intraday_cutoff_minutes, self.intraday_share)


NO_TERMS: Final = AccountTerms()


def rates_market(names: tuple[str, ...], workspace: Workspace | None) -> Market:
    """Pairs among these names, from the catalog; files of dated rates are left out."""
    from argus.app.backtest import catalog_market

    datasets = tuple(name for name in names if not Path(name).is_file())
    if not datasets:
        return {}
    if workspace is None:
        raise ConfigError(
            f"--rates {datasets[0]}: there is no such file, and no workspace here whose catalog could hold a dataset "
            "of that name; give a file with the columns date,currency,rate, or run inside a workspace (argus init)"
        )
    return catalog_market(workspace, datasets)[0]


def _read_rates(path: Path) -> list[DatedRate]:
    """Rows of a file with the columns date, currency and rate: what one unit was worth in the account's currency."""
    from argus.core.money import decimal_of
    from argus.engine.account_terms import DatedRate

    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != _COLUMNS:
            raise ConfigError(
                f"--rates {path.name}: its first line is {','.join(table.fieldnames or ())}; {','.join(_COLUMNS)} is "
                "expected, then a line for each day and currency, such as 2024-05-31,EUR,1.0848"
            )
        rows = []
        for number, row in enumerate(table, start=2):
            where = f"--rates {path.name}, line {number}"
            if None in row or None in row.values():
                raise ConfigError(f"{where}: three values are expected, {','.join(_COLUMNS)}")
            try:
                day = date.fromisoformat(row["date"].strip())
            except ValueError:
                raise ConfigError(f"{where}: {row['date']!r} is no date; write it as 2024-05-31") from None
            rows.append(DatedRate(row["currency"].strip(), day, decimal_of(row["rate"].strip(), where)))
    return rows
