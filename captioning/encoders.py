"""Pictures → features: one pass gives the map a captioner attends to and the vector a search compares.

VGG16 (Simonyan & Zisserman 2015) is built here from its arrays, preprocessing included. The other networks come as
OpenVINO graphs that `captioning.training.keras_encoders` wrote, preprocessing included as well; and so does any of them
in int8, which `captioning.training export` makes.
"""
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from captioning import registry, runtime
from captioning.similarity import Similarity, unfitted

if TYPE_CHECKING:
    import openvino

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of the five blocks
RGB_MEAN = (123.68, 116.779, 103.939)  # of ImageNet, as keras.applications.vgg16.preprocess_input subtracts it
GRID = 7  # squares a side of the map


@dataclass(frozen=True)
class Encoding:
    """What is kept of a picture."""

    map: np.ndarray  # (h, w, C) float32; VGG16: (7, 7, 512), block5_conv3 after its ReLU, before the last pooling
    vector: np.ndarray  # (d,) float32 of length 1


class Encoder:
    """A convolution network and the similarity fitted to it. Any number of threads may call it at once.

    `version` names both, as vectors of two versions must not meet; `card.version` names the map alone.
    """

    def __init__(self, card: registry.Card, session: runtime.Session,
                 similarity: Callable[[np.ndarray], np.ndarray] = unfitted, similarity_version: str = "unfitted"):
        self.card, self.name = card, card.name
        self.version = f"{card.version}-{similarity_version}"
        self._session, self._similarity, self.side = session, similarity, card.settings["side"]

    def encode(self, image: Image.Image) -> Encoding:
        """An upright picture of any size."""
        features = self.features(image)
        return Encoding(features, self.vector(features))

    def features(self, image: Image.Image) -> np.ndarray:
        """The map alone, (h, w, C) float32."""
        return self._session(resized(image, self.side)[None])[0][0]

    def vector(self, features: np.ndarray) -> np.ndarray:
        """(..., h, w, C) maps → (..., d) float32 of length 1."""
        return self._similarity(features)

    @classmethod
    def from_card(cls, card: registry.Card, folder: Path, hint: runtime.Hint = "LATENCY") -> "Encoder":
        """With its similarity, if one was fitted. Raises ModelDamaged where it was fitted to another version."""
        name, version = registry.original(card)
        try:
            fitted = registry.card(f"{name}-similarity", folder)
        except registry.ModelMissing:
            return cls.unfitted(card, folder, hint)
        if fitted.settings["encoder_version"] != version:
            raise registry.ModelDamaged(f"{fitted.name} was fitted to version {fitted.settings['encoder_version']} of "
                                        f"{name}, this is {version}. Fit it again: {fitted.command}")
        registry.check(fitted, folder)
        return cls(card, session(card, folder, hint), Similarity.read(folder / fitted.file), fitted.version)

    @classmethod
    def unfitted(cls, card: registry.Card, folder: Path, hint: runtime.Hint = "LATENCY") -> "Encoder":
        return cls(card, session(card, folder, hint))


def session(card: registry.Card, folder: Path, hint: runtime.Hint = "LATENCY") -> runtime.Session:
    """The network of a card: a picture (1, side, side, 3) uint8 → its map."""
    return runtime.Session(GRAPHS[card.settings["graph"]](folder / card.file, card.settings),
                           card.settings.get("precision"), hint=hint)


def resized(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8 RGB, the whole picture, aspect not kept: as the networks were trained.

    `reducing_gap` box-averages first what is over six times too large: 12 megapixels take a fifth of the time.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0))


def vgg16(weights: dict[str, np.ndarray], side: int) -> "openvino.Model":
    """VGG16's convolutions over (1, side, side, 3) uint8 RGB → (1, 7, 7, 512) float32.

    `weights`: `blockB_convI/kernel` (3, 3, in, out) and `…/bias` as Keras keeps them. Before the last pooling the
    map has side/16 squares a side: 7 at 112 pixels; more are averaged to 7.
    """
    def build(ops: Any, image: Any) -> Any:
        x = ops.convert(image, "f32") - ops.constant(np.array(RGB_MEAN, "float32"))
        x = ops.transpose(x, ops.constant([0, 3, 1, 2]))
        for b, (_, depth) in enumerate(VGG16, 1):
            for i in range(1, depth + 1):
                x = _convolution(ops, x, *_kernel(weights, f"block{b}_conv{i}"))
            if b < len(VGG16):
                x = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
        if side // 16 != GRID:
            x = ops.adaptive_avg_pool(x, ops.constant([GRID, GRID]))
        return ops.transpose(x, ops.constant([0, 2, 3, 1]))

    return runtime.graph(build, [1, side, side, 3], "vgg16")


def _kernel(weights: dict[str, np.ndarray], layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (out, in, 3, 3) and bias (1, out, 1, 1); the first one is turned from BGR, Caffe's order, to RGB."""
    kernel = weights[f"{layer}/kernel"].transpose(3, 2, 0, 1)
    if layer == "block1_conv1":
        kernel = kernel[:, ::-1]
    return np.ascontiguousarray(kernel), weights[f"{layer}/bias"].reshape(1, -1, 1, 1)


def _convolution(ops: Any, x: Any, kernel: np.ndarray, bias: np.ndarray) -> Any:
    # stored as float16 and widened in the graph: the runtime keeps what it needs, and no second copy
    kernel, bias = (ops.convert(ops.constant(array), "f32") for array in (kernel, bias))
    return ops.relu(ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1]) + bias)


def _read_vgg16(path: Path, settings: dict[str, Any]) -> "openvino.Model":
    with np.load(path) as arrays:
        return vgg16(dict(arrays), settings["side"])


GRAPHS: dict[str, Callable[[Path, dict[str, Any]], "openvino.Model"]] = {
    "vgg16": _read_vgg16,
    "openvino": lambda path, settings: runtime.read_ir(path),
}
