"""What a camera, a shop and a file format do to a face, done at random to a batch on the way into the network.

Everything works on float pixels 0..255, ``(N, 3, H, W)``, with an own draw for each face. The training set is one
style of picture, well lit and tightly cut; the wider this is spread, the less the network leans on that style.
"""

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

SCALE, TURN, SHIFT, STRETCH = 0.07, 5.0, 0.03, 0.03
"""Standard deviations of the geometric jitter: relative size, degrees, share of the frame, relative width to height.
They are about twice the scatter of the detectors' landmarks around UTKFace's own frames."""


def augment(crops: Tensor, size: int, margin: float, random: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Random views ``(N, 3, size, size)`` of crops ``(N, 3, S, S)`` that were cut with ``margin``.

    ``strength`` scales what is done to light and how often sharpness, noise and the rest are touched. Draws come from
    torch's global generator and, for what is done face by face, from ``random``.
    """
    x = _geometry(crops, size, margin)
    x = _light(x, strength)
    x = _resolution(x, random, share=0.4 * strength)
    x = _noise(x, share=0.3 * strength)
    x = _jpeg(x, random, share=0.2 * strength)
    return _erase(x, random, share=0.25 * strength)


def _some(n: int, share: float) -> Tensor:
    """A random ``share`` of ``n`` faces, as indices."""
    return torch.nonzero(torch.rand(n) < share).flatten()


def _uniform(n: int, low: float, high: float) -> Tensor:
    return torch.empty(n, 1, 1, 1).uniform_(low, high)


def _geometry(crops: Tensor, size: int, margin: float) -> Tensor:
    """Mirror, turn, move, scale and stretch the frame within the crop's margin."""
    n = len(crops)
    scale = torch.exp(torch.randn(n) * SCALE)
    stretch = torch.exp(torch.randn(n) * STRETCH)
    angle = torch.randn(n) * np.deg2rad(TURN)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    inner = 1 / (1 + 2 * margin)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * scale * stretch * mirror
    theta[:, 0, 1] = -torch.sin(angle) * scale / stretch
    theta[:, 1, 0] = torch.sin(angle) * scale * stretch * mirror
    theta[:, 1, 1] = torch.cos(angle) * scale / stretch
    theta[:, :, 2] = torch.randn(n, 2) * SHIFT * 2
    grid = functional.affine_grid((theta * inner).contiguous(), [n, 3, size, size], align_corners=False)
    return functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def _light(x: Tensor, strength: float) -> Tensor:
    """Exposure, contrast, gamma, white balance, saturation, a gradient of light, and grey pictures."""
    n, _, height, width = x.shape
    unit = (x / 255).clamp(0, 1)
    unit = unit ** torch.exp(torch.randn(n, 1, 1, 1) * 0.25 * strength)
    mean = unit.mean((1, 2, 3), keepdim=True)
    contrast, exposure = (torch.exp(torch.randn(n, 1, 1, 1) * sigma * strength) for sigma in (0.16, 0.12))
    unit = (unit - mean) * contrast + mean * exposure
    grey = (unit * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = torch.exp(torch.randn(n, 1, 1, 1) * 0.3 * strength)
    saturation[_some(n, 0.1 * strength)] = 0.0
    unit = grey + (unit - grey) * saturation
    unit = unit * torch.exp(torch.randn(n, 3, 1, 1) * 0.06 * strength * (saturation > 0))
    slope = torch.randn(n, 2, 1, 1) * 0.35 * (torch.rand(n, 1, 1, 1) < 0.3 * strength)
    across, down = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)
    unit = unit * torch.exp(slope[:, :1] * across.view(1, 1, 1, -1) + slope[:, 1:] * down.view(1, 1, -1, 1))
    return unit.clamp(0, 1) * 255


def _resolution(x: Tensor, random: np.random.Generator, *, share: float) -> Tensor:
    """Faces that were few pixels high, or out of focus: shrunk and enlarged again, in four sizes a batch."""
    size = x.shape[-1]
    chosen = _some(len(x), share)
    for part in chosen.chunk(4):
        if len(part):
            side = int(np.exp(random.uniform(np.log(20), np.log(size))))
            small = functional.interpolate(x[part], size=(side, side), mode="bilinear", antialias=True)
            mode = "bicubic" if random.random() < 0.6 else "bilinear"
            x[part] = functional.interpolate(small, size=(size, size), mode=mode, align_corners=False).clamp(0, 255)
    return x


def _noise(x: Tensor, *, share: float) -> Tensor:
    """A sensor's noise, up to 20 levels."""
    part = _some(len(x), share)
    level = 20 * torch.rand(len(part), 1, 1, 1) ** 2
    x[part] = (x[part] + torch.randn_like(x[part]) * level).clamp(0, 255)
    return x


def _jpeg(x: Tensor, random: np.random.Generator, *, share: float) -> Tensor:
    """JPEG's blocks, at quality 15 to 80."""
    for i in _some(len(x), share).tolist():
        buffer = BytesIO()
        pixels = x[i].permute(1, 2, 0).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=int(random.integers(15, 81)))
        decoded = np.asarray(Image.open(buffer), dtype=np.float32)
        x[i] = torch.from_numpy(decoded).permute(2, 0, 1)
    return x


def _erase(x: Tensor, random: np.random.Generator, *, share: float) -> Tensor:
    """Something in front of the face: a rectangle of noise or of one colour (Zhong et al., 2017)."""
    size = x.shape[-1]
    for i in _some(len(x), share).tolist():
        high, wide = (int(size * s) for s in random.uniform(0.12, 0.45, 2))
        top, left = random.integers(0, size - high), random.integers(0, size - wide)
        colour = torch.rand(3, 1, 1) * 255
        patch = colour.expand(3, high, wide) if random.random() < 0.5 else torch.rand(3, high, wide) * 255
        x[i, :, top : top + high, left : left + wide] = patch
    return x
