"""What a campaign is: adverts, for whom and when each plays, and the rules they play by. ``reading`` reads its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from onlooker.audience.viewers import Viewer
from onlooker.core.demographics import N_AGES, Gender
from onlooker.signage.schedule import Schedule

Kind = Literal["image", "video", "html"]
Fact = str | int | float | bool
"""What a hook may tell: the weather, a stock, a temperature."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``at_least`` (included) to ``below`` (excluded)."""

    at_least: float = float("-inf")
    below: float = float("inf")


Condition = tuple[Fact, ...] | Range
"""The values of a fact with which an advert plays."""


@dataclass(frozen=True, slots=True)
class Target:
    """For whom an advert is made.

    age         years, both ends included; 100 stands for all over it; ``None`` for any
    gender      ``None`` for any
    group       viewers, fewest and most, both included
    confidence  the advert takes part where somebody is in its target with at least this probability
    """

    age: tuple[int, int] | None = None
    gender: Gender | None = None
    group: tuple[int, int] | None = None
    confidence: float = 0.5

    def probability(self, viewer: Viewer) -> float:
        """The probability that a viewer is in the target; age and gender count as independent."""
        p = 1.0 if self.age is None else viewer.p_age(*self.age)
        return p if self.gender is None else p * viewer.p_gender(self.gender)

    @property
    def anyone(self) -> bool:
        """Whether nothing is asked of whoever stands in front."""
        return self.age is None and self.gender is None and self.group is None

    def __str__(self) -> str:
        who = {"female": "women", "male": "men", None: "people"}[self.gender]
        if self.age is not None:
            low, high = self.age
            who += f" aged {low} or older" if high >= N_AGES - 1 else f" aged {low} to {high}"
        if self.group is not None:
            fewest, most = self.group
            who += f" in groups of {fewest}" if fewest == most else f" in groups of {fewest} to {most}"
        return who


@dataclass(frozen=True, slots=True)
class Advert:
    """One advert.

    source        the file, or the address of a page
    duration      seconds
    weight        share of voice: percent of its tier's time among those that suit equally well
    cap_per_hour  most plays an hour on one screen; ``None`` for any number
    screens       names of the screens it plays on; none for all
    when          facts that must hold
    restricted    only for people who are clearly adults (alcohol, gambling)
    general       fit for everybody, children too
    default       what plays where nothing else may
    """

    id: str
    source: Path | str
    kind: Kind = "image"
    duration: float = 10.0
    target: Target = Target()
    schedule: Schedule = field(default_factory=Schedule)
    priority: int = 0
    weight: float = 100.0
    cap_per_hour: int | None = None
    screens: frozenset[str] = frozenset()
    when: Mapping[str, Condition] = field(default_factory=dict)
    restricted: bool = False
    general: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Minors:
    """How people who may be under 18 are treated.

    policy     ``exclude_from_targeting``: with anybody in front whose P(age < 18) is at or over ``threshold``, adverts
               for everybody take turns and nobody's age or gender counts; ``allow``: they are viewers as any other
    adult      a restricted advert needs every viewer's P(age >= 18) over this, whatever the policy
    """

    policy: Literal["exclude_from_targeting", "allow"] = "exclude_from_targeting"
    threshold: float = 0.05
    adult: float = 0.99


@dataclass(frozen=True, slots=True)
class Learning:
    """Whether the choice learns from attention, and the least share of choices that is left to chance."""

    enabled: bool = False
    floor: float = 0.05


@dataclass(frozen=True)
class Campaign:
    """Adverts and the rules they play by, in the file's order.

    targeting   whether the choice looks at the audience at all
    hold        seconds that an advert is shown at least
    everyone    what an advert for everybody is worth, against one that surely suits every viewer (1)
    margin      adverts whose worth lies within this of the best take turns
    hysteresis  how much further it must fall, or rise, before the same viewers see the circle change
    """

    adverts: tuple[Advert, ...]
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    targeting: bool = True
    hold: float = 0.0
    everyone: float = 0.5
    margin: float = 0.1
    hysteresis: float = 0.05
    minors: Minors = Minors()
    learning: Learning = Learning()

    @cached_property
    def default(self) -> Advert:
        """What plays where nothing else may."""
        return next(advert for advert in self.adverts if advert.default)

    @cached_property
    def by_id(self) -> Mapping[str, Advert]:
        """The adverts by their ids."""
        return {advert.id: advert for advert in self.adverts}

    def slot(self, advert: Advert) -> float:
        """Seconds for which an advert plays once chosen: its own, and as many more as ``hold`` asks for; a video is
        played whole."""
        if advert.kind == "video":
            return advert.duration * max(1, ceil(self.hold / advert.duration))
        return max(advert.duration, self.hold)
