"""What a message asks for: our own task, or S3's word that a picture has come, on whatever way it travelled.

S3's event comes as it is, as a string inside an SNS notification, or either of them as the body of an SQS message. Keys
in it are quoted as in a form. Fields that are not known are passed over, as Amazon asks, and so is what S3 says of
anything but a new object, its test event included.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from onlooker.core.errors import InputError

_DEPTH = 4
"""Envelopes within envelopes: SQS, SNS, S3, and one to spare."""


class EventError(InputError):
    """A message that is neither a task of ours nor an event of S3."""


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to answer: ``job`` of our own queue, or ``key`` in ``bucket`` where S3 says that it has come. Of a
    job, ``since`` when: an idempotency key that is used again, once it is free, makes another of the same id."""

    job: str | None = None
    since: datetime | None = None
    bucket: str | None = None
    key: str | None = None


def tasks_of(body: str) -> list[Task]:
    """The pictures that a message asks for; none where it only tells something. Raises ``EventError`` where it is no
    message of any known form."""
    return list(_tasks(_parsed(body), _DEPTH))


def tasks_in(event: object) -> list[Task]:
    """The same for an event that is parsed already, as Lambda hands it over."""
    return list(_tasks(event, _DEPTH))


def _tasks(event: object, depth: int) -> Iterator[Task]:
    match event:
        case _ if depth == 0:
            raise EventError("too many envelopes within each other; send S3's event, or that in one of SNS or SQS")
        case {"job": str(job), **more}:
            yield Task(job=job, since=_moment(more.get("since")))
        case {"Event": "s3:TestEvent"}:
            pass
        case {"Records": list(records)}:
            for record in records:
                yield from _record(record, depth - 1)
        case {"Type": "Notification", "Message": str(message)}:
            yield from _tasks(_parsed(message), depth - 1)
        case _:
            raise EventError(f"expected a task or an event of S3, got {_glimpse(event)}; check what sends to the queue")


def _record(record: object, depth: int) -> Iterator[Task]:
    match record:
        case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}, "eventName": str(name)}:
            if name.removeprefix("s3:").startswith("ObjectCreated:"):
                yield Task(bucket=bucket, key=_unquoted(key))
        case {"s3": _}:
            raise EventError(f"an event of S3 without bucket, key or name: {_glimpse(record)}")
        case {"Sns": {"Message": str(message)}}:
            yield from _tasks(_parsed(message), depth)
        case {"body": str(body)}:
            yield from _tasks(_parsed(body), depth)
        case _:
            raise EventError(f"expected a record of S3, SNS or SQS, got {_glimpse(record)}")


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _unquoted(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise EventError(f"the key {_glimpse(key)} is not quoted UTF-8, as S3 sends it") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise EventError(f"expected JSON, got {_glimpse(text)}; check what sends to the queue") from None


def _glimpse(value: object) -> str:
    """The kind of a thing, never its content: it may be anyone's, and ends in a log."""
    if isinstance(value, dict):
        return "an object with the keys " + (", ".join(sorted(map(ascii, value))[:6])[:120] or "none")
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, str | list) else type(value).__name__
