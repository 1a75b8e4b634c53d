"""Amazon's own client pointed at a server of ours, and a server within the test whose reader says what it is told."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image

from onlooker.jobs.job import Jobs
from onlooker.jobs.objects import open_store
from onlooker.jobs.pool import Answer
from onlooker.jobs.queues import open_queue
from onlooker.service.app import create_app
from onlooker.service.site import Site
from onlooker.settings import Serve, Settings
from tests.jobs import servers

pytest.importorskip("boto3", reason="the package boto3 is not installed")

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError


def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of whoever runs the tests, but credentials and a region, which the client wants."""
    for name in servers.FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in servers.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@contextmanager
def client(url: str | None = None, *, attempts: int | None = 1, mode: str = "legacy", **more: Any) -> Iterator[Any]:
    """Rekognition's client; ``attempts`` in all, None for its own default."""
    retries: dict[str, Any] = {"mode": mode}
    if attempts is not None:
        retries["total_max_attempts"] = attempts
    made = Session().client("rekognition", endpoint_url=url, config=Config(retries=retries), **more)
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


PICTURE = encoded(Image.new("RGB", (200, 100)))


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
        "age_class": "adult",
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

    async def analyze(self, data: bytes, name: str, confidence: float | None = None) -> Answer:
        del data, name, confidence
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
