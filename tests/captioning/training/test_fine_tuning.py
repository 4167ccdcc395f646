"""VGG16's last blocks trained with both heads: from the map it had, by the loop that all training goes through."""
import numpy as np
import pytest

from tests.captioning.tiny import CAPTIONS, VOCABULARY

keras = pytest.importorskip("keras", reason="Keras is in the training category")
from captioning.training import captions, fine_tuning, joint  # noqa: E402
from captioning.training.run import fit  # noqa: E402

STEMS = {1: (8, 49, 512), 2: (8, 196, 256)}  # by the number of blocks


@pytest.fixture(scope="module", params=STEMS)
def blocks(request):
    return request.param


@pytest.fixture(scope="module")
def stems(blocks):
    return np.random.default_rng(0).random(STEMS[blocks], "float32").astype("float16")


@pytest.fixture(scope="module")
def weights(blocks):
    rng, channels, found = np.random.default_rng(1), STEMS[blocks][-1], {}
    for name in (name for block in fine_tuning.convolutions(blocks) for name in block):
        found[f"{name}/kernel"] = rng.normal(0, 0.02, (3, 3, channels, 512)).astype("float32")
        found[f"{name}/bias"], channels = np.zeros(512, "float32"), 512
    return found


def end_to_end(weights, stems, blocks):
    keras.utils.set_random_seed(0)
    maps = fine_tuning.Top(weights, blocks)(stems)
    heads = (captions.build(VOCABULARY, maps, units=16, embedding=12, dropout=0.0),
             joint.build(VOCABULARY, maps, width=16, embedding=12, units=16, dropout=0.0))
    return fine_tuning.EndToEnd(weights, *heads, blocks=blocks), maps


def test_it_begins_with_the_map_that_is_served(weights, stems, blocks):
    network, maps = end_to_end(weights, stems, blocks)
    texts = np.ones((8, 1, 4), "int32")
    found = keras.ops.convert_to_numpy(network((stems.astype("float32"), texts, texts))["map"])
    assert np.corrcoef(found.ravel(), maps.ravel())[0, 1] > 0.999


def test_an_epoch_moves_blocks_and_heads_and_leaves_the_map_recognisable(weights, stems, blocks, tmp_path):
    network, maps = end_to_end(weights, stems, blocks)
    before = network.arrays()
    ids = captions.encoded([[caption] * 5 for caption in CAPTIONS], VOCABULARY, 8)
    batches = fine_tuning.EndToEndBatches([stems], [maps], ids, batch=8)
    after = fit(network, batches, 2, 1e-5, tmp_path, fine_tuning.LOSSES, lambda _: {"sum": 1.0}, "sum",
                fine_tuning.WEIGHTS)
    for part in ("block", "captioner", "joint"):
        held, now = (fine_tuning.part(arrays, part) for arrays in (before, after))
        assert held.keys() == now.keys()
        assert any(not np.array_equal(held[key], now[key]) for key in held)
    moved = fine_tuning.Top(fine_tuning.part(after, "block"), blocks)(stems)
    assert np.corrcoef(moved.ravel(), maps.ravel())[0, 1] > 0.9
