"""From a map of features to the vector that pictures are compared by."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Similarity:
    """Generalised-mean pooling, whitening, unit length.

    GeM pooling (Radenović et al. 2018, "Fine-tuning CNN Image Retrieval with No Human Annotation"); PCA-whitening
    learnt without labels (Jégou & Chum 2012, "Negative evidences and co-occurrences in image retrieval").
    `captioning.training.similarity` fits `mean` (C,) and `projection` (C, d).
    """

    mean: np.ndarray
    projection: np.ndarray
    power: float = 1.0

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(..., H, W, C) map → (..., d) float32 of length 1; the dot product of two is their cosine."""
        return unit((pooled(features, self.power) - self.mean) @ self.projection)

    @property
    def dimension(self) -> int:
        return int(self.projection.shape[1])

    @classmethod
    def read(cls, path: Path) -> "Similarity":
        with np.load(path) as arrays:
            return cls(arrays["mean"].astype("float32"), arrays["projection"].astype("float32"),
                       float(arrays["power"]))


def unfitted(features: np.ndarray) -> np.ndarray:
    """What stands in for an encoder whose similarity was not fitted: the pooled map, centred, (..., C)."""
    vector = pooled(features)
    return unit(vector - vector.mean(-1, keepdims=True))


def pooled(features: np.ndarray, power: float = 1.0) -> np.ndarray:
    """(..., H, W, C) → (..., C): the generalised mean over the squares; 1 is the mean, infinity the maximum."""
    if power == 1:
        return features.mean((-3, -2))
    return (np.maximum(features, 1e-6) ** power).mean((-3, -2)) ** (1 / power)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scaled to length 1 along the last axis; a vector of zeros stays what it is."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)).astype("float32")
