"""An object store in a bucket of S3, or of any server that speaks its language (``AWS_ENDPOINT_URL_S3``)."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from datetime import datetime
from typing import Any

from onlooker.core.errors import ObjectMissing, StorageError
from onlooker.jobs.aws import client, code_of, refused, sentences
from onlooker.jobs.objects import MAX_KEY, Form, ObjectInfo, StoredObject

_BATCH = 1000
"""Keys that S3 deletes in one request."""

_READ = "s3:GetObject (and s3:ListBucket, without which a missing object looks like a forbidden one)"
"""The right that a look at an object needs."""


class S3Store:
    """See ``ObjectStore``. Every key lies below ``prefix``. Raises ``ConfigError`` where boto3 is absent or badly set
    up; the bucket is not looked at before it is used. Threads may share one, and best do: its connections are kept.

    encryption  how the server is to encrypt what is stored, or None to leave it to the bucket
    """

    poll = 0.4

    def __init__(self, bucket: str, prefix: str = "", *, encryption: str | None = "AES256") -> None:
        self.bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.url = f"s3://{bucket}/{self._prefix}".rstrip("/")
        self._encryption = {"ServerSideEncryption": encryption} if encryption else {}
        self._client = client("s3", self.url, read_timeout=30)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
    ) -> bool:
        """See ``ObjectStore``."""
        wanted = {**self._at(key), "Body": data, "ContentType": content_type, "Metadata": dict(metadata or {})}
        if if_absent:
            wanted["IfNoneMatch"] = "*"
        with self._said(f"storing {key}", "s3:PutObject"):
            for pause in (0.05, 0.2, 0.8, None):
                try:
                    self._client.put_object(**wanted, **self._encryption)
                    return True
                except self._client.exceptions.ClientError as error:
                    if if_absent and code_of(error) in ("PreconditionFailed", "412"):
                        return False
                    # Someone else is at this key at this moment, and may yet fail.
                    if code_of(error) not in ("ConditionalRequestConflict", "409") or pause is None:
                        raise
                    time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def get(self, key: str) -> StoredObject:
        """See ``ObjectStore``."""
        with self._said(f"reading {key}", _READ):
            found = self._client.get_object(**self._at(key))
            with closing(found["Body"]) as body:
                return StoredObject(body.read(), _info(key, found))

    def head(self, key: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        try:
            with self._said(f"looking at {key}", _READ):
                return _info(key, self._client.head_object(**self._at(key)))
        except ObjectMissing:
            return None

    def delete(self, *keys: str) -> None:
        """See ``ObjectStore``."""
        wanted = [{"Key": self._at(key)["Key"]} for key in keys]
        for first in range(0, len(wanted), _BATCH):
            doing, right = f"deleting {keys[first]}", "s3:DeleteObject"
            with self._said(doing, right):
                batch = {"Objects": wanted[first : first + _BATCH], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self.bucket, Delete=batch)
            for error in answer.get("Errors", []):
                if error.get("Code") != "NoSuchKey":
                    raise refused(self.url, f"deleting {error.get('Key', keys[first])}", right, {"Error": error})

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See ``ObjectStore``. A page at a time, in the order that the server lists, which is S3's by key."""
        with self._said("listing", "s3:ListBucket"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix + prefix):
                for found in page.get("Contents", []):
                    if key := found["Key"].removeprefix(self._prefix):
                        yield ObjectInfo(key, found["Size"], found["LastModified"])

    def expire(self, prefix: str, before: datetime) -> int:
        """See ``ObjectStore``."""
        old = [info.key for info in self.list(prefix) if info.modified < before]
        self.delete(*old)
        return len(old)

    def presign(self, key: str, *, seconds: int) -> str:
        """See ``ObjectStore``. S3 allows seven days, and less where the credentials end before."""
        with self._said(f"signing an address of {key}", _READ):
            address: str = self._client.generate_presigned_url("get_object", Params=self._at(key), ExpiresIn=seconds)
            return address

    def presign_form(
        self, key: str, *, seconds: int, max_bytes: int, metadata: Mapping[str, str] | None = None
    ) -> Form:
        """See ``ObjectStore``. An upload is answered with status 201."""
        if "${filename}" in key:
            raise StorageError(f"{self.url}: {key}: S3 would put a file's name in; take another key")
        fields = {f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}
        fields["success_action_status"] = "201"
        if self._encryption:
            fields["x-amz-server-side-encryption"] = self._encryption["ServerSideEncryption"]
        conditions = [{name: value} for name, value in fields.items()]
        limits = ["content-length-range", 1, max_bytes]
        with self._said(f"signing a form for {key}", "s3:PutObject"):
            form = self._client.generate_presigned_post(
                **self._at(key), Fields=fields, Conditions=[*conditions, limits], ExpiresIn=seconds
            )
        return Form(form["url"], form["fields"])

    def _at(self, key: str) -> dict[str, Any]:
        whole = self._prefix + key
        try:
            size = len(whole.encode())
        except UnicodeEncodeError:
            raise StorageError(f"{self.url}: the key {key!a} is no Unicode text; take another") from None
        if not key or size > MAX_KEY:
            raise StorageError(f"{self.url}: a key has 1 to {MAX_KEY} bytes with its prefix, this one {size}")
        return {"Bucket": self.bucket, "Key": whole}

    def _said(self, doing: str, right: str) -> AbstractContextManager[None]:
        return sentences(self.url, doing, right, self._client.meta.endpoint_url)


def _info(key: str, found: Mapping[str, Any]) -> ObjectInfo:
    kind, metadata = found.get("ContentType", ""), found.get("Metadata", {})
    return ObjectInfo(key, found["ContentLength"], found["LastModified"], kind, metadata)
