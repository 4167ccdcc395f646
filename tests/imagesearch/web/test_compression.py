"""Texts on the wire."""
import gzip

from tests.captioning.pictures import quarters, saved
from tests.imagesearch.web.asking import fetched, stored

SMALL = saved(quarters(), "PNG")


def test_a_page_is_the_same_gzipped(client):
    plain, packed = fetched(client, "/docs"), fetched(client, "/", Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == fetched(client, "/").data


def test_a_file_that_is_known_is_not_sent_again(client):
    first = fetched(client, "/static/gallery.css", Accept_Encoding="gzip")
    assert len(first.data) < len(gzip.decompress(first.data)) / 2
    again = fetched(client, "/static/gallery.css", Accept_Encoding="gzip", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")


def test_an_images_etag_stays_good_for_a_change(client):
    image = stored(client, SMALL, caption="four squares " * 100)  # long enough to be worth packing
    etag = fetched(client, image["url"], Accept_Encoding="gzip").headers["ETag"]
    changed = client.patch(image["url"], json={"caption": "four"}, headers={"If-Match": etag})
    assert changed.status_code == 200


def test_pictures_are_left_as_they_are(client):
    image = stored(client, SMALL)
    assert "Content-Encoding" not in fetched(client, image["file_url"], Accept_Encoding="gzip").headers
