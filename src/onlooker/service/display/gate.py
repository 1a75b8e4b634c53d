"""Who may see the screen's own pages: whoever sits at this machine, and who has a key."""

import base64
import binascii
import ipaddress
from datetime import UTC, datetime

from starlette.requests import Request

from onlooker.service.problems import Problem
from onlooker.service.security import KeyFile

_ASK = {"WWW-Authenticate": 'Basic realm="onlooker display", charset="UTF-8"'}
_HERE = ("localhost", "127.0.0.1", "[::1]")


class Gate:
    """Lets in this machine, unless keys are ``required`` of everybody, and from elsewhere whoever has a key."""

    def __init__(self, keys: KeyFile, *, required: bool) -> None:
        self._keys, self._required = keys, required

    def admit(self, request: Request) -> None:
        """Raises ``Problem`` where the request may not be answered."""
        same_page(request)
        if self._here(request) and not self._required:
            return
        given = _given(request)
        if given is not None and self._keys.find(given, datetime.now(UTC)) is not None:
            return
        if self._required or self._keys.keys():
            raise Problem("unauthorized", "give a key as the password, with any name", headers=_ASK)
        raise Problem(
            "forbidden",
            "this page is for http://localhost on the screen's own machine; make a key with `onlooker keys add NAME` "
            "to open it from elsewhere",
        )

    def _here(self, request: Request) -> bool:
        """Whether it comes from this machine, by a name that only it has: a foreign name may lead here too."""
        host = request.headers.get("host", "")
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        client = request.client.host if request.client else ""
        try:
            return name in _HERE and ipaddress.ip_address(client).is_loopback
        except ValueError:
            return False


def same_page(request: Request) -> None:
    """Refuse what another website has a browser send here."""
    site = request.headers.get("sec-fetch-site", "none")
    navigates = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    if site not in ("same-origin", "none") and not navigates:
        raise Problem("forbidden", "another website may not ask for this")


def _given(request: Request) -> str | None:
    if key := request.headers.get("x-api-key"):
        return key
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
