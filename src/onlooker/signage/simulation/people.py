"""The people of a simulated store: when they come, who they are, what interests them and how long they stay.

All constants are assumptions, set once from common sense and before any policy was run; none was fitted to a result.
Everything a person will do is drawn when the store is made, so that all policies meet the same people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES
from onlooker.signage.campaign import Advert, Target
from onlooker.signage.simulation import camera

GROUPS_AN_HOUR = (2, 1, 1, 1, 1, 2, 5, 10, 18, 25, 35, 45, 60, 55, 45, 45, 50, 60, 55, 40, 25, 15, 8, 4)
"""Groups that come by, by hour of the day."""

INTEREST_ANYONE, INTEREST_OUTSIDE, INTEREST_INSIDE = 0.40, 0.15, 0.70
"""Probability that an advert interests a person: one for everybody, and one with a target outside and inside it."""

EDGE_YEARS = 6.0
"""How softly interest fades beyond the ages that an advert is for: nobody changes on a birthday."""

APPEAL = (0.75, 1.25)
"""Adverts differ in how good they are, which no policy but the oracles knows beforehand; a factor on interest."""

STAY_S = (12.0, 20.0)
"""Mean seconds in front of an advert that does not interest, and of one that does."""

FACING = (0.2, 0.6)
"""Share of that time spent facing it, likewise, for the average person."""


@dataclass(slots=True, eq=False)
class Person:
    """One person. ``patience`` is used up while an advert shows, faster by one that does not interest.

    arrives_s   seconds after opening
    distribution, p_female  what the camera says
    interested  whether each advert of the campaign interests, in its order
    chance      the probability of that, which an oracle knows
    keen        how much more or less than the average this person looks at screens
    """

    id: str
    arrives_s: float
    age: float
    female: bool
    distribution: NDArray[np.float32]
    p_female: float
    interested: NDArray[np.bool_]
    chance: NDArray[np.float64]
    keen: float
    patience: float


def interest(target: Target, appeal: float) -> NDArray[np.float64]:
    """The probability ``(101, 2)`` that an advert interests people of each age, male and female."""
    if target.age is None and target.gender is None:
        return np.full((N_AGES, 2), INTEREST_ANYONE * appeal)
    years, low, high = np.arange(N_AGES), *(target.age or (0, N_AGES - 1))
    beyond = np.maximum(np.maximum(low - years, years - high), 0)
    suits = np.exp(-((beyond / EDGE_YEARS) ** 2))[:, None] * np.ones(2)
    if target.gender is not None:
        suits[:, 0 if target.gender == "female" else 1] = 0.0
    return np.asarray((INTEREST_OUTSIDE + (INTEREST_INSIDE - INTEREST_OUTSIDE) * suits) * appeal)


def appeals(adverts: Sequence[Advert], rng: np.random.Generator) -> NDArray[np.float64]:
    """``(A, 101, 2)``: ``interest`` of each advert, its own appeal drawn."""
    return np.stack([interest(advert.target, float(rng.uniform(*APPEAL))) for advert in adverts])


def arrive(
    chances: NDArray[np.float64], rng: np.random.Generator, *, opens: int, hours: float, crowd: float = 1.0
) -> list[Person]:
    """Everybody who comes within ``hours`` after ``opens`` o'clock, by arrival. ``chances`` is that of ``appeals``."""
    people: list[Person] = []
    now = 0.0
    while True:
        hour = (opens + now / 3600.0) % 24.0
        now += float(rng.exponential(3600.0 / (GROUPS_AN_HOUR[int(hour)] * crowd)))
        if now >= hours * 3600.0:
            return sorted(people, key=lambda person: person.arrives_s)
        for age, female in _group(hour, rng):
            distribution, p_female = camera.see(age, female, rng)
            chance = chances[:, min(int(age), N_AGES - 1), int(female)]
            people.append(
                Person(
                    id=f"v{len(people)}",
                    arrives_s=now + float(rng.uniform(0.0, 3.0)),
                    age=age,
                    female=female,
                    distribution=distribution,
                    p_female=p_female,
                    interested=rng.random(len(chance)) < chance,
                    chance=chance,
                    keen=float(rng.uniform(0.5, 1.5)),
                    patience=float(rng.gamma(2.0, 0.5)),
                )
            )


def _group(hour: float, rng: np.random.Generator) -> list[tuple[float, bool]]:
    """True ages (whole years) and genders of people who come together."""
    age, female = _age(hour, rng), bool(rng.random() < 0.5)
    kind = rng.random()
    if kind < 0.60:
        return [(age, female)]
    if kind < 0.75 and age >= 18:  # a couple
        return [(age, female), (max(18.0, age + round(rng.normal(0, 4))), not female)]
    if kind < 0.87:  # a parent, or two, with children
        parent = float(rng.integers(25, 50))
        children = [(float(rng.integers(1, 16)), bool(rng.random() < 0.5)) for _ in range(rng.integers(1, 3))]
        second = [(max(22.0, parent + round(rng.normal(0, 4))), not female)] if rng.random() < 0.4 else []
        return [(parent, female), *second, *children]
    friends = int(rng.integers(1, 4))
    others = [(max(10.0, age + round(rng.normal(0, 3))), female ^ bool(rng.random() < 0.3)) for _ in range(friends)]
    return [(age, female), *others]


def _age(hour: float, rng: np.random.Generator) -> float:
    """A visitor's age: older in the morning, younger in the afternoon."""
    weights = np.array([0.10, 0.35, 0.33, 0.22])
    if hour < 12:
        weights = np.array([0.03, 0.22, 0.35, 0.40])
    elif 15 <= hour < 18:
        weights = np.array([0.22, 0.38, 0.27, 0.13])
    low, high = ((12, 20), (20, 35), (35, 56), (56, 86))[rng.choice(4, p=weights)]
    return float(rng.integers(low, high))
