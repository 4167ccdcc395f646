"""Maps of many photos, computed once by an encoder and kept on disk in chunks.

A chunk that exists is not computed again, so a killed run goes on where it was. The folder's name holds the encoder's
name and version and the view; a chunk's name holds a digest of its photos' names.
"""
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from captioning.training.datasets import Photo

CHUNK = 256  # photos; 13 MB of float16 for VGG16
VIEWS = ("plain", "mirror", "crop1", "crop2")


class Extractor(Protocol):
    """An encoder of the registry, or a part of one."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def features(self, image: Image.Image) -> np.ndarray: ...


def viewed(photo: Photo, view: str) -> Image.Image:
    """The photo plain, mirrored, or one fixed random crop of it: area 0.5–1, half of them mirrored."""
    picture = photo.picture()
    if view == "plain":
        return picture
    if view == "mirror":
        return ImageOps.mirror(picture)
    rng = np.random.default_rng(zlib.crc32(f"{photo.name} {view}".encode()))
    area, aspect = rng.uniform(0.5, 1), np.exp(rng.uniform(np.log(4 / 5), np.log(5 / 4)))
    w, h = (side * min(1, np.sqrt(share)) for side, share in
            ((picture.width, area * aspect), (picture.height, area / aspect)))
    x, y = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    cut = picture.crop((round(x), round(y), round(x + w), round(y + h)))
    return ImageOps.mirror(cut) if rng.random() < 0.5 else cut


def maps(extractor: Extractor, photos: Sequence[Photo], view: str, cache: Path, threads: int = 2) -> np.ndarray:
    """(N, squares, channels) float16 of the photos in their order."""
    parts = []
    with ThreadPoolExecutor(threads) as pool, tqdm(total=len(photos), desc=f"{extractor.name} {view}") as bar:
        for k in range(0, len(photos), CHUNK):
            chunk = photos[k:k + CHUNK]
            path = chunk_path(cache, extractor, view, chunk)
            if not path.exists():
                found = pool.map(lambda photo: extractor.features(viewed(photo, view)), chunk)
                write(path, np.stack(list(found)))
            parts.append(np.load(path))
            bar.update(len(chunk))
    return np.concatenate(parts)


def chunk_path(cache: Path, extractor: Extractor, view: str, chunk: Sequence[Photo]) -> Path:
    digest = hashlib.sha256(" ".join(photo.name for photo in chunk).encode()).hexdigest()[:12]
    return cache / f"{extractor.name}-{extractor.version}-{view}" / f"{digest}.npy"


def write(path: Path, found: np.ndarray) -> None:
    """(N, h, w, channels) → (N, h·w, channels) float16, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        np.save(file, found.reshape(len(found), -1, found.shape[-1]).astype("float16"))
    temporary.replace(path)


def derive(source: Extractor, target: Extractor, photos: Sequence[Photo], views: Iterable[str], cache: Path,
           step: Callable[[np.ndarray], np.ndarray]) -> None:
    """Fills the target's cache from the source's by `step` on (N, squares, channels) chunks: no photo is read again."""
    for view in views:
        for k in tqdm(range(0, len(photos), CHUNK), desc=f"{target.name} {view}"):
            chunk = photos[k:k + CHUNK]
            if not (path := chunk_path(cache, target, view, chunk)).exists():
                write(path, step(maps(source, chunk, view, cache).astype("float32")))
