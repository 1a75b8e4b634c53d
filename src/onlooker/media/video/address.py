"""What a source is, by how it is named: a camera's number, an address of the network, or a file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from onlooker.core.addresses import shown

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

Source = int | str | Path


@dataclass(frozen=True, slots=True)
class Address:
    """A source as it was named; ``shown`` is without the password."""

    kind: Literal["camera", "url", "file"]
    value: str
    shown: str

    @classmethod
    def of(cls, source: Source) -> "Address":
        """The address that a number, a text or a path is."""
        text = str(source)
        if text.isdecimal():
            return cls("camera", text, f"camera {text}")
        if _URL.match(text):
            return cls("url", text, shown(text))
        return cls("file", text, text)
