"""Why a source cannot be opened, in a sentence that says what to do."""

import errno
from pathlib import Path

from onlooker.media.video import patience
from onlooker.media.video.address import Address


def reason(address: Address, error: Exception) -> str:
    """Why a source could not be opened, and what to do."""
    if address.kind == "camera":
        if isinstance(error, FileNotFoundError):
            there = ", ".join(sorted(p.name.removeprefix("video") for p in Path("/dev").glob("video[0-9]*")))
            return f"there is no such camera (cameras here: {there or 'none'}); plug one in, or name a video file"
        if isinstance(error, PermissionError):
            return "no permission to use it; add yourself to the group `video` and log in again"
        return f"cannot be opened ({said(error)}); another program may be using it"
    if address.kind == "url":
        if getattr(error, "errno", None) in _UNREACHED:
            return f"the host cannot be reached ({said(error).lower()}); check its address and the network"
        if isinstance(error, ConnectionRefusedError):
            return "nobody answers at this address (connection refused); check host and port, and that it is running"
        if type(error).__name__ in ("ExitError", "TimeoutError"):
            return f"no answer within {patience.OPEN_SECONDS:.0f} seconds; check the address and the network"
        if type(error).__name__ in ("HTTPUnauthorizedError", "HTTPForbiddenError"):
            return "refused; write user and password into the address: rtsp://user:password@host/path"
        if type(error).__name__ == "HTTPNotFoundError":
            return "there is no such stream on that server (404); check the path"
        if type(error).__name__ == "ProtocolNotFoundError":
            return "no such protocol; write rtsp://, http:// or https://"
        return f"cannot be opened ({said(error)}); check the host's name and the path"
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path (a camera is named by its number, 0 for the first)"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a video; name one file"
    if isinstance(error, PermissionError):
        return "no permission to read the file; change its rights or run as its owner"
    if type(error).__name__ == "DecoderNotFoundError":
        return "no decoder here knows its codec; convert it to H.264"
    return "not a video in a known format, or damaged; convert it to H.264 in MP4"


def said(error: Exception) -> str:
    """What FFmpeg, or the system, calls an error."""
    return getattr(error, "strerror", None) or str(error).split(":", maxsplit=1)[0] or type(error).__name__


_NOT_YET = ("ConnectionRefusedError", "ExitError", "TimeoutError", "HTTPServerError")
_UNREACHED = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ECONNRESET)


def may_answer_later(address: Address, error: Exception) -> bool:
    """Whether nobody answers at an address just now: a camera may still be starting, or its network be down. What it
    refuses, or does not know, it will refuse again."""
    if address.kind != "url":
        return False
    return type(error).__name__ in _NOT_YET or getattr(error, "errno", None) in _UNREACHED
