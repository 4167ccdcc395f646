"""Fits the three taggers on pooled vectors and measures them on the photos held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from captioning import registry
from captioning.bayes import ENOUGH, NaiveBayes, Space, fit_space
from captioning.logistic import sigmoid
from captioning.taggers import Annotator, MultiLabel, Terms
from captioning.training.datasets import Photo
from captioning.training.labels import Labels
from captioning.training.shipping import LICENCE, command_line

MLP, BAYES, TFIDF = NAMES = ("tags-mlp", "tags-bayes", "tags-tfidf")
Scores = dict[str, tuple[float, dict[str, float]]]  # name → value, and the value of each label
MODULE = "taggers"

# Chosen on dev with the first encoder by what one, five and twenty examples of each of 159 tags find.
WIDTH, SPREAD = 64, 0.6


@dataclass(frozen=True)
class Tagged:
    """Pooled vectors of the training photos in each view, of the photos held out, and what is true of them."""

    views: list[np.ndarray]  # (N, D) each
    dev: np.ndarray  # (M, D)
    labels: Labels
    dev_labels: Labels
    photos: list[Photo]
    dev_photos: list[Photo]
    encoder: dict[str, Any]  # name and version, for the cards
    data: str
    split: str


def rooted(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(vectors, 0)).astype("float32")


def perceptron(data: Tagged, epochs: int, folder: Path, units: int = 1024, dropout: float = 0.6) -> MultiLabel:
    """512 → 1,024 → tags, sigmoid and binary cross-entropy; thresholds by the best F1 of each tag on dev."""
    import keras

    keras.utils.set_random_seed(0)
    mean, scale = rooted(data.views[0]).mean(0), rooted(data.views[0]).std(0) + 1e-3
    x = np.concatenate([(rooted(view) - mean) / scale for view in data.views])
    y = np.tile(data.labels.present.astype("float32"), (len(data.views), 1))
    network = keras.Sequential([
        keras.layers.Input(x.shape[1:]), keras.layers.Dropout(0.2), keras.layers.Dense(units, "relu", name="hidden"),
        keras.layers.Dropout(dropout), keras.layers.Dense(y.shape[1], name="tags"),
    ])
    rate = keras.optimizers.schedules.CosineDecay(1e-3, max(1, epochs * len(x) // 128))
    network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4), keras.losses.BinaryCrossentropy(from_logits=True))
    bar = tqdm(total=epochs, desc="multi-label perceptron")
    step = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.update())
    network.fit(x, y, batch_size=128, epochs=epochs, verbose=0, callbacks=[step])
    bar.close()
    weights = {"mean": mean, "scale": scale, "threshold": np.full(y.shape[1], 0.5, "float32")}
    for name in ("hidden", "tags"):
        weights[f"{name}/kernel"], weights[f"{name}/bias"] = network.get_layer(name).get_weights()
    found = MultiLabel(data.labels.names, weights).probabilities(data.dev)
    weights["threshold"] = thresholds(found, data.dev_labels.present)
    ship(MLP, weights, {"tagger": "mlp", "names": list(data.labels.names), **data.encoder}, folder, data)
    return MultiLabel(data.labels.names, weights)


def thresholds(found: np.ndarray, present: np.ndarray, least: int = 3) -> np.ndarray:
    """(T,) the probability of each tag where F1 is highest; a tag of fewer than `least` photos keeps 0.5.

    Between two photos' probabilities the middle is taken.
    """
    out = np.full(found.shape[1], 0.5, "float32")
    for tag in np.flatnonzero(present.sum(0) >= least):
        order = np.argsort(-found[:, tag], kind="stable")
        right = np.cumsum(present[order, tag])
        score = 2 * right / (np.arange(1, len(order) + 1) + right[-1])
        best = int(score.argmax())
        pair = found[order[[best, min(best + 1, len(order) - 1)]], tag]
        out[tag] = pair.mean()
    return out


def naive_bayes(data: Tagged, folder: Path) -> NaiveBayes:
    """Every tag's statistics from the plain training photos; the temperature by what it finds on dev."""
    space = fit_space(data.views[0], WIDTH, SPREAD)
    bayes = taught(data.views[0], data.labels, space, data.encoder)
    usual = np.clip(data.labels.present.mean(0), 1e-4, 1 - 1e-4)
    bayes.priors = {name: float(odds) for name, odds in
                    zip(data.labels.names, np.log(usual / (1 - usual)), strict=True) if name in bayes.names}
    bayes.temperature = best_temperature(bayes, data)
    path = folder / f"{BAYES}.npz"
    bayes.write(path)
    settings = {"tagger": "bayes", "names": list(bayes.names), **data.encoder}
    save_card(BAYES, path, settings, len(bayes.names), folder, data)
    return bayes


def taught(vectors: np.ndarray, labels: Labels, space: Space, encoder: dict[str, Any]) -> NaiveBayes:
    """Naive Bayes that was shown every photo with each of its tags."""
    bayes = NaiveBayes(encoder["encoder"], encoder["encoder_version"], space)
    for place, name in enumerate(labels.names):
        if labels.present[:, place].any():
            bayes.learn_many(name, vectors[labels.present[:, place]])
    return bayes


def best_temperature(bayes: NaiveBayes, data: Tagged) -> float:
    """Where the tags that a photo gets, until their probabilities reach 0.9, agree best with the truth (F1)."""
    right, _ = bayes.evidence(data.dev)
    priors = np.array([bayes.priors[name] for name in bayes.names])
    present = data.dev_labels.present[:, [data.dev_labels.names.index(name) for name in bayes.names]]

    def fitness(temperature: float) -> float:
        said = until(bayes.probabilities(right / temperature + priors), ENOUGH)
        return float(2 * (said & present).sum() / (said.sum() + present.sum()))

    return max((0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0, 6.0, 8.0), key=fitness)


def until(found: np.ndarray, enough: float) -> np.ndarray:
    """(N, T) probabilities → (N, T) bool: the likeliest ones and the background, until they reach `enough`."""
    found = np.concatenate([found, 1 - found.sum(1, keepdims=True)], axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    ranked = np.take_along_axis(found, order, axis=1)
    kept = np.zeros(found.shape, bool)
    np.put_along_axis(kept, order, np.cumsum(ranked, axis=1) - ranked < enough, axis=1)
    return kept[:, :-1]


def annotator(data: Tagged, weighting: str, folder: Path, most: int = 2000) -> Annotator:
    """Ridge regression from the standardised vector to the mean TF-IDF (or count) vector of a photo's captions."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    make = TfidfVectorizer if weighting == "tfidf" else CountVectorizer
    vectoriser = make(max_features=most, min_df=5, stop_words="english")
    vectoriser.fit([caption for photo in data.photos for caption in photo.captions])
    names = [str(name) for name in vectoriser.get_feature_names_out()]
    weight = vectoriser.idf_ if weighting == "tfidf" else np.ones(len(names))
    target = np.stack([np.asarray(vectoriser.transform(photo.captions).mean(0)).ravel() for photo in data.photos])
    weights = {**ridge(data, target), "weight": weight}
    settings = {"tagger": "tfidf", "terms": names, "weighting": weighting, **data.encoder}
    ship(TFIDF, weights, settings, folder, data)
    return Annotator(Terms(names, weight, weighting == "tfidf"), weights)


def ridge(data: Tagged, target: np.ndarray) -> dict[str, np.ndarray]:
    """Least squares with the penalty, of 100 to 30,000, that predicts a tenth of the training photos best."""
    mean, scale = rooted(data.views[0]).mean(0), rooted(data.views[0]).std(0) + 1e-3
    x = (rooted(data.views[0]) - mean) / scale
    held = np.arange(len(x)) % 10 == 0

    def solve(rows: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        part, bias = x[rows].astype(np.float64), target[rows].mean(0)
        return np.linalg.solve(part.T @ part + penalty * np.eye(part.shape[1]), part.T @ (target[rows] - bias)), bias

    def error(penalty: float) -> float:
        kernel, bias = solve(~held, penalty)
        return float(((x[held] @ kernel + bias - target[held]) ** 2).mean())

    kernel, bias = solve(np.ones(len(x), bool), min((100, 300, 1000, 3000, 10_000, 30_000), key=error))
    return {"mean": mean, "scale": scale, "kernel": kernel, "bias": bias}


# Measures


def average_precisions(scores: np.ndarray, labels: Labels) -> dict[str, float]:
    """Each tag's area under precision over recall (as scikit-learn's), for the tags that hold somewhere."""
    found = {}
    for place in np.flatnonzero(labels.present.any(0)):
        order = np.argsort(-scores[:, place], kind="stable")
        right = labels.present[order, place]
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        found[labels.names[place]] = float(precision[right].mean())
    return found


def measured(tagger: MultiLabel | NaiveBayes | Annotator, data: Tagged) -> Scores:
    """The scores of a tagger on the photos held out."""
    if isinstance(tagger, Annotator):
        return word_recall(tagger, data)
    if unknown := set(tagger.names) - set(data.dev_labels.names):
        raise ValueError(f"the tagger's tags are not among these photos' labels: {', '.join(sorted(unknown)[:10])}")
    columns = [data.dev_labels.names.index(name) for name in tagger.names]
    truth = Labels(tuple(tagger.names), data.dev_labels.present[:, columns])
    odds = tagger.log_odds(data.dev)
    each = average_precisions(odds, truth)
    found: Scores = {"mean average precision": (float(np.mean(list(each.values()))), each)}
    if isinstance(tagger, MultiLabel):
        found.update(agreement(sigmoid(odds) >= tagger.threshold, truth.present))
    else:
        found.update(agreement(until(tagger.probabilities(odds), ENOUGH), truth.present))
        found.update(from_few(tagger, data))
    return found


def from_few(bayes: NaiveBayes, data: Tagged, at: Sequence[int] = (1, 5, 20)) -> Scores:
    """What a new tag finds after so many examples, drawn by chance: the mean over all tags of AP, and the precision."""
    rng, out = np.random.default_rng(0), dict[str, tuple[float, dict[str, float]]]()
    for count in at:
        new = bayes.blank()
        for place, name in enumerate(data.labels.names):
            shown = np.flatnonzero(data.labels.present[:, place])
            new.learn_many(name, data.views[0][rng.choice(shown, min(count, len(shown)), replace=False)])
        odds = new.log_odds(data.dev)
        each = average_precisions(odds, data.dev_labels)
        out[f"average precision after {count}"] = (float(np.mean(list(each.values()))), {})
        out[f"precision after {count}"] = agreement(odds > 0, data.dev_labels.present)["precision"]
    return out


def agreement(said: np.ndarray, present: np.ndarray) -> Scores:
    """Precision and recall over all photos and tags, and the tags a photo gets."""
    right = float((said & present).sum())
    return {"precision": (right / max(1, said.sum()), {}), "recall": (right / max(1, present.sum()), {}),
            "tags a photo": (float(said.sum(1).mean()), {})}


def word_recall(tagger: Annotator, data: Tagged, at: Sequence[int] = (5, 10, 20)) -> Scores:
    """Which share of the words of a photo's captions are among the k likeliest; and what the commonest k would find."""
    found = tagger.predict(data.dev)
    usual = np.tile(tagger.bias, (len(found), 1))
    said = [np.unique(tagger.terms.vectors(photo.captions).places) for photo in data.dev_photos]
    out: Scores = {}
    for k in at:
        for name, scores in ((f"word recall at {k}", found), (f"word recall at {k} of the commonest", usual)):
            top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            shares = [np.isin(words, best).mean() for words, best in zip(said, top, strict=True) if len(words)]
            out[name] = (float(np.mean(shares)), {})
    return out


# Cards


def ship(name: str, weights: dict[str, np.ndarray], settings: dict[str, Any], folder: Path, data: Tagged) -> None:
    """Weights as float16, and their card."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.npz"
    arrays: dict[str, Any] = {key: array.astype("float16") for key, array in weights.items()}
    np.savez_compressed(temporary, **arrays)
    temporary.replace(folder / f"{name}.npz")
    count = len(settings.get("names", settings.get("terms", ())))
    save_card(name, folder / f"{name}.npz", settings, count, folder, data)


def save_card(name: str, path: Path, settings: dict[str, Any], dimension: int, folder: Path, data: Tagged) -> None:
    sha256 = registry.digest(path)
    registry.Card(name, "tagger", registry.version(sha256, settings), path.name, sha256, dimension, data.data,
                  data.split, _command(), {}, LICENCE, settings).save(folder)


def rescored(name: str, scores: Scores, folder: Path) -> None:
    """The card with what was measured, beside what else is known of it."""
    card = registry.card(name, folder)
    values: dict[str, Any] = {score: round(value, 4) for score, (value, _) in scores.items()}
    each = next((each for _, each in scores.values() if each), None)
    if each:
        values["average precision"] = {tag: round(value, 3) for tag, value in each.items()}
    replace(card, scores={**card.scores, **values}).save(folder)


def _command() -> str:
    return command_line().replace("captioning.training ", f"captioning.training.{MODULE} ", 1)
