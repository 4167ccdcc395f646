"""Decoding: the rules of English, greedy and beam."""
import numpy as np
import pytest

from captioning import registry
from captioning.captioner import Decoder, Grammar, search
from captioning.vocabulary import END, SPECIAL, START, UNKNOWN, Vocabulary
from tests.captioning.photos import free_photos

VOCABULARY = Vocabulary((*SPECIAL, "a", "man", "in", "red", "shirt", "and"))
A, MAN, IN, RED, SHIRT, AND = range(4, 10)
GRAMMAR = Grammar(VOCABULARY)


def decoder(seed: int = 0, units: int = 6, embedding: int = 5) -> Decoder:
    """An untrained network: its captions are nonsense, and uncertain."""
    rng, words = np.random.default_rng(seed), len(VOCABULARY)
    shapes = {"map/mean": (4,), "map/std": (4,), "value/kernel": (4, units), "value/bias": (units,),
              "first_h/kernel": (units, units), "first_h/bias": (units,), "first_c/kernel": (units, units),
              "first_c/bias": (units,), "embedding": (words, embedding), "lstm/kernel": (embedding, 4 * units),
              "lstm/recurrent": (units, 4 * units), "lstm/bias": (4 * units,), "query/kernel": (units, units),
              "joined/kernel": (2 * units, embedding), "joined/bias": (embedding,), "bias": (words,)}
    return Decoder({key: rng.normal(size=shape).astype("float32") + (key == "map/std") * 3
                    for key, shape in shapes.items()})


MAPS = np.random.default_rng(1).normal(size=(5, 9, 4)).astype("float32")


@pytest.mark.parametrize(("words", "word"), [
    ((START, A), A),                                  # a word twice running
    ((START, A, MAN, AND, A), MAN),                   # "a man and a man"
    ((START, A, MAN, IN, RED, SHIRT, AND, RED), SHIRT),
    ((START, A, MAN, IN), END),                       # a dangling "in"
    ((START, A), UNKNOWN),
    ((START,), END),                                  # nothing said
])
def test_these_words_may_not_follow(words, word):
    assert word in GRAMMAR.forbidden(words)


@pytest.mark.parametrize(("words", "word"), [
    ((START, A, MAN, IN, A, RED, SHIRT, AND, MAN, IN), A),  # "in a … in a …" is English
    ((START, A, MAN), END),
    ((START, A, MAN, AND, A), RED),
])
def test_these_words_may(words, word):
    assert word not in GRAMMAR.forbidden(words)


def test_a_caption_stopped_by_its_length_loses_its_dangling_words():
    assert GRAMMAR.trimmed((START, A, MAN, IN, A)) == (START, A, MAN)


def test_a_beam_of_one_is_greedy_word_by_word():
    network = decoder()
    for row, found in zip(MAPS, search(network, None, MAPS, beam=1, length=8), strict=True):
        state, words = network.start(row[None]), [START]
        while words[-1] != END and len(words) < 9:
            state, log_p = network.step(state, np.array(words[-1:]))
            log_p[:, [0, START, UNKNOWN]] = -np.inf
            words.append(int(log_p.argmax()))
        assert found.words == tuple(w for w in words if w != END)


def test_a_wider_beam_never_finds_less_for_captions_of_one_length():
    one, four = (search(decoder(), None, MAPS, beam=beam, length=1) for beam in (1, 4))
    assert all(b.score >= a.score for a, b in zip(one, four, strict=True))


def test_a_batch_gives_what_each_map_gives_alone():
    together = search(decoder(), GRAMMAR, MAPS, beam=3)
    alone = [search(decoder(), GRAMMAR, row[None], beam=3)[0] for row in MAPS]
    assert [h.words for h in together] == [h.words for h in alone]


def test_no_caption_breaks_the_rules_however_bad_the_network():
    for seed in range(5):
        for found in search(decoder(seed), GRAMMAR, MAPS, beam=2):
            assert found.words[-1] not in (A, IN, AND)
            assert all(a != b for a, b in zip(found.words, found.words[1:], strict=False))


def test_the_shipped_captioner_describes_free_photos_in_english_words():
    encoder, captioner = registry.load("vgg16"), registry.load("vgg16-lstm")
    for photo in free_photos():
        caption = captioner.caption(encoder.features(photo))
        assert 1 <= len(caption.text.split()) <= 20
        assert set(caption.text.split()) <= set(captioner.vocabulary.words[4:])
        assert -8 < caption.confidence < 0
        assert caption == captioner.caption(encoder.features(photo))


def test_the_shipped_captioner_belongs_to_the_encoder_shipped():
    settings = registry.card("vgg16-lstm").settings
    assert settings["encoder_version"] == registry.card(settings["encoder"]).version
