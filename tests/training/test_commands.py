"""``onlooker train``, ``export`` and ``evaluate`` as a user types them, one after another."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")


def onlooker(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "onlooker.cli.main", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Sixty noisy pictures labelled by a CSV, no two alike; the gender of some is not known."""
    random = np.random.default_rng(0)
    (tmp_path / "faces").mkdir()
    lines = ["file,age,gender"]
    for i in range(60):
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.BICUBIC).save(tmp_path / "faces" / f"{i}.png")
        lines.append(f"{i}.png,{20 + i},{('female', 'male', '')[i % 3]}")
    (tmp_path / "faces" / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_from_labels_to_a_model_that_is_used(labelled: Path) -> None:
    trained = onlooker(
        *("train", "faces", "--output", "run", "--epochs", "1", "--batch", "16", "--from-scratch", "--workers", "1"),
        *("--learning-rate", "0.0001", "--augmentation", "0.5", "--licence", "mine"),
        cwd=labelled,
    )
    assert trained.returncode == 0, trained.stderr
    assert "test part" in trained.stdout
    assert "too few to hold 90% of ages (100 are needed)" in trained.stdout
    assert "epoch 1 of 1: mae" in trained.stderr
    again = onlooker(
        *("train", "faces", "--output", "more", "--split", "run/split.csv", "--epochs", "1", "--batch", "16"),
        *("--start", "run", "--workers", "1", "--bfloat16"),
        cwd=labelled,
    )
    assert again.returncode == 0, again.stderr
    assert json.loads((labelled / "more" / "config.json").read_text())["bfloat16"]
    alone = onlooker("train", "faces", "--output", "other", "--also-share", "0.3", cwd=labelled)
    assert alone.returncode == 2
    assert "name one with --also" in alone.stderr
    assert not (labelled / "other").exists()
    exported = onlooker("export", "more", "--name", "mine", cwd=labelled)
    assert exported.returncode == 0, exported.stderr
    card = json.loads((labelled / "more" / "mine.json").read_text())
    assert "by way of run" in card["origin"]
    assert card["licence"] == "unstated: that of the pictures it was trained on; and mine"
    both = onlooker("export", "more", "--with", "run", "--fast", cwd=labelled)
    assert both.returncode == 0, both.stderr
    assert both.stdout.startswith(f"{Path('more', 'face_fast.json')}: ")
    assert len(both.stdout.splitlines()) == 1
    fast = json.loads((labelled / "more" / "face_fast.json").read_text())
    assert fast["summary"].startswith("mean of EfficientNet-Lite0 and EfficientNet-Lite0 in eight bits")
    assert fast["licence"] == card["licence"]
    over = onlooker("export", "run", "--output", "more", "--name", "mine", cwd=labelled)
    assert over.returncode == 2
    assert "more/mine.json is the card of another model" in over.stderr.replace("\\", "/")
    evaluated = onlooker(
        *("evaluate", "faces", "--aligned", "--split", "run/split.csv", "--part", "test", "--format", "json"),
        *("--model", "more/mine.json", "--record", "noise"),
        cwd=labelled,
    )
    assert evaluated.returncode == 0, evaluated.stderr
    figures = json.loads(evaluated.stdout)
    assert figures["n"] > 0
    assert json.loads((labelled / "more" / "mine.json").read_text())["scores"]["noise"]["mae"] == figures["mae"]


def test_training_says_what_is_wrong_with_the_data(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = onlooker("train", "empty", "--output", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "labels.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert onlooker("export", "run", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("teacher", ["nobody", "yunet"])
def test_a_teacher_that_cannot_teach_is_refused_before_anything_is_cut(labelled: Path, teacher: str) -> None:
    refused = onlooker("train", "faces", "--output", "run", "--teacher", teacher, cwd=labelled)
    assert refused.returncode != 0
    assert teacher in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (labelled / "run").exists()
