"""The captioner learns, and what serves is what was trained."""
import numpy as np
import pytest

from captioning import captioner as serving
from captioning.training import shipping
from captioning.vocabulary import END, START
from tests.captioning.tiny import CAPTIONS, VOCABULARY, card, maps

keras = pytest.importorskip("keras", reason="Keras is in the training category")
from captioning.training import captions  # noqa: E402
from captioning.training.run import averaged  # noqa: E402


def network(**sizes):
    keras.utils.set_random_seed(0)
    return captions.build(VOCABULARY, maps(), **{"units": 24, "embedding": 16, "dropout": 0.0, **sizes})


@pytest.fixture(scope="module")
def trained():
    """A network that was shown eight maps until it knew them."""
    made, ids = network(), captions.encoded([[caption] for caption in CAPTIONS], VOCABULARY, 8)
    made.compile(optimizer=keras.optimizers.Adam(0.02), loss=captions.NextWord(), jit_compile=False)
    batch = captions.CaptionBatches([maps()], ids, batch=8)[0]
    losses = [float(made.train_on_batch(*batch)) for _ in range(150)]
    return made, losses


def served(arrays):
    return serving.Captioner(card("captioner"), {**arrays, "words": np.array(VOCABULARY.words)})


def test_the_first_loss_is_the_logarithm_of_the_number_of_words(trained):
    assert trained[1][0] == pytest.approx(np.log(len(VOCABULARY)), rel=0.03)


def test_eight_pictures_are_learnt_by_heart(trained):
    found = served(trained[0].arrays()).captions(maps().reshape(8, 3, 3, 12))
    assert [caption.text for caption in found] == CAPTIONS
    assert min(caption.confidence for caption in found) > -0.2


def test_the_decoder_without_keras_gives_the_networks_own_probabilities(trained):
    ids = captions.encoded([[caption] for caption in CAPTIONS], VOCABULARY, 8)[:, :, :-1]
    logits = keras.ops.convert_to_numpy(trained[0]((maps(), ids)))[:, 0]
    theirs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    decoder = serving.Decoder(trained[0].arrays())
    state = decoder.start(maps())
    for step in range(ids.shape[-1]):
        state, ours = decoder.step(state, ids[:, 0, step])
        np.testing.assert_allclose(ours, theirs[:, step], atol=2e-4)


def test_greedy_decoding_gives_keras_words_one_by_one(trained):
    half = maps(seed=5)  # maps that it has not seen, so that it is not certain
    ids = np.full((8, 1, 1), START, "int32")
    for _ in range(6):
        logits = keras.ops.convert_to_numpy(trained[0]((half, ids)))[:, 0, -1]
        logits[:, [0, 1, 3]] = -np.inf
        ids = np.concatenate([ids, logits.argmax(-1)[:, None, None]], -1)
    theirs = [VOCABULARY.decode(row) for row in ids[:, 0]]
    ours = serving.search(serving.Decoder(trained[0].arrays()), None, half, length=6)
    assert [VOCABULARY.decode(h.words) for h in ours] == theirs


def test_saved_and_loaded_it_says_the_same(trained, tmp_path):
    arrays = {**trained[0].arrays(), "words": np.array(VOCABULARY.words)}
    made = shipping.ship("tiny", "captioner", arrays, {}, tmp_path, data="", split="")
    loaded = serving.Captioner.from_card(made, tmp_path)
    assert [c.text for c in loaded.captions(maps())] == [c.text for c in served(arrays).captions(maps())]


def test_training_goes_on_from_shipped_arrays(trained):
    other = network()
    other.assign(trained[0].arrays())
    ids = captions.encoded([[caption] for caption in CAPTIONS], VOCABULARY, 8)[:, :, :-1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(other((maps(), ids))),
                               keras.ops.convert_to_numpy(trained[0]((maps(), ids))), atol=1e-5)


def test_smoothing_spreads_a_share_of_the_target_evenly():
    logits, right = np.log([[[[0.7, 0.2, 0.1]]]]).astype("float32"), np.array([[[0]]])
    expected = -0.7 * np.log(0.7) - 0.3 * np.mean(np.log([0.7, 0.2, 0.1]))
    assert float(captions.NextWord(0.3)(right, logits)) == pytest.approx(expected, rel=1e-5)


def test_batches_hold_every_photo_once_in_one_of_its_views():
    views = [np.full((5, 9, 12), v, "float16") for v in (1, 2)]
    ids = captions.encoded([[text, text] for text in CAPTIONS[:5]], VOCABULARY)
    batches = captions.CaptionBatches(views, ids, batch=2)
    seen = [batches[k] for k in range(len(batches))]
    assert sorted(int(i) for (_, words), *_ in seen for i in words[:, 0, 1]) == sorted(ids[:, 0, 1].tolist())
    assert {float(m) for (spatial, _), *_ in seen for m in spatial[:, 0, 0]} <= {1, 2}
    assert all((targets[weights > 0] != 0).all() and END in targets for _, targets, weights in seen)


def test_what_only_one_person_saw_weighs_less():
    weights = captions.consensus([["a dog runs", "a dog runs", "a dog sits", "lovely day"], ["a cat sits"]])
    assert weights.mean(1) == pytest.approx(1)
    assert weights[0, 0] == weights[0, 1] > weights[0, 2] > 5 * weights[0, 3]
    assert weights[1].tolist() == [1, 1, 1, 1]  # nothing to compare it with


def test_a_captions_weight_is_on_each_of_its_words():
    ids = captions.encoded([[text, text] for text in CAPTIONS[:2]], VOCABULARY)
    batch = captions.CaptionBatches([maps()[:2]], ids, batch=2, weights=np.array([[0.5, 1.5], [1.0, 1.0]]))[0]
    assert (batch[2] == (batch[1] != 0) * np.array([[[0.5], [1.5]], [[1], [1]]], "float32")).all()


def test_the_running_mean_is_read_and_the_weights_stay():
    made, ids = network(), captions.encoded([[caption] for caption in CAPTIONS], VOCABULARY, 8)
    made.compile(optimizer=keras.optimizers.AdamW(0.1, use_ema=True, ema_momentum=0.7), loss=captions.NextWord(),
                 jit_compile=False)
    seen = []
    for _ in range(2):
        made.train_on_batch(*captions.CaptionBatches([maps()], ids, batch=8)[0])
        seen.append(made.arrays()["bias"].copy())
    np.testing.assert_allclose(averaged(made)["bias"], 0.7 * seen[0] + 0.3 * seen[1], atol=1e-6)
    np.testing.assert_array_equal(made.arrays()["bias"], seen[1])
