"""A graph that computes less answers as before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlooker.models.runtime import Session

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")
onnx = pytest.importorskip("onnx", reason="training needs the extra: pip install 'onlooker[train]'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from onlooker.training.export import write_onnx  # noqa: E402
from onlooker.training.graph import Entry, even_scaling, fold_paddings  # noqa: E402
from onlooker.training.network import FaceNetwork, ServedNetwork, new_head  # noqa: E402
from onlooker.training.quantize import quantize  # noqa: E402

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (2, 3, 9, 11)).astype(np.float32)


def graph_of(nodes: list[Any], **constants: Any) -> Any:
    """A model of pictures ``x`` to ``y``, with a convolution's ``weights`` and ``offset`` at hand."""
    values = {"weights": RANDOM.normal(size=(4, 3, 3, 3)), "offset": RANDOM.normal(size=4), **constants}
    floats = [
        numpy_helper.from_array(np.asarray(v, np.int64 if name == "widths" else np.float32), name)
        for name, v in values.items()
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in "xy"]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], floats)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(model: Any, path: Path) -> np.ndarray:
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return Session(path).run({"x": PICTURES})["y"]


def kinds(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_a_convolution_adds_the_zeros_that_were_added_before_it(tmp_path: Path) -> None:
    pad = helper.make_node("Pad", ["x", "widths"], ["wide"])
    conv = helper.make_node("Conv", ["wide", "weights", "offset"], ["y"], strides=[2, 2], pads=[1, 0, 0, 1])
    model = graph_of([pad, conv], widths=[0, 0, 0, 1, 0, 0, 2, 0])
    before = answer(model, tmp_path / "before.onnx")
    fold_paddings(model)
    assert kinds(model) == ["Conv"]
    assert {tensor.name for tensor in model.graph.initializer} == {"weights", "offset"}
    np.testing.assert_allclose(answer(model, tmp_path / "after.onnx"), before, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("widths", "mode", "value", "reader"),
    [
        pytest.param([0, 0, 0, 1, 0, 0, 2, 0], "constant", 1.0, "Conv", id="no zeros"),
        pytest.param([0, 0, 0, 1, 0, 0, 2, 0], "reflect", 0.0, "Conv", id="reflected"),
        pytest.param([0, 0, 0, -1, 0, 0, 2, 0], "constant", 0.0, "Conv", id="cut"),
        pytest.param([0, 1, 0, 0, 0, 0, 0, 0], "constant", 0.0, "Relu", id="channels"),
        pytest.param([0, 0, 0, 1, 0, 0, 2, 0], "constant", 0.0, "Relu", id="read by another"),
    ],
)
def test_what_a_convolution_cannot_add_stays(
    tmp_path: Path, widths: list[int], mode: str, value: float, reader: str
) -> None:
    inputs = ["wide", "weights", "offset"] if reader == "Conv" else ["wide"]
    nodes = [
        helper.make_node("Pad", ["x", "widths", "value"], ["wide"], mode=mode),
        helper.make_node(reader, inputs, ["y"]),
    ]
    model = graph_of(nodes, widths=widths, value=value)
    before = answer(model, tmp_path / "before.onnx")
    fold_paddings(model)
    assert kinds(model) == ["Pad", reader]
    assert np.array_equal(answer(model, tmp_path / "after.onnx"), before)


def scaled(mean: Any, pads: list[int]) -> Any:
    return graph_of(
        [
            helper.make_node("Sub", ["x", "mean"], ["moved"]),
            helper.make_node("Mul", ["moved", "scale"], ["scaled"]),
            helper.make_node("Conv", ["scaled", "weights", "offset"], ["y"], pads=pads),
        ],
        mean=mean,
        scale=1 / 128,
    )


def test_a_mean_for_each_channel_is_evened_and_made_up_for(tmp_path: Path) -> None:
    model = scaled(np.array([122.8, 117.0, 104.3]).reshape(3, 1, 1), [0, 0, 0, 0])
    before = answer(model, tmp_path / "before.onnx")
    assert even_scaling(model) == Entry("scaled", 1 / 128, 115)
    assert 115.0 in [numpy_helper.to_array(tensor) for tensor in model.graph.initializer if not tensor.dims]
    np.testing.assert_allclose(answer(model, tmp_path / "after.onnx"), before, rtol=1e-4, atol=1e-4)


def test_one_whole_mean_is_left_as_it_is_whatever_is_padded(tmp_path: Path) -> None:
    model = scaled(127.0, [0, 0, 1, 1])
    before = answer(model, tmp_path / "before.onnx")
    assert even_scaling(model) == Entry("scaled", 1 / 128, 127)
    assert np.array_equal(answer(model, tmp_path / "after.onnx"), before)


@pytest.mark.parametrize("mean", [122.782, -3.0, [[[122.0]], [[117.0]], [[104.0]]]])
def test_a_padding_of_zeros_allows_no_other_mean(tmp_path: Path, mean: Any) -> None:
    model = scaled(mean, [1, 1, 1, 1])
    before = answer(model, tmp_path / "before.onnx")
    assert even_scaling(model) is None
    assert np.array_equal(answer(model, tmp_path / "after.onnx"), before)


@pytest.mark.parametrize(("variant", "side", "seen"), [("lite0", 48, 48), ("lite0", 64, 48), ("resnet", 75, 75)])
def test_an_eight_bit_network_reads_pixels_and_answers_alike(
    tmp_path: Path, variant: str, side: int, seen: int
) -> None:
    torch.manual_seed(0)
    crops = np.random.default_rng(0).integers(0, 256, (24, side, side, 3), dtype=np.uint8)
    face = FaceNetwork(variant)
    face.body = torch.nn.Sequential(
        *list(face.body)[:6]
    )  # the beginning is what is changed, and deeper layers of random weights amplify all
    face.head = new_head(face.body(torch.zeros(2, 3, seen, seen)).shape[1])
    write_onnx(ServedNetwork(face, mirror=False, size=seen).eval(), tmp_path / "whole.onnx", side)
    quantize(tmp_path / "whole.onnx", tmp_path / "fast.onnx", crops)
    fast = onnx.load(str(tmp_path / "fast.onnx"))
    assert not {"Sub", "Mul"} & set(kinds(fast))
    assert kinds(fast).count("Cast") == (side != seen)
    whole, eight = (Session(tmp_path / f"{name}.onnx").run({"pixels": crops}) for name in ("whole", "fast"))
    for name in ("age", "gender"):
        assert np.abs(eight[name] - whole[name]).mean() < 0.01 * np.abs(whole["age"]).max()
