"""All policies over many seeds, and what that says, as plain figures."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from onlooker.core.protocols import Progress, silent
from onlooker.evaluation.metrics import bootstrap, share_of
from onlooker.signage.campaign import Campaign
from onlooker.signage.reading import load
from onlooker.signage.simulation.offpolicy import ESTIMATORS, OffPolicy, evaluate
from onlooker.signage.simulation.people import appeals, arrive
from onlooker.signage.simulation.policies import BLIND, NAMES, Screen
from onlooker.signage.simulation.store import Day, spend

OPENS = 9
"""The hour at which the store opens, on a Monday in March."""

NOTE = (
    "These people are invented: how many come, what interests them and how long they stay are assumptions. "
    "A lead in this table is a lead in the simulation, not a promise of real attention or sales."
)

ENOUGH = 5
"""Stores from which on an interval over them is said: resamples of fewer are too much alike, of one the same."""

LOGS = ("eligible", "thompson")
"""The policies whose choices are left to chance, so that their logs can be evaluated."""


@dataclass(frozen=True, slots=True)
class Seed:
    """One store of one seed: each policy's day, and the off-policy estimates from each log."""

    people: int
    days: dict[str, Day]
    off_policy: dict[str, OffPolicy | None]


def campaign_of(path: Path | None) -> Campaign:
    """The campaign to simulate: that of a file, or the package's own. Adverts' files need not be there, targeting is
    on, and every advert plays on the one screen there is. Raises ``ConfigError`` as ``load`` does."""
    if path is None:
        with as_file(files("onlooker.signage.simulation").joinpath("store.toml")) as own:
            campaign = load(own, files=False)
    else:
        campaign = load(path, files=False)
    adverts = tuple(replace(advert, screens=frozenset()) for advert in campaign.adverts)
    return replace(campaign, adverts=adverts, targeting=True)


def run_seed(campaign: Campaign, seed: tuple[int, int], hours: float) -> Seed:
    """Every policy's day in the store of one seed; all meet the same people."""
    rng = np.random.default_rng(seed)
    chances = appeals(campaign.adverts, rng)
    people = arrive(chances, rng, opens=OPENS, hours=hours)
    opens = datetime(2026, 3, 2, OPENS, tzinfo=campaign.timezone)
    days = {}
    for i, name in enumerate(NAMES):
        screen = Screen(campaign, chances, np.random.default_rng((*seed, i)))
        days[name] = spend(name, people, screen, opens, hours)
    off_policy = {name: evaluate(days[name].logged) for name in LOGS}
    for day in days.values():
        day.logged.clear()
    return Seed(len(people), days, off_policy)


def simulate(
    campaign: Campaign,
    *,
    seeds: int,
    hours: float,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The figures of ``seeds`` stores of ``hours`` hours each, as ``simulation.json`` holds them. The answer does not
    depend on ``workers``, processes that work at once. Calls ``progress`` with the count of seeds done."""
    done = dict[int, Seed]()
    for i, result in _results(campaign, seeds, hours, seed, workers or os.cpu_count() or 1):
        done[i] = result
        progress(len(done))
    return summary([done[i] for i in range(seeds)], hours)


def _results(campaign: Campaign, seeds: int, hours: float, seed: int, workers: int) -> Iterator[tuple[int, Seed]]:
    if min(workers, seeds) == 1:
        for i in range(seeds):
            yield i, run_seed(campaign, (seed, i), hours)
        return
    context = multiprocessing.get_context("spawn")
    # Interrupted, the parent alone says so; the children finish the seed they are at.
    quiet = (signal.SIGINT, signal.SIG_IGN)
    pool = ProcessPoolExecutor(min(workers, seeds), mp_context=context, initializer=signal.signal, initargs=quiet)
    try:
        futures = {pool.submit(run_seed, campaign, (seed, i), hours): i for i in range(seeds)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def summary(results: Sequence[Seed], hours: float) -> dict[str, Any]:
    """Means over the seeds, with 95 % bootstrap intervals over them; differences are paired, store by store. Of fewer
    than ``ENOUGH`` seeds an interval's ends are None."""
    attention = {name: _column(results, name, "attention_s") / hours for name in NAMES}
    statistics = {}
    everyone = np.ones(len(results), dtype=bool)
    for name in NAMES:
        statistics[name, "attention"] = share_of(attention[name], everyone)
        statistics[name, "regret"] = share_of(attention["oracle"] - attention[name], everyone)
        statistics[name, "lead"] = share_of(attention["ours"] - attention[name], everyone)
    named = {f"{name} {what}": statistic for (name, what), statistic in statistics.items()}
    found: dict[str, dict[str, float | None]]
    found = {key: {**value.to_dict()} for key, value in bootstrap(named, len(results)).items()}
    if len(results) < ENOUGH:
        found = {key: value | {"low": None, "high": None} for key, value in found.items()}
    policies = []
    for name in NAMES:
        days = [result.days[name] for result in results]
        plays: dict[str, int] = {}
        for day in days:
            for advert, count in day.plays.items():
                plays[advert] = plays.get(advert, 0) + count
        policies.append(
            {
                "name": name,
                "attention_s_per_hour": found[f"{name} attention"],
                "attention_share": round(
                    sum(d.attention_s for d in days) / max(sum(d.present_s for d in days), 1e-9), 4
                ),
                "regret_s_per_hour": found[f"{name} regret"],
                "ours_ahead_s_per_hour": found[f"{name} lead"],
                "keeps_minors_policy": name not in BLIND,
                "over_cap": sum(day.over_cap for day in days),
                "minors_policy_broken": sum(day.broken for day in days),
                "true_minor_shown_targeted": sum(day.minors_targeted for day in days),
                "true_minor_shown_restricted": sum(day.minors_restricted for day in days),
                "choices": sum(day.choices for day in days),
                "plays": dict(sorted(plays.items())),
            }
        )
    people = float(np.mean([result.people for result in results]))
    return {
        "note": NOTE,
        "seeds": len(results),
        "hours": hours,
        "people_per_seed": round(people, 1),
        "price_of_recognition_error_s_per_hour": found["noisy regret"],
        "policies": policies,
        "off_policy": [_off_policy(results, log, estimator) for log in LOGS for estimator in ESTIMATORS],
    }


def _off_policy(results: Sequence[Seed], log: str, estimator: str) -> dict[str, Any]:
    """How an estimator fared over the seeds: its mean beside the truth's, its error, and how often its interval of
    95 % holds the truth; the last two are None of few seeds."""
    row: dict[str, Any] = {"log": log, "estimator": estimator}
    pairs = [(r.off_policy[log], r.off_policy[log]) for r in results]
    kept = [(found.truth, found.estimates[estimator]) for found, _ in pairs if found is not None]
    if not kept:
        return row | {"seeds": 0}
    truth = np.array([value for value, _ in kept])
    estimate = np.array([value.value for _, value in kept])
    covered = np.mean([value.low <= true <= value.high for true, value in kept])
    low, high = np.percentile(estimate - truth, (2.5, 97.5))
    few = len(kept) < ENOUGH
    return row | {
        "seeds": len(kept),
        "truth": round(float(truth.mean()), 4),
        "estimate": round(float(estimate.mean()), 4),
        "bias": round(float((estimate - truth).mean()), 4),
        "rmse": round(float(np.sqrt(((estimate - truth) ** 2).mean())), 4),
        "error_low": None if few else round(float(low), 4),
        "error_high": None if few else round(float(high), 4),
        "interval_holds_truth": None if few else round(float(covered), 4),
    }


def _column(results: Sequence[Seed], name: str, key: str) -> Any:
    return np.array([getattr(result.days[name], key) for result in results])
