"""What every queue does, with the semantics of SQS, and the queue that an address names."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from onlooker.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Message:
    """A message under a lease. ``receives`` counts how often it was handed out, this time included."""

    id: str
    body: str
    receipt: str
    receives: int


class Queue(Protocol):
    """Messages that are handed out at least once, in no promised order. A message that is received is hidden from
    others for its lease; unless it is acknowledged, it comes back then, and after ``max_receives`` goes to the dead
    letters instead. Everything may be called by several threads and processes at once. Each method may raise
    ``StorageError`` with one sentence, and nothing else."""

    url: str
    """The address that ``open_queue`` was given."""

    @property
    def max_receives(self) -> int:
        """How often a message is handed out before it goes to the dead letters."""
        ...

    @property
    def dead_letters(self) -> "Queue | None":
        """Where messages go that were handed out too often: a queue as well, or None where there is none."""
        ...

    def send(self, body: str, *, delay: float = 0.0) -> str:
        """Put a message (UTF-8, under 256 KB) in; it is hidden for ``delay`` seconds. Its id."""
        ...

    def receive(self, limit: int = 1, *, wait: float = 0.0, lease: float = 60.0) -> list[Message]:
        """Up to ``limit`` (1 to 10) messages, hidden from others for ``lease`` seconds. Where there is none, ``wait``
        (up to 20 seconds) for one; then the empty list."""
        ...

    def extend(self, message: Message, lease: float) -> bool:
        """Hide a received message for ``lease`` seconds from now; 0 hands it back. False where the lease is lost."""
        ...

    def acknowledge(self, message: Message) -> bool:
        """The message is done and goes. False where the lease was lost to someone else meanwhile."""
        ...

    def depth(self) -> tuple[int, int]:
        """About how many messages wait, and how many are out under a lease."""
        ...


def open_queue(url: str) -> Queue:
    """The queue of ``sqlite:///file`` or ``sqs://name``. Raises ``ConfigError`` for another address.

    ``sqs://name`` is a queue of the account and region that the environment names; ``sqs://host/account/name`` is
    the queue of that URL. A SQLite file is made where it is missing; an SQS queue must be there.
    """
    parts = queue_parts(url)
    if parts.scheme == "sqlite":
        from onlooker.jobs.sqlite import SqliteQueue

        return SqliteQueue(unquote(parts.path))
    from onlooker.jobs.sqs import SqsQueue

    return SqsQueue(parts.netloc + parts.path)


def queue_parts(url: str) -> SplitResult:
    """The parts of a queue's address; nothing is opened or made. Raises ``ConfigError`` for another address."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and parts.path.startswith("/") and not parts.netloc and parts.path != "/":
        return parts
    if parts.scheme == "sqs" and parts.netloc:
        return parts
    raise ConfigError(f"{url}: a queue is sqlite:///file (three slashes) or sqs://name")
