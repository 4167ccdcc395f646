import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete

from imagesearch.bootstrap import build
from imagesearch.cli import main
from imagesearch.db import Vector
from imagesearch.doctor import Doctor

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["backup", "demo", "doctor", "export", "import", "keys", "lessons", "recaption", "reindex", "restore"]


@pytest.fixture
def run(settings):
    def run(*arguments: str | Path, data: Path = settings.data_dir) -> Result:
        return CliRunner(env={"DATA_DIR": str(data), "DATABASE_URL": "", "API_KEYS": ""}).invoke(
            main, [str(argument) for argument in arguments], catch_exceptions=False)
    return run


@pytest.fixture
def folder(tmp_path, photo) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("chelsea.png", "rocket.jpg", "coffee.png"):
        (root / name).write_bytes(photo(name))
    (root / "captions.csv").write_text("image,caption\nchelsea.png,an orange cat\nghost.png,nobody\n")
    return root


def test_help_names_every_command_and_each_has_more_to_say(run):
    assert sorted(main.commands) == COMMANDS
    for name in COMMANDS:
        assert f"  {name}" in run("--help").output
        assert len(run(name, "--help").output) > 150


def test_import_tells_what_it_did_and_its_status_tells_of_bad_files(run, folder, tmp_path):
    first = run("import", folder)
    assert (first.exit_code, first.stdout.splitlines()[-1]) == (0, "3 stored")
    assert "1 captions name no photo of this folder, for one 'ghost.png'" in first.stderr
    (folder / "bad.jpg").write_text("no picture")
    second = run("import", folder, "--report", tmp_path / "bad.csv")
    assert (second.exit_code, second.stdout.splitlines()[-1]) == (1, "3 known, 1 bad")
    assert "bad.jpg: This is text" in second.stderr
    (_, reported), = list(csv.reader((tmp_path / "bad.csv").read_text().splitlines()))[1:]
    assert "text" in reported


def test_import_takes_a_captions_file_and_a_limit(run, folder, tmp_path, services):
    (tmp_path / "mine.tsv").write_text("file\tde\ten\nchelsea.png\teine Katze\tthe cat\n")
    done = run("import", folder, "--captions", tmp_path / "mine.tsv", "--caption-column", "de", "--limit", 1)
    assert done.exit_code == 0
    assert [image.caption for image in services.library.page(9).images] == ["eine Katze"]
    wrong = run("import", folder, "--captions", tmp_path / "mine.tsv", "--caption-column", "fr")
    assert (wrong.exit_code, "no column 'fr'" in wrong.output) == (1, True)


def test_demo_fills_the_service_and_again_changes_nothing(run, services):
    assert run("demo").exit_code == 0
    first = [(image.id, image.caption) for image in services.library.page(99).images]
    assert len(first) >= 5
    assert {image.caption_source for image in services.library.page(99).images} == {"user", "model"}
    assert run("demo").exit_code == 0
    assert [(image.id, image.caption) for image in services.library.page(99).images] == first


def test_doctor_finds_and_mends(run, folder, services):
    run("import", folder)
    assert run("doctor").output == "all is well with 3 images\n"
    services.storage.put("ab" * 32, b"orphan")
    found = run("doctor")
    assert found.exit_code == 1
    assert "files that no image uses: 1" in found.output
    assert run("doctor", "--repair").exit_code == 0
    assert run("doctor").exit_code == 0


def test_recaption_and_reindex_tell_what_they_did(run, folder, services):
    run("import", folder)
    assert run("recaption").output == "0 captions written\n"
    assert run("recaption", "--all").output == "2 captions written\n"
    assert "nobody" in run("recaption", "nobody").output
    assert run("recaption", "--all", "--before", "yesterday").exit_code == 2
    with services.database.write() as session:
        session.execute(delete(Vector))
    result = run("reindex", "--retire")
    assert (result.exit_code, result.output.startswith("3 images put into vgg16@")) == (0, True)


def test_backup_and_restore(run, folder, tmp_path):
    run("import", folder)
    assert run("backup", tmp_path / "b.zip").output.startswith("3 images, ")
    assert run("backup", tmp_path / "b.zip").exit_code == 1
    assert run("backup", tmp_path / "b.zip", "--force").exit_code == 0
    restored = run("restore", tmp_path / "b.zip", data=tmp_path / "new")
    assert (restored.exit_code, restored.output.startswith("3 images of ")) == (0, True)
    assert run("export", data=tmp_path / "new").output == run("export").output
    (tmp_path / "b.zip").write_bytes(b"PK")
    refused = run("restore", "--replace", tmp_path / "b.zip", data=tmp_path / "new")
    assert (refused.exit_code, "Nothing has been changed" in refused.output) == (1, True)


def test_export_gives_the_apis_own_shape(run, folder, client):
    run("import", folder)
    lines = [json.loads(line) for line in run("export").stdout.splitlines()]
    assert lines == client.get("/images").json["images"]
    found, = (json.loads(line) for line in run("export", "--query", "orange", "--limit", 1).stdout.splitlines())
    assert found["caption"] == "an orange cat"


def test_export_gives_the_originals_of_a_search(run, folder, tmp_path, photo):
    run("import", folder)
    assert run("export", "--zip", tmp_path / "x.zip").exit_code == 2
    assert run("export", "--zip", tmp_path / "x.zip", "--subject", "cat", "--colour", "orange").exit_code == 0
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        result, = json.loads(archive.read("results.json"))["results"]
        assert result["image"]["caption"] == "an orange cat"
        assert archive.read(result["file"]) == photo("chelsea.png")


def test_keys_are_made_listed_and_revoked(run, services):
    token = run("keys", "create", "laptop", "--scope", "read").stdout.strip()
    assert services.keys.scope(token) == "read"
    assert "laptop" in run("keys", "list").output
    assert token not in run("keys", "list").output
    assert run("keys", "create", "laptop").exit_code == 1
    assert run("keys", "revoke", "laptop").exit_code == 0
    assert services.keys.scope(token) is None
    assert run("keys", "revoke", "laptop").exit_code == 1


def test_a_setting_that_makes_no_sense_is_told_in_a_line():
    result = CliRunner(env={"PORT": "none"}).invoke(main, ["keys", "list"])
    assert (result.exit_code, result.output) == (1, "Error: PORT='none': must be a whole number of at least 1\n")


# ---- another process, and its end ---------------------------------------------------------------------

@pytest.fixture
def many(tmp_path, photo) -> Path:
    """Forty-eight small photos, half of them with a caption."""
    from io import BytesIO

    from PIL import Image

    root = tmp_path / "many"
    root.mkdir()
    with Image.open(BytesIO(photo("astronaut.png"))) as astronaut:
        for n in range(48):
            astronaut.convert("RGB").crop((n, n, n + 256, n + 256)).save(root / f"{n:03}.jpg")
    (root / "descriptions.txt").write_text("".join(f"{n:03}.jpg picture number {n}\n" for n in range(24)))
    return root


def ended_in_the_middle(settings, folder: Path, number: int, stored: int) -> int:
    """Imports in a process of its own, sends it a signal once so many are stored; returns its exit status."""
    process = subprocess.Popen([sys.executable, "-m", "imagesearch", "import", str(folder)], cwd=ROOT,
                               env={**os.environ, "DATA_DIR": str(settings.data_dir)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    services = build(settings)
    try:
        deadline = time.monotonic() + 60
        while services.library.count() < stored and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(number)
        return process.wait(60)
    finally:
        process.kill()
        services.database.engine.dispose()


@pytest.mark.parametrize("stored", [1, 17])
def test_a_killed_import_is_gone_on_with_and_stores_nothing_twice(run, settings, many, stored):
    assert ended_in_the_middle(settings, many, signal.SIGKILL, stored) == -signal.SIGKILL
    services = build(settings)
    before = {image.id for image in services.library.page(100).images}
    assert 0 < len(before) < 48
    assert all(finding.trouble in ("files that no image uses", "half-written files of a crash")
               for finding in Doctor(services.library).examine(checksums=True))
    assert run("import", many).exit_code == 0
    after = services.library.page(100).images
    assert len({image.sha256 for image in after}) == len(after) == 48
    assert before <= {image.id for image in after}
    assert {image.caption for image in after} >= {f"picture number {n}" for n in range(24)}
    assert run("doctor", "--repair").exit_code == 0
    assert run("doctor", "--checksums").output == "all is well with 48 images\n"
    services.database.engine.dispose()


def test_ctrl_c_ends_an_import_cleanly(run, settings, many):
    assert ended_in_the_middle(settings, many, signal.SIGINT, 1) == 130
    assert run("doctor").exit_code == 0
    assert run("import", many).output.splitlines()[-1].endswith("known")


def test_no_command_loads_a_training_framework_and_help_loads_no_model():
    code = ("import sys; from imagesearch.cli import main\n"
            "try: main(['--help'])\n"
            "except SystemExit: pass\n"
            "heavy = 'openvino', 'tensorflow', 'keras', 'torch', 'sklearn', 'skimage'\n"
            "print([module for module in heavy if module in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
