import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from captioning import registry


def card(**changes):
    plain = registry.Card("tiny", "encoder", "1", "tiny.npz", "0" * 64, 512, "photos", "train", "make it", {"ms": 1},
                          "MIT", {"graph": "vgg16", "side": 112})
    return replace(plain, **changes)


def test_a_card_reads_back_as_it_was_saved(tmp_path):
    card().save(tmp_path)
    assert registry.card("tiny", tmp_path) == card()
    assert registry.cards(tmp_path) == [card()]


def test_a_card_that_cannot_be_written_leaves_the_old_one_whole(tmp_path):
    card().save(tmp_path)
    with pytest.raises(UnicodeEncodeError):
        card(licence="\ud800").save(tmp_path)
    assert registry.cards(tmp_path) == [card()]


def test_an_unknown_model_is_told_with_those_there_are(tmp_path):
    card().save(tmp_path)
    with pytest.raises(registry.ModelMissing, match=r"no model is called 'resnet'\. In .*: tiny\. Can be"):
        registry.load("resnet", tmp_path)


@pytest.mark.parametrize("name", registry.IMPORTABLE)
def test_an_encoder_without_weights_says_the_command_that_gets_them(tmp_path, name):
    with pytest.raises(registry.ModelMissing, match=f"keras_encoders import {name} --download"):
        registry.load(name, tmp_path)


def test_missing_weights_are_told_with_their_path_and_command(tmp_path):
    card().save(tmp_path)
    with pytest.raises(registry.ModelMissing, match=r"tiny\.npz, which is not there.*make it"):
        registry.load("tiny", tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    card().save(tmp_path)
    (tmp_path / "tiny.npz").write_bytes(b"half a fi")
    with pytest.raises(registry.ModelDamaged, match="its card says 0000"):
        registry.load("tiny", tmp_path)


def test_a_part_is_not_loaded_by_itself(tmp_path):
    card(kind="similarity").save(tmp_path)
    with pytest.raises(registry.ModelMissing, match="part of another model"):
        registry.load("tiny", tmp_path)


def test_the_digest_of_a_graph_covers_its_weights(tmp_path):
    (tmp_path / "net.xml").write_text("<net/>")
    (tmp_path / "net.bin").write_bytes(b"1")
    before = registry.digest(tmp_path / "net.xml")
    (tmp_path / "net.bin").write_bytes(b"2")
    assert registry.digest(tmp_path / "net.xml") != before


def test_the_version_changes_with_weights_and_settings():
    versions = {registry.version(sha, {"side": side}) for sha in ("aa", "bb") for side in (112, 144)}
    assert len(versions) == 4


def test_every_shipped_model_is_what_its_card_says():
    assert registry.cards()
    for shipped in registry.cards():
        registry.check(shipped, registry.MODELS)


def test_threads_get_the_same_object():
    with ThreadPoolExecutor(8) as pool:
        assert len({id(model) for model in pool.map(lambda _: registry.load("vgg16"), range(16))}) == 1


def test_a_similarity_fitted_to_other_weights_is_refused(tmp_path):
    for name in ("vgg16", "vgg16-similarity"):
        for suffix in (".json", ".npz"):
            shutil.copy(registry.MODELS / f"{name}{suffix}", tmp_path)
    fitted = registry.card("vgg16-similarity", tmp_path)
    replace(fitted, settings=fitted.settings | {"encoder_version": "before"}).save(tmp_path)
    with pytest.raises(registry.ModelDamaged, match="fitted to version before of vgg16"):
        registry.load("vgg16", tmp_path)
