"""What ``onlooker worker`` asks of SQS is what docs/cloud.md says it needs the right to, no less and no more."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onlooker.jobs import aws
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs
from onlooker.jobs.queues import open_queue
from onlooker.jobs.worker import Gate, Worker
from tests.deploy.template import ROOT
from tests.deploy.test_rights import allowed
from tests.jobs.conftest import make_queue
from tests.jobs.scripted_jobs import Reads
from tests.jobs.servers import Server


def said() -> tuple[set[str], set[str]]:
    """The rights on the queue and on its dead letters, as the document has them."""
    text = (ROOT / "docs" / "cloud.md").read_text("utf-8")
    found = re.search(r"It needs the rights of `Answer`([^;]+);\s+on the dead\s+letters([^.]+)\.", text)
    assert found
    queue, letters = (set(re.findall(r"`(sqs:\w+)`", part)) for part in found.groups())
    of_answer = {action for action, resource in allowed("AnswerRole") if resource == "${Tasks.Arn}"}
    return queue | of_answer, letters


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Every operation that a client of SQS is called for, and the queue's name; filled as it happens."""
    seen, client = set[tuple[str, str]](), aws.client

    def watched(*arguments: Any, **named: Any) -> Any:
        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            name = str(params.get("QueueName") or params["QueueUrl"].rpartition("/")[2])
            seen.add((f"sqs:{model.name}", name))

        made = client(*arguments, **named)
        made.meta.events.register("before-parameter-build.sqs", note)
        return made

    monkeypatch.setattr("onlooker.jobs.sqs.client", watched)
    return seen


def test_a_worker_may_do_what_it_does(
    moto: Server, amazon: Callable[..., None], asked: set[tuple[str, str]], tmp_path: Path
) -> None:
    amazon(sqs=moto)
    name = make_queue(moto)
    store = FolderStore(tmp_path)
    website = Jobs(store, open_queue(f"sqs://{name}"))
    for picture in ("a", "b"):
        website.submit(b"p", picture, JobOptions())
    asked.clear()

    queue = open_queue(f"sqs://{name}")
    busy = Worker(store, queue, Reads(), gate=Gate(1), stop=threading.Event())
    (message,) = queue.receive(lease=30)
    assert queue.extend(message, 30)  # as it does while it reads
    busy.one(message)
    while queue.receive(lease=0):
        pass  # the other wears out
    busy.bury()

    of_queue, of_letters = said()
    assert {action for action, where in asked if where == name} == of_queue
    assert {action for action, where in asked if where == f"{name}-dead"} == of_letters
    assert queue.dead_letters is not None
    assert sum(queue.dead_letters.depth()) == 1
