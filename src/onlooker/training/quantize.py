"""The fast form of a model: eight-bit weights and activations, on a third of the work."""

import logging
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.training.graph import enter_as_pixels, even_scaling, fold_paddings

RANGE_FACES = 512
"""Faces that the ranges of the activations are taken from."""

_BATCH = 32

_OPERATIONS = ["Conv", "Add", "Clip", "Relu", "MaxPool", "AveragePool", "Pad"]
"""What is computed in eight bits: the convolutions, and all that stands between them, so that nothing is widened and
narrowed on the way."""


def quantize(source: Path, target: Path, crops: NDArray[np.uint8]) -> None:
    """Write the model ``source`` with an eight-bit body to ``target``.

    Activations get the ranges they have on ``crops`` ``(N, S, S, 3)``, cut at their rarest thousandth of a per cent;
    weights get one scale a channel, and seven of the eight bits: processors without the newest instructions add pairs
    of products in sixteen bits, which eight would overflow. Post-training static quantisation (Jacob et al., 2018).
    What only prepares those eight bits is not computed at all, see ``training.graph``.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.getLogger("root").setLevel(logging.ERROR)
    some = np.linspace(0, len(crops) - 1, min(RANGE_FACES, len(crops))).astype(np.intp)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(str(prepared))
        fold_paddings(model)
        entry = even_scaling(model)
        onnx.save(model, str(prepared))
        known = (
            {"scale": np.array(entry.scale, np.float32), "zero_point": np.array(entry.zero, np.uint8)} if entry else {}
        )
        with redirect_stdout(StringIO()):  # it prints how it goes
            quantize_static(
                str(prepared),
                str(target),
                _Reader(crops[some]),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATIONS,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"TensorQuantOverrides": {entry.name: [known]}} if entry else {},
            )
    if entry:
        model = onnx.load(str(target))
        enter_as_pixels(model, entry)
        onnx.checker.check_model(model)
        onnx.save(model, str(target))


class _Reader:
    """Crops in batches, as the quantiser asks for them."""

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        self._batches = iter([crops[start : start + _BATCH] for start in range(0, len(crops), _BATCH)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch as the model's input, or ``None`` after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": np.array(batch)}
