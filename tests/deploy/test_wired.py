"""The drawing put together on a server that speaks S3, SNS and SQS, from the template's own values: a picture posted by
the page's form comes back as an answer. What that server does not check (signatures, policies) is not proven here."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

import onlooker.jobs.aws_lambda as functions
from tests.deploy.template import RESOURCES, environment, text
from tests.jobs import servers
from tests.service.conftest import Server, start_server

ROOT = Path(__file__).parents[2]

CACHED = (functions._settings, functions._store, functions._analyzer)
"""What the functions hold as long as their container lives."""


class World:
    """Bucket, topic, queue, and dead letters, joined as the template joins them."""

    def __init__(self, moto: servers.Server) -> None:
        s3, sns, self.sqs = (servers.client(name, moto) for name in ("s3", "sns", "sqs"))
        self.s3 = s3
        tasks, bucket = RESOURCES["Tasks"]["Properties"], RESOURCES["Pictures"]["Properties"]
        dead = self.sqs.create_queue(QueueName="onlooker-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": tasks["RedrivePolicy"]["maxReceiveCount"]}
        attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}  # or each try takes minutes
        self.tasks = self.sqs.create_queue(QueueName="onlooker-tasks", Attributes=attributes)["QueueUrl"]
        self.dead = dead
        topic = sns.create_topic(Name="arrivals")["TopicArn"]
        raw = str(RESOURCES["TasksSubscription"]["Properties"]["RawMessageDelivery"]).lower()
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=self.arn(self.tasks), Attributes={"RawMessageDelivery": raw}
        )
        s3.create_bucket(Bucket="pictures")
        (told,) = bucket["NotificationConfiguration"]["TopicConfigurations"]
        rules = told["Filter"]["S3Key"]["Rules"]
        where = {"Key": {"FilterRules": [{"Name": rule["Name"], "Value": rule["Value"]} for rule in rules]}}
        configuration = {"TopicArn": topic, "Events": [told["Event"]], "Filter": where}
        s3.put_bucket_notification_configuration(
            Bucket="pictures", NotificationConfiguration={"TopicConfigurations": [configuration]}
        )

    def arn(self, queue: str) -> str:
        return str(self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])

    def deliver(self, queue: str, function: str) -> int:
        """What Lambda's mapping does: hand each message to the template's handler, and delete those not named failed.
        How many were deleted, the bucket's word at the start that it has a topic among them."""
        handler = getattr(functions, RESOURCES[function]["Properties"]["Handler"].rpartition(".")[2])
        done = 0
        for message in self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            record = {"messageId": message["MessageId"], "body": message["Body"], "eventSource": "aws:sqs"}
            failed = handler({"Records": [record]}, None)["batchItemFailures"]
            if not failed:
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                done += 1
        return done


@pytest.fixture
def moto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Server]:
    """A server of its own, where boto3 looks, and functions that were just started."""
    with servers.moto(tmp_path) as server:
        given = servers.ENVIRONMENT | {"AWS_ENDPOINT_URL": server.endpoint} | filled("Answer")
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        for held in CACHED:
            held.cache_clear()
        yield server
    for held in CACHED:
        held.cache_clear()


def filled(name: str) -> dict[str, str]:
    """A part's variables as Amazon would fill them in."""
    values = {
        "${Pictures}": "pictures",
        "${Tasks.QueueName}": "onlooker-tasks",
        "${Secret}": "a secret",
        "${MaxPixels}": "60000000",
        "${PicturesPerSecond}": "2",
        "${AWS::Region}": servers.REGION,
    }
    given = environment(name)
    for place, value in values.items():
        given = {key: found.replace(place, value) for key, found in given.items()}
    assert "${" not in str(given)
    return given


@pytest.fixture
def website(moto: servers.Server, world: World, tmp_path: Path) -> Iterator[Server]:
    """The website as the template starts it; it must find its queue, so ``World`` is made first."""
    del world
    folder = tmp_path / "website"
    folder.mkdir()
    given = servers.ENVIRONMENT | {"AWS_ENDPOINT_URL": moto.endpoint} | filled("WebsiteEnvironment")
    running = start_server(folder, environment=given)
    yield running
    running.stop()
    if running.process.stdout:
        running.process.stdout.close()


@pytest.fixture
def world(moto: servers.Server) -> World:
    return World(moto)


def call(method: str, url: str, **more: Any) -> Any:
    answer = urllib3.request(method, url, retries=False, timeout=60, **more)
    assert answer.status < 300, answer.data[:500]
    return answer.json() if answer.data[:1] in (b"{", b"[") else None


def sent(website: Server, picture: bytes) -> str:
    """A picture's job, sent as the page sends it: a form from the website, its bytes straight to the bucket."""
    form = call("POST", f"{website.url}/v1/uploads", json={"name": "a.jpg"})
    assert not form["url"].startswith(website.url)
    call("POST", form["url"], fields={**form["fields"], "file": ("a.jpg", picture)})
    return str(call("POST", f"{website.url}/v1/jobs", json={"upload": form["id"]})["id"])


def test_a_picture_goes_all_the_way_round(world: World, website: Server) -> None:
    assert call("GET", f"{website.url}/readyz")["status"] == "ready"
    job = sent(website, (ROOT / "samples" / "group.jpg").read_bytes())
    assert call("GET", f"{website.url}/v1/jobs/{job}")["status"] == "queued"

    def answer() -> Any:
        world.deliver(world.tasks, "Answer")
        found = call("GET", f"{website.url}/v1/jobs/{job}")
        return found if found["status"] != "queued" else None

    answered = servers.eventually(answer, "the event to arrive")
    assert answered["status"] == "done"
    assert len(answered["analysis"]["faces"]) == 5
    held = [found["Key"] for found in world.s3.list_objects_v2(Bucket="pictures")["Contents"]]
    assert held == [f"out/{job}.json"]  # the picture is gone
    call("DELETE", f"{website.url}/v1/jobs/{job}")
    assert "Contents" not in world.s3.list_objects_v2(Bucket="pictures")


def test_a_picture_that_is_given_up_says_so(
    world: World, website: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(data: bytes, name: str, *_: object) -> Any:
        raise MemoryError(f"no room for {name} of {len(data)}")

    monkeypatch.setattr(functions, "_analyze", breaks)
    job = sent(website, b"whatever this is")

    def given_up() -> int:
        world.deliver(world.tasks, "Answer")
        return world.deliver(world.dead, "Dead")

    servers.eventually(given_up, "five tries to end among the dead letters")
    answered = call("GET", f"{website.url}/v1/jobs/{job}")
    assert (answered["status"], answered["error"]) == ("failed", functions.GIVEN_UP)
    tries = [line for line in capsys.readouterr().out.splitlines() if '"outcome": "error"' in line]
    assert len(tries) == RESOURCES["Tasks"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert text(RESOURCES["Dead"]["Properties"]["Events"]["DeadLetters"]["Properties"]["Queue"]) == "${DeadLetters.Arn}"
