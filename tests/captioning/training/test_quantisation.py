"""A small network is quantised for real, compared, refused under the floor, and served without NNCF."""
import subprocess
import sys

import numpy as np
import pytest

from captioning import registry, runtime
from captioning.training import comparison, quantisation
from tests.captioning.photos import free_photos

pytest.importorskip("nncf", reason="NNCF is in the training category")


def network():
    """Two convolutions over (1, 32, 32, 3) uint8 → (1, 8, 8, 16)."""
    rng = np.random.default_rng(0)

    def build(ops, image):
        x = ops.convert(image, "f32") / ops.constant(np.array(255, "float32"))
        x = ops.transpose(x, ops.constant([0, 3, 1, 2]))
        for before, after in ((3, 8), (8, 16)):
            kernel = ops.constant(rng.normal(0, 0.3, (after, before, 3, 3)).astype("float32"))
            x = ops.relu(ops.convolution(x, kernel, [2, 2], [1, 1], [1, 1], [1, 1]))
        return ops.transpose(x, ops.constant([0, 2, 3, 1]))

    return runtime.graph(build, [1, 32, 32, 3], "tiny")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 24 pieces of free photos."""
    folder = tmp_path_factory.mktemp("photos")
    for k, photo in enumerate(free_photos()):
        for part in range(6):
            x, y = 40 * part, 30 * (part % 3)
            photo.crop((x, y, x + 150, y + 150)).save(folder / f"{k}{part}.png")
    return folder


@pytest.fixture
def models(tmp_path):
    """A folder with the float network and its card."""
    import openvino

    openvino.save_model(network(), tmp_path / "tiny.xml", compress_to_fp16=False)
    sha256, settings = registry.digest(tmp_path / "tiny.xml"), {"graph": "openvino", "side": 32, "map": [8, 8, 16]}
    registry.Card("tiny", "encoder", registry.version(sha256, settings), "tiny.xml", sha256, 16, "none", "none", "none",
                  {}, "CC0", settings).save(tmp_path)
    return tmp_path


def export(photos, models, *more):
    quantisation.main(["--encoder", "tiny", "--photos", str(photos), "--models", str(models), "--compare", "12", *more])


def test_the_card_says_what_it_costs_and_what_it_stands_for(photos, models):
    export(photos, models, "--floor", "0.9")
    made, source = registry.card("tiny-int8", models), registry.card("tiny", models)
    assert registry.original(made) == (source.name, source.version)
    assert (made.licence, made.settings["map"], made.dimension) == ("CC0", [8, 8, 16], 16)
    assert made.version != source.version
    for one in made.scores["mean-centred cosine to fp32"].values():
        assert 0.9 <= one["after"] < 1
        assert one["after, worst photo"] <= one["after"]
    for ms in made.scores["milliseconds an image"].values():
        assert ms["times as fast"] == pytest.approx(ms["before"] / ms["after"], rel=0.2)


def test_its_weights_are_int8_and_it_sees_much_the_same(photos, models):
    export(photos, models, "--floor", "0.9")
    graph = runtime.read_ir(models / "tiny-int8.xml")
    assert any(op.get_element_type().get_type_name() == "i8" for op in graph.get_ops()
               if op.get_type_name() == "Constant")
    maps = np.stack([[registry.load(name, models).encode(photo).map for photo in free_photos()]
                     for name in ("tiny", "tiny-int8")])
    assert comparison.centred_cosines(maps[1], maps[0]).min() > 0.9


def test_under_the_floor_it_is_refused_with_the_figure_and_nothing_is_written(photos, models):
    before = sorted(path.name for path in models.iterdir())
    with pytest.raises(SystemExit, match=r"tiny in int8 agrees with tiny in fp32 to 0\.\d{4} .* 0\.99999 is asked for"):
        export(photos, models, "--floor", "0.99999")
    assert sorted(path.name for path in models.iterdir()) == before


@pytest.mark.parametrize("broken", [0.0, np.nan])
def test_a_network_that_was_turned_into_zeros_is_under_any_floor(broken):
    right = np.random.default_rng(0).random((5, 4, 4, 3), "float32")
    maps = {"fp32": right, "before": right, "after": np.full_like(right, broken)}
    for one in comparison.agreement(maps).values():
        assert one["before"] == pytest.approx(1)
        assert not one["after"] > 0


def test_photos_are_not_compared_on_that_it_was_calibrated_on(photos):
    a = quantisation.parse(["--photos", str(photos), "--calibrate", "5"])
    calibrating, compared = quantisation.chosen(a)
    assert (len(calibrating), len(compared)) == (5, 3)
    assert not {p.name for p in calibrating} & {p.name for p in compared}


def test_a_folder_without_photos_is_named(tmp_path, models):
    with pytest.raises(SystemExit, match="0 photos to calibrate on and 0 others"):
        export(tmp_path, models)


def test_serving_it_needs_no_nncf(photos, models):
    export(photos, models, "--floor", "0.9")
    code = (f"import sys; sys.modules['nncf'] = None\nfrom PIL import Image\nfrom pathlib import Path\n"
            f"from captioning import registry\n"
            f"print(registry.load('tiny-int8', Path({str(models)!r})).encode(Image.new('RGB', (40, 40))).map.shape)")
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "(8, 8, 16)"
