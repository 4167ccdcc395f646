"""Photos and texts in one space, for searching pictures by words. NumPy only.

The network is `captioning.training.joint.JointNetwork`. What makes a cosine usable is in the card's settings: two
logistic functions, fitted on photos that no network was trained on.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from captioning.logistic import sigmoid
from captioning.registry import Card
from captioning.similarity import unit
from captioning.vocabulary import Vocabulary


class Joint:
    """Both towers, and what a cosine between them is worth. Any number of threads may call it at once.

    A cosine alone says little: some texts lie near every photo. So it is also put as `z`, its distance in standard
    deviations from the mean that the same text has over 500 reference photos (held in the weights file).
    """

    def __init__(self, card: Card, arrays: dict[str, np.ndarray]):
        self.card, self.name, self.version = card, card.name, card.version
        self.vocabulary = Vocabulary(tuple(str(word) for word in arrays["words"]))
        self._w = w = {key: np.ascontiguousarray(value, "float32") for key, value in arrays.items()
                       if value.dtype.kind == "f"}
        self._input = w["embedding"] @ w["gru/kernel"] + w["gru/bias"][0]
        self.dimension = int(w["text/kernel"].shape[1])

    @property
    def reference(self) -> np.ndarray:
        """(500, d) vectors of training photos that `z` is measured against."""
        return self._w["reference"]

    def embed_image(self, map: np.ndarray) -> np.ndarray:
        """(7, 7, channels) or (B, 7, 7, channels) → (d,) or (B, d) float32 of length 1."""
        w = self._w
        x = (map.reshape(-1, map.shape[-3] * map.shape[-2], map.shape[-1]) - w["map/mean"]) / w["map/std"]
        score = np.exp((score := x @ w["attend/kernel"]) - score.max(1, keepdims=True))
        weight = score / score.sum(1, keepdims=True)
        seen = np.matmul(weight.transpose(0, 2, 1), x).reshape(len(x), -1)
        pooled = np.concatenate([seen, x.mean(1), x.max(1)], 1)
        vectors = unit(pooled @ w["image/kernel"] + w["image/bias"])
        return vectors if map.ndim == 4 else vectors[0]

    def embed_text(self, text: str) -> np.ndarray | None:
        """(d,) float32 of length 1; None where no word is known."""
        ids = self.vocabulary.known(text)
        if not ids:
            return None
        w = self._w
        units = w["gru/recurrent"].shape[0]
        h, total = np.zeros(units, "float32"), 0
        for x in self._input[ids]:
            y = h @ w["gru/recurrent"] + w["gru/bias"][1]
            z, r = sigmoid(x[:2 * units] + y[:2 * units]).reshape(2, units)
            h = z * h + (1 - z) * np.tanh(x[2 * units:] + r * y[2 * units:])
            total = total + h
        return unit(total / len(ids) @ w["text/kernel"] + w["text/bias"])

    def scale(self, text: np.ndarray) -> "Scale":
        """What cosines with the vector of a text are worth."""
        usual = self.reference @ text
        return Scale(self.card.settings, float(usual.mean()), float(usual.std()))

    @classmethod
    def from_card(cls, card: Card, folder: Path) -> "Joint":
        with np.load(folder / card.file) as arrays:
            return cls(card, dict(arrays))


@dataclass(frozen=True)
class Scale:
    """Of one text: the mean and the deviation of its cosines with the reference photos."""

    settings: Mapping[str, Any]
    mean: float
    deviation: float

    def relevance(self, cosine: np.ndarray | float) -> np.ndarray:
        """How likely photos at these cosines from the text's vector are what was meant, 0 to 1."""
        a = self.settings["relevance"]
        return sigmoid(a["bias"] + a["z"] * self._z(cosine) + a["cosine"] * np.asarray(cosine))

    def fused(self, words: np.ndarray | float, cosine: np.ndarray | float,
              generated: np.ndarray | float = 0.0) -> np.ndarray:
        """The same from both: `words` is the BM25 score over the sum of the query's IDF, from 0 to 1.

        `generated` is the share of it, 0 to 1, that comes from words of the models' own, which weigh less than a
        person's.
        """
        a = self.settings["fusion"]
        weight = a["words"] + np.asarray(generated) * (a["generated"] - a["words"])
        return sigmoid(a["bias"] + weight * np.clip(words, 0, 1) + a["z"] * self._z(cosine)
                       + a["cosine"] * np.asarray(cosine))

    def _z(self, cosine: np.ndarray | float) -> np.ndarray:
        return (np.asarray(cosine, "float32") - np.float32(self.mean)) / np.float32(self.deviation + 1e-6)
