"""Which adverts may play now, and for each other one the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from onlooker.audience.viewers import Audience
from onlooker.signage.campaign import Advert, Campaign, Condition, Fact, Range
from onlooker.signage.history import History


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides who may play.

    now       the moment, and ``local`` the wall clock in the campaign's time zone
    history   what this screen has played
    untargeted  why the audience does not count, as a clause; ``None`` where it does
    """

    campaign: Campaign
    audience: Audience
    now: datetime
    local: datetime
    screen: str
    history: History
    facts: Mapping[str, Fact]
    untargeted: str | None

    def split(self) -> tuple[list[Advert], dict[str, str]]:
        """The adverts that may play, the default aside, in the file's order, and why each other one is left out."""
        able: list[Advert] = []
        left_out: dict[str, str] = {}
        for advert in self.campaign.adverts:
            if advert.default:
                continue
            reason = self._why_not(advert) or self._why_not_them(advert) or self._why_not_again(advert)
            if reason is None:
                able.append(advert)
            else:
                left_out[advert.id] = reason
        return able, left_out

    def due(self) -> list[Advert]:
        """The adverts, the default aside, against which nothing speaks, whoever stands in front."""
        plain = [advert for advert in self.campaign.adverts if not advert.default]
        return [advert for advert in plain if (self._why_not(advert) or self._why_not_again(advert)) is None]

    def _why_not(self, advert: Advert) -> str | None:
        """What speaks against it, whoever stands in front and whatever was played."""
        if advert.screens and self.screen not in advert.screens:
            return f"plays on {', '.join(sorted(advert.screens))} only"
        if (reason := advert.schedule.why_not(self.local)) is not None:
            return reason
        for key, condition in advert.when.items():
            if (reason := _unmet(key, condition, self.facts)) is not None:
                return reason
        return None

    def _why_not_again(self, advert: Advert) -> str | None:
        """What speaks against it after what was played."""
        cap = advert.cap_per_hour
        if cap is None or self.history.plays_within_hour(advert.id, self.now) < cap:
            return None
        return f"has been played {cap} times within the hour already" if cap > 1 else "has been played within the hour"

    def _why_not_them(self, advert: Advert) -> str | None:
        """What speaks against it with this audience."""
        if self.untargeted is not None:
            return None if advert.general else f"is not for everybody, and {self.untargeted}"
        if advert.restricted and (reason := restricted_why_not(self.campaign, self.audience)) is not None:
            return reason
        target = advert.target
        if target.anyone:
            return None
        viewers = self.audience.viewers
        people = len(self.audience)
        if target.group is not None and not target.group[0] <= people <= target.group[1]:
            return f"is for {target}, and there {'is 1' if people == 1 else f'are {people}'}"
        if max(map(target.probability, viewers)) < target.confidence:
            return f"is for {target}, and nobody surely is ({target.confidence:.0%} asked)"
        return None


def untargeted(campaign: Campaign, audience: Audience) -> str | None:
    """Why the audience must not, or cannot, count in the choice, as a clause; ``None`` where it does."""
    if not campaign.targeting:
        return "targeting is switched off"
    if not audience.viewers:
        return "the age of nobody in front is known yet" if audience.unread else "nobody is in front"
    if campaign.minors.policy == "exclude_from_targeting":
        if audience.unread:
            return "the age of somebody in front is not known yet"
        p = max(viewer.p_minor for viewer in audience.viewers)
        if p >= campaign.minors.threshold:
            return f"somebody in front may be under 18 (probability {p:.0%})"
    return None


def restricted_why_not(campaign: Campaign, audience: Audience) -> str | None:
    """Why an age-restricted advert may not play to an audience; ``None`` where everybody is clearly an adult."""
    if not audience.viewers:
        return "is for adults only, and no adult is in front"
    if not audience.unread and min(viewer.p_adult for viewer in audience.viewers) > campaign.minors.adult:
        return None
    return f"is for adults only, and somebody in front is not surely one (more than {campaign.minors.adult:.1%} asked)"


def _unmet(key: str, condition: Condition, facts: Mapping[str, Fact]) -> str | None:
    """Why a condition does not hold; ``None`` where it does. What is not known holds for nothing."""
    if key not in facts:
        return f"depends on {key}, of which nothing is known"
    fact = facts[key]
    if isinstance(condition, Range):
        # A truth value is a number to Python, but no temperature.
        if (
            isinstance(fact, int | float)
            and not isinstance(fact, bool)
            and condition.at_least <= fact < condition.below
        ):
            return None
    elif any(fact == value and isinstance(fact, bool) == isinstance(value, bool) for value in condition):
        return None
    return f"does not play with {key} at {fact}"
