"""Half the file: weights stored in sixteen bits, and computed with in thirty-two as before."""

from pathlib import Path

import numpy as np

LEAST = 1024
"""Smaller tensors, offsets above all, keep their bits."""


def store_halves(path: Path) -> None:
    """Rewrite the ONNX file so that its large weights are stored as sixteen-bit numbers, and widened when it is loaded.

    Eleven bits of each weight remain. The runtime widens them once, so that nothing is slower.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, str(path))
