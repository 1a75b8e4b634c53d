"""What the camera's process and the server say to each other: all of it, and of a face nothing but numbers.

A message is four bytes with the length of a line of JSON, the line, and for a picture as many bytes more as it says.
A message that is none of these is refused, so that nothing else can come to pass this way. Pictures are sent only
while an operator's page asks for them; they go from memory to memory.
"""

import struct
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from onlooker.core.addresses import shown
from onlooker.core.demographics import N_AGES, Gender

LONGEST = 4_000_000
"""Bytes of a message or of its picture; whoever claims more is not our process."""

Probability = Annotated[float, Meta(ge=0, le=1)]
Id = Annotated[str, Meta(min_length=1, max_length=32, pattern="^[0-9a-zA-Z_-]+$")]


class Known(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What was read of a face so far: ``ages`` are the probabilities of the years 0 to 100."""

    ages: Annotated[tuple[Probability, ...], Meta(min_length=N_AGES, max_length=N_AGES)]
    age: float
    low: float
    high: float
    p_female: Probability
    gender: Gender | None
    views: int


class Face(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A face in sight: its random id, its box in pixels, whether it looks this way, and since when (seconds on the
    stream's clock). ``here`` says that it was found in this very frame."""

    id: Id
    box: tuple[float, float, float, float]
    facing: bool
    here: bool
    since: float
    known: Known | None = None


class Present(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag="present"):
    """Who is in sight ``at`` a moment of the stream, in a frame of ``width`` by ``height`` pixels."""

    at: float
    width: int
    height: int
    rate: float
    faces: list[Face]


class Source(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag="source"):
    """Something befell the camera, in a sentence; ``refused`` and ``ended`` are final, until it is started again."""

    kind: Literal["opened", "lost", "failed", "back", "ended", "refused"]
    text: str


class Alive(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag="alive"):
    """The process runs."""


class Picture(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag="picture"):
    """A picture for the operator's page; ``size`` bytes of JPEG follow."""

    size: Annotated[int, Meta(ge=1, le=LONGEST)]


Message = Present | Source | Alive | Picture


class Wanted(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the server wants of the camera from now on: whether it looks at all, and whether it shows what it sees."""

    look: bool = True
    show: bool = False


class Task(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a camera's process is started with.

    every         seconds between two words of who is in sight; at once where somebody came or went
    demographics  whether ages and genders are read at all
    patience      seconds that one frame may take before the process gives itself up
    """

    source: str
    loop: bool = False
    demographics: bool = True
    detector: str = "auto"
    model: str | None = None
    min_face: float = 32.0
    every: float = 0.1
    patience: float = 20.0
    log_level: str = "WARNING"

    @property
    def shown(self) -> str:
        """The source as it may be shown: without its password."""
        return shown(self.source)


def packed(message: msgspec.Struct, data: bytes = b"") -> bytes:
    """A message as it goes over the pipe."""
    line = msgspec.json.encode(message)
    return struct.pack("<I", len(line)) + line + data


def unpacked(line: bytes) -> Message:
    """The message of a line. Raises ``msgspec.ValidationError`` for anything that is none."""
    message: Message = msgspec.json.decode(line, type=Message)
    return message


def length(head: bytes) -> int:
    """The length of the line that follows these four bytes. Raises ``ValueError`` for one that cannot be."""
    (size,) = struct.unpack("<I", head)
    if not 2 <= size <= LONGEST:
        raise ValueError(f"a message of {size} bytes")
    return int(size)
