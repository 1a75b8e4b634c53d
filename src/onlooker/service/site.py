"""What every route works with, made once and handed to them."""

import asyncio
import hashlib
import math
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from onlooker.jobs.job import Jobs
from onlooker.service.bodies import Bodies
from onlooker.service.metrics import Metrics
from onlooker.service.problems import Problem
from onlooker.service.readers import Reader
from onlooker.service.security import PASS_SECONDS, KeyFile, Limiter, Pass
from onlooker.settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """The collaborators of the website and the API.

    stopping  set when the server ends, so that streams end too
    """

    settings: Settings
    jobs: Jobs
    reader: Reader
    keys: KeyFile
    metrics: Metrics
    bodies: Bodies
    limiter: Limiter
    passes: Pass
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, settings: Settings, jobs: Jobs, reader: Reader, secret: bytes | None = None) -> "Site":
        """A site as the settings want it."""
        limits = settings.limits
        return cls(
            settings=settings,
            jobs=jobs,
            reader=reader,
            keys=KeyFile(settings.keys_file),
            metrics=Metrics(lambda: reader.held, lambda: reader.ready),
            bodies=Bodies(limits.in_flight),
            limiter=Limiter(limits.rate, limits.burst),
            passes=Pass(secret or shared_secret(settings) or secrets.token_bytes(32)),
        )

    def admit(self, request: Request, pictures: int = 0) -> str:
        """Whose call this is; what it costs is taken from that client's rate. Raises ``Problem`` where it has no valid
        key though it needs one, or comes too often."""
        client = request.client.host if request.client else "unknown"
        given = _given_key(request)
        if given is not None:
            key = self.keys.find(given, datetime.now(UTC))
            if key is None:
                raise Problem("unauthorized", "the key is unknown or has ended; ask for a new one", headers=_ASK)
            client = f"key {key.name}"
        elif self.settings.keys.required:
            shown = request.cookies.get(Pass.name, "")
            if not self.passes.holds(shown):
                raise Problem("unauthorized", "send a key as `Authorization: Bearer KEY`", headers=_ASK)
            if self.passes.aged(shown):
                request.state.renewed_pass = self._cookie(request)
        request.state.client = client
        self.charge(client, pictures)
        return client

    def let_in(self, request: Request, answer: Response) -> None:
        """Give whoever opens a page a pass, by which the page may call the API."""
        answer.headers.append("Set-Cookie", self._cookie(request))

    def _cookie(self, request: Request) -> str:
        """A new pass, as the header that sets it."""
        secure, made = request.url.scheme == "https", Response()
        value = self.passes.make()
        made.set_cookie(Pass.name, value, max_age=PASS_SECONDS, httponly=True, samesite="strict", secure=secure)
        return made.headers["Set-Cookie"]

    def charge(self, client: str, pictures: int) -> None:
        """Take pictures from a client's rate. Raises ``Problem`` where it has used it up."""
        if pictures and (wait := self.limiter.take(client, pictures)):
            after = max(1, math.ceil(wait))
            detail = f"more than {self.settings.limits.rate:g} pictures a second from here; try again in {after} s"
            raise Problem("too-many-requests", detail, headers={"Retry-After": str(after)})


def shared_secret(settings: Settings) -> bytes | None:
    """The secret that all servers of one website share, if one is set."""
    text = settings.serve.secret
    return hashlib.sha256(text.encode()).digest() if text else None


_ASK = {"WWW-Authenticate": 'Bearer realm="onlooker"'}


def _given_key(request: Request) -> str | None:
    if key := request.headers.get("x-api-key"):
        return key
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
