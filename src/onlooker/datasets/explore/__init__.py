"""Looking through UTKFace as the report did: its figures, its numbers beside ours, on one page."""

from pathlib import Path

from onlooker.core.errors import DatasetError, InputError
from onlooker.datasets.explore.charts import CHARTS, render
from onlooker.datasets.explore.faces import sample_faces, sheet
from onlooker.datasets.explore.numbers import Numbers
from onlooker.datasets.explore.page import page
from onlooker.datasets.utkface import parse_dataset


def explore(data: Path, output: Path, *, faces: bool = True, seed: int = 1) -> Numbers:
    """Write ``index.html`` into ``output``, each figure as PNG and SVG and, unless ``faces`` is False, ``faces.png``;
    what is counted comes back.

    Raises ``DatasetError`` where there is nothing to look at or the extra ``[data]`` is missing, ``InputError`` where
    ``output`` cannot be written to.
    """
    frame = parse_dataset(data)
    if output.resolve() == data.resolve():
        raise DatasetError(f"{output}: is the data's own folder; name another --output folder")
    numbers = Numbers.of(frame)
    drawn = {name: render(chart(numbers)) for name, chart in CHARTS.items()}
    shown = sample_faces(frame, data, seed=seed) if faces else []
    text = page(numbers, {name: svg for name, (svg, _) in drawn.items()}, shown, name=data.resolve().name, seed=seed)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, (svg, png) in drawn.items():
            (output / f"{name}.svg").write_text(svg, encoding="utf-8")
            (output / f"{name}.png").write_bytes(png)
        if faces:
            sheet(shown).save(output / "faces.png")
        else:
            (output / "faces.png").unlink(missing_ok=True)
        (output / "index.html").write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{output}: cannot be written to ({error.strerror}); name another --output folder") from None
    return numbers
