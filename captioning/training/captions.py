"""The captioner's network and its teacher forcing: the next word from the words before it, five captions a photo.

One LSTM reads the words; after it, Luong's global attention ("general" score, arXiv:1508.04025) looks at the encoder's
map, and the joined vector is compared with the word vectors themselves (tied output, Press & Wolf 2017: 1.8 million
weights fewer, and better on 30,000 captions). The map is standardised per channel with the training photos' mean and
deviation. Keras 3, any backend; `arrays` hands the weights to `captioning.captioner`, which decodes without Keras.
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from captioning.training.scores import CiderD
from captioning.vocabulary import PAD, Vocabulary

LENGTH = 16  # words a caption is cut to in training: 93 % are not longer, and a fifth of the work is saved
LEAST = 0.02  # of consensus: half the captions reach 0.65 and more, a twentieth is under 0.07


@dataclass(frozen=True)
class Sizes:
    """What a captioner is built from. `squares` and `channels` are the encoder's map."""

    words: int
    channels: int = 512
    units: int = 512
    embedding: int = 384
    dropout: float = 0.4


@keras.saving.register_keras_serializable("captioning")
class CaptionNetwork(keras.Model):
    """((B, P, channels) map, (B, C, T) ids of the words so far) → (B, C, T, words) logits of the next word."""

    def __init__(self, sizes: Sizes, mean: np.ndarray, std: np.ndarray):
        super().__init__(name="captioner")
        self.sizes, self.mean, self.std = sizes, mean.astype("float32"), std.astype("float32")
        self.value = layers.Dense(sizes.units, name="value")
        self.first_h = layers.Dense(sizes.units, activation="tanh", name="first_h")
        self.first_c = layers.Dense(sizes.units, activation="tanh", name="first_c")
        self.embedding = layers.Embedding(sizes.words, sizes.embedding, name="embedding",
                                          embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05))
        self.lstm = layers.LSTM(sizes.units, return_sequences=True, name="lstm")
        self.query = layers.Dense(sizes.units, use_bias=False, name="query")
        self.joined = layers.Dense(sizes.embedding, activation="tanh", name="joined")
        self.drop = layers.Dropout(sizes.dropout)
        self.bias = self.add_weight(shape=(sizes.words,), initializer="zeros", name="bias")

    def call(self, inputs, training=False):
        spatial, words = inputs
        photos, captions, steps = ops.shape(words)
        spatial = (ops.cast(spatial, "float32") - ops.convert_to_tensor(self.mean)) / ops.convert_to_tensor(self.std)
        spatial = ops.cast(spatial, self.compute_dtype)
        value = self.value(self.drop(spatial, training=training))
        whole = ops.repeat(ops.mean(value, 1), captions, axis=0)
        embedded = self.drop(self.embedding(ops.reshape(words, (-1, steps))), training=training)
        hidden = self.lstm(embedded, initial_state=[self.first_h(whole), self.first_c(whole)], training=training)
        hidden = ops.reshape(hidden, (photos, captions * steps, self.sizes.units))
        weight = ops.softmax(ops.matmul(self.query(hidden), ops.transpose(value, (0, 2, 1))), -1)
        joined = self.joined(self.drop(ops.concatenate([hidden, ops.matmul(weight, value)], -1), training=training))
        logits = ops.matmul(self.drop(joined, training=training), ops.transpose(self.embedding.embeddings)) + self.bias
        return ops.reshape(logits, (photos, captions, steps, self.sizes.words))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that decoding needs, float32, as `captioning.captioner.Decoder` names it."""
        layers_ = (self.value, self.first_h, self.first_c, self.query, self.joined)
        dense = {f"{layer.name}/{key}": value for layer in layers_
                 for key, value in zip(("kernel", "bias"), layer.get_weights(), strict=False)}
        lstm = dict(zip(("lstm/kernel", "lstm/recurrent", "lstm/bias"), self.lstm.get_weights(), strict=True))
        return {"map/mean": self.mean, "map/std": self.std, "embedding": self.embedding.get_weights()[0],
                "bias": ops.convert_to_numpy(self.bias), **dense, **lstm}

    def assign(self, arrays: dict[str, np.ndarray]) -> None:
        """The inverse of `arrays`, to go on from shipped weights; a built network."""
        for layer in (self.value, self.first_h, self.first_c, self.query, self.joined, self.lstm):
            keys = ("kernel", "recurrent", "bias") if layer is self.lstm else ("kernel", "bias")
            layer.set_weights([arrays[f"{layer.name}/{key}"].astype("float32") for key in keys
                               if f"{layer.name}/{key}" in arrays])
        self.embedding.set_weights([arrays["embedding"].astype("float32")])
        self.bias.assign(arrays["bias"].astype("float32"))
        self.mean, self.std = (arrays[f"map/{key}"].astype("float32") for key in ("mean", "std"))


@keras.saving.register_keras_serializable("captioning")
class NextWord(keras.losses.Loss):
    """Cross-entropy of (B, C, T) ids under (B, C, T, words) logits, smoothed: `share` of the target is spread evenly.

    Padding is left out by the sample weights, and they carry the advantage in self-critical training.
    """

    def __init__(self, share: float = 0.0, reduction: str = "mean_with_sample_weight", **settings: Any) -> None:
        super().__init__(reduction=reduction, **settings)
        self.share = share

    def call(self, y_true, y_pred):
        log_p = ops.log_softmax(ops.cast(y_pred, "float32"), -1)
        nll = -ops.squeeze(ops.take_along_axis(log_p, ops.cast(y_true, "int32")[..., None], -1), -1)
        return (1 - self.share) * nll - self.share * ops.mean(log_p, -1)


class CaptionBatches(keras.utils.PyDataset):
    """Photos in random order, each in a random one of its views, with all its captions.

    `views`: arrays (N, P, channels) of the same photos, plain, mirrored, cropped. `captions`: (N, C, T + 1) ids,
    `weights`: (N, C) of the captions, by default all 1.
    """

    def __init__(self, views: Sequence[np.ndarray], captions: np.ndarray, batch: int = 64, seed: int = 0,
                 weights: np.ndarray | None = None):
        super().__init__()
        self.weights = np.ones(captions.shape[:2]) if weights is None else weights
        self.views, self.captions, self.batch, self.seed, self.epoch = views, captions, batch, seed, 0
        self.on_epoch_begin()

    def __len__(self) -> int:
        return math.ceil(len(self.captions) / self.batch)

    def on_epoch_begin(self) -> None:
        self._rng = np.random.default_rng((self.seed, self.epoch))
        self._order, self.epoch = self._rng.permutation(len(self.captions)), self.epoch + 1

    def rows(self, k: int) -> np.ndarray:
        """The photos of batch `k`."""
        return np.sort(self._order[k * self.batch:(k + 1) * self.batch])

    def __getitem__(self, k):
        rows = self.rows(k)
        which = np.random.default_rng((self.seed, self.epoch, k)).integers(len(self.views), size=len(rows))
        maps = np.stack([self.views[v][row] for v, row in zip(which, rows, strict=True)]).astype("float32")
        ids = self.captions[rows]
        ids = ids[..., :1 + max(1, int((ids != PAD).sum(-1).max()) - 1)]
        targets = ids[..., 1:]
        return (maps, ids[..., :-1]), targets, ((targets != PAD) * self.weights[rows][..., None]).astype("float32")


def encoded(captions: Sequence[Sequence[str]], vocabulary: Vocabulary, length: int = LENGTH) -> np.ndarray:
    """(N, C, length + 1) ids; a photo with fewer captions than another repeats its own."""
    most = max(len(c) for c in captions)
    return np.stack([[vocabulary.encode(c[i % len(c)], length) for i in range(most)] for c in captions])


def consensus(captions: Sequence[Sequence[str]]) -> np.ndarray:
    """(N, C) weights, 1 on average for each photo: what the other captions of the photo say of one, by CIDEr-D.

    What one of five people saw in a photo is taught less than what most did (Phan et al. 2017, arXiv:1712.09532). Rows
    are filled as by `encoded`.
    """
    most, cider = max(len(c) for c in captions), CiderD(captions)
    found = np.array([[cider.others(c[i % len(c)], row) for i in range(most)] for row, c in enumerate(captions)])
    found = np.maximum(found, LEAST)
    return found / found.mean(1, keepdims=True)


def statistics(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over photos and squares; a dead channel has deviation 1."""
    sample = np.asarray(maps[:: max(1, len(maps) // 2000)], "float32").reshape(-1, maps.shape[-1])
    std = sample.std(0)
    return sample.mean(0), np.where(std < 1e-3, 1, std)


def build(vocabulary: Vocabulary, maps: np.ndarray, **sizes: Any) -> CaptionNetwork:
    """A new network for maps like these, (N, P, channels)."""
    network = CaptionNetwork(Sizes(len(vocabulary), maps.shape[-1], **sizes), *statistics(maps))
    network((np.zeros((1, *maps.shape[1:]), "float32"), np.zeros((1, 1, 2), "int32")))
    return network
