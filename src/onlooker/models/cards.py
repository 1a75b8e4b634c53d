"""Model cards: what a model file is, where it came from, what it may be used for, how good it is.

A card is a JSON file. Those of the package lie in ``onlooker/models/weights``; ``onlooker export`` writes one beside
the weights it exports.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from onlooker.core.errors import ModelError
from onlooker.models.calibration import Calibration

WEIGHTS = Path(__file__).parent / "weights"
"""Where the package's own cards and weights lie."""

DEFAULT_MODEL = "face_v5"
"""The model that reads faces where no other is named."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model file and all that should be known before it is used.

    ``sha256`` and ``bytes`` belong to the file; ``url`` is empty where it ships with the package. ``scores`` maps a
    data set's name to its protocol and figures, ``fairness`` to those of its groups.
    """

    name: str
    task: str
    summary: str
    file: str
    sha256: str
    bytes: int
    licence: str
    origin: str
    url: str = ""
    notes: str = ""
    input_size: int = 0
    calibration: Calibration | None = None
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    fairness: dict[str, dict[str, Any]] = field(default_factory=dict)
    path: Path = field(default=WEIGHTS / "none.json", compare=False)

    @property
    def folder(self) -> Path:
        """Where the card lies; its file may lie beside it."""
        return self.path.parent

    @classmethod
    def load(cls, path: Path) -> "ModelCard":
        """Read a card. Raises ``ModelError`` where it is missing or malformed."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            _require_kinds(values)
            if calibration := values.get("calibration"):
                values["calibration"] = Calibration.from_dict(calibration)
            return cls(**values, path=path)
        except FileNotFoundError:
            raise ModelError(f"{path}: no such model card; `onlooker export RUN` writes one") from None
        except OSError as error:
            raise ModelError(f"{path}: the model card cannot be read ({error.strerror or error})") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: not a model card ({error}); export the model again") from None

    def save(self) -> None:
        """Write the card to its ``path``: whole, or the one of before stays. A link stays one."""
        optional = {"url": "", "notes": "", "input_size": 0, "calibration": None, "scores": {}, "fairness": {}}
        values = {
            key: value
            for key, value in asdict(self).items()
            if key != "path" and not (key in optional and value == optional[key])
        }
        if self.calibration is not None:
            values["calibration"] = self.calibration.to_dict()
        place = Path(os.path.realpath(self.path))
        draft = place.with_name(f"{place.name}.part")
        try:
            draft.write_text(_readable(values) + "\n", encoding="utf-8")
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)

    def with_scores(self, name: str, scores: dict[str, Any]) -> "ModelCard":
        """The card with the figures of one more data set."""
        return replace(self, scores={**self.scores, name: scores})

    def with_fairness(self, name: str, found: dict[str, Any]) -> "ModelCard":
        """The card with the audit of one more data set."""
        return replace(self, fairness={**self.fairness, name: found})


def _require_kinds(values: dict[str, Any]) -> None:
    """Raise ``TypeError`` where a text, a whole number or the figures of a card are something else."""
    for f in fields(ModelCard):
        kind = dict if f.name in ("scores", "fairness") else f.type
        if kind in (str, int, dict) and f.name in values and type(values[f.name]) is not kind:
            raise TypeError(f"{f.name} is {values[f.name]!r}")


_FLAT = re.compile(r"\[[^\[\]{}\"]*\]|\{(?:\s*\"\w+\": (?:-?[\d.]+|null),?)+\s*\}")


def _readable(values: dict[str, Any]) -> str:
    """JSON in which a list of numbers, or a figure with its interval, stands on one line."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    return _FLAT.sub(lambda m: m[0][0] + " ".join(m[0][1:-1].split()) + m[0][-1], text)


def builtin_cards() -> list[ModelCard]:
    """The package's cards, by name."""
    return [ModelCard.load(path) for path in sorted(WEIGHTS.glob("*.json"))]


def find_card(given: Path | str) -> ModelCard:
    """A card by the path of its file, or one of the package's by its name. Raises ``ModelError`` for neither."""
    path = Path(given)
    return ModelCard.load(path) if path.suffix or path.is_file() else builtin_card(str(given))


def builtin_card(name: str) -> ModelCard:
    """One of the package's cards. Raises ``ModelError`` that names those there are."""
    cards = {card.name: card for card in builtin_cards()}
    if name not in cards:
        raise ModelError(f"no model is called {name!r}; there are {', '.join(cards)}")
    return cards[name]
