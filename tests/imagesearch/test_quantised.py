"""A quantised encoder takes the place of the one it stands for: its heads go on, its vectors are its own."""
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from captioning import encoders, registry
from imagesearch import renewal
from imagesearch.bootstrap import build


def stand_in(folder: Path, version: str) -> Path:
    """The shipped models, and beside them vgg16's graph (not quantised) that stands for that version of it."""
    import openvino

    for path in registry.MODELS.iterdir():
        (folder / path.name).symlink_to(path)
    source = registry.card("vgg16")
    openvino.save_model(encoders.GRAPHS["vgg16"](registry.MODELS / source.file, source.settings),
                        folder / "vgg16-int8.xml")
    settings = {"graph": "openvino", "side": source.settings["side"], "map": source.settings["map"],
                "stands_for": {"name": "vgg16", "version": version}}
    sha256 = registry.digest(folder / "vgg16-int8.xml")
    replace(source, name="vgg16-int8", file="vgg16-int8.xml", sha256=sha256, settings=settings,
            version=registry.version(sha256, settings)).save(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return stand_in(tmp_path_factory.mktemp("models"), registry.card("vgg16").version)


@pytest.fixture
def quantised(settings, models):
    """The service on the same data, with the other encoder."""
    services = build(replace(settings, models_dir=models, encoder="vgg16-int8"))
    yield services
    services.database.engine.dispose()


def test_captions_tags_and_similarity_go_on(quantised, services, photo):
    mine, theirs = (s.describer.describe(Image.open(photo_file(photo))) for s in (quantised, services))
    assert mine.caption == theirs.caption
    assert set(quantised.describer.taggers.names) == set(services.describer.taggers.names)
    assert quantised.describer.joint is not None


def photo_file(photo):
    import io
    return io.BytesIO(photo("chelsea.png"))


def test_its_vectors_are_kept_apart_until_the_library_is_moved_over(quantised, services, photo):
    assert not set(quantised.describer.spaces) & set(services.describer.spaces)
    image = services.library.add(photo("chelsea.png")).image
    assert renewal.unindexed(quantised.library) == 1
    list(renewal.reindex(quantised.library, 1))
    assert renewal.unindexed(quantised.library) == renewal.unindexed(services.library) == 0
    hits = quantised.search.by_image(photo("chelsea.png")).hits
    assert [hit.image.id for hit in hits] == [image.id]


def test_what_was_taught_under_the_one_is_known_under_the_other_and_can_be_taken_back(quantised, services, photo):
    image = services.library.add(photo("chelsea.png")).image
    services.teaching.teach(image.id, ["chelsea"])
    services.library.delete(image.id)  # no picture is left to learn it from anew
    assert "chelsea" in [tag.name for tag in quantised.library.add(photo("chelsea.png")).image.tags]
    lesson, _ = quantised.teaching.lessons(1)[0]
    quantised.teaching.undo(lesson.id)
    assert "chelsea" not in names(quantised) | names(services)


def names(services):
    with services.database.read() as session:
        return set(services.library.tagging.names(session))


def test_what_stands_for_another_version_is_refused_with_both(settings, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    services = build(replace(settings, models_dir=stand_in(folder, "00000000"), encoder="vgg16-int8"))
    with pytest.raises(registry.ModelDamaged, match="00000000"):
        _ = services.describer
    services.database.engine.dispose()


def test_one_that_was_not_made_says_how(settings):
    services = build(replace(settings, encoder="vgg16-int8"))
    with pytest.raises(registry.ModelMissing, match="export --encoder vgg16 --precision int8"):
        _ = services.describer
    services.database.engine.dispose()


@pytest.mark.parametrize("name", ["vgg16-lstm", "joint", "tags-mlp"])
def test_a_model_made_for_another_encoder_is_not_run_on_this_one(settings, tmp_path, name):
    for path in registry.MODELS.iterdir():
        (tmp_path / path.name).symlink_to(path)
    card = registry.card(name)
    (tmp_path / f"{name}.json").unlink()
    replace(card, settings={**card.settings, "encoder_version": "00000000"}).save(tmp_path)
    services = build(replace(settings, models_dir=tmp_path))
    if name == "vgg16-lstm":
        with pytest.raises(registry.OtherEncoder, match="vgg16-lstm was trained on vgg16@00000000, here runs vgg16@"):
            _ = services.describer
    else:
        assert {"joint": services.describer.joint, "tags-mlp": services.describer.taggers}[name] is None
    services.database.engine.dispose()
