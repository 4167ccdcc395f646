"""Exported graphs against the Keras models they came from."""
from pathlib import Path

import numpy as np
import pytest

from captioning import encoders, registry, runtime
from captioning.training import keras_encoders as ke
from tests.captioning.photos import free_photos

keras = pytest.importorskip("keras", reason="Keras is in the training category")
TEACHER = Path(__file__).parents[3].parent / "shared/data/teacher/mobilenet_v2_float.keras"
GRAPHS = ["mobilenet"] + [pytest.param(name, marks=pytest.mark.slow)
                          for name in ("mobilenet_v2", "inception_v3", "xception")]


def pictures(side):
    return np.stack([encoders.resized(photo, side) for photo in free_photos()])


def topology(weights, side):
    """Keras' own VGG16 up to block5_conv3, with our arrays."""
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(side, side, 3))
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}/{part}"].astype("float32") for part in ("kernel", "bias")])
    return keras.Model(network.input, network.get_layer("block5_conv3").output)


@pytest.mark.parametrize(("side", "precision"), [(112, "f32"), (112, None), (224, "f32")])
def test_the_shipped_vgg16_is_keras_vgg16(side, precision):
    weights = dict(np.load(registry.MODELS / "vgg16.npz"))
    prepared = keras.applications.vgg16.preprocess_input(pictures(side).astype("float32"))
    theirs = topology(weights, side).predict(prepared, verbose=0)
    if side == 224:
        theirs = theirs.reshape(-1, 7, 2, 7, 2, 512).mean((2, 4))
    session = runtime.Session(encoders.vgg16(weights, side), precision)
    ours = np.concatenate([session(picture[None])[0] for picture in pictures(side)])
    assert ke.centred_cosine(ours, theirs) >= 0.999


@pytest.mark.parametrize("name", GRAPHS)
def test_an_imported_network_is_the_keras_network(tmp_path, name):
    recipe = ke.RECIPES[name]
    network = getattr(keras.applications, recipe.application)(
        include_top=False, weights=None, input_shape=(recipe.side, recipe.side, 3))
    network.save_weights(tmp_path / f"{name}.weights.h5")
    ke.main(["import", name, str(tmp_path / f"{name}.weights.h5"), "--out", str(tmp_path)])
    encoder = registry.load(name, tmp_path)
    theirs = network.predict(ke.prepared(pictures(recipe.side), recipe), verbose=0)
    ours = np.stack([encoder.encode(photo).map for photo in free_photos()])
    assert ke.centred_cosine(ours, theirs) >= 0.999
    assert list(ours.shape[1:]) == encoder.card.settings["map"]


def test_vgg16_imagenet_takes_the_file_that_keras_publishes(tmp_path):
    """`vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5` is in the HDF5 layout of Keras 1 and 2."""
    h5py = pytest.importorskip("h5py")
    weights = dict(np.load(registry.MODELS / "vgg16.npz"))
    file = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    names = sorted({key.split("/")[0] for key in weights})
    with h5py.File(file, "w") as h5:
        h5.attrs["layer_names"] = [name.encode() for name in names]
        h5.attrs["backend"], h5.attrs["keras_version"] = b"tensorflow", b"1.2.1"
        for name in names:
            parts = {f"{name}_{letter}_1:0": weights[f"{name}/{part}"].astype("float32")
                     for letter, part in (("W", "kernel"), ("b", "bias"))}
            group = h5.create_group(name)
            group.attrs["weight_names"] = [part.encode() for part in parts]
            for part, value in parts.items():
                group[part] = value
    card = ke.take("vgg16-imagenet", file, tmp_path)
    with np.load(tmp_path / card.file) as imported:
        assert all(np.array_equal(imported[key], weights[key]) for key in weights)
    assert registry.load("vgg16-imagenet", tmp_path).encode(free_photos()[0]).map.shape == (7, 7, 512)


def test_a_real_mobilenet_v2_is_imported_exactly(tmp_path):
    if not TEACHER.exists():
        pytest.skip("needs ../shared/data/teacher")
    card = ke.take("mobilenet_v2", TEACHER, tmp_path)
    network = ke.keras_network(ke.RECIPES["mobilenet_v2"], TEACHER)
    theirs = network.predict(ke.prepared(pictures(224), ke.RECIPES["mobilenet_v2"]), verbose=0)
    ours = np.stack([registry.load("mobilenet_v2", tmp_path).encode(photo).map for photo in free_photos()])
    assert card.dimension == 1280
    assert ke.centred_cosine(ours, theirs) >= 0.999


def test_other_weights_are_refused(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(SystemExit, match=r"mobilenet: .* another network"):
        ke.main(["import", "mobilenet", str(tmp_path / "other.weights.h5"), "--out", str(tmp_path)])
    assert not (tmp_path / "mobilenet.json").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"there is no file .*nowhere\.h5"):
        ke.main(["import", "xception", str(tmp_path / "nowhere.h5"), "--out", str(tmp_path)])


def test_a_graph_that_disagrees_is_refused():
    recipe = ke.RECIPES["vgg16-imagenet"]
    weights = dict(np.load(registry.MODELS / "vgg16.npz"))
    network = topology(weights, recipe.side)
    broken = {key: np.zeros_like(value) if key == "block5_conv3/kernel" else value
                   for key, value in weights.items()}
    with pytest.raises(ValueError, match="agrees with Keras to"):
        ke.agreement(network, encoders.vgg16(broken, recipe.side), recipe)
