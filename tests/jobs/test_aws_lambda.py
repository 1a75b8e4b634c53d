"""The handlers of Lambda: in this process on a folder, under Amazon's own runtime client on SeaweedFS, and behind
S3's events on moto."""

import io
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from onlooker.analyzer import Analyzer
from onlooker.core.errors import ConfigError, ModelError
from onlooker.core.faces import Picture8
from onlooker.jobs import aws_lambda
from onlooker.jobs.aws_lambda import GIVEN_UP, dead, handler
from onlooker.jobs.events import EventError
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import answer_key, picture_key
from onlooker.jobs.objects import ObjectStore
from tests.jobs import servers
from tests.jobs.runtime_api import Container, container
from tests.jobs.servers import Server, eventually
from tests.jobs.test_events import TEST_EVENT, enveloped, s3, sns, sqs


@pytest.fixture
def noisy(noise: Picture8) -> bytes:
    """The bytes of a picture without a face."""
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def waiting(store: ObjectStore, data: bytes) -> str:
    """A new job, its picture stored; its id."""
    job = secrets.token_hex(16)
    store.put(picture_key(job), data, content_type="image/png")
    return job


def record(store: ObjectStore, key: str) -> dict[str, Any]:
    """The answer to the picture under a key."""
    answer: dict[str, Any] = json.loads(store.get(answer_key(key)).data)
    return answer


# In this process, on a folder.


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """As in a container that just started."""
    caches = (aws_lambda._settings, aws_lambda._analyzer, aws_lambda._store)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    """The store that is set for the handler."""
    store = FolderStore(tmp_path / "store")
    monkeypatch.setenv("ONLOOKER_STORE", store.url)
    return store


def test_a_task_of_ours_is_answered_in_the_store_that_is_set(folder: FolderStore, noisy: bytes) -> None:
    jobs = [waiting(folder, noisy) for _ in range(3)]
    assert handler(sqs(*({"job": job} for job in jobs)), None) == {"batchItemFailures": []}
    for job in jobs:
        answer = record(folder, picture_key(job))
        assert (answer["id"], answer["status"], answer["analysis"]["faces"]) == (job, "done", [])
        assert folder.head(picture_key(job)) is None


def test_the_model_is_loaded_when_it_is_needed_and_once(
    folder: FolderStore, noisy: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[int] = []
    make = Analyzer

    def counted(*args: Any, **more: Any) -> Any:
        loads.append(more["max_faces"])
        return make(*args, **more)

    monkeypatch.setattr(aws_lambda, "Analyzer", counted)
    monkeypatch.setenv("ONLOOKER_LIMITS_MAX_FACES", "7")
    handler(TEST_EVENT, None)
    handler({"job": "not an id"}, None)
    handler({"job": secrets.token_hex(16)}, None)
    assert loads == []
    for _ in range(2):
        handler(sqs(*({"job": waiting(folder, noisy)} for _ in range(2))), None)
    assert loads == [7]


def test_a_model_that_is_missing_is_raised_whatever_the_event(
    folder: FolderStore, noisy: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONLOOKER_MODEL_CARD", "missing.json")
    job = waiting(folder, noisy)
    for event in (sqs({"job": job}), {"job": job}):
        with pytest.raises(ModelError, match=r"missing.json: no such model card"):
            handler(event, None)
    assert folder.head(picture_key(job)) is not None


def test_a_task_without_a_bucket_needs_one_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONLOOKER_STORE", raising=False)
    with pytest.raises(ConfigError, match=r"a task names no bucket; set ONLOOKER_STORE to s3://bucket"):
        handler({"job": "0" * 32}, None)


def test_a_failure_of_one_picture_does_not_keep_others_of_its_message_from_their_answer(
    folder: FolderStore, noisy: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    good = waiting(folder, noisy)
    bad = waiting(folder, noisy)
    path = next(path for path in folder.folder.rglob(f"{bad}*"))
    path.write_bytes(b"not of this store")
    nested = {"Records": [{"body": json.dumps({"job": job})} for job in (bad, good)]}
    assert handler(sqs(nested), None) == {"batchItemFailures": [{"itemIdentifier": "id-0"}]}
    assert record(folder, picture_key(good))["status"] == "done"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["picture"], line["outcome"]) for line in lines] == [(bad[:8], "error"), (good[:8], "answered")]
    assert "was not written by this store" in lines[0]["error"]


def test_a_line_of_the_log_tells_of_a_picture_by_its_id(
    folder: FolderStore, noisy: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    job = waiting(folder, noisy)
    handler({"job": job}, None)
    (line,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert line.pop("seconds") >= 0
    assert line == {"event": "picture", "picture": job[:8], "outcome": "answered"}


def test_a_dead_letter_is_answered_by_a_failure_unless_there_is_an_answer(folder: FolderStore, noisy: bytes) -> None:
    lost, done = waiting(folder, noisy), waiting(folder, noisy)
    handler({"job": done}, None)
    event = sqs({"job": lost}, {"job": done}, TEST_EVENT, "garbage")
    assert dead(event, None) == {"batchItemFailures": [{"itemIdentifier": "id-3"}]}
    answer = record(folder, picture_key(lost))
    assert (answer["status"], answer["error"]) == ("failed", GIVEN_UP)
    assert folder.head(picture_key(lost)) is None
    assert record(folder, picture_key(done))["status"] == "done"


@pytest.mark.parametrize("event", ["garbage", None, {}, {"Records": [{"s3": {}}]}, {"Records": 7}])
def test_what_is_no_event_is_an_error(event: object) -> None:
    for act in (handler, dead):
        with pytest.raises(EventError):
            act(event, None)


# Under Amazon's own runtime client, on SeaweedFS.


@pytest.fixture(scope="module")
def on_seaweed(seaweed: Server) -> dict[str, str]:
    """The environment of a container that finds its buckets on SeaweedFS."""
    pytest.importorskip("awslambdaric", reason="the package awslambdaric is not installed")
    return {**servers.ENVIRONMENT, "AWS_ENDPOINT_URL_S3": seaweed.endpoint, "ONLOOKER_STORE": "s3://pictures/"}


@pytest.fixture(scope="module")
def answers(on_seaweed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("lambda")
    with container("onlooker.jobs.aws_lambda.handler", folder, on_seaweed) as running:
        yield running


@pytest.fixture
def shop(bucket: str) -> ObjectStore:
    """The bucket whose pictures the container answers."""
    from onlooker.jobs.s3 import S3Store

    assert bucket == "pictures"
    return S3Store(bucket)


WAYS: dict[str, Callable[[Any], Any]] = {
    "directly": lambda event: event,
    "through SNS": sns,
    "through SQS, raw": sqs,
    "through SNS and SQS, enveloped": lambda event: sqs(enveloped(event)),
    "through SQS, with SNS's own event": lambda event: sqs(sns(event)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_that_came_is_answered_whichever_way_its_event_went(
    answers: Container, shop: ObjectStore, samples: Path, way: str
) -> None:
    job = waiting(shop, (samples / "eileen_collins.png").read_bytes())
    expected: dict[str, list[str]] | None = {"batchItemFailures": []} if "SQS" in way else None
    found = answers.invoke(WAYS[way](s3(picture_key(job), bucket="pictures")))
    assert (found.returned, found.error) == (expected, None)
    (line,) = found.log
    assert line["outcome"] == "answered"
    assert line["request"].startswith("request-")
    answer = record(shop, picture_key(job))
    assert (answer["id"], answer["status"]) == (job, "done")
    assert len(answer["analysis"]["faces"]) == 1
    assert [info.key for info in shop.list()] == [f"out/{job}.json"]


@pytest.mark.parametrize("way", WAYS)
def test_s3s_test_event_is_nothing_to_do(answers: Container, way: str) -> None:
    found = answers.invoke(WAYS[way](TEST_EVENT))
    assert found.error is None
    assert found.returned == ({"batchItemFailures": []} if "SQS" in way else None)
    assert found.log == []


def test_an_event_that_comes_again_is_answered_once(answers: Container, shop: ObjectStore, noisy: bytes) -> None:
    job = waiting(shop, noisy)
    event = sqs(s3(picture_key(job), bucket="pictures"))
    assert [answers.invoke(event).log[0]["outcome"] for _ in range(2)] == ["answered", "already"]
    first = shop.get(f"out/{job}.json")
    # As where the picture could not be deleted after its answer. Whoever wrote that may be about to.
    shop.put(picture_key(job), noisy)
    assert answers.invoke(event).log[0]["outcome"] == "already"
    assert shop.get(f"out/{job}.json") == first
    assert shop.head(picture_key(job)) is not None


@pytest.mark.parametrize(
    ("key", "quoted"),
    [
        ("shop floor/café 1+1.png", "shop+floor/caf%C3%A9+1%2B1.png"),
        ("100%/a&b=c.png", "100%25%2Fa%26b%3Dc.png"),
        ("in/by-hand.png", "in/by-hand.png"),
    ],
)
def test_a_picture_that_is_no_jobs_is_answered_beside_it_and_stays(
    answers: Container, shop: ObjectStore, noisy: bytes, key: str, quoted: str
) -> None:
    shop.put(key, noisy)
    found = answers.invoke(sqs(s3(quoted, f"{quoted}.json", bucket="pictures")))
    assert found.returned == {"batchItemFailures": []}
    assert [line["outcome"] for line in found.log] == ["answered", "passed over"]
    assert [info.key for info in shop.list()] == [key, f"{key}.json"]
    assert record(shop, key)["status"] == "done"


def test_of_a_batch_only_what_failed_comes_again(answers: Container, shop: ObjectStore, noisy: bytes) -> None:
    jobs = [waiting(shop, noisy) for _ in range(3)]
    events = [s3(picture_key(job), bucket="pictures") for job in jobs]
    other = s3("a.png", bucket="not-there")
    found = answers.invoke(sqs(events[0], "garbage", enveloped(events[1]), other, TEST_EVENT, {"job": jobs[2]}))
    assert found.returned == {"batchItemFailures": [{"itemIdentifier": "id-1"}, {"itemIdentifier": "id-3"}]}
    assert [line["outcome"] for line in found.log if "outcome" in line] == ["answered", "answered", "error", "answered"]
    assert "there is no such bucket" in found.log[3]["error"]
    assert [record(shop, picture_key(job))["status"] for job in jobs] == ["done"] * 3


def test_a_picture_that_cannot_be_read_is_answered_by_a_sentence(answers: Container, shop: ObjectStore) -> None:
    job = waiting(shop, b"dear diary, no picture today")
    assert answers.invoke(s3(picture_key(job), bucket="pictures")).error is None
    answer = record(shop, picture_key(job))
    assert (answer["status"], answer["error"][:30]) == ("failed", "not a picture in a known forma")
    assert shop.head(picture_key(job)) is None


def test_an_event_that_cannot_be_done_is_raised_so_that_lambda_tries_again(answers: Container) -> None:
    found = answers.invoke({"Records": [{"s3": {"bucket": "?"}}]})
    assert found.error is not None
    assert found.error["errorType"] == "EventError"
    found = answers.invoke(sns(s3("a.png", bucket="not-there")))
    assert found.error is not None
    assert found.error["errorType"] == "StorageError"
    assert "s3://not-there: there is no such bucket" in found.error["errorMessage"]
    assert answers.invoke(TEST_EVENT).error is None, "the container goes on"


def test_dead_letters_have_a_handler_of_their_own(
    on_seaweed: dict[str, str], shop: ObjectStore, noisy: bytes, tmp_path: Path
) -> None:
    job = waiting(shop, noisy)
    with container("onlooker.jobs.aws_lambda.dead", tmp_path, on_seaweed) as running:
        found = running.invoke(sqs(s3(picture_key(job), bucket="pictures")))
    assert (found.returned, [line["outcome"] for line in found.log]) == ({"batchItemFailures": []}, ["given up"])
    assert record(shop, picture_key(job))["error"] == GIVEN_UP


# Behind S3's own events, as moto makes them.


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
def test_from_the_bucket_through_topic_and_queue_to_the_answer(
    moto: Server, amazon: Callable[..., None], noisy: bytes, raw: bool
) -> None:
    from onlooker.jobs.s3 import S3Store
    from onlooker.jobs.sqs import SqsQueue
    from tests.jobs.conftest import make_queue

    amazon(s3=moto, sqs=moto)
    name = make_queue(moto)
    bucket, arn = f"bucket-{name}", f"arn:aws:sqs:{servers.REGION}:123456789012:{name}"
    notify = servers.client("sns", moto)
    topic = notify.create_topic(Name=name)["TopicArn"]
    attributes = {"RawMessageDelivery": "true" if raw else "false"}
    notify.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    amazon_s3 = servers.client("s3", moto)
    amazon_s3.create_bucket(Bucket=bucket)
    rules = [{"Name": "prefix", "Value": "in/"}]
    wanted = {"TopicArn": topic, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    amazon_s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [wanted]}
    )
    store, queue = S3Store(bucket), SqsQueue(name)
    job = waiting(store, noisy)
    store.put("in/a picture by hand+1.png", noisy)
    store.put("elsewhere/a.png", noisy)
    received = 0

    def answered() -> bool:
        nonlocal received
        for message in queue.receive(10, wait=1):
            received += 1
            event = {"Records": [{"messageId": message.id, "body": message.body, "eventSource": "aws:sqs"}]}
            assert handler(event, None) == {"batchItemFailures": []}
            assert queue.acknowledge(message)
        return received >= 3  # both pictures, and S3's test event

    eventually(answered)
    assert record(store, picture_key(job))["status"] == "done"
    assert record(store, "in/a picture by hand+1.png")["status"] == "done"
    assert store.head(picture_key(job)) is None
    assert [info.key for info in store.list("elsewhere/")] == ["elsewhere/a.png"]
