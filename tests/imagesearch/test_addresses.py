import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesearch.addresses import Network, Refused, Target, reach


@pytest.mark.parametrize(("url", "said"), [
    ("ftp://example.com/a.jpg", "only http and https are fetched, not 'ftp'"),
    ("file:///etc/passwd", "not 'file'"),
    ("javascript:alert(1)", "not 'javascript'"),
    ("a dog runs", "would begin with http://"),
    ("http:///a.jpg", "names no host"),
    ("http://user:secret@example.com/", "before the @"),
    ("http://127.0.0.1@example.com/", "before the @"),
    ("http://exa mple.com/", "no host's name"),
    ("http://example.com\\.evil.org/", "no host's name"),
    ("http://%31%32%37.0.0.1/", "no host's name"),
    ("http://a..b/", "no host's name"),
    ("http://[::1", "this is no URL"),
    ("http://[fe80::1%25eth0]/", "names a network interface"),
    ("http://example.com:0/", "port 0 is not asked"),
    ("http://example.com:25/", "port 25 is not asked"),
    ("http://example.com:99999/", "this is no URL"),
    ("http://example.com/\r\nHost: other", "control character"),
    ("http://example.com/" + "x" * 2000, "2,019 bytes; at most 2,000"),
])
def test_a_url_that_is_none_or_means_something_else_is_refused(url, said):
    with pytest.raises(Refused, match=said):
        Target.of(url)


@pytest.mark.parametrize(("url", "same"), [
    ("HTTP://Example.COM:80", "http://example.com/"),
    ("https://example.com:443/a b.jpg?q=ä#part", "https://example.com/a%20b.jpg?q=%C3%A4"),
    ("http://example.com./a%20b.jpg", "http://example.com/a%20b.jpg"),
    ("http://bücher.example:8080/x", "http://xn--bcher-kva.example:8080/x"),
    ("http://[2001:0DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
    ("https://example.com/'\"<>", "https://example.com/'%22%3C%3E"),
])
def test_a_url_has_one_form(url, same):
    assert Target.of(url).url == same


@given(st.text() | st.builds("http://{}/{}".format, st.text(), st.text()))
def test_any_text_is_a_url_or_refused_and_its_form_is_stable(text):
    with contextlib.suppress(Refused):
        target = Target.of(text)
        assert Target.of(target.url) == target
        assert target.url.isascii()


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946",
                                     "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_public(address):
    assert reach(address) == "public"


@pytest.mark.parametrize("address", [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1",
    "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:101::"])
def test_ones_own_addresses_are_seen_in_every_dress(address):
    assert reach(address) == "own"


@pytest.mark.parametrize("address", [
    "0.0.0.0", "169.254.169.254", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.8",
    "168.63.129.16", "192.0.2.1", "198.18.0.1", "203.0.113.5", "::", "::127.0.0.1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "2001:db8::1", "100::1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe",
    "2001:0:1:2::", "4000::1"])
def test_addresses_for_special_uses_are_never_asked(address):
    assert reach(address) == "never"


@pytest.mark.parametrize("host", ["0x7f000001", "0177.0.0.1", "2130706433", "127.1", "127.0.0.1", "localhost"])
def test_whatever_the_system_takes_for_this_machine_is_judged_by_what_it_connects_to(host):
    assert {reach(address.ip) for address in Network().resolve(Target.of(f"http://{host}/").host, 80)} == {"own"}
