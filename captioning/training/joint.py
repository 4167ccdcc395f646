"""The joint space: photos and texts that belong together get vectors that point the same way.

InfoNCE over the batch (van den Oord 2018; Radford et al. 2021) with all five captions of each photo: every caption has
to find its photo among the batch's, every photo its five captions among all. Photo side: attention pooling by a few
learnt queries, beside the mean and the maximum over the map's squares. Text side: learnt 300-d words, a GRU, the mean
of its states. Words are dropped and captions cut to short spans now and then, because people search with two words.
Keras 3, any backend; `arrays` hands the weights to `captioning.joint`.
"""
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from captioning.training.captions import CaptionBatches, statistics
from captioning.vocabulary import PAD, Vocabulary

HEADS = 4  # learnt queries of the attention pooling


@keras.saving.register_keras_serializable("captioning")
class JointNetwork(keras.Model):
    """((B, P, channels) map, (B, C, T) ids) → (B, B·C) cosines over the temperature: photos by texts."""

    def __init__(self, words: int, mean: np.ndarray, std: np.ndarray, width: int = 384, embedding: int = 300,
                 units: int = 512, dropout: float = 0.4):
        super().__init__(name="joint")
        self.mean, self.std = mean.astype("float32"), std.astype("float32")
        self.attend = layers.Dense(HEADS, use_bias=False, name="attend")
        self.image = layers.Dense(width, name="image")
        self.embedding = layers.Embedding(words, embedding, name="embedding",
                                          embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1))
        self.gru = layers.GRU(units, return_sequences=True, name="gru")
        self.text = layers.Dense(width, name="text")
        self.drop = layers.Dropout(dropout)
        self.heat = self.add_weight(shape=(), initializer=keras.initializers.Constant(np.log(1 / 0.07)), name="heat")

    def embed_images(self, spatial, training=False):
        """(B, P, channels) → (B, width) of length 1."""
        spatial = (ops.cast(spatial, "float32") - ops.convert_to_tensor(self.mean)) / ops.convert_to_tensor(self.std)
        spatial = ops.cast(spatial, self.compute_dtype)
        weight = ops.softmax(self.attend(spatial), 1)
        seen = ops.matmul(ops.transpose(weight, (0, 2, 1)), spatial)
        pooled = ops.concatenate([ops.reshape(seen, (-1, HEADS * spatial.shape[-1])),
                                  ops.mean(spatial, 1), ops.max(spatial, 1)], -1)
        return _unit(self.image(self.drop(pooled, training=training)))

    def embed_texts(self, words, training=False):
        """(N, T) ids, 0 for padding → (N, width) of length 1."""
        states = self.gru(self.drop(self.embedding(words), training=training), training=training)
        kept = ops.cast(words != PAD, states.dtype)[..., None]
        mean = ops.sum(states * kept, 1) / ops.maximum(ops.sum(kept, 1), 1)
        return _unit(self.text(self.drop(mean, training=training)))

    def call(self, inputs, training=False):
        spatial, words = inputs
        texts = self.embed_texts(ops.reshape(words, (-1, words.shape[-1])), training)
        cosines = ops.matmul(self.embed_images(spatial, training), ops.transpose(texts))
        return cosines * ops.exp(ops.minimum(ops.cast(self.heat, "float32"), 4.6))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that embedding needs, float32, as `captioning.joint.Joint` names it."""
        gru = dict(zip(("gru/kernel", "gru/recurrent", "gru/bias"), self.gru.get_weights(), strict=True))
        dense = {f"{layer.name}/{key}": value for layer in (self.attend, self.image, self.text)
                 for key, value in zip(("kernel", "bias"), layer.get_weights(), strict=False)}
        return {"map/mean": self.mean, "map/std": self.std, "embedding": self.embedding.get_weights()[0],
                **gru, **dense}

    def assign(self, arrays: dict[str, np.ndarray]) -> None:
        """The inverse of `arrays`, to go on from shipped weights; a built network."""
        for layer in (self.attend, self.image, self.text, self.gru):
            keys = ("kernel", "recurrent", "bias") if layer is self.gru else ("kernel", "bias")
            layer.set_weights([arrays[f"{layer.name}/{key}"].astype("float32") for key in keys
                               if f"{layer.name}/{key}" in arrays])
        self.embedding.set_weights([arrays["embedding"].astype("float32")])
        self.mean, self.std = (arrays[f"map/{key}"].astype("float32") for key in ("mean", "std"))


def _unit(x):
    x = ops.cast(x, "float32")
    return x / ops.sqrt(ops.sum(x * x, -1, keepdims=True) + 1e-12)


@keras.saving.register_keras_serializable("captioning")
class InfoNCE(keras.losses.Loss):
    """Mean of both directions. `y_true` (B, B·C) is 1 where the text is the photo's own."""

    def call(self, y_true, y_pred):
        to_image = -ops.sum(y_true * ops.log_softmax(y_pred, 0)) / ops.sum(y_true)
        to_text = -ops.mean(ops.sum(y_true * ops.log_softmax(y_pred, 1), 1) / ops.sum(y_true, 1))
        return 0.5 * (to_image + to_text)


class PairBatches(CaptionBatches):
    """As for the captioner, but texts without start and end, thinned, and told apart by which photo they are of."""

    def __init__(self, views: Sequence[np.ndarray], captions: np.ndarray, batch: int = 128, seed: int = 0,
                 thin: float = 0.1, spans: float = 0.15):
        self.thin, self.spans = thin, spans
        super().__init__(views, captions, batch, seed)

    def __len__(self) -> int:
        return max(1, len(self.captions) // self.batch)  # a short last batch would be an easy one

    def __getitem__(self, k):
        (maps, _), words, weights = super().__getitem__(k)
        words = self._shortened(np.where(weights > 0, words, PAD), k)
        own = np.repeat(np.eye(len(maps), dtype="float32"), words.shape[1], 1)
        return (maps, words), own

    def _shortened(self, words: np.ndarray, k: int) -> np.ndarray:
        rng, out = np.random.default_rng((self.seed, self.epoch, k, 7)), np.zeros_like(words)
        for index in np.ndindex(words.shape[:2]):
            ids = words[index][words[index] > 3]
            if self.spans and len(ids) > 3 and rng.random() < self.spans:
                first, count = rng.integers(len(ids) - 2), rng.integers(1, 5)
                ids = ids[first:first + count]
            elif self.thin:
                kept = ids[rng.random(len(ids)) >= self.thin]
                ids = kept if len(kept) else ids
            out[index][:len(ids)] = ids
        return out


def build(vocabulary: Vocabulary, maps: np.ndarray, **sizes: Any) -> JointNetwork:
    """A new network for maps like these, (N, P, channels)."""
    network = JointNetwork(len(vocabulary), *statistics(maps), **sizes)
    network((np.zeros((1, *maps.shape[1:]), "float32"), np.ones((1, 1, 2), "int32")))
    return network


def padded(texts: Sequence[str], vocabulary: Vocabulary) -> np.ndarray:
    """(N, T) ids of the words known, without start and end."""
    ids = [vocabulary.known(text) for text in texts]
    out = np.zeros((len(ids), max(1, *map(len, ids))), "int32")
    for row, known in zip(out, ids, strict=True):
        row[:len(known)] = known
    return out
