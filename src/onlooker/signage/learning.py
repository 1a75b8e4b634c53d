"""Learning which advert holds whose attention: Thompson sampling (Thompson, 1933; Chapelle and Li, 2011).

For each advert and coarse segment of the audience the share of the time in front that is spent facing the screen has
a Beta distribution; a choice draws from each and takes the best. It begins with what the targets say: an advert's worth
to this audience stands for ``PRIOR_PLAYS`` plays. The reward is a share, not a success or failure, and
counts as that part of either (Agrawal and Goyal, 2012, draw a success with that probability; the mean is the same).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from onlooker.audience.records import Learned
from onlooker.audience.viewers import ADULT_FROM, Audience
from onlooker.core.demographics import N_AGES

SEGMENT_AGES = (ADULT_FROM, 35, 60, N_AGES)
DRAWS = 100
"""Draws from the posterior, of which one is followed: the propensity is a whole number of hundredths."""

PRIOR_PLAYS = 10.0
"""How many plays an advert's worth counts as, beside what was seen."""

SUITED = 0.5
"""Share of their time that people are expected to give to an advert that surely suits them, before any was seen."""

LEAST_ATTENTION = 0.1
"""Weight of a viewer who looks away: such a person may turn back."""


@dataclass(frozen=True, slots=True)
class Learner:
    """What has been learned: for each (advert, segment) the attention and the lack of it, in plays. Never changed;
    ``observe`` gives the next. It holds no time and nothing of any one person."""

    seen: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def probabilities(
        self, worth: Mapping[str, float], segment: str, rng: np.random.Generator, *, floor: float
    ) -> list[float]:
        """With which probability each advert of ``worth`` (0 to 1 to this audience; at least one) is to be chosen: how
        often it is the best of ``DRAWS`` draws, and an equal part of the share ``floor`` of all choices. They sum
        to 1."""
        counts = np.array([self.seen.get((advert, segment), (0.0, 0.0)) for advert in worth])
        expected = np.clip(SUITED * np.array(list(worth.values())), 0.01, 0.99)
        drawn = rng.beta(
            PRIOR_PLAYS * expected + counts[:, 0],
            PRIOR_PLAYS * (1.0 - expected) + counts[:, 1],
            size=(DRAWS, len(worth)),
        )
        best = np.bincount(drawn.argmax(axis=1), minlength=len(worth)) / DRAWS
        return [float(p) for p in (1.0 - floor) * best + floor / len(worth)]

    def observe(self, advert: str, segment: str | None, *, attention_s: float, present_s: float) -> "Learner":
        """What is learned from a play: of ``present_s`` seconds that viewers were in front together (all added up),
        ``attention_s`` went to the screen. With nobody there, nothing is learned, which is not the same as 0."""
        if segment is None or present_s <= 0.0:
            return self
        share = min(max(attention_s / present_s, 0.0), 1.0)
        return self.joined(Learner({(advert, segment): (share, 1.0 - share)}))

    def joined(self, other: "Learner") -> "Learner":
        """What this and another one have learned, from different plays."""
        seen = dict(self.seen)
        for key, (hits, misses) in other.seen.items():
            before = seen.get(key, (0.0, 0.0))
            seen[key] = (before[0] + hits, before[1] + misses)
        return Learner(seen)

    def records(self) -> list[Learned]:
        """The state as the ledger keeps it."""
        return [Learned(*key, *counts) for key, counts in sorted(self.seen.items())]

    @classmethod
    def of(cls, records: Iterable[Learned]) -> "Learner":
        """The state that the ledger has, or part of it."""
        return cls({(each.advert, each.segment): (each.attention, each.missed) for each in records})


def attention_weights(audience: Audience) -> list[float]:
    """How much each viewer counts: by how far the person faces the screen now."""
    return [max(viewer.attention, LEAST_ATTENTION) for viewer in audience.viewers]


def segment_of(audience: Audience) -> str | None:
    """The coarse segment that most of the audience's attention belongs to, such as ``"female 18-34"``; ``None`` where
    nobody is in front. Probabilities are added up; nobody is labelled."""
    best, most = None, 0.0
    weights = attention_weights(audience)
    for low, below in pairwise(SEGMENT_AGES):
        for gender in ("female", "male"):
            mass = sum(
                weight * viewer.p_age(low, below - 1) * viewer.p_gender(gender)
                for viewer, weight in zip(audience.viewers, weights, strict=True)
            )
            if mass > most:
                best, most = f"{gender} {low}-{below - 1}", mass
    return best
