"""OpenID Connect, the authorization code flow with PKCE, state and nonce: who is it, says the company's provider.

Nothing here opens a session or knows an account; `oidc_pages` does. The provider is one, named in the settings
(`TIERFLOW_OIDC_*`); its description and keys are kept for ten minutes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import current_app
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tierflow.kernel.errors import NotFound

PATIENCE_SECONDS = 5.0
KEPT_SECONDS = 600
LEEWAY_SECONDS = 60
SCOPE = "openid profile email"
# Signed by the provider's private key; never "none", never a key both sides share.
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")


class NotSignedIn(Exception):
    """The provider did not vouch for anybody; the text is for the log, never for people."""


@dataclass(frozen=True)
class Provider:
    """The company's identity provider, as the settings name it."""

    issuer: str
    client_id: str
    client_secret: str
    name: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise RuntimeError("TIERFLOW_OIDC_ISSUER must be an https address")


@dataclass(frozen=True)
class Begun:
    """What the browser keeps while it is at the provider's."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Vouched:
    """Whom the provider vouched for; `email` only when it says that it has verified it."""

    issuer: str
    subject: str
    email: str | None
    name: str


def begin(provider: Provider, redirect_uri: str) -> tuple[str, Begun]:
    """The address to send the browser to, and what to remember. Raises `NotSignedIn` when the provider is away."""
    begun = Begun(generate_token(32), generate_token(32), generate_token(64))
    address = prepare_grant_uri(
        _described(provider)["authorization_endpoint"],
        client_id=provider.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=SCOPE,
        state=begun.state,
        nonce=begun.nonce,
        code_challenge=create_s256_code_challenge(begun.verifier),
        code_challenge_method="S256",
    )
    return str(address), begun


def finish(provider: Provider, begun: Begun, code: str, redirect_uri: str, now: datetime) -> Vouched:
    """Exchange the code, once, and read who it is. Raises `NotSignedIn` for whatever is not exactly right."""
    described = _described(provider)
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": begun.verifier,
    }
    methods = described.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    auth: tuple[str, str] | None = (provider.client_id, provider.client_secret)
    if "client_secret_basic" not in methods:
        data |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        auth = None
    answer = _asked("POST", described["token_endpoint"], data=data, auth=auth)
    if not isinstance(token := answer.get("id_token"), str):
        raise NotSignedIn("no ID token")
    return _read(provider, begun, token, _keys(provider, described), now)


def _read(provider: Provider, begun: Begun, token: str, keys: KeySet, now: datetime) -> Vouched:
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": begun.nonce},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotSignedIn(f"ID token: {error}") from error
    audience = claims["aud"]
    if (claims.get("azp") or (len(audience) > 1 and isinstance(audience, list))) and claims.get(
        "azp"
    ) != provider.client_id:
        raise NotSignedIn("the ID token was made for somebody else")
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject or len(subject) > 255:
        raise NotSignedIn("the ID token names nobody")
    email = claims.get("email") if claims.get("email_verified") is True else None
    return Vouched(provider.issuer, subject, email if isinstance(email, str) else None, str(claims.get("name") or ""))


def issuer() -> str:
    """The issuer of the settings. Raises `NotFound` where there is none."""
    found: Provider | None = current_app.config.get("OIDC")
    if found is None:
        raise NotFound
    return found.issuer


_kept: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
_lock = threading.Lock()


def _described(provider: Provider) -> dict[str, Any]:
    address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
    found = _remembered(address)
    if found.get("issuer") != provider.issuer:
        raise NotSignedIn("the provider describes itself as somebody else")
    for key in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        parts, home = urlsplit(str(found.get(key, ""))), urlsplit(provider.issuer)
        if parts.scheme != home.scheme:
            raise NotSignedIn(f"the provider's {key} is not safe")
    return found


def _keys(provider: Provider, described: dict[str, Any]) -> KeySet:
    try:
        return KeySet.import_key_set(_remembered(described["jwks_uri"]))  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotSignedIn(f"keys of {provider.issuer}: {error}") from error


def _remembered(address: str) -> dict[str, Any]:
    at = time.monotonic()
    with _lock:
        found = _kept.get(("GET", address))
    if found is not None and at - found[0] < KEPT_SECONDS:
        return found[1]
    answer = _asked("GET", address)
    with _lock:
        _kept["GET", address] = (at, answer)
    return answer


def forget() -> None:
    """Forget what was remembered of providers."""
    with _lock:
        _kept.clear()


def _asked(method: str, address: str, **more: Any) -> dict[str, Any]:
    try:
        answer = httpx.request(method, address, timeout=PATIENCE_SECONDS, follow_redirects=False, **more)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NotSignedIn(f"{address}: {error}") from error
    if not isinstance(found, dict):
        raise NotSignedIn(f"{address}: not an object")
    return found
