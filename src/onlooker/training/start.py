"""Where training starts: weights from elsewhere, or those of an exported model, from which a shop goes on with pictures
of its own."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from onlooker.core.errors import InputError, ModelError
from onlooker.models import store
from onlooker.models.cards import ModelCard
from onlooker.training.config import CROP_SIZES, TrainConfig
from onlooker.training.efficientnet import load_imagenet
from onlooker.training.network import FaceNetwork
from onlooker.training.resnet import face_weights


def load_pretrained(network: FaceNetwork, faces: Tensor) -> None:
    """Fill the body with what it learnt of other pictures: ImageNet's, or three million faces'; the heads stay.

    ``faces`` ``(N, 3, S, S)`` are some of those to be learnt from, see ``load_exported``. Raises ``InputError`` where
    the package that carries the weights is missing.
    """
    if network.variant != "resnet":
        load_imagenet(network.body, network.variant)
        return
    layers = face_weights(network.body)
    with torch.no_grad():
        for convolution, layer in zip(_layers(network.body), layers, strict=True):
            convolution.weight.copy_(layer.weights)
        _give_back(network, [layer.offset for layer in layers], faces)


def require_pretrained(variant: str) -> None:
    """Raise ``InputError`` where the package that carries a network's first weights is missing."""
    network = FaceNetwork(variant)
    if variant == "resnet":
        face_weights(network.body)
    else:
        load_imagenet(network.body, variant)


def load_exported(card: ModelCard, faces: Tensor) -> FaceNetwork:
    """The network of an exported model, the first where it is the mean of several, ready to be trained further.

    An export folds each normalisation into the convolution before it. Here every normalisation is given back: it takes
    the statistics that ``faces`` ``(N, 3, S, S)``, some hundred, have at its place, and a scale and an offset
    that undo them, so that the network answers as the exported one does. Raises ``ModelError`` for another network.
    """
    found, zero = _stored(card)
    network = _alike(card, found)
    layers = _layers(network)
    if zero is not None:
        # Its first offsets make up for the mean of the pixels, see ``graph.even_scaling``.
        found[0][1] -= (found[0][0] * network.scaled(torch.full((1, 3, 1, 1), zero))).sum((1, 2, 3))
    stored = found[: len(layers)]
    with torch.no_grad():
        for layer, weights in zip(layers, stored, strict=True):
            layer.weight.copy_(weights[0])
        assert network.head.bias is not None
        network.head.bias.copy_(stored[-1][1])
        _give_back(network, [weights[1] for weights in stored[:-1]], faces)
    return network


def network_of(start: Path) -> str:
    """Which network a run's folder or a model's card is of, by its name in ``CROP_SIZES``.

    Raises ``InputError`` for a folder without a run, ``ModelError`` for another network.
    """
    if not start.is_dir():
        card = ModelCard.load(start)
        return _alike(card, _stored(card)[0]).variant
    try:
        return TrainConfig.load(start / "config.json").network
    except FileNotFoundError:
        raise InputError(f"{start}: not a folder of `onlooker train`; name one, or the card of a model") from None


def _stored(card: ModelCard) -> tuple[list[list[Tensor]], float | None]:
    """Weights and offset of every convolution of an exported model, in order, in thirty-two bits again; and its zero,
    where pixels enter it as the eight bits that they are, see ``graph.Entry``."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(store.require(card))).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in values:  # stored in half the bits, see ``halves``
            values[node.output[0]] = values[node.input[0]].astype("float32")
        elif node.op_type == "DequantizeLinear" and node.input[0] in values:  # in eight, see ``quantize``
            stored, scale, zero = (values[name] for name in node.input)
            per_channel = (-1,) + (1,) * (stored.ndim - 1)
            widened = (stored.astype("float32") - zero.reshape(per_channel)) * scale.reshape(per_channel)
            values[node.output[0]] = widened.astype("float32")
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    found = [[torch.from_numpy(values[k].copy()) for k in node.input[1:] if k in values] for node in convolutions]
    if not convolutions or any(node.op_type == "Sub" for node in graph.node):
        return found, None
    made_by = {name: node for node in graph.node for name in node.output}
    enters = made_by.get(convolutions[0].input[0])
    if enters is None or enters.op_type != "DequantizeLinear":
        return found, None
    return found, float(values[enters.input[2]])


def _alike(card: ModelCard, stored: list[list[Tensor]]) -> FaceNetwork:
    """A network with the convolutions of an exported model, of the first where it is of several, and with weights of
    its own."""
    shapes = [weights[0].shape if weights else () for weights in stored]
    for network in (FaceNetwork(variant).eval() for variant in CROP_SIZES):
        layers = _layers(network)
        if [layer.weight.shape for layer in layers] == shapes[: len(layers)]:
            return network
    raise ModelError(f"{card.name}: not a network that `onlooker train` makes; start from one of its exports")


def _layers(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def _give_back(network: FaceNetwork, offsets: Sequence[Tensor], pixels: Tensor) -> None:
    """Run ``pixels`` through the body once, and set each normalisation as its input passes by."""
    norms = [module for module in network.body.modules() if isinstance(module, nn.BatchNorm2d)]

    def hook_for(norm: nn.BatchNorm2d, offset: Tensor) -> torch.utils.hooks.RemovableHandle:
        def before(_: nn.Module, inputs: tuple[Tensor]) -> None:
            variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean + offset)

        return norm.register_forward_pre_hook(before)

    training = network.training
    hooks = [hook_for(norm, offset) for norm, offset in zip(norms, offsets, strict=True)]
    network.eval()(pixels)
    network.train(training)
    for hook in hooks:
        hook.remove()
