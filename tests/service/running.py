"""What tests ask of a server that runs in a process of its own, and what they wait for."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.service.conftest import Server

PATIENCE = 60
"""Seconds after which what has not come is a failure."""


def call(
    server: Server, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    """A request's status, its answer (parsed where it is JSON) and its headers."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data[:1] in (b"{", b"[") else data, answer.headers
    finally:
        connection.close()


def connect(server: Server) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((where.hostname, where.port), timeout=PATIENCE)


def awaited(condition: Callable[[], Any]) -> Any:
    """What the condition gives, once it is true."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("what was waited for did not come")


def answered(server: Server, job: str) -> dict[str, Any]:
    """A job, once it is no longer queued."""

    def done() -> Any:
        _, found, _ = call(server, "GET", f"/v1/jobs/{job}")
        return found if found["status"] != "queued" else None

    found: dict[str, Any] = awaited(done)
    return found


def sent(server: Server, data: bytes, path: str = "/v1/jobs", **headers: str) -> str:
    status, job, _ = call(server, "POST", path, data, headers)
    assert status == 202, job
    found: str = job["id"]
    return found


def works(server: Server, portrait: bytes) -> None:
    """The server reads a face as ever."""
    status, analysis, _ = call(server, "POST", "/v1/analyze", portrait)
    assert status == 200, analysis
    assert len(analysis["faces"]) == 1


def stored(server: Server) -> set[Path]:
    return {path for path in (server.folder / "pictures").rglob("*") if path.is_file()}


def children(server: Server) -> list[int]:
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in found.split()]
