"""The application within a test: a folder, a SQLite file, and a reader that answers as it is told."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from PIL import Image
from starlette.applications import Starlette

from onlooker.analyzer import Analysis
from onlooker.core.faces import Faces
from onlooker.jobs.answering import answer
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import Jobs, picture_key
from onlooker.jobs.pool import Answer
from onlooker.jobs.sqlite import SqliteQueue
from onlooker.service.app import create_app
from onlooker.service.security import Limiter
from onlooker.service.site import Site
from onlooker.settings import Keys, Limits, Serve, Settings

PIXEL = b"a picture, as far as these tests go"

NOBODY = "0" * 32
"""A job that there never was."""


class FakeClock:
    """Seconds that pass when they are told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def no_faces(data: bytes, name: str, *_: object) -> Analysis:
    """A picture of 4 x 3 pixels with nobody on it; one that begins with ``bad`` cannot be read."""
    if data.startswith(b"bad"):
        return Analysis(name, None, None, Faces.empty(), "not a picture", timings={"decode": 0.001})
    return Analysis(name, 4, 3, Faces.empty(), timings={"decode": 0.001, "detect": 0.002, "estimate": 0.003})


@dataclass(slots=True)
class ScriptedReader:
    """Answers at once, with ``no_faces`` or what ``instead`` raises or gives; keeps what it was sent."""

    ready: int = 1
    held: int = 0
    instead: Callable[[bytes, str], Awaitable[Answer]] | None = None
    seen: list[tuple[bytes, str]] = field(default_factory=list)
    confidence: float | None = None

    async def analyze(self, data: bytes, name: str, confidence: float | None = None) -> Answer:
        self.seen.append((data, name))
        self.confidence = confidence
        if self.instead is not None:
            return await self.instead(data, name)
        analysis = no_faces(data, name)
        return Answer(analysis.to_dict(), dict(analysis.timings))


@dataclass(slots=True)
class World:
    """A website without a network: ``client`` calls it, ``work`` does what its workers would."""

    site: Site
    app: Starlette
    reader: ScriptedReader
    folder: Path
    client: httpx.AsyncClient

    @property
    def store(self) -> FolderStore:
        assert isinstance(self.site.jobs.store, FolderStore)
        return self.site.jobs.store

    def work(self, job: str, analyze: Callable[[bytes, str, float | None], Analysis] = no_faces) -> str:
        """Answer a job's picture as a worker does."""
        hours = timedelta(hours=self.site.settings.serve.keep_hours)
        return answer(self.store, picture_key(job), analyze, keep=hours)

    def files(self) -> list[Path]:
        """Every object of the store, and whatever was left aside."""
        within = [self.folder / "pictures" / part for part in ("objects", "aside")]
        return [path for part in within for path in part.rglob("*") if path.is_file()]


def make_world(
    folder: Path,
    *,
    limits: Mapping[str, Any] | None = None,
    keys: Mapping[str, Any] | None = None,
    serve: Mapping[str, Any] | None = None,
    clock: Callable[[], float] | None = None,
    store: FolderStore | None = None,
) -> World:
    """A world in ``folder`` with some limits, keys and settings of its own."""
    settings = Settings(
        serve=Serve(**(serve or {})),
        limits=Limits(**(limits or {})),
        keys=Keys(**{"file": str(folder / "keys.json"), **(keys or {})}),
    )
    jobs = Jobs(store or FolderStore(folder / "pictures"), SqliteQueue(folder / "tasks.sqlite"), secret=b"s" * 32)
    reader = ScriptedReader()
    site = Site.of(settings, jobs, reader, b"s" * 32)
    if clock is not None:
        site = replace(site, limiter=Limiter(settings.limits.rate, settings.limits.burst, clock))
    app = create_app(site)
    return World(site, app, reader, folder, client_of(app))


def client_of(app: Starlette, host: str = "10.0.0.1") -> httpx.AsyncClient:
    """A client of its own at some address. A fault that gets out of the application fails the test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(host, 1)), base_url="http://onlooker.test")


def problem(answer: httpx.Response, status: int, kind: str) -> str:
    """The sentence of a problem, once everything else about it is right."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "instance"}
    assert body["type"] == f"urn:onlooker:problem:{kind}"
    assert body["status"] == status
    assert body["instance"] == f"urn:onlooker:request:{answer.headers['x-request-id']}"
    detail: str = body["detail"]
    assert detail
    assert "Traceback" not in detail
    assert "\n" not in detail
    return detail


class Stream:
    """An answer as it comes, over bare ASGI: httpx would wait for its end."""

    def __init__(self, app: Starlette, path: str, headers: Mapping[str, str] | None = None) -> None:
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = asyncio.Event()
        named = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
        }
        scope |= {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "http"}
        scope |= {"headers": named, "client": ("10.0.0.1", 1), "server": ("onlooker.test", 80)}
        self.task = asyncio.get_running_loop().create_task(app(scope, self._receive, self._sent.put))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        """The client goes away."""
        self._gone.set()

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """The events: their names and their data."""
        text = ""
        while True:
            message = await asyncio.wait_for(self._sent.get(), 20)
            text += message.get("body", b"").decode()
            while "\n\n" in text:
                event, text = text.split("\n\n", 1)
                lines = dict(line.split(": ", 1) for line in event.splitlines())
                if "event" in lines:
                    yield lines["event"], json.loads(lines["data"])
            if message["type"] == "http.response.body" and not message.get("more_body"):
                return


def stored_job(world: World, job: str) -> dict[str, Any]:
    """A job's answer as it lies in the store."""
    found: dict[str, Any] = msgspec.json.decode(world.store.get(f"out/{job}.json").data)
    return found


async def submitted(world: World, data: bytes = PIXEL, headers: dict[str, str] | None = None) -> str:
    answer = await world.client.post("/v1/jobs", content=data, headers=headers)
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["id"]
    return job


async def state(world: World, job: str) -> dict[str, Any]:
    answer = await world.client.get(f"/v1/jobs/{job}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def form(world: World, **options: Any) -> dict[str, Any]:
    answer = await world.client.post("/v1/uploads", json={"name": "a.jpg", **options})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def send_form(
    world: World, upload: dict[str, Any], data: bytes = PIXEL, changed: dict[str, str] | None = None
) -> httpx.Response:
    fields = {**upload["fields"], **(changed or {})}
    return await client_of(world.app).post(upload["url"], data=fields, files={"file": ("a.jpg", data, "image/jpeg")})


def photograph(orientation: int = 6, comment: str = "secret place") -> bytes:
    """A picture 40 wide and 30 high as stored, to be shown turned, with EXIF: red on the left, blue on the right."""
    image = Image.new("RGB", (40, 30), "red")
    image.paste("blue", (20, 0, 40, 30))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, comment
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, comment=comment)
    return file.getvalue()
