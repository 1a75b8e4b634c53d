"""Who signed a request, by Amazon's Signature Version 4: what its clients send in place of a key.

A signature covers the method, the address, the headers it names and the body, so nothing of these can be changed on the
way; and the moment, so that what was overheard is of no use a quarter of an hour later. The derivation itself is
botocore's, which signs with the same code.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from onlooker.service.security import Key, KeyFile

SKEW = timedelta(minutes=15)
"""How far the moment of a signature may lie from now, as at Amazon."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<id>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<headers>[a-z0-9;._-]+),\s*Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)

_MUST = {"host", "x-amz-date", "x-amz-target"}
"""Headers that a signature has to cover: where to, when, and what is asked."""


class SignatureRefused(Exception):
    """A signature that is missing, wrong or old; the message is one sentence for whoever sent it."""


def signer(request: Request, body: bytes, keys: KeyFile, now: datetime) -> Key:
    """The key that signed a request for Rekognition. ``now`` is aware. Raises ``SignatureRefused``."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
    if found is None or found["service"] != "rekognition":
        raise SignatureRefused(
            "the request is not signed for rekognition; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to what "
            "`onlooker keys add NAME --rekognition` prints"
        )
    date = _moment(request.headers.get("x-amz-date", ""))
    if date is None or f"{date:%Y%m%d}" != found["day"] or abs(now - date) > SKEW:
        raise SignatureRefused(
            f"the signature is not of the last 15 minutes; set the clock, which here says {now.astimezone(UTC):%FT%TZ}"
        )
    covered = found["headers"].split(";")
    if not _MUST.issubset(covered):
        raise SignatureRefused(f"the signature has to cover {', '.join(sorted(_MUST))}; sign these headers too")
    key = keys.by_id(found["id"], now)
    if key is None:
        raise SignatureRefused("the access key id is unknown or has ended; ask for a new one")
    if key.secret is None:
        raise SignatureRefused("this key is not one for Rekognition clients; ask for one made with --rekognition")
    sent = request.headers.get("x-amz-content-sha256")
    if sent is not None and not hmac.compare_digest(sent.encode(), hashlib.sha256(body).hexdigest().encode()):
        raise SignatureRefused("the body is not the one that was signed; send it unchanged, and sign its hash")
    right = _signature(request, body, covered, key, found)
    if not hmac.compare_digest(right, found["signature"]):
        raise SignatureRefused(
            "the signature does not fit the request; check the secret access key, and that no proxy changes the host"
        )
    return key


def _signature(request: Request, body: bytes, covered: list[str], key: Key, found: re.Match[str]) -> str:
    """The signature that the key gives the request as it was received."""
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ImportError:
        raise SignatureRefused(
            "this server cannot check signatures, as botocore is missing; its operator does pip install 'onlooker[aws]'"
        ) from None
    host = request.headers.get("host", "")
    query = "?" + request.scope["query_string"].decode("latin-1")
    headers = {name: ",".join(request.headers.getlist(name)) for name in covered}
    # An http address: for one of https, botocore may leave the body out.
    received = AWSRequest(request.method, f"http://{host}{request.url.path}{query}", headers, body)
    received.context["timestamp"] = request.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(key.id, key.secret), found["service"], found["region"])
    return str(auth.signature(auth.string_to_sign(received, auth.canonical_request(received)), received))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
