"""What a run comes from: the faces that it learns from, and whose weights and answers it builds on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onlooker.core.errors import InputError
from onlooker.datasets import labelled
from onlooker.datasets.labelled import LabelledFace
from onlooker.models.cards import ModelCard
from onlooker.training.config import TrainConfig
from onlooker.training.files import read_mapping, write_text

UNSTATED = "unstated: that of the pictures it was trained on"
"""The licence of a run whose trainer said nothing."""

_AND = "; and "


@dataclass(frozen=True, slots=True)
class Sources:
    """What a run learns from.

    data      a folder or CSV of labelled face crops, see ``labelled.read``, cut into parts by ``split`` or a new one
    also      further sets, of photographs in which the face is found as in use; they join the training part, but for
              every fifth face, by which the best epoch is chosen too (``TrainConfig.refit`` learns from those as well)
    opinions  another system's labels of the same files, as a CSV
    """

    data: Path
    split: Path | None = None
    also: tuple[Path, ...] = ()
    opinions: Path | None = None


Parts = Mapping[str, Sequence[LabelledFace]]
"""Labelled faces by the part that they are in."""


def _digest(parts: Parts) -> str:
    """A SHA-256 of the names and labels of faces, by part and in their order; wherever they lie."""
    rows = {part: [[f.name, f.age_low, f.age_high, f.female] for f in faces] for part, faces in parts.items()}
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()


def drop_split_of_others(run: Path, data: Path) -> None:
    """Of a run that ended before its first epoch, drop the split where it was made of other faces than those that
    ``data`` has now."""
    if (run / "last.pt").exists():
        return
    begun, read = _begun(run), _digest({"": labelled.read(data).faces})
    if begun.get("split", read) != read:
        (run / "split.csv").unlink(missing_ok=True)
    _note(run, {**begun, "split": read})


def keep_sources(run: Path, faces: Mapping[str, Parts], *, classes: bool, licence: str) -> None:
    """Note in a run's folder what it is made of: the ``faces`` that are in a part, by what the command line calls them.

    Raises ``InputError`` where a run that goes on was begun with other faces or labels. Runs of before have no note,
    and are believed, but not where ``classes`` of ages are learnt from: those were drawn as if all were of the middle.
    """
    goes_on, begun = (run / "last.pt").exists(), _begun(run)
    if goes_on and not begun and classes:
        raise InputError(
            f"{run} was begun by a version that drew classes of ages by their middles; train in another folder"
        )
    digests = {name: _digest(parts) for name, parts in faces.items()}
    changed = [name for name, digest in digests.items() if begun.get(name, digest) != digest]
    if goes_on and changed:
        raise InputError(
            f"{run} was begun with other files or labels in {', '.join(changed)}; name the same, or another folder"
        )
    _note(run, {**begun, **digests, "licence": licence})


def _begun(run: Path) -> dict[str, Any]:
    """What was noted of a run, or nothing."""
    path = run / "sources.json"
    return read_mapping(path, "train in another folder") if path.exists() else {}


def _note(run: Path, values: Mapping[str, Any]) -> None:
    write_text(run / "sources.json", json.dumps(values, indent=2) + "\n")


def licence_of(own: str, config: TrainConfig) -> str:
    """What a run's weights may be used for: as whoever trains it says, ``own``, or unstated where that is empty; and as
    the run or model that it starts from and its teachers may. Where ``own`` is another than theirs, theirs are named.
    """
    parents = _parents(config)
    if not own:
        return joined([UNSTATED, *parents.values()])
    others = [f"{name}: {text}" for name, text in parents.items() if {*text.split(_AND)} - {*own.split(_AND)}]
    return own + (f" (so whoever trained it; it comes from {' and from '.join(others)})" if others else "")


def joined(licences: Sequence[str]) -> str:
    """Several licences as one, each said once."""
    return _AND.join(dict.fromkeys(part for licence in licences for part in licence.split(_AND)))


def _parents(config: TrainConfig) -> Mapping[str, str]:
    """The licences of what a run starts from and of its teachers, by their names."""
    found = {}
    for given in (config.start, *config.teachers):
        path = Path(given)
        if given and path.is_dir():
            found[path.name] = _licence_of_run(path)
        elif given:
            card = ModelCard.load(path)
            found[card.name] = card.licence
    return found


def _licence_of_run(run: Path) -> str:
    for name in ("summary.json", "sources.json"):  # a run that is not finished has no summary
        if (run / name).exists():
            return str(read_mapping(run / name, f"run `onlooker train` on {run} again").get("licence", UNSTATED))
    return UNSTATED
