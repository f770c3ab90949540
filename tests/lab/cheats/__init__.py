"""Strategies that cheat, and honest ones that look as if they did: what the audits are measured against.

Each module holds one idea and its record `CASE`. `CHEATS` are to be caught, every one, by the audit named in the
record; `HONEST` are to pass all of them. `CLOSED` are cheats whose door the engine keeps shut: run today they are the
honest idea, and they are kept to show it.

Rules for whoever runs them:

* `make` is called anew for every run and with the market of that run: a cheat that was built on one future and run over
  another does not show what it does. Give it a mapping of its own; one of them changes it.
* `source` says where the leak comes from. Those of ``process``, ``disk`` and ``engine`` may know a future that the run
  they are in was not given (an earlier run's, the file's, the heap's): replacing the future alone, in the same process,
  moves none of their decisions. They show in a process that never held the true future, or by what they touch.
* `rehearsals` runs in the same process come before a cheat that needs them; `forget` undoes them.
* Honest for the warm-up audit means: with the first decision at the same instant (`RunConfig.start_ns`), any history of
  at least the declared warm-up before it gives the same decisions. State that begins at the first decision is honest.
"""

from __future__ import annotations

from tests.lab.cheats import (
    after_row_500,
    anchored_first_price,
    backfilled_fundamentals,
    bar_count_parity,
    base_of_window,
    centred_average,
    class_attribute,
    construction_count,
    data_file,
    expanding_from_first,
    fee_free_market,
    frames,
    garbage,
    global_minmax,
    global_zscore,
    hash_order,
    honest_calendar,
    honest_ema_feature,
    honest_ema_warm,
    honest_expanding_scaling,
    honest_internal_state,
    honest_keyed_random,
    honest_pairs,
    honest_pure_cache,
    honest_rare,
    honest_released_fundamentals,
    honest_resample,
    honest_resting_orders,
    leak_in_cancels,
    leak_in_edge_score,
    leak_in_feature_read,
    leak_in_limit_price,
    leak_in_sequence,
    leak_in_silence,
    leak_in_size,
    leak_in_time_in_force,
    leak_on_fill,
    leak_once,
    module_global,
    one_in_fifty,
    period_end_fundamentals,
    pretrained_regression,
    private_view,
    resample_start,
    same_bar_close,
    same_bar_limit,
    short_feature_warmup,
    short_warmup,
    survivorship,
    tuned_on_the_sample,
    unseeded_random,
    vendor_file,
    wall_clock,
    wall_date,
    zero_rates,
)
from tests.lab.cheats.case import Case, Market

__all__ = ["CHEATS", "CLOSED", "HONEST", "Case", "Market"]

CHEATS: list[Case] = [
    module.CASE
    for module in (
        centred_average,
        resample_start,
        same_bar_close,
        same_bar_limit,
        global_zscore,
        global_minmax,
        backfilled_fundamentals,
        period_end_fundamentals,
        module_global,
        class_attribute,
        pretrained_regression,
        tuned_on_the_sample,
        one_in_fifty,
        leak_once,
        after_row_500,
        leak_in_size,
        leak_in_limit_price,
        leak_in_edge_score,
        leak_in_time_in_force,
        leak_in_cancels,
        leak_in_feature_read,
        leak_in_sequence,
        leak_in_silence,
        leak_on_fill,
        private_view,
        frames,
        garbage,
        data_file,
        vendor_file,
        survivorship,
        expanding_from_first,
        short_warmup,
        short_feature_warmup,
        bar_count_parity,
        anchored_first_price,
        wall_clock,
        wall_date,
        unseeded_random,
        hash_order,
        construction_count,
        fee_free_market,
        zero_rates,
    )
]
CLOSED: list[Case] = [base_of_window.CASE]
HONEST: list[Case] = [
    module.CASE
    for module in (
        honest_expanding_scaling,
        honest_ema_warm,
        honest_ema_feature,
        honest_rare,
        honest_internal_state,
        honest_resting_orders,
        honest_pairs,
        honest_resample,
        honest_released_fundamentals,
        honest_keyed_random,
        honest_pure_cache,
        honest_calendar,
    )
]
