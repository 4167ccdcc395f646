"""What the service asks of a full-text engine and of a vector engine; one module per engine."""
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sqlalchemy.orm import Session

Texts = tuple[str, str, str]  # of an image: its caption, its tags, its characteristics


@dataclass(frozen=True)
class TextHits:
    """Parallel arrays, in no order: one entry an image that holds a word of the query."""

    numbers: np.ndarray    # (N,) int64, of the images
    scores: np.ndarray     # (N,) float32, see `TextIndex.search`
    phrase: np.ndarray     # (N,) bool: the caption holds the whole query, word by word
    generated: np.ndarray  # (N,) float32: the share of the score, 0 to 1, that comes from words only a model said

    def among(self, numbers: Collection[int] | None) -> "TextHits":
        """Those of some images; None are all."""
        if numbers is None:
            return self
        kept = np.isin(self.numbers, np.fromiter(numbers, "int64", len(numbers)))
        return TextHits(self.numbers[kept], self.scores[kept], self.phrase[kept], self.generated[kept])


class TextIndex(Protocol):
    """Words of captions, tags and characteristics. It lives in the database: changes join the caller's transaction.

    `search` and `count` take a session for reading: an index may keep what it sees there."""

    def put(self, session: Session, images: Mapping[int, Texts]) -> None:
        """(Re)indexes images, by their numbers."""

    def remove(self, session: Session, number: int) -> None: ...

    def clear(self, session: Session) -> None:
        """Removes all images."""

    def search(self, session: Session, text: str, among: Collection[int] | None = None) -> TextHits:
        """The images that hold any of the words, or, `among`, those of them.

        The score is BM25 over the sum of the query terms' IDF: the share of the query's information that the image
        holds, about 1 for all of it. A word that no image has counts as the rarest of all, so a nonsense word beside
        a known one leaves little."""

    def having(self, session: Session, texts: Sequence[str]) -> set[int]:
        """The numbers of all images that hold any of the texts, each word by word: `jack-russell` is two words."""

    def completions(self, session: Session, prefix: str, limit: int) -> list[str]:
        """Known words that begin with `prefix`, the most frequent first."""

    def count(self, session: Session) -> int: ...

    def numbers(self, session: Session) -> set[int]:
        """Of all images it holds."""

    def holds(self, session: Session, number: int, caption: str, tags: str, characteristics: str) -> bool:
        """Whether `put` with the same would change nothing."""

    def is_sound(self, session: Session) -> bool:
        """Whether the engine finds its own structure whole. Needs a writing session."""

    def rebuild(self, session: Session) -> None:
        """Makes that structure anew from what was put."""


class VectorIndex(Protocol):
    """The pictures of one vector space. An index may keep what a session sees, so one for writing asks it only before
    it adds or removes vectors."""

    space: str

    def nearest(self, session: Session, vector: np.ndarray, limit: int, among: Collection[int] | None = None,
                also: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(N,) image numbers and (N,) float32 cosines of the `limit` nearest, in no order; `among` restricts to those
        numbers. The images `also` are given beside them, as far as they are in the space."""

    def vector(self, session: Session, number: int) -> np.ndarray | None:
        """(d,) float32 of one image, None where it is not in the space."""

    def all(self, session: Session) -> tuple[np.ndarray, np.ndarray]:
        """(N,) image numbers and (N, d) float32 vectors; not to be written to."""

    def count(self, session: Session) -> int: ...
