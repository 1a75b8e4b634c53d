"""How our camera sees the simulated people: with the errors measured on real faces (``benchmarks/confusion.py``)."""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES

_SHARES = np.array([0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0])


@cache
def _table() -> tuple[NDArray[np.float64], tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]]:
    """The lower ends of the age bands, and for each the answers for men and women."""
    text = files("onlooker.signage.simulation").joinpath("confusion.json").read_text(encoding="utf-8")
    bands: dict[int, dict[int, NDArray[np.float64]]] = {}
    for band in json.loads(text)["bands"]:
        bands.setdefault(band["from"], {})[band["female"]] = np.array(band["answers"])
    return np.array(sorted(bands), dtype=np.float64), tuple((bands[low][0], bands[low][1]) for low in sorted(bands))


def see(age: float, female: bool, rng: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """What the network says of a person: the age distribution ``(101,)`` and p_female. It is one whole answer that it
    gave to a real face of about that age and that gender, moved to this age."""
    lows, answers = _table()
    some = answers[int(np.searchsorted(lows, age, side="right")) - 1][int(female)]
    error, *about, p_female = some[rng.integers(len(some))]
    median = age + error
    inner = median + np.array([*about[:3], 0.0, *about[3:]])
    # Beyond the outermost quantiles as far again as the next lies within.
    ends = inner[0] - (inner[1] - inner[0]), inner[-1] + (inner[-1] - inner[-2])
    years = np.maximum.accumulate([ends[0], *inner, ends[1]]) + np.arange(len(_SHARES)) * 1e-6
    edges = np.interp(np.arange(N_AGES + 1) - 0.5, years, _SHARES)
    edges[0], edges[-1] = 0.0, 1.0
    return np.asarray(np.diff(edges), dtype=np.float32), float(p_female)


def certain(age: float, female: bool) -> tuple[NDArray[np.float32], float]:
    """What a camera without error would say."""
    distribution = np.zeros(N_AGES, dtype=np.float32)
    distribution[min(int(age), N_AGES - 1)] = 1.0
    return distribution, float(female)
