"""The layouts in which people have photos with captions."""
import pytest
from PIL import Image

from captioning.training import datasets

ROWS = [("one.jpg", "A dog runs ."), ("one.jpg", "The dog , again"), ("two.jpg", "A cat")]
LAYOUTS = {
    "Flickr8k.token.txt": "".join(f"{name}#{i}\t{text}\n" for i, (name, text) in enumerate(ROWS)),
    "captions.tsv": "".join(f"{name}\t{text}\n" for name, text in ROWS),
    "descriptions.txt": "".join(f"{name} {text}\n" for name, text in ROWS),
    "captions.txt": "image,caption\n" + "".join(f'{name},"{text}"\n' for name, text in ROWS),
}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("one.jpg", "two.jpg", "three.jpg"):
        Image.new("RGB", (8, 8)).save(folder / name)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_photos(photos, layout):
    (photos.parent / layout).write_text(LAYOUTS[layout])
    found = {photo.name: photo.captions for photo in datasets.read(photos)}
    assert found == {"one.jpg": ("A dog runs .", "The dog , again"), "three.jpg": (), "two.jpg": ("A cat",)}


def test_a_split_names_its_photos_in_order_and_those_not_there_are_left_out(photos):
    (photos / "captions.tsv").write_text(LAYOUTS["captions.tsv"])
    (photos / "Flickr_8k.trainImages.txt").write_text("two.jpg\nlost.jpg\none.jpg\n")
    found = datasets.read(photos, names=photos / "Flickr_8k.trainImages.txt")
    assert [photo.name for photo in found] == ["two.jpg", "one.jpg"]


def test_a_line_without_a_caption_is_named(photos):
    (photos / "captions.tsv").write_text("one.jpg\tA dog\ntwo.jpg\n")
    with pytest.raises(ValueError, match="line 2"):
        datasets.read(photos)


def test_a_missing_caption_file_says_which_names_are_looked_for(photos):
    with pytest.raises(FileNotFoundError, match=r"captions\.tsv"):
        datasets.read(photos)


def test_every_tenth_photo_is_held_out_where_no_split_is_given(photos):
    train, dev = datasets.split([datasets.Photo(photos / f"{i}.jpg", ()) for i in range(30)])
    assert [photo.name for photo in dev] == ["0.jpg", "10.jpg", "20.jpg"]
    assert len(train) == 27
