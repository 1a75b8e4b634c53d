"""What whoever holds a signed address or a form does with it, whichever store signed it."""

from collections.abc import Mapping
from typing import Protocol

from onlooker.core.errors import StorageError
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.objects import Form


class Web(Protocol):
    """``get`` an address: status and body. ``post`` a form with a file: status."""

    def get(self, address: str) -> tuple[int, bytes]: ...

    def post(self, form: Form, data: bytes) -> int: ...


class Http:
    """Over HTTP, for addresses that are absolute."""

    def get(self, address: str) -> tuple[int, bytes]:
        import urllib3

        answer = urllib3.request("GET", address, retries=False, timeout=20)
        return answer.status, answer.data

    def post(self, form: Form, data: bytes) -> int:
        import urllib3

        fields: Mapping[str, str | tuple[str, bytes]] = {**form.fields, "file": ("picture.jpg", data)}
        return urllib3.request("POST", form.url, fields=fields, retries=False, timeout=20).status


class Folder:
    """What the website does with the addresses of a folder, without a website."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store

    def get(self, address: str) -> tuple[int, bytes]:
        key = self._store.verify_get(address)
        return (403, b"") if key is None else (200, self._store.get(key).data)

    def post(self, form: Form, data: bytes) -> int:
        try:
            key, metadata = self._store.verify_form(form.fields, len(data))
        except StorageError:
            return 403
        self._store.put(key, data, metadata=metadata)
        return 201
