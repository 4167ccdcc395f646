"""Words ↔ ids. The first four ids are the same in every vocabulary."""
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")
_WORD = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation; hyphens and apostrophes inside a word stay.

    >>> words_of("A man 's T-shirt .")
    ['a', "man's", 't-shirt']
    """
    return _WORD.findall(text.lower().replace("’", "'").replace(" 's", "'s"))


@dataclass(frozen=True)
class Vocabulary:
    """An ordered list of words, the four special ones first."""

    words: tuple[str, ...]
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.words[:4] != SPECIAL:
            raise ValueError(f"a vocabulary begins with {SPECIAL}, this one with {self.words[:4]}")
        object.__setattr__(self, "_ids", {word: i for i, word in enumerate(self.words)})

    @classmethod
    def of(cls, texts: Iterable[str], least: int = 3) -> "Vocabulary":
        """The words seen `least` times or more, the frequent first."""
        counts = Counter(word for text in texts for word in words_of(text))
        kept = sorted((word for word, n in counts.items() if n >= least), key=lambda word: (-counts[word], word))
        return cls((*SPECIAL, *kept))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def known(self, text: str) -> list[int]:
        """Ids of the words known, in order, the others left out."""
        return [self._ids[word] for word in words_of(text) if word in self._ids]

    def encode(self, text: str, length: int) -> np.ndarray:
        """(length + 1,) int32: start, the words (unknown ones as `<unk>`), end, padding; a long text loses its end."""
        ids = [START, *(self._ids.get(word, UNKNOWN) for word in words_of(text)), END][: length + 1]
        return np.array(ids + [PAD] * (length + 1 - len(ids)), "int32")

    def decode(self, ids: Sequence[int]) -> list[str]:
        """The words up to the first end; start and padding left out."""
        out = []
        for i in ids:
            if i == END:
                break
            if i not in (PAD, START):
                out.append(self.words[i])
        return out
