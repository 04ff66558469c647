"""Everything that can stop a request, each with its HTTP status, OpenAI error type, code and audit outcome.

    GatewayError
    ├── Unauthenticated      401  missing_api_key
    ├── Forbidden            403  invalid_api_key, key_disabled, key_expired, model_not_allowed
    ├── LimitExceeded        429  rate_limit_exceeded, token_budget_exhausted
    ├── PromptBlocked        400  content_policy_violation
    ├── InvalidRequest       400  invalid_json, invalid_parameter; 408, 413, 415 and 404, 405 likewise
    ├── PolicyUnavailable    503  policy_unavailable
    ├── NoTarget             503  no_target
    ├── UpstreamError        502  upstream_error
    │   ├── UpstreamConnectError       never reached it: nothing was sent
    │   ├── UpstreamProtocolError      it does not speak HTTP/1.1 as it should
    │   └── UpstreamCut                it went away before the answer was whole
    ├── UpstreamTimeout      504  upstream_timeout
    ├── ProviderRefusal      the provider's own 4xx, passed through
    ├── LimiterUnavailable   503  limiter_unavailable
    ├── AuditUnavailable     503  audit_unavailable
    └── GatewayStopping      503  gateway_stopping

Messages say what to do, and never contain prompt or answer text, keys or matched secrets.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")

Outcome = Literal[
    "completed",
    "blocked_auth",
    "blocked_limit",
    "blocked_dlp_prompt",
    "blocked_dlp_response",
    "upstream_error",
    "upstream_cut",
    "client_gone",
    "aborted",
    "rejected",
]


class GatewayError(Exception):
    """A request that ends here. `str(error)` is the message its caller reads."""

    status: int = 500
    type: str = "api_error"
    code: str = "internal_error"
    outcome: Outcome = "rejected"
    # Whether the same request may succeed when it is sent again; false becomes `x-should-retry: false`.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = headers or {}


class Unauthenticated(GatewayError):
    status = 401
    type = "invalid_request_error"
    code = "missing_api_key"
    outcome: Outcome = "blocked_auth"


class Forbidden(GatewayError):
    status = 403
    type = "permission_error"
    outcome: Outcome = "blocked_auth"

    def __init__(
        self,
        message: str,
        *,
        code: Literal["invalid_api_key", "key_disabled", "key_expired", "model_not_allowed"],
        param: str | None = None,
    ) -> None:
        super().__init__(message, param=param)
        self.code = code


class LimitExceeded(GatewayError):
    status = 429
    type = "rate_limit_error"
    outcome: Outcome = "blocked_limit"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        code: Literal["rate_limit_exceeded", "token_budget_exhausted"],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, headers=headers)
        self.code = code


class PromptBlocked(GatewayError):
    """The prompt matched a block rule. `findings` are `{rule, action, path, count}`, never text."""

    status = 400
    type = "invalid_request_error"
    code = "content_policy_violation"
    outcome: Outcome = "blocked_dlp_prompt"

    def __init__(self, message: str, *, incident_id: str, findings: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(message)
        self.incident_id = incident_id
        self.findings = findings


class InvalidRequest(GatewayError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_parameter"

    def __init__(
        self, message: str, *, code: str = "invalid_parameter", status: int = 400, param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.code = code
        self.status = status


class PolicyUnavailable(GatewayError):
    """The DLP policy of the key is not compiled yet, or is no more. Nothing passes without it."""

    status = 503
    code = "policy_unavailable"
    retryable = True


class NoTarget(GatewayError):
    status = 503
    code = "no_target"


class UpstreamError(GatewayError):
    """The upstream refused, broke or made no sense."""

    status = 502
    code = "upstream_error"
    outcome: Outcome = "upstream_error"
    retryable = True


class UpstreamConnectError(UpstreamError):
    """No connection could be made, so the upstream has seen nothing of this request."""


class UpstreamProtocolError(UpstreamError):
    """The upstream's bytes are not an HTTP/1.1 response within our limits."""


class UpstreamCut(UpstreamError):
    """The connection ended before the answer was whole."""

    outcome: Outcome = "upstream_cut"


class UpstreamTimeout(GatewayError):
    """A deadline passed; `phase` says which: connect, first_byte, idle, total or pool."""

    status = 504
    code = "upstream_timeout"
    outcome: Outcome = "upstream_error"
    retryable = True

    def __init__(self, message: str, *, phase: Literal["connect", "first_byte", "idle", "total", "pool"]) -> None:
        super().__init__(message)
        self.phase = phase


class ProviderRefusal(GatewayError):
    """The provider answered 4xx; its error passes through in OpenAI's shape with its own status."""

    outcome: Outcome = "upstream_error"

    def __init__(self, status: int, error: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error.get("message") or "The provider refused the request."), headers=headers)
        self.status = status
        self.type = _name(error.get("type")) or "invalid_request_error"
        self.code = _name(error.get("code")) or "provider_error"
        self.param = _name(error.get("param"))


class LimiterUnavailable(GatewayError):
    """The key's limits cannot be counted, so the request cannot be let through."""

    status = 503
    code = "limiter_unavailable"
    outcome: Outcome = "blocked_limit"
    retryable = True


def _name(value: object) -> str | None:
    """A provider's word for what went wrong, if it is one: anything longer could be text of the request."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


class AuditUnavailable(GatewayError):
    status = 503
    code = "audit_unavailable"
    retryable = True


class GatewayStopping(GatewayError):
    """The request was still open when the time for it was over that a stopping worker has."""

    status = 503
    code = "gateway_stopping"
    outcome: Outcome = "aborted"
    retryable = True
