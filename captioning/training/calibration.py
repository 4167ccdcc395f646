"""What a cosine, and words beside it, are worth: two logistic functions fitted on photos no network was trained on.

1. The weights: a conditional logit, so that a query's own photo comes out above the other photos of the library.
2. Scale and bias of the sum (Platt 1999): half the examples are (query, its photo), a quarter are random photos, a
   quarter the ten best photos for a query of words that no caption of the library has, so that a subject which is not
   there scores low. 0.5 is therefore where a photo is as likely what was meant as not.
"""
from collections.abc import Sequence
from typing import Any

import numpy as np

from captioning.captioner import Captioner, search
from captioning.joint import Joint
from captioning.training import scores
from captioning.training.retrieval import Bench, generated_only, one_human
from captioning.vocabulary import SPECIAL, words_of

NAMES = ("words", "generated", "z", "cosine")


def ranking_weights(benches: Sequence[Bench], columns: Sequence[int], rows: slice = slice(None)) -> np.ndarray:
    """(4,) weights of NAMES, zero outside `columns`, by maximum likelihood of the right photo among all."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    blocks = [(bench.features()[rows][:, :, columns], bench.right[rows]) for bench in benches]

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 0.0, np.zeros(len(w))
        for features, right in blocks:
            s = features @ w.astype("float32")
            p = np.exp(s - s.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            at = np.arange(len(right))
            total -= float(np.log(p[at, right] + 1e-12).mean())
            slope += np.einsum("qn,qnf->f", p, features) / len(right) - features[at, right].mean(0)
        return total + 1e-3 * float(w @ w), slope + 2e-3 * w

    found = minimize(loss, np.zeros(len(columns)), jac=True, method="L-BFGS-B",
                     bounds=[(0, None)] * len(columns), options={"maxiter": 40})  # no evidence may count against
    weights = np.zeros(len(NAMES))
    weights[list(columns)] = found.x
    return weights


def scale_and_bias(weights: np.ndarray, benches: Sequence[Bench], absent: Bench,
                   rng: np.random.Generator) -> dict[str, float]:
    """The card's numbers: weights and bias of one logistic function."""
    from sklearn.linear_model import LogisticRegression

    right, wrong = [], []
    for bench in benches:
        s = bench.features() @ weights
        right.append(s[np.arange(len(s)), bench.right])
        wrong.append(s[np.arange(len(s)), (bench.right + rng.integers(1, s.shape[1], len(s))) % s.shape[1]])
    best = np.sort(absent.features() @ weights, 1)[:, -10:].ravel()
    parts = [(np.concatenate(right), 1, 0.5), (np.concatenate(wrong), 0, 0.25), (best, 0, 0.25)]
    x = np.concatenate([part for part, _, _ in parts])
    y = np.concatenate([np.full(len(part), label) for part, label, _ in parts])
    share = np.concatenate([np.full(len(part), weight / len(part)) for part, _, weight in parts])
    fit = LogisticRegression(C=1e6).fit(x[:, None], y, share * len(x))
    scale = float(fit.coef_[0, 0])
    named = {name: round(float(w) * scale, 4) for name, w in zip(NAMES, weights, strict=True) if w}
    return {"bias": round(float(fit.intercept_[0]), 4), **named}


def floor(captioner: Captioner, maps: np.ndarray, references: Sequence[Sequence[str]]) -> float:
    """The highest confidence under which captions can be cut short and no score suffers (0.1 BLEU, 0.001 CIDEr-D)."""
    found = search(captioner.decoder, captioner.grammar, np.asarray(maps, "float32"))
    cider = scores.CiderD(references)

    def measured(least: float) -> np.ndarray:
        kept = [h if h.score >= least else captioner.grammar.shortened(h, least) for h in found]
        texts = [" ".join(captioner.vocabulary.decode(h.words)) for h in kept]
        return np.array([*scores.bleu(texts, references), 100 * cider(texts)])

    whole = measured(-np.inf)
    tried = np.quantile([h.score for h in found], np.linspace(0, 0.3, 16))
    fine = [least for least in tried if (measured(float(least)) >= whole - 0.1).all()]
    return round(float(max(fine)), 3)


def absent_queries(joint: Joint, captions: Sequence[Sequence[str]], rng: np.random.Generator,
                   count: int = 400) -> list[str]:
    """One to three words that the model knows and no caption of the library has."""
    there = {word for texts in captions for text in texts for word in words_of(text)}
    words = [w for w in joint.vocabulary.words if w not in there and w not in SPECIAL]
    return [" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(count)] if words else []


def short_queries(captions: Sequence[Sequence[str]], rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """What people type: two to four words running out of one caption a photo."""
    out = []
    for texts in captions:
        words = words_of(texts[int(rng.integers(len(texts)))])
        first, count = int(rng.integers(max(1, len(words) - 2))), int(rng.integers(2, 5))
        out.append(" ".join(words[first:first + count]))
    return out, np.arange(len(captions))


def fitted(joint: Joint, images: np.ndarray, generated: Sequence[str],
           captions: Sequence[Sequence[str]]) -> dict[str, Any]:
    """`relevance` and `fusion` for the joint card, from held-out photos with their human and generated captions."""
    rng = np.random.default_rng(0)
    benches = [generated_only(joint, images, generated, captions), one_human(joint, images, captions)]
    short = Bench(joint, images, generated, *short_queries(captions, rng), generated=True)
    queries = absent_queries(joint, captions, rng)
    absent = Bench(joint, images, generated, queries, np.zeros(len(queries), int), generated=True)
    return {"relevance": scale_and_bias(ranking_weights(benches[:1], [2, 3]), [*benches[:1], short], absent, rng),
            "fusion": scale_and_bias(ranking_weights(benches, [0, 1, 2, 3]), [*benches, short], absent, rng)}
