"""What a campaign's conditions are compared with, as whatever knows it writes it into a file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from onlooker.signage.campaign import Fact


def facts_of(path: Path | None) -> Callable[[], Mapping[str, Fact]]:
    """A hook that tells what a JSON file says at the moment, an object of plain values; nothing where it cannot be
    read."""

    def facts() -> Mapping[str, Fact]:
        try:
            told = json.loads(path.read_bytes()) if path is not None else {}
        except (OSError, ValueError):
            return {}
        if not isinstance(told, dict):
            return {}
        return {str(key): value for key, value in told.items() if isinstance(value, str | int | float | bool)}

    return facts
