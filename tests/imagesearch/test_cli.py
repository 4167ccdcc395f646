import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, select

from imagesearch.bootstrap import build
from imagesearch.cli import main
from imagesearch.db import Origin, Vector
from imagesearch.doctor import Doctor
from imagesearch.importer import BATCH
from tests.imagesearch.web.asking import fetched

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["backup", "collect", "copy-database", "demo", "doctor", "export", "import", "keys", "lessons", "recaption",
            "reindex", "restore"]


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


def test_import_fetches_what_a_list_names_and_tells_of_each_that_is_bad(run, site, tmp_path):
    urls = tmp_path / "urls.txt"
    urls.write_text(f"# mine\n{site.url('/chelsea.png')}\tan orange cat\n{site.url('/missing.jpg')}\n")
    refused = run("import", "--from-urls", urls)
    assert (refused.exit_code, refused.stdout.splitlines()) == (1, ["2 URLs", "2 bad"])
    assert "an address of this machine or a private network; --allow-private" in refused.stderr
    done = run("import", "--from-urls", urls, "--allow-private", "--report", tmp_path / "bad.csv")
    assert (done.exit_code, done.stdout.splitlines()) == (1, ["2 URLs", "1 stored, 1 bad"])
    assert f"{site.url('/missing.jpg')}: answered 404 Not Found" in done.stderr
    assert (tmp_path / "bad.csv").read_text().splitlines()[1] == f"{site.url('/missing.jpg')},answered 404 Not Found"
    again = run("import", "--from-urls", urls, "--allow-private", "--limit", 1)
    assert (again.exit_code, again.stdout.splitlines()) == (0, ["1 URLs", "1 known"])
    assert sorted(site.paths) == ["/chelsea.png", "/missing.jpg"]


def test_import_reads_urls_from_standard_input(settings, site):
    done = CliRunner(env={"DATA_DIR": str(settings.data_dir)}).invoke(
        main, ["import", "--from-urls", "-", "--allow-private"], input=f"{site.url('/coffee.png')}\ta cup\n")
    assert done.stdout.splitlines()[-1] == "1 stored"


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "either a FOLDER or --from-urls"),
    ([".", "--from-urls", "/dev/null"], "either a FOLDER or --from-urls"),
    ([".", "--allow-private"], "--allow-private goes with --from-urls"),
    (["--from-urls", "/dev/null", "--captions", "/dev/null"], "--captions goes with a FOLDER"),
])
def test_import_wants_one_place_to_take_from(run, arguments, said):
    refused = run("import", *arguments)
    assert (refused.exit_code, said in " ".join(refused.output.split())) == (2, True)


def test_export_and_zip_name_the_author_of_what_was_collected(run, site, tmp_path, client):
    (tmp_path / "urls.csv").write_text("url,caption,title,author,licence,licence_url,page\n" + ",".join([
        site.url("/chelsea.png"), "an orange cat", "Chelsea", "Ann", "CC BY 4.0",
        "https://creativecommons.org/licenses/by/4.0/", "https://a.example/cat"]) + f"\n{site.url('/rocket.jpg')}\n")
    run("import", "--from-urls", tmp_path / "urls.csv", "--allow-private")
    cat, = (line for line in map(json.loads, run("export").stdout.splitlines()) if line["filename"] == "chelsea.png")
    origin, = cat["origins"]
    assert origin == client.get(f"{cat['url']}/origins").json["origins"][0]
    assert {k: v for k, v in origin.items() if k not in ("url", "fetched_at")} == {
        "title": "Chelsea", "author": "Ann", "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/", "page": "https://a.example/cat"}
    run("export", "--zip", tmp_path / "x.zip", "--subject", "cat")
    answered = fetched(client, "/search/features?subject=cat", Accept="application/zip")
    for file in (tmp_path / "x.zip", io.BytesIO(answered.data)):
        with zipfile.ZipFile(file) as archive:
            assert json.loads(archive.read("results.json"))["results"][0]["image"]["origins"] == [origin]
    assert client.get("/images/nothing/origins").status_code == 404


def test_collect_asks_whom_it_is_told_to_and_imports(run, site, monkeypatch):
    body = json.dumps({"result_count": 2, "page_count": 1, "page_size": 2, "page": 1, "results": [
        {"url": site.url(f"/{name}"), "title": name, "creator": "Ann", "license": "by", "license_version": "4.0",
         "license_url": "https://creativecommons.org/licenses/by/4.0/", "foreign_landing_url": "https://a.example/"}
        for name in ("chelsea.png", "rocket.jpg")]}).encode()
    site["/v1/images/"] = body
    monkeypatch.setenv("OPENVERSE_URL", site.url("/v1/"))
    assert run("collect", "cat").exit_code == 2
    assert "'xy' is none of cc0" in run("collect", "cat", "--from", "openverse", "--licence", "by,xy").output
    done = run("collect", "cat", "--from", "openverse", "--limit", 2, "--licence", "BY", "--allow-private")
    assert (done.exit_code, done.stdout.splitlines()) == (0, ["2 photos found by openverse", "2 stored"])
    assert site.paths[0] == "/v1/images/?q=cat&license=by&page=1&page_size=2"
    site["/v1/images/"] = (500, {}, b"")
    failed = run("collect", "cat", "--from", "openverse", "--allow-private")
    assert (failed.exit_code, "answered 500 Internal Server Error" in failed.output) == (1, True)


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


def test_export_of_an_empty_query_is_refused_as_any_without_a_word(run, folder, tmp_path):
    run("import", folder)
    for query in ("", "  "):
        for zipped in ([], ["--zip", tmp_path / "x.zip"]):
            refused = run("export", "--query", query, *zipped)
            assert (refused.exit_code, refused.output) == (1, "Error: holds no word to search for\n")


def test_export_replaces_a_zip_only_when_that_is_asked_for(run, folder, tmp_path):
    run("import", folder)
    (tmp_path / "x.zip").write_bytes(b"mine")
    refused = run("export", "--zip", tmp_path / "x.zip", "--subject", "cat")
    assert (refused.exit_code, "exists; give another name, or --force" in refused.output) == (1, True)
    assert (tmp_path / "x.zip").read_bytes() == b"mine"
    assert run("export", "--zip", tmp_path / "x.zip", "--subject", "cat", "--force").exit_code == 0
    assert zipfile.is_zipfile(tmp_path / "x.zip")


def test_export_ends_without_a_word_when_nobody_reads_on(run, folder, settings):
    run("import", folder)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "imagesearch", "export"], cwd=ROOT, stdout=write,
                          stderr=subprocess.PIPE, env={**os.environ, "DATA_DIR": str(settings.data_dir)})
    os.close(write)
    assert done.stderr == b""


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


def test_whoever_revokes_the_last_key_is_told_what_follows(run, monkeypatch):
    run("keys", "create", "laptop")
    run("keys", "create", "phone")
    assert run("keys", "revoke", "laptop").output == "laptop is revoked\n"
    last = run("keys", "revoke", "phone")
    assert last.stdout == "phone is revoked\n"
    assert "that was the last key. A service without API_KEYS of its own now serves whoever is on" in last.stderr


def test_and_that_those_of_the_setting_hold(settings):
    run = CliRunner(env={"DATA_DIR": str(settings.data_dir), "API_KEYS": "secret"}).invoke
    run(main, ["keys", "create", "laptop"])
    assert "those of API_KEYS still hold" in run(main, ["keys", "revoke", "laptop"]).stderr


def test_a_setting_that_makes_no_sense_is_told_in_a_line():
    result = CliRunner(env={"PORT": "none"}).invoke(main, ["keys", "list"])
    assert (result.exit_code, result.output) == (1, "Error: PORT='none': must be a whole number of at least 1\n")


def test_a_database_that_another_process_holds_is_told_in_a_line(run, services, monkeypatch):
    monkeypatch.setattr("imagesearch.engines.BUSY_TIMEOUT_MS", 1)
    with services.database.write():
        refused = run("keys", "create", "laptop")
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "database is locked; another process is writing to it" in refused.output


def test_copy_database_brings_the_rows_elsewhere_and_leaves_what_is_there(run, services, photo, tmp_path):
    services.library.add(photo("chelsea.png"))
    url = f"sqlite:///{tmp_path / 'other.db'}"
    assert re.fullmatch(r"[1-9]\d+ rows copied\n", run("copy-database", url).stdout)
    again = run("copy-database", url)
    assert again.exit_code == 1
    assert again.output.startswith("Error: the database there is not empty, it has images")
    assert run("copy-database", "mysql://a@b/c").exit_code == 1


def test_a_database_that_cannot_be_opened_is_told_in_a_line(run, tmp_path):
    (tmp_path / "new" / "imagesearch.db").mkdir(parents=True)
    refused = run("keys", "list", data=tmp_path / "new")
    assert (refused.exit_code, refused.output) == (
        1, "Error: the database cannot be used: unable to open database file\n")


@pytest.mark.parametrize("command", [
    ["backup", "b.zip"], ["demo"], ["doctor"], ["export"], ["import", "."], ["keys", "list"],
    ["lessons", "export", "l"], ["recaption"], ["reindex"]], ids=" ".join)
def test_a_file_that_is_no_database_is_told_in_a_line(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "imagesearch.db").write_bytes(b"junk" * 5000)
    refused = run(*command, data=tmp_path / "new")
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "Error: the database is damaged: file is not a database." in refused.output
    assert "the way back is the last backup" in refused.output


def test_doctor_tells_of_damage_in_the_database_and_backup_keeps_the_last_one(run, folder, tmp_path, damage):
    run("import", folder)
    run("backup", tmp_path / "b.zip")
    damage("vectors")
    found = run("doctor", "--repair")
    assert (found.exit_code, "damage in the database" in found.output) == (1, True)
    assert "    → stop the service and restore the last backup" in found.output
    refused = run("backup", "--force", tmp_path / "b.zip")
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert run("restore", "--replace", tmp_path / "b.zip").exit_code == 0
    assert run("doctor").exit_code == 0


@pytest.mark.parametrize("command", [["backup"], ["lessons", "export"], ["export", "--query", "cat", "--zip"],
                                     ["import", ".", "--report"]], ids=" ".join)
def test_a_file_in_a_folder_that_is_not_there_is_refused_at_once(run, tmp_path, command):
    refused = run(*command, tmp_path / "nowhere" / "x")
    assert (refused.exit_code, f"there is no folder '{tmp_path / 'nowhere'}'" in refused.output) == (2, True)


def test_a_captions_file_that_cannot_be_read_is_named_once(run, folder):
    (folder / "captions.csv").write_bytes(b"image,caption\nchelsea.png,caf\xe9\n")
    told, = (line for line in run("import", folder).stderr.splitlines() if "UTF-8" in line)
    assert told == f"{folder / 'captions.csv'}: line 2 is not UTF-8; save the file as UTF-8 and try again"


# ---- another process, and its end ---------------------------------------------------------------------

@pytest.fixture
def many(tmp_path, photo) -> Path:
    """Ninety-six small photos, a quarter of them with a caption: six batches, of which two cores begin four at once."""
    from io import BytesIO

    from PIL import Image

    root = tmp_path / "many"
    root.mkdir()
    with Image.open(BytesIO(photo("astronaut.png"))) as astronaut:
        for n in range(96):
            astronaut.convert("RGB").crop((n, n, n + 256, n + 256)).save(root / f"{n:03}.jpg")
    (root / "descriptions.txt").write_text("".join(f"{n:03}.jpg picture number {n}\n" for n in range(24)))
    return root


def ended_in_the_middle(settings, number: int, stored: int, *arguments: str | Path) -> int:
    """Imports in a process of its own, sends it a signal once so many are stored; returns its exit status."""
    process = subprocess.Popen([sys.executable, "-m", "imagesearch", "import", *map(str, arguments)], cwd=ROOT,
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
    assert ended_in_the_middle(settings, signal.SIGKILL, stored, many) == -signal.SIGKILL
    services = build(settings)
    before = {image.id for image in services.library.page(100).images}
    assert 0 < len(before) < 96
    assert all(finding.trouble in ("files that no image uses", "half-written files of a crash")
               for finding in Doctor(services.library).examine(checksums=True))
    assert run("import", many).exit_code == 0
    after = services.library.page(100).images
    assert len({image.sha256 for image in after}) == len(after) == 96
    assert before <= {image.id for image in after}
    assert {image.caption for image in after} >= {f"picture number {n}" for n in range(24)}
    assert run("doctor", "--repair").exit_code == 0
    assert run("doctor", "--checksums").output == "all is well with 96 images\n"
    services.database.engine.dispose()


def test_ctrl_c_ends_an_import_cleanly(run, settings, many):
    assert ended_in_the_middle(settings, signal.SIGINT, 1, many) == 130
    assert run("doctor").exit_code == 0
    assert run("import", many).output.splitlines()[-1].endswith("known")


def test_a_killed_collection_is_gone_on_with_and_fetches_nothing_twice(run, settings, many, site, tmp_path):
    for photo in many.glob("*.jpg"):
        site[f"/{photo.name}"] = photo.read_bytes()
    urls = tmp_path / "urls.txt"
    urls.write_text("".join(f"{site.url(f'/{n:03}.jpg')}\tpicture number {n}\n" for n in range(96)))
    assert ended_in_the_middle(settings, signal.SIGKILL, 17, "--from-urls", urls, "--allow-private") == -signal.SIGKILL
    services = build(settings)
    assert 0 < (before := services.library.count()) < 96
    with services.database.read() as session:
        known = set(session.scalars(select(Origin.url)))
    site.asked.clear()
    assert run("import", "--from-urls", urls, "--allow-private").exit_code == 0
    assert len(known) >= before - BATCH
    assert sorted(site.paths) == [f"/{n:03}.jpg" for n in range(96) if site.url(f"/{n:03}.jpg") not in known]
    assert {image.caption for image in services.library.page(100).images} == {f"picture number {n}" for n in range(96)}
    assert run("doctor", "--repair", "--checksums").exit_code == 0
    services.database.engine.dispose()


def test_no_command_loads_a_training_framework_and_help_loads_no_model():
    code = ("import sys; from imagesearch.cli import main\n"
            "try: main(['--help'])\n"
            "except SystemExit: pass\n"
            "heavy = 'openvino', 'tensorflow', 'keras', 'torch', 'sklearn', 'skimage'\n"
            "print([module for module in heavy if module in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
