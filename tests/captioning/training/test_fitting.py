from pathlib import Path

import numpy as np
import pytest

from captioning.bayes import NaiveBayes
from captioning.training import fitting, taggers
from captioning.training.datasets import Photo
from captioning.training.fitting import Tagged
from captioning.training.labels import Labels
from tests.captioning.test_bayes import photos

keras = pytest.importorskip("keras", reason="Keras is for training")

WORDS = ("dog", "cat", "girl", "bus", "tree", "ball")


@pytest.fixture(scope="module")
def data() -> Tagged:
    """Six kinds of photos; each kind has its word, and the last is said of every second one too."""
    kinds = np.repeat(np.arange(6), 40)
    views = [np.concatenate([photos(kind, 40, seed, spread=0.3) for kind in range(6)]) for seed in (0, 1)]
    present = np.eye(6, dtype=bool)[kinds] | (kinds % 2 == 0)[:, None] & (np.arange(6) == 5)
    said = [Photo(Path(f"{n}.jpg"), (" and a ".join(np.array(WORDS)[row]),)) for n, row in enumerate(present)]
    labels = Labels(WORDS, present)
    dev = np.concatenate([photos(kind, 40, 2, spread=0.3) for kind in range(6)])
    encoder = {"encoder": "vgg16", "encoder_version": "12345678"}
    return Tagged(views, dev, labels, labels, said, said, encoder, "made up", "240 and 240")


def test_the_perceptron_learns_and_ships_what_it_learnt(data: Tagged, tmp_path: Path) -> None:
    fitting.perceptron(data, 30, tmp_path, units=32, dropout=0.1)
    shipped = taggers._load(fitting.MLP, tmp_path)
    found = fitting.measured(shipped, data)
    assert found["mean average precision"][0] > 0.95
    assert found["precision"][0] > 0.9
    assert found["recall"][0] > 0.9


def test_naive_bayes_learns_and_ships_what_it_learnt(data: Tagged, tmp_path: Path) -> None:
    bayes = fitting.naive_bayes(data, tmp_path)
    shipped = taggers._load(fitting.BAYES, tmp_path)
    assert isinstance(shipped, NaiveBayes)
    assert shipped.names == WORDS
    assert (shipped.log_odds(data.dev) == bayes.log_odds(data.dev)).all()
    found = fitting.measured(shipped, data)
    assert found["mean average precision"][0] > 0.9
    chance, one, twenty = (data.labels.present.mean(), *(found[f"average precision after {n}"][0] for n in (1, 20)))
    assert chance + 0.1 < one < twenty


@pytest.mark.parametrize("weighting", ["tfidf", "count"])
def test_the_annotator_finds_the_words_of_captions(data: Tagged, tmp_path: Path, weighting: str) -> None:
    fitting.annotator(data, weighting, tmp_path)
    found = fitting.measured(taggers._load(fitting.TFIDF, tmp_path), data)
    assert found["word recall at 5"][0] > 0.95
    narrow = fitting.word_recall(taggers._load(fitting.TFIDF, tmp_path), data, (1,))
    assert narrow["word recall at 1"][0] > narrow["word recall at 1 of the commonest"][0] + 0.2


def test_average_precision_is_scikit_learns(data: Tagged) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is for training")
    scores = np.random.default_rng(0).standard_normal(data.labels.present.shape)
    for place, value in enumerate(fitting.average_precisions(scores, data.labels).values()):
        assert value == pytest.approx(metrics.average_precision_score(data.labels.present[:, place], scores[:, place]))


def test_a_threshold_stands_where_f1_is_highest() -> None:
    found = np.array([[0.9], [0.8], [0.3], [0.2]])
    assert fitting.thresholds(found, np.array([[1], [1], [0], [0]], bool), least=1)[0] == pytest.approx(0.55)
    assert fitting.thresholds(found, np.array([[1], [0], [0], [0]], bool))[0] == 0.5  # too few to choose by


def test_until_is_what_the_tagger_says(data: Tagged, tmp_path: Path) -> None:
    bayes = fitting.naive_bayes(data, tmp_path)
    said = fitting.until(bayes.probabilities(bayes.log_odds(data.dev)), 0.9)
    for row, vector in zip(said[:20], data.dev[:20], strict=True):
        assert {name for name, holds in zip(bayes.names, row, strict=True) if holds} == {
            tag.name for tag in bayes.tags(vector, 0.9)}


def test_records_hold_every_photos_name_vector_and_labels(
    data: Tagged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tf = pytest.importorskip("tensorflow", reason="TFRecords are TensorFlow's")
    monkeypatch.setattr(taggers, "read", lambda arguments: data)
    taggers.main(["records", str(tmp_path / "out" / "photos.tfrecord")])
    found = [tf.train.Example.FromString(record.numpy()) for record in
             tf.data.TFRecordDataset(str(tmp_path / "out" / "photos.tfrecord"))]
    assert len(found) == len(data.photos) + len(data.dev_photos)
    first = found[0].features.feature
    assert first["name"].bytes_list.value == [b"0.jpg"]
    assert list(first["labels"].bytes_list.value) == [b"dog", b"ball"]
    assert np.array(first["vector"].float_list.value) == pytest.approx(data.views[0][0], rel=1e-6)


def test_every_run_adds_a_row_to_the_results(tmp_path: Path, data: Tagged) -> None:
    for value in (0.5, 0.6):
        place = tmp_path / "r" / "results.csv"
        taggers.add_row(place, "tags-mlp", data.encoder, "made up", 240, "map", value, {"dog": 1})
    rows = (tmp_path / "r" / "results.csv").read_text().splitlines()
    assert rows[0] == ",".join(taggers.ROWS)
    assert [row.split(",")[-2:] for row in rows[1:]] == [["0.5000", "dog=1.000"], ["0.6000", "dog=1.000"]]
