"""``DetectFaces`` through Amazon's own client, which is told another address and nothing else."""

import hashlib
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import uvicorn
from PIL import Image

from onlooker.core.errors import PictureError
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import Jobs
from onlooker.jobs.objects import open_store
from onlooker.jobs.pool import Answer, Busy, WorkerLost
from onlooker.jobs.queues import open_queue
from onlooker.media.images import Picture
from onlooker.service import rekognition
from onlooker.service.app import create_app
from onlooker.service.buckets import allowed_buckets
from onlooker.service.security import KeyFile
from onlooker.service.site import Site
from onlooker.settings import Keys, Limits, Rekognition, Serve, Settings
from tests.jobs import servers
from tests.service.conftest import Server, start_server

boto3 = pytest.importorskip("boto3", reason="the package boto3 is not installed")
botocore_auth = pytest.importorskip("botocore.auth")

from botocore.awsrequest import AWSRequest  # noqa: E402 (after the skip)
from botocore.config import Config  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

DEFAULTS = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in servers.FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in servers.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def hopper(samples: Path) -> bytes:
    return (samples / "grace_hopper.jpg").read_bytes()


@contextmanager
def client(url: str | None = None, *, attempts: int | None = 1, mode: str = "legacy", **more: Any) -> Iterator[Any]:
    """Rekognition's client; ``attempts`` in all, None for its own default."""
    retries: dict[str, Any] = {"mode": mode}
    if attempts is not None:
        retries["total_max_attempts"] = attempts
    made = boto3.session.Session().client("rekognition", endpoint_url=url, config=Config(retries=retries), **more)
    try:
        yield made
    finally:
        made.close()


def detect(url: str, data: bytes, *attributes: str) -> list[dict[str, Any]]:
    with client(url) as made:
        faces: list[dict[str, Any]] = made.detect_faces(Image={"Bytes": data}, Attributes=list(attributes))[
            "FaceDetails"
        ]
    return faces


def refusal(call: Callable[[], Any]) -> tuple[str, str, dict[str, Any]]:
    """The name, the message and the metadata of the error that a call of the client ends with."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    metadata = answer["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == (500 if answer["Error"]["Code"] == "InternalServerError" else 400)
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-request-id"]
    return answer["Error"]["Code"], answer["Error"]["Message"], metadata


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """What a client of no library gets for a body, with DetectFaces as its target unless told otherwise."""
    named = {"X-Amz-Target": "RekognitionService.DetectFaces", "Content-Type": "application/x-amz-json-1.1"}
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request("POST", "/", body, {**named, **{k.replace("_", "-"): v for k, v in headers.items()}})
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
        assert answer.headers["x-amzn-RequestId"]
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# A real server, which reads real pictures.


def test_a_client_pointed_here_gets_what_the_api_says_in_its_own_words(server: Server, hopper: bytes) -> None:
    with client(server.url) as made:
        answer = made.detect_faces(Image={"Bytes": hopper})
    with urlopen(Request(f"{server.url}/v1/analyze", hopper, {"Content-Type": "image/jpeg"})) as reply:
        ours = json.load(reply)
    (face,), (own,) = answer["FaceDetails"], ours["faces"]
    assert set(face) == DEFAULTS
    assert "OrientationCorrection" not in answer
    box, width, height = face["BoundingBox"], ours["width"], ours["height"]
    corners = [box["Left"] * width, box["Top"] * height]
    corners += [(box["Left"] + box["Width"]) * width, (box["Top"] + box["Height"]) * height]
    assert corners == pytest.approx(own["box"], abs=0.01)
    points = {mark["Type"]: (mark["X"] * width, mark["Y"] * height) for mark in face["Landmarks"]}
    assert list(points) == ["eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"]
    assert [list(point) for point in points.values()] == [pytest.approx(mark, abs=0.01) for mark in own["landmarks"]]
    assert points["eyeLeft"][0] < points["nose"][0] < points["eyeRight"][0]
    assert points["eyeLeft"][1] < points["nose"][1] < points["mouthLeft"][1]
    assert face["Pose"] == {name.capitalize(): angle for name, angle in own["pose"].items()}
    assert face["Quality"] == {name.capitalize(): own["quality"][name] for name in ("brightness", "sharpness")}
    assert face["Confidence"] == pytest.approx(100 * own["score"], abs=0.05)
    said = answer["ResponseMetadata"]["HTTPHeaders"]
    assert said["x-onlooker-model"] == "face_v1"
    assert 0.5 < float(said["x-onlooker-age-probability"]) < 1
    assert float(said["x-onlooker-seconds"]) > 0
    assert answer["ResponseMetadata"]["RequestId"] == said["x-amzn-requestid"]


def test_a_program_need_not_be_changed_at_all(server: Server, hopper: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", server.url)
    with client() as made:
        assert len(made.detect_faces(Image={"Bytes": hopper}, Attributes=["ALL"])["FaceDetails"]) == 1


@pytest.mark.parametrize(
    ("attributes", "more"),
    [
        (["DEFAULT"], set()),
        (["ALL"], {"AgeRange", "Gender"}),
        (["DEFAULT", "ALL"], {"AgeRange", "Gender"}),
        (["AGE_RANGE"], {"AgeRange"}),
        (["GENDER", "DEFAULT"], {"Gender"}),
        (["SMILE", "BEARD", "EMOTIONS", "FACE_OCCLUDED", "EYE_DIRECTION"], set()),
    ],
)
def test_what_is_measured_is_answered_and_the_rest_left_out(
    server: Server, hopper: bytes, attributes: list[str], more: set[str]
) -> None:
    (face,) = detect(server.url, hopper, *attributes)
    assert set(face) == DEFAULTS | more
    if "AgeRange" in more:
        assert 0 < face["AgeRange"]["Low"] < face["AgeRange"]["High"] < 120
    if "Gender" in more:
        assert face["Gender"]["Value"] in ("Male", "Female")
        assert 50 <= face["Gender"]["Confidence"] <= 100


def test_several_faces_come_largest_first(server: Server, samples: Path) -> None:
    faces = detect(server.url, (samples / "group.jpg").read_bytes())
    areas = [face["BoundingBox"]["Width"] * face["BoundingBox"]["Height"] for face in faces]
    assert len(areas) > 2
    assert areas == sorted(areas, reverse=True)


def test_a_png_is_taken(server: Server, samples: Path) -> None:
    assert len(detect(server.url, (samples / "eileen_collins.png").read_bytes())) == 1


def test_a_picture_without_faces_is_no_error(server: Server) -> None:
    assert detect(server.url, encoded(Image.new("RGB", (200, 100), "grey"))) == []


@pytest.mark.parametrize(("orientation", "turn"), [(6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)])
def test_boxes_are_those_of_the_turned_picture(
    server: Server, hopper: bytes, orientation: int, turn: Image.Transpose
) -> None:
    upright = Image.open(BytesIO(hopper)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    (turned,) = detect(server.url, encoded(upright.transpose(turn), "JPEG", quality=95, exif=exif))
    (plain,) = detect(server.url, hopper)
    for name, share in plain["BoundingBox"].items():
        assert turned["BoundingBox"][name] == pytest.approx(share, abs=0.02)
    assert turned["Pose"]["Roll"] == pytest.approx(plain["Pose"]["Roll"], abs=3)


def test_the_roll_is_positive_clockwise_as_in_published_answers(server: Server, hopper: bytes) -> None:
    upright = Image.open(BytesIO(hopper)).convert("RGB")
    (plain,) = detect(server.url, hopper)
    (tilted,) = detect(server.url, encoded(upright.rotate(-20, Image.Resampling.BICUBIC, expand=True)))
    assert tilted["Pose"]["Roll"] - plain["Pose"]["Roll"] == pytest.approx(20, abs=3)
    eyes = {mark["Type"]: mark for mark in tilted["Landmarks"]}
    assert eyes["eyeLeft"]["Y"] < eyes["eyeRight"]["Y"]


def test_objects_of_the_local_store_are_read_by_its_name(server: Server, hopper: bytes) -> None:
    store = FolderStore(server.folder / "pictures")
    store.put("till 3/front.jpg", hopper)
    store.put("large.jpg", hopper + bytes(rekognition.MAX_OBJECT + 1 - len(hopper)))
    with client(server.url) as made:

        def read(bucket: str, name: str, **more: str) -> Any:
            return made.detect_faces(Image={"S3Object": {"Bucket": bucket, "Name": name, **more}})["FaceDetails"]

        assert len(read("onlooker", "till 3/front.jpg")) == 1
        for bucket, name, more, says in [
            ("onlooker", "nothing.jpg", {}, "no object 'nothing.jpg'"),
            ("onlooker", "../secret", {}, "no object"),
            ("onlooker", "till 3/front.jpg", {"Version": "1"}, "no versions"),
            ("elsewhere", "till 3/front.jpg", {}, "rekognition.buckets"),
        ]:
            kind, message, _ = refusal(lambda b=bucket, n=name, m=more: read(b, n, **m))  # type: ignore[misc]
            assert (kind, says in message) == ("InvalidS3ObjectException", True), message
        assert refusal(lambda: read("onlooker", "large.jpg"))[0] == "ImageTooLargeException"


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with servers.seaweed(tmp_path_factory.mktemp("seaweed")) as running:
        yield running


def test_objects_of_buckets_that_are_named_are_read(
    seaweed: servers.Server, tmp_path: Path, hopper: bytes, detector: None
) -> None:
    del detector
    s3 = servers.client("s3", seaweed)
    for name in ("shop", "private"):
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="front.jpg", Body=hopper)
    s3.put_object(Bucket="shop", Key="large.jpg", Body=bytes(rekognition.MAX_OBJECT + 1))
    s3.put_bucket_versioning(Bucket="shop", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="shop", Key="twice.jpg", Body=hopper)["VersionId"]
    s3.put_object(Bucket="shop", Key="twice.jpg", Body=encoded(Image.new("RGB", (90, 90))))
    s3.close()
    environment = {"AWS_ENDPOINT_URL_S3": seaweed.endpoint, "ONLOOKER_REKOGNITION_BUCKETS": "shop, gone"}
    running = start_server(tmp_path, environment=environment)
    try:
        with client(running.url) as made:

            def read(bucket: str, name: str, **more: str) -> Any:
                return made.detect_faces(Image={"S3Object": {"Bucket": bucket, "Name": name, **more}})["FaceDetails"]

            assert len(read("shop", "front.jpg")) == 1
            assert len(read("shop", "twice.jpg", Version=first)) == 1
            assert read("shop", "twice.jpg") == []
            assert refusal(lambda: read("shop", "large.jpg"))[0] == "ImageTooLargeException"
            for bucket, name in [("shop", "nothing.jpg"), ("gone", "front.jpg"), ("private", "front.jpg")]:
                kind, message, _ = refusal(lambda b=bucket, n=name: read(b, n))  # type: ignore[misc]
                assert (kind, bucket in message) == ("InvalidS3ObjectException", True), message
    finally:
        running.stop()
        assert running.process.stdout is not None
        running.process.stdout.close()


def test_pictures_that_cannot_be_read_are_named(server: Server, hopper: bytes) -> None:
    gif = encoded(Image.new("RGB", (90, 90)), "GIF")
    for data in (b"no picture", gif, hopper[:700], b"\x89PNG\r\n\x1a\n"):
        with client(server.url) as made:
            kind, message, _ = refusal(lambda c=made, d=data: c.detect_faces(Image={"Bytes": d}))  # type: ignore[misc]
        assert (kind, len(message) > 20) == ("InvalidImageFormatException", True)


def test_requests_that_do_not_fit_are_named(server: Server, hopper: bytes) -> None:
    small = encoded(Image.new("RGB", (79, 400)))
    with client(server.url) as made:
        for image, attributes, says in [
            ({"Bytes": b""}, [], "empty"),
            ({"Bytes": hopper, "S3Object": {"Bucket": "onlooker", "Name": "a"}}, [], "one of them"),
            ({}, [], "one of them"),
            ({"S3Object": {"Bucket": "onlooker"}}, [], "Name"),
            ({"S3Object": {"Name": "front.jpg"}}, [], "Bucket"),
            ({"Bytes": hopper}, ["HAPPINESS"], "'HAPPINESS'"),
            ({"Bytes": hopper}, ["ALL", "all"], "'all'"),
            ({"Bytes": small}, [], "79 x 400"),
        ]:
            kind, message, _ = refusal(
                lambda i=image, a=attributes: made.detect_faces(Image=i, Attributes=a)  # type: ignore[misc]
            )
            assert (kind, says in message) == ("InvalidParameterException", True), message


def test_pictures_of_exactly_80_pixels_are_taken(server: Server) -> None:
    assert detect(server.url, encoded(Image.new("RGB", (80, 80)))) == []


def test_pictures_over_the_limits_are_named_and_not_sent_again(server: Server, hopper: bytes) -> None:
    full = hopper + bytes(rekognition.MAX_BYTES - len(hopper))
    assert len(detect(server.url, full)) == 1
    for data in (full + b"\0", bytes(8_000_000)):
        with client(server.url, attempts=None) as made:
            kind, _, metadata = refusal(lambda c=made, d=data: c.detect_faces(Image={"Bytes": d}))  # type: ignore[misc]
        assert (kind, metadata["RetryAttempts"]) == ("ImageTooLargeException", 0)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"no JSON", "SerializationException"),
        (b"", "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
        (b'{"Image": {"Bytes": "AAAA"}', "SerializationException"),
        (b"[]", "InvalidParameterException"),
        (b"{}", "InvalidParameterException"),
        (b'{"Image": {"Bytes": "no base64!"}}', "InvalidParameterException"),
        (b'{"Image": {"Bytes": 7}}', "InvalidParameterException"),
        (b'{"Image": {"Bytes": "AAAA"}, "Attributes": "ALL"}', "InvalidParameterException"),
        (b"[" * 100_000, "InvalidParameterException"),
        (b'{"More": ' + b"[" * 100_000, "SerializationException"),
    ],
)
def test_bodies_that_no_client_sends_are_answered_in_its_language(server: Server, body: bytes, kind: str) -> None:
    status, answer = post(server.url, body)
    assert (status, answer["__type"]) == (400, kind)
    assert answer["Message"]


def test_nobody_is_identified(server: Server, hopper: bytes) -> None:
    image = {"Bytes": hopper}
    with client(server.url) as made:
        for call in [
            lambda: made.compare_faces(SourceImage=image, TargetImage=image),
            lambda: made.create_collection(CollectionId="people"),
            lambda: made.index_faces(CollectionId="people", Image=image),
            lambda: made.search_faces(CollectionId="people", FaceId="0" * 8 + "-0000" * 3 + "-" + "0" * 12),
            lambda: made.search_faces_by_image(CollectionId="people", Image=image),
            lambda: made.recognize_celebrities(Image=image),
        ]:
            kind, message, _ = refusal(call)
            assert (kind, "by design" in message) == ("AccessDeniedException", True)


def test_every_other_operation_of_the_service_is_refused(server: Server) -> None:
    with client(server.url) as made:
        operations = set(made.meta.service_model.operation_names)
        known = set(made.meta.service_model.shape_for("Attribute").enum)
    assert known == rekognition.ATTRIBUTES
    assert operations > rekognition.IDENTIFICATION
    for operation in [*operations - {"DetectFaces"}, "NoSuch", "detectfaces", ""]:
        status, answer = post(server.url, b"{}", X_Amz_Target=f"RekognitionService.{operation}")
        wanted = "AccessDenied" if operation in rekognition.IDENTIFICATION else "UnknownOperation"
        assert (status, answer["__type"]) == (400, f"{wanted}Exception"), operation
    for target in ("DetectFaces", "DynamoDB_20120810.DetectFaces", "RekognitionService.DetectFaces.CompareFaces"):
        assert post(server.url, b"{}", X_Amz_Target=target)[1]["__type"] == "UnknownOperationException"


# A server within the test, whose reader answers what it is told.


def face(**values: Any) -> dict[str, Any]:
    plain = {
        "box": [10.0, 20.0, 60.0, 80.0],
        "landmarks": [[25.0, 40.0], [45.0, 40.0], [35.0, 55.0], [27.0, 65.0], [43.0, 65.0]],
        "score": 0.987,
        "age": 34.5,
        "age_low": 27.7,
        "age_high": 41.2,
        "p_female": 0.912,
        "gender": "female",
        "pose": {"yaw": -12.5, "pitch": 3.0, "roll": 7.5},
        "quality": {"height": 60, "brightness": 55, "sharpness": 71},
        "doubts": [],
    }
    return {**plain, **values}


class Scripted:
    """A reader that gives, one after the other, what it was made with; the last again and again."""

    ready, held = 1, 0

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.calls = 0

    async def analyze(self, data: bytes, name: str) -> Answer:
        del data, name
        self.calls += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        faces, error = (answer, None) if isinstance(answer, list) else ([], answer)
        analysis = {"source": "picture", "width": 200, "height": 100, "found": len(faces), "faces": faces}
        return Answer({**analysis, "error": error}, {"queue": 0.001, "decode": 0.002})


@contextmanager
def scripted(folder: Path, *answers: Any, **tables: Any) -> Iterator[tuple[str, Scripted, Site]]:
    """A server's address, its reader and its site."""
    serve = Serve(store=(folder / "pictures").as_uri(), queue=f"sqlite://{folder}/tasks.sqlite")
    settings = Settings(serve=serve, **tables)
    reader = Scripted(*(answers or ([face()],)))
    site = Site.of(settings, Jobs(open_store(settings.store), open_queue(settings.queue)), reader)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(uvicorn.Config(create_app(site), log_config=None, lifespan="off"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", reader, site
        finally:
            running.should_exit = True
            thread.join()


@pytest.fixture
def picture() -> bytes:
    return encoded(Image.new("RGB", (200, 100)))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's pauses between attempts are none: their length is a share of what `random` gives."""
    monkeypatch.setattr("random.random", lambda: 0.0)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


def test_every_figure_is_made_from_ours(tmp_path: Path, picture: bytes) -> None:
    with scripted(tmp_path) as (url, _, _):
        (answer,) = detect(url, picture, "ALL")
    assert answer == {
        "BoundingBox": {"Left": 0.05, "Top": 0.2, "Width": 0.25, "Height": 0.6},
        "AgeRange": {"Low": 27, "High": 42},
        "Gender": {"Value": "Female", "Confidence": 91.2},
        "Landmarks": [
            {"Type": "eyeLeft", "X": 0.125, "Y": 0.4},
            {"Type": "eyeRight", "X": 0.225, "Y": 0.4},
            {"Type": "nose", "X": 0.175, "Y": 0.55},
            {"Type": "mouthLeft", "X": 0.135, "Y": 0.65},
            {"Type": "mouthRight", "X": 0.215, "Y": 0.65},
        ],
        "Pose": {"Roll": 7.5, "Yaw": -12.5, "Pitch": 3.0},
        "Quality": {"Brightness": 55, "Sharpness": 71},
        "Confidence": 98.7,
    }


@pytest.mark.parametrize(
    ("p_female", "gender"),
    [
        (0.549, {"Value": "Female", "Confidence": 54.9}),
        (0.451, {"Value": "Male", "Confidence": 54.9}),
        (0.0, {"Value": "Male", "Confidence": 100.0}),
    ],
)
def test_a_gender_we_leave_open_is_named_with_what_little_is_known(
    tmp_path: Path, picture: bytes, p_female: float, gender: dict[str, Any]
) -> None:
    with scripted(tmp_path, [face(p_female=p_female, gender=None)]) as (url, _, _):
        assert detect(url, picture, "GENDER")[0]["Gender"] == gender


def test_of_very_many_faces_the_hundred_largest_come(tmp_path: Path, picture: bytes) -> None:
    faces = [face(box=[0.0, 0.0, 1.0 + n % 120, 10.0]) for n in range(7, 127)]
    with scripted(tmp_path, faces) as (url, _, _):
        widths = [round(200 * found["BoundingBox"]["Width"]) for found in detect(url, picture)]
    assert widths == list(range(120, 20, -1))


def test_too_many_pixels_are_too_large(tmp_path: Path, picture: bytes) -> None:
    with pytest.raises(PictureError) as said:
        Picture.open(picture, max_pixels=10)
    with scripted(tmp_path, str(said.value)) as (url, _, _), client(url) as made:
        kind, message, _ = refusal(lambda: made.detect_faces(Image={"Bytes": picture}))
    assert (kind, message) == ("ImageTooLargeException", str(said.value))


@pytest.mark.parametrize(("mode", "attempts"), [("legacy", 5), ("standard", 3)])
def test_a_client_comes_again_by_itself_while_all_are_busy(
    tmp_path: Path, picture: bytes, at_once: None, mode: str, attempts: int
) -> None:
    del at_once
    with (
        scripted(tmp_path / "a", Busy(1), Busy(1), [face()]) as (url, reader, _),
        client(url, attempts=None, mode=mode) as made,
    ):
        assert len(made.detect_faces(Image={"Bytes": picture})["FaceDetails"]) == 1
        assert reader.calls == 3
    with scripted(tmp_path / "b", Busy(7)) as (url, reader, _), client(url, attempts=None, mode=mode) as made:
        kind, _, metadata = refusal(lambda: made.detect_faces(Image={"Bytes": picture}))
        assert (kind, metadata["HTTPHeaders"]["retry-after"]) == ("ProvisionedThroughputExceededException", "7")
        assert reader.calls == attempts


@pytest.mark.parametrize("fault", [WorkerLost("it stopped"), RuntimeError("what nobody may see")])
def test_a_fault_is_a_fault_and_tried_again(tmp_path: Path, picture: bytes, at_once: None, fault: Exception) -> None:
    del at_once
    with scripted(tmp_path, fault) as (url, reader, _), client(url, attempts=2) as made:
        kind, message, _ = refusal(lambda: made.detect_faces(Image={"Bytes": picture}))
        assert (kind, "nobody" in message, reader.calls) == ("InternalServerError", False, 2)


def test_who_comes_too_often_is_throttled_and_comes_again(tmp_path: Path, picture: bytes, at_once: None) -> None:
    del at_once
    limits = Limits(rate=0.001, burst=2)
    with scripted(tmp_path, limits=limits) as (url, reader, site), client(url, attempts=None) as made:
        for _ in range(2):
            made.detect_faces(Image={"Bytes": picture})
        kind, _, metadata = refusal(lambda: made.detect_faces(Image={"Bytes": picture}))
        assert (kind, metadata["RetryAttempts"], reader.calls) == ("ThrottlingException", 4, 2)
        counted = site.metrics.text().decode()
    assert 'onlooker_requests_total{method="POST",route="/",status="400"} 5.0' in counted
    assert 'onlooker_pictures_total{outcome="read"} 2.0' in counted
    assert "onlooker_faces_total 2.0" in counted


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onlooker.service.bodies.IDLE_SECONDS", 0.05)
    with scripted(tmp_path) as (url, _, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n{")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, json.loads(answer.read())["__type"]) == (400, "RequestTimeoutException")


def test_bodies_wait_for_room(tmp_path: Path, picture: bytes) -> None:
    with scripted(tmp_path, limits=Limits(in_flight=100)) as (url, reader, _), client(url) as made:
        kind = refusal(lambda: made.detect_faces(Image={"Bytes": picture}))[0]
    assert (kind, reader.calls) == ("ProvisionedThroughputExceededException", 0)


def test_room_is_held_for_objects_too_and_given_back(tmp_path: Path, picture: bytes) -> None:
    limits = Limits(in_flight=rekognition.MAX_OBJECT + 1000)
    with scripted(tmp_path, limits=limits) as (url, _, site), client(url) as made:
        site.jobs.store.put("a.png", picture)
        for _ in range(3):
            made.detect_faces(Image={"S3Object": {"Bucket": "onlooker", "Name": "a.png"}})
    with scripted(tmp_path, limits=Limits(in_flight=10_000)) as (url, _, site), client(url) as made:
        kind = refusal(lambda: made.detect_faces(Image={"S3Object": {"Bucket": "onlooker", "Name": "a.png"}}))[0]
    assert kind == "ProvisionedThroughputExceededException"


def test_the_operators_limit_counts_too(tmp_path: Path, picture: bytes) -> None:
    with scripted(tmp_path, limits=Limits(max_bytes=100)) as (url, _, site), client(url) as made:
        site.jobs.store.put("a.png", picture)
        for image in ({"Bytes": picture}, {"S3Object": {"Bucket": "onlooker", "Name": "a.png"}}):
            kind = refusal(lambda i=image: made.detect_faces(Image=i))[0]  # type: ignore[misc]
            assert kind == "ImageTooLargeException"


def test_it_can_be_left_out(tmp_path: Path) -> None:
    with scripted(tmp_path, rekognition=Rekognition(enabled=False)) as (url, _, _):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        connection.request("POST", "/", b"{}")
        assert connection.getresponse().status == 405
        connection.close()


# Signatures.


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def guarded(tmp_path: Path, keys: KeyFile) -> Iterator[tuple[str, Scripted, Site]]:
    with scripted(tmp_path, keys=Keys(file=str(keys.path), required=True)) as running:
        yield running


def signed(url: str, keys: KeyFile, picture: bytes, **more: Any) -> Any:
    """A call signed with a key made for it; ``more`` changes what the client is given."""
    key, secret = keys.add("till", rekognition=True)
    given = {"aws_access_key_id": key.id, "aws_secret_access_key": secret, **more}
    with client(url, **given) as made:
        return made.detect_faces(Image={"Bytes": picture})["FaceDetails"]


Guarded = tuple[str, Scripted, Site]


def test_who_signs_with_a_key_made_for_it_is_let_in(guarded: Guarded, keys: KeyFile, picture: bytes) -> None:
    url, reader, _ = guarded
    assert len(signed(url, keys, picture)) == 1
    assert len(signed(url, keys, picture, region_name="eu-central-1")) == 1
    assert reader.calls == 2


def test_who_does_not_is_refused(guarded: Guarded, keys: KeyFile, picture: bytes) -> None:
    url, reader, _ = guarded
    bearer, plain = keys.add("bearer")
    ended, secret = keys.add("ended", rekognition=True, expires=datetime.now(UTC) - timedelta(seconds=1))
    for given, says in [
        ({"aws_secret_access_key": "wrong"}, "secret access key"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "unknown"),
        ({"aws_access_key_id": bearer.id, "aws_secret_access_key": plain}, "--rekognition"),
        ({"aws_access_key_id": ended.id, "aws_secret_access_key": secret}, "ended"),
    ]:
        kind, message, _ = refusal(lambda g=given: signed(url, keys, picture, **g))  # type: ignore[misc]
        assert (kind, says in message) == ("AccessDeniedException", True), message
    status, answer = post(url, b"{}")
    assert (status, answer["__type"]) == (400, "AccessDeniedException")
    assert "onlooker keys add" in answer["Message"]
    assert reader.calls == 0


def test_a_key_that_is_taken_away_ends_at_once(guarded: Guarded, keys: KeyFile, picture: bytes) -> None:
    url, _, _ = guarded
    key, secret = keys.add("till", rekognition=True)
    with client(url, aws_access_key_id=key.id, aws_secret_access_key=secret) as made:
        made.detect_faces(Image={"Bytes": picture})
        keys.revoke(key.id)
        assert refusal(lambda: made.detect_faces(Image={"Bytes": picture}))[0] == "AccessDeniedException"


def test_a_body_that_was_changed_on_the_way_is_refused(guarded: Guarded, keys: KeyFile, picture: bytes) -> None:
    url, reader, _ = guarded
    key, secret = keys.add("till", rekognition=True)
    changed: list[bytes] = []
    with client(url, aws_access_key_id=key.id, aws_secret_access_key=secret) as made:

        def change(request: Any, **_: Any) -> None:
            changed.append(request.body.replace(b"GENDER", b"gender"))
            assert request.body != changed[-1]
            request.body = changed[-1]

        made.meta.events.register("before-send.rekognition.DetectFaces", change)
        kind, _, _ = refusal(lambda: made.detect_faces(Image={"Bytes": picture}, Attributes=["GENDER"]))
    assert (kind, len(changed), reader.calls) == ("AccessDeniedException", 1, 0)


@pytest.mark.parametrize(("minutes", "taken"), [(-16, False), (-14, True), (14, True), (16, False)])
def test_signatures_are_of_the_last_quarter_hour(
    guarded: Guarded, keys: KeyFile, picture: bytes, monkeypatch: pytest.MonkeyPatch, minutes: int, taken: bool
) -> None:
    url, _, _ = guarded
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
    if taken:
        assert len(signed(url, keys, picture)) == 1
    else:
        kind, message, _ = refusal(lambda: signed(url, keys, picture))
        assert (kind, "set the clock" in message) == ("AccessDeniedException", True)


def by_hand(url: str, keys: KeyFile, body: bytes, *, service: str = "rekognition", **headers: str) -> dict[str, str]:
    """The headers of a request that is signed with what botocore signs with, but as one likes."""
    key, secret = keys.add("hand", rekognition=True)
    request = AWSRequest("POST", url + "/", {name.replace("_", "-"): value for name, value in headers.items()}, body)
    botocore_auth.SigV4Auth(Credentials(key.id, secret), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


TARGET = "RekognitionService.DetectFaces"
BODY = b'{"Image": {"Bytes": "iVBORw0KGgo="}}'


def test_a_signature_covers_all_that_it_has_to(guarded: Guarded, keys: KeyFile) -> None:
    url, _, _ = guarded

    def outcome(sign: dict[str, str], body: bytes = BODY) -> str:
        status, answer = post(url, body, **sign)
        return "let in" if status == 200 else str(answer["Message"])

    hashed = hashlib.sha256(BODY).hexdigest()
    assert outcome(by_hand(url, keys, BODY, X_Amz_Target=TARGET)) == "let in"
    assert outcome(by_hand(url, keys, BODY, X_Amz_Target=TARGET, X_Amz_Content_SHA256=hashed)) == "let in"
    # The hash that is signed is not the body's: one may be sent with any other.
    lying = by_hand(url, keys, BODY, X_Amz_Target=TARGET, X_Amz_Content_SHA256=hashed)
    assert "body" in outcome(lying, BODY + b" ")
    open_body = by_hand(url, keys, BODY, X_Amz_Target=TARGET, X_Amz_Content_SHA256="UNSIGNED-PAYLOAD")
    assert "body" in outcome(open_body)
    assert "x-amz-target" in outcome(by_hand(url, keys, BODY))
    assert "not signed for rekognition" in outcome(by_hand(url, keys, BODY, service="s3", X_Amz_Target=TARGET))
    dated = by_hand(url, keys, BODY, X_Amz_Target=TARGET)
    assert "15 minutes" in outcome({**dated, "X-Amz-Date": "20200101T000000Z"})
    moved = (datetime.now(UTC) + timedelta(minutes=3)).strftime("%Y%m%dT%H%M%SZ")
    assert "does not fit" in outcome({**dated, "X-Amz-Date": moved})
    assert "15 minutes" in outcome({**dated, "X-Amz-Date": "today"})
    assert "not signed" in outcome({**dated, "Authorization": dated["Authorization"].replace("AWS4-", "AWS3-")})


def test_without_botocore_nobody_is_let_in(guarded: Guarded, keys: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    url, _, _ = guarded
    headers = by_hand(url, keys, BODY, X_Amz_Target=TARGET)
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    status, answer = post(url, BODY, **headers)
    assert (status, answer["__type"]) == (400, "AccessDeniedException")
    assert "onlooker[aws]" in answer["Message"]


def test_the_rate_is_each_keys_own(tmp_path: Path, keys: KeyFile, picture: bytes) -> None:
    guard, limits = Keys(file=str(keys.path), required=True), Limits(rate=0.001, burst=1)
    with scripted(tmp_path, keys=guard, limits=limits) as (url, reader, _):
        for name in ("front", "back"):
            key, secret = keys.add(name, rekognition=True)
            with client(url, aws_access_key_id=key.id, aws_secret_access_key=secret) as made:
                made.detect_faces(Image={"Bytes": picture})
                assert refusal(lambda c=made: c.detect_faces(Image={"Bytes": picture}))[0] == (  # type: ignore[misc]
                    "ThrottlingException"
                )
        assert reader.calls == 2


def test_where_no_key_is_asked_for_any_signature_and_none_will_do(
    tmp_path: Path, keys: KeyFile, picture: bytes
) -> None:
    with scripted(tmp_path) as (url, _, _):
        assert len(signed(url, keys, picture, aws_secret_access_key="wrong")) == 1
        assert post(url, BODY)[0] == 200


def test_the_log_says_whose_call_it_was(
    guarded: Guarded, keys: KeyFile, picture: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    url, _, _ = guarded
    with caplog.at_level("INFO", "onlooker.service"):
        signed(url, keys, picture)
        until = time.monotonic() + 30
        while not caplog.messages and time.monotonic() < until:
            time.sleep(0.01)
    (line,) = [json.loads(message) for message in caplog.messages]
    assert (line["client"], line["faces"], line["route"]) == ("key till", 1, "/")


def test_the_stores_own_bucket_is_read_and_those_that_are_named() -> None:
    named = Rekognition(buckets=["shop"])
    assert allowed_buckets(Settings(serve=Serve(store="s3://own/below"), rekognition=named)) == {"own", "shop"}
    assert allowed_buckets(Settings(serve=Serve(store="file:///anywhere"))) == {"onlooker"}


def test_the_example_runs_as_it_stands(tmp_path: Path, samples: Path, picture: bytes) -> None:
    (tmp_path / "front.png").write_bytes(picture)
    text = (samples.parent / "examples" / "rekognition.py").read_text("utf-8")
    with scripted(tmp_path) as (url, _, _):
        (tmp_path / "example.py").write_text(text.replace("http://localhost:8000", url), "utf-8")
        command = [sys.executable, str(tmp_path / "example.py"), str(tmp_path / "front.png")]
        said = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    assert said == f"{tmp_path / 'front.png'}: 27 to 42 years, Female (91 %)\n"


def test_the_document_names_every_error_attribute_and_limit(samples: Path) -> None:
    text = (samples.parent / "docs" / "rekognition.md").read_text("utf-8")
    source = Path(rekognition.__file__).read_text("utf-8")
    errors = set(re.findall(r'"(\w+(?:Exception|ServerError))"', source))
    assert {error for error in errors if f"| `{error}` |" not in text} == set()
    assert errors >= {"ThrottlingException", "InternalServerError", "UnknownOperationException"}
    with client("http://127.0.0.1:1") as made:
        members = set(made.meta.service_model.shape_for("FaceDetail").members)
    assert {member for member in members if f"`{member}`" not in text} == set()
    for limit in (rekognition.MAX_BYTES, rekognition.MAX_OBJECT):
        assert f"{limit:,}" in text
