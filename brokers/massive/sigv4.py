"""Requests to an S3-compatible store, signed with AWS signature version 4.

Source: AWS, Signature Version 4 signing process, "Authenticating requests: using the Authorization header".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from yarl import URL

from qm.clock import utc
from qm.log import Secret

_EMPTY: Final = hashlib.sha256(b"").hexdigest()
"""Digest of a request without body."""
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """The pair of keys of an S3-compatible store."""

    key_id: Secret
    secret: Secret
    region: str = "us-east-1"


def signed(keys: Keys, method: str, url: URL, now: int, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers of a request without body, made at `now` (ns UTC); `more` are signed with it."""
    stamp = f"{utc(now):%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/{keys.region}/s3/aws4_request"
    headers = {**(more or {}), "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    port = "" if url.is_default_port() else f":{url.port}"
    sent = sorted({name.lower(): " ".join(value.split()) for name, value in headers.items()}.items())
    listed = sorted([*sent, ("host", f"{url.host}{port}")])
    names = ";".join(name for name, _ in listed)
    canonical = "\n".join(
        (method, url.raw_path, _query(url), *(f"{name}:{value}" for name, value in listed), "", names, _EMPTY)
    )
    to_sign = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret.reveal()}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{keys.key_id.reveal()}/{scope}"
    headers["Authorization"] = f"{_ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
    return headers


def _query(url: URL) -> str:
    return "&".join(sorted(part if "=" in part else f"{part}=" for part in url.raw_query_string.split("&") if part))
