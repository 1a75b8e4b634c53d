"""Video out: the one place that stores moving pictures, and only where someone asked for it."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from onlooker.core.errors import InputError

_TICKS = 1000
"""Ticks a second of the file's clock; some codecs (MPEG-4 in AVI) take no more than 65,535."""


class Recorder:
    """Writes frames to a new video file (its ending says the form: .mp4, .mkv, .webm ...), each at its own time. Used
    by ``with``; the file is whole when it is left, and frames of another size than the first are fitted to it. Without
    a frame there is no file.

    Raises ``InputError`` where there is a file of that name already, and where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            import av
        except ModuleNotFoundError:
            raise InputError(
                "recording needs the extra [video]: install it with `pip install 'onlooker[video]'`"
            ) from None
        self._av: Any = av
        self._path = path
        try:
            self._container: Any = av.open(str(path), "w")
            path.open("xb").close()  # FFmpeg would open it, and fail, with the first frame only
        except FileExistsError:
            raise InputError(f"{path}: is there already, and is not written over; name a new file") from None
        except (av.error.FFmpegError, ValueError, OSError) as error:
            said = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: cannot be written ({said}); name a file that ends in .mp4 or .mkv") from None
        self._stream: Any = None
        self._last = -1

    def __enter__(self) -> "Recorder":
        return self

    def add(self, image: Image.Image, at: float) -> None:
        """Append a picture that is seen from ``at`` on, in seconds; one that is no later than the last is left out."""
        ticks = round(at * _TICKS)
        if ticks <= self._last:
            return
        self._last = ticks
        try:
            if self._stream is None:
                self._stream = self._begin(image.size)
            fitted = image.resize((self._stream.width, self._stream.height)) if self._other(image) else image
            frame = self._av.VideoFrame.from_ndarray(np.asarray(fitted), format="rgb24")
            frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(frame))
        except self._av.error.FFmpegError as error:
            raise InputError(f"{self._path}: cannot be written further ({error.strerror}); is the disk full?") from None

    def _other(self, image: Image.Image) -> bool:
        return image.size != (self._stream.width, self._stream.height)

    def _begin(self, size: tuple[int, int]) -> Any:
        """The stream, in the codec that the file's form likes best, of even sides as most codecs want."""
        codec = self._container.default_video_codec
        stream = self._container.add_stream(codec, rate=30)
        stream.width, stream.height = size[0] // 2 * 2, size[1] // 2 * 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        if codec == "h264":
            stream.options = {"preset": "veryfast", "crf": "23"}
        return stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None:
                # What went wrong before has been said; what comes of it here has not to be said again.
                with suppress(self._av.error.EOFError if error is None else self._av.error.FFmpegError):
                    self._container.mux(self._stream.encode())
        finally:
            self._container.close()
            if self._stream is None:
                self._path.unlink(missing_ok=True)
