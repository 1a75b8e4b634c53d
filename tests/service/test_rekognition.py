"""``DetectFaces`` by a real server through Amazon's own client, which is told another address and nothing else."""

import json
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from onlooker.models.cards import DEFAULT_MODEL
from onlooker.service import rekognition
from tests.service import amazon
from tests.service.amazon import PICTURE, client, detect, encoded, post, refusal, scripted
from tests.service.conftest import Server

DEFAULTS = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    amazon.environment(monkeypatch)


@pytest.fixture(scope="session")
def hopper(samples: Path) -> bytes:
    return (samples / "grace_hopper.jpg").read_bytes()


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
    assert said["x-onlooker-model"] == DEFAULT_MODEL
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


def test_pictures_that_cannot_be_read_are_named(server: Server, hopper: bytes) -> None:
    gif = encoded(Image.new("RGB", (90, 90)), "GIF")
    for data in (b"no picture", gif, hopper[:700], hopper[:20], b"\x89PNG\r\n\x1a\n"):
        with client(server.url) as made:
            kind, message, _ = refusal(lambda c=made, d=data: c.detect_faces(Image={"Bytes": d}))  # type: ignore[misc]
        assert (kind, len(message) > 20) == ("InvalidImageFormatException", True)
        assert "WebP" not in message  # nor any other that is not taken here


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
            kind, message, metadata = refusal(lambda c=made, d=data: c.detect_faces(Image={"Bytes": d}))  # type: ignore[misc]
        assert (kind, metadata["RetryAttempts"]) == ("ImageTooLargeException", 0)
        assert f"at most {rekognition.MAX_BYTES}" in message


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


def test_the_example_runs_as_it_stands(tmp_path: Path, samples: Path) -> None:
    (tmp_path / "front.png").write_bytes(PICTURE)
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
