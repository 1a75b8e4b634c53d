"""UTKFace's faces as the report's networks read them, all in memory: 73 MB as uint8 at 32 x 32."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import age_class
from onlooker.core.errors import DatasetError, PictureError
from onlooker.core.protocols import Progress, silent
from onlooker.datasets import utkface
from onlooker.media.images import Picture
from onlooker.report.kept import Key, key_of, read_array, write_array
from onlooker.report.transform import SIDE, transform


@dataclass(frozen=True, slots=True)
class Faces:
    """Every labelled face, sorted by file name as the report had them.

    ``pixels`` are uint8 ``(N, 32, 32, 3)``, RGB; ``ages`` in years ``(N,)``; ``labels`` the index of what is right by
    output: ``gender`` (0 male, 1 female), ``age`` (child, adult, old) and ``race``, each ``(N,)``.
    """

    folder: Path
    names: list[str]
    pixels: NDArray[np.uint8]
    ages: NDArray[np.int64]
    labels: dict[str, NDArray[np.intp]]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def key(self) -> Key:
        """What tells these faces from others, for what is kept of them."""
        return key_of(self.folder, self.names)


def read_faces(folder: Path, cache: Path, progress: Progress = silent) -> Faces:
    """The faces of a UTKFace folder; their pixels are kept in ``cache`` (``.npy``) and taken from there next time,
    where the folder and the names are the same.

    Raises ``DatasetError`` where the folder holds none, or a picture cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; name UTKFace's by --data")
    records, _ = utkface.read(folder)
    if not records:
        raise DatasetError(f"{folder}: no file is named age_gender_race_time.jpg; name UTKFace's folder by --data")
    names = [record.file for record in records]
    ages = np.array([record.age for record in records])
    labels = {
        "gender": np.array([record.gender for record in records]),
        "age": age_class(ages.astype(np.float64)),
        "race": np.array([record.race for record in records]),
    }
    return Faces(folder, names, _pixels(folder, names, cache, progress), ages, labels)


def _pixels(folder: Path, names: list[str], cache: Path, progress: Progress) -> NDArray[np.uint8]:
    key = key_of(folder, names)
    if (known := read_array(cache, key)) is not None:
        return known
    pixels = np.empty((len(names), SIDE, SIDE, 3), dtype=np.uint8)

    def read(i: int) -> None:
        try:
            decoded = Picture.open(folder / names[i]).decode()
        except PictureError as error:
            raise DatasetError(f"{folder / names[i]}: {error}") from None
        pixels[i] = np.round(transform(decoded) * 255)

    with ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(read, range(len(names))), start=1):
            progress(done)
    write_array(cache, pixels, key)
    return pixels
