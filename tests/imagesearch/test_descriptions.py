from pathlib import Path

import pytest

from imagesearch import descriptions
from imagesearch.errors import Invalid


@pytest.fixture
def read(tmp_path: Path):
    def read(name: str, content: str | bytes, column: str | None = None) -> descriptions.Table:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return descriptions.read(path, column)
    return read


@pytest.mark.parametrize(("name", "content"), [
    ("descriptions.txt", "cat.jpg a cat sits\ndog.png a dog runs\n"),
    ("descriptions.txt", "cat a cat sits\ndog a dog runs\n"),
    ("descriptions.txt", "cat.jpg#0 a cat sits\ncat.jpg#1 another\ndog.png#0\ta dog runs\n"),
    ("captions.txt", "image,caption\ncat.jpg,a cat sits\ndog.png,a dog runs\n"),
    ("captions.txt", "cat.jpg#0\ta cat sits\ndog.png#0\ta dog runs\n"),
    ("captions.tsv", "cat.jpg\ta cat sits\ncat.jpg\ta second one\ndog.png\ta dog runs\n"),
    ("captions.csv", "cat.jpg,a cat sits\ndog.png,a dog runs\n"),
    ("captions.csv", "id;Description;File\n1;a cat sits;cat.jpg\n2;a dog runs;dog.png\n"),
    ("captions.csv", "image_name| comment_number| comment\ncat.jpg| 0| a cat sits\ndog.png| 0| a dog runs\n"),
    ("captions.csv", "\ufefffilename,caption\r\n./cat.jpg,a cat sits\r\ndog.png,\"a dog runs\"\r\n"),
    ("captions.csv", "image,caption\ncat.jpg,a cat sits\ndog.png,a dog runs\n".encode("utf-16")),
])
def test_captions_are_read_from_every_usual_shape_of_file(read, name, content):
    table = read(name, content)
    assert (table.caption("cat.jpg"), table.caption("dog.png")) == ("a cat sits", "a dog runs")
    assert table.caption("bird.jpg") is None


def test_a_name_may_hold_spaces_and_a_caption_commas_and_quotation_marks(read):
    assert read("a.txt", "my cat.jpg a cat, asleep\n").caption("my cat.jpg") == "a cat, asleep"
    assert read("a.csv", 'image,caption\ncat.jpg,"a ""cat"", asleep"\n').caption("cat.jpg") == 'a "cat", asleep'
    assert read("a.tsv", 'cat.jpg\ta "cat", asleep\n').caption("cat.jpg") == 'a "cat", asleep'


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\f", "\x1c"])
def test_a_caption_ends_with_its_line_and_with_no_other_character(read, odd):
    table = read("a.tsv", f"cat.jpg\ta cat{odd}sits\r\ndog.jpg\ta dog\rowl.jpg\tan owl\n")
    assert [table.caption(f"{name}.jpg") for name in ("cat", "dog", "owl")] == [f"a cat{odd}sits", "a dog", "an owl"]
    assert len(table) == 3


def test_a_photo_is_found_by_its_path_before_its_bare_name(read):
    table = read("a.tsv", "cat.jpg\tany cat\nb/cat.jpg\tthe cat in b\n")
    assert (table.caption("a/cat.jpg"), table.caption("b/cat.jpg")) == ("any cat", "the cat in b")


def test_a_name_composed_otherwise_is_the_same_name(read):
    assert read("a.txt", "cafe\u0301.jpg a café\n").caption("caf\u00e9.jpg") == "a café"


def test_the_caption_column_can_be_named(read):
    content = "image,caption,alt\ncat.jpg,one,two\n"
    assert read("a.csv", content, "ALT").caption("cat.jpg") == "two"
    with pytest.raises(Invalid, match=r"no column 'nothing'; its first line is image, caption, alt"):
        read("a.csv", content, "nothing")


def test_names_that_nobody_asked_for_are_known(read):
    table = read("a.txt", "cat.jpg a cat\ndog.jpg a dog\n")
    table.caption("cat.jpg")
    assert table.unused() == ["dog.jpg"]


def test_a_file_that_is_no_text_is_refused_with_its_line(read):
    with pytest.raises(Invalid, match=r"a\.csv: line 2 is not UTF-8"):
        read("a.csv", b"image,caption\ncat.jpg,caf\xe9\n")


@pytest.mark.parametrize("content", ["", "\n\n", "cat.jpg", "cat.jpg\t", "image,caption", "\0,\0"])
def test_files_that_say_nothing_give_no_captions(read, content):
    for name in ("a.txt", "a.csv", "a.tsv"):
        assert read(name, content).caption("cat.jpg") is None
