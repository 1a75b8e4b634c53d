"""Where training starts: weights from elsewhere, or those of an exported model, from which a shop goes on with pictures
of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from onlooker.core.errors import ModelError
from onlooker.models import store
from onlooker.models.cards import ModelCard
from onlooker.training.config import CROP_SIZES
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
    convolutions = [module for module in network.body.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for convolution, layer in zip(convolutions, layers, strict=True):
            convolution.weight.copy_(layer.weights)
        _give_back(network, [layer.offset for layer in layers], faces)


def load_exported(card: ModelCard, faces: Tensor) -> FaceNetwork:
    """The network of an exported model, ready to be trained further.

    An export folds each normalisation into the convolution before it. Here every normalisation is given back: it takes
    the statistics that ``faces`` ``(N, 3, S, S)``, some hundred, have at its place, and a scale and an offset
    that undo them, so that the network answers as the exported one does. Raises ``ModelError`` for another network.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(store.require(card))).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in values:  # stored in half the bits, see ``halves``
            values[node.output[0]] = values[node.input[0]].astype("float32")
    stored = [[values[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    shapes = [list(weights[0].shape) for weights in stored]
    for network in (FaceNetwork(variant).eval() for variant in CROP_SIZES):
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
        if [list(layer.weight.shape) for layer in layers] == shapes:
            break
    else:
        raise ModelError(f"{card.name}: not a network that `onlooker train` makes; start from one of its exports")
    with torch.no_grad():
        for layer, weights in zip(layers, stored, strict=True):
            layer.weight.copy_(torch.from_numpy(weights[0].copy()))
        assert network.head.bias is not None
        network.head.bias.copy_(torch.from_numpy(stored[-1][1].copy()))
        offsets = [torch.from_numpy(weights[1].copy()) for weights in stored[:-1]]
        _give_back(network, offsets, faces)
    return network


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
