"""Settings: where each comes from, which goes first, and what a mistake is told."""

import importlib.util
import re
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from onlooker.core.errors import ConfigError
from onlooker.settings import Settings, data_folder, load

ROOT = Path(__file__).parent.parent


def written(folder: Path, text: str) -> Path:
    path = folder / "onlooker.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_reference_of_settings_is_what_the_settings_say() -> None:
    spec = importlib.util.spec_from_file_location("settings_reference", ROOT / "docs" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert module.reference() == text, "run: python docs/settings.py"


def test_nothing_set_is_the_defaults() -> None:
    assert load(environment={}) == Settings()


def test_an_option_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[serve]\nport = 1\nworkers = 2\nthreads = 3\n")
    environment = {"ONLOOKER_PORT": "4", "ONLOOKER_WORKERS": "5"}
    settings = load(path, {"serve": {"port": 6, "threads": None}}, environment)
    assert (settings.serve.port, settings.serve.workers, settings.serve.threads) == (6, 5, 3)


def test_every_kind_of_value_is_read_from_the_environment() -> None:
    environment = {
        "ONLOOKER_HOST": "::1",
        "ONLOOKER_KEEP_HOURS": "1.5",
        "ONLOOKER_KEYS_REQUIRED": "yes",
        "ONLOOKER_REKOGNITION_ENABLED": "FALSE",
        "ONLOOKER_REKOGNITION_BUCKETS": "a, b,,",
        "ONLOOKER_LIMITS_MAX_BYTES": "1000",
        "ONLOOKER_MODEL_CARD": "card.json",
        "ONLOOKER_SECRET": "",
        "ONLOOKER_DATA": "no setting",
    }
    settings = load(environment=environment)
    assert (settings.serve.host, settings.serve.keep_hours, settings.serve.secret) == ("::1", 1.5, None)
    assert (settings.keys.required, settings.rekognition.enabled) == (True, False)
    assert settings.rekognition.buckets == ["a", "b"]
    assert (settings.limits.max_bytes, settings.model.card) == (1000, "card.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve]\nhost = 'a'\nprot = 1\n", ["line 3", "serve.prot", "unknown key", "port"]),
        ("[sevre]\nport = 1\n", ["line 1", "sevre", "unknown key", "serve"]),
        ("[serve]\nport = '1'\n", ["line 2", "serve.port", "int"]),
        ("[serve]\nport = 70000\n", ["line 2", "serve.port", "65535"]),
        ("[limits]\n\nrate = -1\n", ["line 3", "limits.rate", ">= 0"]),
        ("[serve]\nkeep_hours = 25\n", ["line 2", "serve.keep_hours", "24"]),
        ("[serve]\ntasks = 'no'\n", ["line 2", "serve.tasks", "no"]),
        ("[keys]\nrequired = 1\n", ["line 2", "keys.required", "bool"]),
        ("limits.rate = 'x'\n", ["line 1", "limits.rate"]),
        ("serve = 1\n", ["line 1", "serve", "object"]),
        ("[serve\n", ["is no TOML"]),
        ("port = 1\n", ["line 1", "port", "unknown key"]),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line_and_key(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text), environment={})
    told = str(error.value)
    assert "onlooker.toml" in told
    assert [part for part in said if part not in told] == []
    assert "\n" not in told


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml", environment={})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONLOOKER_PORT", "x"),
        ("ONLOOKER_PORT", "-1"),
        ("ONLOOKER_KEYS_REQUIRED", "maybe"),
        ("ONLOOKER_LIMITS_RATE", ""),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable: str, value: str) -> None:
    if not value:  # as if it were not set: how a composed environment says so
        assert load(environment={variable: value}) == Settings()
        return
    with pytest.raises(ConfigError, match=f"environment variable {variable}"):
        load(environment={variable: value})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ONLOOKER_KEYS_REQUIRE", "ONLOOKER_KEYS_REQUIRED"),
        ("ONLOOKER_PRT", "ONLOOKER_PORT"),
        ("ONLOOKER_REQUIRED", "ONLOOKER_KEYS_REQUIRED"),
        ("ONLOOKER_RATE", "ONLOOKER_LIMITS_RATE"),
        ("ONLOOKER_K", "ONLOOKER_DISPLAY_K"),
        ("ONLOOKER_SERVE_WORKERS", "ONLOOKER_WORKERS"),
        ("ONLOOKER_SERVE_PORT", "ONLOOKER_PORT"),
    ],
)
def test_a_misspelt_variable_is_refused(variable: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"environment variable {variable}: .*did you mean {meant}"):
        load(environment={variable: "1"})


@pytest.mark.parametrize(
    "environment",
    [
        {"ONLOOKER_DATA": "/data"},
        # What Kubernetes gives every container where a service is called onlooker, or onlooker-serve.
        {
            "ONLOOKER_SERVICE_HOST": "10.0.0.1",
            "ONLOOKER_SERVICE_PORT": "80",
            "ONLOOKER_SERVICE_PORT_HTTP": "80",
            "ONLOOKER_PORT": "tcp://10.0.0.1:80",
            "ONLOOKER_PORT_80_TCP": "tcp://10.0.0.1:80",
            "ONLOOKER_PORT_80_TCP_PROTO": "tcp",
            "ONLOOKER_PORT_80_TCP_PORT": "80",
            "ONLOOKER_PORT_80_TCP_ADDR": "10.0.0.1",
            "ONLOOKER_SERVE_SERVICE_HOST": "10.0.0.2",
            "ONLOOKER_SERVE_PORT": "udp://10.0.0.2:80",
            "ONLOOKER_SERVE_PORT_80_TCP_ADDR": "10.0.0.2",
        },
    ],
    ids=["data", "kubernetes"],
)
def test_a_variable_that_others_set_beside_ours_is_none_of_ours(environment: dict[str, str]) -> None:
    assert load(environment=environment) == Settings()


def test_no_key_is_another_s_variable() -> None:
    """Else one that lacks its table would be taken for it."""
    tables = get_type_hints(Settings)
    serve = keys(tables.pop("serve"))
    own = serve | {f"{name}_{key}" for name, table in tables.items() for key in keys(table)}
    bare = [key for table in tables.values() for key in keys(table)]
    assert own.isdisjoint(bare)
    assert len(bare) == len(set(bare))


def keys(table: Any) -> set[str]:
    return set(get_type_hints(table))


def test_every_key_is_explained() -> None:
    rows = re.findall(r"^\| `\w+` \|.+$", (ROOT / "docs" / "settings.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) == sum(len(keys(table)) for table in get_type_hints(Settings).values())
    assert [row for row in rows if row.endswith("|  |")] == []


def test_a_mistake_among_the_options_is_told() -> None:
    with pytest.raises(ConfigError, match=r"the command line: serve\.port"):
        load(options={"serve": {"port": 99999}}, environment={})


def test_room_for_less_than_one_picture_is_refused_wherever_the_two_are_set(tmp_path: Path) -> None:
    file = written(tmp_path, "[limits]\nmax_bytes = 9_000_000\n")
    assert load(file, environment={"ONLOOKER_LIMITS_IN_FLIGHT": "9100000"}).limits.in_flight == 9_100_000
    with pytest.raises(ConfigError, match=r"limits\.in_flight is 9099999, .* make it at least 9100000"):
        load(file, environment={"ONLOOKER_LIMITS_IN_FLIGHT": "9099999"})


def test_everything_lies_in_one_folder_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "with space"))
    settings = Settings()
    assert settings.store == (data_folder() / "pictures").as_uri()
    assert settings.queue.startswith("sqlite:///")
    assert settings.queue.endswith("with%20space/onlooker/tasks.sqlite")
    assert settings.keys_file == data_folder() / "keys.json"


def test_every_key_has_a_default_and_bounds_hold_for_it() -> None:
    plain: Any = msgspec.to_builtins(Settings())
    assert msgspec.convert(plain, Settings) == Settings()
