"""Where a request comes from: its address, and whether it came encrypted. A proxy is believed only where it is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from service.security import LOOPBACK, host_name

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
MOST_HOPS = 20


@dataclass(frozen=True)
class Origin:
    """Where a request comes from."""

    address: str
    secure: bool  # encrypted between the browser and us, or the proxy in front
    here: bool  # from a browser on this machine, by its address and the name it asked for


class Proxies:
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto count."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(t, strict=False) for t in trusted]

    def origin(self, request: HTTPConnection) -> Origin:
        """Return where a request comes from."""
        peer = _address(request.client.host if request.client else "")
        secure = request.url.scheme == "https"
        if peer is None or not self._trusts(peer):
            forwarded = any(name in request.headers for name in FORWARDED)
            here = peer is not None and peer.is_loopback and not forwarded
            named_here = host_name(request.headers.get("host", "")) in LOOPBACK
            return Origin(str(peer or ""), secure, here and named_here)
        # The proxy nearest to us wrote last; what stands left of the first stranger may be anybody's invention.
        sent = ",".join(request.headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
        hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        seen = peer
        for hop in reversed(hops[-MOST_HOPS:]):
            address = _address(hop.strip())
            if address is None:
                break
            seen = address
            if not self._trusts(address):
                break
        return Origin(str(seen), secure or sent == "https", here=False)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed
