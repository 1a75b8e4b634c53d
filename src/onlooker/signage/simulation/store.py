"""One day of one screen in the simulated store, under one policy."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from onlooker.audience.viewers import Audience, Viewer
from onlooker.signage.campaign import Advert, Campaign
from onlooker.signage.history import HOUR, Play
from onlooker.signage.policy import Decision, must_stop, worth
from onlooker.signage.simulation import camera
from onlooker.signage.simulation.people import FACING, STAY_S, Person
from onlooker.signage.simulation.policies import BLIND, Screen, named


@dataclass(frozen=True, slots=True)
class Logged:
    """A choice that the audience counted in, for off-policy estimates; rewards are attention / time present.

    chosen      number of the advert among ``adverts``
    propensity  with which it was chosen
    target      number of the advert that the policy to be evaluated would have chosen
    rewards     what each of ``adverts`` would have brought: known to the simulator alone
    """

    segment: str
    adverts: tuple[str, ...]
    chosen: int
    propensity: float
    target: int
    rewards: NDArray[np.float64]


@dataclass(slots=True)
class Day:
    """What a day brought. Attention and presence in seconds, all viewers added up.

    over_cap        plays that put an advert over its cap within any hour
    broken          choices that break the minors policy by what the camera said
    minors_targeted, minors_restricted  choices by which, in truth, a minor in front was shown an advert not for
                    everybody, or an age-restricted one: what errors of the camera let through
    """

    attention_s: float = 0.0
    present_s: float = 0.0
    choices: int = 0
    over_cap: int = 0
    broken: int = 0
    minors_targeted: int = 0
    minors_restricted: int = 0
    plays: dict[str, int] = field(default_factory=dict)
    logged: list[Logged] = field(default_factory=list)


def spend(policy: str, people: Sequence[Person], screen: Screen, opens: datetime, hours: float) -> Day:
    """A day under a policy: ``people`` come and go, the screen chooses whenever a slot ends."""
    day, played = Day(), list[Play]()
    waiting = [copy(person) for person in reversed(people)]
    present: list[Person] = []
    facing: dict[str, float] = {}
    chooses, seconds, t = named(policy), hours * 3600.0, 0.0
    while t < seconds:
        while waiting and waiting[-1].arrives_s <= t:
            present.append(waiting.pop())
        now = opens + timedelta(seconds=t)
        true = policy == "oracle"
        audience = Audience(now, tuple(_seen(person, t, facing, true=true) for person in present))
        decision = chooses(screen, audience, now)
        screen.history = decision.history
        played.append(Play(decision.advert.id, now, decision.slot_s))
        _account(day, screen.campaign, decision, audience, present)
        if policy in ("thompson", "eligible") and decision.segment is not None:
            day.logged.append(_log(screen, decision, audience, present))
        end = t + decision.slot_s
        came: list[Person] = []
        while waiting and waiting[-1].arrives_s < end:
            person = waiting.pop()
            came.append(person)
            arrived = Audience(now, (_seen(person, t, facing, true=true),))
            if policy not in BLIND and must_stop(screen.campaign, decision.advert, arrived) is not None:
                end = person.arrives_s
        advert = screen.number[decision.advert.id]
        observed = _spend_slot(day, [*present, *came], advert, t, end, facing)[: len(present)]
        if policy == "thompson":
            screen.learner = screen.learner.observe(
                decision.advert.id,
                decision.segment,
                attention_s=sum(looked for _, looked in observed),
                present_s=sum(there for there, _ in observed),
            )
        present = [person for person in (*present, *came) if person.patience > 0.0]
        t = end
    day.over_cap = _over_caps(screen.campaign, played)
    return day


def _spend_slot(
    day: Day, people: Sequence[Person], advert: int, start: float, end: float, facing: dict[str, float]
) -> list[tuple[float, float]]:
    """Show an advert to everybody in front; the seconds there and facing it of each."""
    spent = []
    for person in people:
        there, looked = show(person, advert, max(start, person.arrives_s), end)
        day.present_s += there
        day.attention_s += looked
        facing[person.id] = looked / there if there > 0 else 0.0
        spent.append((there, looked))
    return spent


def show(person: Person, advert: int, start: float, end: float) -> tuple[float, float]:
    """Show an advert to a person until ``end``: the seconds that the person stays and faces the screen. Uses up
    patience; without any left, the person leaves."""
    interested = int(person.interested[advert])
    there = min(max(end - start, 0.0), person.patience * STAY_S[interested])
    person.patience -= there / STAY_S[interested]
    if person.patience < 1e-9:
        person.patience = 0.0
    return there, there * min(1.0, FACING[interested] * person.keen)


def _seen(person: Person, t: float, facing: dict[str, float], *, true: bool) -> Viewer:
    ages, p_female = camera.certain(person.age, person.female) if true else (person.distribution, person.p_female)
    there = max(t - person.arrives_s, 0.0)
    attention = facing.get(person.id, min(1.0, 0.4 * person.keen))
    return Viewer(person.id, ages, p_female, attention, there, attention * there, 100.0)


def _account(day: Day, campaign: Campaign, decision: Decision, audience: Audience, present: Sequence[Person]) -> None:
    """Count a choice, and what it broke."""
    advert, minors = decision.advert, campaign.minors
    day.choices += 1
    day.plays[advert.id] = day.plays.get(advert.id, 0) + 1
    unsure = minors.policy == "exclude_from_targeting" and any(v.p_minor >= minors.threshold for v in audience.viewers)
    barred = advert.restricted and not (audience.viewers and all(v.p_adult > minors.adult for v in audience.viewers))
    day.broken += int((unsure and not advert.general) or barred)
    if any(person.age < 18 for person in present):
        day.minors_targeted += int(not advert.general)
        day.minors_restricted += int(advert.restricted)


def _log(screen: Screen, decision: Decision, audience: Audience, present: Sequence[Person]) -> Logged:
    campaign = screen.campaign
    adverts = [campaign.by_id[id_] for id_ in decision.scores]
    scores = [worth(campaign, advert, audience) for advert in adverts]
    rewards = np.array([_reward(screen, advert, present) for advert in adverts])
    chosen = adverts.index(campaign.by_id[decision.advert.id])
    ids = tuple(advert.id for advert in adverts)
    return Logged(str(decision.segment), ids, chosen, decision.propensity, int(np.argmax(scores)), rewards)


def _reward(screen: Screen, advert: Advert, present: Sequence[Person]) -> float:
    """The share of their time that those in front would give to an advert, over its slot."""
    slot = screen.campaign.slot(advert)
    spent = [show(copy(person), screen.number[advert.id], 0.0, slot) for person in present]
    return sum(looked for _, looked in spent) / sum(there for there, _ in spent)


def _over_caps(campaign: Campaign, played: Sequence[Play]) -> int:
    """Plays that have more than the cap's number of their advert, themselves included, in the hour that they end."""
    over = 0
    for advert in campaign.adverts:
        if advert.cap_per_hour is None:
            continue
        times = [play.started_at for play in played if play.advert == advert.id]
        first = 0
        for i, time in enumerate(times):
            while time - times[first] >= HOUR:
                first += 1
            over += int(i - first + 1 > advert.cap_per_hour)
    return over
