import contextlib
import math
import shutil
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesearch.addresses import Network, Refused, Target
from imagesearch.errors import ServiceError, TooLarge
from imagesearch.fetching import USER_AGENT, Fetcher, Limits
from imagesearch.hosts import Manners, Stopped, Unfetched
from tests.imagesearch.sites import Asked, Switchboard, serving

LIMITS = Limits(bytes=100_000, connect_s=5, silence_s=5, whole_s=20, redirects=3)
HURRIED = replace(LIMITS, silence_s=0.3, whole_s=0.8)
TLS = ssl.create_default_context()  # made once, as it takes 50 ms
PUBLIC, OTHER = "93.184.216.34", "8.8.8.8"


@pytest.fixture
def site():
    with serving() as site:
        yield site


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(LIMITS, private=True, manners=Manners(patience_s=1.5))


def trouble(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(ServiceError) as caught:
        fetcher.get(url)
    return str(caught.value)


# ---- what is asked, and how --------------------------------------------------------------------------

def test_it_names_itself_and_the_host_and_asks_for_a_picture_as_it_is(site, fetcher):
    site["/a b.jpg"] = site["/a%20b.jpg"] = b"picture"
    assert fetcher.get(site.url("/a b.jpg#part")) == b"picture"
    headers = site.asked[0].headers
    assert headers["User-Agent"] == USER_AGENT
    assert headers["Host"] == f"127.0.0.1:{site.port}"
    assert headers["Accept"].startswith("image/")
    assert headers["Accept-Encoding"] == "identity"
    assert "imagesearch" in USER_AGENT


def test_nothing_of_this_machine_is_asked_unless_that_is_wanted(site):
    site["/"] = b"secret"
    for host in ("127.0.0.1", "0x7f000001", "2130706433", "localhost", "127.1"):
        said = trouble(Fetcher(LIMITS), site.url("/", host))
        assert "this machine or a private network; --allow-private" in said
    assert "link-local" in trouble(Fetcher(LIMITS), "http://169.254.169.254/latest/meta-data/")
    assert "link-local" in trouble(Fetcher(LIMITS, private=True), "http://169.254.169.254/latest/meta-data/")
    assert site.asked == []


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_connected_to(site):
    site["/"] = b"public"
    network = Switchboard({"pictures.test": ["10.0.0.7", PUBLIC]}, site.port)
    assert Fetcher(LIMITS, network=network).get("http://pictures.test/") == b"public"
    assert (network.resolved, network.dialled) == (["pictures.test"], [PUBLIC])
    assert site.asked[0].headers["Host"] == "pictures.test"


def test_a_name_that_leads_into_the_own_network_is_refused_and_its_address_told(site):
    network = Switchboard({"rebound.test": ["192.168.1.1"]}, site.port)
    assert trouble(Fetcher(LIMITS, network=network), "http://rebound.test/") == (
        "rebound.test is at 192.168.1.1, an address of this machine or a private network; --allow-private fetches "
        "from there")
    assert network.dialled == []


MAPPED = Target.of("http://[::ffff:10.0.0.7]/").host  # Python writes it differently since 3.13


@pytest.mark.parametrize("inside", ["http://inside.test/", "http://10.0.0.7/", "http://[::ffff:10.0.0.7]/"])
@pytest.mark.parametrize("private", [False, True])
def test_a_public_server_cannot_redirect_into_the_own_network(site, inside, private):
    site["/out"] = (302, {"Location": inside}, b"")
    site["/"] = b"secret"
    network = Switchboard({"pictures.test": [PUBLIC], "inside.test": ["10.0.0.7"], "10.0.0.7": ["10.0.0.7"],
                           MAPPED: ["::ffff:10.0.0.7"]}, site.port)
    with pytest.raises(Refused, match="private network"):
        Fetcher(LIMITS, private, network=network).get("http://pictures.test/out")
    assert network.dialled == [PUBLIC]


def test_a_server_of_the_own_network_may_redirect_within_it_if_it_may_be_asked(site, fetcher):
    site["/old"] = (301, {"Location": "/new?x=1"}, b"")
    site["/new"] = b"moved"
    assert fetcher.get(site.url("/old")) == b"moved"
    assert site.paths == ["/old", "/new?x=1"]


def test_a_redirect_to_something_else_than_http_is_refused_and_told(site, fetcher):
    site["/"] = (302, {"Location": "file:///etc/passwd"}, b"")
    assert trouble(fetcher, site.url("/")) == (
        "redirects to file:///etc/passwd: only http and https are fetched, not 'file'")


@pytest.mark.parametrize(("place", "said"), [
    ("http://[", "this is no URL"), ("http://a:b/", "this is no URL"), ("//user@other/", "before the @")])
def test_a_redirect_to_nowhere_is_told(site, fetcher, place, said):
    site["/"] = (302, {"Location": place}, b"")
    assert said in trouble(fetcher, site.url("/"))


def test_a_redirect_in_utf8_is_understood(site, fetcher):
    site["/"] = (302, {"Location": "/ä.jpg".encode().decode("latin-1")}, b"")
    site["/%C3%A4.jpg"] = b"picture"
    assert fetcher.get(site.url("/")) == b"picture"


def test_redirects_in_circles_end(site, fetcher):
    site["/"] = (307, {"Location": "/"}, b"")
    assert "redirects more than 3 times" in trouble(fetcher, site.url("/"))
    assert len(site.asked) == 4


def test_a_token_goes_to_its_own_host_and_not_where_that_redirects_to(site):
    site["/api"] = (302, {"Location": "http://other.test/there"}, b"")
    site["/there"] = b"{}"
    network = Switchboard({"api.test": [PUBLIC], "other.test": [OTHER]}, site.port)
    Fetcher(LIMITS, network=network).get("http://api.test/api", "application/json", {"Authorization": "Bearer x"})
    assert [asked.headers["Authorization"] for asked in site.asked] == ["Bearer x", None]


def test_of_several_addresses_one_that_answers_is_enough(site):
    class Half(Switchboard):
        def connect(self, address, timeout):
            connection = super().connect(address, timeout)
            if address.ip == OTHER:
                connection.close()
                raise ConnectionRefusedError(111, "Connection refused")
            return connection
    site["/"] = b"picture"
    network = Half({"pictures.test": [OTHER, PUBLIC]}, site.port)
    assert Fetcher(LIMITS, network=network).get("http://pictures.test/") == b"picture"
    network = Half({"pictures.test": [OTHER]}, site.port)
    assert trouble(Fetcher(LIMITS, network=network), "http://pictures.test/") == (
        "pictures.test cannot be connected to: Connection refused")


# ---- limits ------------------------------------------------------------------------------------------

def test_too_many_bytes_are_refused_before_they_come_and_while_they_come(site, fetcher):
    site["/announced"] = bytes(100_001)
    site["/endless"] = flood
    with pytest.raises(TooLarge, match="is announced with 100,001 bytes; at most 100,000 are taken"):
        fetcher.get(site.url("/announced"))
    with pytest.raises(TooLarge, match="goes on after 100,000 bytes"):
        fetcher.get(site.url("/endless"))
    site["/just"] = bytes(100_000)
    assert len(fetcher.get(site.url("/just"))) == 100_000


def flood(asked: Asked) -> None:
    """Without a length, until nobody takes it any more."""
    asked.send(200, {})
    while True:
        asked.wfile.write(bytes(2**16))


PATIENT = 600  # seconds that a server takes; no test waits for them


def silent(asked: Asked) -> None:
    time.sleep(PATIENT)


def stalled(asked: Asked) -> None:
    asked.send(200, {"Content-Length": "1000"}, b"x" * 10)
    asked.wfile.flush()
    time.sleep(PATIENT)


def dripping_body(asked: Asked) -> None:
    asked.send(200, {"Content-Length": "100000"})
    for _ in range(20 * PATIENT):
        asked.wfile.write(b"x")
        asked.wfile.flush()
        time.sleep(0.05)


def dripping_headers(asked: Asked) -> None:
    asked.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for n in range(20 * PATIENT):
        asked.wfile.write(b"X-%d: x\r\n" % n)
        asked.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [silent, stalled, dripping_body, dripping_headers])
def test_a_server_that_takes_its_time_is_left(site, answer):
    site["/"] = answer
    began = time.monotonic()
    said = trouble(Fetcher(HURRIED, private=True), site.url("/"))
    assert said == "took too long: at most 0.3 s without a byte are waited, and 0.8 s in all"
    assert time.monotonic() - began < 30


def test_a_server_that_takes_connections_and_says_nothing_is_left():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        assert "took too long" in trouble(Fetcher(HURRIED, private=True), url)


def test_where_nobody_listens_that_is_said():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert trouble(Fetcher(LIMITS, private=True), f"http://127.0.0.1:{port}/") == (
        f"127.0.0.1:{port} cannot be connected to: Connection refused")


def lies(length: int):
    return lambda asked: asked.send(200, {"Content-Length": str(length)}, b"x" * 100)


def chunked(end: bytes):
    return lambda asked: asked.send(200, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n" + end)


def test_a_length_that_is_a_lie_is_found_out(site, fetcher):
    site["/more"], site["/less"] = lies(1000), lies(10)
    assert trouble(fetcher, site.url("/more")) == "broke off after 100 of 1,000 bytes"
    assert fetcher.get(site.url("/less")) == b"x" * 10
    site["/pieces"], site["/broken"] = chunked(b"0\r\n\r\n"), chunked(b"")
    assert fetcher.get(site.url("/pieces")) == b"hello"
    assert trouble(fetcher, site.url("/broken")) == "broke off before the end"


def test_an_answer_that_is_no_picture_is_named_by_its_status(site, fetcher):
    site["/gone"] = (410, {}, b"")
    site["/none"] = (204, {}, b"")
    site["/part"] = (206, {}, b"half")
    site["/nowhere"] = (302, {}, b"")
    site["/zip"] = (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")
    assert trouble(fetcher, site.url("/missing")) == "answered 404 Not Found"
    assert [trouble(fetcher, site.url(path)).split(maxsplit=2)[1] for path in ("/gone", "/none", "/part", "/nowhere")
            ] == ["410", "204", "206", "302"]
    assert trouble(fetcher, site.url("/zip")) == "answered in 'gzip', though asked not to compress"


@pytest.mark.parametrize(("answer", "said"), [
    (b"SSH-2.0-OpenSSH_9.2\r\n", "answered with what is not HTTP: BadStatusLine"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "not HTTP: HTTPException 'got more than 100 headers'"),
    (b"HTTP/1.1 404 \x1b[31mred\r\n\r\n", r"answered 404 \?\[31mred"),
    (b"", "broke off before the end"),
])
def test_what_is_not_http_or_means_mischief_is_told_in_plain_words(site, fetcher, answer, said):
    def raw(asked: Asked) -> None:
        asked.wfile.write(answer)
    site["/"] = raw
    with pytest.raises(Unfetched, match=said):
        fetcher.get(site.url("/"))


class Recorded(Network):
    """Every address answers with these bytes."""

    def __init__(self, answer: bytes):
        self.answer, self.ends = answer, contextlib.ExitStack()

    def connect(self, address, timeout):
        ours, theirs = socket.socketpair()
        self.ends.enter_context(theirs).sendall(self.answer)
        theirs.shutdown(socket.SHUT_WR)
        return ours


HEADERS = st.sampled_from(["Location", "Content-Length", "Transfer-Encoding", "Retry-After", "Content-Encoding", "X"])
VALUES = st.sampled_from(["chunked", "0", "-1", "99999999999999999999", "http://[::1", "Mon, 01 Jan 99999 00:00:00 GMT",
                          "Sun, 06 Nov 1994 08:49:37 +9999", "gzip", "http://127.0.0.1/"]) | st.text(max_size=20)


@settings(max_examples=150)
@given(status=st.sampled_from([200, 302, 404, 429, 503]) | st.integers(0, 9999),
       headers=st.lists(st.tuples(HEADERS, VALUES), max_size=4), body=st.binary(max_size=40),
       raw=st.binary(max_size=40))
def test_no_answer_whatever_is_more_than_a_trouble_with_its_url(status, headers, body, raw):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    for answer in (f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body, raw):
        network = Recorded(answer)
        fetcher = Fetcher(LIMITS, private=True, manners=Manners(tries=1), network=network, tls=TLS)
        with network.ends, contextlib.suppress(ServiceError):
            assert isinstance(fetcher.get("http://127.0.0.1/"), bytes)


# ---- politeness --------------------------------------------------------------------------------------

def first(status: int, headers: dict[str, str], times: int = 1):
    """An answer that is given so many times; after them comes the picture."""
    left = [True] * times

    def answer(asked: Asked) -> None:
        if left:
            left.pop()
            return asked.send(status, headers)
        asked.send(200, {"Content-Length": "7"}, b"picture")
    return answer


class Clock(threading.Event):
    """Tells how long was waited for it, and lets nobody wait."""

    waited = 0.0

    def wait(self, timeout=None):
        self.waited += timeout
        return self.is_set()


@pytest.mark.parametrize(("status", "headers", "waits"), [
    (429, {"Retry-After": "30"}, 30), (503, {}, 1), (429, {"Retry-After": "soon"}, 1), (503, {"Retry-After": "0"}, 0)])
def test_a_busy_host_gets_the_patience_it_asks_for(site, status, headers, waits):
    site["/"] = first(status, headers)
    clock = Clock()
    assert Fetcher(LIMITS, private=True, stop=clock).get(site.url("/")) == b"picture"
    assert math.ceil(clock.waited) == waits


def test_patience_until_a_date_is_understood(site, fetcher):
    site["/"] = first(429, {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)})
    assert fetcher.get(site.url("/")) == b"picture"


def test_a_host_that_asks_for_too_much_patience_is_left_alone_with_all_its_urls(site, fetcher):
    site["/"] = first(429, {"Retry-After": "3600"})
    assert "asks to be left alone for another 3,600 s; at most 2 s are waited" in trouble(fetcher, site.url("/"))
    assert "3,600 s" in trouble(fetcher, site.url("/other"))
    assert site.paths == ["/"]


def test_a_host_that_stays_busy_is_given_up(site, fetcher):
    site["/"] = first(503, {"Retry-After": "0"}, times=9)
    assert trouble(fetcher, site.url("/")) == (
        "answered 503 Service Unavailable 3 times; run the same command again later")
    assert len(site.asked) == 3


def test_a_host_that_fails_time_and_again_is_left_alone_until_the_next_run(site):
    class Failing(Switchboard):
        down = True

        def connect(self, address, timeout):
            if self.down:
                raise ConnectionRefusedError(111, "Connection refused")
            return super().connect(address, timeout)

    network = Failing({"pictures.test": [PUBLIC]}, site.port)
    site["/busy"] = first(503, {"Retry-After": "0"}, times=9)
    fetcher = Fetcher(LIMITS, network=network)
    for down, path in [(True, "/")] * 4 + [(False, "/missing")] + [(True, "/")] * 4 + [(False, "/busy")]:
        network.down = down  # a 404 in between is an answer
        assert "left alone" not in trouble(fetcher, f"http://pictures.test{path}")
    asked = len(site.asked)
    assert trouble(fetcher, "http://pictures.test/missing") == (
        "pictures.test has failed 5 times in a row and is left alone: run the same command again later")
    assert len(site.asked) == asked
    assert trouble(Fetcher(LIMITS, network=network), "http://pictures.test/missing") == "answered 404 Not Found"


def test_no_more_than_two_connections_go_to_one_host(site, fetcher):
    def slow(asked: Asked) -> None:
        time.sleep(0.05)
        asked.send(200, {"Content-Length": "1"}, b"x")
    site["/"] = slow
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fetcher.get, [site.url("/")] * 8)) == [b"x"] * 8
    assert site.most == 2


def test_a_stop_ends_waiting_and_reading(site):
    stop = threading.Event()
    fetcher = Fetcher(Limits(100_000, silence_s=5, whole_s=20), private=True, stop=stop)
    site["/busy"], site["/slow"] = first(429, {"Retry-After": "30"}), dripping_body
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        for waiting in [pool.submit(fetcher.get, site.url(path)) for path in ("/busy", "/slow")]:
            with pytest.raises(Stopped):
                waiting.result()
    assert time.monotonic() - began < 15


# ---- TLS ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Of pictures.test, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", path, "-out", path.with_name("cert.pem"), "-days", "2", "-subj", "/CN=pictures.test",
                    "-addext", "subjectAltName=DNS:pictures.test"], check=True, capture_output=True)
    with open(path, "ab") as both:
        both.write(path.with_name("cert.pem").read_bytes())
    return path


@pytest.fixture
def sealed(certificate: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked_for: list[str] = []
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with serving(context) as site:
        site["/"] = b"sealed"
        yield site, asked_for


def test_the_certificate_is_the_hosts_whatever_its_address(sealed, certificate):
    site, asked_for = sealed
    network = Switchboard({"pictures.test": [PUBLIC], "else.test": [PUBLIC]}, site.port)
    trusting = Fetcher(LIMITS, network=network, tls=ssl.create_default_context(cafile=str(certificate)))
    assert trusting.get("https://pictures.test/") == b"sealed"
    assert (asked_for, site.asked[0].headers["Host"]) == (["pictures.test"], "pictures.test")
    assert "else.test cannot be connected to: Hostname mismatch" in trouble(trusting, "https://else.test/")
    assert "self" in trouble(Fetcher(LIMITS, network=network), "https://pictures.test/")
    assert len(site.asked) == 1


def test_a_site_that_does_not_speak_tls_is_named(site, fetcher):
    assert "cannot be connected to" in trouble(fetcher, site.url("/").replace("http:", "https:"))
