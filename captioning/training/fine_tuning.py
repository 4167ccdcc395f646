"""VGG16's last block trained on captions: what the pictures are about, beside what the teacher saw in them.

The input of block 5 is cached for every photo and view, so an epoch costs three convolutions a photo. They are trained
together with a captioner and a joint space (both go on afterwards by their own steps), and held to the map they had
before: that map is what similar pictures and the taggers were measured on. The heads should be trained first.
"""
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops
from PIL import Image

from captioning import registry, runtime
from captioning.encoders import GRID, resized, vgg16
from captioning.training.captions import CaptionNetwork, NextWord
from captioning.training.joint import InfoNCE, JointNetwork, PairBatches

if TYPE_CHECKING:
    import openvino

BLOCK = ("block5_conv1", "block5_conv2", "block5_conv3")
CAPTIONS = 2  # of five a photo go through the captioner; all go through the joint space


class Stem:
    """VGG16 up to block 4's pooling; at 112 px that is (7, 7, 512). Caches like an encoder.

    Its version names the first four blocks alone, so fine-tuning can go on from a fine-tuned encoder's cache.
    """

    def __init__(self, weights: dict[str, np.ndarray], side: int):
        if side // 16 != GRID:
            raise ValueError(f"fine-tuning takes an encoder at {16 * GRID} px, this one is at {side}")
        self.name, self.weights, self._side = "vgg16-block4", weights, side
        below = b"".join(weights[key].tobytes() for key in sorted(weights) if not key.startswith("block5"))
        self.version = hashlib.sha256(below + bytes([side])).hexdigest()[:8]
        self._session = runtime.Session(self._cut(vgg16(weights, side)))

    @staticmethod
    def _cut(model: "openvino.Model") -> "openvino.Model":
        import openvino
        from openvino import opset15 as ops15
        pooling = [node for node in model.get_ordered_ops() if node.get_type_name() == "MaxPool"][-1]
        return openvino.Model([ops15.transpose(pooling.output(0), np.array([0, 2, 3, 1]))], model.get_parameters())

    def features(self, image: Image.Image) -> np.ndarray:
        return self._session(resized(image, self._side)[None])[0][0]


class Top:
    """Block 5 on cached stems: (N, 49, 512) → (N, 49, 512)."""

    def __init__(self, weights: dict[str, np.ndarray]):
        import openvino
        from openvino import opset15 as ops15
        node = x = ops15.parameter([-1, GRID, GRID, 512], openvino.Type.f32)
        x = ops15.transpose(x, np.array([0, 3, 1, 2]))
        for name in BLOCK:
            kernel = np.ascontiguousarray(weights[f"{name}/kernel"].transpose(3, 2, 0, 1), "float32")
            x = ops15.convolution(x, ops15.constant(kernel), [1, 1], [1, 1], [1, 1], [1, 1])
            x = ops15.relu(x + ops15.constant(weights[f"{name}/bias"].reshape(1, -1, 1, 1).astype("float32")))
        self._session = runtime.Session(openvino.Model([ops15.transpose(x, np.array([0, 2, 3, 1]))], [node]))

    def __call__(self, stems: np.ndarray) -> np.ndarray:
        parts = [self._session(stems[k:k + 32].astype("float32").reshape(-1, GRID, GRID, 512))[0]
                 for k in range(0, len(stems), 32)]
        return np.concatenate(parts).reshape(stems.shape)


@keras.saving.register_keras_serializable("captioning")
class EndToEnd(keras.Model):
    """(stem, words so far, texts) → the captioner's logits, the joint space's, and the map."""

    def __init__(self, weights: dict[str, np.ndarray], captioner: CaptionNetwork, joint: JointNetwork):
        super().__init__(name="end_to_end")
        self.block = [layers.Conv2D(512, 3, padding="same", activation="relu", name=name, data_format="channels_last")
                      for name in BLOCK]
        self.captioner, self.joint = captioner, joint
        for layer in self.block:
            layer.build((None, GRID, GRID, 512))
            layer.set_weights([weights[f"{layer.name}/{key}"].astype("float32") for key in ("kernel", "bias")])
        self.built = True  # all its parts are; a checkpoint before the first batch asks for it

    def call(self, inputs, training=False):
        stem, words, texts = inputs
        x = ops.reshape(stem, (-1, GRID, GRID, 512))
        for layer in self.block:
            x = layer(x)
        spatial = ops.reshape(x, (-1, GRID * GRID, 512))
        return {"captions": self.captioner((spatial, words), training=training),
                "joint": self.joint((spatial, texts), training=training), "map": ops.cast(spatial, "float32")}

    def arrays(self) -> dict[str, np.ndarray]:
        """All three parts, float32: `block/block5_conv1/kernel`, `captioner/…`, `joint/…`."""
        block = {f"{layer.name}/{key}": value for layer in self.block
                 for key, value in zip(("kernel", "bias"), layer.get_weights(), strict=True)}
        parts = {"block": block, "captioner": self.captioner.arrays(), "joint": self.joint.arrays()}
        return {f"{part}/{key}": value for part, arrays in parts.items() for key, value in arrays.items()}


@keras.saving.register_keras_serializable("captioning")
class KeepMap(keras.losses.Loss):
    """Squared distance from the map before, over its mean square."""

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        return ops.mean(ops.square(y_pred - y_true)) / (ops.mean(ops.square(y_true)) + 1e-6)


class EndToEndBatches(keras.utils.PyDataset):
    """Stems and texts as the joint space takes them, words as the captioner does, and the map that was."""

    def __init__(self, stems: Sequence[np.ndarray], maps: Sequence[np.ndarray], captions: np.ndarray, batch: int):
        super().__init__()
        both = [np.concatenate([stem, spatial], -1) for stem, spatial in zip(stems, maps, strict=True)]
        self.pairs, self.captions = PairBatches(both, captions, batch), captions
        self._rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.pairs)

    def on_epoch_begin(self) -> None:
        self.pairs.on_epoch_begin()

    def __getitem__(self, k):
        (both, texts), own = self.pairs[k]
        ids = self.captions[self.pairs.rows(k)]
        ids = ids[:, self._rng.permutation(ids.shape[1])[:CAPTIONS]]
        targets = ids[..., 1:]
        return ((both[..., :512], ids[..., :-1], texts), {"captions": targets, "joint": own, "map": both[..., 512:]},
                {"captions": (targets != 0).astype("float32"), "joint": np.ones(len(own), "float32"),
                 "map": np.ones(len(own), "float32")})


def part(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The block, the captioner or the joint space of `EndToEnd.arrays`."""
    return {key.removeprefix(f"{name}/"): value for key, value in arrays.items() if key.startswith(f"{name}/")}


def ship(before: registry.Card, weights: dict[str, np.ndarray], folder: Path,
         command: str) -> registry.Card:
    """Writes the encoder with its new last block over the old one, and its card."""
    temporary = folder / f".{before.file}"
    np.savez(temporary, **{key: array.astype("float16") for key, array in weights.items()})  # type: ignore[arg-type]
    sha256 = registry.digest(temporary)
    temporary.replace(folder / before.file)
    card = replace(before, sha256=sha256, version=registry.version(sha256, before.settings), scores={},
                   command=f"{before.command} && {command}")
    card.save(folder)
    return card


LOSSES = {"captions": NextWord(0.1), "joint": InfoNCE(), "map": KeepMap()}
WEIGHTS = {"captions": 1.0, "joint": 0.7, "map": 0.3}
