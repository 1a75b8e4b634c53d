"""Runs a screen's server on a scripted camera, or on a real source: CAMPAIGN SCRIPT PORT SOURCE."""

import sys
from pathlib import Path

from onlooker.service.display.keeper import COMMAND
from onlooker.service.display.server import run
from onlooker.settings import load

campaign, script, port, source = sys.argv[1:]
settings = load(None, {"serve": {"port": int(port)}})
scripted = (sys.executable, str(Path(__file__).with_name("scripted_camera.py")), script)
command = scripted if source == "scripted" else COMMAND
run(settings, Path(campaign), source, lambda url: print(url, flush=True), loop=True, command=command)  # noqa: T201
