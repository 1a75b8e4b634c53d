"""What both packages share: the project's wheel, and a zip whose bytes depend on nothing but its content."""

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

# pip's own: pip is what builds here, and nothing else has to be installed.
from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold; every file gets it."""


def build_wheel(folder: Path) -> Path:
    """This project's wheel, built into ``folder``. Ends the program with pip's own words where that fails."""
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("onlooker-*.whl"))


def pip(*arguments: str) -> str:
    """Run pip of this Python and give what it printed. Ends the program with pip's own words where that fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    # pip is told exactly what to run; nothing of it comes from outside.
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"pip {arguments[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def target(python: str) -> list[str]:
    """The options by which pip takes wheels for Amazon Linux 2023 (glibc 2.34, x86_64) and that Python."""
    # pip does not take a wheel of an older manylinux for granted: each has to be named.
    tags = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)] + ["manylinux2014_x86_64"]
    platforms = [option for tag in tags for option in ("--platform", tag)]
    return ["--only-binary", ":all:", "--python-version", python, "--implementation", "cp", *platforms]


def requirements(wheel: Path, extra: str, python: str) -> list[str]:
    """What a wheel requires for ``extra`` on ``target``, without markers: pip would ask them of the machine that it
    runs on, and leave out what only the other needs."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    there = {
        "extra": extra,
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    wanted = []
    for line in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(str(line))
        marker, requirement.marker = requirement.marker, None
        if marker is None or marker.evaluate(there):
            wanted.append(str(requirement))
    return wanted


def write_zip(folder: Path, archive: Path) -> None:
    """Everything in ``folder`` as a zip, which is there whole or not at all: by name, without times or owners."""
    aside = archive.with_name(archive.name + ".part")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.create_system = 3  # unix, so that the mode is read
            entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, path.read_bytes())
    aside.replace(archive)
