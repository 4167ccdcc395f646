"""How text becomes search terms: the same on every engine, for captions, queries and characteristics alike."""
import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

# The words that fill captions and queries without telling pictures apart. Kept in the index, for phrases, and left
# out of queries: they cost most of the time of a ranked search and add nothing to its order.
STOP_WORDS = frozenset(
    """a an and are as at be been being by down each for from has have he her his i in into is it its itself me my of
    off on onto or other out over she some that the their them there these they this those through to up very was
    were while who with your show find picture pictures photo photos image images""".split())  # noqa: SIM905
SPELLINGS = {"gray": "grey", "color": "colour", "colored": "coloured", "colorful": "colourful"}
IRREGULAR = {  # past tenses and plurals that no suffix rule reaches
    "ran": "run", "sat": "sit", "stood": "stand", "held": "hold", "rode": "ride", "ridden": "ride", "threw": "throw",
    "thrown": "throw", "caught": "catch", "swam": "swim", "ate": "eat", "eaten": "eat", "drove": "drive",
    "flew": "fly", "wore": "wear", "worn": "wear", "fell": "fall", "lay": "lie", "lying": "lie", "men": "man",
    "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth", "mice": "mouse",
    "geese": "goose", "leaves": "leaf", "knives": "knife", "wolves": "wolf", "shelves": "shelf"}
# A vowel sign of Hindi or Thai is a part of its word, though no letter. 3 ms.
_SIGNS = "".join(c for c in map(chr, range(0x300, 0xAC00)) if unicodedata.category(c) in {"Mn", "Mc"})
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_SIGNS}])*")
_LONGEST = 64  # characters of a word that matter; a megabyte without a space is one word
_local = threading.local()  # the stemmer keeps state between calls


def words(text: str) -> list[str]:
    """Case-folded words without accents or punctuation: `Café's` → `cafe`, `s`."""
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain).casefold()  # again: 𝔸 is A only now
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not _is_accent(c))
        plain = unicodedata.normalize("NFC", plain)  # ガ and 한 are letters again
    return [w[:_LONGEST] for w in _WORD.findall(plain)]


def _is_accent(character: str) -> bool:
    """Of Latin, Greek and Cyrillic, and the points of Hebrew and Arabic; not what tells ガ from カ (Unicode's canonical
    combining classes, UAX 44)."""
    kind = unicodedata.combining(character)
    return kind == 1 or 10 <= kind <= 36 or kind >= 200


@lru_cache(20_000)  # a page of results asks for some 100 stems, 20 µs each when computed
def stem(word: str) -> str:
    """The term a folded word is searched by (Snowball's English stemmer, Porter 2001): `running`, `ran` → `run`."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = snowballstemmer.stemmer("english")
    word = IRREGULAR.get(word, SPELLINGS.get(word, word))
    return _local.stemmer.stemWord(word)


def last_word(text: str) -> int:
    """Where the last word of a text begins."""
    return max((match.start() for match in _WORD.finditer(text)), default=0)


def terms(text: str) -> list[str]:
    """All terms of a text, in order."""
    return [stem(w) for w in words(text)]


def key(text: str) -> str:
    """A short value (a subject, a colour, a tag) as it is compared: its terms with spaces between, or its symbols
    where it has no word: two emoji are two tags."""
    return " ".join(terms(text)) or "".join(c for c in text if unicodedata.category(c).startswith("S"))


def asked(text: str) -> dict[str, str]:
    """The terms a query is about, each with the word it came from; stop words only when there is nothing else."""
    pairs: dict[str, str] = {}
    for word in words(text):
        pairs.setdefault(stem(word), word)
    return {term: word for term, word in pairs.items() if word not in STOP_WORDS} or pairs
