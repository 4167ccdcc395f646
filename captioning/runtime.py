"""The inference session: OpenVINO on the processor, shared by many threads.

No training framework is needed to serve. OpenVINO picks bf16 by itself where the processor has it (VGG16: half the
time of fp32 at a mean-centred cosine of 0.9993) and fp32 elsewhere; `precision="f32"` forbids that where the answer
has to be exact.
"""
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import openvino

Precision = Literal["f32", "bf16"]
Hint = Literal["LATENCY", "THROUGHPUT"]


class Session:
    """A compiled graph that any number of threads may call at once.

    A call borrows one of the idle inference requests, or makes one: there are never more than the most calls there
    have been at one time. OpenVINO runs them one behind the other on all its threads (the LATENCY hint), so that
    they do not fight for cores, and releases the GIL meanwhile; or, where many pictures are at hand, side by side on a
    part of its threads each (THROUGHPUT: no thread waits for another, 7 % more pictures a second on two cores).
    """

    def __init__(self, model: "openvino.Model", precision: Precision | None = None, threads: int | None = None,
                 hint: Hint = "LATENCY"):
        import openvino

        settings: dict[str, object] = {"PERFORMANCE_HINT": hint}
        if precision:
            settings["INFERENCE_PRECISION_HINT"] = precision
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._idle: deque[openvino.InferRequest] = deque()

    @property
    def precision(self) -> str:
        """What the graph runs in: "bf16" or "f32"."""
        name = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        return str(name)

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """The graph's outputs, in order, for its inputs, in order. The arrays are the caller's own."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            outputs = request.infer(list(inputs), share_inputs=True, share_outputs=True)  # no copies, but for ours
            return [np.array(outputs[i]) for i in range(len(outputs))]
        finally:
            self._idle.append(request)


def read_ir(path: Path) -> "openvino.Model":
    """An OpenVINO IR graph: `NAME.xml` with `NAME.bin` beside it."""
    import openvino

    return openvino.Core().read_model(path)


def graph(build: Callable, shape: list[int], name: str) -> "openvino.Model":
    """A graph with one uint8 input of `shape`; `build(ops, node)` adds to it and returns its output node."""
    import openvino
    from openvino import opset15 as ops

    node = ops.parameter(shape, openvino.Type.u8, name="image")
    return openvino.Model([build(ops, node)], [node], name)
