"""Encoders with Keras' own ImageNet weights, for whoever has them or may download them.

    python -m captioning.training.keras_encoders import vgg16-imagenet FILE.h5
    python -m captioning.training.keras_encoders import xception --download

FILE is a weights file of `keras.applications` without the top (`…_notop.h5`), or a whole `.keras` model whose picture
is prepared alike. `--download` is Keras' own, checksum included. `vgg16-imagenet` becomes arrays that the shipped
VGG16's code runs; the others become OpenVINO graphs, compared with the Keras model before they are kept. Then

    python -m captioning.training.similarity fit xception --photos FOLDER --names train.txt

fits the vector that pictures are compared by.
"""
import argparse
import hashlib
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from captioning import registry, runtime
from captioning.encoders import GRID
from captioning.training import export_vgg16

if TYPE_CHECKING:
    import keras
    import openvino

AGREEMENT = 0.999  # mean-centred cosine with the Keras model below which an export is refused


@dataclass(frozen=True)
class Recipe:
    """A network of `keras.applications`: its class, the picture side it was trained at, its weights' licence."""

    application: str
    side: int
    licence: str


RECIPES = {
    "vgg16-imagenet": Recipe("VGG16", 224, "CC BY 4.0 (Oxford Visual Geometry Group)"),
    "mobilenet": Recipe("MobileNet", 224, "Apache-2.0 (Google)"),
    "mobilenet_v2": Recipe("MobileNetV2", 224, "Apache-2.0 (Google)"),
    "inception_v3": Recipe("InceptionV3", 299, "MIT (keras.applications)"),
    "xception": Recipe("Xception", 299, "MIT (keras.applications)"),
}


def main(arguments: list[str] | None = None) -> None:
    a = parse(arguments)
    a.out.mkdir(parents=True, exist_ok=True)
    try:
        card = take(a.name, a.file, a.out)
    except (OSError, ValueError) as problem:
        sys.exit(f"{a.name}: {problem}")
    print(f"{card.name} {card.version}: {card.file} in {a.out}, map {card.settings['map']}, agrees with Keras to "
          f"{card.scores['agreement with Keras']:.5f}\n"
          f"next: python -m captioning.training.similarity fit {card.name} --photos FOLDER --names train.txt")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    command = parser.add_subparsers(required=True).add_parser("import", help="weights → a model of the registry")
    command.add_argument("name", choices=RECIPES)
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="weights on this machine")
    source.add_argument("--download", action="store_true", help="let Keras download them")
    command.add_argument("--out", type=Path, default=registry.MODELS)
    return parser.parse_args(arguments)


def take(name: str, file: Path | None, out: Path) -> registry.Card:
    """Reads or (`file` None) downloads a network's weights and writes them and their card to `out`.

    Raises OSError where the file or the network is not there, ValueError where the weights are another network's.
    """
    recipe = RECIPES[name]
    network = keras_network(recipe, file)
    agreement = (_write_vgg16 if recipe.application == "VGG16" else _write_graph)(name, network, recipe, out)
    card = _card(name, network, recipe, file, out, agreement)
    card.save(out)
    return card


def keras_network(recipe: Recipe, file: Path | None) -> "keras.Model":
    """Prepared picture (B, side, side, 3) → last map (B, h, w, C)."""
    import keras

    if file and file.suffix == ".keras":
        whole = keras.models.load_model(file, compile=False)
        maps = [output for output in whole.outputs if len(output.shape) == 4 and output.shape[1] > 1]
        return keras.Model(whole.inputs, maps[-1])
    if file and not file.exists():
        raise FileNotFoundError(f"there is no file {file}")
    build = getattr(keras.applications, recipe.application)
    shape = (recipe.side, recipe.side, 3)
    network = _downloaded(build, shape) if file is None else build(include_top=False, weights=None, input_shape=shape)
    if file:
        _load(network, file)
    if recipe.application == "VGG16":  # the map before the last pooling, as the shipped VGG16 gives it
        network = keras.Model(network.input, network.get_layer("block5_conv3").output)
    return network


def _load(network: "keras.Model", file: Path) -> None:
    """Keras only warns where a file has no weights for a layer, and leaves chance in it: here it is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            network.load_weights(file)
        except UserWarning as problem:
            raise ValueError(f"{file} holds the weights of another network: {problem}") from problem


def _downloaded(build: Callable[..., "keras.Model"], shape: tuple[int, int, int]) -> "keras.Model":
    try:
        return build(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as problem:  # Keras raises a plain Exception
        raise OSError(f"the download failed ({problem}). On a machine with network run "
                      f"`keras.applications.{build.__name__}(include_top=False)`, copy the file from ~/.keras/models "
                      "and give it as FILE") from problem


def _write_vgg16(name: str, network: "keras.Model", recipe: Recipe, out: Path) -> float:
    from captioning import encoders

    arrays = {f"{layer.name}/{part}": value for layer in network.layers if layer.weights
              for part, value in zip(("kernel", "bias"), layer.get_weights(), strict=True)}
    arrays = export_vgg16.checked({key: value.astype("float16") for key, value in arrays.items()}, name)
    measured = agreement(network, encoders.vgg16(arrays, recipe.side), recipe)
    np.savez(out / f"{name}.npz", **arrays)
    return measured


def _write_graph(name: str, network: "keras.Model", recipe: Recipe, out: Path) -> float:
    import openvino

    model = converted(network, recipe.side)
    measured = agreement(network, model, recipe)
    # float16 weights took a MobileNetV2 from 1.0000 to 0.9942
    openvino.save_model(model, out / f"{name}.xml", compress_to_fp16=False)
    return measured


def converted(network: "keras.Model", side: int) -> "openvino.Model":
    """(1, side, side, 3) uint8 RGB → map. These four networks all take `x / 127.5 − 1`; the graph does it."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    _let_openvino_run_on_python_313()
    model = openvino.convert_model(network, input=[1, side, side, 3])
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
    return steps.build()


def _let_openvino_run_on_python_313() -> None:
    """OpenVINO 2026.4 runs `exec("del tensorflow")` inside a function, which PEP 667 has made a NameError."""
    if sys.version_info >= (3, 13):
        import tensorflow
        from openvino.frontend.tensorflow import utils

        utils.get_environment_setup = lambda framework: {"tensorflow": tensorflow.__version__}


def agreement(network: "keras.Model", model: "openvino.Model", recipe: Recipe) -> float:
    """Lowest mean-centred cosine of the two maps over eight pictures. Raises ValueError below `AGREEMENT`.

    Centred, as the plain cosine is 0.9965 between two unrelated photos. In fp32: this is about the graph.
    """
    pictures = patterns(recipe.side)
    session = runtime.Session(model, "f32")
    ours = np.concatenate([session(picture[None])[0] for picture in pictures])
    theirs = network.predict(prepared(pictures, recipe), verbose=0)
    if theirs.shape[1:3] != ours.shape[1:3]:  # VGG16 at 224: 14×14 averaged to 7×7
        theirs = theirs.reshape(len(theirs), GRID, 2, GRID, 2, -1).mean((2, 4))
    measured = centred_cosine(ours, theirs)
    if not measured >= AGREEMENT:
        raise ValueError(f"the exported graph agrees with Keras to {measured:.4f} only, {AGREEMENT} is asked for")
    return measured


def prepared(pictures: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Keras' own preparation of (N, side, side, 3) uint8 RGB."""
    import keras

    if recipe.application == "VGG16":
        return keras.applications.vgg16.preprocess_input(pictures.astype("float32"))
    return pictures.astype("float32") / 127.5 - 1


def patterns(side: int, count: int = 8) -> np.ndarray:
    """(count, side, side, 3) uint8 pictures with coarse and fine structure: no photo is needed to compare graphs."""
    from PIL import Image

    rng = np.random.default_rng(0)
    out = []
    for _ in range(count):
        layers = [np.asarray(Image.fromarray(rng.integers(0, 256, (grain, grain, 3), "uint8")).resize((side, side)))
                  for grain in (4, 16, 64)]
        out.append(np.average(layers, 0, weights=(3, 2, 1)))
    return np.stack(out).astype("uint8")


def centred_cosine(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Lowest cosine of (N, …) pairs after the mean over N of the second is taken off both."""
    a, b = ((x - theirs.mean(0)).reshape(len(x), -1) for x in (ours, theirs))
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def _card(name: str, network: "keras.Model", recipe: Recipe, file: Path | None, out: Path,
          measured: float) -> registry.Card:
    stored = f"{name}.npz" if recipe.application == "VGG16" else f"{name}.xml"
    h, w, channels = (int(n) for n in network.output.shape[1:])
    # bf16 took a MobileNetV2's map to a mean-centred cosine of 0.985, VGG16's only to 0.9999
    settings: dict[str, Any] = {"graph": "openvino", "side": recipe.side, "map": [h, w, channels], "precision": "f32"}
    if recipe.application == "VGG16":
        settings = {"graph": "vgg16", "side": recipe.side, "map": [GRID, GRID, channels]}
    sha256 = registry.digest(out / stored)
    source = f"{file.name}, SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}" if file else "Keras' download"
    return registry.Card(
        name, "encoder", registry.version(sha256, settings), stored, sha256, channels,
        data=f"keras.applications.{recipe.application} from {source}", split="the source's own",
        command=f"python -m captioning.training.keras_encoders import {name} {file.name if file else '--download'}",
        scores={"agreement with Keras": round(measured, 6)}, licence=recipe.licence, settings=settings)


if __name__ == "__main__":
    main()
