"""Where pictures of the web came from, and whose they are: so that they can be credited, and are fetched once."""
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from imagesearch.db import Origin

ADDRESSES = ("licence_url", "page")
AT_ONCE = 1000  # images asked for in one query; SQLite takes 32,766 values
LONGEST = 500  # characters of a title, a name or a page's address; the rest is cut off


@dataclass(frozen=True)
class Source:
    """A picture on the web, and what is said of it there. `page`: where a person can look at it."""

    url: str
    caption: str | None = None
    title: str | None = None
    author: str | None = None
    licence: str | None = None
    licence_url: str | None = None
    page: str | None = None

    @classmethod
    def of(cls, url: str, caption: str | None = None, **said: str | None) -> Self:
        """Of a stranger's words: without a fragment, with no more than a line of printable text each, and addresses
        (`licence_url`, `page`) only of the web, as somebody will make links of them. A URL with a NUL is refused when
        it is fetched; PostgreSQL would refuse to be asked whether it is known."""
        kept = {name: _line(text) for name, text in said.items()}
        return cls(url.strip().partition("#")[0].replace("\0", "\ufffd"), (caption or "").strip() or None, **{
            name: text for name, text in kept.items()
            if name not in ADDRESSES or (text or "").lower().startswith(("http://", "https://"))})

    def said(self) -> dict[str, str]:
        """What an `Origin` keeps of it beside the URL, as far as it is known."""
        return {f.name: text for f in fields(self) if f.name not in ("url", "caption")
                and (text := getattr(self, f.name)) is not None}


def remember(session: Session, number: int, source: Source) -> None:
    """That an image is the one at a URL; what is said of it now replaces what was said before."""
    origin = session.scalar(select(Origin).where(Origin.url == source.url))
    if origin is None:
        session.add(Origin(image_number=number, url=source.url, **source.said()))
        return
    origin.image_number = number
    for name, text in source.said().items():
        setattr(origin, name, text)


def of_images(session: Session, numbers: Sequence[int]) -> dict[int, list[Origin]]:
    """By image, the oldest first; images without one are left out."""
    found: dict[int, list[Origin]] = {}
    for start in range(0, len(numbers), AT_ONCE):
        chosen = select(Origin).where(Origin.image_number.in_(numbers[start:start + AT_ONCE])).order_by(Origin.id)
        for origin in session.scalars(chosen):
            found.setdefault(origin.image_number, []).append(origin)
    return found


def _line(text: str | None) -> str | None:
    kept = "".join(c for c in unicodedata.normalize("NFC", text or "")
                   if unicodedata.category(c) not in {"Cc", "Cf", "Cs"}).strip()
    return kept[:LONGEST] or None
