"""How much the lead of our policy in the simulated store hangs on what was assumed of its people.

    python benchmarks/assumptions.py [--seeds 10] [--only-learning]

One assumption at a time is changed, to either side of what ``signage/simulation/people.py`` says; printed is how many
seconds of attention an hour ours brings more than the rules on labels, the majority group and turns for everybody, on
the same people, with 95 % intervals over the seeds. Then, as assumed, how far learning is ahead of ours day after day.
"""

import argparse
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from unittest.mock import patch

import numpy as np

from onlooker.evaluation.metrics import bootstrap, share_of
from onlooker.signage.campaign import Campaign
from onlooker.signage.learning import Learner
from onlooker.signage.simulation import camera, people, store
from onlooker.signage.simulation.compare import OPENS, campaign_of
from onlooker.signage.simulation.policies import Screen

OTHERS = ("rules", "majority", "round-robin")
HOURS = 12.0


def exact(age: float, female: bool, rng: np.random.Generator) -> Any:
    del rng
    return camera.certain(age, female)


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("as assumed", {}),
    ("targets interest less: 50 %", {"INTEREST_INSIDE": 0.5}),
    ("targets interest more: 90 %", {"INTEREST_INSIDE": 0.9}),
    ("general adverts interest less: 25 %", {"INTEREST_ANYONE": 0.25}),
    ("general adverts interest more: 55 %", {"INTEREST_ANYONE": 0.55}),
    ("interest ends at the edge of an age range", {"EDGE_YEARS": 0.01}),
    ("interest fades over 12 years", {"EDGE_YEARS": 12.0}),
    ("all adverts equally good", {"APPEAL": (1.0, 1.0)}),
    ("nobody stays longer for an advert", {"STAY_S": (16.0, 16.0)}),
    ("interest hardly turns a head", {"FACING": (0.3, 0.4)}),
    ("three times as many people", {"crowd": 3.0}),
    ("a camera without error", {"see": exact}),
]


def leads(campaign: Campaign, seeds: int, changed: dict[str, Any]) -> dict[str, str]:
    columns: dict[str, list[float]] = {name: [] for name in ("ours", *OTHERS)}
    with ExitStack() as stack:
        for name, value in changed.items():
            if name == "see":
                stack.enter_context(patch.object(camera, "see", value))
            elif name != "crowd":
                for module in (people, store):
                    if hasattr(module, name):
                        stack.enter_context(patch.object(module, name, value))
        for seed in range(seeds):
            rng = np.random.default_rng((0, seed))
            chances = people.appeals(campaign.adverts, rng)
            crowd = people.arrive(chances, rng, opens=OPENS, hours=HOURS, crowd=changed.get("crowd", 1.0))
            opens = datetime(2026, 3, 2, OPENS, tzinfo=campaign.timezone)
            for name, column in columns.items():
                screen = Screen(campaign, chances, np.random.default_rng(seed))
                column.append(store.spend(name, crowd, screen, opens, HOURS).attention_s / HOURS)
    ours, everyone = np.array(columns["ours"]), np.ones(seeds, dtype=bool)
    found = bootstrap({name: share_of(ours - np.array(columns[name]), everyone) for name in OTHERS}, seeds)
    return {name: f"{e.value:+.0f} ({e.low:+.0f} to {e.high:+.0f})" for name, e in found.items()}


def learning(campaign: Campaign, seeds: int, days: int) -> list[float]:
    """Seconds an hour that Thompson sampling brings more than ours, on each day in stores that stay as they are."""
    ahead = np.zeros(days)
    opens = datetime(2026, 3, 2, OPENS, tzinfo=campaign.timezone)
    for seed in range(seeds):
        chances = people.appeals(campaign.adverts, np.random.default_rng((0, seed)))
        learner = Learner()
        for day in range(days):
            crowd = people.arrive(chances, np.random.default_rng((1, seed, day)), opens=OPENS, hours=HOURS)
            for name, sign in (("thompson", 1), ("ours", -1)):
                screen = Screen(campaign, chances, np.random.default_rng((seed, day)), learner=learner)
                ahead[day] += sign * store.spend(name, crowd, screen, opens, HOURS).attention_s / HOURS / seeds
                if name == "thompson":
                    learner = screen.learner
    return [float(value) for value in ahead]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only-learning", action="store_true")
    given = parser.parse_args()
    seeds = given.seeds
    variants = [] if given.only_learning else VARIANTS
    if variants:
        print(f"{'seconds an hour that ours is ahead of':<44}" + "".join(f"{name:<20}" for name in OTHERS))
    for name, changed in variants:
        print(
            f"{name:<44}" + "".join(f"{text:<20}" for text in leads(campaign_of(None), seeds, changed).values()),
            flush=True,
        )
    print("learning ahead of ours, by day: " + " ".join(f"{v:+.0f}" for v in learning(campaign_of(None), seeds, 14)))


if __name__ == "__main__":
    main()
