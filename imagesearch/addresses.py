"""Which URLs and addresses may be asked: those of the public internet, or of one's own network where that is wanted."""
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import quote, urlsplit

from imagesearch.errors import ServiceError

LONGEST_URL = 2000  # bytes; Openverse's are at most 1,000 characters, PostgreSQL's index takes 2,700 bytes
PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024  # below it, other protocols listen that may take a request for theirs (25: mail)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?")
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # in a path or a query, beside letters and digits; `%` begins what is quoted already


class Refused(ServiceError):
    """A URL or an address that is not asked at all."""


# ---- URLs --------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Target:
    """The parts of a URL that matter, each in a form that only one reading has."""

    scheme: str
    host: str  # a name in ASCII, lower case, or an IP address without brackets
    port: int
    path: str  # with the query

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises Refused, saying what is wrong."""
        if (length := len(url.encode("utf-8", "surrogatepass"))) > LONGEST_URL:
            raise Refused(f"the URL has {length:,} bytes; at most {LONGEST_URL:,} are taken")
        if any(ord(c) < 32 or ord(c) == 127 for c in url):  # urlsplit would leave some of them out
            raise Refused("the URL holds a control character")
        try:
            parts = urlsplit(url.strip())
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError as error:
            raise Refused(f"this is no URL: {error}") from error
        if scheme not in PORTS:
            raise Refused(f"only http and https are fetched, not {scheme[:20]!r}" if scheme else
                          "this is no URL; it would begin with http:// or https://")
        if "@" in parts.netloc:
            raise Refused("a name or password in a URL is not taken; remove what stands before the @")
        path = quote(parts.path or "/", _SAFE) + (f"?{quote(parts.query, _SAFE)}" if parts.query else "")
        return cls(scheme, _host(host or ""), _port(scheme, port), path)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


def _host(host: str) -> str:
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError as error:
            raise Refused(f"{host[:100]!r} is no IPv6 address") from error
        if address.scope_id:
            raise Refused(f"{host[:100]!r} names a network interface; only addresses that are the same everywhere "
                          "are asked")
        return str(address)
    try:
        name = host.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise Refused(f"{host[:100]!r} is no host's name") from error
    if not _HOST.fullmatch(name):
        raise Refused(f"{host[:100]!r} is no host's name" if host else "the URL names no host")
    return name


def _port(scheme: str, port: int | None) -> int:
    port = PORTS[scheme] if port is None else port
    if port not in PORTS.values() and port < FIRST_FREE_PORT:
        raise Refused(f"port {port} is not asked; 80, 443 and those from {FIRST_FREE_PORT:,} are")
    return port


# ---- addresses ---------------------------------------------------------------------------------------

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Reach = Literal["public", "own", "never"]
OWN = tuple(ipaddress.ip_network(net) for net in (  # this machine's and its owner's network's
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"))
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that is given out of IPv6 (IANA)
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)
NEVER = tuple(ipaddress.ip_network(net) for net in (  # which is_global lets through
    "192.0.0.0/24", "168.63.129.16/32"))  # IETF protocol assignments (RFC 6890); where Azure talks to its machines


def reach(address: str) -> Reach:
    """Whether an IP address is anyone's on the internet, in this machine's own network, or of neither kind:
    link-local (where clouds keep credentials), multicast, reserved, unspecified, documentation."""
    ip = _carried(ipaddress.ip_address(address.partition("%")[0]))
    if _in(ip, OWN):
        return "own"
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local or _in(ip, NEVER):
        return "never"
    if ip.version == 6 and ip not in GLOBAL_UNICAST:
        return "never"
    return "public" if ip.is_global else "never"


def _in(ip: IP, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(ip in network for network in networks)


def _carried(ip: IP) -> IP:
    """The IPv4 address that an IPv6 one stands for: mapped, NAT64, 6to4."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour or ip


def objection(host: str, addresses: Sequence[str], private: bool) -> str:
    """Why none of a host's addresses is asked, in words."""
    named = f"{host} is at {addresses[0]}, " if addresses and addresses[0] != host else f"{host} is "
    if not addresses:
        return f"{host} has no address"
    if reach(addresses[0]) == "own":
        return named + ("an address of a private network, to which a public server may not redirect" if private else
                        "an address of this machine or a private network; --allow-private fetches from there")
    return named + "an address for special uses (link-local, multicast, reserved), never asked"


class Address(NamedTuple):
    """As `getaddrinfo` gives it, to be connected to without another look-up."""

    family: int
    place: tuple[Any, ...]

    @property
    def ip(self) -> str:
        return str(self.place[0])


class Network:
    """The two things that are asked of the system."""

    def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Raises OSError. The time limit is the system's own (`resolv.conf`, `options timeout`)."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(Address(family, place) for family, _, _, _, place in found))

    def connect(self, address: Address, timeout: float) -> socket.socket:
        """Raises OSError."""
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(address.place)
        except BaseException:
            connection.close()
            raise
        return connection
