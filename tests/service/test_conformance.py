"""Hundreds of requests that the description allows, and that it does not: every answer is one that it describes."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.service.conftest import Server
from tests.service.running import works

CONFIG = """
[checks]
# Bytes, and base64, that hold no picture fit every schema, and are refused; nothing is found under an id made up.
positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 415, 422]

[output]
sanitization.enabled = false
"""


def test_no_request_gets_an_answer_that_is_not_described(server: Server, tmp_path: Path, samples: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"]
    command += [f"{server.url}/openapi.json", "--phases", "examples,coverage,fuzzing", "--max-examples", "50"]
    command += ["--seed", "1", "--no-color", "--generation-database", "none", "--request-timeout", "20"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "COLUMNS": "120"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
    cases = re.search(r"(\d+) generated", done.stdout)
    assert cases is not None, done.stdout[-2000:]
    assert int(cases[1]) > 200
    assert "Traceback" not in server.log.read_text()
    works(server, (samples / "grace_hopper.jpg").read_bytes())
