"""What ``ObjectStore`` promises, sentence by sentence, held against every store there is."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from onlooker.core.errors import ConfigError, ObjectMissing, StorageError
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.objects import ObjectStore, open_store
from tests.jobs import servers, web
from tests.jobs.servers import Server, eventually

AWKWARD = [
    "in/0123456789abcdef",
    "a picture of a cat.jpg",
    "deep/er/and/deep er/x",
    "café/猫 🐈.jpg",
    "1+1=2&more?#.jpg",
    "100% & %2F %20 %",
    "quotes \"'`<>.jpg",
    "colon:and|bar",  # and no backslash, which SeaweedFS takes for a slash
    "~tilde-_.!*()",
    ".hidden",
    "dots..in...it",
    "x" * 200,
]


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_an_object_is_read_as_it_was_stored(store: ObjectStore) -> None:
    data = bytes(range(256)) * 100
    metadata = {"job": '{"name":"caf%C3%A9 1.jpg","options":{"keep":true}}', "other": "x"}
    before = datetime.now(UTC) - timedelta(seconds=2)
    assert store.put("in/a.jpg", data, content_type="image/jpeg", metadata=metadata) is True
    stored = store.get("in/a.jpg")
    assert stored.data == data
    info = stored.info
    assert (info.key, info.size, info.content_type) == ("in/a.jpg", len(data), "image/jpeg")
    assert dict(info.metadata) == metadata
    assert before <= info.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert store.head("in/a.jpg") == info


def test_an_object_has_a_type_and_no_metadata_by_default(store: ObjectStore) -> None:
    store.put("a", b"x")
    info = store.get("a").info
    assert (info.content_type, dict(info.metadata)) == ("application/octet-stream", {})


@pytest.mark.parametrize("size", [0, 1, 6_000_000])
def test_an_object_may_be_empty_or_large(store: ObjectStore, size: int) -> None:
    store.put("a", b"\x00" * size)
    assert store.get("a").data == b"\x00" * size
    info = store.head("a")
    assert info is not None
    assert info.size == size


def test_metadata_may_be_nearly_2_kb(store: ObjectStore) -> None:
    metadata = {"job": "x" * 1900}
    store.put("a", b"x", metadata=metadata)
    assert dict(store.get("a").info.metadata) == metadata


def test_an_object_is_replaced_in_whole(store: ObjectStore) -> None:
    store.put("a", b"first, and longer", content_type="text/plain", metadata={"only": "here"})
    store.put("a", b"second", content_type="image/png")
    stored = store.get("a")
    assert (stored.data, stored.info.content_type, dict(stored.info.metadata)) == (b"second", "image/png", {})
    assert keys(store) == ["a"]


def test_an_object_that_is_there_stays_if_it_was_to_be_absent(store: ObjectStore) -> None:
    assert store.put("a", b"first", metadata={"n": "1"}, if_absent=True) is True
    assert store.put("a", b"second", metadata={"n": "2"}, if_absent=True) is False
    assert (store.get("a").data, dict(store.get("a").info.metadata)) == (b"first", {"n": "1"})
    store.delete("a")
    assert store.put("a", b"third", if_absent=True) is True


def test_of_sixteen_who_create_one_object_at_once_one_is_told_so(store: ObjectStore) -> None:
    for round_ in range(2):
        start = threading.Barrier(16)

        def create(n: int, key: str = f"out/{round_}.json", start: threading.Barrier = start) -> bool:
            start.wait()
            return store.put(key, f"{n}".encode() * 1000, if_absent=True)

        with ThreadPoolExecutor(16) as pool:
            told = list(pool.map(create, range(16)))
        assert told.count(True) == 1
        assert store.get(f"out/{round_}.json").data == f"{told.index(True)}".encode() * 1000


def test_what_is_not_there_is_missing(store: ObjectStore) -> None:
    store.put("in/a", b"x")
    for key in ("nothing", "in", "in/a/b", "in/aa", "i"):
        with pytest.raises(ObjectMissing, match=r"no such object; it was never written, or is deleted or expired"):
            store.get(key)
        assert store.head(key) is None


def test_objects_are_deleted_those_named_and_no_others(store: ObjectStore) -> None:
    for key in ("a", "b", "in/a", "in/b", "in/c"):
        store.put(key, b"x")
    store.delete("a", "in/b", "never there", "in/c", "a")
    assert keys(store) == ["b", "in/a"]
    store.delete("never there", "in/c")
    store.delete()
    store.delete("in")
    assert keys(store) == ["b", "in/a"]
    store.delete(*(f"absent/{n}" for n in range(1500)), "b", "in/a")
    assert keys(store) == []


def test_a_listing_holds_what_begins_with_the_prefix_by_key(store: ObjectStore) -> None:
    sizes = {"in/b": 2, "in/a": 1, "in/a2": 3, "inn/z": 5, "out/a.json": 4, "in/sub/x": 6}
    for key, size in sizes.items():
        store.put(key, b"x" * size, content_type="image/png", metadata={"m": "1"})
    assert keys(store) == ["in/a", "in/a2", "in/b", "in/sub/x", "inn/z", "out/a.json"]
    assert keys(store, "in/") == ["in/a", "in/a2", "in/b", "in/sub/x"]
    assert keys(store, "in") == ["in/a", "in/a2", "in/b", "in/sub/x", "inn/z"]
    assert keys(store, "in/a") == ["in/a", "in/a2"]
    assert keys(store, "in/sub/") == ["in/sub/x"]
    assert keys(store, "n") == keys(store, "in/a2/") == keys(store, "nothing/at/all") == []
    for info in store.list():
        assert (info.size, info.content_type, dict(info.metadata)) == (sizes[info.key], "", {})
        assert info.modified.tzinfo is not None


def test_a_prefix_means_itself_and_is_no_pattern(store: ObjectStore) -> None:
    for key in ("a%/x", "a+b/x", "a b/x", "ab/x", "[ab]/x", "*/x"):
        store.put(key, b"x")
    for prefix in ("a%/", "a+b/", "a b/", "[ab]/", "*/"):
        assert keys(store, prefix) == [prefix + "x"]


@pytest.mark.parametrize("key", AWKWARD)
def test_a_key_may_hold_almost_anything(store: ObjectStore, key: str) -> None:
    data = key.encode()
    assert store.put(key, data, if_absent=True)
    assert not store.put(key, b"other", if_absent=True)
    assert store.get(key).data == data
    info = store.head(key)
    assert info is not None
    assert info.key == key
    assert keys(store) == keys(store, key[:5]) == [key]
    store.delete(key)
    assert store.head(key) is None
    assert keys(store) == []


def test_an_object_may_lie_below_another(store: ObjectStore) -> None:
    store.put("a", b"1")
    store.put("a/b", b"2")
    store.put("a/b/c", b"3")
    assert [store.get(key).data for key in ("a", "a/b", "a/b/c")] == [b"1", b"2", b"3"]
    store.delete("a/b")
    assert keys(store) == ["a", "a/b/c"]


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\ud800"])
def test_what_cannot_be_a_key_is_refused(store: ObjectStore, key: str) -> None:
    uses: list[Callable[[], Any]] = [
        lambda: store.put(key, b"x"),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.presign(key, seconds=60),
        lambda: store.presign_form(key, seconds=60, max_bytes=10),
    ]
    for use in uses:
        with pytest.raises(StorageError) as error:
            use()
        assert not isinstance(error.value, ObjectMissing)
    assert keys(store) == []


def test_what_is_older_than_a_moment_expires_and_nothing_else(store: ObjectStore) -> None:
    for key in ("in/a", "in/b", "out/a", "inn/a"):
        store.put(key, b"old")
    old = max(info.modified for info in store.list())

    def newer() -> datetime | None:
        """S3 tells seconds."""
        store.put("in/new", b"x")
        info = store.head("in/new")
        assert info is not None
        return info.modified if info.modified > old else None

    moment = eventually(newer)
    assert store.expire("in/", old - timedelta(hours=1)) == 0
    assert store.expire("in/", moment) == 2
    assert keys(store) == ["in/new", "inn/a", "out/a"]
    assert store.expire("in/", moment) == 0
    assert store.expire("", moment + timedelta(days=1)) == 3
    assert keys(store) == []


def test_a_reader_sees_one_writers_object_whole_or_none(store: ObjectStore) -> None:
    stop, wrong, seen = threading.Event(), [], set[int]()
    sizes = {1: 10, 2: 200_000, 3: 3_000}

    def write(n: int) -> None:
        while not stop.is_set():
            store.put("a", bytes([n]) * sizes[n], metadata={"n": str(n)})

    def delete() -> None:
        while not stop.wait(0.01):
            store.delete("a")

    with ThreadPoolExecutor(4) as pool:
        others = [*(pool.submit(write, n) for n in sizes), pool.submit(delete)]

        def look() -> bool:
            try:
                stored = store.get("a")
            except ObjectMissing:
                return False
            n = int(stored.info.metadata["n"])
            seen.add(n)
            if stored.data != bytes([n]) * sizes[n] or stored.info.size != sizes[n]:
                wrong.append((n, len(stored.data), stored.info))
            return seen == set(sizes)

        try:
            for _ in range(100):
                look()
            eventually(look, "each writer's object")
        finally:
            stop.set()
        for other in others:
            other.result()
    assert not wrong


def test_the_address_of_a_store_opens_the_same_store(store: ObjectStore) -> None:
    store.put("in/a b", b"x")
    again = open_store(store.url)
    assert again.url == store.url
    assert again.get("in/a b").data == b"x"
    assert 0 < store.poll < 2


def holder(store: ObjectStore) -> web.Web:
    """Whoever is handed a signed address."""
    return web.Folder(store) if isinstance(store, FolderStore) else web.Http()


@pytest.mark.parametrize("key", ["kept/0123.jpg", *AWKWARD[1:6]])
def test_a_signed_address_gives_the_object_to_anyone(store: ObjectStore, key: str) -> None:
    data = b"\xff\xd8picture" * 1000
    store.put(key, data)
    assert holder(store).get(store.presign(key, seconds=60)) == (200, data)


def test_a_signed_address_opens_that_key_until_then_and_cannot_be_changed(store: ObjectStore) -> None:
    store.put("kept/a.jpg", b"a")
    store.put("kept/b.jpg", b"b")
    address = store.presign("kept/a.jpg", seconds=60)
    anyone = holder(store)
    longer = re.sub(r"(X-Amz-Expires|until)=\d+", r"\1=86400000", address)
    end = "0" if address[-1] != "0" else "1"
    for forged in (
        address.replace("kept/a.jpg", "kept/b.jpg"),
        longer,
        address[:-1] + end,
        address.partition("?")[0],
        re.sub(r"ignature=\w+", "ignature=", address),
    ):
        assert forged != address
        status, body = anyone.get(forged)
        assert status in (400, 401, 403), forged
        assert body not in (b"a", b"b")
    assert anyone.get(address) == (200, b"a")


def test_a_signed_address_expires(store: ObjectStore) -> None:
    store.put("a", b"x")
    address, anyone = store.presign("a", seconds=2), holder(store)
    assert anyone.get(address) == (200, b"x")
    eventually(lambda: anyone.get(address)[0] in (400, 401, 403), "the end of the address")


METADATA = {"job": '{"name":"caf%C3%A9.jpg"}'}


@pytest.mark.parametrize("size", [1, 1000])
def test_a_form_stores_one_object_under_its_key_with_its_metadata(store: ObjectStore, size: int) -> None:
    form = store.presign_form("in/0123", seconds=60, max_bytes=1000, metadata=METADATA)
    assert form.url.startswith("/") or urlsplit(form.url).scheme in ("http", "https")
    assert holder(store).post(form, b"x" * size) in (200, 201, 204)
    stored = store.get("in/0123")
    assert stored.data == b"x" * size
    assert dict(stored.info.metadata) == METADATA
    assert keys(store) == ["in/0123"]


def test_a_form_without_metadata_stores_none(store: ObjectStore) -> None:
    form = store.presign_form("in/a b+c", seconds=60, max_bytes=10)
    assert holder(store).post(form, b"x") in (200, 201, 204)
    assert dict(store.get("in/a b+c").info.metadata) == {}


def flipped(fields: dict[str, str], name: str) -> dict[str, str]:
    """The fields with the end of a signature changed."""
    return {**fields, name: fields[name][:-1] + ("0" if fields[name][-1] != "0" else "1")}


@pytest.mark.parametrize(
    ("size", "change"),
    [
        (0, lambda fields: fields),
        (1001, lambda fields: fields),
        (300_000, lambda fields: fields),
        (9, lambda fields: {**fields, "key": fields["key"].replace("0123", "4567")}),
        (9, lambda fields: {**fields, "key": fields["key"] + "/x"}),
        (9, lambda fields: {**fields, "x-amz-meta-job": '{"name":"other"}'}),
        (9, lambda fields: {**fields, "x-amz-meta-more": "x"}),
        (9, lambda fields: {name: fields[name] for name in fields if name != "x-amz-meta-job"}),
        (9, lambda fields: {name: fields[name] for name in fields if "ignature" not in name}),
        (9, lambda fields: flipped(fields, next(name for name in fields if "ignature" in name))),
        (9, lambda fields: {**fields, "policy": fields["policy"][:40] + "A" + fields["policy"][41:]}),
        (9, lambda fields: {**fields, "policy": ""}),
    ],
    ids=str.split("empty too-large far-too-large key key-below metadata more less unsigned forged policy no-policy"),
)
def test_a_form_that_was_changed_or_whose_file_does_not_fit_stores_nothing(
    store: ObjectStore, size: int, change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    form = store.presign_form("in/0123", seconds=60, max_bytes=1000, metadata=METADATA)
    assert holder(store).post(replace(form, fields=change(dict(form.fields))), b"x" * size) in (400, 401, 403, 413)
    assert keys(store) == []


def test_a_form_expires(store: ObjectStore) -> None:
    form, anyone = store.presign_form("in/0123", seconds=2, max_bytes=1000, metadata=METADATA), holder(store)
    eventually(lambda: anyone.post(form, b"late") in (400, 401, 403), "the end of the form")
    store.delete("in/0123")
    assert anyone.post(form, b"late") in (400, 401, 403)
    assert keys(store) == []


PUT_FOR_EVER = """
import sys
from onlooker.jobs.objects import open_store
store = open_store(sys.argv[1])
for n in range(10_000):
    data = bytes([n % 251]) * (500_000 + n)
    store.put(f"in/{n % 7}", data, metadata={"n": str(n)})
    print(n, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_objects_only(store: ObjectStore) -> None:
    for lines in (3, 5, 8):
        writer = subprocess.Popen([sys.executable, "-c", PUT_FOR_EVER, store.url], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.kill()
        writer.wait()
        writer.stdout.close()
        assert told == list(range(lines))
        for info in store.list():
            stored = store.get(info.key)
            n = int(stored.info.metadata["n"])
            assert stored.data == bytes([n % 251]) * (500_000 + n)
        assert len(keys(store)) >= min(lines, 7)


def test_seaweedfs_that_is_killed_keeps_what_it_said_it_stored(tmp_path: Path, amazon: Callable[..., None]) -> None:
    from onlooker.jobs.s3 import S3Store

    with servers.seaweed(tmp_path) as server:
        amazon(s3=server)
        servers.client("s3", server).create_bucket(Bucket="pictures")
        store = S3Store("pictures")
        for n in range(40):
            store.put(f"in/{n:02}", bytes([n]) * 50_000, metadata={"n": str(n)})
        server.kill()
        with pytest.raises(StorageError, match=r"cannot be reached .*check the network and the endpoint"):
            store.get("in/00")
        server.start()

        def all_there() -> bool:
            try:
                return len(keys(store)) == 40
            except StorageError:  # the parts behind the door start one by one
                return False

        eventually(all_there)
        for n in range(40):
            stored = store.get(f"in/{n:02}")
            assert (stored.data, stored.info.metadata["n"]) == (bytes([n]) * 50_000, str(n))


def test_a_listing_goes_on_beyond_a_page_of_s3(bucket: str) -> None:
    from onlooker.jobs.s3 import S3Store

    store = S3Store(bucket, "p")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"in/{n:04}", b""), range(1003)))
    assert keys(store, "in/") == [f"in/{n:04}" for n in range(1003)]
    assert store.expire("in/", datetime.now(UTC) + timedelta(days=1)) == 1003
    assert keys(store) == []


def test_stores_below_prefixes_of_one_bucket_do_not_see_each_other(bucket: str) -> None:
    from onlooker.jobs.s3 import S3Store

    one, two, whole = S3Store(bucket, "one"), S3Store(bucket, "/on/"), S3Store(bucket)
    one.put("a", b"1")
    two.put("e/a", b"2")
    assert (keys(one), keys(two), keys(whole)) == (["a"], ["e/a"], ["on/e/a", "one/a"])
    assert (one.url, two.url, whole.url) == (f"s3://{bucket}/one", f"s3://{bucket}/on", f"s3://{bucket}")


def test_what_is_stored_is_encrypted_unless_that_is_left_to_the_bucket(bucket: str, seaweed: Server) -> None:
    from onlooker.jobs.s3 import S3Store

    S3Store(bucket).put("a", b"x")
    S3Store(bucket, encryption=None).put("b", b"x")
    s3 = servers.client("s3", seaweed)
    assert s3.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "AES256"
    form = S3Store(bucket).presign_form("c", seconds=60, max_bytes=10)
    web.Http().post(form, b"x")
    assert s3.head_object(Bucket=bucket, Key="c")["ServerSideEncryption"] == "AES256"
    assert (
        "x-amz-server-side-encryption"
        not in S3Store(bucket, encryption=None).presign_form("c", seconds=60, max_bytes=10).fields
    )


def each_use(store: ObjectStore) -> list[Callable[[], Any]]:
    """Every method that asks the server."""
    return [
        lambda: store.put("a", b"x"),
        lambda: store.put("a", b"x", if_absent=True),
        lambda: store.get("a"),
        lambda: store.delete("a"),
        lambda: list(store.list()),
        lambda: store.expire("", datetime.now(UTC)),
    ]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the credentials are wrong or have expired; set AWS_ACCESS_KEY_ID and"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "the credentials are wrong or have expired; set AWS_ACCESS_KEY_ID and"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "failed for want of credentials; set AWS_ACCESS_KEY"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "http://127.0.0.1:9 cannot be reached"),
    ],
)
def test_a_store_that_cannot_be_used_says_why_and_how_to_mend_it(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], why: str
) -> None:
    from onlooker.jobs.s3 import S3Store

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = S3Store(bucket)
    uses = each_use(store) if "9" not in why else [lambda: store.get("a")]  # where each is tried several times
    for use in uses:
        with pytest.raises(StorageError) as error:
            use()
        assert str(error.value).startswith(f"s3://{bucket}: ")
        assert why in str(error.value)


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    from onlooker.jobs.s3 import S3Store

    for use in each_use(S3Store(f"{bucket}-not")):
        with pytest.raises(StorageError, match=rf"s3://{bucket}-not: there is no such bucket; create it or name"):
            use()


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"AWS_ENDPOINT_URL_S3": "localhost:8333"}, "boto3 cannot start (Invalid endpoint: localhost:8333); check"),
        ({"AWS_PROFILE": "nobody"}, "boto3 cannot start (The config profile (nobody) could not be found); check"),
    ],
)
def test_a_store_that_is_badly_set_up_is_an_error_of_the_configuration(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], why: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        open_store(f"s3://{bucket}")
    assert str(error.value).startswith(f"s3://{bucket}: {why}")


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(ConfigError, match=r"s3://shop: Amazon's client is missing; pip install 'onlooker\[aws\]'"):
        open_store("s3://shop")


def test_addresses_of_amazon_name_the_region(amazon: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    from onlooker.jobs.s3 import S3Store

    amazon()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    store = S3Store("shop")
    assert store.presign("a b", seconds=60).startswith("https://shop.s3.eu-central-1.amazonaws.com/a%20b?")
    assert store.presign_form("a", seconds=60, max_bytes=1).url == "https://shop.s3.eu-central-1.amazonaws.com/"
