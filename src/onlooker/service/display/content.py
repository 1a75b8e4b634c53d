"""The campaign as the page gets it: its file, read again when it changes, and the addresses of its adverts."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from onlooker.core.errors import ConfigError
from onlooker.signage.campaign import Advert, Campaign
from onlooker.signage.reading import KINDS, load

log = logging.getLogger(__name__)

BESIDE = frozenset(
    f".{end}" for end in ("css", "js", "mjs", "json", "woff2", "woff", "ttf", "otf", *(kind[1:] for kind in KINDS))
)
"""Ends of files that a page among the adverts may bring along, beside it in its folder."""


class Content:
    """A campaign file and what lies beside it. Raises ``ConfigError`` where the file is wrong at the start; a later
    mistake leaves the campaign as it was, and is told in ``problem``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self.campaign = load(path)
        self._seen = self._stamp()
        self.version = self._version()

    @property
    def name(self) -> str:
        """What the campaign goes by: its file's name, or its folder's where that is ``campaign``."""
        return self.path.resolve().parent.name if self.path.stem == "campaign" else self.path.stem

    def refresh(self) -> bool:
        """Read the file again if it, or an advert's file, has changed. Whether the campaign is another one now."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            campaign = load(self.path)
        except ConfigError as error:
            self.problem = str(error)
            log.error(json.dumps({"event": "campaign", "error": self.problem}))
            return False
        self.problem = ""
        self.campaign = campaign
        self._seen = self._stamp()
        self.version = self._version()
        return True

    def manifest(self) -> dict[str, Any]:
        """All that the page needs to play on alone, but for the order."""
        return {
            "campaign": self.name,
            "version": self.version,
            "default": self.campaign.default.id,
            "adverts": [self._entry(i, advert) for i, advert in enumerate(self.campaign.adverts)],
        }

    def foreign(self) -> list[str]:
        """Origins of adverts that are pages elsewhere."""
        urls = (urlsplit(a.source) for a in self.campaign.adverts if isinstance(a.source, str))
        return sorted({f"{url.scheme}://{url.netloc}" for url in urls})

    def file(self, number: int, name: str) -> Path | None:
        """The file of advert ``number``, or one that belongs to it; ``None`` where there is none to be given."""
        if not 0 <= number < len(self.campaign.adverts):
            return None
        source = self.campaign.adverts[number].source
        if isinstance(source, str):
            return None
        if name == source.name:
            return source if source.is_file() else None
        folder = source.parent.resolve()
        path = (folder / name).resolve()
        belongs = self.campaign.adverts[number].kind == "html" and path.suffix.lower() in BESIDE
        return path if belongs and path.is_relative_to(folder) and path.is_file() else None

    def _entry(self, number: int, advert: Advert) -> dict[str, Any]:
        if isinstance(advert.source, str):
            url, foreign = advert.source, True
        else:
            url = f"/display/media/{number}/{_stamp_of(advert.source)}/{quote(advert.source.name)}"
            foreign = False
        return {
            "id": advert.id,
            "kind": advert.kind,
            "url": url,
            "foreign": foreign,
            "duration_ms": round(advert.duration * 1000),
            "slot_ms": round(self.campaign.slot(advert) * 1000),
            "restricted": advert.restricted,
        }

    def _stamp(self) -> tuple[str, ...]:
        campaign: Campaign | None = getattr(self, "campaign", None)
        sources = [a.source for a in campaign.adverts] if campaign else []
        return (_stamp_of(self.path), *(_stamp_of(source) for source in sources if isinstance(source, Path)))

    def _version(self) -> str:
        entries = [self._entry(i, advert) for i, advert in enumerate(self.campaign.adverts)]
        return hashlib.sha256(json.dumps(entries).encode()).hexdigest()[:16]


def _stamp_of(path: Path) -> str:
    """A word that changes with a file."""
    try:
        stat = path.stat()
    except OSError:
        return "0"
    return hashlib.sha256(f"{stat.st_mtime_ns} {stat.st_size}".encode()).hexdigest()[:16]
