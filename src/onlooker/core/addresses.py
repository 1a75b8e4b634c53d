"""Addresses as they may be shown and logged."""

import re

_IN_PATH = re.compile(r"((?:pass|pwd)\w*=).*", re.IGNORECASE)


def shown(address: str) -> str:
    """An address (``rtsp://...``) without what may be a password in it; anything else as it is.

    Left out are all before the last @, since a password may itself hold an @ or a /, the query, and what follows a
    ``password=`` within the path, as some cameras have it.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    _, at, place = rest.rpartition("@")
    path, query, _ = place.partition("?")
    path = _IN_PATH.sub(r"\1***", path)
    return f"{scheme}://{'***@' if at else ''}{path}{'?***' if query else ''}"
