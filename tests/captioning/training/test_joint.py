"""The joint space learns, and what serves is what was trained."""
import numpy as np
import pytest

from captioning.joint import Joint
from captioning.training import shipping
from captioning.training.scores import ranks
from tests.captioning.tiny import CAPTIONS, VOCABULARY, card, maps

keras = pytest.importorskip("keras", reason="Keras is in the training category")
from captioning.training import captions, joint  # noqa: E402


@pytest.fixture(scope="module")
def trained():
    """Two towers that were shown eight pairs until they knew them, and the losses on the way."""
    keras.utils.set_random_seed(0)
    made = joint.build(VOCABULARY, maps(), width=16, embedding=12, units=16, dropout=0.0)
    made.compile(optimizer=keras.optimizers.Adam(0.02), loss=joint.InfoNCE(), jit_compile=False)
    ids = captions.encoded([[caption] for caption in CAPTIONS], VOCABULARY, 8)
    batch = joint.PairBatches([maps()], ids, batch=8, thin=0, spans=0)[0]
    return made, [float(made.train_on_batch(*batch)) for _ in range(60)]


def served(network):
    return Joint(card("joint"), {**network.arrays(), "words": np.array(VOCABULARY.words)})


def test_eight_pairs_are_learnt_by_heart(trained):
    made, losses = trained
    assert losses[0] > 1.5 > 0.1 > losses[-1]  # chance among eight is ln 8 = 2.08
    model = served(made)
    images = model.embed_image(maps().reshape(8, 3, 3, 12))
    cosines = np.stack([model.embed_text(caption) for caption in CAPTIONS]) @ images.T
    assert ranks(cosines, np.arange(8)).max() == 0


def test_both_towers_without_keras_give_the_networks_own_vectors(trained):
    made, model = trained[0], served(trained[0])
    unseen = maps(seed=3)
    theirs = keras.ops.convert_to_numpy(made.embed_images(keras.ops.convert_to_tensor(unseen)))
    np.testing.assert_allclose(model.embed_image(unseen.reshape(8, 3, 3, 12)), theirs, atol=1e-5)
    np.testing.assert_allclose(model.embed_image(unseen[0].reshape(3, 3, 12)), theirs[0], atol=1e-5)
    ids = joint.padded([*CAPTIONS, "dog"], VOCABULARY)
    theirs = keras.ops.convert_to_numpy(made.embed_texts(keras.ops.convert_to_tensor(ids)))
    ours = [model.embed_text(text) for text in [*CAPTIONS, "dog"]]
    np.testing.assert_allclose(np.stack(ours), theirs, atol=1e-5)


def test_saved_and_loaded_it_embeds_the_same(trained, tmp_path):
    arrays = {**trained[0].arrays(), "words": np.array(VOCABULARY.words)}
    made = shipping.ship("tiny", "joint", arrays, {}, tmp_path, data="", split="")
    loaded = Joint.from_card(made, tmp_path)
    assert loaded.embed_text("a black dog") @ served(trained[0]).embed_text("a black dog") > 0.9999


def test_texts_of_a_batch_are_thinned_but_never_emptied():
    ids = captions.encoded([[caption] * 5 for caption in CAPTIONS], VOCABULARY, 8)
    (_, words), own = joint.PairBatches([maps()], ids, batch=8, thin=0.5, spans=0.5)[0]
    counts = (words != 0).sum(-1)
    assert counts.min() >= 1
    assert counts.mean() < 0.8 * 5.4  # five or six words a caption
    assert own.shape == (8, 40)
    assert (own.sum(1) == 5).all()


def test_each_batch_of_an_epoch_is_thinned_in_its_own_way():
    ids = captions.encoded([[CAPTIONS[0]] * 5] * 8, VOCABULARY, 8)
    batches = joint.PairBatches([maps()], ids, batch=4, thin=0.5)
    one, other, again = (batches[k][0][1] for k in (0, 1, 0))
    assert not np.array_equal(one, other)
    assert np.array_equal(one, again)
