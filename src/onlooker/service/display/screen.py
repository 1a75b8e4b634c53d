"""One screen: who is in front, what plays there and why, and what comes next. It does no input or output of its own."""

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from onlooker.audience import records
from onlooker.audience.viewers import Audience
from onlooker.audience.visits import Visit, Visits
from onlooker.service.display.content import Content
from onlooker.service.display.messages import Present
from onlooker.service.display.people import presence_of, shown
from onlooker.service.display.plays import Exposure, Going, Reported, record
from onlooker.service.display.uses import looks
from onlooker.settings import Display
from onlooker.signage.campaign import Advert, Campaign, Fact
from onlooker.signage.history import History, Play
from onlooker.signage.learning import Learner
from onlooker.signage.policy import Decision, choose, must_stop

log = logging.getLogger(__name__)

EXPOSURES = 64
"""Plays whose audience is remembered until the page has reported them."""

KNOWN = 4000
"""Ids of plays that are remembered, so that one that is reported again is not taken for another: more than an hour
has, with slots of a second."""

GOES_ON_FOR = 15.0
"""Seconds after the end of its slot for which a play still has an audience: the page that is loaded anew takes it up
again within as many (main.js), and it ends so much later. After them nobody knows what is shown: the page is closed."""

STOP_EVERY = 1.0

AUDIENCE = "audience"
"""All that the page is told, and reports, of why an advert for adults must end: who was in front is nobody's to read in
a list of plays. The sentence is the operator's, among the reasons of the decision that follows."""

UNREAD = "is for adults only, and the age of somebody in front is not known yet"

ALONE_FOR = timedelta(hours=1)
"""How long the page may let adverts for everybody take turns without the server; then the default plays."""


@dataclass(frozen=True, slots=True)
class Clock:
    """``now`` for people, aware, which may jump; ``steady`` in seconds, which only runs forward."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    steady: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Slot:
    """What the page was told to play: the decision, under the play's id, how the rotation stood before it, and when it
    begins (on the steady clock)."""

    id: str
    decision: Decision
    before: History
    begins: float
    stopped: float = -math.inf
    exposure: Exposure = field(default_factory=Exposure)

    def may_be_on(self, steady: float) -> bool:
        """Whether it may still be on the screen, where no other has followed it."""
        return steady <= self.begins + self.decision.slot_s + GOES_ON_FOR


@dataclass(slots=True)
class Told:
    """Events for the pages that listen, oldest dropped where a page is slow."""

    listeners: set[asyncio.Queue[tuple[str, Any]]] = field(default_factory=set)

    def say(self, event: str, data: Any) -> None:
        """Tell every page."""
        for queue in self.listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((event, data))


class Screen:
    """The state of one screen, used on one event loop. ``facts`` tells what hooks know.

    learner, lessons  what was learned, and which part of it the ledger has not been given yet
    """

    def __init__(
        self,
        content: Content,
        settings: Display,
        *,
        clock: Clock | None = None,
        rng: np.random.Generator | None = None,
        facts: Callable[[], Mapping[str, Fact]] = dict,
    ) -> None:
        self.content, self.settings, self.id = content, settings, settings.screen
        self.clock = clock or Clock()
        self.told = Told()
        self.problems: OrderedDict[str, str] = OrderedDict()
        self.learner = Learner()
        self.lessons = Learner()
        self.seen: Present | None = None
        self.paused_until: datetime | None = None
        self.visits: deque[Visit] = deque(maxlen=100_000)
        self._rng = rng or np.random.default_rng()
        self._facts = facts
        self._history = History()
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self._on: Slot | None = None
        self._coming: Slot | None = None
        self._known: OrderedDict[str, None] = OrderedDict()
        self._visits = self._new_visits()
        self._sight = 0.0
        self._pause_ends = 0.0

    # What the camera sees ---------------------------------------------------------------------------------------------

    def see(self, present: Present) -> None:
        """Who is in sight now; a word of a camera that is not to look any more is not heard."""
        if self.paused or not self.active:
            return
        steady = self.clock.steady()
        elapsed, self._sight = steady - self._sight, steady
        self.seen = present
        here = [presence_of(face) for face in present.faces if face.here]
        self.visits.extend(self._visits.update(here, at=present.at, now=self.clock.now()))
        slot = self.slot
        if slot is not None and slot.may_be_on(steady) and self.settings.counting:
            slot.exposure.step({face.id: face.facing for face in present.faces}, elapsed)
        self.stop_if_it_must()

    def lose_sight(self) -> None:
        """Nobody is known to be in front any more: the camera is lost or switched off, or looking is paused."""
        if self.seen is None:
            return
        self.seen = None
        self.visits.extend(self._visits.end())
        self.stop_if_it_must()

    def audience(self) -> Audience:
        """Who is in front, as adverts are chosen for them."""
        faces = [] if self.seen is None else [presence_of(face) for face in self.seen.faces]
        return self._visits.audience(faces, now=self.clock.now())

    def people(self) -> list[dict[str, Any]]:
        """Who is in front, as the operator is told."""
        if self.seen is None:
            return []
        viewers = {viewer.id: viewer for viewer in self.audience().viewers}
        return [shown(face, self.seen, viewers.get(face.id)) for face in self.seen.faces]

    @property
    def paused(self) -> bool:
        """Whether somebody has asked that nobody be looked at for some minutes."""
        return self.clock.steady() < self._pause_ends

    def pause(self, seconds: float) -> datetime:
        """Look at nobody for so long from now on; gives the end."""
        self._pause_ends = max(self._pause_ends, self.clock.steady() + seconds)
        self.paused_until = self.clock.now() + timedelta(seconds=self._pause_ends - self.clock.steady())
        self.lose_sight()
        self._visits = self._new_visits()
        self.told.say("camera", self.camera_word())
        return self.paused_until

    def camera_word(self) -> dict[str, Any]:
        """What the notice on the screen says of the camera. That it is lost is no customer's concern."""
        until = self.paused_until.isoformat() if self.paused and self.paused_until else None
        return {"active": self.active and not self.paused, "paused_until": until}

    @property
    def active(self) -> bool:
        """Whether the settings and the campaign want anybody looked at."""
        return looks(self.settings, self.content.campaign)

    def _new_visits(self) -> Visits:
        return Visits(counting=self.settings.counting, demographics=self.settings.demographics)

    # What plays -------------------------------------------------------------------------------------------------------

    @property
    def slot(self) -> Slot | None:
        """What is on the screen."""
        if self._coming is not None and self.clock.steady() >= self._coming.begins:
            self._on, self._coming = self._coming, None
        return self._on

    def decide(self, play: str, *, ends_in: float) -> Slot:
        """What plays from the end of the present slot on, ``ends_in`` seconds from now, as play ``play``."""
        known = self._slots.get(play)
        if known is not None:  # the page did not hear the answer, and asks again
            return known
        at = self.clock.now() + timedelta(seconds=ends_in)
        history = _ended(self._history, at)
        decision = self._choose(history, at)
        self._history = decision.history
        slot = self._slots[play] = Slot(play, decision, history, self.clock.steady() + ends_in)
        self._on, self._coming = self.slot, slot
        while len(self._slots) > EXPOSURES:
            self._slots.popitem(last=False)
        return slot

    def ahead(self) -> Decision | None:
        """What comes next: as decided, else as it would be decided now for the end of this slot; ``None`` before
        anything plays."""
        if (slot := self.slot) is None:
            return None
        if self._coming is not None:
            return self._coming.decision
        play = slot.decision.history.plays[-1]
        at = max(self.clock.now(), play.started_at + timedelta(seconds=play.slot_s))
        return self._choose(_ended(self._history, at), at)

    def alone(self) -> dict[str, Any]:
        """What the page may play while the server is away: adverts for everybody that are due, but for those that need
        somebody to count their plays or to know the weather."""
        local = self.clock.now().astimezone(self.content.campaign.timezone)
        turns = [
            advert.id
            for advert in self.campaign().adverts
            if advert.general
            and not advert.default
            and advert.cap_per_hour is None
            and not advert.when
            and (not advert.screens or self.id in advert.screens)
            and advert.schedule.why_not(local) is None
        ]
        return {"turns": turns, "for_ms": round(ALONE_FOR.total_seconds() * 1000)}

    def stop_if_it_must(self, *, again: bool = False) -> None:
        """Tell the page to end a restricted advert, or not to begin it, where somebody came who is not surely an adult,
        or where nobody can say who is there. Told every second at most, unless ``again``."""
        for slot in (self.slot, self._coming):
            if slot is None or not self._must_stop(slot.decision.advert):
                continue
            if again or self.clock.steady() - slot.stopped >= STOP_EVERY:
                slot.stopped = self.clock.steady()
                self.told.say("stop", {"play": slot.id, "reason": AUDIENCE})

    def _must_stop(self, advert: Advert) -> bool:
        if not advert.restricted:
            return False
        return self._somebody_unread() or must_stop(self.campaign(), advert, self.audience()) is not None

    def unshown(self, play: str, advert: str, reason: str) -> None:
        """The page could not show an advert: it is left out until its file changes, and counts as not played."""
        self.problems[advert] = reason
        log.error(json.dumps({"event": "advert", "advert": advert, "error": reason}))
        slot = self._slots.pop(play, None)
        if slot is not None and slot is self._coming:
            self._history, self._coming = slot.before, None
        elif slot is not None and slot is self._on:
            self._history, self._on = slot.before, None

    def campaign(self) -> Campaign:
        """The campaign without what cannot be shown; the default stays, whatever it is like."""
        campaign = self.content.campaign
        able = tuple(a for a in campaign.adverts if a.default or a.id not in self.problems)
        return replace(campaign, adverts=able, targeting=campaign.targeting and self.settings.targeting)

    def renewed(self) -> None:
        """The campaign is another one: what could not be shown may be shown now."""
        self.problems.clear()
        self.told.say("campaign", {"version": self.content.version})

    def goes_on(self, going: Going) -> None:
        """What the page says is on the screen. Where a server before this one chose it, it counts for the caps."""
        if going.id not in self._slots and self._is_new(going.id) and going.advert in self.content.campaign.by_id:
            self._remember(Play(going.advert, going.started_at, going.planned_ms / 1000))

    def reported(self, plays: list[Reported]) -> list[records.Play]:
        """Plays that are over, as they are kept. Those that the page chose alone enter the history here."""
        kept = []
        for play in plays:
            slot = self._slots.get(play.id)
            exposure = slot.exposure if slot is not None and self.settings.counting else None
            kept.append(record(play, self.id, exposure))
            if not self._is_new(play.id):
                continue
            if slot is not None:
                self._learn(slot)
            elif play.advert in self.content.campaign.by_id:
                self._remember(Play(play.advert, play.started_at, play.planned_ms / 1000))
        return kept

    def restore(self, plays: list[records.Play], learned: list[records.Learned]) -> None:
        """What the screen has played within the hour, and what it has learned, after the server was started again."""
        known = [
            play for play in plays if play.creative_id in self.content.campaign.by_id and self._is_new(play.play_id)
        ]
        self._history = History.of(Play(play.creative_id, play.started_at, play.actual_ms / 1000) for play in known)
        self.learner = Learner.of(learned)

    def _is_new(self, play: str) -> bool:
        """Whether a play, by its id, is heard of for the first time."""
        if play in self._known:
            return False
        self._known[play] = None
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return True

    def _remember(self, play: Play) -> None:
        plays = sorted((*self._history.plays, play), key=lambda each: each.started_at)
        self._history = replace(self._history, plays=tuple(plays))

    def _learn(self, slot: Slot) -> None:
        if not self.content.campaign.learning.enabled:
            return
        seen = slot.exposure
        lesson = Learner().observe(
            slot.decision.advert.id, slot.decision.segment, attention_s=seen.attention_s, present_s=seen.dwell_s
        )
        self.learner, self.lessons = self.learner.joined(lesson), self.lessons.joined(lesson)

    def _choose(self, history: History, at: datetime) -> Decision:
        decision = choose(
            self.campaign(),
            self.audience(),
            at,
            self._rng,
            screen=self.id,
            history=history,
            facts=self._facts(),
            learner=self.learner,
        )
        # A face whose age is not read yet is no viewer to the policy, which speaks of those it knows.
        if decision.advert.restricted and self._somebody_unread():
            return self._without_restricted(history, at)
        return decision

    def _somebody_unread(self) -> bool:
        return self.seen is None or any(face.known is None for face in self.seen.faces)

    def _without_restricted(self, history: History, at: datetime) -> Decision:
        campaign = self.campaign()
        out = {advert.id: UNREAD for advert in campaign.adverts if advert.restricted}
        campaign = replace(campaign, adverts=tuple(a for a in campaign.adverts if not a.restricted))
        facts = self._facts()
        decision = choose(campaign, self.audience(), at, self._rng, screen=self.id, history=history, facts=facts)
        return replace(decision, left_out={**decision.left_out, **out})


def _ended(history: History, at: datetime) -> History:
    """The history as the page knows it: whatever played last has ended by ``at``, for the page says so."""
    if not history.plays or not (last := history.plays[-1]).runs(at):
        return history
    shorter = replace(last, slot_s=max(0.0, (at.astimezone(UTC) - last.started_at).total_seconds()))
    return replace(history, plays=(*history.plays[:-1], shorter))
