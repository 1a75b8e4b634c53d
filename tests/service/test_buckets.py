"""Pictures that a request names in a bucket: the local store's folder, and SeaweedFS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from onlooker.jobs.folder import FolderStore
from onlooker.service import rekognition
from onlooker.service.buckets import allowed_buckets
from onlooker.settings import Rekognition, Serve, Settings
from tests.jobs import servers
from tests.service import amazon
from tests.service.amazon import client, encoded, refusal
from tests.service.conftest import Server, start_server


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    amazon.environment(monkeypatch)


@pytest.fixture(scope="session")
def hopper(samples: Path) -> bytes:
    return (samples / "grace_hopper.jpg").read_bytes()


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


def test_the_stores_own_bucket_is_read_and_those_that_are_named() -> None:
    named = Rekognition(buckets=["shop"])
    assert allowed_buckets(Settings(serve=Serve(store="s3://own/below"), rekognition=named)) == {"own", "shop"}
    assert allowed_buckets(Settings(serve=Serve(store="file:///anywhere"))) == {"onlooker"}
