"""Photos with captions from the three layouts people have.

* Flickr8k as published: `Flickr8k.token.txt` (`name.jpg#0<TAB>caption`), `Flickr_8k.trainImages.txt`, …
* `captions.tsv`: `name<TAB>caption`, a photo on as many lines as it has captions
* `descriptions.txt` beside the photos: `name caption` a line (the older repository's bulk import); `captions.txt`
  of Kaggle's copy of Flickr8k (`image,caption` with a header) is read too
"""
import csv
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

CAPTION_FILES = ("captions.tsv", "Flickr8k.token.txt", "descriptions.txt", "captions.txt")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Photo:
    """A photo of the data set; `captions` may be empty."""

    path: Path
    captions: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.name

    def picture(self) -> Image.Image:
        with Image.open(self.path) as opened:
            return opened.convert("RGB")


def read_captions(path: Path) -> dict[str, list[str]]:
    """File name → captions. Raises ValueError naming the line that is not in the file's layout."""
    captions: dict[str, list[str]] = {}
    for number, (name, caption) in enumerate(_rows(path), 1):
        if not caption.strip():
            raise ValueError(f"{path}: line {number} ({name!r}) has no caption; expected `name{_mark(path)}caption`")
        captions.setdefault(name.split("#")[0], []).append(caption.strip())
    return captions


def _mark(path: Path) -> str:
    return " " if path.name == "descriptions.txt" else "," if path.name == "captions.txt" else "<TAB>"


def _rows(path: Path) -> list[tuple[str, str]]:
    text = path.read_text(encoding="utf-8-sig")
    if path.name == "captions.txt" and text.startswith("image,caption"):
        return [(row[0], ",".join(row[1:])) for row in csv.reader(text.splitlines()[1:]) if row]
    lines = [line for line in text.splitlines() if line.strip()]
    parts = [line.partition("\t") if "\t" in line else line.partition(" ") for line in lines]
    return [(name, caption) for name, _, caption in parts]


def read_names(path: Path) -> list[str]:
    """The file names of a split, one a line (`Flickr_8k.trainImages.txt`)."""
    return path.read_text(encoding="utf-8").split()


def find_captions(folder: Path) -> Path:
    """The caption file in a folder of photos or beside it."""
    for place in (folder, folder.parent):
        for name in CAPTION_FILES:
            if (place / name).exists():
                return place / name
    raise FileNotFoundError(f"no caption file in {folder} or beside it: expected one of {', '.join(CAPTION_FILES)}; "
                            "or name it with --captions")


def read(photos: Path, captions: Path | None = None, names: Path | None = None) -> list[Photo]:
    """The photos of a folder with their captions, by name; of one split if `names` is given."""
    texts = read_captions(captions or find_captions(photos))
    wanted = read_names(names) if names else sorted(
        p.name for p in photos.iterdir() if p.suffix.lower() in SUFFIXES)
    found = [Photo(photos / name, tuple(texts.get(name, ()))) for name in wanted if (photos / name).exists()]
    if not found:
        raise FileNotFoundError(f"none of the {len(wanted)} photos named is in {photos}")
    return found


def split(photos: list[Photo], share: float = 0.1) -> tuple[list[Photo], list[Photo]]:
    """Train and dev where no split is given: every tenth photo is held out."""
    step = round(1 / share)
    return [p for i, p in enumerate(photos) if i % step], photos[::step]
