"""A training process that is killed goes on from its last epoch when the same command is given again."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from captioning import registry
from tests.captioning.photos import free_photos

pytest.importorskip("keras", reason="Keras is in the training category")
ROOT = Path(__file__).parents[3]
EPOCHS = 40


@pytest.fixture
def command(tmp_path):
    """Trains a captioner on eight small photos in a models folder of its own."""
    (tmp_path / "photos").mkdir()
    for turn in range(2):
        for i, photo in enumerate(free_photos()):
            photo.resize((64, 64)).rotate(90 * turn).save(tmp_path / "photos" / f"{turn}{i}.png")
    names = sorted(path.name for path in (tmp_path / "photos").iterdir())
    (tmp_path / "photos" / "descriptions.txt").write_text("".join(f"{name} a photo of a thing\n" for name in names))
    (tmp_path / "models").mkdir()
    for suffix in ("json", "npz"):
        (tmp_path / "models" / f"vgg16.{suffix}").symlink_to(registry.MODELS / f"vgg16.{suffix}")
    return [sys.executable, "-m", "captioning.training", "captioner", "--photos", str(tmp_path / "photos"),
            "--models", str(tmp_path / "models"), "--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"),
            "--views", "plain", "--epochs", str(EPOCHS), "--threads", "1"]


def log(folder: Path) -> list[dict]:
    path = folder / "captioner" / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(command, tmp_path):
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 240
    while len(log(tmp_path / "run")) < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = log(tmp_path / "run")
    assert 3 <= len(before) < EPOCHS

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stderr[-2000:]
    after = log(tmp_path / "run")
    assert [row["epoch"] for row in after] == list(range(1, EPOCHS + 1))
    assert after[:2] == before[:2]  # not trained again
    assert after[-1]["loss"] < before[0]["loss"]
    assert registry.load("vgg16-lstm", tmp_path / "models").card.settings["encoder"] == "vgg16"
