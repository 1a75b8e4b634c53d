"""Every store and every queue there is, behind one fixture each, and jobs on two; servers run once a session."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import Jobs
from onlooker.jobs.objects import ObjectStore
from onlooker.jobs.queues import Queue
from onlooker.jobs.sqlite import SqliteQueue
from tests.jobs import servers
from tests.jobs.scripted_jobs import Clock
from tests.jobs.servers import Server

NUMBERS = itertools.count(1)
"""For names that no other test uses."""

MAX_RECEIVES = 3
"""Of every queue here."""


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("boto3", reason="the package boto3 is not installed")
    with servers.seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("boto3", reason="the package boto3 is not installed")
    with servers.moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Points boto3 at servers: ``amazon(s3=..., sqs=...)``."""

    def point(**at: Server) -> None:
        for name in servers.FOREIGN:
            monkeypatch.delenv(name, raising=False)
        for name, value in servers.ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        for service, server in at.items():
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", server.endpoint)

    return point


@pytest.fixture(scope="session")
def _bucket(seaweed: Server) -> str:
    """One for all, as each takes volumes of its own."""
    servers.client("s3", seaweed).create_bucket(Bucket="pictures")
    return "pictures"


@pytest.fixture
def bucket(seaweed: Server, amazon: Callable[..., None], _bucket: str) -> str:
    """An empty bucket on SeaweedFS, where boto3 looks for it."""
    amazon(s3=seaweed)
    servers.empty(seaweed, _bucket)
    return _bucket


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    from onlooker.jobs.s3 import S3Store

    return S3Store(request.getfixturevalue("bucket"), "deep/er")


def make_queue(moto: Server) -> str:
    """A queue of its own on moto, with dead letters; its name."""
    sqs, name = servers.client("sqs", moto), f"tasks-{next(NUMBERS)}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "{MAX_RECEIVES}"}}'
    sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "30"})
    return name


@pytest.fixture(params=["sqlite", "sqs"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Queue:
    """An empty queue of each kind."""
    if request.param == "sqlite":
        return SqliteQueue(tmp_path / "tasks.sqlite", max_receives=MAX_RECEIVES)
    from onlooker.jobs.sqs import SqsQueue

    moto = request.getfixturevalue("moto")
    request.getfixturevalue("amazon")(sqs=moto)
    return SqsQueue(make_queue(moto))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> Jobs:
    return Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite", clock=clock))
