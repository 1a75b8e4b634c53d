"""The one-machine forms and the function's image: no container engine is needed to hold what can be read off them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from onlooker.settings import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def instructions(name: str) -> list[tuple[str, str]]:
    """A container file's instructions and what they are given, comments left out and lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / name).read_text("utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines)]


def given(name: str, word: str) -> list[str]:
    return [rest for found, rest in instructions(name) if found == word]


def unit() -> list[tuple[str, str]]:
    lines = (DEPLOY / "onlooker.service").read_text("utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return [(name, value) for name, value in pairs]


def settings_of(pairs: dict[str, str], place: str) -> None:
    """Every setting is known, and what is stored lies below ``place``."""
    ours = {name: value for name, value in pairs.items() if name.startswith("ONLOOKER_")}
    settings = load(environment=ours)
    assert settings.store.startswith(f"file://{place}/")
    assert settings.queue.startswith(f"sqlite://{place}/")
    assert str(settings.keys_file).startswith(f"{place}/")
    assert settings.serve.port == 8000
    assert set(ours) == {f"ONLOOKER_{name}" for name in ("HOST", "PORT", "STORE", "QUEUE", "KEYS_FILE")}


class TestContainers:
    @pytest.mark.parametrize(
        ("name", "base"),
        [("Containerfile", "python:3.13-slim"), ("Containerfile.lambda", "public.ecr.aws/lambda/python:3.13")],
    )
    def test_end_on_a_small_base_without_what_builds(self, name: str, base: str) -> None:
        first, last = given(name, "FROM")
        assert first == "python:3.13-slim AS build"
        assert last == base
        assert not re.search(r"apt|gcc|build-essential|dnf", str(instructions(name)))

    @pytest.mark.parametrize("name", ["Containerfile", "Containerfile.lambda"])
    def test_do_not_run_as_root(self, name: str) -> None:
        assert int(given(name, "USER")[-1]) >= 10000
        words = [word for word, _ in instructions(name)]
        assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")

    @pytest.mark.parametrize("name", ["Containerfile", "Containerfile.lambda"])
    def test_copy_what_is_there_and_the_build_needs(self, name: str) -> None:
        copied = [source for rest in given(name, "COPY") if "--from" not in rest for source in rest.split()[:-1]]
        assert [source for source in copied if not (ROOT / source).exists()] == []
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        for needed in re.findall(r'"(samples|README\.md|LICENSE|NOTICE|src)\b', text):
            assert needed in copied

    def test_the_website_keeps_its_data_in_the_volume(self) -> None:
        pairs = dict(pair.split("=", 1) for pair in given("Containerfile", "ENV")[0].split())
        assert given("Containerfile", "VOLUME") == ["/data"]
        settings_of(pairs, "/data")
        assert pairs["XDG_CACHE_HOME"].startswith("/data/")  # a detector that is fetched stays
        assert load(environment=pairs).serve.host == "0.0.0.0"
        assert given("Containerfile", "CMD") == ['["onlooker", "serve"]']
        assert given("Containerfile", "EXPOSE") == [pairs["ONLOOKER_PORT"]]

    def test_its_health_check_is_python_that_compiles(self) -> None:
        (check,) = given("Containerfile", "HEALTHCHECK")
        program = re.search(r'"-c", "(.+)"\]', check)
        assert program
        compile(program[1], "health check", "exec")
        assert "/readyz" in program[1]

    def test_podman_is_told_to_keep_the_health_check(self) -> None:
        said = (DEPLOY / "Containerfile").read_text("utf-8") + (ROOT / "docs" / "cloud.md").read_text("utf-8")
        built = re.findall(r"^(?:#   )?(podman build .+ deploy/Containerfile .*)$", said, re.MULTILINE)
        assert len(built) == 2
        assert [line for line in built if "--format docker" not in line] == []

    def test_the_function_s_image_calls_the_handler(self) -> None:
        assert given("Containerfile.lambda", "CMD") == ['["onlooker.jobs.aws_lambda.handler"]']


class TestCompose:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")

    def test_lets_nobody_in_from_elsewhere_and_nothing_out_of_its_place(self) -> None:
        assert re.findall(r"ports: (.+)", self.text) == ['["127.0.0.1:8000:8000"]']
        assert self.text.count("read_only: true") == self.text.count("cap_drop: [ALL]") == 2
        assert self.text.count('volumes: ["data:/data"]') == 2

    def test_the_website_s_health_is_looked_at_as_the_container_file_has_it(self) -> None:
        (check,) = given("Containerfile", "HEALTHCHECK")
        command = json.loads(check.partition(" CMD ")[2])
        (written,) = re.findall(r"test: \[CMD, (\w+), (-\w), (\".+\")\]", self.text)
        assert [*written[:2], json.loads(written[2])] == command
        for option, value in re.findall(r"--([a-z-]+)=(\w+)", check):
            assert f"      {option.replace('-', '_')}: {value}\n" in self.text


class TestUnit:
    def test_writes_in_one_place_as_a_user_of_its_own(self) -> None:
        held = dict(unit())
        wanted = {
            "DynamicUser": "yes",
            "ProtectSystem": "strict",
            "StateDirectory": "onlooker",
            "PrivateTmp": "yes",
            "NoNewPrivileges": "yes",
            # Nothing of a picture that was in memory reaches the disk.
            "LimitCORE": "0",
            "MemoryMax": "3G",
            # A worker over the limit ends alone, and the server replaces it.
            "OOMPolicy": "continue",
        }
        assert wanted.items() <= held.items()
        settings_of(dict(v.split("=", 1) for name, v in unit() if name == "Environment"), "/var/lib/onlooker")

    def test_says_where_its_model_is_fetched_to_with_the_program_that_is_there(self) -> None:
        text = (DEPLOY / "onlooker.service").read_text("utf-8")
        cache = next(v.partition("=")[2] for name, v in unit() if v.startswith("XDG_CACHE_HOME="))
        program = dict(unit())["ExecStart"].removesuffix(" serve")
        assert f": XDG_CACHE_HOME={cache} {program} models fetch yunet\n" in text

    def test_systemd_understands_it_and_finds_it_safe(self, tmp_path: Path) -> None:
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            pytest.skip("systemd-analyze is not installed")
        copy = tmp_path / "onlooker.service"
        text = (DEPLOY / "onlooker.service").read_text("utf-8")
        copy.write_text(text.replace("/opt/onlooker/bin/onlooker", "/bin/true"))
        done = subprocess.run([analyze, "verify", copy], capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stdout, "onlooker.service" in done.stderr) == (0, "", False)
        options = ["security", "--offline=true", "--threshold=20"]  # of 100, less is safer
        done = subprocess.run([analyze, *options, copy], capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stdout[-200:]
