"""The x-ratelimit-* and retry-after headers, in the form OpenAI's clients know."""

import math
from collections.abc import Mapping

from ..interfaces import Headers


def requests_headers(limit: int, remaining: int, reset_s: float) -> Headers:
    """What is left of the minute's requests."""
    return (
        (b"x-ratelimit-limit-requests", b"%d" % limit),
        (b"x-ratelimit-remaining-requests", b"%d" % max(remaining, 0)),
        (b"x-ratelimit-reset-requests", duration(reset_s)),
    )


def tokens_headers(limit: int, remaining: int, reset_s: float) -> Headers:
    """What is left of the day's tokens."""
    return (
        (b"x-ratelimit-limit-tokens", b"%d" % limit),
        (b"x-ratelimit-remaining-tokens", b"%d" % max(remaining, 0)),
        (b"x-ratelimit-reset-tokens", duration(reset_s)),
    )


def refusal_headers(headers: Headers, retry_after_s: float) -> Mapping[str, str]:
    """The same for a refused request, with the time after which it may be sent again."""
    texts = {name.decode(): value.decode() for name, value in headers}
    return {"retry-after": str(max(math.ceil(retry_after_s), 1)), **texts}


def duration(seconds: float) -> bytes:
    """Whole seconds, rounded up, in Go's notation: 12s, 6m0s, 1h2m3s."""
    whole = math.ceil(seconds)
    if whole < 60:
        return b"%ds" % whole
    if whole < 3600:
        return b"%dm%ds" % (whole // 60, whole % 60)
    return b"%dh%dm%ds" % (whole // 3600, whole // 60 % 60, whole % 60)
