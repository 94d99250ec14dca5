"""Sessions, clients and the one place where botocore's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

from daylily_ec.errors import (
    AccessDenied,
    AwsError,
    CredentialsExpired,
    NoCredentials,
    Throttled,
    Unreachable,
    ValidationError,
)

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403", "Forbidden"}
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
_CONNECT_TIMEOUT_S = 10
_READ_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: account, ARN, and the name that the username tag carries."""

    account_id: str
    arn: str

    @property
    def user(self) -> str:
        """Text after the last slash of the ARN (user or session name); `root` for the account itself."""
        return self.arn.rsplit("/", 1)[-1] if "/" in self.arn else self.arn.rsplit(":", 1)[-1]


class Client:
    """A botocore client whose failures are errors of ours.

    `call` runs one operation, `pages` every page of one.  `AwsError.details["aws_code"]` keeps AWS's code, so a
    module can tell *its* not-found apart; nothing else may be read as absence.
    """

    def __init__(self, service: str, raw: Any) -> None:
        self.service = service
        self.raw = raw

    def call(self, operation: str, /, **params: Any) -> dict[str, Any]:
        """The response of one operation (snake case name)."""
        try:
            response: dict[str, Any] = getattr(self.raw, operation)(**params)
        except Exception as exc:
            raise translate(exc, self.service, operation) from exc
        return response

    def pages(self, operation: str, key: str, /, **params: Any) -> Iterator[Any]:
        """Every item under `key` over all pages."""
        try:
            for page in self.raw.get_paginator(operation).paginate(**params):
                yield from page.get(key) or []
        except AwsError:
            raise
        except Exception as exc:
            raise translate(exc, self.service, operation) from exc


def aws_code(error: AwsError) -> str:
    """AWS's own error code, or an empty text."""
    return str(error.details.get("aws_code", ""))


def translate(exc: Exception, service: str, operation: str) -> Exception:
    """The error of ours for a botocore exception; anything else is returned unchanged."""
    from botocore import exceptions as bc
    from botocore.parsers import ResponseParserError

    action = f"{service}:{''.join(part.capitalize() for part in operation.split('_'))}"
    if isinstance(exc, bc.ClientError):
        # AWS's own spelling: ListAWSDefaultServiceQuotas cannot be made from the method's name.
        return _client_error(exc, f"{service}:{exc.operation_name}")
    if isinstance(exc, bc.NoCredentialsError | bc.PartialCredentialsError | bc.CredentialRetrievalError):
        return NoCredentials(f"{action}: no AWS credentials: {exc}", hint="Log in, or choose another --profile.")
    if isinstance(exc, bc.UnauthorizedSSOTokenError | bc.SSOTokenLoadError | bc.TokenRetrievalError):
        return CredentialsExpired(f"{action}: the SSO session has expired.", hint="Run: aws sso login, then repeat.")
    if isinstance(exc, bc.HTTPClientError | bc.ConnectionError):
        return Unreachable(f"{action}: the AWS endpoint did not answer: {exc}", hint="Check the network, then repeat.")
    if isinstance(exc, bc.ParamValidationError):
        return ValidationError(f"{action}: {exc}")
    if isinstance(exc, ResponseParserError):
        return AwsError(f"{action}: the answer is not one of AWS's: {str(exc).splitlines()[0]}",
                        hint="Repeat; if it stays, look for a proxy in between.")  # fmt: skip
    if isinstance(exc, bc.BotoCoreError):
        return AwsError(f"{action}: {exc}")
    return exc


def _client_error(exc: Any, action: str) -> AwsError:
    error = exc.response.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    details = {
        "action": action,
        "aws_code": code,
        "aws_message": message,
        "request_id": exc.response.get("ResponseMetadata", {}).get("RequestId", ""),
    }
    if code in _DENIED:
        return AccessDenied(f"{action} was denied: {message or code}", details=details,
                            hint=f"Have {action} allowed for this caller, then repeat.")  # fmt: skip
    if code in _EXPIRED:
        return CredentialsExpired(f"{action}: the credentials are not valid any more ({code}).", details=details,
                                  hint="Log in again, then repeat.")  # fmt: skip
    if code in _THROTTLED:
        return Throttled(f"{action} was throttled: {message}", details=details, hint="Wait a minute, then repeat.")
    return AwsError(f"{action} failed: {code}: {message}", details=details)


class AwsContext:
    """One profile and region; clients are made once and are safe to share between threads."""

    def __init__(self, profile: str | None, region: str) -> None:
        self.profile = profile
        self.region = region
        self._lock, self._introduction = Lock(), Lock()
        self._clients: dict[tuple[str, str], Client] = {}
        self._session: Any = None
        self._identity: Identity | None = None

    def client(self, service: str, region: str | None = None) -> Client:
        """The client of a service, in the context's region unless another is named."""
        place = region or self.region
        with self._lock:
            if (service, place) not in self._clients:
                self._clients[service, place] = Client(service, self._make(service, place))
            return self._clients[service, place]

    def prepare(self, *services: str) -> None:
        """Make the clients of services ahead of their use, which takes time but asks AWS nothing."""
        for service in services:
            self.client(service)

    def _make(self, service: str, region: str) -> Any:
        from botocore import exceptions as bc
        from botocore.config import Config

        from daylily_ec.aws.session import new_session

        try:
            if self._session is None:
                self._session = new_session(self.profile, self.region)
            retries: Any = {"mode": "standard", "total_max_attempts": 5}
            # Without it botocore signs URLs in the old way, which newer regions and encrypted buckets refuse.
            signature = "s3v4" if service == "s3" else None
            options = Config(retries=retries, signature_version=signature,
                             connect_timeout=_CONNECT_TIMEOUT_S, read_timeout=_READ_TIMEOUT_S,
                             max_pool_connections=32, user_agent_extra="dyec")  # fmt: skip
            return self._session.create_client(service, region_name=region, config=options)
        except bc.ProfileNotFound as exc:
            raise ValidationError(f"AWS profile {self.profile!r} does not exist.", code="unknown_profile",
                                  hint="List the profiles with: aws configure list-profiles") from exc  # fmt: skip
        except bc.BotoCoreError as exc:
            raise AwsError(f"No AWS client for {service}: {exc}") from exc

    def secrets(self) -> tuple[str, ...]:
        """The credentials in use, for those who must take them out of what they hand on; none when there are none."""
        from botocore import exceptions as bc

        with self._lock:
            session = self._session
        try:
            found = session.get_credentials() if session is not None else None
            frozen = found.get_frozen_credentials() if found is not None else None
        except bc.BotoCoreError:
            return ()
        values = (frozen.access_key, frozen.secret_key, frozen.token) if frozen is not None else ()
        return tuple(value for value in values if value)

    def credentials(self) -> Any:
        """The credentials as botocore's signers take them, renewed when they are about to expire."""
        found = self._session.get_credentials() if self._session is not None else None
        if found is None:
            raise NoCredentials("There are no AWS credentials.", hint="Log in, or choose another --profile.")
        return found.get_frozen_credentials()

    def certificates(self) -> str | None:
        """File of the certificate authorities that the profile or AWS_CA_BUNDLE names."""
        found = self._session.get_config_variable("ca_bundle") if self._session is not None else None
        return str(found) if found else None

    def identity(self) -> Identity:
        """Account and ARN of the caller (sts:GetCallerIdentity, asked once, however many threads want it)."""
        with self._introduction:
            if self._identity is None:
                answer = self.client("sts").call("get_caller_identity")
                self._identity = Identity(answer["Account"], answer["Arn"])
            return self._identity
