import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlooker.jobs.events import EventError, Task, tasks_in, tasks_of


def s3(*keys: str, bucket: str = "shop", name: str = "ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    """S3's event as it is documented, shortened by nothing that we read."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "eu-central-1",
                "eventTime": "2026-11-24T18:00:00.000Z",
                "eventName": name,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "pictures",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", **more},
                },
            }
            for key in keys
        ]
    }


def sns(event: object) -> dict[str, Any]:
    """What Lambda gets from SNS."""
    notification = {"Type": "Notification", "Message": json.dumps(event), "Subject": "Amazon S3 Notification"}
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": notification}]}


def enveloped(event: object) -> dict[str, Any]:
    """The body of an SQS message that SNS sent without raw delivery."""
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:x:1:t", "Message": json.dumps(event)}


def sqs(*bodies: object) -> dict[str, Any]:
    """What Lambda gets from SQS."""
    records = [
        {"messageId": f"id-{n}", "body": body if isinstance(body, str) else json.dumps(body), "eventSource": "aws:sqs"}
        for n, body in enumerate(bodies)
    ]
    return {"Records": records}


TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "shop", "RequestId": "x", "HostId": "y"}
TWO = [Task(bucket="shop", key="in/a"), Task(bucket="shop", key="in/b")]

WAYS = {
    "as it is": lambda event: event,
    "through SNS": sns,
    "through SQS, raw": sqs,
    "through SNS and SQS, raw": lambda event: sqs(event),
    "through SNS and SQS, enveloped": lambda event: sqs(enveloped(event)),
    "the body of a message": enveloped,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_event_is_understood_whichever_way_it_came(way: Any) -> None:
    assert tasks_in(way(s3("in/a", "in/b"))) == TWO
    assert tasks_of(json.dumps(way(s3("in/a", "in/b")))) == TWO
    assert tasks_in(way(TEST_EVENT)) == []
    assert tasks_in(way({"job": "0" * 32})) == [Task(job="0" * 32)]


def test_several_messages_of_several_kinds_come_in_order() -> None:
    event = sqs(s3("in/a"), {"job": "j"}, enveloped(s3("in/b")), TEST_EVENT)
    assert tasks_in(event) == [TWO[0], Task(job="j"), TWO[1]]


@pytest.mark.parametrize(
    ("quoted", "key"),
    [
        ("a+b.jpg", "a b.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("caf%C3%A9/%E7%8C%AB.jpg", "café/猫.jpg"),
        ("in%2F0123", "in/0123"),
        ("100%25.jpg", "100%.jpg"),
        ("a%26b%3Dc.jpg", "a&b=c.jpg"),
        ("plain-_.~.jpg", "plain-_.~.jpg"),
    ],
)
def test_a_key_is_unquoted_as_s3_quotes_it(quoted: str, key: str) -> None:
    assert tasks_in(s3(quoted)) == [Task(bucket="shop", key=key)]


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Post", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"]
)
def test_each_way_of_creating_an_object_counts(name: str) -> None:
    assert tasks_in(s3("in/a", name=name)) == TWO[:1]


@pytest.mark.parametrize(
    "name", ["ObjectRemoved:Delete", "ReducedRedundancyLostObject", "LifecycleExpiration:Delete", "ObjectTagging:Put"]
)
def test_what_happens_to_an_object_otherwise_is_passed_over(name: str) -> None:
    assert tasks_in(s3("in/a", name=name)) == []


def test_fields_that_are_not_known_are_passed_over() -> None:
    event = s3("in/a", versionId="3", sequencer="0055AED6DCD90281E5", novelty={"x": [1]})
    event["future"] = event["Records"][0]["future"] = {"s3": None}
    assert tasks_of(json.dumps(event)) == TWO[:1]
    assert tasks_of('{"job": "j", "priority": 3}') == [Task(job="j")]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"job": 7}',
        '{"Records": null}',
        '{"Records": [7]}',
        '{"Records": [{"s3": {}}]}',
        '{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": 3}}, "eventName": "ObjectCreated:Put"}]}',
        '{"Records": [{"body": "hello"}]}',
        '{"Type": "SubscriptionConfirmation", "Message": "confirm"}',
        '{"Type": "Notification", "Message": "hello"}',
        json.dumps(s3("%ff.jpg")),
        "[" * 100_000,
        json.dumps(sqs(sqs(sqs(sqs(s3("in/a")))))),
    ],
)
def test_garbage_is_an_error_of_one_sentence(body: str) -> None:
    with pytest.raises(EventError) as error:
        tasks_of(body)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


def test_an_error_shows_nothing_of_a_message_but_the_names_of_its_fields() -> None:
    for body in ('"Jane Doe"', '{"name": "Jane Doe"}', "Jane Doe", '["Jane Doe"]', json.dumps(s3("Jane Doe%ff"))):
        with pytest.raises(EventError) as error:
            tasks_of(body)
        assert "Jane" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["job", "Records", "s3", "Sns", "Message", "Type", "body", "Event", "bucket", "object"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_nothing_but_tasks_or_that_error_ever_comes_out(event: object) -> None:
    with contextlib.suppress(EventError):
        assert all(isinstance(task, Task) for task in tasks_in(event))
    with contextlib.suppress(EventError):
        assert all(isinstance(task, Task) for task in tasks_of(json.dumps(event)))
