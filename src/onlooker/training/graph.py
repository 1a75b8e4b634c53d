"""What an eight-bit model need not compute: paddings that its convolutions can add themselves, and pixels that are
scaled only to be rounded to eight bits again."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SPATIAL = 2
"""The first axis of ``(N, C, H, W)`` that a convolution pads."""

Array = NDArray[Any]


class Entry(NamedTuple):
    """A value of the graph that is ``(pixels - zero) * scale``, and so is the pixels themselves in eight bits of that
    scale and zero."""

    name: str
    scale: float
    zero: int


def fold_paddings(model: Any) -> None:
    """Let each convolution of an ONNX ``model`` add the zeros that a node of their own adds before it."""
    from onnx import helper

    graph = model.graph
    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        value = _constant(graph, pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
        widths, readers = _constant(graph, pad.input[1]), _readers(graph, pad.output[0])
        if [node.op_type for node in readers] != ["Conv"] or widths is None or value is None or value.any():
            continue
        conv, (before, after) = readers[0], np.split(widths, 2)
        if _word(pad, "mode") not in (b"", b"constant") or _word(conv, "auto_pad") not in (b"", b"NOTSET"):
            continue
        if (widths < 0).any() or before[:_SPATIAL].any() or after[:_SPATIAL].any():
            continue
        added = np.concatenate([before[_SPATIAL:], after[_SPATIAL:]])
        kept = [attribute for attribute in conv.attribute if attribute.name != "pads"]
        pads = helper.make_attribute("pads", [int(width) for width in _pads(conv, len(added)) + added])
        del conv.attribute[:]
        conv.attribute.extend([*kept, pads])
        conv.input[0] = pad.input[0]
        graph.node.remove(pad)
    _sweep(graph)


def even_scaling(model: Any) -> Entry | None:
    """Where the pixels of an ONNX ``model`` that begins with ``(pixels - mean) * scale`` can enter in eight bits.

    A mean for each channel is evened to one whole number; a first convolution that pads nothing makes up for the rest
    in its offsets. ``None`` where that cannot be, or where a model begins otherwise.
    """
    from onnx import numpy_helper

    graph = model.graph
    sub = next((node for node in graph.node if node.op_type == "Sub"), None)
    mul = None if sub is None else _only_reader(graph, sub, "Mul")
    conv = None if mul is None else _only_reader(graph, mul, "Conv")
    if sub is None or mul is None or conv is None or len(conv.input) < 3:
        return None
    mean, scale, weights, offset = (
        _constant(graph, name) for name in (sub.input[1], mul.input[1], conv.input[1], conv.input[2])
    )
    if mean is None or scale is None or weights is None or offset is None or scale.size != 1:
        return None
    zero = round(float(mean.mean()))
    rest = (mean.reshape(1, -1, 1, 1) - zero) * scale.item()
    if not 0 <= zero <= 255 or (rest.any() and _pads(conv, 4).any()):
        return None
    evened = offset - (weights * rest).sum(axis=(1, 2, 3))
    # Names of their own: what is equal by chance is one tensor in the graph, and others read it.
    for node, k, value in ((sub, 1, np.array(zero)), (conv, 2, evened)):
        name = f"{node.output[0]}_evened"
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        node.input[k] = name
    _sweep(graph)
    return Entry(mul.output[0], float(scale.item()), zero)


def enter_as_pixels(model: Any, entry: Entry) -> None:
    """Let the pixels of a quantised ONNX ``model`` enter at ``entry`` as the eight bits that they are; where they are
    resized before, they are rounded once."""
    from onnx import numpy_helper

    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    pixels = made_by[made_by[entry.name].input[0]].input[0]
    before = made_by.get(pixels)
    for rounded in [node for node in _readers(graph, entry.name) if node.op_type == "QuantizeLinear"]:
        if before is not None and before.op_type == "Cast":
            for node in _readers(graph, rounded.output[0]):
                node.input[0] = before.input[0]
            graph.node.remove(rounded)
        else:
            one, zero = f"{entry.name}_one", f"{entry.name}_zero"
            values: dict[str, Array] = {one: np.array(1, np.float32), zero: np.array(0, np.uint8)}
            graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
            rounded.input[:] = [pixels, one, zero]
    _sweep(graph)


def _pads(conv: Any, count: int) -> Array:
    """The widths that a convolution pads by itself, ``(count,)``."""
    own = next((list(attribute.ints) for attribute in conv.attribute if attribute.name == "pads"), [0] * count)
    return np.array(own)


def _word(node: Any, name: str) -> bytes:
    return next((bytes(attribute.s) for attribute in node.attribute if attribute.name == name), b"")


def _constant(graph: Any, name: str) -> Array | None:
    """The value of a name that is the same for every input, or ``None``."""
    from onnx import numpy_helper

    for tensor in graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor))
    return None


def _readers(graph: Any, name: str) -> list[Any]:
    return [node for node in graph.node if name in node.input]


def _only_reader(graph: Any, node: Any, kind: str) -> Any | None:
    readers = _readers(graph, node.output[0])
    return readers[0] if [reader.op_type for reader in readers] == [kind] else None


def _sweep(graph: Any) -> None:
    """Remove what nothing reads any more."""
    wanted = {output.name for output in graph.output}
    while True:
        read = wanted.union(*(node.input for node in graph.node))
        idle = [node for node in graph.node if not read.intersection(node.output)]
        for node in idle:
            graph.node.remove(node)
        if not idle:
            break
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
