"""Runs a screen's server on a scripted camera, or on a real source, whose processes then say what they have open:
CAMPAIGN SCRIPT PORT SOURCE."""

import sys
from pathlib import Path

from onlooker.service.display.server import run
from onlooker.settings import load
from tests.service.display.open_files import tell

campaign, script, port, source = sys.argv[1:]
settings = load(None, {"serve": {"port": int(port)}})
scripted = (sys.executable, str(Path(__file__).with_name("scripted_camera.py")), script)
opened = Path(script).with_name("open")
real = (sys.executable, str(Path(__file__).with_name("open_files.py")), str(opened))
if source != "scripted":
    tell(opened)
command = scripted if source == "scripted" else real
run(settings, Path(campaign), source, lambda url: print(url, flush=True), loop=True, command=command)  # noqa: T201
