"""Why a key, a token or a login was refused."""

from typing import Any

from reference.refusals import Refusal


class OAuthRefusal(Refusal):
    """The tokens' request was refused."""

    def __init__(self, message: str | None = None, **extra: Any) -> None:
        """Say why, with the member `error` by which OAuth 2.0 names it (RFC 6749, section 5.2)."""
        super().__init__(message, **{"error": type(self).code.replace("-", "_")} | extra)


class UnknownKey(Refusal):
    """There is no such API key."""

    code = "unknown-key"
    status = 404


class KeyNotYours(Refusal):
    """Only its owner makes and rotates a key: whoever holds its secret acts in the owner's name."""

    code = "key-not-yours"
    status = 403


class KeyEnded(Refusal):
    """The key is revoked or has expired; make a new one."""

    code = "key-ended"
    status = 409


class TooManyKeys(Refusal):
    """One login holds at most 20 keys that work; revoke one first."""

    code = "too-many-keys"
    status = 409


class UnknownScope(Refusal):
    """There is no such scope."""

    code = "unknown-scope"


class ScopeBeyondRole(Refusal):
    """A key holds at most what its owner's role allows; made or rotated by a key, at most that key's scopes."""

    code = "scope-beyond-role"
    status = 403


class KeyLifeTooLong(Refusal):
    """A key lives for a year at most, and not past the key that made it."""

    code = "key-life-too-long"


class InvalidClient(OAuthRefusal):
    """The key, or its secret, is not accepted."""

    code = "invalid-client"
    status = 401

    def headers(self) -> dict[str, str]:
        """Return how a key's secret may be brought."""
        return {"WWW-Authenticate": 'Basic realm="Mini FMI", charset="UTF-8"'}


class InvalidGrant(OAuthRefusal):
    """The refresh token is not accepted: unknown, used before, revoked or over. Ask for a token with the secret."""

    code = "invalid-grant"
    status = 400


class InvalidScope(OAuthRefusal):
    """The key was not given this scope."""

    code = "invalid-scope"
    status = 400


class UnsupportedGrantType(OAuthRefusal):
    """The grants here are client_credentials and refresh_token."""

    code = "unsupported-grant-type"
    status = 400


class LoginWaits(Refusal):
    """Too many attempts have failed; wait before the next one."""

    code = "login-waits"
    status = 429


class ScopeMissing(Refusal):
    """The key, or its token, was not given the scope that this operation takes."""

    code = "scope-missing"
    status = 403

    def headers(self) -> dict[str, str]:
        """Return the challenge that names the scope (RFC 6750, section 3.1)."""
        scope = self.extra.get("scope", "")
        return {"WWW-Authenticate": f'Bearer realm="Mini FMI", error="insufficient_scope", scope="{scope}"'}


class SignatureRefusal(Refusal):
    """The request's signature is not accepted."""

    def headers(self) -> dict[str, str]:
        """Return what is to be signed and how (RFC 9110, section 11.6.1)."""
        challenge = 'HMAC-SHA256 realm="Mini FMI", signed="timestamp nonce method path body"'
        return {"WWW-Authenticate": challenge}


class SignatureMissing(SignatureRefusal):
    """An API key signs this request: X-Timestamp, X-Nonce and X-Signature."""

    code = "signature-missing"
    status = 401


class SignatureWrong(SignatureRefusal):
    """X-Signature is not the key's signature of this time, nonce, method, path and body."""

    code = "signature-wrong"
    status = 401


class TimestampOutside(SignatureRefusal):
    """X-Timestamp, in seconds since 1970, is more than 300 seconds from the time here."""

    code = "timestamp-outside"
    status = 401


class NonceUsed(SignatureRefusal):
    """The key has signed a request with this nonce before; sign again with another."""

    code = "nonce-used"
    status = 401


class SignatureNeedsAKey(Refusal):
    """A password is not enough here: log in on the pages, or sign the request with an API key."""

    code = "signature-needs-a-key"
    status = 403
