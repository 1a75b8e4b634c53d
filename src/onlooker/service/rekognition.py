"""``DetectFaces`` of Amazon Rekognition, for programs that were written for it: see ``docs/rekognition.md``.

The signs of the pose are ours as they are: in answers that were published with their landmarks, a face turned to the
picture's right, up, or tilted clockwise as seen has a positive yaw, pitch and roll there too.
"""

import asyncio
import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from onlooker.core.errors import InputError
from onlooker.service.buckets import TooLarge, read_object
from onlooker.service.pages import model_card
from onlooker.service.problems import Problem
from onlooker.service.readers import while_there
from onlooker.service.sigv4 import SignatureRefused, signer
from onlooker.service.site import Site
from onlooker.service.watch import problem_of

MAX_BYTES = 5 * 2**20
"""Of a picture in a request."""

MAX_OBJECT = 15 * 2**20
"""Of a picture in a bucket."""

MAX_BODY = 7_100_000
"""Of a request: the largest picture in base64, and what stands around it."""

MIN_SIDE = 80
"""Pixels of a picture's shorter side."""

MAX_FACES = 100

ATTRIBUTES = frozenset(
    {"DEFAULT", "ALL", "AGE_RANGE", "BEARD", "EMOTIONS", "EYE_DIRECTION", "EYEGLASSES", "EYES_OPEN", "GENDER"}
    | {"MOUTH_OPEN", "MUSTACHE", "FACE_OCCLUDED", "SMILE", "SUNGLASSES"}
)
"""What may be asked for. What is not measured here is left out of the answer."""

IDENTIFICATION = frozenset(
    {"AssociateFaces", "CompareFaces", "CreateCollection", "CreateUser", "DeleteCollection", "DeleteFaces"}
    | {"DeleteUser", "DescribeCollection", "DisassociateFaces", "GetCelebrityInfo", "GetCelebrityRecognition"}
    | {"GetFaceSearch", "IndexFaces", "ListCollections", "ListFaces", "ListUsers", "RecognizeCelebrities"}
    | {"SearchFaces", "SearchFacesByImage", "SearchUsers", "SearchUsersByImage", "StartCelebrityRecognition"}
    | {"StartFaceSearch"}
)
"""Operations that say who somebody is, or prepare for it."""

LANDMARKS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
"""In the order of ours; left and right are the picture's."""

_TARGET = "RekognitionService."
_FORMATS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_TOO_MANY_PIXELS = ("megapixels", "decompression bomb")
_NO_FORMAT = "not a picture in a known format"

_OF_PROBLEM = {
    "busy": "ProvisionedThroughputExceededException",
    "too-many-requests": "ThrottlingException",
    "too-large": "ImageTooLargeException",
    "timeout": "RequestTimeoutException",
    "unreadable-picture": "InvalidImageFormatException",
    "picture-stops-worker": "InvalidImageFormatException",  # a fault would be tried again, at another worker's cost
}
"""What a ``Problem`` is called here; any other is a fault of the server."""


class _S3Object(msgspec.Struct, rename="pascal"):
    bucket: str
    name: str
    version: str | None = None


class _Image(msgspec.Struct, rename="pascal"):
    data: bytes | None = msgspec.field(default=None, name="Bytes")
    s3_object: _S3Object | None = msgspec.field(default=None, name="S3Object")


class _Ask(msgspec.Struct, rename="pascal"):
    image: _Image
    attributes: list[str] | None = None


class _Refused(Exception):
    """An answer that is an error, by its name there."""

    def __init__(self, kind: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.headers = kind, message, dict(headers or {})

    @classmethod
    def of(cls, problem: Problem, most: int) -> "_Refused":
        """A problem in its own sentence, but for a body that is too large: what counts is its picture's ``most``."""
        kind, detail = _OF_PROBLEM.get(problem.kind, "InternalServerError"), problem.detail
        if problem.kind == "too-large":
            detail = f"a picture in a request has at most {most} bytes, and this one has more; make it smaller first"
        return cls(kind, detail, headers=problem.headers)

    @property
    def status(self) -> int:
        return 500 if self.kind == "InternalServerError" else 400


class Rekognition:
    """The endpoint ``POST /``. Every answer is Rekognition's JSON, errors too."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._most = min(MAX_BYTES, site.settings.limits.max_bytes)
        card = model_card(site)
        self._about = {"X-Onlooker-Model": card.name}
        if card.calibration:
            self._about["X-Onlooker-Age-Probability"] = f"{card.calibration.interval_probability:g}"

    async def call(self, request: Request) -> Response:
        """One call of a Rekognition client."""
        request_id, begun = request.state.request_id, time.perf_counter()
        try:
            # The body is read before anything is refused: a client that still sends would not see the answer.
            async with self.site.bodies.reading(request, MAX_BODY) as body:
                content = await self._detect(request, body)
            return _answer(content, 200, request_id, {**self._about, "X-Onlooker-Seconds": _since(begun)})
        except ClientDisconnect:
            raise
        except _Refused as error:
            refused = error
        except Exception as error:
            refused = _Refused.of(problem_of(error, request_id), self._most)
        content = {"__type": refused.kind, "Message": refused.message}
        return _answer(content, refused.status, request_id, refused.headers)

    async def _detect(self, request: Request, body: bytes) -> dict[str, Any]:
        self.site.charge(self._client(request, body), 1)
        _check_target(request.headers.get("x-amz-target", ""))
        ask = _decode(body)
        wanted = _wanted(ask.attributes)
        data = await self._data(ask.image)
        if not data.startswith(_FORMATS):
            raise _Refused("InvalidImageFormatException", "the picture is neither a PNG nor a JPEG; convert it first")
        answer = await while_there(request, self.site.reader.analyze(data, "picture"))
        analysis = answer.analysis
        faces, error = analysis["faces"], analysis["error"]
        request.state.faces = len(faces)
        self.site.metrics.picture(len(faces), answer.timings, error=error is not None)
        if error is not None:
            raise _unreadable(error)
        width, height = analysis["width"], analysis["height"]
        if min(width, height) < MIN_SIDE:
            raise _invalid(f"the picture has {width} x {height} pixels; at least {MIN_SIDE} a side are needed")
        largest = sorted(faces, key=_area, reverse=True)[:MAX_FACES]
        return {"FaceDetails": [face_detail(face, width, height, wanted) for face in largest]}

    def _client(self, request: Request, body: bytes) -> str:
        """Whose call this is, as the limits and the log know it."""
        client = request.client.host if request.client else "unknown"
        if self.site.settings.keys.required:
            try:
                client = f"key {signer(request, body, self.site.keys, datetime.now(UTC)).name}"
            except SignatureRefused as error:
                raise _Refused("AccessDeniedException", str(error)) from None
        request.state.client = client
        return client

    async def _data(self, image: _Image) -> bytes:
        """The picture's bytes, from the request or from where it says that they lie."""
        if (image.data is None) == (image.s3_object is None):
            raise _invalid("Image holds either Bytes or S3Object; give one of them")
        if image.data is not None:
            if not image.data:
                raise _invalid("Image.Bytes is empty; give the bytes of a PNG or JPEG")
            _check_size(len(image.data), self._most)
            return image.data
        asked = image.s3_object
        assert asked is not None
        if not asked.bucket or not asked.name:
            raise _invalid("an S3Object has a Bucket and a Name; give both")
        most = min(MAX_OBJECT, self.site.settings.limits.max_bytes)
        try:
            with self.site.bodies.holding(most):
                return await asyncio.to_thread(
                    read_object, self.site, asked.bucket, asked.name, asked.version, most=most
                )
        except TooLarge as error:
            _check_size(error.size, most)
            raise
        except InputError as error:
            raise _Refused("InvalidS3ObjectException", str(error)) from None


def face_detail(face: Mapping[str, Any], width: int, height: int, wanted: frozenset[str]) -> dict[str, Any]:
    """A face of an analysis as Rekognition writes it: lengths as shares of the picture's upright ``width`` and
    ``height`` in pixels, degrees, and percent."""
    x1, y1, x2, y2 = face["box"]
    pose, quality = face["pose"], face["quality"]
    detail: dict[str, Any] = {
        "BoundingBox": {
            "Width": _ratio(x2 - x1, width),
            "Height": _ratio(y2 - y1, height),
            "Left": _ratio(x1, width),
            "Top": _ratio(y1, height),
        },
        "Confidence": _percent(face["score"]),
        "Landmarks": [
            {"Type": name, "X": _ratio(x, width), "Y": _ratio(y, height)}
            for name, (x, y) in zip(LANDMARKS, face["landmarks"], strict=True)
        ],
        "Pose": {"Roll": pose["roll"], "Yaw": pose["yaw"], "Pitch": pose["pitch"]},
        "Quality": {"Brightness": quality["brightness"], "Sharpness": quality["sharpness"]},
    }
    if "AGE_RANGE" in wanted:
        # Outwards, so that the whole years hold the age at least as often as the interval does.
        detail["AgeRange"] = {"Low": math.floor(face["age_low"]), "High": math.ceil(face["age_high"])}
    if "GENDER" in wanted:
        # Also where we would say undetermined: the format has no such word, and programs expect the member where they
        # asked for it. Its confidence, near 50 there, says it.
        female = face["p_female"]
        value, confidence = ("Female", female) if female >= 0.5 else ("Male", 1 - female)
        detail["Gender"] = {"Value": value, "Confidence": _percent(confidence)}
    return detail


def _check_target(target: str) -> None:
    operation = target.removeprefix(_TARGET)
    if operation in IDENTIFICATION:
        raise _Refused(
            "AccessDeniedException", f"{operation} is not offered, by design: no face is ever recognised or compared"
        )
    if target != _TARGET + "DetectFaces":
        raise _Refused(
            "UnknownOperationException", f"{operation[:80] or 'a request without X-Amz-Target'}: call DetectFaces"
        )


def _decode(body: bytes) -> _Ask:
    try:
        return msgspec.json.decode(body, type=_Ask)
    except msgspec.ValidationError as error:
        raise _invalid(f"the request is not one of DetectFaces ({error})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused("SerializationException", f"the body is no JSON ({error}); send it as it was made") from None


def _wanted(attributes: list[str] | None) -> frozenset[str]:
    """The attributes that are asked for, ALL written out."""
    wanted = frozenset(attributes or ["DEFAULT"])
    if unknown := sorted(wanted - ATTRIBUTES):
        raise _invalid(f"Attributes holds {unknown[0][:80]!r}; known are {', '.join(sorted(ATTRIBUTES))}")
    return ATTRIBUTES if "ALL" in wanted else wanted


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise _Refused(
            "ImageTooLargeException", f"the picture has {size} bytes; at most {most} are taken, make it smaller first"
        )


def _unreadable(error: str) -> _Refused:
    if any(words in error for words in _TOO_MANY_PIXELS):
        return _Refused("ImageTooLargeException", error)
    if error.startswith(_NO_FORMAT):  # it goes on with formats that are not taken here
        error = "the picture begins as a PNG or JPEG does, and is damaged; export it again"
    return _Refused("InvalidImageFormatException", error)


def _invalid(message: str) -> _Refused:
    return _Refused("InvalidParameterException", message)


def _answer(content: Mapping[str, Any], status: int, request_id: str, headers: Mapping[str, str]) -> Response:
    named = {**headers, "x-amzn-RequestId": request_id}
    return Response(json.dumps(content), status, headers=named, media_type="application/x-amz-json-1.1")


def _area(face: Mapping[str, Any]) -> float:
    x1, y1, x2, y2 = face["box"]
    return float((x2 - x1) * (y2 - y1))


def _ratio(pixels: float, of: int) -> float:
    return round(pixels / of, 6)


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _since(begun: float) -> str:
    return f"{time.perf_counter() - begun:.4f}"
