"""The API under ``/v1``: pictures answered at once, and jobs."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from onlooker.core.errors import StorageError
from onlooker.jobs.folder import ROUTE, FolderStore
from onlooker.jobs.job import FORM_SECONDS, Confidence, Job, JobOptions, answer_key, is_job, kept_key, to_json
from onlooker.jobs.pool import Answer
from onlooker.service.bodies import NO_JSON, OVERHEAD, Upload, clean_name, form_of
from onlooker.service.problems import Problem
from onlooker.service.readers import while_there
from onlooker.service.site import Site

HEARTBEAT = 15.0
"""Seconds after which a stream of events says that it is alive."""


class _NewUpload(msgspec.Struct, forbid_unknown_fields=True):
    name: str = "picture"
    options: JobOptions = JobOptions()


class _Start(msgspec.Struct, forbid_unknown_fields=True):
    upload: str


class Api:
    """The routes of the API, over one ``Site``."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.limits = site.settings.limits

    def routes(self) -> list[Route]:
        """Every route, to be put under the application."""
        own = [
            Route("/v1/analyze", self.analyze, methods=["POST"]),
            Route("/v1/uploads", self.new_upload, methods=["POST"]),
            Route("/v1/jobs", self.new_job, methods=["POST"]),
            Route("/v1/jobs/{id}", self.job, methods=["GET"]),
            Route("/v1/jobs/{id}", self.delete_job, methods=["DELETE"]),
            Route("/v1/jobs/{id}/events", self.events, methods=["GET"]),
            Route("/v1/jobs/{id}/picture", self.picture, methods=["GET"]),
        ]
        if isinstance(self.site.jobs.store, FolderStore):
            own += [
                Route(ROUTE, self.store_form, methods=["POST"]),
                Route(ROUTE + "/{key:path}", self.stored, methods=["GET"]),
            ]
        return own

    async def analyze(self, request: Request) -> Response:
        """Pictures answered at once: one by its analysis, several by a list, in order."""
        client = self.site.admit(request)
        async with self.site.bodies.reading(request, self.limits.max_bytes + OVERHEAD) as body:
            confidence = _confidence(request)  # refused before its body is read, a client would still be sending
            pictures = await self.site.bodies.pictures(request, body, self.limits.max_pictures)
            self.site.charge(client, len(pictures))
            answers = await self.read(request, pictures, confidence)
        faces = sum(len(answer.analysis["faces"]) for answer in answers)
        request.state.faces = faces
        headers = {"Server-Timing": _server_timing(answers)}
        if len(answers) > 1:
            return JSONResponse([answer.analysis for answer in answers], headers=headers)
        analysis = answers[0].analysis
        if analysis["error"] is not None:
            raise Problem("unreadable-picture", analysis["error"])
        return JSONResponse(analysis, headers=headers)

    async def read(self, request: Request, pictures: list[Upload], confidence: float | None = None) -> list[Answer]:
        """The answer to each picture of a request, in order, with intervals of that ``confidence``. Raises
        ``ClientDisconnect`` where nobody waits for them any more."""
        answers = []
        for picture in pictures:
            self.check_size(len(picture.data))
            reading = self.site.reader.analyze(picture.data, picture.name, confidence)
            answer = await while_there(request, reading)
            faces, error = len(answer.analysis["faces"]), answer.analysis["error"]
            self.site.metrics.picture(faces, answer.timings, error=error is not None)
            answers.append(answer)
        return answers

    def check_size(self, size: int) -> None:
        """Raise ``Problem`` for a picture of too many bytes."""
        if size > self.limits.max_bytes:
            raise Problem(
                "too-large", f"a picture has over {self.limits.max_bytes / 1e6:.0f} MB; make it smaller first"
            )

    async def new_upload(self, request: Request) -> Response:
        """A form by which a browser sends a picture's bytes straight to the store."""
        self.site.admit(request, 1)
        async with self.site.bodies.reading(request, OVERHEAD) as body:
            given = _decode(body, _NewUpload)
        job, form = await asyncio.to_thread(
            self.site.jobs.form, clean_name(given.name), given.options, max_bytes=self.limits.max_bytes
        )
        expires = datetime.now(UTC) + timedelta(seconds=FORM_SECONDS)
        answer = {"id": job, "url": form.url, "fields": dict(form.fields), "expires": expires.isoformat()}
        return JSONResponse(answer, 201)

    async def new_job(self, request: Request) -> Response:
        """A picture taken in to be answered later; or one that came by a form, set going."""
        client = self.site.admit(request)
        async with self.site.bodies.reading(request, self.limits.max_bytes + OVERHEAD) as body:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "application/json" and _means_upload(body):
                started = _decode(body, _Start)
                if not is_job(started.upload):
                    raise Problem("bad-request", "upload is the id that POST /v1/uploads gave")
                job = await asyncio.to_thread(self.site.jobs.start, started.upload)
            else:
                job = await self._submit(request, body, client)
        location = f"/v1/jobs/{job.id}"
        return JSONResponse(to_json(job), 202, headers={"Location": location})

    async def _submit(self, request: Request, body: bytes, client: str) -> Job:
        pictures = await self.site.bodies.pictures(request, body, 1)
        self.check_size(len(pictures[0].data))
        if not pictures[0].data:
            raise Problem("bad-request", "the picture is empty; send its bytes")
        self.site.charge(client, 1)
        keep = request.query_params.get("keep", "false").lower()
        if keep not in ("true", "false"):
            raise Problem("bad-request", "keep is true or false")
        confidence = _confidence(request)
        key = request.headers.get("idempotency-key")
        if key is not None and not re.fullmatch("[!-~]{1,255}", key):
            raise Problem("bad-request", "an Idempotency-Key has 1 to 255 visible ASCII characters, and no space")
        owner = client if client.startswith("key ") else ""
        return await asyncio.to_thread(
            self.site.jobs.submit,
            pictures[0].data,
            pictures[0].name,
            JobOptions(keep == "true", confidence),
            idempotency=None if key is None else f"{owner}\n{key}",
        )

    async def job(self, request: Request) -> Response:
        """A job's state and, once it is there, its answer."""
        self.site.admit(request)
        return JSONResponse(to_json(await self._find(request)))

    async def delete_job(self, request: Request) -> Response:
        """Picture and answer go, now."""
        self.site.admit(request)
        if not await asyncio.to_thread(self.site.jobs.delete, request.path_params["id"]):
            raise _no_job()
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """Server-sent events: the job at each change, until it is answered."""
        self.site.admit(request)
        first = await self._find(request)
        headers = {"X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=headers)
        return StreamingResponse(self._changes(first), media_type="text/event-stream", headers=headers)

    async def picture(self, request: Request) -> Response:
        """The picture that a job kept, upright and without its EXIF."""
        self.site.admit(request)
        job = await self._find(request)
        if job.picture is None:
            raise Problem("not-found", "this job keeps no picture; ask with keep when you send it")
        stored = await asyncio.to_thread(self.site.jobs.store.get, kept_key(job.id))
        return Response(stored.data, media_type=stored.info.content_type)

    async def store_form(self, request: Request) -> Response:
        """The local store's form, as S3 takes it: the fields that were signed, then the file."""
        store = self._folder()
        async with self.site.bodies.reading(request, self.limits.max_bytes + OVERHEAD) as body:
            if not request.headers.get("content-type", "").startswith("multipart/form-data"):
                raise Problem("unsupported-media-type", "send the form as multipart/form-data")
            async with form_of(request.headers, body) as form:
                fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
                file = form.get("file")
                if file is None or isinstance(file, str):
                    raise Problem("bad-request", "the form has no file field named `file`; put it last")
                data, kind = await file.read(), file.content_type or "application/octet-stream"
            try:
                key, metadata = store.verify_form(fields, len(data))
            except StorageError as error:
                raise Problem("forbidden", str(error)) from None
            if await asyncio.to_thread(store.head, answer_key(key)) is not None:
                raise Problem("forbidden", "the picture of this form came before and was answered; ask for a new form")
            await asyncio.to_thread(store.put, key, data, content_type=kind, metadata=metadata)
        return Response(status_code=204)

    async def stored(self, request: Request) -> Response:
        """An object of the local store, by an address that it signed."""
        store = self._folder()
        parts = urlsplit(str(request.url))
        key = store.verify_get(f"{parts.path}?{parts.query}")
        if key is None:
            raise Problem("forbidden", "the address is not signed, or has expired; ask for a new one")
        found = await asyncio.to_thread(store.get, key)
        safe = {"Content-Disposition": "attachment", "Content-Security-Policy": "sandbox"}
        return Response(found.data, media_type=found.info.content_type, headers=safe)

    def _folder(self) -> FolderStore:
        store = self.site.jobs.store
        assert isinstance(store, FolderStore)
        return store

    async def _find(self, request: Request) -> Job:
        found = await asyncio.to_thread(self.site.jobs.find, request.path_params["id"])
        if found is None:
            raise _no_job()
        return found

    async def _changes(self, job: Job) -> AsyncIterator[str]:
        """The stream's text. A job that is deleted meanwhile ends it with ``gone``."""
        pause, silent = self.site.jobs.store.poll, 0.0
        yield "retry: 2000\n\n" + _event("job", to_json(job))
        while job.status == "queued" and not self.site.stopping.is_set():
            await asyncio.sleep(pause)
            silent += pause
            pause = min(pause * 1.2, max(0.25, 3 * self.site.jobs.store.poll))
            try:
                found = await asyncio.to_thread(self.site.jobs.find, job.id)
            except StorageError as error:
                yield _event("problem", Problem.of(error).body())
                return
            if found is None:
                yield _event("gone", {"id": job.id})
                return
            if found.status != job.status:
                yield _event("job", to_json(found))
            elif silent >= HEARTBEAT:
                silent = 0.0
                yield ": still here\n\n"
            job = found


def _confidence(request: Request) -> float | None:
    """Share of ages that a request wants intervals to hold. Raises ``Problem`` where it is none."""
    given = request.query_params.get("confidence")
    if given is None:
        return None
    try:
        return msgspec.convert(given, Confidence, strict=False)
    except msgspec.ValidationError:
        raise Problem("bad-request", f"confidence={given[:20]!r} is no share from 0.5 to 0.99; send 0.8, say") from None


def _means_upload(body: bytes) -> bool:
    """Whether a body of JSON names an upload, rather than holding a picture."""
    try:
        return "upload" in msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except NO_JSON:
        return False


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n"


def _no_job() -> Problem:
    return Problem("not-found", "no such job: it was never there, was deleted, or has expired")


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except NO_JSON as error:
        raise Problem("bad-request", f"the JSON does not fit ({error}); see /docs") from None


def _server_timing(answers: list[Answer]) -> str:
    """The steps' milliseconds in all, as browsers and proxies read them (W3C Server Timing)."""
    total: dict[str, float] = {}
    for answer in answers:
        for step, seconds in answer.timings.items():
            total[step] = total.get(step, 0.0) + seconds
    return ", ".join(f"{step};dur={1000 * seconds:.1f}" for step, seconds in total.items())
