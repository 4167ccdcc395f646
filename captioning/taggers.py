"""Taggers over an encoder's pooled vector: one pass of the encoder serves them all. NumPy only.

`MultiLabel` says which of the tags it was trained on hold; `Annotator` guesses a caption's words and finds the nearest
captions; `captioning.bayes.NaiveBayes` learns tags from single examples. `Teachable` puts the first and the last
together: what a person teaches corrects the trained tags and adds new ones.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from captioning.bayes import NaiveBayes, Tag
from captioning.logistic import sigmoid

if TYPE_CHECKING:
    from captioning.registry import Card

KINDS = {
    "mlp": "captioning.taggers:MultiLabel",
    "bayes": "captioning.bayes:NaiveBayes",
    "tfidf": "captioning.taggers:Annotator",
}
# scikit-learn's default token pattern: two word characters or more.
_TOKEN = re.compile(r"\b\w\w+\b")


class Tagger:
    """What the registry builds from a tagger's card: the class its settings name."""

    @staticmethod
    def from_card(card: "Card", folder: Path) -> Any:
        module, name = KINDS[card.settings["tagger"]].split(":")
        return getattr(import_module(module), name).from_card(card, folder)


class MultiLabel:
    """A perceptron with one hidden layer and a sigmoid a tag; each tag has the threshold that served best on dev.

    Weights: `mean`, `scale` (D,); `hidden/kernel` (D, H), `hidden/bias`; `tags/kernel` (H, T), `tags/bias`;
    `threshold` (T,) as a probability.
    """

    def __init__(self, names: Sequence[str], weights: dict[str, np.ndarray], card: "Card | None" = None) -> None:
        self.names, self.card = tuple(names), card
        self._w = {key: array.astype("float32") for key, array in weights.items()}
        self.threshold = self._w["threshold"]

    def log_odds(self, vectors: np.ndarray, columns: Sequence[int] | None = None) -> np.ndarray:
        """(N, D) pooled vectors → (N, T) logits, of all tags or of some."""
        w = self._w
        x = (np.sqrt(np.maximum(np.atleast_2d(vectors), 0)).astype("float32") - w["mean"]) / w["scale"]
        hidden = np.maximum(x @ w["hidden/kernel"] + w["hidden/bias"], 0)
        chosen = slice(None) if columns is None else list(columns)
        return np.asarray(hidden @ w["tags/kernel"][:, chosen] + w["tags/bias"][chosen])

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) → (N, T), each for itself."""
        return sigmoid(self.log_odds(vectors))

    def tags(self, vector: np.ndarray) -> list[Tag]:
        """The tags of one picture that reach their threshold, likeliest first."""
        return _chosen(self.names, self.probabilities(vector)[0], self.threshold)

    @classmethod
    def from_card(cls, card: "Card", folder: Path) -> "MultiLabel":
        with np.load(folder / card.file) as arrays:
            return cls(card.settings["names"], dict(arrays), card)


class Teachable:
    """The trained tags, corrected by lessons, and the tags that only lessons know.

    `lessons` begins as `NaiveBayes.blank()`. A trained tag's log-odds rise with the evidence that the picture is like
    those it was said to be right for and fall with that of the others, each at most `REACH`; a tag that training did
    not know has its naive Bayes score alone. A lesson touches one tag, so a library is tagged anew by that column:
    `log_odds(vectors, [tag])`.
    """

    REACH = 8.0  # log-odds: what is plainly like a lesson turns round even 0.9997
    NEW_THRESHOLD = 0.5

    def __init__(self, trained: MultiLabel, lessons: NaiveBayes) -> None:
        self.trained, self.lessons = trained, lessons
        self._column = {name: place for place, name in enumerate(trained.names)}

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.trained.names, *(name for name in self.lessons.names if name not in self._column))

    def learn(self, tag: str, vector: np.ndarray, correct: bool = True) -> None:
        """See `NaiveBayes.learn`."""
        self.lessons.learn(tag, vector, correct)

    def unlearn(self, tag: str, vector: np.ndarray, correct: bool = True) -> None:
        """See `NaiveBayes.unlearn`."""
        self.lessons.unlearn(tag, vector, correct)

    def log_odds(self, vectors: np.ndarray, tags: Sequence[str] | None = None) -> np.ndarray:
        """(N, D) pooled vectors → (N, T) for all `names` or those given. Raises KeyError for a tag not among them."""
        tags, vectors = self.names if tags is None else tags, np.atleast_2d(vectors)
        old = [place for place, tag in enumerate(tags) if tag in self._column]
        new = [place for place, tag in enumerate(tags) if tag not in self._column]
        found = np.zeros((len(vectors), len(tags)))
        if len(old) == len(self.trained.names) and tags[:len(old)] == self.trained.names:
            found[:, :len(old)] = self.trained.log_odds(vectors)
        elif old:
            found[:, old] = self.trained.log_odds(vectors, [self._column[tags[place]] for place in old])
        if new:
            found[:, new] = self.lessons.log_odds(vectors, [tags[place] for place in new])
        if corrected := [place for place in old if tags[place] in self.lessons.names]:
            found[:, corrected] += self._correction(vectors, [tags[place] for place in corrected])
        return found

    def threshold(self, tag: str) -> float:
        """The probability from which a picture gets `tag`."""
        place = self._column.get(tag)
        return self.NEW_THRESHOLD if place is None else float(self.trained.threshold[place])

    def tags(self, vector: np.ndarray) -> list[Tag]:
        """The tags of one picture, likeliest first."""
        return self.tags_of(vector[None])[0]

    def tags_of(self, vectors: np.ndarray) -> list[list[Tag]]:
        """The tags of many pictures, (N, D)."""
        names = self.names
        known = self.trained.threshold.astype(float)
        thresholds = np.concatenate([known, np.full(len(names) - len(known), self.NEW_THRESHOLD)])
        return [_chosen(names, row, thresholds) for row in sigmoid(self.log_odds(vectors, names))]

    def _correction(self, vectors: np.ndarray, tags: Sequence[str]) -> np.ndarray:
        """(N, T) log-odds by which lessons move trained tags."""
        right, wrong = self.lessons.evidence(vectors, tags)
        return np.clip(right, 0, self.REACH) - np.clip(wrong, 0, self.REACH)


class Terms:
    """The terms of captions and their weights, as scikit-learn's TfidfVectorizer or CountVectorizer was fitted."""

    def __init__(self, terms: Sequence[str], weight: np.ndarray, unit: bool) -> None:
        self.terms, self.weight, self.unit = tuple(terms), weight, unit
        self._place = {term: place for place, term in enumerate(self.terms)}

    def vectors(self, captions: Iterable[str]) -> "Sparse":
        """Captions → rows of weighted counts, of length 1 for TF-IDF; equal to the fitted vectoriser's `transform`."""
        starts: list[int] = [0]
        places: list[int] = []
        values: list[float] = []
        for caption in captions:
            counts = Counter(self._place[word] for word in _TOKEN.findall(caption.lower()) if word in self._place)
            row = np.array([number * self.weight[place] for place, number in counts.items()])
            length = math.sqrt(float((row**2).sum())) if self.unit else 1.0
            places += counts
            values += list(row / length) if len(row) else []
            starts.append(len(places))
        return Sparse(np.array(starts), np.array(places, np.int64), np.array(values, np.float32))


@dataclass(frozen=True)
class Sparse:
    """Rows of few numbers: row i is `values[starts[i]:starts[i + 1]]` at the columns `places[…]`."""

    starts: np.ndarray
    places: np.ndarray
    values: np.ndarray

    def __matmul__(self, vector: np.ndarray) -> np.ndarray:
        """(N,) products of the rows with a dense vector."""
        sums = np.concatenate([[0.0], np.cumsum(self.values * vector[self.places], dtype=np.float64)])
        return np.asarray(sums[self.starts[1:]] - sums[self.starts[:-1]])

    def lengths(self) -> np.ndarray:
        """(N,) Euclidean lengths of the rows."""
        sums = np.concatenate([[0.0], np.cumsum(self.values.astype(np.float64) ** 2)])
        return np.sqrt(np.maximum(sums[self.starts[1:]] - sums[self.starts[:-1]], 0))


class Annotator:
    """Pooled vector → the TF-IDF (or count) vector of the captions it would get: top terms, nearest captions.

    Weights: `mean`, `scale` (D,), `kernel` (D, M), `bias` (M,), `weight` (M,).
    """

    def __init__(self, terms: Terms, weights: dict[str, np.ndarray], card: "Card | None" = None) -> None:
        self.terms, self.card = terms, card
        self._w = {key: array.astype("float32") for key, array in weights.items()}

    @property
    def bias(self) -> np.ndarray:
        """(M,) the mean weights of the training captions' terms."""
        return self._w["bias"]

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) pooled vectors → (N, M) weights of the terms, none below nought."""
        w = self._w
        x = (np.sqrt(np.maximum(np.atleast_2d(vectors), 0)).astype("float32") - w["mean"]) / w["scale"]
        return np.maximum(x @ w["kernel"] + w["bias"], 0)

    def top(self, vector: np.ndarray, count: int = 10) -> list[Tag]:
        """The likeliest terms of one picture, or of a folder's mean vector, with their weights."""
        found = self.predict(vector)[0]
        order = np.argsort(-found, kind="stable")[:count]
        return [Tag(self.terms.terms[place], float(found[place])) for place in order]

    def nearest(self, vector: np.ndarray, captions: Sequence[str], index: Sparse | None = None, count: int = 5
                ) -> list[Tag]:
        """The captions most like the picture, with their cosines. `index` is `terms.vectors(captions)`, kept."""
        index = self.terms.vectors(captions) if index is None else index
        found = self.predict(vector)[0]
        lengths = index.lengths() * float(np.linalg.norm(found))
        cosines = np.divide(index @ found, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
        order = np.argsort(-cosines, kind="stable")[:count]
        return [Tag(captions[place], float(cosines[place])) for place in order]

    @classmethod
    def from_card(cls, card: "Card", folder: Path) -> "Annotator":
        with np.load(folder / card.file) as arrays:
            weights = dict(arrays)
        return cls(Terms(card.settings["terms"], weights.pop("weight"), card.settings["weighting"] == "tfidf"),
                   weights, card)


def _chosen(names: Sequence[str], found: np.ndarray, threshold: np.ndarray) -> list[Tag]:
    order = np.argsort(-found, kind="stable")
    return [Tag(names[place], float(found[place])) for place in order if found[place] >= threshold[place]]
