"""A client of an Amazon service, and its errors as sentences. boto3 is loaded here, when it is first needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from onlooker.core.errors import ConfigError, ObjectMissing, StorageError, StorageFull

_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role"

_RIGHTS = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError"}
_CREDENTIAL = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_CLOCK = {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}
_NO_OBJECT = {"404", "NoSuchKey"}
_NO_QUEUE = {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
_REGION = {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_FULL = {"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}
_BUSY = {
    "500",
    "503",
    "InternalError",
    "OperationAborted",
    "OverLimit",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def client(service: str, where: str, *, read_timeout: float, endpoint: str | None = None, region: str = "") -> Any:
    """A client of ``service``, which threads may share. Region, credentials and endpoint come from the environment,
    the files and the roles that boto3 knows, unless an endpoint is given. Raises ``ConfigError``, which names
    ``where``, if boto3 is not installed or what it finds does not hold together."""
    try:
        from boto3.session import Session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, NoRegionError
    except ImportError:
        raise ConfigError(f"{where}: Amazon's client is missing; pip install 'onlooker[aws]'") from None
    given: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": read_timeout,
        "retries": {"mode": "standard", "total_max_attempts": 4},
        "max_pool_connections": 32,
    }
    try:
        session = Session()  # the one that boto3 shares is not safe for threads

        def make(**more: Any) -> Any:
            at = {"endpoint_url": endpoint, "region_name": session.region_name or region or None}
            return session.client(service, config=Config(**given, **more), **at)

        if service != "s3":
            return make()
        # Amazon's buckets are hosts of their region, which an address signed for them must name; others' are paths.
        made = make(signature_version="s3v4", s3={"addressing_style": "virtual"})
        if is_amazon(made.meta.endpoint_url):
            return made
        return make(signature_version="s3v4", s3={"addressing_style": "path"})
    except NoRegionError:
        raise ConfigError(f"{where}: no region is named; set AWS_DEFAULT_REGION") from None
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"{where}: boto3 cannot start ({_line(error)}); check the AWS_ variables and files") from None


def is_amazon(endpoint: str) -> bool:
    """Whether an endpoint is Amazon's own."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


@contextmanager
def sentences(where: str, doing: str, right: str, endpoint: str) -> Iterator[None]:
    """Errors of boto3 as ``StorageError``: ``where`` is the address, ``doing`` what was tried (may say which key),
    ``right`` the permission that it needs."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004

    try:
        yield
    except ClientError as error:
        raise refused(where, doing, right, error.response) from None
    except (ConnectionError, HTTPClientError, OSError) as error:
        kind = type(error).__name__
        raise StorageError(
            f"{where}: {doing} failed, as {endpoint} cannot be reached ({kind}); check the network and the endpoint"
        ) from None
    except BotoCoreError as error:
        if "Credentials" in type(error).__name__ or "Token" in type(error).__name__:
            raise StorageError(f"{where}: {doing} failed for want of credentials; {_CREDENTIALS}") from None
        raise StorageError(
            f"{where}: {doing} is not possible ({_line(error)}); check the address and the key"
        ) from None


def code_of(error: Any) -> str:
    """The code of a ``ClientError``, by its older name where it has two."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refused(where: str, doing: str, right: str, response: Any) -> StorageError:
    """What the service's refusal means, and how to mend it."""
    error = response.get("Error", {})
    code, said = str(error.get("Code", "unknown")), _line(error.get("Message", ""))
    status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    what = f"{where}: {doing} was refused ({code})"
    if code in _NO_OBJECT:
        return ObjectMissing(f"{where}: {doing} found no such object; it was never written, or is deleted or expired")
    if code == "NoSuchBucket":
        return StorageError(f"{where}: there is no such bucket; create it or name another")
    if code in _NO_QUEUE:
        return StorageError(f"{where}: there is no such queue in this account and region; create it or name another")
    if code in _FULL or status == "507":
        return StorageFull(f"{what}, as there is no room for it; make room or raise the quota")
    if code in _CLOCK:
        return StorageError(f"{what}, as this machine's clock is wrong; set it")
    if code in _CREDENTIAL:
        return StorageError(f"{what}, as the credentials are wrong or have expired; {_CREDENTIALS}")
    if code in _REGION:
        return StorageError(f"{what}, as it lies in another region; set AWS_DEFAULT_REGION to that")
    if code in _RIGHTS:
        return StorageError(f"{what}; give the role or user the right {right}")
    if code in _BUSY or status in ("500", "503"):
        return StorageError(f"{what}, as the service is overloaded; try again later")
    return StorageError(f"{what}: {said}")


def _line(text: object) -> str:
    return " ".join(str(text).split()).rstrip(".")[:200]
