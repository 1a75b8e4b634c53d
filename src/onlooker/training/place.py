"""Where an exported model goes: both its files at once, and never in the place of another's."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from onlooker.core.errors import InputError, ModelError
from onlooker.models.cards import ModelCard

Settle = Callable[[ModelCard], ModelCard]

FAST = " in eight bits"
"""What the form of a fast model says."""


@contextmanager
def place(run: Path, output: Path, name: str, *, form: str, origin: str) -> Iterator[tuple[Path, Settle]]:
    """Where to build the file of a model of ``run``, and what puts it and its card, as they were built, into
    ``output``; that gives the card there.

    A model of that name which is there already is replaced where its weights are the very same, and in the run's own
    folder where it is of the same ``form`` and ``origin`` (what its card calls ``summary`` and ``origin``). Elsewhere
    that is not enough: runs on the same faces have one origin, and no card tells them apart. Raises ``InputError`` for
    any other, before it is built where form and origin can tell, and for a name that is none.
    """
    if not name.strip() or name in (".", "..") or any(sign in name for sign in "/\\\0"):
        raise InputError(f"{name!r} is no name of a model; choose one without / or \\ with --name, and --output DIR")
    target = output / f"{name}.onnx"
    there, own = _there(target), output.resolve() == run.resolve()
    if there is not None and (there.summary != form or (there.origin != origin and not own)):
        raise InputError(_taken(there, name, form, origin))
    output.mkdir(parents=True, exist_ok=True)

    def settle(built: ModelCard) -> ModelCard:
        if there is not None and there.sha256 != built.sha256 and not (own and there.origin == origin):
            raise InputError(_taken(there, name, form, origin))
        card = replace(built, path=draft.with_suffix(".json"))
        card.save()
        draft.replace(target)
        card.path.replace(target.with_suffix(".json"))
        return replace(card, path=target.with_suffix(".json"))

    with tempfile.TemporaryDirectory(dir=output, prefix=".export-") as scratch:
        draft = Path(scratch) / target.name
        yield draft, settle


def _taken(there: ModelCard, name: str, form: str, origin: str) -> str:
    """Why a model cannot be put in the place of the one that is there."""
    mend = "choose another --name, or delete that one first"
    if there.origin != origin:
        return f"{there.path} is the card of another model ({there.summary}, {there.origin}); {mend}"
    if there.summary == form:
        return f"{there.path} is the card of other weights than these, replaced in its run's own folder alone; {mend}"
    if name == "face" and FAST in there.summary:
        return f"{there.path} is the fast form of this model, which --fast calls face_fast now; {mend}"
    return f"{there.path} is another form of this model ({there.summary}); {mend}"


def _there(target: Path) -> ModelCard | None:
    """The card of the model that is there already. Raises ``InputError`` where something else is."""
    path = target.with_suffix(".json")
    if path.exists():
        try:
            return ModelCard.load(path)
        except ModelError:
            raise InputError(f"{path} is there, and no card of a model; choose another --name") from None
    if target.exists():
        raise InputError(f"{target} is there, without a card; choose another --name, or delete it first")
    return None
