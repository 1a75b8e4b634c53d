"""A face that the camera tells of, as the audience's room knows people and as the operator is told."""

from typing import Any

import numpy as np

from onlooker.audience.viewers import Viewer
from onlooker.audience.visits import Demographics, Presence
from onlooker.core.demographics import whole_years
from onlooker.service.display.messages import Face, Present


def presence_of(face: Face) -> Presence:
    """A face as the audience's room knows people."""
    known = None
    if (read := face.known) is not None:
        ages = np.array(read.ages, dtype=np.float32)
        ages /= ages.sum()
        known = Demographics(read.age, read.low, read.high, read.p_female, read.gender, ages)
    return Presence(face.id, face.facing, max(1.0, face.box[3] - face.box[1]), known)


def shown(face: Face, seen: Present, viewer: Viewer | None) -> dict[str, Any]:
    """A face in sight, for the operator's page; its box as shares of the frame."""
    known = face.known
    x1, y1, x2, y2 = face.box
    return {
        "id": face.id[:4],
        "box": [round(v, 4) for v in (x1 / seen.width, y1 / seen.height, x2 / seen.width, y2 / seen.height)],
        "facing": face.facing,
        "present_s": round(max(0.0, seen.at - face.since), 1),
        "attention_s": None if viewer is None else round(viewer.attention_s, 1),
        "age": None if known is None else whole_years(known.age),
        "low": None if known is None else whole_years(known.low),
        "high": None if known is None else whole_years(known.high),
        "p_female": None if known is None else known.p_female,
        "gender": None if known is None else known.gender,
        "p_minor": None if viewer is None else round(viewer.p_minor, 3),
    }
