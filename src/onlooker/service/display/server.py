"""Starting and ending the screen's server: its camera, its ledger, its pages, and beside them the website."""

import asyncio
import contextlib
import hashlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from onlooker import __version__
from onlooker.audience.ledger import Ledger
from onlooker.core.dumps import forbid_dumps
from onlooker.jobs.job import Jobs
from onlooker.jobs.objects import open_store
from onlooker.jobs.pool import Pool
from onlooker.jobs.queues import open_queue
from onlooker.service import documents
from onlooker.service.api import Api
from onlooker.service.display.content import Content
from onlooker.service.display.facts import facts_of
from onlooker.service.display.gate import Gate
from onlooker.service.display.keeper import COMMAND, Camera
from onlooker.service.display.messages import Task
from onlooker.service.display.operator import Operator
from onlooker.service.display.player import Player, policy
from onlooker.service.display.screen import Screen
from onlooker.service.display.studio import Studio
from onlooker.service.metrics import Metrics
from onlooker.service.pages import HERE, Pages, content_policy
from onlooker.service.reference import Reference
from onlooker.service.security import KeyFile
from onlooker.service.server import address, http_server, listen, only_server_of, secret_of, worker_task
from onlooker.service.site import Site
from onlooker.service.watch import Watch, refused_by_itself
from onlooker.settings import Settings, data_folder

log = logging.getLogger(__name__)


def run(
    settings: Settings,
    campaign: Path,
    source: str,
    said: Callable[[str], None],
    *,
    loop: bool = False,
    command: Sequence[str] = COMMAND,
) -> None:
    """Play until interrupted. ``said`` is given the server's address once the pages can be opened. ``command`` runs the
    camera's process. Raises ``ConfigError`` where the campaign is wrong or the port taken."""
    forbid_dumps()  # what the operator looks at goes through this process
    logging.basicConfig(level=settings.serve.log.upper(), stream=sys.stderr, format="%(message)s", force=True)
    for noisy in ("uvicorn", "uvicorn.access", "uvicorn.error", "asyncio", "botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    content = Content(campaign)
    ledger = Ledger(settings.ledger)
    listening = listen(settings.serve.host, settings.serve.port)
    task = Task(
        source=source,
        loop=loop,
        demographics=settings.display.demographics,
        detector=settings.model.detector,
        model=settings.model.card,
        log_level=settings.serve.log.upper(),
    )
    with contextlib.closing(listening):
        asyncio.run(_serve(settings, content, task, listening, said, ledger, command))


async def _serve(
    settings: Settings,
    content: Content,
    task: Task,
    listening: socket.socket,
    said: Callable[[str], None],
    ledger: Ledger,
    command: Sequence[str],
) -> None:
    display = settings.display
    screen = Screen(content, display, facts=facts_of(Path(display.facts) if display.facts else None))
    camera = Camera(task, screen.see, command=command)
    gate = Gate(KeyFile(settings.keys_file), required=settings.keys.required)
    url = reachable(settings.serve.host, listening)
    paused = data_folder() / f"paused-{hashlib.sha256(screen.id.encode()).hexdigest()[:12]}"
    studio = Studio(display, screen, camera, ledger, gate, url, paused)
    async with website(settings, listening) as site:
        server = http_server(create_app(studio, site), settings)
        await studio.begin()
        work = [asyncio.create_task(studio.run()), asyncio.create_task(_tell_end(server, studio, site))]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        said(address(settings.serve.host, listening))
        try:
            await asyncio.wait([serving, *work], return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            studio.stopping.set()
            await camera.stop()
            await asyncio.wait([serving])
            for each in work:
                each.cancel()
            ends = await asyncio.gather(*work, return_exceptions=True)
            screen.lose_sight()
            await studio.end()
        for end in ends:
            if isinstance(end, Exception):
                raise end


def create_app(studio: Studio, site: Site | None = None) -> Starlette:
    """The ASGI application of a screen, with the website beside it where there is a ``site``."""
    routes: list[BaseRoute] = [*Player(studio).routes(), *Operator(studio).routes()]
    page = None if site is None or not site.settings.serve.website else documents.refusal
    if site is None:
        metrics, safe = Metrics(lambda: 0, lambda: 0), policy()
        routes += [
            Route("/", _to_operator, methods=["GET"]),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/favicon.ico", _icon, methods=["GET"]),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        ]
    else:
        metrics, safe, api = site.metrics, content_policy(site), Api(site)
        routes += [*api.routes(), *Pages(site, api).routes(), *Reference(site).routes()]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Watch, metrics=metrics, policy=safe, page=page)],
        exception_handlers={HTTPException: partial(refused_by_itself, page=page)},
    )


@contextlib.asynccontextmanager
async def website(settings: Settings, listening: socket.socket) -> AsyncIterator[Site | None]:
    """The website's parts and its worker processes, where uploads are switched on."""
    if not settings.display.uploads:
        yield None
        return
    store = open_store(settings.store)
    with only_server_of(store, address(settings.serve.host, listening)):
        secret = secret_of(settings, store)
        jobs = Jobs(store, open_queue(settings.queue), send=settings.serve.tasks == "send", secret=secret)
        limits = settings.limits
        pool = Pool(worker_task(settings), max(1, settings.serve.workers), backlog=limits.backlog, wait=limits.wait)
        site = Site.of(settings, jobs, pool, secret)
        pool.tally = site.metrics.picture
        await pool.start()
        try:
            yield site
        finally:
            await pool.stop()


def reachable(host: str, listening: socket.socket) -> str:
    """The address at which a telephone in the same network finds this server, where it listens to others at all."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        return address(host, listening)
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it only tells by which address one would leave
        return f"http://{probe.getsockname()[0]}:{listening.getsockname()[1]}"
    return address(host, listening)


async def _tell_end(server: uvicorn.Server, studio: Studio, site: Site | None) -> None:
    """Let streams of events and pictures end before the server waits for them."""
    while not server.should_exit:
        await asyncio.sleep(0.1)
    studio.stopping.set()
    if site is not None:
        site.stopping.set()
    await studio.camera.stop()
    await asyncio.Event().wait()


async def _to_operator(_: Request) -> Response:
    return RedirectResponse("/operator", 303)


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok", "version": __version__})


async def _icon(_: Request) -> Response:
    return FileResponse(HERE / "static" / "icon.svg", headers={"Cache-Control": "public, max-age=3600"})
