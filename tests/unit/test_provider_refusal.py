"""A provider's error passes on in OpenAI's shape, and carries out neither secrets nor text in the place of names."""

import pytest

from synapse.dlp import Ruleset, default_ruleset
from synapse.provider_refusal import provider_refusal


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return default_ruleset()


def test_the_providers_words_are_scanned(ruleset: Ruleset) -> None:
    raw = b'{"error":{"message":"no: 4111 1111 1111 1111","type":"t","code":"c","param":"messages[0].content"}}'
    error, found = provider_refusal(400, raw, retry_after=None, ruleset=ruleset)
    assert (error.message, error.type, error.code) == ("no: [REDACTED:credit_card]", "t", "c")
    assert error.param == "messages[0].content"
    assert found == {"credit_card": 1}


@pytest.mark.parametrize("code", ["the user said: hello", "", "x" * 65, 7, None, ["a"]])
def test_what_is_no_name_is_not_kept_as_one(ruleset: Ruleset, code: object) -> None:
    import orjson

    raw = orjson.dumps({"error": {"message": "m", "code": code, "type": code, "param": code}})
    error, _ = provider_refusal(422, raw, retry_after=None, ruleset=ruleset)
    assert (error.status, error.code, error.type, error.param) == (422, "provider_error", "invalid_request_error", None)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"error":7}', b'{"detail":"x"}'])
def test_an_answer_without_an_error_gets_a_message_of_ours(ruleset: Ruleset, raw: bytes) -> None:
    error, _ = provider_refusal(404, raw, retry_after=None, ruleset=ruleset)
    assert error.message == "The provider refused the request."


def test_some_servers_write_the_error_as_a_text(ruleset: Ruleset) -> None:
    error, _ = provider_refusal(400, b'{"error":"model not found"}', retry_after=None, ruleset=ruleset)
    assert error.message == "model not found"


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        (b"20", True),
        (b"1.5", True),
        (b"Wed, 21 Oct 2026 07:28:00 GMT", True),
        (b"my secret word", False),
        (b"20, 30", False),
        (None, False),
    ],
)
def test_only_a_time_passes_as_the_time_to_retry(ruleset: Ruleset, value: bytes | None, passes: bool) -> None:
    error, _ = provider_refusal(429, b"{}", retry_after=value, ruleset=ruleset)
    assert ("retry-after" in error.headers) is passes
