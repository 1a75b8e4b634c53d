"""The policies that are compared. All but the two blind ones keep the minors policy; all keep dates and caps.

random       any advert that is due; knows nothing of who is in front
round-robin  the same, in turn
eligible     any advert that ``choose`` would let take part; what a screen gains by its rules alone
rules        the first person's age and gender as labels; the adverts made for that label take turns
majority     the largest group of labels (three ages, two genders); the adverts made for that group take turns
ours         ``choose``
thompson     ``choose`` with learning on
noisy        the oracle's policy with our camera: the most interest expected, by the true interests of each age
oracle       the same with true ages and genders
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from onlooker.audience.viewers import Audience, Viewer
from onlooker.core.demographics import gender_label
from onlooker.signage.campaign import Advert, Campaign, Target
from onlooker.signage.eligible import Situation, untargeted
from onlooker.signage.history import History
from onlooker.signage.learning import SEGMENT_AGES, Learner, segment_of
from onlooker.signage.policy import Decision, choose, decide, turn

NAMES = ("random", "round-robin", "eligible", "rules", "majority", "ours", "thompson", "noisy", "oracle")
BLIND = frozenset({"random", "round-robin"})
"""Policies that look at nobody and so cannot keep the minors policy; they do not claim to."""


@dataclass(slots=True)
class Screen:
    """What a policy knows when it chooses.

    chances  ``(A, 101, 2)``: the true interest of each age and gender in each advert, for the oracles alone
    history  what was played, the last decision's
    learner  what the Thompson policy has learned so far
    learns, labels  the campaign with learning on, and without the confidence that labels know nothing of
    """

    campaign: Campaign
    chances: NDArray[np.float64]
    rng: np.random.Generator
    history: History = field(default_factory=History)
    learner: Learner = field(default_factory=Learner)
    learns: Campaign = field(init=False)
    labels: Campaign = field(init=False)
    number: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        adverts = self.campaign.adverts
        self.learns = replace(self.campaign, learning=replace(self.campaign.learning, enabled=True))
        loose = tuple(replace(advert, target=replace(advert.target, confidence=0.0)) for advert in adverts)
        self.labels = replace(self.campaign, adverts=loose)
        self.number = {advert.id: i for i, advert in enumerate(adverts)}


Policy = Callable[[Screen, Audience, datetime], Decision]


def named(name: str) -> Policy:
    """The policy of a name among ``NAMES``."""
    return {
        "random": _random,
        "round-robin": _round_robin,
        "eligible": _eligible,
        "rules": _rules,
        "majority": _majority,
        "ours": _ours,
        "thompson": _thompson,
        "noisy": _most_interest,
        "oracle": _most_interest,
    }[name]


def _ours(screen: Screen, audience: Audience, now: datetime) -> Decision:
    return choose(screen.campaign, audience, now, screen.rng, history=screen.history)


def _thompson(screen: Screen, audience: Audience, now: datetime) -> Decision:
    return choose(screen.learns, audience, now, screen.rng, history=screen.history, learner=screen.learner)


def _random(screen: Screen, audience: Audience, now: datetime) -> Decision:
    due = _due(screen, audience, now)
    return _made(screen, due[int(screen.rng.integers(len(due)))], now, due)


def _round_robin(screen: Screen, audience: Audience, now: datetime) -> Decision:
    due = _due(screen, audience, now)
    return _made(screen, turn(screen.campaign, due, screen.history), now, due)


def _eligible(screen: Screen, audience: Audience, now: datetime) -> Decision:
    def chance(able: list[Advert]) -> list[Advert]:
        return [able[int(screen.rng.integers(len(able)))]]

    return _sighted(screen, screen.campaign, audience, now, chance, propensity=True)


def _rules(screen: Screen, audience: Audience, now: datetime) -> Decision:
    def match(able: list[Advert]) -> list[Advert]:
        first = max(audience.viewers, key=lambda viewer: (viewer.attention, viewer.height_px))
        age, gender = _median(first), gender_label(first.p_female)
        return [
            advert
            for advert in able
            if (advert.target.age or advert.target.gender)
            and (advert.target.age is None or advert.target.age[0] <= age <= advert.target.age[1])
            and advert.target.gender in (None, gender)
        ]

    return _sighted(screen, screen.labels, audience, now, match)


def _majority(screen: Screen, audience: Audience, now: datetime) -> Decision:
    def match(able: list[Advert]) -> list[Advert]:
        groups = Counter((_age_group(viewer), viewer.p_female >= 0.5) for viewer in audience.viewers)
        (group, female), _ = groups.most_common(1)[0]
        return [advert for advert in able if _made_for(advert.target, group, female)]

    return _sighted(screen, screen.labels, audience, now, match)


def _most_interest(screen: Screen, audience: Audience, now: datetime) -> Decision:
    def match(able: list[Advert]) -> list[Advert]:
        expected = np.zeros(len(able))
        chances = screen.chances[[screen.number[advert.id] for advert in able]]
        for viewer in audience.viewers:
            by_gender = np.array([1.0 - viewer.p_female, viewer.p_female])
            expected += chances @ by_gender @ viewer.age_distribution
        return [able[int(expected.argmax())]]

    return _sighted(screen, screen.labels, audience, now, match)


def _sighted(
    screen: Screen,
    campaign: Campaign,
    audience: Audience,
    now: datetime,
    match: Callable[[list[Advert]], list[Advert]],
    *,
    propensity: bool = False,
) -> Decision:
    """A policy that sees the audience: among those that may play the ones that ``match`` picks take turns, or those
    for everybody where it picks none or the audience must not count."""
    clause = untargeted(campaign, audience)
    able, _ = _situation(screen, campaign, audience, now, clause).split()
    if not able:
        return _made(screen, campaign.default, now, [])
    tier = max(advert.priority for advert in able)
    able = [advert for advert in able if advert.priority == tier]
    if clause is not None:
        return _made(screen, turn(campaign, able, screen.history), now, able)
    picked = match(able) or [advert for advert in able if advert.target.anyone] or able
    made = _made(screen, turn(campaign, picked, screen.history), now, picked, audience)
    if not propensity:
        return made
    return replace(made, propensity=1.0 / len(able), scores={advert.id: 0.0 for advert in able})


def _made(
    screen: Screen, advert: Advert, now: datetime, contest: Sequence[Advert], audience: Audience | None = None
) -> Decision:
    segment = segment_of(audience) if audience is not None else None
    scores = {entry.id: 0.0 for entry in contest}
    return decide(
        screen.campaign,
        advert,
        now,
        screen.history,
        why="",
        left_out={},
        contest=contest,
        scores=scores,
        audience=audience,
        segment=segment,
    )


def _situation(screen: Screen, campaign: Campaign, audience: Audience, now: datetime, clause: str | None) -> Situation:
    local = now.astimezone(campaign.timezone)
    return Situation(campaign, audience, now, local, "", screen.history, {}, clause)


def _due(screen: Screen, audience: Audience, now: datetime) -> list[Advert]:
    """What a blind screen plays: whatever its dates and caps allow, of the highest priority."""
    due = _situation(screen, screen.campaign, audience, now, None).due() or [screen.campaign.default]
    tier = max(advert.priority for advert in due)
    return [advert for advert in due if advert.priority == tier]


def _median(viewer: Viewer) -> int:
    return int(np.searchsorted(np.cumsum(viewer.age_distribution), 0.5))


def _age_group(viewer: Viewer) -> int:
    return int(np.clip(np.searchsorted(SEGMENT_AGES, _median(viewer), side="right") - 1, 0, len(SEGMENT_AGES) - 2))


def _made_for(target: Target, group: int, female: bool) -> bool:
    """Whether an advert is made for a group: for its gender or any, and for at least half of its years, or at least
    half of its own years lie there."""
    if target.age is None and target.gender is None:
        return False
    if target.gender not in (None, "female" if female else "male"):
        return False
    low, high = SEGMENT_AGES[group], SEGMENT_AGES[group + 1] - 1
    first, last = target.age or (low, high)
    shared = min(high, last) - max(low, first) + 1
    return shared >= 0.5 * min(high - low + 1, last - first + 1)
