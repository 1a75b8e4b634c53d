"""A camera's process that sees what a file says, and writes down what it is told.

    python scripted_camera.py SCRIPT TASK

The file holds ``{"faces": [...], "do": "see" | "crash" | "freeze" | "lost" | "leak" | "nonsense"}``.
"""

import json
import os
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from onlooker.service.display.messages import Alive, Face, Known, Picture, Present, Source, Task, Wanted, packed

PIXEL = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300" + "01" * 64 + "ffc0000b080001000101011100ffc40014000100000000"
    "000000000000000000000009ffc40014100100000000000000000000000000000000ffda0008010100003f0037ffd9"
)
"""A JPEG."""


def bell(age: float, spread: float = 3.0) -> tuple[float, ...]:
    """Probabilities of the years 0 to 100 around an age."""
    weights = [2.718281828 ** (-0.5 * ((year - age) / spread) ** 2) for year in range(101)]
    return tuple(weight / sum(weights) for weight in weights)


def face(id: str, age: float | None, p_female: float = 0.5, x: float = 500.0, facing: bool = True) -> Face:  # noqa: A002
    """A face as the script describes it; without an age it was not read yet."""
    known = None
    if age is not None:
        gender: Any = "female" if p_female >= 0.8 else "male" if p_female <= 0.2 else None
        known = Known(bell(age), age, age - 5, age + 5, p_female, gender, 9)
    return Face(id, (x, 200.0, x + 120.0, 360.0), facing, True, 0.0, known)


def main() -> None:
    script, task = Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Task)
    told = script.with_suffix(".told")
    wanted = Wanted()

    def listen() -> None:
        nonlocal wanted
        while len(head := sys.stdin.buffer.read(4)) == 4:
            wanted = msgspec.json.decode(sys.stdin.buffer.read(struct.unpack("<I", head)[0]), type=Wanted)
            with told.open("a") as file:
                file.write(json.dumps(msgspec.to_builtins(wanted)) + "\n")
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()

    def say(data: bytes) -> None:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError:
            os._exit(0)

    begun, last = time.monotonic(), ""
    while True:
        at = time.monotonic() - begun
        try:
            scene = json.loads(script.read_text())
        except (OSError, ValueError):  # it is being written
            scene = {"faces": [], "do": last or "see"}
        do = scene.get("do", "see")
        if do == "crash":
            os._exit(9)
        if do == "freeze":
            time.sleep(3600)
        if do == "leak":
            say(struct.pack("<I", 30) + b'{"type":"present","vector":[]}')
        if do == "nonsense":
            say(struct.pack("<I", 2**31) + b"nonsense")
        if do == "lost" and last != "lost":
            say(packed(Source("lost", "camera 0: lost, nothing came for 3 seconds; it is opened again")))
        last = do
        say(packed(Alive()))
        if do == "see" and wanted.look:
            faces = [face(**each) for each in scene["faces"]]
            if not task.demographics:
                faces = [msgspec.structs.replace(each, known=None) for each in faces]
            say(packed(Present(round(at, 3), 1280, 720, 20.0, faces)))
            if wanted.show:
                say(packed(Picture(len(PIXEL)), PIXEL))
        time.sleep(0.05)


if __name__ == "__main__":
    main()
