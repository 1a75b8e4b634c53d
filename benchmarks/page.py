"""From drop to answer, in a real browser.

``python benchmarks/page.py`` starts a server and Debian's Chromium, drops a photograph of about a megabyte with three
faces on the page, some times over, and prints the milliseconds until its answer is painted, with the parts of it. The
photograph is a wall with three of the sample portraits and the grain of a camera.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

SAMPLES = Path(__file__).parent.parent / "samples"
TIMES = 8

# The moment of the drop is taken as the page is given it; the answer's, once the frame that shows it is painted.
DROP = """
const [name, text, done] = arguments;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
performance.clearResourceTimings();
const begun = performance.now();
const seen = new MutationObserver(() => {
  const card = document.querySelector("#cards article");
  if (!card || !["done", "failed"].includes(card.dataset.state)) return;
  seen.disconnect();
  requestAnimationFrame(() => setTimeout(() => {
    const resources = performance.getEntriesByType("resource").map((entry) => ({
      path: new URL(entry.name).pathname, begun: entry.startTime - begun, took: entry.duration }));
    done({ state: card.dataset.state, took: performance.now() - begun, resources });
  }));
});
seen.observe(document.querySelector("#cards"), { subtree: true, childList: true, attributes: true });
document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""


def photograph() -> bytes:
    """2048 x 1365, three faces, about a megabyte."""
    wall = Image.new("RGB", (2048, 1365), (196, 188, 176))
    for x, y, side, name in ((150, 300, 520, "eileen_collins.png"), (800, 380, 430, "grace_hopper.jpg")):
        with Image.open(SAMPLES / name) as image:
            wall.paste(image.convert("RGB").resize((side, side * image.height // image.width)), (x, y))
    with Image.open(SAMPLES / "eileen_collins.png") as image:
        wall.paste(image.convert("RGB").resize((420, 420)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), (1420, 420))
    grain = np.random.default_rng(0).normal(0, 7, (1365, 2048, 1))
    pixels = np.clip(np.asarray(wall) + grain, 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def browser() -> webdriver.Chrome:
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1440,900"):
        options.add_argument(f"--{argument}")
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def parts(page: webdriver.Chrome, found: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of each part; what is left is the page's own work and the network between."""
    took = {resource["path"]: resource for resource in found["resources"]}
    events = next(path for path in took if path.endswith("/events"))
    fetch = "const done = arguments[1]; fetch(arguments[0]).then((answer) => answer.json()).then(done);"
    timings = page.execute_async_script(fetch, events.removesuffix("/events"))["timings"]
    upload = took["/v1/uploads"]["took"] + took["/v1/store"]["took"]
    steps = {name: 1000 * timings[name] for name in ("decode", "detect", "estimate")}
    # The queue's seconds begin when the form is made, so the upload is part of them.
    queue = max(0.0, 1000 * timings["queue"] - took["/v1/store"]["took"])
    known = {"upload": upload, "queue": queue, **steps}
    return {"all": found["took"], **known, "page": found["took"] - sum(known.values())}


def main() -> None:
    data = photograph()
    with tempfile.TemporaryDirectory() as name:
        environment = {
            **os.environ,
            "ONLOOKER_PORT": "0",
            "ONLOOKER_STORE": (Path(name) / "pictures").as_uri(),
            "ONLOOKER_QUEUE": f"sqlite://{name}/tasks.sqlite",
            "ONLOOKER_LOG": "error",
        }
        command = [sys.executable, "-m", "onlooker.cli.main", "serve"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as server:
            assert server.stdout is not None
            page = browser()
            try:
                page.set_script_timeout(60)
                url = server.stdout.readline().split()[-4].replace("localhost", "127.0.0.1")
                found = []
                for n in range(TIMES):
                    page.get(url)
                    WebDriverWait(page, 30).until(lambda page: page.find_elements("css selector", ".sample img"))
                    one = page.execute_async_script(DROP, f"photograph-{n}.jpg", _base64(data))
                    assert one["state"] == "done", one
                    found.append(parts(page, one))
                    print({part: round(ms) for part, ms in found[-1].items()}, file=sys.stderr)
            finally:
                page.quit()
                server.terminate()
    median = {part: round(statistics.median(each[part] for each in found)) for part in found[0]}
    report = {"megabytes": round(len(data) / 1e6, 2), "times": TIMES, "median ms": median}
    print(json.dumps({**report, "first ms": round(found[0]["all"]), "slowest ms": round(max(f["all"] for f in found))}))


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


if __name__ == "__main__":
    main()
