"""Where webhooks may be sent: what an address must look like, and which of a host's addresses are public. Pure.

The guard against server-side request forgery (OWASP, "Server-Side Request Forgery Prevention"): what a name resolves to
is judged, not the name, and the connection goes to the address that was judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

MOST_URL_CHARACTERS: Final = 500
LOWEST_OTHER_PORT: Final = 1024
DEFAULT_PORTS: Final = {"https": 443, "http": 80}
HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?", re.ASCII)
VISIBLE_ASCII: Final = re.compile(r"[!-~]+", re.ASCII)
# Not public whatever the registries say: wrapped IPv4 (mapped, NAT64, 6to4, Teredo), and a cloud's metadata server.
REFUSED_NETWORKS: Final = tuple(
    ip_network(text)
    for text in (
        "::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "100.64.0.0/10",
        "168.63.129.16/32",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes: scheme, host as it stands in the address, port, and the path with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return what the header Host says (RFC 9110, section 7.2)."""
        named = f"[{self.host}]" if ":" in self.host else self.host
        return named if self.port == DEFAULT_PORTS[self.scheme] else f"{named}:{self.port}"


def read_target(*, url: str, allow_http: bool, allow_private: bool) -> Target:
    """Return where an address leads. Raises ValueError, in words, where webhooks may not go there.

    A name is not resolved here: which addresses it has is judged when it is called.
    """
    if not VISIBLE_ASCII.fullmatch(url) or len(url) > MOST_URL_CHARACTERS or "\\" in url:
        raise ValueError(f"An address is at most {MOST_URL_CHARACTERS} visible ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("This is no address.") from None
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise ValueError("The address begins with https://.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("An address holds no login; the signature says who sends.")
    if parts.fragment or "#" in url:
        raise ValueError("An address of a webhook has no fragment.")
    host = (parts.hostname or "").lower()
    literal = read_address(host)
    if literal is None and not HOST.fullmatch(host):
        raise ValueError("The address names no host.")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    if not allow_private:
        if port != DEFAULT_PORTS[parts.scheme] and port < LOWEST_OTHER_PORT:
            raise ValueError(f"The port is {DEFAULT_PORTS[parts.scheme]}, or at least {LOWEST_OTHER_PORT}.")
        if (literal is not None and not is_public(literal)) or host.rstrip(".").endswith("localhost"):
            raise ValueError("The address is not a public one.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=parts.scheme, host=host, port=port, path=path)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a text is, None where it is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is one of the public internet's hosts (IANA's special-purpose registries).

    Private, loopback, link-local (and with it the metadata of clouds), carrier-grade NAT, multicast, unspecified and
    reserved ones are not; nor are IPv6 addresses that wrap an IPv4 one, whatever that is.
    """
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address) and (address.is_site_local or address.scope_id):
        return False
    return not any(address.version == network.version and address in network for network in REFUSED_NETWORKS)
