"""Every figure of a run's summary, declared: its unit, formula and source, how to read it and what to distrust.

The names are the keys of `run_metrics.summary`, in its order; a test holds the two together. `argus explain` and the
pages of the documentation can read them from here, so that a figure cannot appear without saying what it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from argus.core.errors import ConfigError

__all__ = ["METRICS", "Metric", "metric"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One declared figure.

    Attributes
    ----------
    name : str
        Key in the summary.
    unit : str
        "fraction" (0.1 is 10 %), "ratio", "micros" (millionths of the account's currency), "count", "sessions", ...
    what : str
        What it is, in one line.
    formula, source : str
        How it is computed, and where that stands. A figure of plain arithmetic has the source "definition".
    read, distrust : str
        How to read it, and how it fools.
    also : tuple of str
        Other words for it.
    """

    name: str
    unit: str
    what: str
    formula: str
    source: str
    read: str
    distrust: str
    also: tuple[str, ...] = ()


_LO: Final = "Lo 2002, Financial Analysts Journal 58(4)"
_PSR: Final = "Bailey, Lopez de Prado 2012, Journal of Risk 15(2)"
_SORTINO: Final = "Sortino, Price 1994, Journal of Investing 3(3)"
_MARTIN: Final = "Martin, McCann 1989, The Investor's Guide to Fidelity Funds"
_SWEENEY: Final = "Sweeney 1997, Maximum Adverse Excursion"
_DEFINITION: Final = "definition"

_RETURNS: Final = (
    Metric(
        "sessions", "sessions", "Sessions with an equity, from the first decision on.",
        "n", _DEFINITION,
        "Everything else rests on this many observations.",
        "Sessions in which nothing was held count as well.",
    ),
    Metric(
        "sessions_per_year", "sessions a year", "How many sessions a year the data really hold.",
        "(n - 1) / years from the first to the last; in less than a year, sessions of whole weeks over their days",
        _DEFINITION,
        "About 252 for a stock exchange, 365 for a market that never closes. Every annual figure uses it.",
        "Holes in the data lower it. Shorter than a week it is not known, and no annual figure is.",
    ),
    Metric(
        "net_pnl_micros", "micros", "Change in equity after all costs, open positions marked at the last close.",
        "E_end - E_0", _DEFINITION,
        "In money, exactly what the ledger proves.",
        "A large account makes any number large: read the return beside it.",
    ),
    Metric(
        "return_total", "fraction", "The result over the opening balance.",
        "max(E_end, 0) / E_0 - 1", _DEFINITION,
        "0.25 is a quarter earned over the whole run.",
        "It says nothing about how long it took or what was risked.",
    ),
    Metric(
        "return_annual", "fraction", "The yearly rate that compounds to the result.",
        "(E_end / E_0)^(1 / years) - 1, years = n / N with N sessions a year", _DEFINITION,
        "Compare it with what cash paid, and with the drawdown it took.",
        "Three good weeks become an absurd year.",
        ("cagr",),
    ),
    Metric(
        "vol_annual", "fraction", "How much the account's returns vary, brought to a year.",
        "sd(r) sqrt(N), sample deviation of session returns", _DEFINITION,
        "0.10: a typical year ends within ten percent of its mean.",
        "The square root of time is wrong for returns that depend on each other.",
    ),
    Metric(
        "month_return_mean", "fraction", "Mean return of whole calendar months.",
        "mean(E_end of month / E_end of month before - 1), first and last month left out", _DEFINITION,
        "The pay of a typical month, if there were one.",
        "Few months make a poor mean; one of them may be all of it.",
    ),
    Metric(
        "month_return_worst", "fraction", "The worst whole calendar month.",
        "min over whole months", _DEFINITION,
        "Could you have gone on trading after it?",
        "The worst month is nearly always still to come.",
    ),
    Metric(
        "months_positive", "fraction", "Share of whole months that made money.",
        "mean(month return > 0)", _DEFINITION,
        "With normal returns and an annual Sharpe ratio of 1, about 61 % of months are positive.",
        "Near 1 is a reason to look for an error, or for a loss that has not come yet.",
    ),
)  # fmt: skip

_RATIOS: Final = (
    Metric(
        "sharpe_session", "ratio", "Mean over standard deviation of session returns.",
        "mean(r) / sd(r), sample deviation; cash earns nothing in a replay", "Sharpe 1994, JPM 21(1)",
        "What the tests of significance use.",
        "As all ratios of the past: it was estimated, and chosen.",
    ),
    Metric(
        "sharpe_annual", "ratio", "The Sharpe ratio of a year, if returns do not depend on each other.",
        "sqrt(N) mean(r) / sd(r)", f"Sharpe 1994, JPM 21(1); {_LO}",
        "0.5 is ordinary, 1 good, above 3 a reason to look for the error.",
        "Smoothed or stale prices raise it; so does selling insurance until it is claimed.",
        ("sharpe",),
    ),
    Metric(
        "sharpe_annual_error", "ratio", "How far off the annual Sharpe ratio may be, two times out of three.",
        "sqrt(N) sqrt((1 - skew SR + (kurt - 1)/4 SR^2) / (n - 1))",
        "Mertens 2002; Opdyke 2007, Journal of Asset Management 8(5); normal case: Lo 2002",
        "A Sharpe ratio of less than twice its error may well be luck, were it the only one tried.",
        "It knows nothing of dependence between sessions, nor of the trials before.",
    ),
    Metric(
        "sharpe_annual_error_dependent", "ratio", "The same error, allowing for returns that depend on each other.",
        "sqrt(N) sqrt(V / (n - 1)), V the Newey-West long-run variance of z - SR/2 (z^2 - 1)",
        f"{_LO}; Newey, West 1987, Econometrica 55(3)",
        "Much above the plain error: neighbouring sessions move together, and you know less than it seems.",
        "It sees only some sessions back; slow cycles escape it.",
    ),
    Metric(
        "sharpe_annual_dependent", "ratio", "Annual Sharpe ratio by Lo's factor instead of the square root of time.",
        "SR N / sqrt(N + 2 sum (N - k) rho_k), rho of the first floor(4 (n/100)^(2/9)) lags", _LO,
        "Much below sharpe_annual: part of the smoothness was lagging prices or slow positions.",
        "Autocorrelations are noisy; in short runs it strays to both sides.",
    ),
    Metric(
        "sharpe_annual_weekly", "ratio", "Annual Sharpe ratio from whole weeks.",
        "sqrt(weeks a year) mean / sd of whole weeks' returns", _DEFINITION,
        "Should resemble sharpe_annual.",
        "Lower by much: the daily figure profits from dependence between days.",
    ),
    Metric(
        "sharpe_annual_monthly", "ratio", "Annual Sharpe ratio from whole months.",
        "sqrt(months a year) mean / sd of whole months' returns", _DEFINITION,
        "What a fund's brochure would print.",
        "Twelve observations a year: it jumps about.",
    ),
    Metric(
        "autocorrelation_1", "ratio", "How much a session's return resembles the one before.",
        "sum((r_t - m)(r_{t-1} - m)) / sum((r_t - m)^2)", "Box, Jenkins 1970, Time Series Analysis",
        "Beyond 2 / sqrt(n) either way it is hardly luck.",
        "Positive ones often mean prices that lag, not an edge.",
    ),
    Metric(
        "psr_zero", "probability", "How sure it is that the true Sharpe ratio is above zero, were this the only trial.",
        "Phi(SR / error)", _PSR,
        "0.95 is the customary bound.",
        "It never is the only trial: read the deflated Sharpe ratio.",
    ),
    Metric(
        "skew", "ratio", "Asymmetry of session returns.",
        "m3 / m2^1.5, population moments", _DEFINITION,
        "Negative: rare large losses among many small gains.",
        "The loss that makes it negative may not be in the sample.",
    ),
    Metric(
        "kurtosis", "ratio", "How fat the tails of session returns are; 3 for a normal distribution.",
        "m4 / m2^2, population moments, not in excess of 3", _DEFINITION,
        "Above 10: a few sessions decide everything.",
        "Days without a position raise it.",
    ),
    Metric(
        "downside_annual", "fraction", "Downside deviation, brought to a year.",
        "sqrt(N) sqrt(mean(min(r, 0)^2)), over all sessions", _SORTINO,
        "The part of volatility that hurts.",
        "Others divide by the losing sessions only, and get a larger figure.",
    ),
    Metric(
        "sortino_annual", "ratio", "Mean return over downside deviation, brought to a year.",
        "sqrt(N) mean(r) / sqrt(mean(min(r, 0)^2)), over all sessions", _SORTINO,
        "Above the Sharpe ratio by about 1.4 for symmetric returns.",
        "A sample without its bad week has a splendid one.",
        ("sortino",),
    ),
)  # fmt: skip

_RISK: Final = (
    Metric(
        "drawdown_max", "fraction", "The deepest fall below an earlier peak, session closes.",
        "max(1 - E_t / max(E_0..E_t))", _DEFINITION,
        "Expect to see a deeper one.",
        "Within a session it was deeper; a longer history has deeper ones.",
    ),
    Metric(
        "drawdown_max_micros", "micros", "The largest fall in money; it need not be the same one.",
        "max(max(E_0..E_t) - E_t)", _DEFINITION,
        "What you would have watched disappear.",
        "As for the fraction.",
    ),
    Metric(
        "drawdown_sessions", "sessions", "Longest stretch of sessions below an earlier peak.",
        "longest run of E_t < max(E_0..E_t)", _DEFINITION,
        "How long you would have waited. Most people stop earlier.",
        "One that has not ended counts only as far as the data go.",
    ),
    Metric(
        "drawdown_mean", "fraction", "Mean depth of all separate drawdowns.",
        "mean over falls of their greatest depth", _DEFINITION,
        "The fall that you live with every few weeks.",
        "Many tiny ones make it small.",
    ),
    Metric(
        "drawdown_mean_sessions", "sessions", "Mean length of all separate drawdowns.",
        "mean over falls of the closes below their peak", _DEFINITION,
        "Beside the longest one: is that an exception?",
        "Many tiny ones make it short.",
    ),
    Metric(
        "under_water", "fraction", "Share of sessions below an earlier peak.",
        "mean(E_t < max(E_0..E_t))", _DEFINITION,
        "Most sessions lie below a peak, for good strategies too.",
        "It does not say how deep.",
        ("time under water",),
    ),
    Metric(
        "calmar", "ratio", "Annual return over the deepest drawdown.",
        "return_annual / drawdown_max, of the whole run", "Young 1991, Futures 20(1), there of 36 months",
        "Above 1: a typical year earns the worst fall back.",
        "It rests on a single fall, and shrinks with the length of the history.",
    ),
    Metric(
        "ulcer_index", "fraction", "Depth and length of all falls in one figure.",
        "sqrt(mean(D_t^2)) of the drawdown at every session", _MARTIN,
        "Twice as long or twice as deep both raise it. Martin wrote it in percent.",
        "It knows the order of returns of one history only.",
        ("ulcer",),
    ),
    Metric(
        "ulcer_performance", "ratio", "Annual return over the ulcer index.",
        "return_annual / ulcer_index", _MARTIN,
        "A Sharpe ratio for those who mind falls, not wobbles.",
        "Huge where little has fallen yet.",
        ("martin ratio", "upi"),
    ),
    Metric(
        "var_95", "fraction", "The loss that the worst twentieth of all sessions reached or passed.",
        "-r_(k), k = ceil(0.05 n), returns sorted upwards", "Jorion 2007, Value at Risk, historical simulation",
        "0.02: on one session in twenty at least 2 % was lost.",
        "It says nothing about how bad the twentieth day is. History is one draw.",
        ("var",),
    ),
    Metric(
        "cvar_95", "fraction", "Mean loss of the worst twentieth of all sessions (expected shortfall).",
        "-(sum of the a worst returns) / a with a = 0.05 n, the last one in part",
        "Acerbi, Tasche 2002, Journal of Banking and Finance 26(7)",
        "What a bad day costs on average.",
        "It rests on n/20 sessions.",
        ("cvar", "expected shortfall"),
    ),
    Metric(
        "tail_ratio", "ratio", "Size of the good extremes over that of the bad ones.",
        "q_95 / -q_5, quantiles interpolated (Hyndman-Fan type 7)", _DEFINITION,
        "Above 1: the right tail is the longer one.",
        "Two quantiles, both noisy; what lies beyond them does not count.",
    ),
)  # fmt: skip

_MARKET: Final = (
    Metric(
        "exposure", "fraction", "Share of bar closes at which something was held.",
        "mean(position != 0 at a close)", _DEFINITION,
        "A return earned with an exposure of 0.1 left nine tenths of the time free.",
        "Positions opened and closed within a bar do not show.",
    ),
    Metric(
        "exposure_time", "fraction", "Share of calendar time in which something was held, nights included.",
        "time with a position / time from the first to the last close", _DEFINITION,
        "How long you carry the risk of a gap.",
        "An hour at night counts as an hour at noon.",
    ),
    Metric(
        "exposure_gross", "ratio", "Mean value held over equity, long and short added: leverage.",
        "mean(sum |position value| / E) at closes, values at the last fill", _DEFINITION,
        "2: each unit of equity carried two of positions.",
        "The mean hides the peak.",
        ("leverage used",),
    ),
    Metric(
        "exposure_net", "ratio", "Mean value held over equity, short against long.",
        "mean(sum position value / E) at closes, values at the last fill", _DEFINITION,
        "Near the gross figure: the market itself made much of the result.",
        "Long ES and short NQ nets to little, and is not without risk.",
    ),
    Metric(
        "turnover_annual", "per year", "Times a year that the held position was bought and sold.",
        "traded / 2 / mean value held while holding / years", _DEFINITION,
        "Times the cost of a round trip, this is what must be earned first.",
        "It is relative to what was held, not to the account.",
        ("turnover",),
    ),
    Metric(
        "turnover_equity_annual", "per year", "Times a year that the account's equity was bought and sold.",
        "traded / 2 / mean equity / years", _DEFINITION,
        "Costs a year as a share of the account: this times the cost of a round trip.",
        "Grows with leverage as well as with activity.",
    ),
    Metric(
        "orders", "count", "Orders entered.", "count", _DEFINITION,
        "Far above the fills: most orders never traded.",
        "Refused orders are not among them.",
    ),
    Metric(
        "fills", "count", "Fills.", "count", _DEFINITION,
        "Each one can be traced.",
        "Partial fills count one by one.",
    ),
    Metric(
        "trades", "count", "Closed round trips, flat to flat.", "count", _DEFINITION,
        "Below 30 nothing that follows means much.",
        "Trades at the same time on similar markets are nearly one.",
    ),
)  # fmt: skip

_TRADES: Final = (
    Metric(
        "hit_rate", "fraction", "Share of closed trades that made money after costs.",
        "mean(net > 0); a trade at exactly zero did not", _DEFINITION,
        "Trend followers live well with 0.35.",
        "Alone it says nothing: 90 % winners can ruin you.",
    ),
    Metric(
        "profit_factor", "ratio", "What the winners made over what the losers lost.",
        "sum(net > 0) / -sum(net < 0); infinite without a loser", _DEFINITION,
        "1.2 to 2 is real; above 3 is rare.",
        "One trade can make it.",
    ),
    Metric(
        "payoff_ratio", "ratio", "Mean winner over mean loser.",
        "mean(net | net > 0) / -mean(net | net < 0)", _DEFINITION,
        "With a hit rate of p it earns if p payoff > 1 - p.",
        "High with a low hit rate: expect long strings of losses.",
    ),
    Metric(
        "expectancy_micros", "micros", "Mean net result of a closed trade.",
        "mean(net)", _DEFINITION,
        "Must exceed any cost that was left out.",
        "In money it grows with the size of positions.",
    ),
    Metric(
        "expectancy_error_micros", "micros", "Standard error of the expectancy.",
        "sd(net) / sqrt(trades)", _DEFINITION,
        "An expectancy of less than twice its error may be luck.",
        "For independent trades only.",
    ),
    Metric(
        "largest_trade_share", "fraction", "The largest winner over the net result of all closed trades.",
        "max(net) / sum(net); not a number unless the sum is positive", _DEFINITION,
        "Above 0.5 it is a story about one trade: read its trace.",
        "A strategy made for rare large gains has it by design.",
    ),
    Metric(
        "mae_mean_micros", "micros", "Mean worst open gain of closed trades (zero or less).",
        "mean(MAE)", _SWEENEY,
        "How far a typical trade goes against you.",
        "From bars: within one, the order of high and low is not known.",
    ),
    Metric(
        "mfe_mean_micros", "micros", "Mean best open gain of closed trades.",
        "mean(MFE)", _SWEENEY,
        "How much a typical trade offers.",
        "Nobody exits at the best price.",
    ),
    Metric(
        "edge_ratio", "ratio", "Mean best over mean worst open gain.",
        "mean(MFE) / -mean(MAE), in money", "after Faith 2007, Way of the Turtle, who divides by volatility",
        "About 1 for entries without edge.",
        "Stops and targets bend it; large trades dominate it.",
        ("e-ratio",),
    ),
    Metric(
        "winner_mae_90_micros", "micros", "How far nine in ten winners went against you at most.",
        "the ceil(0.9 n)-th smallest -MAE of the n winners", _SWEENEY,
        "A stop nearer than this would have cut more than a tenth of the winners.",
        "Set a stop by it and it has been fitted to the past.",
    ),
    Metric(
        "captured_share", "fraction", "Share of the best open gains that was kept.",
        "sum(gross) / sum(MFE) of closed trades", _DEFINITION,
        "Negative: the trades gave back more than they ever offered.",
        "Loosening exits raises it in a trend and ruins it elsewhere.",
    ),
)  # fmt: skip

_COSTS: Final = (
    Metric(
        "fees_micros", "micros", "Fees and impact fees paid.",
        "sum over fills", _DEFINITION,
        "As booked in the ledger; who took them: argus.engine.cost_attribution.",
        "An unverified schedule charges what it says, not what your broker does.",
    ),
    Metric(
        "slippage_micros", "micros", "What fills cost against the market's own price, by the slippage setting.",
        "sum((price - base) signed lots tick value)", "docs/fills.md",
        "Zero means that no slippage was asked for, not that there is none.",
        "It is an assumption until live fills have measured it.",
    ),
    Metric(
        "carry_paid_micros", "micros", "What holding cost: borrowing, funding, and dividends of shares sold short.",
        "sum of the ledger's CARRY entries that were paid", "docs/fills.md",
        "Grows with time in the market, not with the number of trades.",
        "A dividend that a short position pays is a cost here, though the price falls by about as much.",
    ),
    Metric(
        "carry_received_micros", "micros", "What holding brought: dividends of shares held, funding received.",
        "sum of the ledger's CARRY entries that were received", "docs/fills.md",
        "Part of the result before costs, and set against none of them.",
        "Adjusted prices have their dividends in the price; a run on them receives none.",
    ),
    Metric(
        "interest_micros", "micros", "Interest of the account, received less paid.",
        "sum of the ledger's INTEREST entries", "docs/fills.md",
        "In no trade: it belongs to the account.",
        "Zero unless the run states rates.",
    ),
    Metric(
        "cost_share", "fraction", "Costs over the result before them.",
        "C / G with C = fees + impact + slippage + carry paid + interest paid and "
        "G = net + C - interest received", _DEFINITION,
        "Above 0.5: half of the idea goes to others.",
        "Not a number where there was no profit before costs.",
    ),
    Metric(
        "break_even_cost", "fraction per side", "Cost per traded value at which nothing is left.",
        "G / traded value, fills of orders only", _DEFINITION,
        "0.0001 is a basis point a side. Compare it with the spread of your market.",
        "Holds the trading fixed; dearer trading would change the decisions.",
    ),
    Metric(
        "break_even_multiplier", "ratio", "How many times its costs the run could have borne.",
        "G / C", _DEFINITION,
        "Below 1.5 the edge is gone at half as much cost again.",
        "Costs set too low make it large. Dividends paid do not scale with costs, as this takes them to.",
    ),
    Metric(
        "participation_max", "fraction", "Largest share of a bar's volume that the run took.",
        "max over bars of lots filled / lots traded in the bar", _DEFINITION,
        "The larger, the more the market would have noticed.",
        "Volume of the whole bar: at the moment of the fill there was less.",
    ),
    Metric(
        "capacity_multiple", "ratio", "How many times larger it could trade before a bar is crowded.",
        "limit / participation_max", _DEFINITION,
        "At the stated limit (1 % unless asked otherwise) of every bar traded in.",
        "A bound on size, not a promise: impact costs more long before.",
    ),
    Metric(
        "capacity_micros", "micros", "The same as an account size.",
        "capacity_multiple times mean equity", _DEFINITION,
        "The account at which the most crowded bar meets the limit.",
        "Sizes are taken to grow with the account, lot by lot.",
        ("capacity",),
    ),
)  # fmt: skip

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {each.name: each for each in (*_RETURNS, *_RATIOS, *_RISK, *_MARKET, *_TRADES, *_COSTS)}
)
"""Every figure of the summary by name, in its order."""


def metric(name: str) -> Metric:
    """The declaration of a figure, by its name or another word for it (``sharpe``, ``cvar``).

    Raises
    ------
    ConfigError
        If there is none of that name; lists the closest ones.
    """
    if name in METRICS:
        return METRICS[name]
    words = {word: each for each in METRICS.values() for word in (each.name, *each.also)}
    key = " ".join(name.casefold().replace("_", " ").split())
    for word, each in words.items():
        if word.replace("_", " ") == key:
            return each
    near = difflib.get_close_matches(name.casefold(), words, n=4, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(METRICS)}"
    raise ConfigError(f"no figure of a run is called {name!r}; {hint}")
