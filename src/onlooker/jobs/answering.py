"""Answering one picture: once, however often its task comes, and so that nothing of it is lost or left behind.

The answer is written create-only, so of two that work on one picture one writes; the picture goes only after its answer
is there, so whoever is stopped in between leaves a task that comes again.
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.core.errors import ObjectMissing, PictureError
from onlooker.jobs.events import Task
from onlooker.jobs.job import (
    KEEP,
    Stored,
    Ticket,
    answer_key,
    is_job,
    job_of,
    kept_key,
    picture_key,
    without_ids,
)
from onlooker.jobs.objects import ObjectStore
from onlooker.media.images import Picture, resize

log = logging.getLogger(__name__)

Analyze = Callable[[bytes, str, float | None], Analysis]
"""One picture's bytes, its name, and the share of ages that its intervals are to hold (or None) in, its analysis out;
may be called by several threads."""

Outcome = Literal["answered", "already", "gone"]
"""What became of a picture: answered now; answered before; no longer there."""

SETTLED = 10.0
"""Seconds after which whoever wrote an answer has cleared its picture away, or was stopped before. A task whose picture
is still there is left to come again later than that, so what somebody who was stopped left is cleared by the next."""

KEPT_QUALITY = 92
"""JPEG quality of a picture that is kept."""

KEPT_SIDE = 65_500
"""Pixels that a side of a picture that is kept may have: libjpeg writes none that is longer (JPEG_MAX_DIMENSION)."""


def answer(store: ObjectStore, key: str, analyze: Analyze, *, keep: timedelta = KEEP) -> Outcome:
    """Answer the picture under ``key`` and delete it if it is a job's. Raises ``StorageError`` where the store fails;
    a picture that cannot be read is answered by a sentence, one that cannot be kept is answered without."""
    job, target = job_of(key), answer_key(key)
    if store.head(target) is not None:
        if job is not None:
            _clear(store, key)
        return "already"
    try:
        picture = store.get(key)
    except ObjectMissing:
        return "gone"
    ticket = Ticket.of(picture.info)
    begun = datetime.now(UTC)
    analysis = analyze(picture.data, ticket.name, ticket.options.confidence)
    timings = {"queue": max(0.0, (begun - ticket.created).total_seconds()), **analysis.timings}
    kept = _kept(key, picture.data) if job and ticket.options.keep and analysis.error is None else None
    answered = datetime.now(UTC)
    record = Stored(
        id=job or key,
        status="done" if analysis.error is None else "failed",
        created=ticket.created,
        answered=answered,
        expires=answered + keep if job else None,
        error=analysis.error,
        analysis=analysis.to_dict(),
        picture=f"/v1/jobs/{job}/picture" if kept is not None else None,
        timings={name: round(seconds, 4) for name, seconds in timings.items()},
        digest=ticket.digest,
    )
    if job is not None and kept is not None:
        store.put(kept_key(job), kept, content_type="image/jpeg")
    written = _write(store, target, record)
    if job is None:
        return "answered" if written else "already"
    if not written:
        return "already"  # who wrote it clears the picture away, see _clear
    if store.head(key) is None:
        # Deleted by its owner while it was looked at: then nothing of it stays.
        store.delete(target, kept_key(job))
        return "gone"
    store.delete(key)
    return "answered"


def give_up(
    store: ObjectStore, key: str, reason: str, *, keep: timedelta = KEEP, since: datetime | None = None
) -> bool:
    """Answer a picture by a failure, unless it is answered already or came later than ``since``, and delete it if it is
    a job's."""
    job, now = job_of(key), datetime.now(UTC)
    waiting = store.head(key)
    if waiting is None:
        return False
    ticket = Ticket.of(waiting)
    if since is not None and ticket.created > since:
        return False
    record = Stored(
        id=job or key,
        status="failed",
        created=ticket.created,
        answered=now,
        expires=now + keep if job else None,
        error=reason,
        digest=ticket.digest,
    )
    written = _write(store, answer_key(key), record)
    if job is not None and written:
        store.delete(key)
    elif job is not None:
        _clear(store, key)
    return written


def without_exif(data: bytes) -> bytes:
    """The picture as an upright JPEG with nothing but its pixels; one that is longer than JPEG allows is made smaller,
    to ``KEPT_SIDE``. Of any size: whoever analyzed it has set the limit. Raises ``PictureError`` or ``OSError``."""
    pixels = Picture.open(data, max_pixels=sys.maxsize).decode()
    height, width = pixels.shape[:2]
    ratio = min(1.0, KEPT_SIDE / max(height, width))
    file = BytesIO()
    smaller = resize(pixels, max(1, round(width * ratio)), max(1, round(height * ratio)))
    Image.fromarray(smaller).save(file, "JPEG", quality=KEPT_QUALITY)
    return file.getvalue()


def key_in(store: ObjectStore, task: Task) -> str | None:
    """The key that a task means in this store, or None where it means none (another bucket, an answer)."""
    if task.job is not None:
        return picture_key(task.job) if is_job(task.job) else None
    parts = urlsplit(store.url)
    prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
    if parts.scheme != "s3" or task.bucket != parts.netloc or task.key is None or not task.key.startswith(prefix):
        return None
    key = task.key.removeprefix(prefix)
    return None if key.endswith(".json") or key.startswith("kept/") else key


def shown(key: str) -> str:
    """A key as a log may hold it: whoever knows a job's id may read its answer, so only its beginning."""
    job = job_of(key)
    return key if job is None else job[:8]


def lost_reason(tries: int) -> str:
    """What a job says that was tried ``tries`` times and has no answer. Whoever finds it cannot know whether its
    picture stopped its workers or the store failed them, so it holds for both."""
    return (
        f"the picture stopped its worker {tries} times, or could not be answered for another reason, and was given up; "
        "try it again, or in another format"
    )


def _kept(key: str, data: bytes) -> bytes | None:
    """The picture as it is kept, or None where it cannot be: that must not lose the answer, which is there."""
    try:
        return without_exif(data)
    except (PictureError, OSError, ValueError, MemoryError) as error:
        log.warning("the picture of job %s cannot be kept (%s)", shown(key), without_ids(str(error)))
        return None


def _clear(store: ObjectStore, key: str) -> None:
    """Delete the picture of a job that somebody else answered, once that answer has lain for ``SETTLED``. Whoever wrote
    it looks for the picture right after, and a picture that is gone by then was deleted by its owner."""
    written = store.head(answer_key(key))
    if written is not None and (datetime.now(UTC) - written.modified).total_seconds() > SETTLED:
        store.delete(key)


def _write(store: ObjectStore, target: str, record: Stored) -> bool:
    data = msgspec.json.encode(record)
    return store.put(target, data, content_type="application/json", if_absent=True)
