"""Fitting and measuring, on vectors whose answer is known."""
import json

import numpy as np
import pytest

from captioning import registry
from captioning.similarity import unit
from captioning.training import similarity as s
from captioning.training.copies import ALTERATIONS
from captioning.training.datasets import Photo
from tests.captioning.photos import free_photos


@pytest.fixture
def altered():
    """Pooled photos that differ in every direction alike, and copies that are off along two directions only."""
    rng = np.random.default_rng(0)
    photos = rng.normal(5, 1, (400, 12))
    copies = photos + 0.05 * rng.normal(size=photos.shape)
    copies[:, :2] += rng.normal(0, 8, (400, 2))
    return photos, copies


def test_fitting_turns_away_from_what_copies_change(altered):
    photos, copies = altered
    fitted = s.fit(photos, copies, 8, shrinkage=0.01)
    first = s.found_first(*(unit((x - fitted.mean) @ fitted.projection) for x in (copies, photos)))
    plain = s.found_first(*(unit(x - photos.mean(0)) for x in (copies, photos)))
    assert fitted.dimension == 8
    assert first > 0.9
    assert plain < 0.2


def test_found_first_counts_exactly():
    originals = unit(np.random.default_rng(1).normal(size=(20, 16)))
    copies = originals.copy()
    copies[:5] = originals[5:10]
    assert s.found_first(copies, originals) == 0.75


def test_neighbours_kept_is_one_for_equals_and_near_chance_for_noise():
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(200, 16)))
    assert s.neighbours_kept(vectors, vectors) == 1
    assert s.neighbours_kept(vectors, unit(rng.normal(size=(200, 16)))) < 0.12


def test_nobody_is_their_own_neighbour():
    vectors = unit(np.random.default_rng(3).normal(size=(30, 4)))
    assert not (s.nearest(vectors, 5) == np.arange(30)[:, None]).any()


def test_captions_that_share_words_are_alike(tmp_path):
    texts = ["a dog runs over grass", "the brown dog runs", "two men climb a rock", "a train"]
    alike = s.caption_likeness([Photo(tmp_path / f"{k}.jpg", (text,)) for k, text in enumerate(texts)])
    assert np.diag(alike) == pytest.approx(1, abs=1e-5)
    assert alike[0, 1] > 0.1
    assert alike[0, 2] == alike[0, 3] == 0


@pytest.mark.parametrize("kind", ALTERATIONS)
def test_an_alteration_changes_the_picture_and_keeps_it_rgb(kind):
    photo = free_photos()[1]
    copy = ALTERATIONS[kind](photo, np.random.default_rng(0))
    assert copy.mode == "RGB"
    assert copy.size != photo.size or np.abs(np.asarray(copy).astype(int) - np.asarray(photo)).mean() > 1


def test_crops_have_the_share_of_each_side_and_stay_inside():
    photo = free_photos()[1]
    for seed in range(20):
        copy = ALTERATIONS["crop 60 %"](photo, np.random.default_rng(seed))
        assert copy.size == (round(photo.width * 0.6), round(photo.height * 0.6))


def test_fit_then_measure_from_a_folder(tmp_path, capsys):
    """The two commands on a folder of crops of free photos: files, cards, versions, and copies that are found."""
    models, photos = tmp_path / "models", tmp_path / "photos"
    models.mkdir(), photos.mkdir()
    for suffix in (".json", ".npz"):
        (models / f"vgg16{suffix}").symlink_to(registry.MODELS / f"vgg16{suffix}")
    rng = np.random.default_rng(0)
    names = [f"{k}.jpg" for k in range(6)]
    for k, name in enumerate(names):
        photo = free_photos()[k % 4]
        x, y = (int(n) for n in rng.uniform(0, 0.5, 2) * photo.size)
        photo.crop((x, y, x + photo.width // 2, y + photo.height // 2)).save(photos / name)
    (tmp_path / "names.txt").write_text("\n".join([*names, "not there.jpg"]))
    (tmp_path / "captions.tsv").write_text("".join(f"{name}\tphoto number {name}\n" for name in names))
    shared = ["vgg16", "--photos", str(photos), "--names", str(tmp_path / "names.txt"), "--models", str(models)]
    s.main(["fit", *shared, "--dimension", "4"])
    s.main(["measure", *shared, "--captions", str(tmp_path / "captions.tsv")])
    card = json.loads((models / "vgg16-similarity.json").read_text())
    assert registry.load("vgg16", models).version.endswith(card["version"])
    assert registry.load("vgg16", models).encode(free_photos()[0]).vector.shape == (4,)
    assert card["scores"]["copies found first"].keys() == ALTERATIONS.keys()
    assert card["scores"]["copies found first"]["JPEG quality 20"] >= 0.5
    assert "copies found first" in capsys.readouterr().out
