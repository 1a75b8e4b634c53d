"""The network: a body that looks at a face, an age distribution and a gender logit on top."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from onlooker.core.demographics import N_AGES
from onlooker.core.errors import InputError
from onlooker.training import efficientnet, resnet
from onlooker.training.config import CROP_SIZES, TrainConfig
from onlooker.training.files import damaged


class FaceNetwork(nn.Module):
    """Pixels ``(N, 3, H, W)``, RGB 0..255, to age logits ``(N, 101)`` and gender logits ``(N,)`` (positive: female).

    ``variant`` is its body: one of EfficientNet-Lite's sizes, or ``resnet``.
    """

    def __init__(self, variant: str = "lite0", dropout: float = 0.0, drop_path: float = 0.0) -> None:
        super().__init__()
        if variant not in CROP_SIZES:
            raise InputError(f"no network {variant!r}; choose one of {', '.join(CROP_SIZES)}")
        self.variant = variant
        mean: float | Tensor
        if variant == "resnet":
            self.body, width = resnet.resnet(drop_path), resnet.FEATURES
            mean, self._scale = torch.tensor(resnet.INPUT_MEAN).view(3, 1, 1), resnet.INPUT_SCALE
        else:
            self.body, width = efficientnet.efficientnet(variant, drop_path), efficientnet.FEATURES
            mean, self._scale = efficientnet.INPUT_MEAN, efficientnet.INPUT_SCALE
        self._mean = mean
        self.dropout = nn.Dropout(dropout)
        self.head = new_head(width)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return answers(self.head, self.features(pixels))

    def features(self, pixels: Tensor) -> Tensor:
        """What a head reads, ``(N, C, 1, 1)``, of pixels ``(N, 3, H, W)``."""
        features: Tensor = self.dropout(self.body(self.scaled(pixels)).mean((2, 3), keepdim=True))
        return features

    def scaled(self, pixels: Tensor) -> Tensor:
        """Pixels ``(N, 3, H, W)`` as the body expects them."""
        return (pixels - self._mean) * self._scale


def new_head(width: int) -> nn.Conv2d:
    """A head that reads ``FaceNetwork.features`` of ``width`` channels.

    It is a convolution rather than a matrix product, since runtimes compute it image by image, so that a face's answer
    does not depend on how many others are in the batch.
    """
    return nn.Conv2d(width, N_AGES + 1, 1)


def answers(head: nn.Conv2d, features: Tensor) -> tuple[Tensor, Tensor]:
    """Age logits ``(N, 101)`` and gender logits ``(N,)`` that a head reads from ``FaceNetwork.features``."""
    out = head(features).flatten(1)
    return out[:, :N_AGES], out[:, N_AGES]


class ServedNetwork(nn.Module):
    """The network as it is served: pixels ``(N, H, W, 3)`` uint8 in; logits out, with ``mirror`` the mean of the face's
    and those of its mirror image, so that both are answered alike. With ``size`` it sees the face at that side."""

    def __init__(self, network: FaceNetwork, *, mirror: bool = True, size: int | None = None) -> None:
        super().__init__()
        self.network = network
        self._mirror, self._size = mirror, size

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See the class: age logits ``(N, 101)`` and gender logits ``(N,)``."""
        upright = pixels.permute(0, 3, 1, 2).float()
        if self._size is not None and self._size != upright.shape[-1]:
            upright = functional.interpolate(upright, size=(self._size, self._size), mode="bilinear")
        if not self._mirror:
            alone: tuple[Tensor, Tensor] = self.network(upright)
            return alone
        age, gender = self.network(torch.cat([upright, upright.flip(3)]))
        return age.unflatten(0, (2, -1)).mean(0), gender.unflatten(0, (2, -1)).mean(0)


class Together(nn.Module):
    """Several networks as one, as they are served: the mean of their logits."""

    def __init__(self, networks: Sequence[ServedNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See ``ServedNetwork``."""
        if len(self.networks) == 1:
            alone: tuple[Tensor, Tensor] = self.networks[0](pixels)
            return alone
        ages, genders = zip(*(network(pixels) for network in self.networks), strict=True)
        return torch.stack(ages).mean(0), torch.stack(genders).mean(0)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Keep weights, and whatever else torch keeps: written beside the target, which is then replaced, so that a run
    stopped meanwhile has its last."""
    draft = path.with_name(f"{path.name}.part")
    torch.save(state, draft)
    draft.replace(path)


def load_weights(run: Path, name: str) -> FaceNetwork:
    """The network of a run's ``best.pt`` or ``final.pt``. Raises ``InputError`` where the run has none yet, or where it
    is damaged."""
    path = run / name
    if not path.exists():
        raise InputError(f"{run}: holds no {name} yet; run `onlooker train DATA --output {run}` to its end")
    network = FaceNetwork(TrainConfig.load(run / "config.json").network)
    anew = "delete it and last.pt, and " if name == "best.pt" else ""  # the final is made of the best
    with damaged(path, f"{anew}run `onlooker train DATA --output {run}` again"):
        network.load_state_dict(torch.load(path, weights_only=True)["network"])
    return network.eval()
