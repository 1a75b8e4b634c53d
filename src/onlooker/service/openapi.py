"""The API's description (OpenAPI 3.1): every operation, what it takes, and everything it may answer."""

from collections.abc import Iterable
from typing import Any

from onlooker import __version__
from onlooker.jobs.folder import ROUTE, FolderStore
from onlooker.service.problems import TYPES
from onlooker.service.schemas import (
    ANALYSIS_EXAMPLE,
    CONFIDENCE,
    JOB_EXAMPLE,
    JOB_ID,
    QUEUED_EXAMPLE,
    SCHEMAS,
    UPLOAD_EXAMPLE,
    Schema,
    problem_example,
)
from onlooker.service.site import Site

Operation = dict[str, Any]

GROUPS = {
    "Pictures": "Send a picture, get its faces at once. Nothing of it is stored.",
    "Jobs": "Send a picture, get its answer later. The picture is deleted as soon as it is answered, the answer some "
    "hours later.",
    "Store": "Where forms go when the store is a folder of the server; with S3 they go to the bucket.",
    "Watching": "For load balancers and Prometheus.",
}
"""The groups of operations, in the order they are shown in."""

_ABOUT = """\
Age and gender of every face in a picture, each with how sure it is. Nobody is recognised, compared or remembered.

**Keys.** Where the server asks for one, send `Authorization: Bearer KEY` or `X-API-Key: KEY`.

**Problems** are `application/problem+json` (RFC 9457): a `type` that never changes, and a sentence in `detail`.
`429` and `503` carry `Retry-After`.

**Ids.** A job's id is 128 random bits, and the only thing needed to read or delete the job: keep it to yourself.

**Repeating.** A request with an `Idempotency-Key` may be sent again after a lost connection: the same job is answered.

Every answer carries `X-Request-Id`; send your own (8 to 64 of `A-Z a-z 0-9 . _ -`) and it is taken up.
"""

_REKOGNITION = """
**Rekognition.** `POST /` takes the DetectFaces call of Amazon's AWS SDKs: set the client's endpoint to this server.
"""

_ALWAYS = ("internal",)
_KEYED = ("unauthorized", *_ALWAYS)
_STORED = ("storage", "storage-full")
_SENT = ("bad-request", "timeout", "too-large", "busy")


def description(site: Site) -> dict[str, Any]:
    """The description of the API as this server has it."""
    keys: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
    about = _ABOUT + (_REKOGNITION if site.settings.rekognition.enabled else "")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Onlooker",
            "version": __version__,
            "summary": "Age and gender of every face in a picture, with honest uncertainty",
            "description": about,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": keys if site.settings.keys.required else [{}, *keys],
        "tags": [{"name": name, "description": says} for name, says in _groups(site).items()],
        "paths": _paths(site),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "a key of `onlooker keys add`"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key"},
            },
            "headers": _HEADERS,
        },
    }


def _groups(site: Site) -> dict[str, str]:
    folder = isinstance(site.jobs.store, FolderStore)
    return {name: says for name, says in GROUPS.items() if folder or name != "Store"}


def _paths(site: Site) -> dict[str, dict[str, Any]]:
    limits = site.settings.limits
    paths: dict[str, dict[str, Any]] = {
        "/v1/analyze": {"post": _analyze(limits.max_bytes, limits.max_pictures)},
        "/v1/jobs": {"post": _new_job(limits.max_bytes)},
        "/v1/jobs/{id}": {"parameters": [_ID], "get": _job(), "delete": _delete()},
        "/v1/jobs/{id}/events": {"parameters": [_ID], "get": _events()},
        "/v1/jobs/{id}/picture": {"parameters": [_ID], "get": _picture()},
        "/v1/uploads": {"post": _new_upload()},
    }
    if isinstance(site.jobs.store, FolderStore):
        paths[ROUTE] = {"post": _store_form()}
        paths[ROUTE + "/{key}"] = {"get": _stored()}
    return {
        **paths,
        "/healthz": {"get": _watching("healthz", "Whether the server runs", _json("Status", _STATUS_EXAMPLE))},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _watching("metrics", "Everything counted, for Prometheus", _text("text/plain"))},
    }


def _analyze(max_bytes: int, most: int) -> Operation:
    one_or_more = {
        "oneOf": [_ref("Analysis"), {"type": "array", "minItems": 2, "maxItems": most, "items": _ref("Analysis")}]
    }
    answer = _answer("The picture's analysis; for several pictures a list, in order.", "Server-Timing")
    answer["content"] = {"application/json": {"schema": one_or_more, "example": ANALYSIS_EXAMPLE}}
    return _operation(
        "Pictures",
        "analyze",
        "The faces of a picture, at once",
        f"A picture has at most {max_bytes / 1e6:.0f} MB, a request at most {most} pictures and the same bytes in all. "
        "It is read in memory, and nothing of it is stored. The seconds of each step are in `Server-Timing`.",
        {"200": answer},
        (*_SENT, "unsupported-media-type", "unreadable-picture", "too-many-requests", "picture-stops-worker", *_STORED),
        parameters=[_NAME, _CONFIDENCE],
        requestBody=_picture_body(several=True),
    )


def _new_job(max_bytes: int) -> Operation:
    answer = _answer("The job; its answer is at `Location`.", "Location")
    answer["content"] = {"application/json": {"schema": _ref("Job"), "example": QUEUED_EXAMPLE}}
    keep = _query("keep", "keep the picture, upright and without its EXIF, as long as its answer")
    keep["schema"] = {"type": "boolean", "default": False}
    again = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "a request sent again with the same key, picture and options is answered with the same job",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }
    body = _picture_body(several=False)
    body["content"]["application/json"]["schema"] = {"oneOf": [_ref("PictureJson"), _ref("Start")]}
    return _operation(
        "Jobs",
        "newJob",
        "Send a picture, to be answered later",
        f"At most {max_bytes / 1e6:.0f} MB. A picture that was sent by a form is set going by `upload`, the id "
        "that came with the form.",
        {"202": answer},
        (
            *_SENT,
            "not-found",
            "idempotency-conflict",
            "unsupported-media-type",
            "too-many-requests",
            *_STORED,
        ),
        parameters=[_NAME, _CONFIDENCE, keep, again],
        requestBody=body,
    )


def _job() -> Operation:
    return _operation(
        "Jobs",
        "job",
        "What became of a job",
        "Ask again while it is `queued`, or follow its events.",
        {"200": _json("Job", JOB_EXAMPLE)},
        ("not-found", "storage"),
    )


def _delete() -> Operation:
    return _operation(
        "Jobs",
        "deleteJob",
        "Delete a job's picture and answer, now",
        "Also while it is worked on: then nothing of it is kept.",
        {"204": _answer("They are deleted.")},
        ("not-found", "storage"),
    )


def _events() -> Operation:
    event: Schema = {
        "type": "object",
        "description": "one event",
        "properties": {"event": {"enum": ["job", "gone", "problem"]}, "data": {"type": "string"}},
        "required": ["event", "data"],
    }
    answer = _answer("Events; the data of each is JSON.")
    answer["content"] = {"text/event-stream": {"schema": event}}
    return _operation(
        "Jobs",
        "jobEvents",
        "A job's changes, as they happen",
        "Server-sent events: `job` with the job at each change, until it is answered; `gone` where it was deleted; "
        "`problem` where the store fails. The stream ends after the last.",
        {"200": answer},
        ("not-found", "storage"),
    )


def _picture() -> Operation:
    answer = _answer("The picture as JPEG, upright and without its EXIF.")
    answer["content"] = {"image/jpeg": {"schema": {}}}
    return _operation(
        "Jobs",
        "jobPicture",
        "The picture that a job kept",
        "Only of a job that was sent with `keep`, and as long as its answer.",
        {"200": answer},
        ("not-found", "storage"),
    )


def _new_upload() -> Operation:
    return _operation(
        "Jobs",
        "newUpload",
        "A form by which a picture goes straight to the store",
        "For large pictures and S3: the bytes do not pass through this server. Send the form, then `POST /v1/jobs` "
        "with the id as `upload`.",
        {"201": _json("Upload", UPLOAD_EXAMPLE)},
        (*_SENT, "too-many-requests", "storage"),
        requestBody={
            "content": {
                "application/json": {
                    "schema": _ref("NewUpload"),
                    "example": {"name": "a.jpg", "options": {"keep": True}},
                }
            }
        },
    )


def _store_form() -> Operation:
    fields: Schema = {
        "type": "object",
        "properties": {
            "key": {"type": "string"},
            "policy": {"type": "string"},
            "signature": {"type": "string"},
            "file": _BYTES,
        },
        "required": ["key", "policy", "signature", "file"],
        "additionalProperties": {"type": "string"},
    }
    return _operation(
        "Store",
        "storeForm",
        "Send a form",
        "The fields that `POST /v1/uploads` gave, unchanged, then the picture as `file`. The form is signed, so no key "
        "is needed.",
        {"204": _answer("The picture is stored.")},
        (*_SENT, "forbidden", "unsupported-media-type", *_STORED),
        keyed=False,
        requestBody={"required": True, "content": {"multipart/form-data": {"schema": fields}}},
    )


def _stored() -> Operation:
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    answer = _answer("Its bytes, to be saved rather than shown.", "Content-Disposition")
    answer["content"] = {"*/*": {"schema": {}}}
    return _operation(
        "Store",
        "stored",
        "An object, by an address that the store signed",
        "Such addresses end some minutes after they were made.",
        {"200": answer},
        ("forbidden", "not-found", "storage"),
        keyed=False,
        parameters=[key, _query("until", "when the address ends"), _query("signature", "what proves it")],
    )


def _readyz() -> Operation:
    ready = {"status": "ready", "workers": "ok", "store": "ok", "queue": "ok"}
    waiting = {**ready, "status": "not ready", "workers": "no worker process is ready; wait, or see the log"}
    operation = _watching("readyz", "Whether pictures can be answered", _json("Readiness", ready))
    operation["responses"]["503"] = _json("Readiness", waiting, "Not now.", "Retry-After")
    return operation


def _watching(name: str, summary: str, answer: Operation) -> Operation:
    return _operation("Watching", name, summary, "", {"200": answer}, (), keyed=False)


def _operation(
    group: str,
    name: str,
    summary: str,
    says: str,
    answers: dict[str, Any],
    problems: Iterable[str],
    *,
    keyed: bool = True,
    **more: Any,
) -> Operation:
    """An operation with its answers and, by status, its problems."""
    problems = [*problems, *(_KEYED if keyed else _ALWAYS)]
    operation: Operation = {"tags": [group], "operationId": name, "summary": summary, "description": says, **more}
    by_status: dict[str, list[str]] = {}
    for kind in sorted(problems, key=lambda kind: TYPES[kind][0]):
        by_status.setdefault(str(TYPES[kind][0]), []).append(kind)
    operation["responses"] = {**answers, **{status: _problem(kinds) for status, kinds in by_status.items()}}
    if not keyed:
        operation["security"] = []
    return operation


def _problem(kinds: list[str]) -> Operation:
    headers = ["Retry-After"] if TYPES[kinds[0]][0] in (429, 503) else []
    answer = _answer("; or: ".join(TYPES[kind][1] for kind in kinds) + ".", *headers)
    examples = {kind: {"value": problem_example(kind)} for kind in kinds}
    answer["content"] = {"application/problem+json": {"schema": _ref("Problem"), "examples": examples}}
    return answer


def _answer(says: str, *headers: str) -> Operation:
    named = ("X-Request-Id", *headers)
    return {"description": says, "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in named}}


def _json(schema: str, example: Any, says: str = "", *headers: str) -> Operation:
    answer = _answer(says or SCHEMAS[schema]["description"], *headers)
    return {**answer, "content": {"application/json": {"schema": _ref(schema), "example": example}}}


def _text(kind: str) -> Operation:
    return {**_answer("As text."), "content": {kind: {"schema": {"type": "string"}}}}


def _picture_body(*, several: bool) -> Operation:
    form = {
        "type": "object",
        "properties": {"file": {"type": "array", "minItems": 1, "items": _BYTES} if several else _BYTES},
        "required": ["file"],
    }
    image = {"image": "/9j/4AAQSkZJRgABAQEASABIAAD/2Q==", "name": "a.jpg"}
    return {
        "required": True,
        "description": "A picture's bytes; or a form with it as a file; or JSON with it in base64.",
        "content": {
            "image/*": {"schema": _BYTES},
            "application/octet-stream": {"schema": _BYTES},
            "multipart/form-data": {"schema": form},
            "application/json": {"schema": _ref("PictureJson"), "example": image},
        },
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _query(name: str, says: str) -> Operation:
    return {"name": name, "in": "query", "description": says, "schema": {"type": "string"}}


_BYTES: Schema = {"type": "string", "format": "binary"}

_ID: Operation = {"name": "id", "in": "path", "required": True, "schema": JOB_ID}

_NAME = _query("name", "what a picture sent as bytes is reported as")

_CONFIDENCE = {"name": "confidence", "in": "query", "description": CONFIDENCE["description"], "schema": CONFIDENCE}

_STATUS_EXAMPLE = {"status": "ok", "version": __version__}


def _header(says: str, **schema: Any) -> Operation:
    return {"description": says, "schema": schema}


_HEADERS: dict[str, Operation] = {
    "X-Request-Id": {**_header("the request's id in the server's log", type="string"), "required": True},
    "Retry-After": {**_header("seconds after which to try again", type="integer", minimum=1), "required": True},
    "Location": {**_header("where the job is", type="string", format="uri-reference"), "required": True},
    "Server-Timing": {**_header("milliseconds of each step (W3C Server Timing)", type="string"), "required": True},
    "Content-Disposition": {**_header("attachment", const="attachment"), "required": True},
}
