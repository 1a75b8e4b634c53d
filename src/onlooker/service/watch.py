"""Around every request: an id, a line in the log, the metrics, safe headers, and a sentence where it fails."""

import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onlooker.core.errors import OnlookerError
from onlooker.jobs.job import without_ids
from onlooker.service.metrics import Metrics
from onlooker.service.problems import Problem

Page = Callable[[Problem], str]
"""A refusal as HTML, for people."""

log = logging.getLogger("onlooker.service")

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}


class Watch:
    """ASGI middleware; ``policy`` is the Content-Security-Policy of every answer, ``page`` what ``refused`` takes."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, policy: str, page: Page | None = None) -> None:
        self._app, self._metrics, self._policy, self._page = app, metrics, policy, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        begun, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("Content-Security-Policy", self._policy)
                headers.setdefault("Cache-Control", "no-store")
                if renewed := state.get("renewed_pass"):
                    headers.append("Set-Cookie", renewed)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:
            problem = problem_of(error, request_id)
            if status:
                raise  # part of the answer is out already: all that is left is to break off
            await refused(problem, request, self._page)(scope, receive, sending)
        finally:
            self._note(scope, request, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, request: Request, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "unknown"
        # Whatever a client makes up is one method, or it could fill the metrics.
        method = request.method if request.method in _METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        known = scope.get("state", {})
        record: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": "request",
            "id": known.get("request_id"),
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
            "client": known.get("client"),
            "faces": known.get("faces"),
        }
        line = json.dumps({name: value for name, value in record.items() if value is not None})
        log.log(logging.INFO if status < 500 else logging.WARNING, line)


async def refused_by_itself(request: Request, error: Exception, *, page: Page | None) -> Response:
    """What the framework refuses by itself, in our own form."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        # It knows the methods of the first route of an address only.
        at = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
        allowed = {method for route in at if isinstance(route, Route) for method in route.methods or ()}
        error = HTTPException(405, headers={"Allow": ", ".join(sorted(allowed or {"GET", "HEAD"}))})
    return refused(problem_of(error, request.state.request_id), request, page)


def refused(problem: Problem, request: Request, page: Page | None) -> Response:
    """A refusal as problem+json; as a page, where there are pages, for a browser that shows what it is given."""
    if page is None or request.url.path.startswith("/v1/") or not _for_people(request.headers.get("accept", "")):
        return problem.response(request.state.request_id)
    return HTMLResponse(page(problem), problem.status, headers=problem.headers)


def _for_people(accept: str) -> bool:
    """Whether an Accept header is that of a browser which opens an address: it names HTML, and no JSON."""
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return "text/html" in kinds and not any(kind.endswith("json") for kind in kinds)


def problem_of(error: Exception, request_id: str) -> Problem:
    """What a client is told of an error; what it is not told goes to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OnlookerError):
        problem = Problem.of(error)
        if problem.status >= 500 and problem.detail != str(error):
            log.error(json.dumps({"event": problem.kind, "id": request_id, "error": without_ids(str(error))}))
        return problem
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            allowed = dict(error.headers or {})
            return Problem("method-not-allowed", f"use {allowed.get('Allow', 'another method')}", headers=allowed)
        if error.status_code == 404:
            return Problem("not-found", "there is nothing at this address; see /docs")
        return Problem("bad-request", error.detail)
    log.error(json.dumps({"event": "fault", "id": request_id, "kind": type(error).__name__}), exc_info=error)
    return Problem("internal", f"something went wrong here; the server's log has it under {request_id}")
