"""One ONNX Runtime session, with its threads bounded and its errors translated, and with nothing told to anyone."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Its official builds report to their maker by default, and keep a device's id on the disk for it (Privacy.md in the
# package). This has to be set before the library begins; afterwards its own switch comes too late for the first event.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from onlooker.core.errors import ModelError

Floats = NDArray[np.float32]


class Session:
    """A network on the CPU. ``run`` may be called from several threads; each call uses at most ``threads`` of its own.

    ``fixed_size`` says that inputs have one size or nearly. Raises ``ModelError`` where the file is no network that
    this runtime can load.
    """

    def __init__(self, path: Path, *, threads: int = 1, fixed_size: bool = True) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle threads of a session spin by default, which starves the other worker on a two-core machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # An arena keeps the system's allocator from being left in pieces, but holds the largest input ever seen.
        options.enable_cpu_mem_arena = fixed_size
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own undocumented types
            raise ModelError(f"{path.name} cannot be loaded as an ONNX network ({error}); fetch it again") from error
        self.inputs = [i.name for i in self._session.get_inputs()]
        self.outputs = [o.name for o in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> dict[str, Floats]:
        """The network's outputs by name, for inputs by name."""
        return dict(zip(self.outputs, self._session.run(self.outputs, dict(feeds)), strict=True))
