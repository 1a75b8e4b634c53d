"""Who is let in where keys are asked for: those who sign, as Amazon's client does, with a key made for it."""

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onlooker.service.security import KeyFile
from onlooker.service.site import Site
from onlooker.settings import Keys, Limits
from tests.service import amazon
from tests.service.amazon import PICTURE, Scripted, client, post, refusal, scripted

botocore_auth = pytest.importorskip("botocore.auth")

from botocore.awsrequest import AWSRequest  # noqa: E402 (after the skip)
from botocore.credentials import Credentials  # noqa: E402


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    amazon.environment(monkeypatch)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def guarded(tmp_path: Path, keys: KeyFile) -> Iterator[tuple[str, Scripted, Site]]:
    with scripted(tmp_path, keys=Keys(file=str(keys.path), required=True)) as running:
        yield running


def signed(url: str, keys: KeyFile, **more: Any) -> Any:
    """A call signed with a key made for it; ``more`` changes what the client is given."""
    key, secret = keys.add("till", rekognition=True)
    given = {"aws_access_key_id": key.id, "aws_secret_access_key": secret, **more}
    with client(url, **given) as made:
        return made.detect_faces(Image={"Bytes": PICTURE})["FaceDetails"]


Guarded = tuple[str, Scripted, Site]


def test_who_signs_with_a_key_made_for_it_is_let_in(guarded: Guarded, keys: KeyFile) -> None:
    url, reader, _ = guarded
    assert len(signed(url, keys)) == 1
    assert len(signed(url, keys, region_name="eu-central-1")) == 1
    assert reader.calls == 2


def test_who_does_not_is_refused(guarded: Guarded, keys: KeyFile) -> None:
    url, reader, _ = guarded
    bearer, plain = keys.add("bearer")
    ended, secret = keys.add("ended", rekognition=True, expires=datetime.now(UTC) - timedelta(seconds=1))
    for given, says in [
        ({"aws_secret_access_key": "wrong"}, "secret access key"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "unknown"),
        ({"aws_access_key_id": bearer.id, "aws_secret_access_key": plain}, "--rekognition"),
        ({"aws_access_key_id": ended.id, "aws_secret_access_key": secret}, "ended"),
    ]:
        kind, message, _ = refusal(lambda g=given: signed(url, keys, **g))  # type: ignore[misc]
        assert (kind, says in message) == ("AccessDeniedException", True), message
    status, answer = post(url, b"{}")
    assert (status, answer["__type"]) == (400, "AccessDeniedException")
    assert "onlooker keys add" in answer["Message"]
    assert reader.calls == 0


def test_a_key_that_is_taken_away_ends_at_once(guarded: Guarded, keys: KeyFile) -> None:
    url, _, _ = guarded
    key, secret = keys.add("till", rekognition=True)
    with client(url, aws_access_key_id=key.id, aws_secret_access_key=secret) as made:
        made.detect_faces(Image={"Bytes": PICTURE})
        keys.revoke(key.id)
        assert refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}))[0] == "AccessDeniedException"


def test_a_body_that_was_changed_on_the_way_is_refused(guarded: Guarded, keys: KeyFile) -> None:
    url, reader, _ = guarded
    key, secret = keys.add("till", rekognition=True)
    changed: list[bytes] = []
    with client(url, aws_access_key_id=key.id, aws_secret_access_key=secret) as made:

        def change(request: Any, **_: Any) -> None:
            changed.append(request.body.replace(b"GENDER", b"gender"))
            assert request.body != changed[-1]
            request.body = changed[-1]

        made.meta.events.register("before-send.rekognition.DetectFaces", change)
        kind, _, _ = refusal(lambda: made.detect_faces(Image={"Bytes": PICTURE}, Attributes=["GENDER"]))
    assert (kind, len(changed), reader.calls) == ("AccessDeniedException", 1, 0)


@pytest.mark.parametrize(("minutes", "taken"), [(-16, False), (-14, True), (14, True), (16, False)])
def test_signatures_are_of_the_last_quarter_hour(
    guarded: Guarded, keys: KeyFile, monkeypatch: pytest.MonkeyPatch, minutes: int, taken: bool
) -> None:
    url, _, _ = guarded
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
    if taken:
        assert len(signed(url, keys)) == 1
    else:
        kind, message, _ = refusal(lambda: signed(url, keys))
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


def test_the_rate_is_each_keys_own(tmp_path: Path, keys: KeyFile) -> None:
    guard, limits = Keys(file=str(keys.path), required=True), Limits(rate=0.001, burst=1)
    with scripted(tmp_path, keys=guard, limits=limits) as (url, reader, _):
        for name in ("front", "back"):
            key, secret = keys.add(name, rekognition=True)
            with client(url, aws_access_key_id=key.id, aws_secret_access_key=secret) as made:
                made.detect_faces(Image={"Bytes": PICTURE})
                assert refusal(lambda c=made: c.detect_faces(Image={"Bytes": PICTURE}))[0] == (  # type: ignore[misc]
                    "ThrottlingException"
                )
        assert reader.calls == 2


def test_where_no_key_is_asked_for_any_signature_and_none_will_do(tmp_path: Path, keys: KeyFile) -> None:
    with scripted(tmp_path) as (url, _, _):
        assert len(signed(url, keys, aws_secret_access_key="wrong")) == 1
        assert post(url, BODY)[0] == 200


def test_the_log_says_whose_call_it_was(guarded: Guarded, keys: KeyFile, caplog: pytest.LogCaptureFixture) -> None:
    url, _, _ = guarded
    with caplog.at_level("INFO", "onlooker.service"):
        signed(url, keys)
        until = time.monotonic() + 30
        while not caplog.messages and time.monotonic() < until:
            time.sleep(0.01)
    (line,) = [json.loads(message) for message in caplog.messages]
    assert (line["client"], line["faces"], line["route"]) == ("key till", 1, "/")
