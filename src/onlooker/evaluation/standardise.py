"""What is left of a group's gap where its ages are not to blame: its figures beside everyone's of the same ages.

Indirect standardisation (Breslow and Day, 1987): what a group shows, less what it would show if each of its faces did
as well as the mean of all faces in the same age band. It asks nothing of bands in which the group has no faces.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from onlooker.evaluation.answers import Answers
from onlooker.evaluation.curves import band_names, bands_of
from onlooker.evaluation.metrics import Estimate, Floats, Mask, interval_of, resamples

Key = tuple[str, str]
"""A group: its grouping and its name in it."""


class _Figure(NamedTuple):
    """A figure as a mean over faces: each face's part ``(n,)``, and whether it counts ``(n,)``."""

    values: Floats
    among: Mask


def excesses(answers: Answers, groups: Mapping[Key, Mask]) -> dict[Key, dict[str, Estimate]]:
    """For each group, by the mask ``(n,)`` of its faces, how far its figures lie above those of everyone of the same
    ages, by the name of the metric (``mae_excess`` in years, ``gender_accuracy_excess`` as a share). A figure that no
    face of the group has is left out. Intervals are of the same bootstrap as all others, the bands' means in it.
    """
    figures = _figures(answers)
    bands = (bands_of(answers.label)[:, None] == np.array(band_names())).astype(np.float64)
    whole = _excesses(np.ones((1, len(answers))), figures, bands, groups)
    drawn = [_excesses(weights, figures, bands, groups) for weights in resamples(len(answers))]
    answer: dict[Key, dict[str, Estimate]] = {key: {} for key in groups}
    for (key, name), value in whole.items():
        if np.isfinite(value[0]):
            answer[key][name] = interval_of(float(value[0]), np.concatenate([some[key, name] for some in drawn]))
    return answer


def _figures(answers: Answers) -> dict[str, _Figure]:
    named = (answers.female >= 0) & np.isfinite(answers.p_female)
    right = (np.nan_to_num(answers.p_female) >= 0.5) == (answers.female == 1)
    return {
        "mae_excess": _Figure(np.abs(np.nan_to_num(answers.error)), np.isfinite(answers.age)),
        "gender_accuracy_excess": _Figure(right.astype(np.float64), named),
    }


def _excesses(
    weights: Floats, figures: Mapping[str, _Figure], bands: Floats, groups: Mapping[Key, Mask]
) -> dict[tuple[Key, str], Floats]:
    """Of every group and figure, for weights ``(B, n)`` of the faces: ``(B,)``, NaN where none of its faces has any."""
    answer = {}
    for name, (values, among) in figures.items():
        counted = bands * among[:, None]
        expected = np.nan_to_num(_ratio(weights @ (counted * values[:, None]), weights @ counted))
        for key, mask in groups.items():
            mine = np.flatnonzero(mask & among)
            own = weights[:, mine]
            count = own @ bands[mine]
            answer[key, name] = _ratio(own @ values[mine] - (count * expected).sum(axis=1), count.sum(axis=1))
    return answer


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0))
