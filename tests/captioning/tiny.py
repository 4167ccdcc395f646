"""Eight made-up pictures' maps with a caption each: small enough to be learnt by heart in seconds."""
import numpy as np

from captioning.registry import Card
from captioning.vocabulary import Vocabulary

CAPTIONS = ["a black dog runs over grass", "two children play with sand", "the man climbs red rocks",
            "one girl holds yellow flowers", "an old boat crosses blue water", "some people wait near trains",
            "his horse jumps that high fence", "snow covers her green tent"]
VOCABULARY = Vocabulary.of(CAPTIONS, least=1)


def maps(seed: int = 0) -> np.ndarray:
    """(8, 9, 12), like a map after ReLU."""
    return np.maximum(np.random.default_rng(seed).normal(size=(8, 9, 12)), 0).astype("float32")


def card(kind: str, **settings) -> Card:
    return Card("tiny", kind, "1", "tiny.npz", "", 0, "", "", "", {}, "", settings)
