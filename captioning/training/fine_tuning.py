"""VGG16's last blocks trained on captions: what the pictures are about, beside what the teacher saw in them.

The input of the first of them is cached for every photo and view, so an epoch costs three convolutions a photo and
block. They are trained together with a captioner and a joint space (both go on afterwards by their own steps), and held
to the map they had before: that map is what similar pictures and the taggers were measured on. The heads should be
trained first.
"""
import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops
from PIL import Image

from captioning import registry, runtime
from captioning.encoders import GRID, VGG16, resized, vgg16
from captioning.training.captions import CaptionNetwork, NextWord
from captioning.training.joint import InfoNCE, JointNetwork, PairBatches

if TYPE_CHECKING:
    import openvino

CAPTIONS = 2  # of five a photo go through the captioner; all go through the joint space


def convolutions(blocks: int) -> list[list[str]]:
    """The layers of the last so many blocks: [["block5_conv1", "block5_conv2", "block5_conv3"]] for one."""
    return [[f"block{number}_conv{k}" for k in range(1, depth + 1)]
            for number, (_, depth) in enumerate(VGG16, 1) if number > len(VGG16) - blocks]


def grid(blocks: int) -> int:
    """Squares a side of what the last blocks take in: 7 where block 5 is the only one, 14 with block 4."""
    return GRID * 2 ** (blocks - 1)


class Stem:
    """VGG16 up to the pooling before its last `blocks`; at 112 px that is (7, 7, 512) for one. Caches like an encoder.

    Its version names the blocks in it alone, so fine-tuning can go on from a fine-tuned encoder's cache.
    """

    def __init__(self, weights: dict[str, np.ndarray], side: int, blocks: int = 1):
        if side // 16 != GRID:
            raise ValueError(f"fine-tuning takes an encoder at {16 * GRID} px, this one is at {side}")
        if not 0 < blocks < len(VGG16):
            raise ValueError(f"of {len(VGG16)} blocks the last 1 to {len(VGG16) - 1} can be trained, not {blocks}")
        tuned = tuple(name for names in convolutions(blocks) for name in names)
        self.name, self.weights, self.blocks, self._side = f"vgg16-block{len(VGG16) - blocks}", weights, blocks, side
        below = b"".join(weights[key].tobytes() for key in sorted(weights) if not key.startswith(tuned))
        self.version = hashlib.sha256(below + bytes([side])).hexdigest()[:8]
        self._session = runtime.Session(self._cut(vgg16(weights, side)))

    def _cut(self, model: "openvino.Model") -> "openvino.Model":
        import openvino
        from openvino import opset15 as ops15
        pooling = [node for node in model.get_ordered_ops() if node.get_type_name() == "MaxPool"][-self.blocks]
        return openvino.Model([ops15.transpose(pooling.output(0), np.array([0, 2, 3, 1]))], model.get_parameters())

    def features(self, image: Image.Image) -> np.ndarray:
        return self._session(resized(image, self._side)[None])[0][0]


class Top:
    """The last blocks on cached stems: (N, squares, channels) → (N, 49, 512)."""

    def __init__(self, weights: dict[str, np.ndarray], blocks: int = 1):
        import openvino
        from openvino import opset15 as ops15
        self._side, names = grid(blocks), convolutions(blocks)
        self._channels = weights[f"{names[0][0]}/kernel"].shape[2]
        node = x = ops15.parameter([-1, self._side, self._side, self._channels], openvino.Type.f32)
        x = ops15.transpose(x, np.array([0, 3, 1, 2]))
        for k, block in enumerate(names):
            if k:
                x = ops15.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
            for name in block:
                kernel = np.ascontiguousarray(weights[f"{name}/kernel"].transpose(3, 2, 0, 1), "float32")
                x = ops15.convolution(x, ops15.constant(kernel), [1, 1], [1, 1], [1, 1], [1, 1])
                x = ops15.relu(x + ops15.constant(weights[f"{name}/bias"].reshape(1, -1, 1, 1).astype("float32")))
        self._session = runtime.Session(openvino.Model([ops15.transpose(x, np.array([0, 2, 3, 1]))], [node]))

    def __call__(self, stems: np.ndarray) -> np.ndarray:
        shape = (-1, self._side, self._side, self._channels)
        parts = [self._session(stems[k:k + 32].astype("float32").reshape(shape))[0] for k in range(0, len(stems), 32)]
        return np.concatenate(parts).reshape(len(stems), GRID * GRID, -1)


@keras.saving.register_keras_serializable("captioning")
class EndToEnd(keras.Model):
    """(stem, words so far, texts) → the captioner's logits, the joint space's, and the map."""

    def __init__(self, weights: dict[str, np.ndarray], captioner: CaptionNetwork, joint: JointNetwork,
                 blocks: int = 1):
        super().__init__(name="end_to_end")
        self.block = [[layers.Conv2D(weights[f"{name}/bias"].size, 3, padding="same", activation="relu", name=name,
                                     data_format="channels_last") for name in names] for names in convolutions(blocks)]
        self.pool = layers.MaxPooling2D(data_format="channels_last")
        self.captioner, self.joint, self.side = captioner, joint, grid(blocks)
        for layer in self.convolutions:
            kernel, bias = (weights[f"{layer.name}/{key}"].astype("float32") for key in ("kernel", "bias"))
            layer.build((None, None, None, kernel.shape[2]))
            layer.set_weights([kernel, bias])
        self.built = True  # all its parts are; a checkpoint before the first batch asks for it

    @property
    def convolutions(self) -> list[layers.Conv2D]:
        return [layer for block in self.block for layer in block]

    def call(self, inputs, training=False):
        stem, words, texts = inputs
        x = ops.reshape(stem, (-1, self.side, self.side, ops.shape(stem)[-1]))
        for k, block in enumerate(self.block):
            x = self.pool(x) if k else x
            for layer in block:
                x = layer(x)
        spatial = ops.reshape(x, (-1, GRID * GRID, ops.shape(x)[-1]))
        return {"captions": self.captioner((spatial, words), training=training),
                "joint": self.joint((spatial, texts), training=training), "map": ops.cast(spatial, "float32")}

    def arrays(self) -> dict[str, np.ndarray]:
        """All three parts, float32: `block/block5_conv1/kernel`, `captioner/…`, `joint/…`."""
        block = {f"{layer.name}/{key}": value for layer in self.convolutions
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
        self._stem, self._map = stems[0].shape[1:], maps[0].shape[1:]
        both = [np.concatenate([stem.reshape(len(stem), -1), spatial.reshape(len(stem), -1)], 1)
                for stem, spatial in zip(stems, maps, strict=True)]
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
        stem, spatial = np.split(both, [math.prod(self._stem)], 1)
        return ((stem.reshape(-1, *self._stem), ids[..., :-1], texts),
                {"captions": targets, "joint": own, "map": spatial.reshape(-1, *self._map)},
                {"captions": (targets != 0).astype("float32"), "joint": np.ones(len(own), "float32"),
                 "map": np.ones(len(own), "float32")})


def part(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The blocks, the captioner or the joint space of `EndToEnd.arrays`."""
    return {key.removeprefix(f"{name}/"): value for key, value in arrays.items() if key.startswith(f"{name}/")}


def ship(before: registry.Card, weights: dict[str, np.ndarray], folder: Path,
         command: str) -> registry.Card:
    """Writes the encoder with its new last blocks over the old one, and its card."""
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
