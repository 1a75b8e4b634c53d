"""How soon does the server answer, and what does it hold when nothing is to do?

``python benchmarks/start.py`` starts ``onlooker serve``, sends the sample pictures until one is answered, sends a dozen
more, lets it rest, and prints the seconds and the memory (resident, and each process's share of what several hold).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

SAMPLES = Path(__file__).parent.parent / "samples"
REST = 5.0


def ask(url: str, data: bytes) -> None:
    with urlopen(Request(f"{url}/v1/analyze", data, {"Content-Type": "image/jpeg"})) as answer:
        assert len(json.load(answer)["faces"]) >= 1


def memory(pid: str) -> tuple[int, int | None]:
    """Megabytes: resident, and proportional share (Linux), which of a process that holds pictures only root is told."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except PermissionError:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20, None
    held = {line.split()[0]: int(line.split()[1]) for line in lines}
    return held["Rss:"] // 1024, held["Pss:"] // 1024


def main() -> None:
    data = [(SAMPLES / name).read_bytes() for name in ("grace_hopper.jpg", "group.jpg")]
    with tempfile.TemporaryDirectory() as name:
        environment = {
            **os.environ,
            "ONLOOKER_PORT": "0",
            "ONLOOKER_STORE": (Path(name) / "pictures").as_uri(),
            "ONLOOKER_QUEUE": f"sqlite://{name}/tasks.sqlite",
            "ONLOOKER_LOG": "error",
        }
        begun = time.monotonic()
        command = [sys.executable, "-m", "onlooker.cli.main", "serve"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[3]
            said = time.monotonic() - begun
            ask(url, data[0])
            answered = time.monotonic() - begun
            for n in range(12):
                ask(url, data[n % 2])
            time.sleep(REST)
            worker = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            held = {"server": memory(str(server.pid)), "worker": memory(worker[0])}
            server.terminate()
    report = {"address printed s": round(said, 2), "first answer s": round(answered, 2), "idle MB (RSS, PSS)": held}
    report["both, RSS"] = sum(resident for resident, _ in held.values())
    print(json.dumps(report))


if __name__ == "__main__":
    main()
