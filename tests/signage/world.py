"""People, adverts and campaigns for the tests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from onlooker.audience.viewers import Audience, Viewer
from onlooker.signage.campaign import Advert, Campaign
from onlooker.signage.history import History
from onlooker.signage.policy import Decision, choose

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
DEFAULT = Advert("default", "d.svg", general=True, default=True)


def viewer(
    id_: str = "a", ages: dict[int, float] | None = None, p_female: float = 0.5, attention: float = 1.0
) -> Viewer:
    """A viewer of some ages, with their probabilities; of 40 by default."""
    distribution = np.zeros(101, np.float32)
    for age, p in (ages or {40: 1.0}).items():
        distribution[age] = p
    return Viewer(id_, distribution, p_female, attention, 4.0, 2.0, 120.0)


def people(*viewers: Viewer, at: datetime = NOON, unread: int = 0) -> Audience:
    return Audience(at, viewers, unread)


def advert(id_: str, **given: Any) -> Advert:
    return Advert(id_, f"{id_}.svg", **given)


def campaign(*adverts: Advert, **given: Any) -> Campaign:
    return Campaign((DEFAULT, *adverts), **given)


def ask(
    what: Campaign, audience: Audience, now: datetime = NOON, *, history: History | None = None, **given: Any
) -> Decision:
    """``choose`` with a generator that fails when it is drawn from, unless one is given."""
    rng = given.pop("rng", None)
    return choose(what, audience, now, rng, history=history, **given)


def play(
    what: Campaign, audiences: Sequence[Audience], now: datetime = NOON, history: History | None = None, **given: Any
) -> list[Decision]:
    """One decision after another, each when the last one's slot ends."""
    made: list[Decision] = []
    for audience in audiences:
        decision = ask(what, replace(audience, at=now), now, history=history, **given)
        made.append(decision)
        history, now = decision.history, now + timedelta(seconds=decision.slot_s)
    return made


def ids(decisions: Sequence[Decision]) -> list[str]:
    return [decision.advert.id for decision in decisions]
