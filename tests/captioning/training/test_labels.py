from pathlib import Path

import pytest

from captioning.training import labels


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_tags_are_the_nouns_and_verbs_said_of_enough_photos() -> None:
    photos = [["Two dogs are running", "A dog runs"], ["the black dog runs on grass"], ["a cat sits"]]
    found = labels.from_captions(photos, often=2)
    assert found.names == ("dog", "run")
    assert found.present.tolist() == [[True, True], [True, True], [False, False]]


def test_a_word_said_of_too_few_photos_is_no_tag() -> None:
    assert labels.from_captions([["a dog runs"]] * 5 + [["a cat sits"]] * 4).names == ("dog", "run")
    with pytest.raises(ValueError, match="said of 5 of these 4 photos"):
        labels.from_captions([["a dog runs"]] * 4)


def test_given_names_keep_their_order_for_other_photos() -> None:
    found = labels.from_captions([["a cat sits"], ["dogs sit"]], ("sit", "cat"))
    assert found.present.tolist() == [[True, True], [True, False]]


def test_a_file_of_labels_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("a.jpg\tdog,sea \n\nb.jpg\tdog\na.jpg\tsky\n")
    assert labels.from_file(path) == {"a.jpg": {"dog", "sea", "sky"}, "b.jpg": {"dog"}}


def test_a_line_without_a_label_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("a.jpg\tdog\nb.jpg\n")
    with pytest.raises(ValueError, match="line 2"):
        labels.from_file(path)


def test_mirflickrs_annotations_are_read(tmp_path: Path) -> None:
    write(tmp_path, dog="17\n2\n", dog_r1="3\n", sky="17\n", README="about")
    assert labels.from_mirflickr(tmp_path) == {"im17.jpg": {"dog", "sky"}, "im2.jpg": {"dog"}}


def test_mirflickr_has_24_labels() -> None:
    assert len(set(labels.MIRFLICKR)) == 24


@pytest.mark.parametrize(
    ("files", "message"),
    [({"unicorn": "1"}, "unicorn"), ({"dog": "1\nim2.jpg"}, "entry 2"), ({}, "no annotation files")],
)
def test_a_bad_annotation_folder_is_refused_by_name(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        labels.from_mirflickr(write(tmp_path, **files))


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(ValueError, match="unknown labels: dragon"):
        labels.of_photos(["a.jpg"], {"a.jpg": {"dog", "dragon"}}, ("dog", "cat"))
    found = labels.of_photos(["a.jpg", "b.jpg"], {"a.jpg": {"dog"}})
    assert found.present.tolist() == [[True], [False]]
