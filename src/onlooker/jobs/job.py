"""A job: a picture that waits for its answer, and the keys its objects lie under.

    in/<id>         the picture, until it is answered
    out/<id>.json   the answer, written once, gone after ``KEEP``
    kept/<id>.jpg   the picture upright and without its EXIF, only where the job asks for it, gone after ``KEEP``

The state of a job is read off these alone, so the website needs no database and whatever answers needs no website.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import quote, unquote

import msgspec

from onlooker.core.errors import InputError, ObjectMissing, StorageError
from onlooker.jobs.objects import Form, ObjectInfo, ObjectStore
from onlooker.jobs.queues import Queue

KEEP = timedelta(hours=24)
"""How long answers, and pictures that are kept or were never answered, lie."""

FORM_SECONDS = 900
"""How long an upload form may be sent."""

_ID = re.compile(r"[0-9a-f]{32}")


class IdempotencyConflict(InputError):
    """An idempotency key that was used before, for another picture or with other options."""


Confidence = Annotated[float, msgspec.Meta(ge=0.5, le=0.99)]
"""Share of ages that intervals are to hold."""


class JobOptions(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What a client may ask of a job.

    keep        keep the picture, upright and without its EXIF, until the answer goes
    confidence  share of ages that intervals are to hold, where it is not the model's own
    """

    keep: bool = False
    confidence: Confidence | None = None


class Ticket(msgspec.Struct, frozen=True):
    """What travels with a picture, as metadata of its object: the name it is reported as, when it came, its options,
    and a digest of them and its bytes where a repeated request must be told from a new one."""

    name: str
    created: datetime
    options: JobOptions = JobOptions()
    digest: str | None = None

    def metadata(self) -> dict[str, str]:
        """As an object's metadata, which is ASCII."""
        return {"job": quote(msgspec.json.encode(self), safe='{}":,')}

    @classmethod
    def of(cls, info: ObjectInfo) -> "Ticket":
        """The ticket of a stored picture; one that came without (put there by hand) is named by its key."""
        try:
            return msgspec.json.decode(unquote(info.metadata["job"]).encode(), type=cls)
        except (KeyError, msgspec.MsgspecError):
            return cls(info.key.rpartition("/")[2], info.modified)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as the API shows it, and, once it is answered, as it is stored.

    status    queued; done; failed (``error`` says why: it cannot be read, or several tries did not answer it)
    analysis  what ``onlooker analyze`` prints for the picture, once it was looked at
    picture   address of the picture that is kept, if it is
    timings   seconds: in the queue, and of each step
    """

    id: str
    status: Literal["queued", "done", "failed"]
    created: datetime
    answered: datetime | None = None
    expires: datetime | None = None
    error: str | None = None
    analysis: dict[str, Any] | None = None
    picture: str | None = None
    timings: dict[str, float] = {}


class Stored(Job, frozen=True, kw_only=True):
    """A job as it is stored, with what the API does not show."""

    digest: str | None = None


class HasUrl(Protocol):
    """Anything with an address."""

    url: str


def picture_key(job: str) -> str:
    """Where a job's picture waits."""
    return f"in/{job}"


def kept_key(job: str) -> str:
    """Where a job's picture lies that is kept."""
    return f"kept/{job}.jpg"


def answer_key(key: str) -> str:
    """Where the answer to the picture under ``key`` lies: for a job in ``out/``, for any other picture beside it."""
    job = job_of(key)
    return f"{key}.json" if job is None else f"out/{job}.json"


def job_of(key: str) -> str | None:
    """The job whose picture lies under ``key``, or None."""
    folder, _, name = key.partition("/")
    return name if folder == "in" and is_job(name) else None


def is_job(name: str) -> bool:
    """Whether a name may be a job's id."""
    return _ID.fullmatch(name) is not None


def without_ids(text: str) -> str:
    """A sentence as a log may hold it: of a job's id, only the beginning."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{24}\b", r"\1...", text)


class Jobs:
    """Takes pictures in, finds what became of them, deletes them.

    send    whether a task is sent for each picture; not where the bucket's own events make the tasks
    secret  keeps the ids made from idempotency keys from being guessed; the same for all servers of one website, and
            at each start of one, or a request that is sent again is a new one
    """

    def __init__(self, store: ObjectStore, queue: Queue, *, send: bool = True, secret: bytes | None = None) -> None:
        self.store = store
        self.queue = queue
        self._send = send
        self._secret = secret or secrets.token_bytes(32)

    def submit(
        self, data: bytes, name: str, options: JobOptions, *, content_type: str = "", idempotency: str | None = None
    ) -> Job:
        """Take a picture in. With the idempotency key of an earlier request the answer is that one's job. Raises
        ``IdempotencyConflict`` where that was another picture or had other options, ``StorageError`` where it could not
        be taken."""
        job, digest, found = secrets.token_hex(16), None, None
        if idempotency is not None:
            job = hmac.new(self._secret, idempotency.encode(), hashlib.sha256).hexdigest()[:32]
            asked = hmac.new(self._secret, digestmod=hashlib.sha256)
            if options != JobOptions():  # else it is that of a program of before, which had no options in it
                asked.update(msgspec.json.encode(options) + b"\0")
            asked.update(data)
            digest = asked.hexdigest()[:32]
            found, known = self._look(job)
            if found is None and known is not None:
                # An answer that has expired and still lies: a worker would take the picture for answered.
                self.store.delete(answer_key(picture_key(job)), kept_key(job))
            elif known not in (None, digest):
                raise _conflict()
            elif found is not None and found.status != "queued":
                return found
        ticket = Ticket(name, datetime.now(UTC), options, digest)
        put = self.store.put(
            picture_key(job),
            data,
            content_type=content_type or "application/octet-stream",
            metadata=ticket.metadata(),
            if_absent=idempotency is not None,
        )
        if idempotency is not None:
            # Another request of this key may have been taken in and answered since the look above.
            found, known = self._look(job)
            other = known not in (None, digest)
            answered = found is not None and found.status != "queued"
            if put and (other or answered):
                # Only our own: a picture that lay there is its worker's, which takes it for deleted where it is gone.
                self.store.delete(picture_key(job))
            if other:
                raise _conflict()
            if found is not None and answered:
                return found
        taken = found or Job(id=job, status="queued", created=ticket.created)
        try:
            self._task(taken)
        except StorageError:
            # Nobody will come for it. With an idempotency key the client will, and finds it here.
            if idempotency is None:
                self.store.delete(picture_key(job))
            raise
        return taken

    def form(self, name: str, options: JobOptions, *, max_bytes: int) -> tuple[str, Form]:
        """A new job's id and the form by which its picture reaches the store; ``start`` is to follow."""
        job = secrets.token_hex(16)
        metadata = Ticket(name, datetime.now(UTC), options).metadata()
        return job, self.store.presign_form(
            picture_key(job), seconds=FORM_SECONDS, max_bytes=max_bytes, metadata=metadata
        )

    def start(self, job: str) -> Job:
        """Have a picture answered that came by a form. Raises ``ObjectMissing`` where it did not come."""
        found = self.find(job)
        if found is None:
            raise ObjectMissing(f"no picture has come for the upload {job}; send the form first")
        # One that came again after it was answered is not looked at: a worker clears it away.
        if found.status == "queued" or self.store.head(picture_key(job)) is not None:
            self._task(found)
        return found

    def find(self, job: str) -> Job | None:
        """What became of a job; None where there is none (never there, deleted, or expired)."""
        return self._look(job)[0] if is_job(job) else None

    def delete(self, job: str) -> bool:
        """Delete a job's picture and answer; whether there was one. A worker that is at it keeps nothing either."""
        there = self.find(job) is not None
        if is_job(job):
            self.store.delete(picture_key(job))
            self.store.delete(answer_key(picture_key(job)), kept_key(job))
        return there

    def _task(self, job: Job) -> None:
        if self._send:
            self.queue.send(msgspec.json.encode({"job": job.id, "since": job.created}).decode())

    def _look(self, job: str) -> tuple[Job | None, str | None]:
        """What became of a job, as ``find`` tells it, and the digest of its picture, if it has one. Of an answer that
        has expired and still lies there is the digest alone."""
        stored = self._answer(job)
        if stored is None:
            waiting = self.store.head(picture_key(job))
            if waiting is not None:
                ticket = Ticket.of(waiting)
                return Job(id=job, status="queued", created=ticket.created), ticket.digest
            stored = self._answer(job)  # it may have been answered between the two looks
        if stored is None:
            return None, None
        if stored.expires is not None and stored.expires <= datetime.now(UTC):
            return None, stored.digest  # a bucket's own rule may leave it lying for some hours more
        shown = {name: getattr(stored, name) for name in Job.__struct_fields__}
        return Job(**shown), stored.digest

    def _answer(self, job: str) -> Stored | None:
        try:
            return msgspec.json.decode(self.store.get(answer_key(picture_key(job))).data, type=Stored)
        except ObjectMissing:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise StorageError(f"the answer of job {job} is no answer; delete the job and send it again") from None


def _conflict() -> IdempotencyConflict:
    return IdempotencyConflict(
        "this Idempotency-Key was used for another picture, or with other options; take a new key"
    )


def expire(store: ObjectStore, now: datetime, *, keep: timedelta = KEEP) -> int:
    """Delete what has lain for longer than ``keep``; how many objects they were. On S3 a rule of the bucket does the
    same for what nobody deletes."""
    return sum(store.expire(prefix, now - keep) for prefix in ("in/", "out/", "kept/"))


def to_json(job: Job) -> Mapping[str, Any]:
    """A job as plain values for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(job)
    return plain
