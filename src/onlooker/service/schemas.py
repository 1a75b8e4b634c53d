"""What the API answers and takes, as JSON Schema (2020-12), with examples that are real answers."""

from typing import Any

from onlooker.core.demographics import AGE_CLASSES, CHILD_MAX, CLASS_SHARE, OLD_MIN
from onlooker.core.doubts import DOUBTS
from onlooker.service.problems import PREFIX, TYPES

Schema = dict[str, Any]


def thing(says: str, members: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """An object of exactly these members."""
    required = [name for name in members if name not in optional]
    return {
        "type": "object",
        "description": says,
        "properties": members,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _number(says: str, low: float | None = None, high: float | None = None) -> Schema:
    bounds = {"minimum": low, "maximum": high}
    return {"type": "number", "description": says, **{name: at for name, at in bounds.items() if at is not None}}


def _row(says: str, items: Schema, n: int) -> Schema:
    return {"type": "array", "description": says, "items": items, "minItems": n, "maxItems": n}


def _or_null(kind: str, says: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": says, **more}


JOB_ID: Schema = {
    "type": "string",
    "pattern": "^[0-9a-f]{32}$",
    "description": "128 random bits: whoever knows a job's id may read and delete it, so keep it to yourself.",
}

CONFIDENCE = _number("share of ages that intervals are to hold; where it is not sent, the model's own, 0.9", 0.5, 0.99)

POSE = thing(
    "Which way the face looks, in degrees.",
    {
        "yaw": _number("positive where it looks to the picture's right", -180, 180),
        "pitch": _number("positive where it looks up", -180, 180),
        "roll": _number("positive where the head is tilted clockwise", -180, 180),
    },
)

QUALITY = thing(
    "How well the face can be seen.",
    {
        "height": {"type": "integer", "minimum": 0, "description": "pixels of the box, on the original picture"},
        "brightness": {"type": "integer", "minimum": 0, "maximum": 100, "description": "0 black to 100 white"},
        "sharpness": {"type": "integer", "minimum": 0, "maximum": 100, "description": "0 none to 100"},
    },
)

FACE = thing(
    "One face: where it is, and what was read from it. Nobody is recognised.",
    {
        "box": _row(
            "left, top, right, bottom in pixels of the upright picture; may reach past its edge",
            {"type": "number"},
            4,
        ),
        "landmarks": _row(
            "x, y in pixels of, left to right, eye, eye, nose, mouth corner, mouth corner",
            {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            5,
        ),
        "score": _number("how sure the detector is that this is a face", 0, 1),
        "age": _number("the median, in years", 0, 120),
        "age_low": _number(
            "lower end of the interval that holds `confidence` of ages, where none was sent 0.9", 0, 120
        ),
        "age_high": _number("upper end of it", 0, 120),
        "p_female": _number("probability of the label female", 0, 1),
        "gender": {
            "enum": ["female", "male", None],
            "description": "a label, where the probability allows one and no doubt forbids it; null is undetermined",
        },
        "age_class": {
            "enum": list(AGE_CLASSES),
            "description": f"child to {CHILD_MAX} years, old from {OLD_MIN}; either where it is at least "
            f"{CLASS_SHARE:.0%} likely, so that it may differ from the class that `age` lies in",
        },
        "pose": POSE,
        "quality": QUALITY,
        "doubts": {
            "type": "array",
            "items": {"enum": list(DOUBTS)},
            "uniqueItems": True,
            "description": "reasons why age and gender are less certain than their figures say",
        },
    },
)

ANALYSIS = thing(
    "The answer for one picture: its faces, or one sentence on why it could not be read.",
    {
        "source": {"type": "string", "description": "the name that the picture was sent with, else `picture`"},
        "width": _or_null("integer", "pixels of the upright picture", minimum=1),
        "height": _or_null("integer", "pixels of the upright picture", minimum=1),
        "found": {"type": "integer", "minimum": 0, "description": "faces found; only the largest are read"},
        "faces": {"type": "array", "items": {"$ref": "#/components/schemas/Face"}},
        "error": _or_null("string", "why it could not be read; only beside other pictures, and in jobs"),
    },
)

JOB = thing(
    "A picture that waits for its answer, or has it.",
    {
        "id": JOB_ID,
        "status": {
            "enum": ["queued", "done", "failed"],
            "description": "failed: the picture cannot be read, or several tries did not answer it; `error` says which",
        },
        "created": {"type": "string", "format": "date-time"},
        "answered": _or_null("string", "when", format="date-time"),
        "expires": _or_null("string", "when the answer, and a picture that is kept, are deleted", format="date-time"),
        "error": _or_null("string", "one sentence on what failed"),
        "analysis": {"anyOf": [{"$ref": "#/components/schemas/Analysis"}, {"type": "null"}]},
        "picture": _or_null("string", "address of the picture that is kept, if it is"),
        "timings": {
            "type": "object",
            "additionalProperties": {"type": "number", "minimum": 0},
            "description": "seconds in the queue and of each step",
        },
    },
)

UPLOAD = thing(
    "A form by which a picture reaches the store itself: POST the fields, in order, then the file as `file`.",
    {
        "id": JOB_ID,
        "url": {"type": "string", "format": "uri-reference", "description": "where the form goes; may be relative"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
        "expires": {"type": "string", "format": "date-time", "description": "how long the form may be sent"},
    },
)

NEW_UPLOAD = thing(
    "What the picture is called, and whether it is to be kept.",
    {
        "name": {"type": "string", "default": "picture"},
        "options": thing(
            "What a client may ask of a job.",
            {
                "keep": {"type": "boolean", "default": False, "description": "keep the picture as long as its answer"},
                "confidence": {**CONFIDENCE, "type": ["number", "null"]},
            },
            optional=("keep", "confidence"),
        ),
    },
    optional=("name", "options"),
)

PICTURE_JSON = thing(
    "A picture within JSON.",
    {
        "image": {
            "type": "string",
            "contentEncoding": "base64",
            "minLength": 4,
            "description": "the picture's bytes in base64, or a data URL of them",
        },
        "name": {"type": "string", "default": "picture"},
    },
    optional=("name",),
)

START = thing("The upload whose form was sent.", {"upload": JOB_ID})

STATUS = thing("Whether the server runs.", {"status": {"const": "ok"}, "version": {"type": "string"}})

READINESS = thing(
    "Whether pictures can be answered, and if not, what is in the way.",
    {
        "status": {"enum": ["ready", "not ready"]},
        **{name: {"type": "string", "description": "ok, or one sentence"} for name in ("workers", "store", "queue")},
    },
)

PROBLEM = thing(
    "What went wrong (RFC 9457).",
    {
        "type": {"enum": [PREFIX + name for name in TYPES], "description": "never changes; tell problems apart by it"},
        "title": {"enum": list(dict.fromkeys(title for _, title in TYPES.values()))},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "minLength": 1, "description": "one sentence for people, with what to do"},
        "instance": {
            "type": "string",
            "pattern": "^urn:onlooker:request:[A-Za-z0-9._-]{8,64}$",
            "description": "the request's id, under which the server's log has it",
        },
    },
)

SCHEMAS: dict[str, Schema] = {
    "Analysis": ANALYSIS,
    "Face": FACE,
    "Job": JOB,
    "Upload": UPLOAD,
    "NewUpload": NEW_UPLOAD,
    "PictureJson": PICTURE_JSON,
    "Start": START,
    "Status": STATUS,
    "Readiness": READINESS,
    "Problem": PROBLEM,
}
"""Every schema by its name, the ones that answers are made of first."""

ANALYSIS_EXAMPLE: dict[str, Any] = {
    "source": "grace_hopper.jpg",
    "width": 512,
    "height": 600,
    "found": 1,
    "faces": [
        {
            "box": [172.9, 107.9, 356.0, 330.5],
            "landmarks": [[225.7, 192.6], [308.2, 191.2], [270.8, 238.2], [234.0, 272.3], [303.0, 270.9]],
            "score": 0.93,
            "age": 84.5,
            "age_low": 71.3,
            "age_high": 99.0,
            "p_female": 0.434,
            "gender": None,
            "age_class": "old",
            "pose": {"yaw": 5.3, "pitch": -2.3, "roll": -0.6},
            "quality": {"height": 223, "brightness": 56, "sharpness": 100},
            "doubts": [],
        }
    ],
    "error": None,
}
"""The answer to the sample ``grace_hopper.jpg``."""

QUEUED_EXAMPLE: dict[str, Any] = {
    "id": "b72938a2e86024451583748d7d747002",
    "status": "queued",
    "created": "2026-11-24T19:48:35.356308Z",
    "answered": None,
    "expires": None,
    "error": None,
    "analysis": None,
    "picture": None,
    "timings": {},
}

JOB_EXAMPLE: dict[str, Any] = {
    **QUEUED_EXAMPLE,
    "status": "done",
    "answered": "2026-11-24T19:48:35.434595Z",
    "expires": "2026-11-25T19:48:35.434595Z",
    "analysis": ANALYSIS_EXAMPLE,
    "picture": "/v1/jobs/b72938a2e86024451583748d7d747002/picture",
    "timings": {"queue": 0.0158, "decode": 0.002, "detect": 0.0514, "estimate": 0.0089},
}

UPLOAD_EXAMPLE: dict[str, Any] = {
    "id": "8b750f0b22295b8793b0b96c3875ee39",
    "url": "/v1/store",
    "fields": {
        "key": "in/8b750f0b22295b8793b0b96c3875ee39",
        "x-amz-meta-job": '{"name":"a.jpg","created":"2026-11-24T19:48:36.411266Z"}',
        "policy": "eyJrZXkiOiAiaW4vOGI3NTBmMGIyMjI5NWI4NzkzYjBiOTZjMzg3NWVlMzkifQ==",
        "signature": "b4e836f1c26a0ca5da82827829ff064ba188f4b1acad000e3e294aa656860eed",
    },
    "expires": "2026-11-24T20:03:36.411463+00:00",
}
"""A form of a folder's store, its policy shortened."""

PROBLEM_EXAMPLES: dict[str, str] = {
    "bad-request": "the body is empty; send the picture's bytes",
    "unauthorized": "send a key as `Authorization: Bearer KEY`",
    "forbidden": "the form has expired; ask for a new one",
    "not-found": "no such job: it was never there, was deleted, or has expired",
    "timeout": "no more came for 20 s; send the request again",
    "idempotency-conflict": "this Idempotency-Key was used for another picture, or with other options; take a new key",
    "too-large": "more than 25 MB; make the picture smaller first",
    "unsupported-media-type": "text/plain: send a picture's bytes (image/jpeg ...), a multipart form, or JSON",
    "unreadable-picture": "not a picture in a known format (JPEG, PNG, WebP, TIFF, BMP, GIF, PSD, HEIC, AVIF)",
    "too-many-requests": "more than 2 pictures a second from here; try again in 3 s",
    "internal": "something went wrong here; the server's log has it under ca1938e4e8b6bb89",
    "picture-stops-worker": "the picture stopped the worker that read it; try it in another format",
    "busy": "more pictures are waiting than can be answered soon; try again in 2 s",
    "storage": "the queue cannot be used (database is locked); check its disk and its rights",
    "storage-full": "the picture cannot be stored: the disk is full; make room",
}
"""The sentence of a problem of each type that an operation lists."""


def problem_example(kind: str) -> dict[str, Any]:
    """A problem as it is answered."""
    status, title = TYPES[kind]
    return {
        "type": PREFIX + kind,
        "title": title,
        "status": status,
        "detail": PROBLEM_EXAMPLES[kind],
        "instance": "urn:onlooker:request:ca1938e4e8b6bb89",
    }
