"""How good captions and rankings are: BLEU, CIDEr-D, recall at k.

* BLEU-1..4: NLTK's `corpus_bleu`, all references, lower case, no punctuation.
* CIDEr-D (Vedantam, Zitnick and Parikh 2015, arXiv:1411.5726): mean over n = 1..4 of the cosine between TF-IDF vectors
  of n-grams, the candidate's counts clipped to the reference's, times a Gaussian of the difference in length
  (sigma 6), times 10. Document frequencies come from the references given, as in the authors' program; no stemming.
* METEOR is not here: NLTK's needs WordNet, a download, and the authors' needs Java.
"""
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import or_

import numpy as np

Grams = Counter[tuple[str, ...]]
_TOKEN = re.compile(r"[a-z0-9]+")


def tokens(text: str) -> list[str]:
    """Lower case, punctuation gone: what every score here compares."""
    return _TOKEN.findall(text.lower())


def bleu(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """BLEU-1 to BLEU-4 in per cent over the whole corpus."""
    from nltk.translate.bleu_score import corpus_bleu

    ours, theirs = [tokens(c) for c in captions], [[tokens(r) for r in rs] for rs in references]
    return [round(100 * corpus_bleu(theirs, ours, weights=(1 / n,) * n), 2) for n in range(1, 5)]


def _grams(words: Sequence[str]) -> list[Grams]:
    return [Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1)) for n in range(1, 5)]


class CiderD:
    """CIDEr-D against a corpus of references, whose document frequencies and vectors are computed once."""

    def __init__(self, references: Sequence[Sequence[str]], sigma: float = 6.0):
        self.sigma = sigma
        grams = [[_grams(tokens(r)) for r in rs] for rs in references]
        documents = Counter(g for rs in grams for g in {g for r in rs for level in r for g in level})
        self._log_n = math.log(max(2, len(references)))
        self._idf = {g: self._log_n - math.log(n) for g, n in documents.items()}
        self._references = [[self._vector(r) for r in rs] for rs in grams]

    def _vector(self, grams: list[Grams]) -> tuple[list[dict[tuple[str, ...], float]], list[float], int]:
        levels = [{g: n * self._idf.get(g, self._log_n) for g, n in level.items()} for level in grams]
        return levels, [math.sqrt(sum(v * v for v in level.values())) for level in levels], sum(grams[0].values())

    def one(self, caption: str, row: int) -> float:
        """The score of a caption against the references of photo `row`."""
        levels, norms, length = self._vector(_grams(tokens(caption)))
        total = 0.0
        for theirs, their_norms, their_length in self._references[row]:
            penalty = math.exp(-((length - their_length) ** 2) / (2 * self.sigma ** 2))
            for ours, reference, a, b in zip(levels, theirs, norms, their_norms, strict=True):
                shared = sum(min(v, reference[g]) * reference[g] for g, v in ours.items() if g in reference)
                total += penalty * shared / (a * b) if a and b else 0.0
        return 10 * total / 4 / len(self._references[row])

    def others(self, caption: str, row: int) -> float:
        """The score of one of the references of photo `row` against the others; 0 where there are none."""
        count = len(self._references[row])
        own = 10 / 4 * sum(norm > 0 for norm in self._vector(_grams(tokens(caption)))[1])
        return max(0.0, count * self.one(caption, row) - own) / max(1, count - 1)

    def __call__(self, captions: Sequence[str]) -> float:
        """The corpus's score: one caption for each row of references."""
        return float(np.mean([self.one(caption, row) for row, caption in enumerate(captions)]))


class SentenceBleu:
    """BLEU of single captions, by default up to pairs of words, as a share: a reward for training, not a figure to
    report. From pairs on, one match is added to those found and possible (Lin and Och 2004)."""

    def __init__(self, references: Sequence[Sequence[str]], order: int = 2):
        self.order = order
        texts = [[tokens(r) for r in rs] for rs in references]
        self._lengths = [sorted({len(r) for r in rs}) for rs in texts]
        self._most = [[reduce(or_, levels) for levels in zip(*(_grams(r)[:order] for r in rs), strict=True)]
                      for rs in texts]

    def one(self, caption: str, row: int) -> float:
        """The score of a caption against the references of photo `row`."""
        words = tokens(caption)
        found = [sum((ours & most).values()) for ours, most in zip(_grams(words), self._most[row], strict=False)]
        if not found[0]:
            return 0.0
        logs = [math.log((n + (k > 0)) / (max(0, len(words) - k) + (k > 0))) for k, n in enumerate(found)]
        closest = min(self._lengths[row], key=lambda length: abs(length - len(words)))
        return math.exp(sum(logs) / self.order + min(0.0, 1 - closest / len(words)))


def recalls(ranks: np.ndarray) -> dict[str, float]:
    """R@1, R@5, R@10 in per cent and the median rank; `ranks` count from 0."""
    return {**{f"R@{k}": round(100 * float((ranks < k).mean()), 1) for k in (1, 5, 10)},
            "median rank": float(np.median(ranks) + 1)}


def ranks(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(Q, N) scores and the (Q,) right columns → how many columns stand before the right one, ties half counted."""
    own = scores[np.arange(len(scores)), right][:, None]
    return (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2
