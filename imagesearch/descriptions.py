"""Captions that lie beside photos in files: `descriptions.txt`, a CSV, a TSV."""
import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from imagesearch.errors import Invalid

NAMES = ("descriptions.txt", "descriptions.csv", "descriptions.tsv", "captions.txt", "captions.csv", "captions.tsv")
IMAGE_COLUMNS = ("image", "file", "filename", "file_name", "image_name", "image_id", "name", "path", "photo")
CAPTION_COLUMNS = ("caption", "description", "comment", "text", "title")
LONGEST_FILE = 2**30  # bytes; a million captions have a tenth of that
_NAMED = re.compile(  # `my cat.jpg a cat on a wall`: names may hold spaces
    r"(?P<name>.+?\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|dib|tiff?|avif|hei[cf])(?:#\d+)?)\s+(?P<text>.*)", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_COUNTED = re.compile(r"(.*\.\w+)#\d+")  # Flickr8k's `1000268201_693b08cb0e.jpg#0`


class Table:
    """The first caption of each name in one file; names are relative to a folder, with or without it and a suffix."""

    def __init__(self, rows: Iterable[tuple[str, str]]):
        self._captions: dict[str, str] = {}
        for name, caption in rows:
            if caption.strip():
                self._captions.setdefault(_tidy(name), caption.strip())
        self._used: set[str] = set()

    def caption(self, name: str) -> str | None:
        """Of the photo at that path below the table's folder."""
        path = PurePosixPath(_tidy(name))
        for found in (str(path), path.name, str(path.with_suffix("")), path.stem):
            if found in self._captions:
                self._used.add(found)
                return self._captions[found]
        return None

    def unused(self) -> list[str]:
        """Names that no photo has asked for."""
        return [name for name in self._captions if name not in self._used]

    def __len__(self) -> int:
        return len(self._captions)


def read(path: Path, caption_column: str | None = None) -> Table:
    """A captions file of any of the three kinds; several lines of one name: the first counts.

    Raises Invalid, which names the file and what is wrong with it.
    """
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise Invalid(f"{path}: {path.stat().st_size:,} bytes; a captions file has at most {LONGEST_FILE:,}")
        lines = lines_of(decoded(path, path.read_bytes()))
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return Table(_rows(path, lines, caption_column))
    except csv.Error as error:
        raise Invalid(f"{path}: {error}") from error


def decoded(name: Path | str, data: bytes) -> str:
    """A file's text, in UTF-8 or UTF-16. Raises Invalid, naming the file and the line."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        raise Invalid(f"{name}: line {line} is not UTF-8; save the file as UTF-8 and try again") from error


def lines_of(text: str) -> list[str]:
    """Parted where editors part them: `str.splitlines` cuts a caption at a form feed, NEL and U+2028 too."""
    return _LINE_END.split(text)


def _rows(path: Path, lines: list[str], caption_column: str | None) -> Iterator[tuple[str, str]]:
    first = next((line for line in lines if line.strip()), "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
    header = next(csv.reader([first], delimiter=delimiter), [])
    columns = _columns(path, header, caption_column)
    if path.suffix.lower() not in {".tsv", ".csv"} and not columns and "\t" not in first:
        return map(_named, filter(str.strip, lines))
    return _cells(lines, delimiter, columns)


def _columns(path: Path, header: list[str], caption_column: str | None) -> tuple[int, int] | None:
    """Where the name and the caption stand; None where the first line is no header."""
    names = [cell.strip().casefold() for cell in header]
    if caption_column and caption_column.casefold() not in names:
        raise Invalid(f"{path}: has no column {caption_column!r}; its first line is {', '.join(header)[:200]}")
    image = next((names.index(name) for name in IMAGE_COLUMNS if name in names), None)
    wanted = (caption_column.casefold(),) if caption_column else CAPTION_COLUMNS
    caption = next((names.index(name) for name in wanted if name in names and names.index(name) != image), None)
    return None if image is None or caption is None else (image, caption)


def _cells(lines: list[str], delimiter: str, columns: tuple[int, int] | None) -> Iterator[tuple[str, str]]:
    ended = (line + "\n" for line in lines)
    rows = (csv.reader(ended, delimiter=delimiter, quoting=csv.QUOTE_NONE) if delimiter == "\t" else
            csv.reader(ended, delimiter=delimiter))
    image, caption = columns or (0, 1)
    for number, row in enumerate(row for row in rows if row):
        if len(row) > max(image, caption) and not (columns and number == 0):
            yield row[image], row[caption]


def _named(line: str) -> tuple[str, str]:
    """`name caption`, where the name ends at its suffix or, without one, at the first space."""
    if match := _NAMED.fullmatch(line.strip()):
        return match["name"], match["text"]
    name, *rest = line.split(maxsplit=1)
    return name, rest[0] if rest else ""


def _tidy(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")
    match = _COUNTED.fullmatch(name)
    return match[1] if match else name
