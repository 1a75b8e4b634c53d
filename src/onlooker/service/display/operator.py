"""The operator's page: what the camera sees, who is in front, what plays and why, and how all of it fares."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from onlooker import __version__
from onlooker.service.display.player import event, policy, stream, template
from onlooker.service.display.plays import Today
from onlooker.service.display.seat import GRACE
from onlooker.service.display.studio import Studio
from onlooker.service.pages import fill
from onlooker.service.problems import Problem
from onlooker.signage.policy import Decision

PEOPLE_EVERY, STATE_EVERY = 0.12, 0.5
"""Seconds between words of who is in front, and of everything else."""

SILENT_PAGE = 120.0
"""Seconds after which a page that plays is missed, where it does not listen to events; it asks at the end of each slot,
which may be an hour away."""

SECOND_PAGE = (
    "a second page of this screen is open somewhere and waits; close it, or let it play by its button; for a second "
    "screen start a second `onlooker display --screen NAME --port PORT`"
)

MOST_PICTURES = 4
"""Operator's pages that may show the camera's picture at once."""


class Operator:
    """The routes of the operator's page, over one ``Studio``."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._pictures = 0

    def routes(self) -> list[BaseRoute]:
        """Every route, to be put under the application."""
        return [
            Route("/operator", self.page, methods=["GET"]),
            Route("/operator/events", self.events, methods=["GET"]),
            Route("/operator/picture", self.picture, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """The page."""
        self.studio.gate.admit(request)
        picture = "on" if self.studio.settings.operator_picture else "off"
        website = "" if self.studio.settings.uploads else "hidden"
        values = {"picture": picture, "version": __version__, "website": website}
        return HTMLResponse(fill(template("operator.html"), values), headers={"Content-Security-Policy": policy()})

    async def events(self, request: Request) -> Response:
        """All that the page shows, live."""
        self.studio.gate.admit(request)
        return stream(self._events())

    async def picture(self, request: Request) -> Response:
        """What the camera sees, from memory, as a picture that moves (multipart/x-mixed-replace)."""
        self.studio.gate.admit(request)
        if not self.studio.settings.operator_picture:
            raise Problem("forbidden", "the camera's picture is switched off ([display] operator_picture)")
        if self._pictures >= MOST_PICTURES:
            raise Problem("busy", "too many pages show the camera's picture; close one", headers={"Retry-After": "5"})
        return StreamingResponse(self._frames(), media_type="multipart/x-mixed-replace; boundary=frame")

    async def _frames(self) -> AsyncIterator[bytes]:
        self._pictures += 1
        try:
            while not self.studio.stopping.is_set():  # the camera may be switched off and on meanwhile
                async for jpeg in self.studio.camera.pictures():
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    yield head.encode() + jpeg + b"\r\n"
        finally:
            self._pictures -= 1

    async def _events(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        due, last_people = 0.0, None
        while not self.studio.stopping.is_set():
            people = self.studio.screen.people()
            if people != last_people:
                last_people = people
                yield event("people", people)
            if loop.time() >= due:
                due = loop.time() + STATE_EVERY
                yield event("state", self.state())
            await asyncio.sleep(PEOPLE_EVERY)

    def state(self) -> dict[str, Any]:
        """Everything but who is in front."""
        studio, screen, camera = self.studio, self.studio.screen, self.studio.camera
        page, seen = studio.page, screen.seen
        heard, since = self._heard()
        slot = screen.slot if heard else None
        ahead = None if slot is None else screen.ahead()
        return {
            "screen": screen.id,
            "time": screen.clock.now().astimezone(screen.content.campaign.timezone).isoformat(timespec="milliseconds"),
            "campaign": screen.content.manifest(),
            "camera": {
                "state": camera.state if camera.state != "seeing" or camera.sees else "lost",
                "text": camera.text,
                "source": camera.task.shown,
                "rate": None if seen is None else seen.rate,
                "size": None if seen is None else [seen.width, seen.height],
                "restarts": camera.restarts,
            },
            "paused_until": studio.paused_until,
            "playing": None if slot is None else _decided(slot.decision),
            "ahead": None if ahead is None else {"advert": ahead.advert.id, "why": ahead.why},
            "page": {
                "heard": heard,
                "since": since,
                "waiting": page.waiting,
                "sent": page.sent,
            },
            "today": _counts(studio.today),
            "switches": self._switches(),
            "errors": self._errors(),
        }

    def _switches(self) -> dict[str, bool]:
        """What is switched on; the campaign may switch targeting off."""
        names = ("counting", "demographics", "targeting", "uploads")
        switches = {name: getattr(self.studio.settings, name) for name in names}
        return {**switches, "targeting": self.studio.screen.campaign().targeting}

    def _heard(self) -> tuple[bool, str | None]:
        """Whether the page that plays is there, and when it was last heard, for one that is not there but was."""
        seat, heard = self.studio.seat, self.studio.page.heard
        if seat.present:
            return True, None
        away = math.inf if seat.away_s is None else seat.away_s
        silent = math.inf if heard is None else asyncio.get_running_loop().time() - heard
        last = min(away, silent)
        if last < (GRACE if away <= silent else SILENT_PAGE):
            return True, None
        if last == math.inf:
            return False, None
        zone = self.studio.screen.content.campaign.timezone
        now = self.studio.screen.clock.now()
        at, today = (now - timedelta(seconds=last)).astimezone(zone), now.astimezone(zone).date()
        return False, f"{at:%H:%M}" if at.date() == today else f"{at:%Y-%m-%d %H:%M}"

    def _errors(self) -> list[dict[str, str]]:
        content = self.studio.screen.content
        errors = [{"name": content.path.name, "text": line} for line in content.problem.splitlines()]
        errors += [{"name": name, "text": text} for name, text in self.studio.screen.problems.items()]
        errors += [{"name": name, "text": text} for name, text in self.studio.errors.items()]
        if self.studio.seat.contested:
            errors.append({"name": "screen's page", "text": SECOND_PAGE})
        if self.studio.camera.state == "lost":
            errors.append({"name": "camera", "text": self.studio.camera.text})
        return errors


def _decided(decision: Decision) -> dict[str, Any]:
    return {
        "advert": decision.advert.id,
        "why": decision.why,
        "since": decision.at.isoformat(timespec="milliseconds"),
        "slot_s": decision.slot_s,
        "targeted": decision.targeted,
        "propensity": decision.propensity,
        "scores": dict(decision.scores),
        "left_out": dict(decision.left_out),
    }


def _counts(today: Today | None) -> dict[str, Any] | None:
    return None if today is None else asdict(today)
