"""Opening a source: FFmpeg does, by PyAV."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onlooker.core.errors import InputError
from onlooker.media.video import patience
from onlooker.media.video.address import Address
from onlooker.media.video.reasons import may_answer_later, reason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_FILES = "file"
_NETWORK = "file,crypto,data,tcp,udp,tls,rtp,rtsp,rtmp,http,https,httpproxy,srt"


class NoAnswer(InputError):
    """Nobody answers at an address, for now."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is open, until its container is closed. Its pixels are ``pixel_aspect`` times as wide as high."""

    address: Address
    container: "InputContainer"
    stream: "VideoStream"
    pixel_aspect: float = 1.0


def open_source(address: Address) -> Opened:
    """The source, opened, and its video stream. Raises ``InputError`` where there is none, ``NoAnswer`` where nobody
    answers for now."""
    try:
        import av
    except ModuleNotFoundError:
        raise InputError(
            "video needs the extra [video]: install it with `pip install 'onlooker[video]'`, or analyze pictures"
        ) from None
    container = None
    try:
        container = _camera(av, address) if address.kind == "camera" else _stream(av, address)
        if not container.streams.video:
            raise InputError(f"{address.shown}: holds no video, only sound or text; name another source")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO" if address.kind == "file" else "SLICE"  # frame threads hold frames back
        if not stream.codec_context.width:
            raise InputError(f"{address.shown}: its video ({stream.codec_context.name}) cannot be decoded; convert it")
    except InputError:
        if container is not None:
            container.close()
        raise
    except Exception as error:  # FFmpeg's errors share no base but Exception with PyAV's own
        if container is not None:
            container.close()
        kind = NoAnswer if may_answer_later(address, error) else InputError
        raise kind(f"{address.shown}: {reason(address, error)}") from None
    return Opened(address, container, stream, float(stream.sample_aspect_ratio or 1))


def _stream(av: Any, address: Address) -> "InputContainer":
    remote = address.kind == "url"
    options = {"protocol_whitelist": _NETWORK if remote else _FILES}
    if address.value.lower().startswith("rtsp"):
        options |= {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay"}
    timeout = (patience.OPEN_SECONDS, patience.SILENT_SECONDS) if remote else None
    opened: InputContainer = av.open(address.value, options=options, timeout=timeout)
    return opened


def _camera(av: Any, address: Address) -> "InputContainer":
    """A camera by its number: at 720p and 30 frames a second where it can, as motion JPEG where it must (USB is slow),
    else as it likes."""
    driver, name = _device(av, int(address.value))
    wanted = {"video_size": "1280x720", "framerate": "30"}
    motion_jpeg = [{**wanted, "input_format": "mjpeg"}] if driver == "v4l2" else []
    for options in [*motion_jpeg, wanted]:
        try:
            opened: InputContainer = av.open(
                name, format=driver, options=options, timeout=(patience.OPEN_SECONDS, patience.SILENT_SECONDS)
            )
        except (FileNotFoundError, PermissionError):
            raise
        except (ValueError, OSError):
            continue  # it has no such size or form
        return opened
    opened = av.open(name, format=driver, timeout=(patience.OPEN_SECONDS, patience.SILENT_SECONDS))
    return opened  # noqa: RET504 (mypy is told its type above)


def _device(av: Any, number: int) -> tuple[str, str]:
    """FFmpeg's driver for cameras on this platform, and what it calls a camera."""
    platform: str = sys.platform  # else mypy checks one of them alone
    if platform.startswith("linux"):
        return "v4l2", f"/dev/video{number}"
    if platform == "darwin":
        return "avfoundation", f"{number}:none"
    cameras = [d for d in av.enumerate_input_devices("dshow") if "video" in str(d.media_types).lower()]
    if number >= len(cameras):
        raise InputError(f"camera {number}: there are {len(cameras)} cameras here, counted from 0")
    return "dshow", f"video={cameras[number].name}"
