"""What can go wrong, as ``application/problem+json`` (RFC 9457): a stable ``type``, and one sentence that helps."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from onlooker.core.errors import ObjectMissing, OnlookerError, PictureError, StorageError, StorageFull
from onlooker.jobs.job import IdempotencyConflict
from onlooker.jobs.pool import Busy, ReadingFault, WorkerLost

TYPES = {
    "bad-request": (400, "The request is not one that this address takes"),
    "unauthorized": (401, "A key is needed"),
    "forbidden": (403, "This is not allowed"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This address does not take that method"),
    "timeout": (408, "The request did not come in time"),
    "idempotency-conflict": (409, "This Idempotency-Key was used for something else"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "This is no form that pictures are taken in"),
    "unreadable-picture": (422, "The picture cannot be read"),
    "too-many-requests": (429, "Too many requests from this client"),
    "internal": (500, "A fault of the server"),
    "picture-stops-worker": (500, "The picture stopped the worker that read it"),
    "busy": (503, "Too many pictures are waiting"),
    "storage": (503, "The store or the queue does not work"),
    "storage-full": (507, "The store is full"),
}
"""Every type, with its status and title. ``type`` is ``PREFIX`` and the name; names are never changed or reused."""

PREFIX = "urn:onlooker:problem:"


class Problem(Exception):
    """A refusal, to be answered as problem+json. ``kind`` is one of ``TYPES``."""

    def __init__(self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status, self.title = TYPES[kind]
        self.detail = detail
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: OnlookerError) -> "Problem":
        """What an error of ours is to a client."""
        if isinstance(error, Busy):
            return cls("busy", str(error), headers={"Retry-After": str(error.after)})
        for kind, name in _KINDS:
            if isinstance(error, kind):
                retry = {"Retry-After": "5"} if name == "storage" else {}
                return cls(name, _PUBLIC.get(name, str(error)), headers=retry)
        return cls("internal", "the server is not set up as it should be; its log has more")

    def body(self) -> dict[str, Any]:
        """The members of the answer."""
        return {"type": PREFIX + self.kind, "title": self.title, "status": self.status, "detail": self.detail}

    def response(self, request_id: str) -> Response:
        """The answer, with the id that the log has."""
        body = {**self.body(), "instance": f"urn:onlooker:request:{request_id}"}
        return Response(json.dumps(body), self.status, headers=self.headers, media_type="application/problem+json")


_PUBLIC = {
    "storage": "the server's store or queue does not work just now; try again in some seconds",
    "storage-full": "the server has no room for the picture just now; try again later",
}
"""What clients are told where the sentence itself names folders and keys of the server; that goes to the log."""

_KINDS: list[tuple[type[OnlookerError], str]] = [
    (PictureError, "unreadable-picture"),
    (IdempotencyConflict, "idempotency-conflict"),
    (WorkerLost, "picture-stops-worker"),
    (ReadingFault, "internal"),
    (ObjectMissing, "not-found"),
    (StorageFull, "storage-full"),
    (StorageError, "storage"),
]
