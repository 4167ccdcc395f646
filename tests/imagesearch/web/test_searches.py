"""Pictures are found again."""
import io
import json
import zipfile

import pytest
from PIL import Image, ImageOps

from imagesearch.config import Settings
from tests.captioning.pictures import saved
from tests.conftest import serving
from tests.imagesearch.web.asking import fetched, form, found, part, stored

CAPTIONS = {
    "astronaut.png": "A smiling astronaut in an orange suit", "chelsea.png": "An orange cat looks up",
    "coffee.png": "A cup of coffee stands on a red table", "rocket.jpg": "A white rocket starts beside a red tower"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with serving(Settings(data_dir=tmp_path_factory.mktemp("data"), log_level="WARNING")) as app:
        yield app


@pytest.fixture(scope="module")
def ids(app, photo):
    """Name → id of the four stored photos."""
    return {name: stored(app.test_client(), photo(name), name, caption=caption)["id"]
            for name, caption in CAPTIONS.items()}


def test_words_find_what_was_said_and_the_answer_tells_why(client, ids):
    body = client.get("/search?q=Coffees on TABLES!&mode=text").json
    first = body["results"][0]
    assert first["image"]["id"] == ids["coffee.png"]
    assert first["matched"]["words"] == ["coffees", "tables"]
    assert first["matched"]["parts"]["text"] >= body["cutoff"]
    assert 0 < body["took_ms"] < 5000
    assert body["total"] == 1


def test_an_exact_phrase_comes_first_and_a_minus_leaves_out(client, ids):
    assert found(client, "/search", q="orange cat")[0] == ids["chelsea.png"]
    assert ids["chelsea.png"] not in found(client, "/search", q="orange -cat", mode="text")


def test_nonsense_finds_nothing(client, ids):
    body = client.get("/search?q=xyzzy qwertz").json
    assert (body["results"], body["total"], body["next"]) == ([], 0, None)


def test_strictness_and_a_score_move_the_cut_off(client, ids):
    query = {"q": "orange suit", "mode": "text"}
    assert len(found(client, "/search", **query, min_score=0)) == 2
    assert found(client, "/search", **query, min_score=0.999) in ([], [ids["astronaut.png"]])
    cutoffs = [client.get("/search", query_string={**query, "strictness": s}).json["cutoff"]
               for s in ("loose", "normal", "strict")]
    assert cutoffs == sorted(set(cutoffs))


def test_next_leads_through_all_results_once(client, ids):
    path, seen = "/search?q=red&mode=text&limit=1&min_score=0", []
    while path:
        body = client.get(path).json
        seen += [r["image"]["id"] for r in body["results"]]
        path = body["next"]
    assert sorted(seen) == sorted([ids["coffee.png"], ids["rocket.jpg"]])


def test_features_must_hold_of_the_same_subject(client, ids):
    assert found(client, "/search/features", subject="tower", colour="RED") == [ids["rocket.jpg"]]
    assert found(client, "/search/features", subject="rocket", colour="red") == []
    assert found(client, "/search/features", subject=["rocket", "tower"]) == [ids["rocket.jpg"]]
    assert found(client, "/search/features", action="starting") == [ids["rocket.jpg"]]
    body = client.get("/search/features?subject=tower").json
    assert [c["subject"] for c in body["results"][0]["matched"]["characteristics"]] == ["tower"]


def test_the_same_filters_narrow_a_text_search(client, ids):
    assert found(client, "/search", q="red", colour="red", subject="table", mode="text") == [ids["coffee.png"]]


@pytest.mark.parametrize("copy", [
    pytest.param(ImageOps.mirror, id="a mirror image"),
    pytest.param(lambda image: image.crop((40, 30, image.width - 30, image.height - 20)), id="a crop"),
    pytest.param(lambda image: image.resize((200, 150)), id="a smaller copy")])
def test_a_copy_finds_its_original_first(client, services, ids, photo, copy):
    for name in ids:
        changed = saved(copy(Image.open(io.BytesIO(photo(name))).convert("RGB")), "JPEG", quality=60)
        body = client.post("/similar", **form({"image": part(changed)})).json
        assert body["results"][0]["image"]["id"] == ids[name]
        assert body["results"][0]["score"] == body["results"][0]["matched"]["parts"]["similar"] > 0.6
    assert services.library.count() == len(ids)


def test_an_image_is_not_similar_to_itself(client, ids):
    path = f"/images/{ids['rocket.jpg']}/similar"
    assert ids["rocket.jpg"] not in found(client, path, min_score=0)
    assert set(found(client, path, min_score=0, subject="cat")) <= {ids["chelsea.png"]}


def test_the_last_word_is_completed(client, ids):
    assert client.get("/search/suggest?q=red tow").json == {"suggestions": ["red tower"]}


def test_the_originals_come_as_a_zip_with_the_results(client, ids, photo):
    response = fetched(client, "/search?q=red&mode=text", Accept="application/zip")
    assert response.mimetype == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(response.data))
    results = json.loads(archive.read("results.json"))["results"]
    names = [result["file"] for result in results]
    assert sorted(archive.namelist()) == sorted([*names, "results.json"])
    assert [name[:4] for name in names] == ["001-", "002-"]
    assert sorted(name[4:] for name in names) == ["coffee.png", "rocket.jpg"]
    for result in results:
        assert archive.read(result["file"]) == photo(result["image"]["filename"])


def test_a_zip_holds_plain_names_whatever_the_files_were_called(tmp_path, photo):
    with serving(Settings(data_dir=tmp_path, log_level="WARNING")) as app:
        client = app.test_client()
        for name, data in (("con:*?.exe", "chelsea.png"), ("..", "coffee.png"), ("ü" * 200 + ".png", "rocket.jpg")):
            stored(client, photo(data), name, caption="a thing")
        response = fetched(client, "/search?q=thing&mode=text", Accept="application/zip")
        names = zipfile.ZipFile(io.BytesIO(response.data)).namelist()
    assert sorted(name[:4] for name in names) == ["001-", "002-", "003-", "resu"]
    assert {name[4:] for name in names} == {"ü" * 80 + ".jpg", "image.png", "con___.png", "lts.json"}
