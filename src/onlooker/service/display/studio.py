"""What the routes of the screen work with, and what goes on between requests."""

import asyncio
import contextlib
import json
import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted
from onlooker.core.errors import OnlookerError, StorageError
from onlooker.service.display.gate import Gate
from onlooker.service.display.hand import Hand
from onlooker.service.display.keeper import Camera
from onlooker.service.display.plays import Today, today
from onlooker.service.display.screen import Screen
from onlooker.service.display.seat import Seat
from onlooker.service.display.uses import noted
from onlooker.settings import Display
from onlooker.signage.learning import Learner

log = logging.getLogger(__name__)

TICK, COUNTED_EVERY, FILES_EVERY, EXPIRED_EVERY = 0.25, 3.0, 2.0, 86400.0
"""Seconds between looks at the camera, visits going to the ledger, looks at the campaign's files, and what is old
leaving the ledger."""

LAST_WAIT = 1.5
"""Seconds that a server which ends waits for its ledger."""

MOST_WAITING = 10_000
"""Visits that wait for a ledger that does not answer; beyond that the oldest are not counted."""


@dataclass(slots=True)
class Page:
    """What the page that plays has said of itself: plays that wait to be acknowledged, plays acknowledged since it was
    opened, and when it was last heard (``None``: never)."""

    waiting: int = 0
    sent: int = 0
    heard: float | None = None


@dataclass(slots=True)
class Studio:
    """The collaborators of the screen's routes.

    url         where the server is found, for the address in the notice
    pause_file  holds a time and nothing else: a pause must outlive a server that is started again
    stopping    set when the server ends, so that streams end too
    """

    settings: Display
    screen: Screen
    camera: Camera
    ledger: Ledger
    gate: Gate
    url: str
    pause_file: Path
    page: Page = field(default_factory=Page)
    seat: Seat = field(default_factory=Seat)
    errors: dict[str, str] = field(default_factory=dict)
    today: Today | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _hand: Hand = field(default_factory=lambda: Hand("ledger"))
    _given_up: bool = False
    _noted: dict[str, Any] | None = None
    _waiting: list[Counted] = field(default_factory=list)
    _sent: tuple[str, list[Counted]] | None = None

    async def run(self) -> None:
        """What goes on between requests, until cancelled."""
        # Two, for the ledger may hang: nobody in sight and an advert that must stop do not wait for it.
        work = [asyncio.create_task(self._watch()), asyncio.create_task(self._keep_counts())]
        try:
            await asyncio.gather(*work)
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self.camera.stop()

    async def _watch(self) -> None:
        """Watch over the campaign's files and the camera; nothing here waits for the ledger."""
        files = 0.0
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if now >= files:
                files = now + FILES_EVERY
                if self.screen.content.refresh():
                    self.screen.renewed()
            await self._switch_camera()
            self._watch_camera()
            await asyncio.sleep(TICK)

    async def _keep_counts(self) -> None:
        """Bring to the ledger how people are treated and what is new, and have what is old leave it."""
        counted = expired = 0.0
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if now >= expired:
                expired = now + EXPIRED_EVERY
                await self.kept("ledger", self.ledger.expire, self.screen.clock.now(), self._plays_for())
            if now >= counted:
                counted = now + COUNTED_EVERY
                await self._note_settings()
                await self.count()
            await asyncio.sleep(TICK)

    async def begin(self) -> None:
        """Take up the history of the last hour, so that caps hold over a restart, and what was learned."""
        since = self.screen.clock.now() - timedelta(hours=1)
        plays = await self.kept("ledger", lambda: list(self.ledger.plays(since=since, screen=self.screen.id)))
        learned = await self.kept("ledger", self.ledger.learned, self.screen.id)
        self.screen.restore(plays or [], learned or [])
        with contextlib.suppress(OSError, ValueError):
            until = datetime.fromisoformat(self.pause_file.read_text("utf-8"))
            left = min((until - self.screen.clock.now()).total_seconds(), self.settings.pause_minutes * 60)
            if left > 0:
                self.screen.pause(left)
                self.camera.look(False)

    async def count(self) -> None:
        """Bring the visits that are over, and what was learned, to the ledger, and ask it for the day's counts."""
        await self._count_visits()
        await self._keep_lessons()
        now = self.screen.clock.now()
        local = now.astimezone(self.screen.content.campaign.timezone)
        since = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        self.today = await self.kept("ledger", today, self.ledger, self.screen.id, since, now, self.settings.k)

    async def end(self) -> None:
        """Bring to the ledger what is left, unless it does not answer soon."""
        await self._count_visits()
        await self._keep_lessons()
        if self._sent is not None or self._waiting:
            log.error(json.dumps({"event": "ledger", "error": "visits of the last moments may be missing in it"}))

    async def _count_visits(self) -> None:
        """Visits go in lots, each under a name that stays until it is acknowledged: an answer that is lost makes nobody
        count twice."""
        while self.screen.visits:
            self._waiting.append(Counted.of(self.screen.visits.popleft()))
        del self._waiting[:-MOST_WAITING]
        if self._sent is None and self._waiting:
            self._sent, self._waiting = (secrets.token_hex(8), self._waiting), []
        if self._sent is None:
            return
        name, lot = self._sent
        give = partial(self.ledger.add_visits, self.screen.id, lot, batch=name)
        if await self.kept("ledger", give) is not None:
            self._sent = None

    async def _keep_lessons(self) -> None:
        """What was learned is the ledger's; so it is what the ledger has, where somebody has purged it."""
        lessons = self.screen.lessons
        if not lessons.seen:
            return
        self.screen.lessons = Learner()
        now = self.screen.clock.now()
        if await self.kept("ledger", self.ledger.learn, self.screen.id, lessons.records(), now) is None:
            self.screen.lessons = lessons.joined(self.screen.lessons)
            return
        learned = await self.kept("ledger", self.ledger.learned, self.screen.id)
        if learned is not None:
            self.screen.learner = Learner.of(learned).joined(self.screen.lessons)

    async def _note_settings(self) -> None:
        """Note in the audit log how people are treated, from the start, whenever the campaign changes it, and where a
        purge of this screen has forgotten it. Not whenever the ledger has something else: two screens that were given
        one name would fill the log."""
        treated = noted(self.settings, self.screen.content.campaign)
        known = await self.kept("ledger", self.ledger.screens_k)
        if known is None or (treated == self._noted and self.screen.id in known):
            return
        if await self.kept("ledger", self.ledger.note_settings, treated, self.screen.clock.now()) is not None:
            self._noted = treated

    def _plays_for(self) -> timedelta | None:
        """How long plays are kept."""
        return timedelta(days=self.settings.keep_plays) if self.settings.keep_plays else None

    async def kept(self, what: str, call: Any, *arguments: Any) -> Any:
        """What a call of the ledger gives (True for nothing); ``None`` where it fails, which the operator is told."""
        try:
            answer = await self._asked(call, *arguments)
        except OnlookerError as error:
            if self.errors.get(what) != str(error):
                log.error(json.dumps({"event": what, "error": str(error)}))
            self.errors[what] = str(error)
            return None
        self.errors.pop(what, None)
        return True if answer is None else answer

    async def _asked(self, call: Any, *arguments: Any) -> Any:
        """What a call of the ledger gives. Raises ``StorageError`` where the server ends before it answers."""
        answer = asyncio.get_running_loop().run_in_executor(self._hand, call, *arguments)
        try:
            while not answer.done() and not self.stopping.is_set():
                await asyncio.wait([answer], timeout=TICK)
            if not self._given_up:
                await asyncio.wait([answer], timeout=LAST_WAIT)
            if answer.done():
                return answer.result()
        finally:
            answer.cancel()  # of no effect where it has come
        self._given_up = True
        raise StorageError("the ledger does not answer, and the server ends")

    def pause(self) -> str:
        """Look at nobody for some minutes; gives the time of day until then, on the campaign's clock."""
        until = self.screen.pause(self.settings.pause_minutes * 60)
        self.camera.look(False)
        try:
            self.pause_file.parent.mkdir(parents=True, exist_ok=True)
            self.pause_file.write_text(until.isoformat(), "utf-8")
        except OSError as error:
            self.errors["pause"] = f"{self.pause_file}: cannot be written ({error.strerror}); a restart ends the pause"
        log.warning(json.dumps({"event": "paused", "until": until.isoformat(timespec="seconds")}))
        return self.paused_until or ""

    @property
    def paused_until(self) -> str | None:
        """The time of day until which nobody is looked at."""
        until = self.screen.paused_until
        if not self.screen.paused or until is None:
            return None
        return f"{until.astimezone(self.screen.content.campaign.timezone):%H:%M}"

    @property
    def notice_url(self) -> str:
        """The address in the notice's QR code."""
        return self.settings.notice_url or f"{self.url}/notice"

    async def _switch_camera(self) -> None:
        """Open the camera, or close it, as the campaign has it by now; once the server ends it stays closed."""
        wanted = self.screen.active
        if self.camera.running == wanted or self.stopping.is_set():
            return
        log.warning(json.dumps({"event": "camera", "kind": "switched", "on": wanted}))
        if wanted:
            self.camera.start()
        else:
            self.screen.lose_sight()  # an advert for adults does not wait for the process to end
            await self.camera.stop()
        self.screen.told.say("camera", self.screen.camera_word())

    def _watch_camera(self) -> None:
        if self.screen.paused:
            return
        if not self.camera.looks:
            self.camera.look(True)
            self.screen.told.say("camera", self.screen.camera_word())
        if not self.camera.sees:
            self.screen.lose_sight()
