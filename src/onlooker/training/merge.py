"""Several ONNX networks in one file, which answers with the mean of theirs."""

from collections.abc import Sequence
from pathlib import Path


def merge(sources: Sequence[Path], target: Path) -> None:
    """Write the networks ``sources``, which read the same ``pixels`` and put out ``age`` and ``gender``, as one.

    Its nodes are those of the sources in their order, so that the first can be told from the rest.
    """
    import onnx
    from onnx import compose, helper

    models = [onnx.load(str(source)) for source in sources]
    if len(models) == 1:
        onnx.save(models[0], str(target))
        return
    named = [compose.add_prefix(model, f"of{i}_", rename_inputs=False) for i, model in enumerate(models)]
    outputs = [output.name for output in models[0].graph.output]
    means = [helper.make_node("Mean", [f"of{i}_{name}" for i in range(len(named))], [name]) for name in outputs]
    graph = helper.make_graph(
        [node for model in named for node in model.graph.node] + means,
        "mean",
        list(models[0].graph.input),
        list(models[0].graph.output),
        [tensor for model in named for tensor in model.graph.initializer],
    )
    opsets = {(opset.domain, opset.version): opset for model in models for opset in model.opset_import}
    merged = helper.make_model(graph, opset_imports=list(opsets.values()), ir_version=models[0].ir_version)
    onnx.checker.check_model(merged)
    onnx.save(merged, str(target))
