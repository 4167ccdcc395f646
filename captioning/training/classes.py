"""Data sets of a folder a class: `train/CLASS/*.jpg`, `val/CLASS/*.jpg`, in a folder or a tar; `words.txt` names them.

Tiny ImageNet is one. The encoder's vectors are kept in the cache, as they cost most.
"""

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from captioning.bayes import NaiveBayes, fit_space
from captioning.encoders import Encoder
from captioning.similarity import pooled
from captioning.training.datasets import SUFFIXES

BATCH = 64  # pictures in flight: keeps memory small whatever the data set


@dataclass(frozen=True)
class Example:
    """One picture: where it is, which class it is of, its bytes."""

    path: str
    label: str
    data: bytes


@dataclass(frozen=True)
class Classes:
    """Pictures to learn from and to be asked about; `words` says what a class is called."""

    train: list[Example]
    val: list[Example]
    words: dict[str, str]

    def called(self, label: str) -> str:
        return self.words.get(label, label)


def read_classes(place: Path, per_class: int | None = None) -> Classes:
    """Reads both splits. Raises ValueError for an empty class folder, or a class asked about that cannot be learnt."""
    files = _in_tar(place) if place.is_file() else _in_folder(place)
    found: dict[str, list[Example]] = {"train": [], "val": []}
    words: dict[str, str] = {}
    empty: set[tuple[str, str]] = set()
    for path, data in files:
        parts = Path(path).parts
        if parts[-1:] == ("words.txt",) and data is not None:
            words = dict(line.split("\t", 1) for line in data.decode().splitlines() if "\t" in line)
        elif len(parts) >= 2 and parts[-2] in found and data is None:
            empty.add((parts[-2], parts[-1]))
        elif len(parts) >= 3 and parts[-3] in found and data is not None and Path(path).suffix.lower() in SUFFIXES:
            found[parts[-3]].append(Example(path, parts[-2], data))
    _refuse_gaps(place, found, empty)
    return Classes(_first(found["train"], per_class), found["val"], words)


def _refuse_gaps(place: Path, found: dict[str, list[Example]], folders: set[tuple[str, str]]) -> None:
    full = {(split, example.label) for split in found for example in found[split]}
    if empty := sorted(folders - full):
        raise ValueError(f"{place}: the class folder {'/'.join(empty[0])} holds no pictures")
    if not found["train"] or not found["val"]:
        raise ValueError(f"{place}: expected train/CLASS/*.jpg and val/CLASS/*.jpg")
    if unlearnt := sorted({each.label for each in found["val"]} - {each.label for each in found["train"]}):
        raise ValueError(f"{place}: val/{unlearnt[0]} is asked about, but train/{unlearnt[0]} is not there")


def _first(examples: list[Example], count: int | None) -> list[Example]:
    seen: Counter[str] = Counter()
    kept = []
    for example in examples:
        seen[example.label] += 1
        if count is None or seen[example.label] <= count:
            kept.append(example)
    return kept


def _in_tar(path: Path) -> Iterator[tuple[str, bytes | None]]:
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None or member.isdir():
                yield member.name, file.read() if file else None


def _in_folder(folder: Path) -> Iterator[tuple[str, bytes | None]]:
    for path in sorted(folder.rglob("*")):
        yield str(path.relative_to(folder)), path.read_bytes() if path.is_file() else None


def vectors_of(encoder: Encoder, examples: Sequence[Example], cache: Path, threads: int) -> np.ndarray:
    """(N, D) pooled vectors, from the cache where these pictures were seen by this encoder."""
    path = cache / f"{encoder.name}-{encoder.card.version}-pooled" / f"{_digest(examples)}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    rows: list[np.ndarray] = []
    left = iter(examples)
    with ThreadPoolExecutor(threads) as pool, tqdm(total=len(examples), desc=f"{encoder.name} on classes") as bar:
        while batch := list(islice(left, BATCH)):
            rows += pool.map(lambda example: pooled(encoder.features(_picture(example))), batch)
            bar.update(len(batch))
    found = np.stack(rows).astype("float32")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, found)
    temporary.replace(path)
    return found


def _digest(examples: Sequence[Example]) -> str:
    """Of the bytes: `train/n01/0.jpeg` is in many a data set."""
    whole = hashlib.sha256()
    for example in examples:
        whole.update(hashlib.sha256(example.data).digest())
    return whole.hexdigest()[:12]


def _picture(example: Example) -> Image.Image:
    with Image.open(io.BytesIO(example.data)) as opened:
        return opened.convert("RGB")


def accuracy(known: np.ndarray, asked: np.ndarray, data: Classes, encoder: tuple[str, str], width: int = 96
             ) -> dict[str, tuple[float, dict[str, float]]]:
    """Top-1, 5 and 10 of naive Bayes taught `known` and asked about `asked`, overall and for each class."""
    labels = np.array([example.label for example in data.train])
    groups = {str(label): known[labels == label] for label in sorted(set(labels))}
    bayes = NaiveBayes(*encoder, fit_space(known, width, list(groups.values())), strength=300)
    for label, vectors in groups.items():
        bayes.learn_many(label, vectors)
    order = np.argsort(-bayes.log_odds(asked), axis=1, kind="stable")
    truth = np.array([bayes.names.index(example.label) for example in data.val])
    out = {}
    for k in (1, 5, 10):
        hit = (order[:, :k] == truth[:, None]).any(1)
        each = {data.called(name): float(hit[truth == at].mean()) for at, name in enumerate(bayes.names) if at in truth}
        out[f"top-{k}"] = (float(hit.mean()), each)
    return out
