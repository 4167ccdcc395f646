"""VGG16's last block trained with both heads: from the map it had, by the loop that all training goes through."""
import numpy as np
import pytest

from tests.captioning.tiny import CAPTIONS, VOCABULARY

keras = pytest.importorskip("keras", reason="Keras is in the training category")
from captioning.training import captions, fine_tuning, joint  # noqa: E402
from captioning.training.run import fit  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning")
STEMS = np.random.default_rng(0).random((8, 49, 512), "float32").astype("float16")


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(1)
    kernels = {f"{name}/kernel": rng.normal(0, 0.02, (3, 3, 512, 512)).astype("float32") for name in fine_tuning.BLOCK}
    return kernels | {f"{name}/bias": np.zeros(512, "float32") for name in fine_tuning.BLOCK}


def end_to_end(weights):
    keras.utils.set_random_seed(0)
    maps = fine_tuning.Top(weights)(STEMS)
    heads = (captions.build(VOCABULARY, maps, units=16, embedding=12, dropout=0.0),
             joint.build(VOCABULARY, maps, width=16, embedding=12, units=16, dropout=0.0))
    return fine_tuning.EndToEnd(weights, *heads), maps


def test_it_begins_with_the_map_that_is_served(weights):
    network, maps = end_to_end(weights)
    texts = np.ones((8, 1, 4), "int32")
    found = keras.ops.convert_to_numpy(network((STEMS.astype("float32"), texts, texts))["map"])
    assert np.corrcoef(found.ravel(), maps.ravel())[0, 1] > 0.999


def test_an_epoch_moves_block_and_heads_and_leaves_the_map_recognisable(weights, tmp_path):
    network, maps = end_to_end(weights)
    before = network.arrays()
    ids = captions.encoded([[caption] * 5 for caption in CAPTIONS], VOCABULARY, 8)
    batches = fine_tuning.EndToEndBatches([STEMS], [maps], ids, batch=8)
    after = fit(network, batches, 2, 1e-5, tmp_path, fine_tuning.LOSSES, lambda _: {"sum": 1.0}, "sum",
                fine_tuning.WEIGHTS)
    for part in ("block", "captioner", "joint"):
        held, now = (fine_tuning.part(arrays, part) for arrays in (before, after))
        assert held.keys() == now.keys()
        assert any(not np.array_equal(held[key], now[key]) for key in held)
    moved = fine_tuning.Top(fine_tuning.part(after, "block"))(STEMS)
    assert np.corrcoef(moved.ravel(), maps.ravel())[0, 1] > 0.9
