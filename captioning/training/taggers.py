"""Trains, measures and runs the taggers on an encoder's pooled vector.

    python -m captioning.training.taggers train --photos ../shared/data/flickr8k/images \\
        --train ../shared/data/flickr8k/train.txt --dev ../shared/data/flickr8k/dev.txt
    python -m captioning.training.taggers evaluate --photos … --train … --dev …
    python -m captioning.training.taggers classes ../shared/data/tiny_imagenet_32.tar --encoder vgg16
    python -m captioning.training.taggers predict FILE…
    python -m captioning.training.taggers annotate FOLDER --captions captions.tsv
    python -m captioning.training.taggers records OUT.tfrecord --photos …

`train` writes models/tags-mlp, tags-bayes and tags-tfidf with their cards; the maps of the photos come from the cache
that `captioning.training` fills. In place of captions: `--labels FILE` (`image<TAB>label,label`), `--mirflickr FOLDER`.
`evaluate` and `classes` add a row to results.csv each.
"""

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioning import images, registry
from captioning.bayes import Tag
from captioning.similarity import pooled
from captioning.taggers import Annotator, Tagger
from captioning.training import datasets, fitting, labels, shipping
from captioning.training.classes import accuracy, read_classes, vectors_of
from captioning.training.datasets import Photo
from captioning.training.fitting import Tagged
from captioning.training.labels import Labels

ROWS = ("when", "tagger", "encoder", "encoder_version", "data", "photos", "score", "value", "per_label")
DATA = Path("../shared/data/flickr8k")


def main(arguments: list[str] | None = None) -> None:
    a = parse(arguments)
    COMMANDS[a.command](a)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("train", "evaluate", "records"):
        command = commands.add_parser(name)
        if name == "records":
            command.add_argument("out", type=Path)
        command.add_argument("--photos", type=Path, default=DATA / "images")
        command.add_argument("--captions", type=Path)
        command.add_argument("--train", type=Path, default=DATA / "train.txt")
        command.add_argument("--dev", type=Path, default=DATA / "dev.txt")
        command.add_argument("--labels", type=Path, help="`image<TAB>label,label` instead of captions")
        command.add_argument("--mirflickr", type=Path, help="folder of MIRFLICKR's annotation files")
        command.add_argument("--often", type=int, help="photos a word must be said of to be a tag; one in a hundred if "
                                                       "not given")
        command.add_argument("--views", default="plain,mirror")
        command.add_argument("--epochs", type=int, default=20)
        command.add_argument("--weighting", choices=("tfidf", "count"), default="tfidf")
        command.add_argument("--limit", type=int)
        _common(command)
    command = commands.add_parser("classes", help="top-1, 5 and 10 of naive Bayes on a folder (or tar) a class")
    command.add_argument("data", type=Path)
    command.add_argument("--per-class", type=int, help="only so many training pictures of each class")
    _common(command)
    for name in ("predict", "annotate"):
        command = commands.add_parser(name)
        command.add_argument("files", nargs="+", type=Path)
        command.add_argument("--captions", type=Path, help="captions to find the nearest among")
        _common(command)
    return parser.parse_args(arguments)


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--encoder", default="vgg16")
    command.add_argument("--models", type=Path, default=registry.MODELS)
    command.add_argument("--cache", type=Path, default=Path(".cache/features"))
    command.add_argument("--results", type=Path, default=Path("runs/taggers/results.csv"))
    command.add_argument("--threads", type=int, default=os.cpu_count() or 1)


# Training and measuring


def read(a: argparse.Namespace) -> Tagged:
    """The photos of both splits with their pooled vectors and labels."""
    from captioning.training import run

    options = {"encoder": a.encoder, "models": a.models, "cache": a.cache, "threads": a.threads}
    if a.labels or a.mirflickr:
        one, two = _uncaptioned(a.photos, a.limit)
        run_ = run.Run(one, two, data=f"{a.photos.name}, labels of {(a.labels or a.mirflickr).name}", **options)
    else:
        run_ = run.read(a.photos, a.captions, a.train, a.dev, a.limit, **options)
    train_labels, dev_labels = _labels(a, run_.train, run_.dev)
    views = [_mean(maps) for maps in run_.train_maps(a.views.split(","))]
    return Tagged(views, _mean(run_.dev_maps()), train_labels, dev_labels, run_.train, run_.dev, run_.settings,
                  run_.data, run_.split)


def _mean(maps: np.ndarray) -> np.ndarray:
    return np.asarray(maps.mean(1, dtype=np.float32))


def _labels(a: argparse.Namespace, one: list[Photo], two: list[Photo]) -> tuple[Labels, Labels]:
    if not (a.labels or a.mirflickr):
        train = labels.from_captions([photo.captions for photo in one], often=a.often)
        return train, labels.from_captions([photo.captions for photo in two], train.names)
    found = labels.from_file(a.labels) if a.labels else labels.from_mirflickr(a.mirflickr)
    train = labels.of_photos([photo.name for photo in one], found)
    return train, labels.of_photos([photo.name for photo in two], found, train.names)


def _uncaptioned(folder: Path, limit: int | None) -> tuple[list[Photo], list[Photo]]:
    """Photos whose labels come from elsewhere; every tenth is held out."""
    return datasets.split([Photo(path, ()) for path in _photos(folder)][:limit])


def train(a: argparse.Namespace) -> None:
    began = time.monotonic()
    data = read(a)
    print(f"{len(data.labels.present)} + {len(data.dev)} photos, {len(data.labels.names)} tags, {data.encoder}")
    fitting.perceptron(data, a.epochs, a.models)
    fitting.naive_bayes(data, a.models)
    if any(photo.captions for photo in data.photos):
        fitting.annotator(data, a.weighting, a.models)
    print(f"trained in {time.monotonic() - began:.0f} s")
    measure(data, a)


def measure(data: Tagged, a: argparse.Namespace) -> None:
    """Scores of every tagger there is, printed, in results.csv and in the cards."""
    for name in _installed(a.models):
        found = fitting.measured(_load(name, a.models), data)
        for score, (value, each) in found.items():
            print(f"{name} {score}: {value:.4f}")
            add_row(a.results, name, data.encoder, data.data, len(data.dev), score, value, each)
        fitting.rescored(name, found, a.models)


def _installed(models: Path) -> list[str]:
    return [name for name in fitting.NAMES if (models / f"{name}.json").exists()]


def _load(name: str, models: Path) -> Any:
    """The tagger as it is on disk now: the registry would hand out the one it held before training."""
    card = registry.card(name, models)
    registry.check(card, models)
    return Tagger.from_card(card, models)


def add_row(path: Path, tagger: str, encoder: dict[str, Any], data: str, photos: int, score: str, value: float,
            each: dict[str, float]) -> None:
    """One row of results.csv; `per_label` is `dog=0.912;cat=0.871`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(ROWS)
        per_label = ";".join(f"{name}={number:.3f}" for name, number in each.items())
        writer.writerow([time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), tagger, encoder["encoder"],
                         encoder["encoder_version"], data, photos, score, f"{value:.4f}", per_label])


def classes(a: argparse.Namespace) -> None:
    """Naive Bayes on a folder a class: learns `train/`, is asked about `val/`. The scores go into its tagger's card, if
    that is of this encoder."""
    encoder = registry.load(a.encoder, a.models)
    data = read_classes(a.data, a.per_class)
    known, asked = (vectors_of(encoder, part, a.cache, a.threads) for part in (data.train, data.val))
    found = accuracy(known, asked, data, (encoder.name, encoder.card.version))
    settings = {"encoder": encoder.name, "encoder_version": encoder.card.version}
    for score, (value, each) in found.items():
        print(f"naive Bayes on {a.data.name}, {encoder.name}, {score}: {value:.4f}")
        add_row(a.results, "naive Bayes", settings, a.data.name, len(asked), score, value, each)
    if fitting.BAYES in _installed(a.models):
        card = registry.card(fitting.BAYES, a.models)
        if registry.original(encoder.card) == (card.settings["encoder"], card.settings["encoder_version"]):
            scores = {"classes": len({example.label for example in data.train}), "pictures learnt": len(known),
                      "pictures asked": len(asked), **{score: round(value, 4) for score, (value, _) in found.items()}}
            shipping.rescored(card, {f"classes of {a.data.name}": scores}, a.models)


# Using


def predict(a: argparse.Namespace) -> None:
    """Prints each file's tags by every tagger there is."""
    for path, vector in _vectors(a, a.files):
        for name in _installed(a.models):
            tagger = _fitting(name, a)
            found = tagger.top(vector) if isinstance(tagger, Annotator) else tagger.tags(vector)
            print(f"{path.name}\t{name}\t{_line(found)}")


def annotate(a: argparse.Namespace) -> None:
    """Prints each photo's nearest captions and top terms, and those of a folder as a whole."""
    tagger: Annotator = _fitting(fitting.TFIDF, a)
    captions = sorted({text for texts in datasets.read_captions(a.captions).values() for text in texts}
                      ) if a.captions else []
    index = tagger.terms.vectors(captions)
    for folder in a.files:
        found = list(_vectors(a, _photos(folder)))
        for path, vector in found:
            print(f"{path.name}\t{_line(tagger.top(vector))}")
            for caption, cosine in tagger.nearest(vector, captions, index, 3):
                print(f"\t{cosine:.3f}\t{caption}")
        if len(found) > 1:
            print(f"{folder}\t{_line(tagger.top(np.mean([vector for _, vector in found], axis=0)))}")


def _fitting(name: str, a: argparse.Namespace) -> Any:
    """The tagger, if it was trained on the encoder asked for. Raises OtherEncoder, ModelMissing or ModelDamaged."""
    registry.check_encoder(registry.card(name, a.models), registry.card(a.encoder, a.models))
    return registry.load(name, a.models)


def _photos(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in datasets.SUFFIXES)
    if not found:
        raise FileNotFoundError(f"{place} holds no photos")
    return found


def _vectors(a: argparse.Namespace, files: Sequence[Path]) -> Iterator[tuple[Path, np.ndarray]]:
    encoder = registry.load(a.encoder, a.models)
    for path in files:
        try:
            yield path, pooled(encoder.features(images.decode(path.read_bytes()).image))
        except (OSError, images.ImageError) as error:
            print(f"{path}: left out, {error}", file=sys.stderr)


def _line(tags: Sequence[Tag]) -> str:
    return ", ".join(f"{tag.name} {tag.confidence:.2f}" for tag in tags)


def records(a: argparse.Namespace) -> None:
    """The cached vectors and labels as TFRecords: `name`, `vector`, `labels` of every photo of both splits."""
    import tensorflow as tf

    data = read(a)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    parts = ((data.photos, data.views[0], data.labels), (data.dev_photos, data.dev, data.dev_labels))
    with tf.io.TFRecordWriter(str(a.out)) as writer:
        for photos, vectors, said in parts:
            for photo, vector, row in zip(photos, vectors, said.present, strict=True):
                holding = [tag.encode() for tag, holds in zip(said.names, row, strict=True) if holds]
                feature = {
                    "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo.name.encode()])),
                    "vector": tf.train.Feature(float_list=tf.train.FloatList(value=vector)),
                    "labels": tf.train.Feature(bytes_list=tf.train.BytesList(value=holding)),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    print(f"{len(data.photos) + len(data.dev_photos)} records in {a.out}")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": train, "evaluate": lambda a: measure(read(a), a), "classes": classes, "predict": predict,
    "annotate": annotate, "records": records,
}  # fmt: skip


if __name__ == "__main__":
    main()
