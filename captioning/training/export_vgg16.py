"""Puts trained VGG16 weights into models/, with their card.

    python -m captioning.training.export_vgg16 runs/distil/vgg16.npz --log runs/distil/log.jsonl --command "…"

Takes the folded weights that training writes, or a `state.npz` with batch norm and any width (that needs PyTorch,
as `captioning.training.distil` does). At 128 px the neighbours are 0.006 better and it takes a third longer, from 144
on they get worse: 112 px, as trained, stays the default.
"""
import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from captioning import registry
from captioning.encoders import GRID, VGG16

LICENCE = ("Apache-2.0, as the teacher's (MobileNetV2 on ImageNet); the training photos are Flickr8k's, which are for "
           "non-commercial research and education")


def main(arguments: list[str] | None = None) -> None:
    a = parse(arguments)
    a.out.mkdir(exist_ok=True)
    np.savez(a.out / "vgg16.npz", **convolutions(a.weights))
    settings = {"graph": "vgg16", "side": a.side, "map": [GRID, GRID, VGG16[-1][0]]}
    sha256 = registry.digest(a.out / "vgg16.npz")
    scores = json.loads(a.log.read_text().splitlines()[-1]) if a.log else {}
    card = registry.Card("vgg16", "encoder", registry.version(sha256, settings), "vgg16.npz", sha256,
                         VGG16[-1][0], a.data, a.split, a.command, scores, LICENCE, settings)
    card.save(a.out)
    print(f"{card.name} {card.version}: {(a.out / card.file).stat().st_size / 1e6:.1f} MB at {a.side} px in {a.out}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--side", type=int, default=112, help="pixels a side it is served at")
    parser.add_argument("--data", default="Flickr8k photos without their captions", help="for the card")
    parser.add_argument("--split", default="all photos but the 1,000 of dev and the 1,000 of test", help="for the card")
    parser.add_argument("--command", required=True, help="for the card: the command that trained them")
    parser.add_argument("--log", type=Path, help="log.jsonl of the training; its last row is the card's scores")
    parser.add_argument("--out", type=Path, default=registry.MODELS)
    return parser.parse_args(arguments)


def convolutions(path: Path) -> dict[str, Any]:
    """The 13 kernels and biases as float16. Raises ValueError where it is not a VGG16."""
    with np.load(path) as arrays:
        weights = dict(arrays)
    if "block1_conv1_bn/gamma" in weights:
        from captioning.training.student import folded
        weights = folded(weights)
    with np.errstate(over="ignore"):  # `checked` finds what does not fit
        return checked({key: array.astype("float16") for key, array in weights.items()}, str(path))


def checked(weights: dict[str, np.ndarray], source: str) -> dict[str, Any]:
    """The arrays of VGG16's convolution base and no others. Raises ValueError where one is missing or not finite."""
    out = {key: weights[key] for key in expected_shapes() if key in weights}
    wrong = [key for key, shape in expected_shapes().items() if key not in out or out[key].shape != shape]
    if wrong or not all(np.isfinite(x).all() for x in out.values()):
        raise ValueError(f"{source} is not a VGG16 in float16: {', '.join(wrong) or 'a weight is not finite'}")
    return out


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Name → shape of every array of VGG16's convolution base."""
    shapes: dict[str, tuple[int, ...]] = {}
    before = 3
    for b, (channels, depth) in enumerate(VGG16, 1):
        for i in range(1, depth + 1):
            shapes[f"block{b}_conv{i}/kernel"], shapes[f"block{b}_conv{i}/bias"] = (3, 3, before, channels), (channels,)
            before = channels
    return shapes


if __name__ == "__main__":
    main()
