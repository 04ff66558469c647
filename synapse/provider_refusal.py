"""A provider's own 4xx, made fit to pass on: in OpenAI's shape, its texts scanned, nothing taken at its word."""

import re
from collections import Counter

import orjson

from .dlp import Ruleset, Side
from .errors import ProviderRefusal

# A number of seconds, or a date as RFC 9110 §5.6.7 writes it.
_RETRY_AFTER = re.compile(r"\d{1,9}(\.\d{1,3})?|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


def provider_refusal(
    status: int, raw: bytes, *, retry_after: bytes | None, ruleset: Ruleset
) -> tuple[ProviderRefusal, Counter[str]]:
    """What the client gets for a provider's answer, and which rules redacted something of it, how often."""
    found: Counter[str] = Counter()
    error = _error_object(raw)
    texts = {name: error[name] for name in ("message", "type", "code", "param") if isinstance(error.get(name), str)}
    for name, text in texts.items():
        scan = ruleset.scan(str(text), Side.ANSWER)
        found.update(finding.rule for finding in scan.findings if finding.action != "alert")
        texts[name] = scan.redacted
    wait = (retry_after or b"").decode("latin-1")
    headers = {"retry-after": wait} if _RETRY_AFTER.fullmatch(wait) else {}
    return ProviderRefusal(status, texts, headers=headers), found


def _error_object(raw: bytes) -> dict[str, object]:
    """`{"error": {…}}`, or `{"error": "…"}` as some servers write it; nothing for all else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else {}
