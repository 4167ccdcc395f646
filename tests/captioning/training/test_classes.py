import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from captioning import registry
from captioning.training import taggers
from captioning.training.classes import Example, accuracy, read_classes, vectors_of
from tests.captioning.pictures import quarters, saved
from tests.captioning.test_bayes import ENCODER, photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, count in (("train", 3), ("val", 2)):
        for label in ("n01", "n02"):
            place = tmp_path / "data" / split / label
            place.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(place / f"{number}.png")
    (tmp_path / "data" / "words.txt").write_text("n01\ttabby cat\nn02\tpug\n")
    return tmp_path / "data"


def test_a_folder_and_its_tar_hold_the_same(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "data.tar", "w") as tar:
        tar.add(folder, arcname=".")
    ours, theirs = read_classes(folder), read_classes(tmp_path / "data.tar")
    key = lambda example: (example.label, Path(example.path).name, example.data)  # noqa: E731
    assert sorted(map(key, ours.train)) == sorted(map(key, theirs.train))
    assert (len(ours.train), len(ours.val)) == (6, 4)
    assert theirs.called("n01") == "tabby cat"


def test_only_the_first_pictures_of_a_class_if_asked(folder: Path) -> None:
    assert [example.label for example in read_classes(folder, 1).train] == ["n01", "n02"]


def test_an_empty_class_folder_is_named(folder: Path) -> None:
    (folder / "train" / "n03").mkdir()
    with pytest.raises(ValueError, match="train/n03 holds no pictures"):
        read_classes(folder)


def test_a_class_that_cannot_be_learnt_is_named(folder: Path) -> None:
    (folder / "val" / "n09").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "val" / "n09" / "1.png")
    with pytest.raises(ValueError, match="train/n09 is not there"):
        read_classes(folder)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected train/CLASS"):
        read_classes(tmp_path)


def test_another_data_set_with_the_same_names_gets_its_own_vectors(tmp_path: Path) -> None:
    encoder = registry.load("vgg16")
    one, other = ([Example("train/n01/0.jpeg", "n01", saved(quarters().rotate(turn), "PNG"))] for turn in (0, 180))
    first, second = (vectors_of(encoder, examples, tmp_path, 1) for examples in (one, other))
    assert not np.allclose(first, second)
    assert np.array_equal(vectors_of(encoder, one, tmp_path, 1), first)


@pytest.mark.parametrize("version", ["00000000", registry.card("vgg16").version])
def test_the_scores_go_into_the_card_if_it_is_of_this_encoder(folder: Path, tmp_path: Path, version: str) -> None:
    for path in registry.MODELS.glob("*.*"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "tags-bayes.json").unlink()
    card = registry.card("tags-bayes")
    card = replace(card, settings={**card.settings, "encoder_version": version})
    card.save(tmp_path)
    taggers.main(["classes", str(folder), "--models", str(tmp_path), "--cache", str(tmp_path), "--threads", "1",
                  "--results", str(tmp_path / "results.csv")])
    scores = registry.card("tags-bayes", tmp_path).scores
    assert scores["mean average precision"] == card.scores["mean average precision"]
    assert ("top-10" in scores.get("classes of data", {})) == (version != "00000000")


def test_naive_bayes_tells_classes_apart_and_chance_does_not() -> None:
    from captioning.training.classes import Classes

    kinds = range(12)
    examples = [Example("", f"n{kind:02}", b"") for kind in kinds for _ in range(10)]
    known, asked = (np.concatenate([photos(kind, 10, seed, spread=0.4) for kind in kinds]) for seed in (0, 1))
    data = Classes(examples, examples, {"n03": "pug"})
    found = accuracy(known, asked, data, ENCODER, width=20)
    assert found["top-1"][0] > 0.9
    assert found["top-1"][0] <= found["top-5"][0] <= found["top-10"][0]
    assert found["top-1"][1]["pug"] > 0.5
    shuffled = accuracy(np.random.default_rng(0).permutation(known), asked, data, ENCODER, width=20)
    assert shuffled["top-1"][0] < 0.4
