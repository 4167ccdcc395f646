"""Which tags hold for which photo: from captions, from a file `image → labels`, from MIRFLICKR's annotations.

MIRFLICKR-25K (Huiskes and Lew 2008) has a text file a label, `dog.txt`, with the numbers of its images, a line each;
`dog_r1.txt` has those where it is plainly to be seen. Image 17 is `im17.jpg`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from captioning import lexicon as lex
from captioning import speech

MIRFLICKR = (
    "animals", "baby", "bird", "car", "clouds", "dog", "female", "flower", "food", "indoor", "lake", "male", "night",
    "people", "plant_life", "portrait", "river", "sea", "sky", "structures", "sunset", "transport", "tree", "water",
)  # fmt: skip
RELEVANT = "_r1"
LEAST = 5  # photos a tag can be learnt from
# Seen often in captions, and no help to anyone who searches.
VAGUE = frozenset(
    (
        "area", "object", "gear", "equipment", "item", "set", "setting", "line", "picture", "photo", "photograph",
        "scene", "show", "display", "adult", "guy", "kid", "lady", "male", "female", "get", "take", "make", "try", "go",
        "come", "use", "prepare", "attempt", "put", "see", "give", "pass", "cover", "surround", "appear", "perform",
        "have", "do", "be", "hold", "look", "show", "face", "enjoy", "stick", "reach", "turn", "lay", "hit", "raise",
        "move", "fill", "attach", "oppose", "lead", "leave", "say", "head", "hand", "arm", "leg", "foot", "ear", "eye",
        "camera", "ground", "object", "course", "board", "stand", "play", "outfit", "clothes", "step", "catch", "bar",
        "plastic", "metal", "team", "piece", "stop", "help", "work", "start", "keep", "let", "seem", "gather", "cross",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """`present` (N, T) bool: whether tag `names[t]` holds for photo n."""

    names: tuple[str, ...]
    present: np.ndarray


def caption_tags(captions: Sequence[str]) -> Counter[str]:
    """The nouns and verbs of one photo's captions in base form, with how many captions say each."""
    return Counter(word for caption in captions for word in set(_words(caption)))


def _words(caption: str) -> list[str]:
    tokens = speech.tag(caption)
    nouns = [token.lemma for token in tokens if token.tag == "N" and token.lemma not in lex.UNSEEN | lex.QUANTITIES]
    return nouns + [token.lemma for token in tokens if token.tag in "VM"]


def from_captions(photos: Sequence[Sequence[str]], names: Sequence[str] | None = None,
                  often: int | None = None) -> Labels:
    """Photos' captions → the nouns and verbs said of at least `often` photos (one in a hundred, and five at the
    least), or those in `names`. Raises ValueError where there is no such word.

    A tag holds where one caption or more says it (as in Fang et al. 2015, "From Captions to Visual Concepts").
    """
    said = [caption_tags(captions) for captions in photos]
    if names is None:
        total = Counter(word for words in said for word in words)
        often = max(LEAST, len(photos) // 100) if often is None else often
        names = sorted(word for word, count in total.items() if count >= often and word not in VAGUE)
        if not names:
            raise ValueError(f"no noun or verb is said of {often} of these {len(photos)} photos: take more of them, or "
                             "a lower --often")
    return Labels(tuple(names), np.array([[name in words for name in names] for words in said], bool))


def from_file(path: Path) -> dict[str, set[str]]:
    """`image<TAB>label,label` a line → labels by image. Raises ValueError naming the line that has no label."""
    found: dict[str, set[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        image, _, rest = line.partition("\t")
        labels = {label.strip() for label in rest.split(",") if label.strip()}
        if not labels:
            raise ValueError(f"{path}: line {number} has no labels; expected `image<TAB>label,label`")
        found.setdefault(image, set()).update(labels)
    return found


def from_mirflickr(folder: Path) -> dict[str, set[str]]:
    """The annotations → labels by image (`im17.jpg`), without the stricter ones.

    Raises ValueError for a label that MIRFLICKR does not have, a line that is no number, or an empty folder.
    """
    found: dict[str, set[str]] = {}
    files = sorted(path for path in folder.glob("*.txt") if path.name.lower() != "readme.txt")
    if not files:
        raise ValueError(f"{folder} holds no annotation files (dog.txt, dog_r1.txt, …)")
    for path in files:
        label = path.stem.removesuffix(RELEVANT)
        if label not in MIRFLICKR:
            raise ValueError(f"{path}: MIRFLICKR has no label {label!r}; it has {', '.join(MIRFLICKR)}")
        for image in () if path.stem.endswith(RELEVANT) else _numbers(path):
            found.setdefault(f"im{image}.jpg", set()).add(label)
    return found


def _numbers(path: Path) -> list[int]:
    numbers = []
    for at, line in enumerate(path.read_text(encoding="utf-8").split(), 1):
        if not line.isdigit():
            raise ValueError(f"{path}: entry {at} is {line!r}, not an image's number")
        numbers.append(int(line))
    return numbers


def of_photos(photos: Sequence[str], labels: dict[str, set[str]], names: Sequence[str] | None = None) -> Labels:
    """Labels by image → a matrix for `photos`. Raises ValueError for a label outside `names`, naming it."""
    every = sorted(set().union(*labels.values())) if labels else []
    if names is not None and (unknown := sorted(set(every) - set(names))):
        raise ValueError(f"unknown labels: {', '.join(unknown[:10])}; known are {', '.join(sorted(names)[:30])}")
    chosen = tuple(names or every)
    return Labels(chosen, np.array([[name in labels.get(photo, ()) for name in chosen] for photo in photos], bool))
