"""A worker process that does what a picture's bytes say: its part in the tests of the pool."""

import os
import signal
import sys
import threading
import time
from typing import Any

from onlooker.jobs.process import frame, read_frame

lock = threading.Lock()


def say(line: dict[str, Any]) -> None:
    with lock:
        sys.stdout.buffer.write(frame(line))
        sys.stdout.buffer.flush()


def one(line: dict[str, Any], data: bytes) -> None:
    what = data.decode()
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("sleep "):
        time.sleep(float(what[6:]))
    if what == "task":
        say({"task": True, "faces": 2, "unreadable": False, "timings": {"detect": 0.5}})
    if what == "fault":
        say({"id": line["id"], "fault": True})
        return
    analysis = {"source": line["name"], "width": 1, "height": 1, "found": 0, "faces": [], "error": None}
    say({"id": line["id"], "analysis": {**analysis, "pid": os.getpid()}, "timings": {"queue": 0.0, "detect": 0.01}})


if sys.argv[1] == "broken":
    say({"error": "the model is missing", "code": 3})
else:
    say({"ready": True, "model": "scripted", "pid": os.getpid()})
    while (found := read_frame(sys.stdin.buffer)) is not None:
        threading.Thread(target=one, args=found).start()
