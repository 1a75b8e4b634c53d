"""This project's own model on the report's test faces: from the 32 x 32 pixels its networks see, and from the files.

It learned from most of UTKFace, so it is only ever asked about faces of the published split's test part.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.analyzer import Analyzer, Source
from onlooker.core.demographics import likely_class
from onlooker.core.errors import DatasetError
from onlooker.core.protocols import Progress, silent
from onlooker.datasets.split import part_files
from onlooker.report.faces import Faces
from onlooker.report.kept import read_array, write_array

FORMS = ("ours_32", "ours_full")

Said = dict[str, dict[str, NDArray[np.intp]]]
"""By form and output (``gender``, ``age``): the class said of each face, ``(N,)``."""


def unseen(faces: Faces, part: NDArray[np.intp], v1: Path) -> NDArray[np.intp]:
    """Those of a part that our model has never seen."""
    files = part_files(v1, "test")
    return part[[faces.names[i] in files for i in part]]


def ask(faces: Faces, chosen: NDArray[np.intp], cache: Path, *, workers: int, progress: Progress = silent) -> Said:
    """What our model says of some faces, in both forms. Answers are kept in ``cache`` (``.npy``): probability of
    female and class of ages, ``(faces, forms, 2)``, NaN where it was not asked. Those on other faces are not used."""
    known = read_array(cache, faces.key)
    if known is None or known.shape != (len(faces), len(FORMS), 2):
        known = np.full((len(faces), len(FORMS), 2), np.nan, dtype=np.float32)
    missing = chosen[np.isnan(known[chosen]).any(axis=(1, 2))]
    if len(missing):
        analyzer = Analyzer(aligned=True, workers=workers)
        small: list[Source] = [faces.pixels[i] for i in missing]
        for k, sources in enumerate((small, [faces.folder / faces.names[i] for i in missing])):
            known[missing, k] = _read(analyzer, sources, k * len(missing), progress)
        write_array(cache, known, faces.key)
    return {
        form: {
            "gender": np.asarray(known[chosen, k, 0] >= 0.5, dtype=np.intp),
            "age": np.asarray(known[chosen, k, 1], dtype=np.intp),
        }
        for k, form in enumerate(FORMS)
    }


def _read(analyzer: Analyzer, sources: Sequence[Source], before: int, progress: Progress) -> NDArray[np.float32]:
    rows = []
    for done, analysis in enumerate(analyzer.stream(("", source) for source in sources), start=1):
        if analysis.error:
            raise DatasetError(f"face {done}: {analysis.error}")
        rows.append((analysis.faces.p_female[0], likely_class(analysis.faces.age_distribution)[0]))
        progress(before + done)
    return np.array(rows, dtype=np.float32)
