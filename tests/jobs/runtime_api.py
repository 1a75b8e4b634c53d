"""Lambda's Runtime API, as far as the real runtime client asks: a container that is handed events one by one."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.jobs.servers import PATIENCE

ROOT = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Result:
    """What an invocation ended with: ``returned``, or the ``error`` that it raised (``errorType``, ``errorMessage``),
    and the lines of JSON it logged meanwhile."""

    returned: Any
    error: dict[str, Any] | None
    log: list[dict[str, Any]]


class Container:
    """``invoke`` runs the handler in its own process, under ``awslambdaric``."""

    def __init__(self, log: Path) -> None:
        self.events: queue.Queue[tuple[str, str]] = queue.Queue()
        self.results: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._log, self._read, self._count = log, 0, 0

    def invoke(self, event: object) -> Result:
        """Hand an event over and wait for what becomes of it."""
        self._count += 1
        self.events.put((f"request-{self._count}", json.dumps(event)))
        kind, answer = self.results.get(timeout=PATIENCE)
        lines = self._log.read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        logged = [json.loads(line) for line in new if line.startswith("{")]
        return Result(answer if kind == "response" else None, answer if kind == "error" else None, logged)


def _api(container: Container) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path == f"{ROOT}/invocation/next"
            request, event = container.events.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", request)
            self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:answers")
            self._end(event.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            container.results.put((self.path.rpartition("/")[2], json.loads(body)))
            self.send_response(202)
            self._end(b"{}")

        def _end(self, body: bytes) -> None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Api


@contextmanager
def container(handler: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Container]:
    """A container that runs ``module.function``; its output goes to a file in ``folder``."""
    running = Container(folder / f"{handler}.log")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _api(running))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = os.environ["PATH"]
    api = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}", "PATH": path, "HOME": str(folder)}
    with running._log.open("wb") as log:
        command = [sys.executable, "-m", "awslambdaric", handler]
        process = subprocess.Popen(command, env={**environment, **api}, stdout=log, stderr=log)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()
