"""Answers on Lambda: ``handler`` for pictures that come, ``dead`` for those that were given up.

S3's events come directly, through SNS, through SQS, or through both. Of a batch of SQS only the messages that failed
are named as such (the mapping needs ``ReportBatchItemFailures``). An event that comes twice is answered once. Which
bucket a task of our own queue means, and the limits, are the settings' (``ONLOOKER_STORE`` and the others).
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from onlooker.analyzer import Analyzer
from onlooker.core.errors import ConfigError, ModelError
from onlooker.jobs.answering import answer, give_up, key_in, shown
from onlooker.jobs.events import Task, tasks_in
from onlooker.jobs.job import without_ids
from onlooker.jobs.objects import ObjectStore, open_store
from onlooker.settings import Settings, load

GIVEN_UP = "the picture was tried several times and could not be answered; try it in another format"
"""What a job says whose task ended among the dead letters."""

Failures = dict[str, list[dict[str, str]]]
"""What Lambda is told of a batch of SQS."""


def handler(event: Any, context: object) -> Failures | None:
    """Answer every picture that an event names. Raises what went wrong, so that Lambda tries again; of a batch of SQS
    it returns the messages that failed instead."""
    return _each(event, context, _answer)


def dead(event: Any, context: object) -> Failures | None:
    """Answer every picture that an event names by a failure, unless it is answered already: for the dead letters."""
    return _each(event, context, _give_up)


def _each(event: Any, context: object, act: Callable[[Task, dict[str, Any]], None]) -> Failures | None:
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not any(isinstance(r, dict) and "messageId" in r for r in records):
        _message(event, context, act)
        return None
    failed = []
    for record in records:
        try:
            _message({"Records": [record]}, context, act)
        except ModelError:
            raise  # it will be no better for the next
        except Exception:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _message(event: object, context: object, act: Callable[[Task, dict[str, Any]], None]) -> None:
    """Do every task of a message, each on a line of the log. What fails does not keep the others from being done."""
    errors: list[Exception] = []
    request = {"request": getattr(context, "aws_request_id", None)}
    try:
        tasks = tasks_in(event)
    except Exception as error:
        _log({"event": "error", **request, "error": str(error)})
        raise
    for task in tasks:
        line: dict[str, Any] = {"event": "picture", **request, "bucket": task.bucket}
        begun = time.monotonic()
        try:
            act(task, line)
        except Exception as error:
            # A store's sentence may name a key in whole.
            line |= {"outcome": "error", "error": f"{type(error).__name__}: {without_ids(str(error))}"}
            errors.append(error)
        _log({name: value for name, value in line.items() if value is not None} | {"seconds": _since(begun)})
    if errors:
        raise errors[0]


def _answer(task: Task, line: dict[str, Any]) -> None:
    store = _store(task.bucket)
    key = _named(store, task, line)
    line["outcome"] = "passed over" if key is None else answer(store, key, _analyze, keep=_keep())


def _give_up(task: Task, line: dict[str, Any]) -> None:
    store = _store(task.bucket)
    key = _named(store, task, line)
    told = key is not None and give_up(store, key, GIVEN_UP, keep=_keep(), since=task.since)
    line["outcome"] = "given up" if told else "passed over"


def _named(store: ObjectStore, task: Task, line: dict[str, Any]) -> str | None:
    """The key that a task means, noted as a log may hold it."""
    key = key_in(store, task)
    line["picture"] = None if key is None else shown(key)
    return key


def _analyze(data: bytes, name: str, confidence: float | None) -> Any:
    return _analyzer().analyze(data, name, confidence)


@cache
def _settings() -> Settings:
    return load()


def _keep() -> timedelta:
    return timedelta(hours=_settings().serve.keep_hours)


@cache
def _analyzer() -> Analyzer:
    """Loaded once a container, by the first picture that needs it."""
    given, limits = _settings().model, _settings().limits
    return Analyzer(
        given.detector,
        Path(given.card) if given.card else None,
        min_face=given.min_face,
        max_pixels=limits.max_pixels,
        max_faces=limits.max_faces,
        workers=1,
    )


@cache
def _store(bucket: str | None) -> ObjectStore:
    """The store of a bucket that an event names, below the prefix that is set for it; without a bucket the one set."""
    url = _settings().serve.store
    if url is not None and (bucket is None or f"{url}/".startswith(f"s3://{bucket}/")):
        return open_store(url)
    if bucket is None:
        raise ConfigError("a task names no bucket; set ONLOOKER_STORE to s3://bucket")
    return open_store(f"s3://{bucket}")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 4)


def _log(line: dict[str, Any]) -> None:
    """One line, by itself: Lambda stores what is printed."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
