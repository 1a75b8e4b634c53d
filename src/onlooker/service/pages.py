"""The website: its page, what belongs to it, and the addresses that watch over the server."""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from onlooker import __version__
from onlooker.core.errors import OnlookerError
from onlooker.jobs.job import without_ids
from onlooker.models.cards import DEFAULT_MODEL, ModelCard, find_card
from onlooker.service import documents
from onlooker.service.api import Api
from onlooker.service.bodies import OVERHEAD
from onlooker.service.problems import Problem
from onlooker.service.site import Site

log = logging.getLogger(__name__)

HERE = Path(str(files("onlooker") / "service"))

FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF, PSD"

SAMPLES = (
    ("group.jpg", "A wall of five prints", "Five prints of two portraits on a wall"),
    ("grace_hopper.jpg", "Grace Hopper", "Portrait of Rear Admiral Grace Hopper in uniform"),
    ("eileen_collins.png", "Eileen Collins", "Portrait of astronaut Eileen Collins in an orange suit"),
)
"""File, title and description of the pictures to try at once; all are in the public domain."""

READY_SECONDS = 3.0
"""How long the store and the queue may take to say that they are there."""


class Pages:
    """The routes of the website and of those who watch the server, over one ``Site``."""

    def __init__(self, site: Site, api: Api) -> None:
        self.site, self.api = site, api
        self.model = model_card(site)

    def routes(self) -> list[BaseRoute]:
        """Every route, to be put under the application."""
        watching: list[BaseRoute] = [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Mount("/static", _Static(directory=HERE / "static"), name="static"),
        ]
        if not self.site.settings.serve.website:
            return watching
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/page", self.plain, methods=["POST"]),
            Route("/page", self.leave, methods=["DELETE"]),
            Route("/model", self.model_page, methods=["GET"]),
            Route("/samples/{name}", self.sample, methods=["GET"]),
            Route("/favicon.ico", self.icon, methods=["GET"]),
            *watching,
        ]

    async def page(self, request: Request) -> Response:
        """The page. Whoever opens it may use the API through it for some hours."""
        answer = HTMLResponse(fill((HERE / "templates" / "index.html").read_text("utf-8"), self._values()))
        self.site.let_in(request, answer)
        return answer

    async def plain(self, request: Request) -> Response:
        """The page for a browser without scripts: the form comes, the answer is a table."""
        client = self.site.admit(request)
        async with self.site.bodies.reading(request, self.site.settings.limits.max_bytes + OVERHEAD) as body:
            pictures = await self.site.bodies.pictures(request, body, self.site.settings.limits.max_pictures)
            self.site.charge(client, len(pictures))
            answers = await self.api.read(request, pictures)
        return HTMLResponse(documents.answers([one.analysis for one in answers]))

    async def leave(self, request: Request) -> Response:
        """The page was left: what it sent, and what became of it, goes. All ids come at once, a line each, since a
        browser sees a single small request through when a page, or the browser itself, is closed."""
        self.site.admit(request)
        async with self.site.bodies.reading(request, OVERHEAD) as body:
            jobs = body.decode("ascii", "replace").split()
        await asyncio.to_thread(self._delete, jobs)
        return Response(status_code=204)

    def _delete(self, jobs: list[str]) -> None:
        """Delete jobs; one that cannot be deleted keeps none of the others."""
        failed: OnlookerError | None = None
        for job in jobs:
            try:
                self.site.jobs.delete(job)
            except OnlookerError as error:
                failed = error
        if failed is not None:
            raise failed

    async def model_page(self, _: Request) -> Response:
        """The model's card, for people."""
        return HTMLResponse(documents.document(f"Model {self.model.name}", documents.model(self.model)))

    async def sample(self, request: Request) -> Response:
        """A picture to try."""
        name = request.path_params["name"]
        if name not in {file for file, _, _ in SAMPLES}:
            raise Problem("not-found", "there is no such sample")
        return FileResponse(samples_folder() / name, headers={"Cache-Control": "public, max-age=3600"})

    async def icon(self, _: Request) -> Response:
        """The icon, for browsers that ask for it by its old name."""
        return FileResponse(HERE / "static" / "icon.svg", headers={"Cache-Control": "public, max-age=3600"})

    async def healthz(self, _: Request) -> Response:
        """Whether the server runs at all."""
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(self, _: Request) -> Response:
        """Whether pictures can be answered: a worker, the store and the queue."""
        jobs = self.site.jobs
        checks = {
            "workers": self.site.reader.ready > 0 or "no worker process is ready; wait, or see the log",
            "store": await _works(jobs.store.head, "ready"),
            "queue": await _works(jobs.queue.depth),
        }
        bad = {name: reason for name, reason in checks.items() if reason is not True}
        status = {"status": "ready" if not bad else "not ready", **{name: bad.get(name, "ok") for name in checks}}
        return JSONResponse(status, 503 if bad else 200, headers={"Retry-After": "5"} if bad else None)

    async def metrics(self, _: Request) -> Response:
        """Everything counted, for Prometheus."""
        return Response(self.site.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def _values(self) -> dict[str, str]:
        settings = self.site.settings
        calibration = self.model.calibration
        shown = {
            "max_bytes": settings.limits.max_bytes,
            "max_pixels": settings.limits.max_pixels,
            "formats": FORMATS,
            "keep_hours": settings.serve.keep_hours,
            "model": self.model.name,
            "interval": calibration.interval_probability if calibration else None,
            "samples": [
                {"url": f"/samples/{name}", "name": name, "title": title, "alt": alt} for name, title, alt in SAMPLES
            ],
            "version": __version__,
        }
        values = {name: escape(str(value)) for name, value in shown.items()}
        values["keep_hours"] = f"{settings.serve.keep_hours:g}"
        values["max_mb"] = f"{settings.limits.max_bytes / 1e6:.0f}"
        values["icons"] = symbols((HERE / "static" / "icons.svg").read_text("utf-8"))
        return {**values, "settings": json.dumps(shown).replace("<", "\\u003c")}


class _Static(StaticFiles):
    """Static files, which a browser may keep but asks about, so that a new version shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def content_policy(site: Site) -> str:
    """The Content-Security-Policy of every page: nothing from anywhere else, but for the bucket that pictures go to."""
    connect = "'self'"
    try:
        url = urlsplit(site.jobs.store.presign_form("in/0", seconds=60, max_bytes=1).url)
        if url.netloc:
            connect += f" {url.scheme}://{url.netloc}"
    except OnlookerError:  # readyz says so; the page works as far as it goes
        pass
    return (
        f"default-src 'self'; connect-src {connect}; img-src 'self' blob: data:; media-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def model_card(site: Site) -> ModelCard:
    """The card of the model that answers."""
    return find_card(site.settings.model.card or DEFAULT_MODEL)


def samples_folder() -> Path:
    """Where the samples lie: within the package as installed, else beside the sources."""
    within = HERE / "samples"
    return within if within.is_dir() else HERE.parents[2] / "samples"


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with each ``{{name}}`` replaced; a name that has no value raises ``KeyError``."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: values[found[1]], template)


def symbols(drawings: str) -> str:
    """The symbols of an SVG file, to stand in a page and be used there as ``icon-`` and their name: drawings that are
    asked for one by one are missing just when the server is away."""
    return re.sub(r"</?svg[^>]*>", "", drawings).replace('<symbol id="', '<symbol id="icon-').strip()


async def _works(call: Any, *arguments: Any) -> bool | str:
    try:
        await asyncio.wait_for(asyncio.to_thread(call, *arguments), READY_SECONDS)
    except TimeoutError:
        return f"no answer within {READY_SECONDS:.0f} s"
    except OnlookerError as error:
        log.error(json.dumps({"event": "not ready", "error": without_ids(str(error))}))
        return "does not work; the server's log has more"
    return True
