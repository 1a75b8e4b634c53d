"""Starting and ending the server: its lock, its socket, its workers, its log."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from filelock import FileLock, Timeout
from starlette.types import ASGIApp

from onlooker.core.errors import ConfigError
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import Jobs
from onlooker.jobs.objects import ObjectStore, open_store
from onlooker.jobs.pool import Pool
from onlooker.jobs.process import Task
from onlooker.jobs.queues import open_queue
from onlooker.service.app import create_app
from onlooker.service.readers import Reader, ThroughQueue
from onlooker.service.site import Site, shared_secret
from onlooker.settings import Settings

GRACE = 10
"""Seconds that requests have to end when the server does."""


def run(settings: Settings, said: Callable[[str], None]) -> None:
    """Serve until interrupted. ``said`` is given the address once pictures can be answered. Raises ``ConfigError``
    where the port or the folder is taken, ``ModelError`` where the model is missing or corrupt."""
    logging.basicConfig(level=settings.serve.log.upper(), stream=sys.stderr, format="%(message)s", force=True)
    for noisy in ("uvicorn", "uvicorn.access", "uvicorn.error", "asyncio", "botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    listening = listen(settings.serve.host, settings.serve.port)
    with contextlib.closing(listening):
        store = open_store(settings.store)
        with only_server_of(store, address(settings.serve.host, listening)):
            asyncio.run(_serve(settings, store, listening, said))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``ConfigError`` where the address is taken or is none of this machine's."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol named, asyncio sends small writes at once; without, each answer waits 40 ms for the client.
        listening = socket.socket(family, kind, protocol)
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(1024)
    except OSError as error:
        reason = "is taken (another server?)" if error.errno in _TAKEN else f"cannot be used ({error.strerror})"
        raise ConfigError(f"{host}:{port} {reason}; choose another with --host and --port") from None
    return listening


def address(host: str, listening: socket.socket) -> str:
    """The address that a person opens."""
    port = listening.getsockname()[1]
    shown = "localhost" if host in ("127.0.0.1", "::1", "localhost") else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


@contextlib.contextmanager
def only_server_of(store: ObjectStore, url: str) -> Iterator[None]:
    """Hold a folder for one server: a second would hand out forms and ids that the first does not know. Workers may be
    as many as wanted. Raises ``ConfigError`` where another has it."""
    if not isinstance(store, FolderStore):
        yield
        return
    path = store.folder / "server.lock"
    whose = Path(f"{path}.address")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        other = whose.read_text("utf-8") if whose.exists() else "another"
        raise ConfigError(
            f"{store.folder}: the server at {other} uses this folder; stop it, or give --store and --queue of your own"
        ) from None
    try:
        whose.write_text(url, "utf-8")
        yield
    finally:
        lock.release()


def secret_of(settings: Settings, store: ObjectStore) -> bytes:
    """The secret of a website's ids and passes: the one that is set, else one of its folder's own, so that a request
    sent again after a restart is known; a bucket has none, and it is made at each start."""
    if (given := shared_secret(settings)) is not None:
        return given
    return store.derived_secret("website") if isinstance(store, FolderStore) else secrets.token_bytes(32)


async def _serve(settings: Settings, store: ObjectStore, listening: socket.socket, said: Callable[[str], None]) -> None:
    secret = secret_of(settings, store)
    jobs = Jobs(store, open_queue(settings.queue), send=settings.serve.tasks == "send", secret=secret)
    limits = settings.limits
    pool = Pool(worker_task(settings), settings.serve.workers, backlog=limits.backlog, wait=limits.wait)
    reader: Reader = pool if settings.serve.workers else ThroughQueue(jobs, backlog=limits.backlog)
    site = Site.of(settings, jobs, reader, secret)
    pool.tally = site.metrics.picture
    server = http_server(create_app(site), settings)
    loop = asyncio.get_running_loop()
    serving = loop.create_task(server.serve(sockets=[listening]))
    ending = loop.create_task(_tell_end(server, site))
    try:
        starting = loop.create_task(pool.start())
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            said(address(settings.serve.host, listening))
        await serving
    finally:
        server.should_exit = True
        await asyncio.wait({serving})
        ending.cancel()
        await pool.stop()


def http_server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """The server of an application, as every one of ours is run: it logs no request itself, and ends in good order."""
    logging.getLogger("uvicorn.error").addFilter(_tells_more)
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",  # who asks for one is answered as any other request, in our own form and with a line in the log
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE,
            proxy_headers=bool(settings.serve.proxies),
            forwarded_allow_ips=settings.serve.proxies or None,
        )
    )


def _tells_more(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's says what ours do not: of a web socket that is asked for, it has two of its own."""
    return not record.getMessage().startswith(("Unsupported upgrade request", "No supported WebSocket library"))


class _Server(uvicorn.Server):
    """A server that ends when it is told to, in good order, instead of raising the signal again when it has stopped
    listening: the workers and the lock come after it. A second signal does not wait for requests."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        known = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in known.items():
                signal.signal(each, handler)


async def _tell_end(server: uvicorn.Server, site: Site) -> None:
    """Let streams of events end before the server waits for them."""
    while not server.should_exit:
        await asyncio.sleep(0.1)
    site.stopping.set()


def worker_task(settings: Settings) -> Task:
    """What a worker process is started with."""
    serve, limits = settings.serve, settings.limits
    return Task(
        store=settings.store,
        queue=settings.queue,
        threads=threads_each(settings),
        lease=serve.lease,
        patience=limits.patience,
        keep_hours=serve.keep_hours,
        detector=settings.model.detector,
        model=settings.model.card,
        min_face=settings.model.min_face,
        max_faces=limits.max_faces,
        max_pixels=limits.max_pixels,
        log_level=serve.log.upper(),
    )


def threads_each(settings: Settings) -> int:
    """Threads of each worker process: as set, or the cores shared among the processes."""
    if settings.serve.threads:
        return settings.serve.threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, settings.serve.workers))


async def work(settings: Settings, said: Callable[[str], None]) -> None:
    """Be a worker alone: processes that take tasks, until interrupted or told to end."""
    pool = Pool(worker_task(settings), max(1, settings.serve.workers))
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: the interrupt arrives as an exception
            loop.add_signal_handler(signal_, end.set)
    try:
        await pool.start()
        said(f"{pool.processes} x {pool.task.threads} threads take tasks from {settings.queue}")
        await end.wait()
    finally:
        await pool.stop()


_TAKEN = (98, 48, 10048)
"""Address in use, on Linux, macOS and Windows."""
