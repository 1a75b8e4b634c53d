"""What ``Queue`` promises, sentence by sentence, held against every queue there is."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onlooker.core.errors import ConfigError, StorageError
from onlooker.jobs.queues import Message, Queue, open_queue
from onlooker.jobs.sqlite import SqliteQueue
from tests.jobs import servers
from tests.jobs.conftest import MAX_RECEIVES, make_queue
from tests.jobs.servers import Server, eventually


def one(queue: Queue, *, lease: float = 60.0) -> Message:
    """The message that comes; fails where none does."""
    message: Message = eventually(lambda: next(iter(queue.receive(wait=1, lease=lease)), None), "a message")
    return message


def test_a_message_comes_as_it_was_sent(queue: Queue) -> None:
    body = '{"job": "0123", "name": "café 🐈 & <x>"}\n' + "x" * 10_000
    sent = queue.send(body)
    (message,) = queue.receive()
    assert (message.id, message.body, message.receives) == (sent, body, 1)
    assert message.receipt


def test_an_empty_queue_gives_nothing(queue: Queue) -> None:
    assert queue.receive() == []
    assert queue.receive(10, wait=0.1) == []


def test_a_received_message_is_hidden_until_its_lease_ends_and_counts_up(queue: Queue) -> None:
    queue.send("x")
    first = one(queue, lease=1)
    assert queue.receive() == []
    again = one(queue)
    assert (again.id, again.body, again.receives) == (first.id, "x", 2)
    assert again.receipt != first.receipt
    assert queue.receive() == []


def test_an_acknowledged_message_is_gone(queue: Queue) -> None:
    queue.send("x")
    message = one(queue, lease=1)
    assert queue.acknowledge(message) is True
    assert queue.acknowledge(message) is False
    assert queue.extend(message, 5) is False
    assert queue.receive(wait=2) == []


def test_an_extended_lease_hides_for_longer(queue: Queue) -> None:
    queue.send("x")
    message = one(queue, lease=1)
    assert queue.extend(message, 30) is True
    assert queue.receive(wait=2) == []
    assert queue.acknowledge(message) is True


def test_a_lease_of_0_hands_a_message_back(queue: Queue) -> None:
    queue.send("x")
    assert queue.extend(one(queue), 0) is True
    assert one(queue).receives == 2


def test_who_lost_the_lease_can_neither_extend_nor_acknowledge(queue: Queue) -> None:
    queue.send("x")
    stale = one(queue, lease=1)
    fresh = one(queue, lease=30)
    assert fresh.receipt != stale.receipt
    assert queue.extend(stale, 0) is False
    assert queue.acknowledge(stale) is False
    assert queue.receive() == [], "the one who holds it was not disturbed"
    assert queue.acknowledge(fresh) is True


def test_a_message_handed_out_too_often_goes_to_the_dead_letters(queue: Queue) -> None:
    assert queue.max_receives == MAX_RECEIVES
    dead = queue.dead_letters
    assert dead is not None
    queue.send("poison")
    for n in range(1, MAX_RECEIVES + 1):
        message = one(queue)
        assert (message.body, message.receives) == ("poison", n)
        assert queue.extend(message, 0)
    letters: list[Message] = []

    def buried() -> bool:
        assert queue.receive() == []
        letters.extend(dead.receive())
        return bool(letters)

    eventually(buried, "the dead letter")
    assert [letter.body for letter in letters] == ["poison"]
    assert queue.depth() == (0, 0)
    assert dead.acknowledge(letters[0]) is True
    assert dead.dead_letters is None


def test_a_delayed_message_is_hidden_for_that_long(queue: Queue) -> None:
    queue.send("late", delay=1)
    assert queue.receive() == []
    assert one(queue).body == "late"


def test_waiting_ends_early_when_a_message_comes(queue: Queue) -> None:
    begun, found = threading.Event(), list[Message]()

    def wait() -> None:
        begun.set()
        found.extend(queue.receive(wait=20))

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait()
    queue.send("x")
    thread.join(15)
    assert not thread.is_alive()
    assert [message.body for message in found] == ["x"]


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_no_more_messages_come_than_are_wanted(queue: Queue, limit: int) -> None:
    for n in range(limit + 2):
        queue.send(str(n))
    first = queue.receive(limit)
    assert 1 <= len(first) <= limit
    bodies = {message.body for message in first}

    def rest() -> bool:
        bodies.update(message.body for message in queue.receive(10))
        return len(bodies) == limit + 2

    eventually(rest)
    assert len({message.receipt for message in first}) == len(first)


def test_the_depth_tells_who_waits_and_who_is_out(queue: Queue) -> None:
    assert queue.depth() == (0, 0)
    for n in range(3):
        queue.send(str(n))
    queue.send("late", delay=60)
    assert queue.depth() == (4, 0)
    message = one(queue)
    assert queue.depth() == (3, 1)
    queue.acknowledge(message)
    assert queue.depth() == (3, 0)
    queue.extend(one(queue), 0)
    assert queue.depth() == (3, 0)


def test_many_at_once_get_each_message_once(queue: Queue) -> None:
    count = 60
    got, acknowledged, lock = Counter[str](), Counter[bool](), threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while sum(got.values()) < count:
                for message in queue.receive(3, wait=1, lease=60):
                    with lock:
                        got[message.body] += 1
                    done = queue.acknowledge(message)
                    with lock:
                        acknowledged[done] += 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for n in range(count):
        queue.send(str(n))
    for thread in threads:
        thread.join(servers.PATIENCE)
    assert not errors
    assert got == Counter(map(str, range(count)))
    assert acknowledged == Counter({True: count})
    assert queue.depth() == (0, 0)


def test_the_address_of_a_queue_opens_the_same_queue(queue: Queue) -> None:
    queue.send("x")
    again = open_queue(queue.url)
    assert again.url == queue.url
    assert one(again).body == "x"


SEND_FOR_EVER = """
import sys
from onlooker.jobs.queues import open_queue
queue = open_queue(sys.argv[1])
for n in range(1_000_000):
    queue.send(str(n))
    print(n, flush=True)
"""


def test_a_sender_that_is_killed_has_sent_what_it_said(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "tasks.sqlite")
    sender = subprocess.Popen([sys.executable, "-c", SEND_FOR_EVER, queue.url], stdout=subprocess.PIPE)
    assert sender.stdout is not None
    for _ in range(50):
        assert sender.stdout.readline()
    sender.kill()
    told = 50 + len(sender.stdout.readlines())
    sender.wait()
    sender.stdout.close()
    bodies = list[str]()
    while messages := queue.receive(10):
        bodies += [message.body for message in messages]
        assert all(queue.acknowledge(message) for message in messages)
    assert len(bodies) - told in (0, 1)  # one may be sent and not yet told
    assert sorted(map(int, bodies)) == list(range(len(bodies)))


def test_a_receiver_that_is_killed_leaves_its_message_to_others(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "tasks.sqlite")
    queue.send("x")
    receive = (
        "import sys, time\nfrom onlooker.jobs.queues import open_queue\n"
        "print(open_queue(sys.argv[1]).receive(lease=1)[0].body, flush=True)\ntime.sleep(60)"
    )
    receiver = subprocess.Popen([sys.executable, "-c", receive, queue.url], stdout=subprocess.PIPE)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == b"x\n"
    receiver.kill()
    receiver.wait()
    receiver.stdout.close()
    message = one(queue)
    assert (message.body, message.receives) == ("x", 2)


@pytest.fixture
def sqs(moto: Server, amazon: Callable[..., None]) -> str:
    """A queue of its own on moto, where boto3 looks for it; its name."""
    amazon(sqs=moto)
    return make_queue(moto)


def test_a_queue_may_be_named_by_its_url(sqs: str, moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    open_queue(f"sqs://{sqs}").send("x")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    host = moto.endpoint.removeprefix("http://")
    for name in (host, host.replace("127.0.0.1", "localhost")):
        address = f"sqs://{name}/123456789012/{sqs}"
        queue = open_queue(address)
        assert queue.url == address
        assert one(queue, lease=1).body == "x"
        assert queue.max_receives == MAX_RECEIVES
        assert queue.dead_letters is not None
        assert queue.dead_letters.url == f"{address}-dead"
        assert queue.dead_letters.receive() == []


def test_a_queue_without_dead_letters_hands_out_for_ever(sqs: str, moto: Server) -> None:
    servers.client("sqs", moto).create_queue(QueueName=f"{sqs}-plain")
    queue = open_queue(f"sqs://{sqs}-plain")
    assert queue.dead_letters is None
    assert queue.max_receives >= 2**31


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("sqs://nobody", "sqs://nobody: there is no such queue in us-east-1; create it, or check its name and the"),
        ("sqs://127.0.0.1:9/tasks", "sqs://127.0.0.1:9/tasks: a queue's URL is sqs://host/account/name"),
        ("sqs:tasks", "sqs:tasks: a queue is sqlite:///file (three slashes) or sqs://name"),
    ],
)
def test_an_address_of_no_queue_is_an_error_of_the_configuration(sqs: str, address: str, why: str) -> None:
    del sqs
    with pytest.raises(ConfigError) as error:
        open_queue(address)
    assert str(error.value).startswith(why)


def test_a_queue_without_a_region_says_so(sqs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError, match=rf"sqs://{sqs}: no region is named; set AWS_DEFAULT_REGION"):
        open_queue(f"sqs://{sqs}")


def test_a_queue_that_is_gone_or_away_says_so(sqs: str, moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = open_queue(f"sqs://{sqs}")
    message = Message("x", "x", "x", 1)
    amazon = servers.client("sqs", moto)
    amazon.delete_queue(QueueUrl=amazon.get_queue_url(QueueName=sqs)["QueueUrl"])
    uses: list[Callable[[], Any]] = [lambda: queue.send("x"), queue.receive, queue.depth, lambda: queue.max_receives]
    for use in uses:
        with pytest.raises(StorageError, match=rf"sqs://{sqs}: there is no such queue in this account and region"):
            use()
    assert queue.acknowledge(message) is False, "what was never received is not held"
    with pytest.raises(StorageError, match=r"a delay is 900 s at most, not 901 s"):
        queue.send("x", delay=901)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://127.0.0.1:{servers.free_ports(1)[0]}")
    with pytest.raises(StorageError, match=r"looking for the queue failed, as http://127.0.0.1:\d+ cannot be reached"):
        open_queue(f"sqs://{sqs}")
