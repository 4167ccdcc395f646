"""The benchmark's own photos stand in where no data set lies beside the project."""

from benchmarks import photos
from captioning import images
from imagesearch import importer


def test_drawn_pictures_differ_and_are_what_the_service_takes(tmp_path):
    drawn = photos.drawn(3, tmp_path / "drawn")
    contents = {file.read_bytes() for file in drawn.files}
    assert len(contents) == 3
    assert {images.decode(content).format for content in contents} == {"JPEG"}


def test_the_same_pictures_are_drawn_every_time(tmp_path):
    first, again = (photos.drawn(2, tmp_path / name) for name in ("first", "again"))
    assert first.captions == again.captions
    assert first.files[1].read_bytes() == again.files[1].read_bytes()


def test_a_staged_folder_imports_with_a_caption_for_every_second_photo(tmp_path):
    drawn = photos.drawn(4, tmp_path / "drawn")
    found = importer.look(drawn.staged(tmp_path / "staged"))
    assert [found.caption(path) for path in found.files] == [drawn.captions[0], None, drawn.captions[2], None]


def test_queries_are_words_that_stand_together_in_a_caption(tmp_path):
    drawn = photos.drawn(5, tmp_path / "drawn")
    for query in drawn.queries(10):
        assert len(query.split()) in (2, 3)
        assert any(set(query.split()) <= set(caption.split()) for caption in drawn.captions)
