"""What ``DetectFaces`` makes of what the reader says: every figure, every failure, every limit."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from onlooker.core.errors import PictureError
from onlooker.jobs.pool import Busy, ReadingFault, WorkerLost
from onlooker.media.images import Picture
from onlooker.service import rekognition
from onlooker.settings import Limits, Rekognition
from tests.service import amazon
from tests.service.amazon import PICTURE, client, detect, face, refusal, scripted


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    amazon.environment(monkeypatch)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's pauses between attempts are none: their length is a share of what `random` gives."""
    monkeypatch.setattr("random.random", lambda: 0.0)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


def test_every_figure_is_made_from_ours(tmp_path: Path) -> None:
    with scripted(tmp_path) as (url, _, _):
        (answer,) = detect(url, PICTURE, "ALL")
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
    tmp_path: Path, p_female: float, gender: dict[str, Any]
) -> None:
    with scripted(tmp_path, [face(p_female=p_female, gender=None)]) as (url, _, _):
        assert detect(url, PICTURE, "GENDER")[0]["Gender"] == gender


def test_of_very_many_faces_the_hundred_largest_come(tmp_path: Path) -> None:
    faces = [face(box=[0.0, 0.0, 1.0 + n % 120, 10.0]) for n in range(7, 127)]
    with scripted(tmp_path, faces) as (url, _, _):
        widths = [round(200 * found["BoundingBox"]["Width"]) for found in detect(url, PICTURE)]
    assert widths == list(range(120, 20, -1))


def test_too_many_pixels_are_too_large(tmp_path: Path) -> None:
    with pytest.raises(PictureError) as said:
        Picture.open(PICTURE, max_pixels=10)
    with scripted(tmp_path, str(said.value)) as (url, _, _), client(url) as made:
        kind, message, _ = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))
    assert (kind, message) == ("ImageTooLargeException", str(said.value))


@pytest.mark.parametrize(("mode", "attempts"), [("legacy", 5), ("standard", 3)])
def test_a_client_comes_again_by_itself_while_all_are_busy(
    tmp_path: Path, at_once: None, mode: str, attempts: int
) -> None:
    del at_once
    with (
        scripted(tmp_path / "a", Busy(1), Busy(1), [face()]) as (url, reader, _),
        client(url, attempts=None, mode=mode) as made,
    ):
        assert len(made.detect_faces(Image={"Bytes": PICTURE})["FaceDetails"]) == 1
        assert reader.calls == 3
    with scripted(tmp_path / "b", Busy(7)) as (url, reader, _), client(url, attempts=None, mode=mode) as made:
        kind, _, metadata = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))
        assert (kind, metadata["HTTPHeaders"]["retry-after"]) == ("ProvisionedThroughputExceededException", "7")
        assert reader.calls == attempts


def test_a_picture_that_stops_its_worker_is_not_sent_again(tmp_path: Path, at_once: None) -> None:
    del at_once
    with scripted(tmp_path, WorkerLost("it stopped its worker")) as (url, reader, _), client(url, attempts=3) as made:
        kind, message, _ = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))
        assert (kind, "stopped" in message, reader.calls) == ("InvalidImageFormatException", True, 1)


@pytest.mark.parametrize("fault", [ReadingFault("a fault of ours"), RuntimeError("what nobody may see")])
def test_a_fault_is_a_fault_and_tried_again(tmp_path: Path, at_once: None, fault: Exception) -> None:
    del at_once
    with scripted(tmp_path, fault) as (url, reader, _), client(url, attempts=2) as made:
        kind, message, _ = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))
        assert (kind, "nobody" in message, reader.calls) == ("InternalServerError", False, 2)


def test_who_comes_too_often_is_throttled_and_comes_again(tmp_path: Path, at_once: None) -> None:
    del at_once
    limits = Limits(rate=0.001, burst=2)
    with scripted(tmp_path, limits=limits) as (url, reader, site), client(url, attempts=None) as made:
        for _ in range(2):
            made.detect_faces(Image={"Bytes": PICTURE})
        kind, _, metadata = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))
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


def test_bodies_wait_for_room(tmp_path: Path) -> None:
    with scripted(tmp_path, limits=Limits(in_flight=100)) as (url, reader, _), client(url) as made:
        kind = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))[0]
    assert (kind, reader.calls) == ("ProvisionedThroughputExceededException", 0)


def test_room_is_held_for_objects_too_and_given_back(tmp_path: Path) -> None:
    limits = Limits(in_flight=rekognition.MAX_OBJECT + 1000)
    with scripted(tmp_path, limits=limits) as (url, _, site), client(url) as made:
        site.jobs.store.put("a.png", PICTURE)
        for _ in range(3):
            made.detect_faces(Image={"S3Object": {"Bucket": "onlooker", "Name": "a.png"}})
    with scripted(tmp_path, limits=Limits(in_flight=10_000)) as (url, _, site), client(url) as made:
        kind = refusal(lambda: made.detect_faces(Image={"S3Object": {"Bucket": "onlooker", "Name": "a.png"}}))[0]
    assert kind == "ProvisionedThroughputExceededException"


def test_the_operators_limit_counts_too(tmp_path: Path) -> None:
    with scripted(tmp_path, limits=Limits(max_bytes=100)) as (url, _, site), client(url) as made:
        site.jobs.store.put("a.png", PICTURE)
        for image in ({"Bytes": PICTURE}, {"S3Object": {"Bucket": "onlooker", "Name": "a.png"}}):
            kind = refusal(lambda i=image: made.detect_faces(Image=i))[0]  # type: ignore[misc]
            assert kind == "ImageTooLargeException"


def test_it_can_be_left_out(tmp_path: Path) -> None:
    with scripted(tmp_path, rekognition=Rekognition(enabled=False)) as (url, _, _):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        connection.request("POST", "/", b"{}")
        assert connection.getresponse().status == 405
        connection.close()
