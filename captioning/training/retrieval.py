"""Search over held-out photos: words by BM25, pictures by the joint space, both together.

BM25 and the fusion are the service's; the terms are not quite, as nothing of it is imported here. The service leaves
out more stop words ("show", "she", "through", …) and counts them in a caption's length, knows irregular forms (`ran` is
`run`, `men` are `man`) and spellings (`gray` is `grey`), and searches the stop words of a query of nothing else.
"""
import math
from collections import Counter
from collections.abc import Sequence
from copy import copy

import numpy as np

from captioning.joint import Joint
from captioning.training.scores import ranks, recalls
from captioning.vocabulary import words_of

# Left out of captions and queries: they are in most captions and tell no photo from another.
STOP_WORDS = frozenset(
    """a an and are as at be been being by for from has have her his in into is it its of on or that the their there
    these they this those to up was were while who with""".split())  # noqa: SIM905


class Words:
    """BM25 (k1 1.2, b 0.75, the idf of Lucene and FTS5) over a caption each, divided by the query's sum of idf.

    A caption of usual length that has every word of the query scores about 1.
    """

    def __init__(self, captions: Sequence[str]):
        documents = [Counter(terms(caption)) for caption in captions]
        found = Counter(term for document in documents for term in document)
        n, usual = len(documents), max(1.0, sum(sum(d.values()) for d in documents) / len(documents))
        self._idf = {t: math.log(1 + (n - k + 0.5) / (k + 0.5)) for t, k in found.items()}
        self._unseen = math.log(1 + (n + 0.5) / 0.5)
        self._columns = {t: np.zeros(n, "float32") for t in found}
        for row, document in enumerate(documents):
            for t, k in document.items():
                length = 0.25 + 0.75 * sum(document.values()) / usual
                self._columns[t][row] = self._idf[t] * k * 2.2 / (k + 1.2 * length)
        self._n = n

    def __call__(self, query: str) -> np.ndarray:
        """(N,) ratios from 0 to 1."""
        wanted = set(terms(query))
        total = sum(self._idf.get(t, self._unseen) for t in wanted)
        score = sum((self._columns[t] for t in wanted if t in self._columns), np.zeros(self._n, "float32"))
        return np.minimum(score / total, 1) if total else score


def terms(text: str) -> list[str]:
    """Stemmed words, stop words left out."""
    import snowballstemmer
    return snowballstemmer.stemmer("english").stemWords([w for w in words_of(text) if w not in STOP_WORDS])


class Bench:
    """Queries that each mean one photo of a library: (Q, N) word ratios and cosines, and the right column of each."""

    def __init__(self, joint: Joint, images: np.ndarray, stored: Sequence[str], queries: Sequence[str],
                 right: np.ndarray, generated: bool = False):
        words = Words(stored)
        self.generated, self.right = generated, right
        self.texts = [joint.embed_text(query) for query in queries]
        self.words = np.stack([words(query) for query in queries])
        self.cosines = np.stack([np.zeros(len(images), "float32") if text is None else images @ text
                                 for text in self.texts])
        reference = joint.reference
        self.z = np.stack([np.zeros(len(images), "float32") if text is None else
                           (row - (usual := reference @ text).mean()) / (usual.std() + 1e-6)
                           for text, row in zip(self.texts, self.cosines, strict=True)])

    def features(self) -> np.ndarray:
        """(Q, N, 4): a person's words, the captioner's, z, cosine, in the order of `calibration.NAMES`."""
        nothing = np.zeros_like(self.words)
        words = (nothing, self.words) if self.generated else (self.words, nothing)
        return np.stack([*words, self.z, self.cosines], -1).astype("float32")

    def only(self, rows: np.ndarray) -> "Bench":
        """The queries that the mask (Q,) keeps."""
        part = copy(self)
        for name in ("right", "words", "cosines", "z"):
            setattr(part, name, getattr(self, name)[rows])
        return part

    def recalls(self, scores: np.ndarray) -> dict[str, float]:
        return recalls(ranks(scores, self.right))


def generated_only(joint: Joint, images: np.ndarray, generated: Sequence[str],
                   captions: Sequence[Sequence[str]]) -> Bench:
    """Photos that hold only what the captioner wrote; every human caption is a query."""
    queries = [(row, text) for row, texts in enumerate(captions) for text in texts]
    return Bench(joint, images, generated, [text for _, text in queries], np.array([row for row, _ in queries]),
                 generated=True)


def one_human(joint: Joint, images: np.ndarray, captions: Sequence[Sequence[str]]) -> Bench:
    """Photos that hold their first human caption; the others are the queries."""
    queries = [(row, text) for row, texts in enumerate(captions) for text in texts[1:]]
    return Bench(joint, images, [texts[0] for texts in captions], [text for _, text in queries],
                 np.array([row for row, _ in queries]))
