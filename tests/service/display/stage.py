"""A campaign of plain colours, a camera that sees what a test says, and a screen's server on a port."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from onlooker.media.record import Recorder

HERE = Path(__file__).parent

COLOURS = {
    "default": (214, 214, 40),
    "red": (230, 30, 30),
    "green": (20, 200, 60),
    "young": (30, 70, 240),
    "old": (200, 30, 220),
    "cider": (240, 140, 20),
    "page": (20, 210, 220),
}
"""What each advert looks like; none is dark, white or like the slate below."""

CAMPAIGN = """
[[advert]]
id = "default"
file = "default.svg"
duration = {slot}
default = true

[[advert]]
id = "red"
file = "red.svg"
duration = {slot}
general = true

[[advert]]
id = "green"
file = "green.html"
duration = {slot}
general = true

[[advert]]
id = "young"
file = "young.mp4"
duration = {slot}
targeting = {{ age = [18, 40] }}

[[advert]]
id = "old"
file = "old.svg"
duration = {slot}
targeting = {{ age = [60, 69] }}

[[advert]]
id = "cider"
file = "cider.svg"
duration = 60
targeting = {{ age = [70, 100] }}
restricted = true

[[advert]]
id = "page"
file = "page.html"
duration = {slot}
targeting = {{ age = [41, 59] }}
{more}
"""

BROKEN = """
[[advert]]
id = "broken"
file = "broken.png"
duration = 2
general = true
"""


def campaign(folder: Path, more: str = "", slot: float = 2.0) -> Path:
    """A campaign file and its adverts, ``slot`` seconds each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rgb in COLOURS.items():
        colour = "#{:02x}{:02x}{:02x}".format(*rgb)
        whole = f'<path fill="{colour}" d="M0 0h1600v900H0z"/>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900">{whole}</svg>'
        (folder / f"{name}.svg").write_text(svg)
        page = f"<!doctype html><title>{name}</title><style>html {{ background: {colour} }}</style>"
        (folder / f"{name}.html").write_text(
            f'{page}<script>document.title = window.origin</script><link rel="stylesheet" href="beside.css">'
        )
    video(folder / "young.mp4", COLOURS["young"], slot)
    (folder / "beside.css").write_text("body { margin: 0 }")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is none")
    file = folder / "colours.toml"
    file.write_text(CAMPAIGN.format(more=more, slot=slot))
    return file


def video(path: Path, rgb: tuple[int, int, int], seconds: float) -> None:
    """A film of one colour."""
    path.unlink(missing_ok=True)
    with Recorder(path) as recorder:
        for number in range(round(seconds * 10) + 1):
            recorder.add(Image.new("RGB", (320, 180), rgb), number / 10)


@dataclass(slots=True)
class Camera:
    """What the scripted camera sees, and what it was told."""

    script: Path

    def sees(self, *faces: Mapping[str, Any], do: str = "see") -> None:
        aside = self.script.with_suffix(".aside")
        aside.write_text(json.dumps({"faces": list(faces), "do": do}))
        aside.replace(self.script)

    def told(self) -> list[dict[str, bool]]:
        path = self.script.with_suffix(".told")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass(slots=True)
class Server:
    """A screen's server in a process of its own; it may be killed and started again on its port."""

    folder: Path
    camera: Camera
    port: int
    environment: dict[str, str]
    campaign: Path
    source: str = "scripted"
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def start(self) -> "Server":
        arguments = [str(self.campaign), str(self.camera.script), str(self.port), self.source]
        with (self.folder / "server.log").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "run_display.py"), *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.environment,
                cwd=self.folder,
                encoding="utf-8",
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert re.search(r"http://\S+", line), self.log
        return self

    def stop(self, how: int = signal.SIGINT) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
        return code


def make_server(
    folder: Path, *, more: str = "", slot: float = 2.0, source: str = "scripted", **settings: str
) -> Server:
    """A server, not started yet, with its data in ``folder``; ``settings`` are keys of ``[display]``."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("ONLOOKER_")}
    own = {f"ONLOOKER_DISPLAY_{name}".upper(): value for name, value in settings.items()}
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    own |= {"XDG_DATA_HOME": str(folder / "data"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(HERE.parents[2])}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    camera = Camera(folder / "script.json")
    camera.sees()
    return Server(folder, camera, port, {**known, **own}, campaign(folder / "campaign", more, slot), source)
