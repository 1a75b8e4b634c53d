"""Reading what clients send, within limits, in memory: no part of a picture reaches a disk on the way."""

import asyncio
import base64
import binascii
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import msgspec
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from onlooker.service.problems import Problem
from onlooker.settings import OVERHEAD as OVERHEAD

IDLE_SECONDS = 20.0
"""How long a client may send nothing in the middle of a body."""

BODY_SECONDS = 600.0
"""How long a body may take in all: whoever sends a byte now and then would hold its room for ever."""

RAW_TYPES = ("image/", "application/octet-stream", "application/x-www-form-urlencoded")
"""Bodies taken as a picture's bytes; the last is what curl calls --data-binary unless it is told otherwise."""


NO_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what is no JSON, or not what was wanted: also text that is no UTF-8, and endless nesting."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as a client sent it."""

    name: str
    data: bytes


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    image: str
    name: str = "picture"


class _InMemory(MultiPartParser):
    spool_max_size = 2**62


class Bodies:
    """Reads bodies; ``in_flight`` bounds the bytes of all that are being received at once."""

    def __init__(self, in_flight: int) -> None:
        self._room = in_flight

    @asynccontextmanager
    async def reading(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """A request's body, of at most ``limit`` bytes, its room held until the block is left. Raises ``Problem``."""
        refusal = self._refusal(0, _announced(request.headers), limit)
        if refusal and "100-continue" in request.headers.get("expect", "").lower():
            raise refusal  # before anything of it is sent
        # Room is taken for what has come, not for what may: who announces much and sends nothing keeps nobody out.
        stream, parts, size = request.stream(), list[bytes](), 0
        until = time.monotonic() + BODY_SECONDS
        try:
            while refusal is None and (part := await _next(stream, until)) is not None:
                refusal = self._refusal(size, len(part), limit)
                if refusal is None:
                    self._room -= len(part)
                    size += len(part)
                    parts.append(part)
            if refusal is None:
                body = b"".join(parts)
                parts.clear()
                yield body
                return
        finally:
            parts.clear()
            self._room += size
        await _drain(stream, limit)
        raise refusal

    def _refusal(self, size: int, more: int, limit: int) -> Problem | None:
        """Why ``more`` bytes are not taken in after ``size``, if they are not."""
        if size + more > limit:
            return _too_large(limit)
        return _no_room() if more > self._room else None

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Room for ``size`` bytes until the block is left. Raises ``Problem`` where there is none."""
        if size > self._room:
            raise _no_room()
        self._room -= size
        try:
            yield
        finally:
            self._room += size

    async def pictures(self, request: Request, body: bytes, most: int) -> list[Upload]:
        """The pictures in a body: its bytes, the files of a form, or JSON with base64. Raises ``Problem``."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower() or "application/octet-stream"
        if kind == "multipart/form-data":
            async with form_of(request.headers, body) as form:
                files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
                if not files:
                    raise Problem("bad-request", "the form holds no file; add the picture as a file field")
                if len(files) > most:
                    raise Problem("too-large", f"{len(files)} pictures in one request; at most {most} are taken")
                return [Upload(clean_name(file.filename), await file.read()) for file in files]
        if kind == "application/json":
            return [_from_json(body)]
        if not kind.startswith(RAW_TYPES):
            raise Problem(
                "unsupported-media-type",
                f"{kind}: send a picture's bytes (image/jpeg ...), a multipart form, or JSON with base64",
            )
        if not body:
            raise Problem("bad-request", "the body is empty; send the picture's bytes")
        return [Upload(clean_name(request.query_params.get("name")), body)]


@asynccontextmanager
async def form_of(headers: Headers, body: bytes) -> AsyncIterator[FormData]:
    """A multipart body's fields and files, until the block is left. Raises ``Problem`` where it is none."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = _InMemory(headers, stream(), max_files=1000, max_fields=1000, max_part_size=OVERHEAD)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "no boundary"
        raise Problem("bad-request", f"the form cannot be read ({reason.rstrip('.')}); send it again") from None
    try:
        yield form
    finally:
        await form.close()


def clean_name(name: str | None) -> str:
    """A file's name as it is reported: its last part, without control characters, of a bearable length."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable())[:200]
    # It travels as metadata of an object, where S3 takes 2 KB of ASCII in all.
    return shown.encode("utf-8", "replace")[:500].decode("utf-8", "ignore").strip() or "picture"


def _from_json(body: bytes) -> Upload:
    try:
        given = msgspec.json.decode(body, type=_Json)
        text = given.image.partition(",")[2] if given.image.startswith("data:") else given.image
        data = base64.b64decode(text, validate=True)
    except NO_JSON as error:
        raise Problem("bad-request", f"the JSON is not {{'image': base64, 'name': text}} ({error})") from None
    except (binascii.Error, ValueError):
        raise Problem(
            "bad-request", "image is no base64; encode the picture's bytes with the standard alphabet"
        ) from None
    if not data:
        raise Problem("bad-request", "image is empty; encode the picture's bytes")
    return Upload(clean_name(given.name), data)


_LATER = {"Retry-After": "1"}
_CLOSE = {"Connection": "close"}


def _announced(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0


async def _next(stream: AsyncIterator[bytes], until: float) -> bytes | None:
    """The next part of a body, or None at its end. Raises ``Problem`` where it does not come."""
    patience = max(0.0, min(IDLE_SECONDS, until - time.monotonic()))
    try:
        return await asyncio.wait_for(anext(stream), patience)
    except StopAsyncIteration:
        return None
    except TimeoutError:
        raise Problem("timeout", f"no more came for {patience:.0f} s; send the request again", headers=_CLOSE) from None


async def _drain(stream: AsyncIterator[bytes], limit: int) -> None:
    """Take in what is refused anyhow, up to a point: a client that still sends would not see the answer."""
    taken = 0
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            async for part in stream:
                taken += len(part)
                if taken > 4 * limit:
                    return
    except (TimeoutError, ClientDisconnect):
        return


def _no_room() -> Problem:
    return Problem("busy", "too many bytes are on their way here; try again in a second", headers=_LATER)


def _too_large(limit: int) -> Problem:
    return Problem(
        "too-large",
        f"more than {limit / 1e6:.0f} MB; make the picture smaller first",
        headers=_CLOSE,
    )
