"""Builds what Elastic Beanstalk runs the website from: ``python deploy/bundle.py OUTPUT.zip``.

In the zip lie this project's wheel, built now; ``requirements.txt`` with that wheel and every package that it needs at
the version of today, so that a machine which is started in a month runs what today's runs; and the files of
``deploy/beanstalk``: how to start it, its health check, and the proxy's limits.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from packing import build_wheel, pip, requirements, target, write_zip

FILES = Path(__file__).resolve().parent / "beanstalk"

EXTRA = "aws"
"""The extra of the wheel that brings Amazon's client."""


def build(output: Path, python: str) -> None:
    """Write the bundle for a platform of that Python version."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "bundle"
        shutil.copytree(FILES, root)
        wheel = build_wheel(root)
        (root / "requirements.txt").write_text("\n".join([f"./{wheel.name}[{EXTRA}]", *pins(wheel, python)]) + "\n")
        write_zip(root, output)


def pins(wheel: Path, python: str) -> list[str]:
    """Every package that the wheel needs, as ``name==version``, by what pip would install there today."""
    with tempfile.TemporaryDirectory() as nowhere:
        asked = ["--dry-run", "--ignore-installed", "--report", "-", "--target", nowhere]
        report = json.loads(pip("install", *asked, *target(python), *requirements(wheel, EXTRA, python)))
    found = [item["metadata"] for item in report["install"]]
    return sorted(f"{item['name'].lower()}=={item['version']}" for item in found)


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Build the website's bundle for Elastic Beanstalk.")
    parser.add_argument("output", type=Path, metavar="OUTPUT.zip")
    parser.add_argument("--python", default="3.13", help="Python version of the platform (default: %(default)s)")
    given = parser.parse_args()
    build(given.output, given.python)
    sys.stdout.write(f"{given.output}: {given.output.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
