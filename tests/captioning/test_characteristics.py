import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.characteristics import Characteristic, from_caption
from captioning.colours import Colour
from captioning.speech import split

_WORDS = tuple(split("a the dog dogs red and , . who is running run ran to of 's not in by with man ice there that"))
LABELLED = Path(__file__).with_name("characteristics_100.tsv")


def parsed(text: str) -> list[Characteristic]:
    """"dog/black/run; pool" → two characteristics."""
    rows = [[*each.split("/"), "", ""][:3] for each in text.split("; ")]
    return [Characteristic(subject, _words(colours), _words(actions)) for subject, colours, actions in rows]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a black dog and a girl in a pink dress run", "dog/black/run; girl//run; dress/pink"),
        ("two dogs run and jump", "dog//run,jump"),
        ("a man and a woman sit", "man//sit; woman//sit"),
        ("a black and white dog", "dog/black,white"),
        ("a black and a brown dog play in the snow", "dog/black/play; dog/brown/play; snow"),
        ("a black dog chases a white dog", "dog/black/chase; dog/white"),
        ("a baby is being held by a woman", "baby; woman//hold"),
        ("a ball thrown by a boy", "ball; boy//throw"),
        ("a man wearing a red shirt", "man//wear; shirt/red"),
        ("a girl wearing pink pulls weeds", "girl/pink/wear,pull; weed"),
        ("a woman in red", "woman/red"),
        ("a black man with a hat", "man; hat"),
        ("the man's hat is red", "man; hat/red"),
        ("a dog with a red collar", "dog; collar/red"),
        ("a man in a dark brown coat and a light-blue hat", "man; coat/brown; hat/blue"),
        ("the brown-haired girl holds a black-and-white cat", "hair/brown; girl//hold; cat/black,white"),
        ("a soccer player near a swimming pool in running shoes", "soccer player; swimming pool; running shoe"),
        ("a smiling woman climbs a climbing wall", "woman//smile,climb; climbing wall"),
        ("people ice skating at a rink", "person//skate; rink"),
        ("a group of people", "person"),
        ("a crowd of people watching a game", "crowd//watch; person//watch; game"),
        ("two of the dogs are running", "dog//run"),
        ("a man in a red shirt who is running", "man//run; shirt/red"),
        ("a girl who wears a hat jumps", "girl//wear,jump; hat"),
        ("there is a dog running in the grass", "dog//run; grass"),
        ("a man holds a stick while a dog jumps to grab it", "man//hold; stick; dog//jump,grab"),
        ("the soldier looks out as he sits", "soldier//look,sit"),
        ("a boy wants to swim", "boy//want,swim"),
        ("a man watches a dog run", "man//watch; dog//run"),
        ("waves crashing on the beach", "wave//crash; beach"),
        ("a dog is not running", "dog"),
        ("a man not wearing a shirt", "man"),
        ("a girl without a hat swims", "girl//swim"),
        ("a smiling woman holding an orange", "woman//smile,hold; orange"),
        ("A MAN RIDES A HORSE!!!", "man//ride; horse"),
        ('a shirt that says , " Boys will be boys " .', "shirt//say"),
        ("a grey cat near a gray wall", "cat/grey; wall/grey"),
        ("a zebra grazes in the savanna", "zebra//graze; savanna"),
        ("a dog s on a wall", "dog s; wall"),
        ("Wearing a blue hat , a boy climbs a tree", "hat/blue; boy//wear,climb; tree"),
    ],
)
def test_a_caption_is_read_as(caption: str, expected: str) -> None:
    assert from_caption(caption) == parsed(expected)


@pytest.mark.parametrize(
    "caption",
    [
        "", "  ", "...", "42", "ein schwarzer Hund läuft durch den Schnee", "un perro negro corre por la nieve",
        "Черная собака бежит по снегу", "犬が雪の中を走る",
    ],
)  # fmt: skip
def test_no_text_and_other_languages_have_none(caption: str) -> None:
    assert from_caption(caption) == []


@pytest.mark.parametrize("piece", ["a dog runs and ", "red and ", "snow covered ", "running ", "a of ", "young and "])
def test_ten_thousand_characters_are_read_in_a_moment(piece: str) -> None:
    start = time.process_time()
    from_caption((piece * 5000)[:10_000])
    assert time.process_time() - start < 1


@given(st.lists(st.sampled_from(_WORDS)))
def test_no_order_of_words_breaks_it(words: list[str]) -> None:
    for each in from_caption(" ".join(words)):
        assert each.subject
        assert each.subject == each.subject.lower()


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    from_caption(text)


def test_a_claimed_colour_far_from_the_pictures_own_is_dropped() -> None:
    seen = [Colour("white", "#f4f4f4", 0.9), Colour("black", "#101010", 0.1)]
    assert from_caption("a red dog and a black cat", seen) == parsed("dog; cat/black")
    assert from_caption("a red dog", None) == parsed("dog/red")


def _triples(each: Characteristic) -> list[object]:
    return [(each.subject, colour, action) for colour in each.subject_colours for action in each.subject_actions]


# What was measured on the labels before any of their errors had been looked at: subjects 0.971 and 0.974, colours 0.980
# and 0.980, actions 0.968 and 0.953, bound triples 0.870 and 0.952 (precision, recall). Three bugs they showed (swing,
# ground, female) were mended since; the floors stay under the first figures.
@pytest.mark.parametrize(
    ("of", "precision", "recall"),
    [
        (lambda each: [each.subject], 0.96, 0.96),
        (lambda each: [(each.subject, colour) for colour in each.subject_colours], 0.96, 0.96),
        (lambda each: [(each.subject, action) for action in each.subject_actions], 0.95, 0.94),
        (_triples, 0.85, 0.90),
    ],
    ids=["subjects", "colours", "actions", "triples"],
)
def test_precision_and_recall_on_100_captions_labelled_by_hand(
    of: Callable[[Characteristic], list[object]], precision: float, recall: float
) -> None:
    right = found = wanted = 0
    rows = [line.split("\t") for line in LABELLED.read_text().splitlines() if not line.startswith("#")]
    for caption, labels in rows:
        said = {pair for each in from_caption(caption) for pair in of(each)}
        true = {pair for each in parsed(labels) for pair in of(each)}
        right, found, wanted = right + len(said & true), found + len(said), wanted + len(true)
    assert len(rows) == 100
    assert right / found >= precision
    assert right / wanted >= recall
