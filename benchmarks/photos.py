"""The photos that are measured with: Flickr8k where it lies beside the project, else pictures drawn here."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FLICKR8K = Path(__file__).resolve().parents[2] / "shared" / "data" / "flickr8k"
WHO = ("dog", "man", "woman", "child", "horse", "player", "girl", "boy", "crowd", "bird", "cyclist", "climber")
DOES = ("runs", "jumps", "sits", "stands", "plays", "rides", "climbs", "swims", "waits", "dances")
WHERE = ("grass", "snow", "water", "street", "beach", "field", "mountain", "park", "sand", "forest", "stage", "track")
COLOURS = ("black", "white", "brown", "red", "green", "blue", "yellow", "orange", "grey", "pink")


@dataclass(frozen=True)
class Photos:
    """`files` and, in the same order, what people wrote of them; `source` says where they come from."""

    source: str
    files: list[Path]
    captions: list[str]

    def staged(self, folder: Path, captioned_every: int = 2) -> Path:
        """A folder of links to the photos, with a captions file for every second one, as a user would import it."""
        folder.mkdir(parents=True)
        for file in self.files:
            (folder / file.name).symlink_to(file)
        lines = [f"{file.name}\t{caption}\n" for file, caption in zip(self.files, self.captions, strict=True)]
        if captioned_every:
            (folder / "captions.tsv").write_text("".join(lines[::captioned_every]), encoding="utf-8")
        return folder

    def queries(self, count: int) -> list[str]:
        """Two or three words that stand together in somebody's caption, as people type them."""
        chance = random.Random(2)
        wordy = [[word for word in caption.lower().split() if len(word) > 3] for caption in self.captions]
        wordy = [words for words in wordy if len(words) >= 3]
        return [" ".join(chance.sample(chance.choice(wordy), chance.choice((2, 3)))) for _ in range(count)]


def find(limit: int, folder: Path) -> Photos:
    """At most `limit` photos of Flickr8k; where it is missing, as many are drawn into `folder`."""
    if FLICKR8K.is_dir():
        lines = (FLICKR8K / "captions.tsv").read_text(encoding="utf-8").splitlines()
        first = dict(line.split("\t", 1) for line in reversed(lines))
        files = sorted((FLICKR8K / "images").iterdir())[:limit]
        return Photos("Flickr8k", files, [first.get(file.name, "") for file in files])
    return drawn(limit, folder)


def drawn(count: int, folder: Path) -> Photos:
    """Pictures of coloured discs over a gradient, as JPEG, with sentences put together at random."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(1)
    files, captions = [], []
    for i in range(count):
        files.append(folder / f"drawn-{i:05}.jpg")
        _draw(chance).save(files[-1], quality=90)
        who, does, where, colour = (chance.choice(words) for words in (WHO, DOES, WHERE, COLOURS))
        captions.append(f"a {colour} {who} {does} in the {where}")
    return Photos("pictures drawn by the benchmark", files, captions)


def _draw(chance: np.random.Generator, side: int = 224) -> Image.Image:
    y, x = np.mgrid[0:side, 0:side]
    pixels = np.outer(np.linspace(0, 1, side), chance.integers(0, 256, 3 * side)).reshape(side, side, 3)
    for _ in range(6):
        (cx, cy), radius = chance.integers(0, side, 2), chance.integers(10, 70)
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = chance.integers(0, 256, 3)
    return Image.fromarray(np.clip(pixels + chance.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8))
