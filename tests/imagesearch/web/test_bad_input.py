"""Whatever is sent: a problem that names the field, the measured value and the limit, and nothing is stored."""
import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from imagesearch.config import Settings
from tests.captioning.pictures import jpeg_claiming, jpeg_of_scans, png_claiming, quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import form, found, part, refused, stored

SMALL = saved(quarters(), "PNG")
JPEG = saved(quarters(640, 480), "JPEG")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """One service for the whole table: a refusal must leave no trace in it."""
    with serving(Settings(data_dir=tmp_path_factory.mktemp("data"), log_level="CRITICAL")) as app:
        yield app


@pytest.fixture(scope="module")
def image(app):
    return stored(app.test_client(), SMALL, caption="four squares")


def holdings(services):
    """Everything the service keeps."""
    return services.library.count(), sorted(services.storage), list(services.storage.unfinished())


def zip_with_a_png_head() -> bytes:
    out = io.BytesIO(SMALL)
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("hidden.html", "<script>")
    return out.getvalue()


FILES = [
    # what is sent, its name, the status, words that must be said
    pytest.param(b"", "empty.jpg", 415, ["empty file"], id="an empty file"),
    pytest.param(b"just text", "photo.jpg", 415, ["text", "JPEG"], id="a text file named .jpg"),
    pytest.param(JPEG[:len(JPEG) // 2], "photo.jpg", 422, ["cut off"], id="a truncated JPEG"),
    pytest.param(png_claiming(65535, 65535), "photo.png", 413, ["65,535", "50,000,000", "MAX_PIXELS"],
                 id="a header of 65535 by 65535"),
    pytest.param(jpeg_claiming(13000, 13000), "photo.jpg", 413, ["13,000", "50,000,000"], id="a small JPEG of 169 Mpx"),
    pytest.param(jpeg_of_scans(2000, 64, 64), "photo.jpg", 422, ["2,000 scans"], id="two thousand scans"),
    pytest.param(zip_with_a_png_head(), "photo.png", 415, ["ZIP"], id="a zip with a PNG head"),
    pytest.param(b"\x89PNG\r\n\x1a\nPK\x03\x04", "photo.png", 422, ["PNG"], id="a PNG head and nothing behind it"),
    pytest.param(SVG, "photo.svg", 415, ["SVG"], id="an SVG"),
    pytest.param(SMALL + bytes(26 * 10**6), "photo.png", 413, ["26,000,", "25,000,000", "MAX_UPLOAD_MB=25"],
                 id="a file of 26 MB"),
]


@pytest.mark.parametrize(("data", "name", "status", "said"), FILES)
@pytest.mark.parametrize("path", ["/upload", "/similar"])
def test_a_bad_file_is_refused_and_not_stored(client, services, path, data, name, status, said):
    before = holdings(services)
    refused(client.post(path, **form({"image": FileStorage(io.BytesIO(data), name)})), status, "image", *said)
    assert holdings(services) == before


REQUESTS = [
    # the request, the status, the field at fault, words that must be said
    pytest.param({"path": "/upload"}, 415, None, ["multipart/form-data"], id="an empty body"),
    pytest.param({"path": "/upload", "content_type": "multipart/form-data", "data": b"x"}, 400, None, ["boundary"],
                 id="a multipart body without a boundary"),
    pytest.param({"path": "/upload", "content_type": "multipart/form-data; boundary=b", "data": b""}, 422, "image",
                 ["required"], id="no part at all"),
    pytest.param({"path": "/upload", **form({"caption": "a dog"})}, 422, "image", ["required"], id="a missing part"),
    pytest.param({"path": "/upload", **form({"image": "text"})}, 422, "image", ["filename"], id="a text for a file"),
    pytest.param({"path": "/upload", "json": {"image": "x"}}, 415, None, ["application/json"], id="JSON for a form"),
    pytest.param({"path": "/upload", "content_type": "multipart/form-data; boundary=b", "data": b"--b\r\nnonsense"},
                 400, None, [], id="a body cut off in a part's head"),
    pytest.param({"path": "/similar", **form({"image": part(SMALL), "caption": "x"})}, 422, "caption", [],
                 id="a part that the route does not know"),
    pytest.param({"path": "/similar", **form({"image": [part(SMALL), part(SMALL)]})}, 413, "image", ["2", "1"],
                 id="two files to compare with"),
    pytest.param({"path": "/similar", **form({"image": [part(SMALL) for _ in range(22)]})}, 413, "body", ["21 parts"],
                 id="twenty-two files to compare with"),
]


@pytest.mark.parametrize(("request_", "status", "field", "said"), REQUESTS)
def test_a_body_of_another_shape_is_refused(client, services, request_, status, field, said):
    before = holdings(services)
    refused(client.post(**request_), status, field, *said)
    assert holdings(services) == before


PARTS = [
    pytest.param({"caption": ["one", "two"]}, 422, "caption", ["2 times"], id="two captions"),
    pytest.param({"caption": "a" * 2001}, 422, "caption", ["2,001", "2,000"], id="a caption too long"),
    pytest.param({"caption": "a" * 300_000}, 413, "body", ["262,144"], id="a text part of 300 kB"),
    pytest.param({"caption": "a\0b"}, 422, "caption", ["U+0000"], id="NUL in a caption"),
    pytest.param({"caption": part(b"a dog")}, 422, "caption", ["without a filename"], id="a file for a text"),
    pytest.param({"captoin": "a dog"}, 422, "captoin", ["caption"], id="an unknown part"),
    pytest.param({"tags": "a" * 101}, 422, "tags", ["101", "100"], id="a tag too long"),
    pytest.param({"tags": ",".join(map(str, range(101)))}, 422, "tags", ["101", "100"], id="too many tags"),
    pytest.param({"tags": "dog,!!!,???"}, 422, "tags", ["'!!!'", "no word"], id="tags of punctuation"),
    pytest.param({"characteristics": '[{"subject": "..."}]'}, 422, "characteristics.0.subject", ["'...'", "no word"],
                 id="a subject of punctuation"),
    pytest.param({"characteristics": '[{"subject": "dog", "subject_actions": ["—"]}]'}, 422,
                 "characteristics.0.subject_actions", ["no word"], id="an action of punctuation"),
    pytest.param({"characteristics": "[{"}, 422, "characteristics", ["not JSON"], id="broken JSON"),
    pytest.param({"characteristics": "[" * 100_000}, 422, "characteristics", ["not JSON"], id="JSON too deep"),
    pytest.param({"characteristics": "9" * 5000}, 422, "characteristics", [], id="a number of 5000 digits"),
    pytest.param({"characteristics": "{}"}, 422, "characteristics", ["list"], id="no list"),
    pytest.param({"characteristics": '["dog"]'}, 422, "characteristics.0", [], id="no objects"),
    pytest.param({"characteristics": "[{}]"}, 422, "characteristics.0.subject", ["required"], id="no subject"),
    pytest.param({"characteristics": '[{"subject": 1}]'}, 422, "characteristics.0.subject", ["string"],
                 id="a number for a subject"),
    pytest.param({"characteristics": '[{"subject": "dog", "subject_colours": "brown"}]'}, 422,
                 "characteristics.0.subject_colours", ["list"], id="a text for a list"),
    pytest.param({"characteristics": '[{"subject": "dog", "color": "brown"}]'}, 422, "characteristics.0.color", [],
                 id="an unknown field"),
    pytest.param({"characteristics": '[{"subject": "\\ud800"}]'}, 422, "characteristics.0.subject", ["unicode"],
                 id="half a surrogate pair"),
    pytest.param({"characteristics": json.dumps([{"subject": "dog"}] * 101)}, 422, "characteristics", ["101", "100"],
                 id="too many characteristics"),
]


@pytest.mark.parametrize(("parts", "status", "field", "said"), PARTS)
def test_a_bad_text_part_is_refused_and_the_photo_not_stored(client, services, parts, status, field, said):
    before = holdings(services)
    refused(client.post("/upload", **form({"image": part(JPEG), **parts})), status, field, *said)
    assert holdings(services) == before


ADDRESSES = [
    pytest.param("/images?limit=-1", "limit", ["-1", "1"], id="limit=-1"),
    pytest.param("/images?limit=101", "limit", ["101", "100"], id="limit=101"),
    pytest.param("/images?limit=ten", "limit", ["ten"], id="limit=ten"),
    pytest.param("/images?cursor=xyz", "cursor", ["without a cursor"], id="cursor=xyz"),
    pytest.param("/images?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor", [], id="a cursor over all numbers"),
    pytest.param("/images?cursor=" + "x" * 501, "cursor", ["500"], id="a long cursor"),
    pytest.param("/images?cursor=", "cursor", ["at least 1 character"], id="an empty cursor"),
    pytest.param("/images?limit=5&limit=6", "limit", ["2 times", "one value"], id="two limits"),
    pytest.param("/images?page=2", "page", [], id="an unknown parameter"),
    pytest.param("/search", "q", ["required"], id="no q"),
    pytest.param("/search?q=", "q", ["no word"], id="an empty q"),
    pytest.param("/search?q=%00", "q", ["no word"], id="a q of NUL"),
    pytest.param("/search?q=%E2%80%AE", "q", ["no word"], id="a q of a direction mark"),
    pytest.param("/search?q=!!!", "q", ["no word"], id="a q of punctuation"),
    pytest.param("/search?q=-dog", "q", ["no word"], id="a q that only leaves out"),
    pytest.param("/search?q=" + "a" * 2**20, "q", ["1,048,576", "1,000"], id="a megabyte of q"),
    pytest.param("/search?q=dog&limit=0", "limit", ["0", "1"], id="limit=0"),
    pytest.param("/search?q=dog&cursor=", "cursor", ["at least 1 character"], id="a search's empty cursor"),
    pytest.param("/search?q=dog&q=cat", "q", ["2 times", "one value"], id="two queries"),
    pytest.param("/search?q=dog&cursor=xyz", "cursor", ["without a cursor"], id="a search's cursor=xyz"),
    pytest.param("/search?q=dog&cursor=WzFlOTk5LDEsMV0", "cursor", [], id="a cursor with infinity"),
    pytest.param("/search?q=dog&min_score=2", "min_score", ["2", "1"], id="min_score=2"),
    pytest.param("/search?q=dog&min_score=nan", "min_score", [], id="min_score=nan"),
    pytest.param("/search?q=dog&mode=smell", "mode", ["text", "visual", "hybrid"], id="an unknown mode"),
    pytest.param("/search?q=dog&strictness=very", "strictness", ["loose", "normal", "strict"], id="a strictness"),
    pytest.param("/search?q=dog&color=red", "color", [], id="color for colour"),
    pytest.param("/search?q=dog&tag=" + "a" * 101, "tag.0", ["100"], id="a long filter"),
    pytest.param("/search?q=dog" + "&tag=a" * 21, "tag", ["20", "21"], id="too many filters"),
    pytest.param("/search/features", "subject", ["at least one"], id="no features"),
    pytest.param("/search/features?subject=!!", "subject", ["no word"], id="a subject of punctuation"),
    pytest.param("/search/features?subject=dog&cursor=", "cursor", [], id="the features' empty cursor"),
    pytest.param("/search/suggest", "q", ["required"], id="nothing to complete"),
]


@pytest.mark.parametrize(("path", "field", "said"), ADDRESSES)
def test_a_bad_parameter_is_refused(client, path, field, said):
    refused(client.get(path), 422, field, *said)


@pytest.mark.parametrize("q", [
    '"', 'dog"', "NEAR(", "dog NEAR(cat, 5)", "*", "dog*", "-", "AND (", "dog AND (", "caption:dog", "dog OR", "NOT",
    "^dog", "dog\0", "{dog}", "'; DROP TABLE images; --", "\u202edog", "%", "_"])
def test_no_punctuation_makes_a_search_fail(client, q):
    response = client.get("/search", query_string={"q": q})
    if response.status_code != 200:
        refused(response, 422, "q", "no word")


@pytest.mark.parametrize("path", ["/images/none", "/images/none/file", "/images/none/thumbnail", "/images/none/similar",
                                  "/images/%00", "/images/..%2f..%2fetc%2fpasswd", "/nowhere"])
def test_what_is_not_there_is_not_found(client, path):
    refused(client.get(path), 404)


def test_a_method_that_a_route_has_not_is_refused(client):
    response = client.put("/upload")
    refused(response, 405)
    assert "POST" in response.headers["Allow"]


PATCHES = [
    pytest.param({"json": {"caption": 1}}, 422, "caption", ["string"], id="a number for a caption"),
    pytest.param({"json": {"caption": ""}}, 422, "caption", ["empty"], id="an empty caption"),
    pytest.param({"json": {"title": "x"}}, 422, "title", [], id="an unknown field"),
    pytest.param({"json": {"tags": "dog"}}, 422, "tags", ["list"], id="a text for a list"),
    pytest.param({"json": {"tags": [None]}}, 422, None, [], id="null for a tag"),
    pytest.param({"json": {"tags": ["x" * 101]}}, 422, "tags.0.name", ["100"], id="a tag too long"),
    pytest.param({"json": {"tags": ["!!!", "???"]}}, 422, "tags", ["'!!!'", "no word"], id="tags of punctuation"),
    pytest.param({"json": {"characteristics": [{"subject": []}]}}, 422, "characteristics.0.subject", [], id="no text"),
    pytest.param({"json": []}, 422, "body", [], id="no object"),
    pytest.param({"data": b"{", "content_type": "application/json"}, 400, None, ["not JSON"], id="broken JSON"),
    pytest.param({"data": b"", "content_type": "application/json"}, 400, None, ["not JSON"], id="no JSON"),
    pytest.param({"data": b"[" * 10**5, "content_type": "application/json"}, 400, None, [], id="JSON too deep"),
    pytest.param({"data": b'{"caption": "\xff"}', "content_type": "application/json"}, 400, None, [], id="no UTF-8"),
    pytest.param({"data": b"caption=x", "content_type": "text/plain"}, 415, None, ["merge-patch+json"], id="a text"),
    pytest.param({"data": b" " * (2**20 + 1), "content_type": "application/json"}, 413, None, ["1,048,57"],
                 id="a megabyte"),
]


@pytest.mark.parametrize(("request_", "status", "field", "said"), PATCHES)
def test_a_bad_patch_is_refused_and_changes_nothing(client, image, request_, status, field, said):
    refused(client.patch(image["url"], **request_), status, field, *said)
    assert client.get(image["url"]).json == image


ATTRIBUTES = [b'; name="image"', b'; name="caption"', b"; name=", b"; name*=x'y'z", b'; filename="x.png"',
              b"; filename*=UTF-8''%ff%00", b'; filename="\xff\0"', b";", b"; name"]
HEADS = [b"Content-Type: text/plain; charset=utf-7\r\n", b"Content-Transfer-Encoding: base64\r\n",
         b"Content-Length: -1\r\n", b"Content-Length: x\r\n", b"nonsense\r\n",
         b": \r\n", b"\xff\xfe: \0\r\n", b" folded\r\n"]
PIECES = st.tuples(st.lists(st.sampled_from(ATTRIBUTES), max_size=4), st.lists(st.sampled_from(HEADS), max_size=2),
                   st.sampled_from([SMALL, b"", b"text", b"\xff", b"--b", b"\r\n--b"]))


@given(st.lists(PIECES, max_size=4), st.sampled_from([b"--b--\r\n", b"--b", b""]))
@settings(max_examples=150)
def test_no_body_whatever_is_a_fault_of_the_service(app, pieces, end):
    start = b"--b\r\nContent-Disposition: form-data"
    body = b"".join(b"".join([start, *attributes, b"\r\n", *heads, b"\r\n", content, b"\r\n"])
                    for attributes, heads, content in pieces) + end
    response = app.test_client().post("/similar", data=body, content_type="multipart/form-data; boundary=b")
    if response.status_code != 200:
        refused(response, response.status_code)
        assert response.status_code in {400, 413, 415, 422}


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("path", "files", "limit"), [("/upload", 6, "4,048,576"), ("/similar", 4, "3,048,576")])
def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_so(small_client, path, files, limit, announced):
    sent = form({"image": [part(bytes(900_000)) for _ in range(files)]})
    chunked = {} if announced else {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    refused(small_client.post(path, input_stream=io.BytesIO(sent["data"]), content_type=sent["content_type"],
                              environ_overrides=chunked), 413, "body", limit)


def test_an_error_page_is_html_only_for_a_browser_that_asked_for_it(client):
    page = client.get("/nowhere", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    refused(client.get("/nowhere", headers={"Accept": "*/*"}), 404)


def test_a_direction_mark_in_a_search_does_no_harm(client, image):
    assert found(client, "/search", q="\u202efour") == [image["id"]]


def test_a_thumbnail_of_another_size_is_refused(client, image):
    refused(client.get(image["thumbnail_url"] + "?size=63"), 422, "size", "63", "64")
    refused(client.get(image["thumbnail_url"] + "?size=1025"), 422, "size", "1025", "1024")


def test_a_fault_of_the_service_is_a_problem_without_its_inside(tmp_path):
    with serving(Settings(data_dir=tmp_path, log_level="CRITICAL")) as app:
        app.add_url_rule("/fault", "fault", lambda: 1 / 0)
        problem = refused(app.test_client().get("/fault"), 500)
    assert "division" not in json.dumps(problem)
