"""Writes pinned.json anew, for weights that were meant to change: python -m tests.captioning.pin"""
import json
from pathlib import Path

from captioning import registry
from tests.captioning.photos import free_photos

if __name__ == "__main__":
    encoder = registry.load("vgg16")
    encoding = encoder.encode(free_photos()[0])
    pinned = {"photo": "skimage.data.astronaut", "version": encoder.version,
              "vector": [round(float(x), 4) for x in encoding.vector[:16]],
              "map": [round(float(x), 4) for x in encoding.map.mean((0, 1))[:16]]}
    Path(__file__).with_name("pinned.json").write_text(json.dumps(pinned, indent=1) + "\n")
