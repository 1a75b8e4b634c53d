"""A run goes on with the faces and labels that it was begun with, whatever lies beside them."""

from dataclasses import replace
from pathlib import Path

import pytest

from onlooker.core.errors import InputError

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")

from onlooker.training.run import take_faces  # noqa: E402
from onlooker.training.sources import Sources  # noqa: E402
from tests.training.small import CONFIG, nobody  # noqa: E402

FACES = ["a.jpg,30,female", "b.jpg,31,male", "c.jpg,32,", "d.jpg,33,"]
PARTS = ("train", "validation", "calibration", "test")


def labels(path: Path, *rows: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("file,age,gender\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Four labelled faces, one in each part, a further set, and opinions; nobody looks at the pictures."""
    split = tmp_path / "split.csv"
    rows = [f"{face.split(',')[0]},{part},{i}\n" for i, (face, part) in enumerate(zip(FACES, PARTS, strict=True))]
    split.write_text("file,part,group\n" + "".join(rows), encoding="utf-8")
    also, said = labels(tmp_path / "more.csv", "m.jpg,40,", "n.jpg,41,"), labels(tmp_path / "said.csv", "a.jpg,20-29,")
    return Sources(labels(tmp_path / "faces.csv", *FACES), split, (also,), said)


def begin(run: Path, sources: Sources, *, epochs: bool = True) -> None:
    """Take the faces of a run as ``train`` does; then it has, or has not, come as far as an epoch."""
    take_faces(run, sources, CONFIG, "mine", nobody)
    if epochs:
        (run / "last.pt").touch()


def test_it_goes_on_where_its_faces_lie_now(run: Path, sources: Sources, tmp_path: Path) -> None:
    begin(run, sources)
    moved = labels(tmp_path / "elsewhere" / "faces.csv", *FACES)
    opinions = labels(tmp_path / "elsewhere" / "opinions.csv", "a.jpg,20-29,")
    begin(run, replace(sources, data=moved, opinions=opinions))
    begin(run, replace(sources, split=None))


@pytest.mark.parametrize("row", ["a.jpg,31,female", "a.jpg,30,male", "a.jpg,30-39,female"])
def test_other_labels_of_its_faces_are_refused(run: Path, sources: Sources, row: str) -> None:
    begin(run, sources)
    labels(sources.data, row, *FACES[1:])
    with pytest.raises(InputError, match=r"was begun with other files or labels in DATA; name the same"):
        begin(run, sources)


@pytest.mark.parametrize("rows", [FACES[:1], ["x.jpg,30,", "y.jpg,31,"]])
def test_faces_that_have_gone_are_refused(run: Path, sources: Sources, rows: list[str]) -> None:
    begin(run, sources)
    labels(sources.data, *rows)
    with pytest.raises(InputError, match=r"was begun with other files in DATA than .*faces\.csv; name the same"):
        begin(run, sources)


def test_faces_and_opinions_that_its_split_leaves_out_may_be_added(run: Path, sources: Sources) -> None:
    begin(run, sources)
    labels(sources.data, "0.jpg,50,male", *FACES, "e.jpg,34-40,")
    assert sources.opinions is not None
    labels(sources.opinions, "a.jpg,20-29,", "e.jpg,30-39,", "b.jpg,30-39,")
    data, said = take_faces(run, sources, CONFIG, "mine", nobody)
    counts = {part: len(faces) for part, faces in data.parts.items()}
    assert counts == {**dict.fromkeys(PARTS, 1), "train": 2, "other": 1}
    assert [problem.split(":")[0] for problem in data.problems] == ["0.jpg", "e.jpg"]
    assert said is not None
    assert [face.age_high for face in said] == [29, 125], "of the further set nothing is said"


def test_other_further_sets_and_opinions_are_refused(run: Path, sources: Sources, tmp_path: Path) -> None:
    begin(run, sources)
    labels(sources.also[0], "m.jpg,40,", "n.jpg,41,", "o.jpg,42,")
    with pytest.raises(InputError, match=r"labels in --also;"):
        begin(run, sources)
    said = labels(tmp_path / "other.csv", "a.jpg,30-39,")
    with pytest.raises(InputError, match=r"labels in --also, --opinions;"):
        begin(run, replace(sources, opinions=said))


@pytest.mark.parametrize("which", ["data", "also"])
def test_a_run_of_before_that_learnt_from_classes_is_not_gone_on_with(run: Path, sources: Sources, which: str) -> None:
    (run / "last.pt").touch()
    if which == "data":
        labels(sources.data, "a.jpg,30-39,female", *FACES[1:])
    else:
        labels(sources.also[0], "m.jpg,40,", "n.jpg,40-49,")
    for _ in range(2):
        with pytest.raises(InputError, match="begun by a version that drew classes of ages by their middles; train in"):
            begin(run, sources)


def test_a_run_of_before_that_learnt_from_known_ages_is_believed(run: Path, sources: Sources) -> None:
    (run / "last.pt").touch()
    labels(sources.data, *FACES[:2], "c.jpg,30-39,", FACES[3])  # nothing is learnt from the calibration part
    begin(run, sources)
    labels(sources.data, "a.jpg,35,female", *FACES[1:])
    with pytest.raises(InputError, match="labels in DATA"):
        begin(run, sources)


def test_before_its_first_epoch_a_run_may_begin_anew_with_others(folder: Path, run: Path, sources: Sources) -> None:
    begin(run, sources, epochs=False)
    kept = (run / "split.csv").read_text()
    begin(run, replace(sources, split=None, also=()), epochs=False)
    assert (run / "split.csv").read_text() == kept
    begin(run, Sources(folder), epochs=False)
    assert "39_0_0_2017" in (run / "split.csv").read_text()
