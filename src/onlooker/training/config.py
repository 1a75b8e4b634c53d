"""Every knob of a training run, saved beside its weights."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from onlooker.core.errors import InputError
from onlooker.training.files import read_mapping, write_text

CROP_SIZES = {"lite0": 112, "lite1": 112, "lite2": 112, "resnet": 150}
"""The networks, and the side in pixels of the crops that each is trained with; the last is the size that its weights
come from."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The defaults are those of the shipped weights' first pass; ``docs/training.md`` has the second."""

    network: str = "lite0"
    """Which body, one of ``CROP_SIZES``."""
    crop_size: int = 112
    """Side in pixels of what the network reads in the end."""
    first_size: int = 80
    """Side in the first epochs: half the cost, while the features are still coarse. The ``resnet`` knows
    faces of its own size and starts with them."""
    first_epochs: int = 8
    epochs: int = 18
    batch: int = 64
    learning_rate: float = 1.2e-3
    """Top of one cosine cycle, after a warm-up over ``warm_up`` of it."""
    warm_up: float = 0.12
    weight_decay: float = 0.02
    dropout: float = 0.2
    drop_path: float = 0.0
    """Share of the faces for which the last residual block is left out in a step; earlier blocks proportionally less
    (stochastic depth, Huang et al., 2016)."""
    average_decay: float = 0.998
    """Of the moving average of the weights, a step; the average is what is evaluated and kept."""
    sigma_base: float = 1.0
    sigma_per_year: float = 0.03
    """The target distribution around an age is a Gaussian of ``sigma_base + sigma_per_year * age`` years."""
    mean_weight: float = 0.1
    """Weight of the smooth L1 distance of the distribution's mean, in years, beside its cross-entropy."""
    gender_weight: float = 1.0
    gender_smoothing: float = 0.02
    opinion_weight: float = 0.3
    """Weight of a second head's loss, which learns another system's labels of the same faces where there are some."""
    doubt: float = 0.15
    """How far a gender's label is softened where the other system says the opposite."""
    teachers: tuple[str, ...] = ()
    """Cards of exported models whose mean answer is learnt beside the labels (distillation, Hinton et al., 2015)."""
    teaching: float = 0.5
    """How much of what is learnt is the teachers' answer, where there are teachers, and how much the label."""
    oversampling: float = 0.5
    """A face is drawn with its age's count to the power of minus this: 0 as they come, 1 every age alike."""
    further_share: float = 0.0
    """Share of the draws that are faces of further sets, 0 where they come as often as they are."""
    refit: bool = False
    """Whether the validation part and the held-back faces of further sets are learnt from as well, and the last epoch
    is kept: for a last pass, once other runs have chosen everything."""
    margin: float = 0.125
    """Share of the frame kept around every crop, for the geometric jitter to move within."""
    augmentation: float = 1.0
    """Strength of what is done to light and sharpness; the geometric jitter stays, it belongs to the detectors."""
    bfloat16: bool = False
    """Whether the body computes in sixteen bits: several times as fast where the processor multiplies such matrices."""
    pretrained: bool = True
    start: str = ""
    """A finished run whose best weights this one starts from, or the card of an exported model, instead of ImageNet's.
    """
    seed: int = 1
    threads: int = 2

    def save(self, path: Path) -> None:
        """Write the configuration as JSON."""
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "TrainConfig":
        """Read what ``save`` wrote. Raises ``FileNotFoundError`` without a file, ``InputError`` for an unknown key, and
        for a value of another kind."""
        values = read_mapping(path, "train in another folder")
        known = {f.name: f.default for f in fields(cls)}
        if unknown := set(values) - set(known):
            raise InputError(f"{path}: unknown setting {sorted(unknown)[0]!r}; remove it")
        for name, value in values.items():
            kind = type(known[name])
            if type(value) not in {float: (int, float), tuple: (list,)}.get(kind, (kind,)):
                raise InputError(f"{path}: {name} is {value!r}, of another kind than {known[name]!r}; put it right")
        return cls(**values | {"teachers": tuple(values.get("teachers", ()))})
