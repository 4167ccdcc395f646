"""An encoder in int8: twice as fast as bf16 and more, for an accuracy that is measured before anything is written.

    python -m captioning.training export --encoder vgg16 --precision int8 --photos FOLDER
    ENCODER=vgg16-int8 make run

Post-training quantisation (Jacob et al. 2018, arXiv:1712.05877) by NNCF: the ranges of the activations come from
photos, each channel's weights have their own scale, biases make up for what rounding shifts. The file that will be
served is then compared with the float network in fp32 on photos it was not calibrated on, by mean-centred cosine:
plain cosine is 0.9965 between two unrelated photos, and NNCF once turned a MobileNetV2 into zeros without a word.
Under the floor nothing is written.

What was fitted to the float network (similarity, captioner, joint space, taggers) goes on working: the card says which
encoder it stands for. Vectors are kept apart all the same: `python -m imagesearch reindex` moves a library over. The
card holds accuracy and speed before and after. NNCF is needed here only; serving needs OpenVINO.
"""
import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from captioning import encoders, registry, runtime
from captioning.training import comparison, datasets, shipping, similarity
from captioning.training.datasets import Photo

if TYPE_CHECKING:
    import openvino

FLOOR = 0.97  # VGG16 reaches 0.999, MobileNetV2 0.989; a broken operator gives anything down to 0


class Refused(ValueError):
    """The quantised network does not do what the float network does. Nothing was written."""


def main(arguments: list[str] | None = None) -> None:
    a = parse(arguments)
    try:
        card = export(a.encoder, *chosen(a), a.models, a.floor)
    except (Refused, OSError, registry.ModelMissing, registry.ModelDamaged) as problem:
        sys.exit(str(problem))
    similarity.report(card.scores)
    size = sum((a.models / card.file).with_suffix(part).stat().st_size for part in (".xml", ".bin"))
    print(f"{card.name} {card.version}: {size / 1e6:.1f} MB in {a.models}. Serve it by ENCODER={card.name}; a library "
          "that has pictures moves over by `python -m imagesearch reindex`")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m captioning.training export", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="vgg16", help="a name of the registry: vgg16, mobilenet_v2, xception, …")
    parser.add_argument("--precision", choices=["int8"], default="int8")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos")
    parser.add_argument("--captions", type=Path, help="to measure captions and text search as well; else looked for")
    parser.add_argument("--train", type=Path, help="file with the names of photos to calibrate on")
    parser.add_argument("--dev", type=Path, help="file with the names of others to compare on; else every tenth")
    parser.add_argument("--calibrate", type=int, default=300, metavar="N", help="calibrate on N photos (%(default)s)")
    parser.add_argument("--compare", type=int, default=500, metavar="N", help="compare on N others (%(default)s)")
    parser.add_argument("--floor", type=float, default=FLOOR, help="least mean-centred cosine (%(default)s)")
    parser.add_argument("--models", type=Path, default=registry.MODELS, help="where models are read and written")
    return parser.parse_args(arguments)


def chosen(a: argparse.Namespace) -> tuple[list[Photo], list[Photo]]:
    """The photos to calibrate and to compare on, taken evenly from each split. Raises FileNotFoundError."""
    texts = captions(a)
    names = sorted(path.name for path in a.photos.iterdir() if path.suffix.lower() in datasets.SUFFIXES)
    every = [Photo(a.photos / name, tuple(texts.get(name, ()))) for name in names]
    one, two = datasets.split(every)
    if a.train and a.dev:
        here, there = (set(datasets.read_names(file)) for file in (a.train, a.dev))
        one, two = [p for p in every if p.name in here - there], [p for p in every if p.name in there]
    one, two = (photos[::max(1, len(photos) // count)][:count] for photos, count in ((one, a.calibrate),
                                                                                    (two, a.compare)))
    if not one or len(two) < 2:
        raise FileNotFoundError(f"{a.photos}: {len(one)} photos to calibrate on and {len(two)} others to compare on; "
                                "one and two are the least")
    return one, two


def captions(a: argparse.Namespace) -> dict[str, list[str]]:
    """By the photo's name; none where there is no caption file."""
    try:
        return datasets.read_captions(a.captions or datasets.find_captions(a.photos))
    except FileNotFoundError:
        if a.captions:
            raise
        return {}


def export(name: str, calibrating: Sequence[Photo], compared: Sequence[Photo], models: Path = registry.MODELS,
           floor: float = FLOOR) -> registry.Card:
    """Writes NAME-int8.xml, .bin and .json to `models`. Raises Refused, ModelMissing, ModelDamaged."""
    card = registry.card(name, models)
    registry.check(card, models)
    side = card.settings["side"]
    with tempfile.TemporaryDirectory(dir=models, prefix=".int8-") as folder:
        file = write(quantised(read(card, models), [resized(photo, side) for photo in calibrating]), Path(folder))
        precision = card.settings.get("precision")
        networks = {"fp32": runtime.Session(read(card, models), "f32"), "before": encoders.session(card, models),
                    "after": runtime.Session(runtime.read_ir(file), precision)}
        maps = comparison.maps_of(networks, compared, side)
        found = comparison.agreement(maps)
        lowest = min(one["after"] for one in found.values())
        if not lowest >= floor:  # so that a nan is refused as well
            raise Refused(f"{name} in int8 agrees with {name} in fp32 to {lowest:.4f} (mean-centred cosine over "
                          f"{len(compared)} photos), {floor} is asked for: nothing was written")
        figures = {"photos": len(compared), "mean-centred cosine to fp32": found, "floor": floor,
                   **comparison.meaning(card, maps, compared, models),
                   **comparison.speed([lambda: read(card, models), lambda: runtime.read_ir(file)], precision,
                                      resized(compared[0], side))}
        return ship(card, file, models, len(calibrating), figures)


def read(card: registry.Card, models: Path) -> "openvino.Model":
    return encoders.GRAPHS[card.settings["graph"]](models / card.file, card.settings)


def resized(photo: Photo, side: int) -> np.ndarray:
    """(1, side, side, 3) uint8."""
    return encoders.resized(photo.picture(), side)[None]


def quantised(model: "openvino.Model", pictures: list[np.ndarray]) -> "openvino.Model":
    """The network with int8 weights and activations where NNCF finds it worth while.

    Its slower bias correction took VGG16 from 0.9988 to 0.9994, MobileNetV2 nowhere (0.989), in 10 s more.
    """
    try:
        import nncf
    except ImportError as missing:
        raise registry.ModelMissing("quantising needs NNCF: `pipenv sync --categories training`, or "
                                    "`pip install nncf`") from missing

    return nncf.quantize(model, nncf.Dataset(pictures), preset=nncf.QuantizationPreset.PERFORMANCE,
                         fast_bias_correction=False, subset_size=len(pictures))


def write(model: "openvino.Model", folder: Path) -> Path:
    """As the file that is compared and served; what stays float stays fp32, see `keras_encoders`."""
    import openvino

    openvino.save_model(model, folder / "int8.xml", compress_to_fp16=False)
    return folder / "int8.xml"


# ---- the card --------------------------------------------------------------------------------------------

def ship(of_: registry.Card, file: Path, models: Path, calibrated: int, figures: dict[str, Any]) -> registry.Card:
    """Moves the graph into `models` and writes its card, which names the float network it stands for."""
    name = f"{of_.name}-int8"
    settings = {"graph": "openvino", "side": of_.settings["side"], "map": of_.settings["map"],
                **({"precision": of_.settings["precision"]} if "precision" in of_.settings else {}),
                "stands_for": {"name": of_.name, "version": of_.version}}
    for part in (".bin", ".xml"):
        shutil.move(file.with_suffix(part), models / f"{name}{part}")
    sha256 = registry.digest(models / f"{name}.xml")
    card = registry.Card(name, "encoder", registry.version(sha256, settings), f"{name}.xml", sha256, of_.dimension,
                         f"{of_.name} {of_.version}; its ranges from {calibrated} photos", of_.split,
                         shipping.command_line(), figures, of_.licence, settings)
    card.save(models)
    return card

