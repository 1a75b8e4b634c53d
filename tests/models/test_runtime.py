"""Networks on the CPU: what is none is refused, what is one runs the same from any thread."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import ModelError
from onlooker.models.runtime import Session


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs of any length, their sum and their difference."""
    onnx = pytest.importorskip("onnx", reason="onnx comes with the extra `train`")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
        "arithmetic",
        [helper.make_tensor_value_info(name, kind, ["n"]) for name in ("a", "b")],
        [helper.make_tensor_value_info(name, kind, ["n"]) for name in ("sum", "difference")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path_factory.mktemp("network") / "arithmetic.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("data", [b"", b"not a network", bytes(1000)], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_network_is_refused_by_name(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "face.onnx"
    path.write_bytes(data)
    with pytest.raises(
        ModelError, match=r"^face\.onnx cannot be loaded as an ONNX network \((.|\n)*\); fetch it again$"
    ):
        Session(path)


def test_a_missing_network_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^absent\.onnx cannot be loaded"):
        Session(tmp_path / "absent.onnx")


def test_a_truncated_network_is_refused(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(network.read_bytes()[:-20])
    with pytest.raises(ModelError, match=r"^cut\.onnx cannot be loaded"):
        Session(path)


def test_inputs_go_in_and_outputs_come_out_by_name(network: Path) -> None:
    session = Session(network)
    assert session.inputs == ["a", "b"]
    assert session.outputs == ["sum", "difference"]
    answer = session.run({"b": np.array([1, 2, 3], np.float32), "a": np.array([10, 20, 30], np.float32)})
    assert {name: values.tolist() for name, values in answer.items()} == {
        "sum": [11, 22, 33],
        "difference": [9, 18, 27],
    }


def test_threads_that_share_a_session_do_not_mix_their_answers(network: Path) -> None:
    session = Session(network, threads=2)

    def ask(i: int) -> bool:
        a, b = np.full(50 + i, i, np.float32), np.ones(50 + i, np.float32)
        return np.array_equal(session.run({"a": a, "b": b})["sum"], a + b)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(100)))


def test_nothing_is_told_or_noted_of_whoever_uses_it(tmp_path: Path) -> None:
    """The runtime's telemetry writes a device's id and its events below the home or the temporary folder."""
    places = {
        name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    }
    for place in places.values():
        place.mkdir()
    known = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = "from onlooker.attributes.estimator import FaceEstimator; FaceEstimator()"
    environment = {**known, **{name: str(place) for name, place in places.items()}}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()] == []
