"""A queue of SQS: a standard queue with a dead letter queue of its own, or of a server that speaks its language.

SQS deletes a message on an old receipt without a word, so what this process holds, and until when, is kept here.
"""

import json
import math
import re
import threading
import time
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from onlooker.core.errors import ConfigError, StorageError
from onlooker.jobs.aws import client, code_of, sentences
from onlooker.jobs.queues import Message

_LONGEST_WAIT, _LONGEST_DELAY, _LONGEST_LEASE = 20, 900, 12 * 3600
"""Seconds, as SQS has it."""

_LOST = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"}
_LOST |= {"AWS.SimpleQueueService.MessageNotInflight", "AWS.SimpleQueueService.ReceiptHandleIsInvalid"}
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}

_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
_OUT = "ApproximateNumberOfMessagesNotVisible"

_REGION = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


class SqsQueue:
    """See ``Queue``. ``name`` is a queue's name in the account and region of the environment, or its URL without the
    scheme (``host/account/name``; ``http`` only for a loopback host). Times are rounded up to whole seconds, a lease is
    12 hours at most. Raises ``ConfigError`` where there is no such queue or boto3 is absent or badly set up."""

    def __init__(self, name: str) -> None:
        self.url = f"sqs://{name}"
        host, _, path = name.partition("/")
        endpoint, region = None, ""
        if path:
            endpoint = f"{'http' if _LOOPBACK.fullmatch(host) else 'https'}://{host}"
            found = _REGION.fullmatch(host)
            region = found[1] if found else "us-east-1"
            if len(path.strip("/").split("/")) != 2:
                raise ConfigError(f"{self.url}: a queue's URL is sqs://host/account/name")
        self._host = host + "/" + path.rpartition("/")[0] if path else ""
        # A long poll must end before its connection is given up.
        self._client = client("sqs", self.url, read_timeout=_LONGEST_WAIT + 15, endpoint=endpoint, region=region)
        self._queue = {"QueueUrl": f"{endpoint}/{path}" if path else self._find(name)}
        self._held: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    @cached_property
    def max_receives(self) -> int:
        """See ``Queue``; from the queue's redrive policy, asked for once. Without one there is no end."""
        return int(self._redrive.get("maxReceiveCount", 2**31))

    @cached_property
    def dead_letters(self) -> "SqsQueue | None":
        """See ``Queue``; from the queue's redrive policy, asked for once."""
        name = str(self._redrive.get("deadLetterTargetArn", "")).rpartition(":")[2]
        if not name:
            return None
        return SqsQueue(f"{self._host}/{name}" if self._host else name)

    def send(self, body: str, *, delay: float = 0.0) -> str:
        """See ``Queue``; a delay is 900 seconds at most."""
        if delay > _LONGEST_DELAY:
            raise StorageError(f"{self.url}: a delay is {_LONGEST_DELAY} s at most, not {delay:.0f} s")
        with self._said("sending", "sqs:SendMessage"):
            sent = self._client.send_message(**self._queue, MessageBody=body, DelaySeconds=math.ceil(delay))
            return str(sent["MessageId"])

    def receive(self, limit: int = 1, *, wait: float = 0.0, lease: float = 60.0) -> list[Message]:
        """See ``Queue``."""
        with self._said("receiving", "sqs:ReceiveMessage"):
            answer = self._client.receive_message(
                **self._queue,
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=min(_LONGEST_WAIT, math.ceil(wait)),
                VisibilityTimeout=_seconds(lease),
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        now = time.monotonic()
        messages = [
            Message(m["MessageId"], m["Body"], m["ReceiptHandle"], int(m["Attributes"]["ApproximateReceiveCount"]))
            for m in answer.get("Messages", [])
        ]
        with self._lock:
            self._held = {name: held for name, held in self._held.items() if held[1] > now}
            self._held |= {message.id: (message.receipt, now + lease) for message in messages}
        return messages

    def extend(self, message: Message, lease: float) -> bool:
        """See ``Queue``."""
        if self._lost(message):
            return False
        until = time.monotonic() + lease
        with self._said("extending a lease", "sqs:ChangeMessageVisibility"):
            try:
                self._client.change_message_visibility(
                    **self._queue, ReceiptHandle=message.receipt, VisibilityTimeout=_seconds(lease)
                )
            except self._client.exceptions.ClientError as error:
                return self._kept(error)
        with self._lock:
            if message.id in self._held:
                self._held[message.id] = (message.receipt, until)
        return True

    def acknowledge(self, message: Message) -> bool:
        """See ``Queue``. False as well where the lease has run out and nobody else has the message yet: it comes once
        more."""
        if self._lost(message):
            return False
        with self._said("acknowledging", "sqs:DeleteMessage"):
            try:
                self._client.delete_message(**self._queue, ReceiptHandle=message.receipt)
            except self._client.exceptions.ClientError as error:
                return self._kept(error)
        with self._lock:
            self._held.pop(message.id, None)
        return True

    def depth(self) -> tuple[int, int]:
        """See ``Queue``."""
        found = self._attributes(*_COUNTS, _OUT)
        return sum(int(found.get(name, 0)) for name in _COUNTS), int(found.get(_OUT, 0))

    def _lost(self, message: Message) -> bool:
        """Whether a message is no longer this process's own."""
        with self._lock:
            receipt, until = self._held.get(message.id, ("", 0.0))
        return receipt != message.receipt or time.monotonic() > until

    @staticmethod
    def _kept(error: Any) -> bool:
        """False for a refusal that means the lease is lost; any other goes on."""
        if code_of(error) in _LOST:
            return False
        raise error

    @cached_property
    def _redrive(self) -> dict[str, Any]:
        policy = self._attributes("RedrivePolicy").get("RedrivePolicy")
        return dict(json.loads(policy)) if policy else {}

    def _attributes(self, *names: str) -> dict[str, str]:
        with self._said("asking for attributes", "sqs:GetQueueAttributes"):
            answer = self._client.get_queue_attributes(**self._queue, AttributeNames=names)
        return dict(answer.get("Attributes", {}))

    def _find(self, name: str) -> str:
        with self._said("looking for the queue", "sqs:GetQueueUrl"):
            try:
                return str(self._client.get_queue_url(QueueName=name)["QueueUrl"])
            except self._client.exceptions.ClientError as error:
                if code_of(error) not in _MISSING:
                    raise
        where = self._client.meta.region_name
        raise ConfigError(f"{self.url}: there is no such queue in {where}; create it, or check its name and the region")

    def _said(self, doing: str, right: str) -> AbstractContextManager[None]:
        return sentences(self.url, doing, right, self._client.meta.endpoint_url)


def _seconds(lease: float) -> int:
    return min(_LONGEST_LEASE, max(0, math.ceil(lease)))
