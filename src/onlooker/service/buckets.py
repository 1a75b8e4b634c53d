"""Pictures that a request names in a bucket instead of bringing them."""

from contextlib import closing
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from onlooker.core.errors import InputError, ObjectMissing, StorageError
from onlooker.jobs.folder import FolderStore
from onlooker.service.site import Site
from onlooker.settings import Settings

FOLDER_BUCKET = "onlooker"
"""What the local store's folder is called as a bucket, so that the path can be tried without one."""


class TooLarge(InputError):
    """An object of more bytes than are read; ``size`` is how many it has."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the object has {size} bytes")
        self.size = size


def allowed_buckets(settings: Settings) -> set[str]:
    """The buckets that pictures may be read from: the store's own and those that the settings name."""
    store = urlsplit(settings.store)
    own = store.netloc if store.scheme == "s3" else FOLDER_BUCKET
    return {own, *settings.rekognition.buckets}


def read_object(site: Site, bucket: str, key: str, version: str | None, *, most: int) -> bytes:
    """An object's bytes. Raises ``TooLarge`` before it is read where it has over ``most``, and ``StorageError`` or
    ``ConfigError`` where the bucket is not allowed or the object cannot be read."""
    if bucket not in allowed_buckets(site.settings):
        raise StorageError(
            f"bucket {bucket[:80]!r} is not one that this server reads; its operator names those in rekognition.buckets"
        )
    store = site.jobs.store
    if isinstance(store, FolderStore) and bucket == FOLDER_BUCKET:
        return _from_folder(store, key, version, most)
    return _from_bucket(bucket, key, version, most)


def _from_folder(store: FolderStore, key: str, version: str | None, most: int) -> bytes:
    if version is not None:
        raise StorageError("the local store keeps no versions; leave Version out")
    info = store.head(key)
    if info is None:
        raise ObjectMissing(f"there is no object {key[:80]!r} in the local store")
    if info.size > most:
        raise TooLarge(info.size)
    return store.get(key).data


def _from_bucket(bucket: str, key: str, version: str | None, most: int) -> bytes:
    from onlooker.jobs.aws import sentences

    where = f"s3://{bucket}"
    client = _client(where)
    with sentences(where, f"reading {key[:80]!r}", "s3:GetObject", client.meta.endpoint_url):
        of_version = {} if version is None else {"VersionId": version}
        found = client.get_object(Bucket=bucket, Key=key, **of_version)
        with closing(found["Body"]) as body:
            size = int(found["ContentLength"])
            if size > most:
                raise TooLarge(size)
            return bytes(body.read())


@cache
def _client(where: str) -> Any:
    """A client for a bucket; there are as many as buckets are allowed."""
    from onlooker.jobs.aws import client

    return client("s3", where, read_timeout=20)
