"""What the page that plays asks for: the campaign and its files, the next advert, and that plays be kept; and the
notice."""

import asyncio
import json
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from onlooker import __version__
from onlooker.service.display import notice
from onlooker.service.display.gate import same_page
from onlooker.service.display.plays import Going, Milliseconds, Name, PlayId, Reported
from onlooker.service.display.screen import Slot
from onlooker.service.display.studio import Studio
from onlooker.service.pages import HERE, fill
from onlooker.service.problems import Problem

T = TypeVar("T")

LARGEST = 1_000_000
"""Bytes of the largest request; some hundred plays have some 30 000."""

_FOREVER = "public, max-age=31536000, immutable"

_ADVERT = (
    "sandbox allow-scripts; default-src 'none'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; font-src 'self' data:; media-src 'self' data:; frame-ancestors 'self'"
)
"""What a page among the adverts may do: draw itself from what lies beside it, and nothing to the page around it."""


class _Claim(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    page: PlayId
    waits: bool = False
    take: bool = False


class _Next(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    page: PlayId
    play: PlayId
    ends_in_ms: Milliseconds = 0
    playing: Going | None = None
    waiting: int = 0
    sent: int = 0


class _Plays(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    plays: list[Reported]
    waiting: int = 0
    sent: int = 0


class _Unshown(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    play: PlayId
    advert: Name
    reason: str


class Player:
    """The routes of the page that plays, over one ``Studio``."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def routes(self) -> list[BaseRoute]:
        """Every route, to be put under the application."""
        return [
            Route("/display", self.page, methods=["GET"]),
            Route("/display/worker.js", self.worker, methods=["GET"]),
            Route("/display/campaign", self.campaign, methods=["GET"]),
            Route("/display/media/{number:int}/{stamp}/{name:path}", self.media, methods=["GET"]),
            Route("/display/seat", self.seat, methods=["POST"]),
            Route("/display/next", self.next, methods=["POST"]),
            Route("/display/plays", self.plays, methods=["POST"]),
            Route("/display/unshown", self.unshown, methods=["POST"]),
            Route("/display/events", self.events, methods=["GET"]),
            Route("/notice", self.notice, methods=["GET"]),
            Route("/notice/pause", self.pause, methods=["POST"]),
            Route("/notice/qr.svg", self.qr, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """The page that plays."""
        self.studio.gate.admit(request)
        foreign = " ".join(self.studio.screen.content.foreign())
        return HTMLResponse(
            fill(template("display.html"), self._words()),
            headers={"Content-Security-Policy": policy(frames=foreign)},
        )

    async def worker(self, _: Request) -> Response:
        """What keeps the page and its adverts within the browser, for when the server is away."""
        return FileResponse(
            HERE / "static" / "display" / "worker.js",
            headers={"Service-Worker-Allowed": "/display", "Cache-Control": "no-cache"},
        )

    async def campaign(self, request: Request) -> Response:
        """All that the page needs to play on alone."""
        self.studio.gate.admit(request)
        return JSONResponse(self._manifest())

    async def media(self, request: Request) -> Response:
        """An advert's file. What is on a public screen needs no key."""
        path = self.studio.screen.content.file(request.path_params["number"], request.path_params["name"])
        if path is None:
            raise Problem("not-found", "the campaign has no such file")
        headers = {"Cache-Control": _FOREVER, "Cross-Origin-Resource-Policy": "cross-origin"}
        if path.suffix.lower() in (".html", ".htm", ".svg"):
            headers["Content-Security-Policy"] = _ADVERT
        return FileResponse(path, headers=headers)

    async def seat(self, request: Request) -> Response:
        """Whether the page that asks is the one that plays."""
        self.studio.gate.admit(request)
        asked = await _body(request, _Claim)
        return JSONResponse({"yours": self._seated(asked.page, waits=asked.waits, take=asked.take)})

    async def next(self, request: Request) -> Response:
        """What plays when the present slot ends. It may be asked again under the same id."""
        self.studio.gate.admit(request)
        asked = await _body(request, _Next)
        if not self._seated(asked.page):
            raise Problem("forbidden", "another page plays on this screen; this one waits until it is closed")
        self._heard(asked.waiting, asked.sent)
        if asked.playing is not None:
            self.studio.screen.goes_on(asked.playing)
        slot = self.studio.screen.decide(asked.play, ends_in=asked.ends_in_ms / 1000)
        return JSONResponse({**_told(slot), "alone": self.studio.screen.alone()})

    async def plays(self, request: Request) -> Response:
        """Plays that are over; what is acknowledged is kept, however often it comes."""
        self.studio.gate.admit(request)
        given = await _body(request, _Plays)
        records = self.studio.screen.reported(given.plays)
        if await self.studio.kept("ledger", self.studio.ledger.add_plays, records) is None:
            raise Problem("storage", "the ledger does not work just now; send the plays again later")
        self._heard(given.waiting - len(given.plays), given.sent + len(given.plays))
        return JSONResponse({"acknowledged": [play.id for play in given.plays]})

    async def unshown(self, request: Request) -> Response:
        """An advert that the page could not show."""
        self.studio.gate.admit(request)
        given = await _body(request, _Unshown)
        if given.advert not in self.studio.screen.content.campaign.by_id:
            raise Problem("not-found", "the campaign has no such advert")
        self.studio.screen.unshown(given.play, given.advert, given.reason[:300])
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """What the page must know at once: that the campaign changed, that an advert must stop, that nobody is looked
        at."""
        self.studio.gate.admit(request)
        return stream(self._events(request.query_params.get("page", "")[:64]))

    async def notice(self, _: Request) -> Response:
        """What the camera does, why, for whom, and how to object; for everybody."""
        values = notice.values(self.studio.settings, self.studio.screen.content.campaign, self.studio.paused_until)
        return HTMLResponse(fill(template("notice.html"), values))

    async def pause(self, request: Request) -> Response:
        """Somebody objects: nobody is looked at for some minutes. Everybody may."""
        same_page(request)
        until = self.studio.pause()
        if request.headers.get("accept", "").startswith("application/json"):
            return JSONResponse({"until": until})
        return RedirectResponse("/notice", 303)

    async def qr(self, _: Request) -> Response:
        """The notice's address as a QR code."""
        return Response(notice.qr(self.studio.notice_url), media_type="image/svg+xml")

    def _manifest(self) -> dict[str, Any]:
        screen = self.studio.screen
        told = {"line": self._line(), "alone": screen.alone(), "camera": screen.camera_word()}
        return {**screen.content.manifest(), **told}

    def _line(self) -> str:
        return notice.line(self.studio.settings, self.studio.screen.content.campaign)

    def _words(self) -> dict[str, str]:
        return {"line": escape(self._line()), "screen": escape(self.studio.settings.screen), "version": __version__}

    def _seated(self, page: str, *, waits: bool = False, take: bool = False) -> bool:
        """Whether a page may play; whoever did so far is told at once where it takes over."""
        seat = self.studio.seat
        before = seat.holder
        yours = seat.claim(page, waits=waits, take=take)
        if seat.holder != before:
            self.studio.screen.told.say("seat", seat.holder)
        return yours

    def _heard(self, waiting: int, sent: int) -> None:
        page = self.studio.page
        page.waiting, page.sent, page.heard = waiting, sent, asyncio.get_running_loop().time()

    async def _events(self, page: str) -> AsyncIterator[str]:
        with self.studio.seat.listening(page):
            async for each in self._heard_of():
                yield each

    async def _heard_of(self) -> AsyncIterator[str]:
        screen = self.studio.screen
        queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(maxsize=64)
        screen.told.listeners.add(queue)
        try:
            yield event("campaign", {"version": screen.content.version})
            yield event("camera", screen.camera_word())
            if holder := self.studio.seat.holder:
                yield event("seat", holder)
            screen.stop_if_it_must(again=True)
            while not self.studio.stopping.is_set():
                try:
                    async with asyncio.timeout(1.0):
                        kind, data = await queue.get()
                except TimeoutError:
                    yield ": here\n\n"
                    continue
                yield event(kind, data)
        finally:
            screen.told.listeners.discard(queue)


def template(name: str) -> str:
    """The text of a page."""
    return Path(HERE / "templates" / name).read_text("utf-8")


def policy(*, frames: str = "") -> str:
    """The Content-Security-Policy of the screen's pages: nothing from anywhere else, but for ``frames``, origins of
    adverts that are pages elsewhere."""
    return (
        f"default-src 'self'; connect-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        f"frame-src 'self' {frames}; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def event(kind: str, data: Any) -> str:
    """An event as it goes over the wire."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def stream(events: AsyncIterator[str]) -> Response:
    """A stream of events."""
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def _told(slot: Slot) -> dict[str, Any]:
    decision = slot.decision
    return {
        "play": slot.id,
        "advert": decision.advert.id,
        "planned_ms": round(decision.slot_s * 1000),
        "propensity": decision.propensity,
    }


async def _body(request: Request, kind: type[T]) -> T:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            raise Problem("too-large", f"at most {LARGEST} bytes; send fewer plays at once")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem("bad-request", str(error)) from None
