"""Which sessions choose and which judge: splits of a trial matrix, with what lies too near to both left out.

A split names rows of `TrialMatrix.session`. Training rows next to test rows are not used, because the same trade can
earn in both: a position taken in one session is given up some sessions later. That stretch is the purge, on both sides
of every test row. Training rows that follow test rows also begin later by the embargo: until then what a strategy reads
still contains prices of the test. Both follow from what a strategy declares, see `guard_of`; neither is a taste.

A walk needs less: its training ends before its test begins, so that nothing it trains on has read a price of the test.
What is left is the trade that lasts from one into the other. The gap of a walk is therefore the purge alone; the
embargo is for training rows that come after a test, which only the other splits have.

Purged k-fold, the embargo and the combinatorial form are those of Lopez de Prado (2018), Advances in Financial Machine
Learning, chapters 7 and 12.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, I32_1D, I64_1D
from argus.core.errors import ConfigError, CoverageError
from argus.core.ports import Strategy
from argus.core.strategy import StrategySpec
from argus.lab.search.walk_forward import folds

__all__ = [
    "Guard",
    "Split",
    "combinatorial",
    "guard_of",
    "guard_of_sets",
    "horizon_of",
    "odd_even_months",
    "paths_of",
    "purged_k_fold",
    "walk",
]

_SPLITS_MAX: Final = 1_000
"""A search is judged once for each split, and each holds the positions of its rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows that choose and rows that judge, without a row in both.

    Attributes
    ----------
    train, test : (n,) int64
        Row positions in `TrialMatrix.session`, ascending.
    label : str
        What it is, for people: ``fold 3 of 5``.
    """

    train: I64_1D
    test: I64_1D
    label: str


@dataclass(frozen=True, slots=True)
class Guard:
    """How many sessions beside test rows are not trained on.

    Attributes
    ----------
    purge : int
        Before and after every test row: as long as a trade lasts.
    embargo : int
        After every test row and beyond the purge: as far back as the strategy reads.
    why : str
        Where the two numbers come from.

    Raises
    ------
    ConfigError
        If a number is negative.
    """

    purge: int
    embargo: int
    why: str = "stated"

    def __post_init__(self) -> None:
        for name in ("purge", "embargo"):
            if getattr(self, name) < 0:
                raise ConfigError(f"guard: {name} is {getattr(self, name)} sessions; it cannot be negative")


def guard_of(spec: StrategySpec, horizon_sessions: float | None, bars_per_session: float = 1.0) -> Guard:
    """The guard that a strategy's own declaration asks for.

    Parameters
    ----------
    spec : StrategySpec
    horizon_sessions : float or None
        Sessions from entry to exit: `DeclaredStrategy.horizon`. A strategy that declares none is given its longest
        closed trade.
    bars_per_session : float
        Bars in a session, to turn windows that count bars into sessions.

    Raises
    ------
    ConfigError
        If there is no horizon, it is not positive, or there is less than one bar in a session.
    """
    if horizon_sessions is None:
        raise ConfigError(
            f"{spec.name} declares no horizon: a purge needs to know how long its trades last; give the longest closed "
            "trade of the search in sessions"
        )
    if not 0.0 < horizon_sessions < math.inf:
        raise ConfigError(f"{spec.name}: horizon is {horizon_sessions} sessions; it must be positive and finite")
    if not 1.0 <= bars_per_session < math.inf:
        raise ConfigError(
            f"{spec.name}: bars_per_session is {bars_per_session}; there is at least one bar in a session"
        )
    window, named = _window(spec, bars_per_session)
    purge, embargo = math.ceil(horizon_sessions), math.ceil(window)
    return Guard(
        purge, embargo, f"a trade of {spec.name} lasts up to {purge} sessions, and {named} reaches {embargo} back"
    )


def horizon_of(strategy: Strategy) -> int | None:
    """Sessions from entry to exit that a strategy declares (`DeclaredStrategy.horizon`); None if it declares none."""
    declared = getattr(type(strategy), "horizon", None)
    found: int | None = declared(strategy.spec.values) if callable(declared) else None
    return found


def guard_of_sets(strategies: Sequence[Strategy], longest_trade: float, bars_per_session: float = 1.0) -> Guard:
    """The widest guard of the parameter sets of a search: any of them can be chosen, and all share the splits.

    Parameters
    ----------
    strategies : sequence of Strategy
        One for each set.
    longest_trade : float
        Sessions that the longest closed trade lasted: the horizon of a set that declares none.
    bars_per_session : float

    Raises
    ------
    ConfigError
        As `guard_of`, or if there is no set.
    """
    if not strategies:
        raise ConfigError("guard: no parameter set was given; a search has at least one")
    guards = []
    for strategy in strategies:
        horizon = horizon_of(strategy)
        guards.append(guard_of(strategy.spec, longest_trade if horizon is None else horizon, bars_per_session))
    held = max(guards, key=lambda guard: guard.purge)
    read = max(guards, key=lambda guard: guard.embargo)
    spec = strategies[0].spec
    return Guard(
        held.purge,
        read.embargo,
        held.why
        if held.why == read.why
        else f"a trade of {spec.name} lasts up to {held.purge} sessions, and a set reads {read.embargo} back",
    )


def _window(spec: StrategySpec, bars_per_session: float) -> tuple[float, str]:
    """How many sessions back a strategy reads, and what of it reads so far."""
    from argus.features.registry import feature

    found, named, longest = 0.0, "nothing that it reads", 0
    for ref in spec.features:
        rows = feature(ref.feature).warmup(feature(ref.feature).values(ref.parameters))
        longest = max(longest, rows)
        sessions = rows / (1.0 if ref.parameters.get("on") == "session" else bars_per_session)
        if sessions > found:
            found, named = sessions, ref.alias
    # More warm-up than its features need: the strategy reads bars itself.
    if spec.warmup_bars > longest and spec.warmup_bars / bars_per_session > found:
        return spec.warmup_bars / bars_per_session, "its warm-up"
    return found, named


def walk(
    sessions: int, *, train_min: int, test: int, guard: Guard, begin: int = 0, anchored: bool = True
) -> tuple[Split, ...]:
    """Walk-forward as splits: train on what is past, test on what follows, one stretch after the other.

    Training never follows the test of its own fold, so that of the guard the purge alone is used, and at least one
    session, as in `argus.lab.search.walk_forward.folds`, which raises what this raises.

    Parameters
    ----------
    sessions : int
        Rows of the matrix, T.
    train_min, test : int
        Sessions to choose on, and to judge on, in each fold.
    guard : Guard
    begin : int
        First row at which every run could decide: `TrialMatrix.begin`.
    anchored : bool
        Whether training grows from `begin` (anchored) or moves along (rolling).
    """
    plan = folds(sessions, train_min=train_min, test=test, embargo=max(1, guard.purge), start=begin, anchored=anchored)
    return tuple(
        Split(
            np.arange(fold.train_start, fold.train_end, dtype=np.int64),
            np.arange(fold.test_start, fold.test_end, dtype=np.int64),
            f"walk {number} of {len(plan)}",
        )
        for number, fold in enumerate(plan, start=1)
    )


def purged_k_fold(sessions: int, k: int, guard: Guard, *, begin: int = 0) -> tuple[Split, ...]:
    """Each of k stretches judged once by what was chosen on the others.

    Parameters
    ----------
    sessions : int
        Rows of the matrix, T.
    k : int
        Stretches; their lengths differ by one session at most.
    guard : Guard
    begin : int
        First row at which every run could decide.

    Returns
    -------
    tuple of k Split
        Their test rows are every row from `begin` on, each once.

    Raises
    ------
    ConfigError
        If k is below 2, or `begin` negative.
    CoverageError
        If there are fewer sessions than stretches, or the guard leaves nothing to train on.
    """
    edges = _edges(sessions, k, begin, "purged k-fold")
    return tuple(
        _guarded(_marked(sessions, edges, (fold,)), guard, begin, f"fold {fold + 1} of {k}") for fold in range(k)
    )


def combinatorial(sessions: int, *, groups: int, held: int, guard: Guard, begin: int = 0) -> tuple[Split, ...]:
    """Every choice of `held` out of `groups` stretches as the test, the others as training.

    `paths_of` joins the tested stretches into whole histories.

    Parameters
    ----------
    sessions : int
        Rows of the matrix, T.
    groups : int
        Stretches, N; their lengths differ by one session at most.
    held : int
        Stretches of each test, k.
    guard : Guard
    begin : int
        First row at which every run could decide.

    Returns
    -------
    tuple of Split
        C(N, k), ordered as `itertools.combinations` orders the stretches. A test row is in C(N-1, k-1) of them.

    Raises
    ------
    ConfigError
        If `held` does not leave a stretch to train on, there are more than 1,000 splits, or `begin` is negative.
    CoverageError
        If there are fewer sessions than stretches, or the guard leaves nothing to train on.
    """
    _check_groups(groups, held)
    edges = _edges(sessions, groups, begin, "combinatorial splits")
    return tuple(
        _guarded(
            _marked(sessions, edges, chosen),
            guard,
            begin,
            f"test {'+'.join(str(one + 1) for one in chosen)} of {groups}",
        )
        for chosen in itertools.combinations(range(groups), held)
    )


def paths_of(groups: int, held: int) -> NDArray[np.int64]:
    """Which split gives each stretch of each path.

    Parameters
    ----------
    groups, held : int
        As for `combinatorial`: N and k.

    Returns
    -------
    (phi, N) int64
        Entry [p, g] is the position, in `combinatorial`'s splits, of the one whose test of stretch g belongs to path p.
        There are phi = C(N, k) k / N paths; each is every stretch once, and each split's tests are used once each.

    Raises
    ------
    ConfigError
        As `combinatorial`.
    """
    _check_groups(groups, held)
    holding: list[list[int]] = [[] for _ in range(groups)]
    for number, chosen in enumerate(itertools.combinations(range(groups), held)):
        for group in chosen:
            holding[group].append(number)
    return np.array(holding, dtype=np.int64).T.copy()


def odd_even_months(session: I32_1D, guard: Guard, *, begin: int = 0) -> tuple[Split, Split]:
    """Odd months of the calendar choose for even ones, and the other way round.

    Months are about 21 sessions long: with a guard of as many, nothing is left to train on, and that is said.

    Parameters
    ----------
    session : (T,) int32
        Day numbers, as `TrialMatrix.session`.
    guard : Guard
    begin : int
        First row at which every run could decide.

    Raises
    ------
    ConfigError
        If `begin` is negative.
    CoverageError
        If one kind of month has no session, or the guard leaves nothing to train on.
    """
    _check_begin(len(session), begin)
    months = session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    # January 1970 is month 0, and odd.
    is_odd = months % 2 == 0
    judged = np.arange(len(session)) >= begin
    for name, rows in (("odd", is_odd), ("even", ~is_odd)):
        if not (rows & judged).any():
            raise CoverageError(f"odd and even months: no session from row {begin} on lies in an {name} month")
    return (
        _guarded(~is_odd & judged, guard, begin, "odd months choose, even months judge"),
        _guarded(is_odd & judged, guard, begin, "even months choose, odd months judge"),
    )


def _check_groups(groups: int, held: int) -> None:
    if groups < 2 or not 1 <= held < groups:
        raise ConfigError(
            f"combinatorial splits: {held} of {groups} stretches are held out; at least 1 must be, and at least 1 left"
        )
    count = math.comb(groups, held)
    if count > _SPLITS_MAX:
        raise ConfigError(
            f"combinatorial splits: {held} of {groups} stretches make {count:,} splits, more than {_SPLITS_MAX:,}; "
            "take fewer stretches, such as 10 with 5 or 2 held out"
        )


def _check_begin(sessions: int, begin: int) -> None:
    if not 0 <= begin < max(sessions, 1):
        raise ConfigError(f"splits: begin is row {begin} of {sessions}; it must be one of them")


def _edges(sessions: int, parts: int, begin: int, what: str) -> Sequence[int]:
    """Row at which each stretch begins, and the end."""
    _check_begin(sessions, begin)
    if parts < 2:
        raise ConfigError(f"{what}: {parts} stretches; there must be at least 2")
    count = sessions - begin
    if count < parts:
        raise CoverageError(
            f"{what}: {count} sessions cannot be cut into {parts} stretches; get more data or cut fewer"
        )
    return [begin + part * count // parts for part in range(parts + 1)]


def _marked(sessions: int, edges: Sequence[int], chosen: Iterable[int]) -> BOOL_1D:
    is_test = np.zeros(sessions, dtype=np.bool_)
    for part in chosen:
        is_test[edges[part] : edges[part + 1]] = True
    return is_test


def _guarded(is_test: BOOL_1D, guard: Guard, begin: int, label: str) -> Split:
    """The split with these test rows: what is left after purge and embargo is trained on."""
    steps = np.diff(is_test.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    is_train = ~is_test
    is_train[:begin] = False
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        is_train[max(start - guard.purge, 0) : start] = False
        is_train[end : end + guard.purge + guard.embargo] = False
    train = np.flatnonzero(is_train)
    if not len(train):
        raise CoverageError(
            f"{label}: a purge of {guard.purge} and an embargo of {guard.embargo} sessions ({guard.why}) leave none of "
            f"{len(is_test) - begin - int(is_test.sum())} sessions to train on; cut fewer stretches or get more data"
        )
    return Split(train.astype(np.int64), np.flatnonzero(is_test).astype(np.int64), label)
