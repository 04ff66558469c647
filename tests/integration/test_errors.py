"""Every row of the error table: as the SDK's own exception class, in OpenAI's shape, with one audit entry each."""

import json
from collections.abc import Iterator

import openai
import pytest
from fixtures_gateway import Gateway, KeyMaker
from openai import OpenAI

from synapse.dlp.validators import key_checksum

MESSAGES = [{"role": "user", "content": "hello"}]
# Made at run time, so that no scanner takes this file for a leak.
FAKE_KEY = "syn_" + "A" * 32 + key_checksum("A" * 32)


def client_for(gateway: Gateway, key: str) -> OpenAI:
    return OpenAI(base_url=gateway.api, api_key=key, max_retries=0)


@pytest.fixture
def client(gateway: Gateway, key: str) -> Iterator[OpenAI]:
    with client_for(gateway, key) as client:
        yield client


def refusal(client: OpenAI, model: str = "echo", **fields: object) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**{"model": model, "messages": MESSAGES, **fields})  # type: ignore[call-overload]
    return caught.value


async def entry(gateway: Gateway, error: openai.APIStatusError) -> dict[str, object]:
    """The one audit entry of the request that failed."""
    return await entry_of(gateway, error.response.headers["x-request-id"])


async def entry_of(gateway: Gateway, request_id: str) -> dict[str, object]:
    import asyncio

    for _ in range(200):
        rows = await gateway.sql("SELECT * FROM synapse.audit_log WHERE request_id = $1::uuid", request_id)
        if rows:
            assert len(rows) == 1
            return dict(rows[0])
        await asyncio.sleep(0.02)
    raise AssertionError(f"no entry for {request_id}")


def shape(error: openai.APIStatusError) -> tuple[type, int, str | None, str | None]:
    assert isinstance(error.body, dict)
    return type(error), error.status_code, error.type, error.code


async def test_unknown_key(gateway: Gateway) -> None:
    with client_for(gateway, FAKE_KEY) as client:
        error = refusal(client)
    assert shape(error) == (openai.PermissionDeniedError, 403, "permission_error", "invalid_api_key")
    assert error.response.headers["x-should-retry"] == "false"
    row = await entry(gateway, error)
    assert (row["outcome"], row["http_status"], row["error_code"]) == ("blocked_auth", 403, "invalid_api_key")


async def test_missing_key(gateway: Gateway) -> None:
    with OpenAI(
        base_url=gateway.api, api_key="x", max_retries=0, default_headers={"Authorization": "Basic eDp5"}
    ) as client:
        error = refusal(client)
    assert shape(error) == (openai.AuthenticationError, 401, "invalid_request_error", "missing_api_key")
    row = await entry(gateway, error)
    assert (row["outcome"], row["http_status"], row["key_id"]) == ("blocked_auth", 401, None)


async def test_disabled_key(gateway: Gateway, make_key: KeyMaker) -> None:
    key = make_key(models=("echo",))
    gateway.synapse("keys", "disable", key[:12])
    with client_for(gateway, key) as client:
        for _ in range(100):  # until every worker knows
            error = refusal_or_none(client)
            if error is not None:
                break
        assert error is not None
    assert shape(error) == (openai.PermissionDeniedError, 403, "permission_error", "key_disabled")
    row = await entry(gateway, error)
    assert (row["outcome"], row["error_code"], row["team_name"]) == ("blocked_auth", "key_disabled", "quality")


def refusal_or_none(client: OpenAI) -> openai.APIStatusError | None:
    try:
        client.chat.completions.create(model="echo", messages=MESSAGES)  # type: ignore[arg-type]
    except openai.APIStatusError as error:
        return error
    return None


async def test_expired_key(gateway: Gateway, make_key: KeyMaker) -> None:
    from datetime import UTC, datetime, timedelta

    soon = datetime.now(UTC) + timedelta(seconds=2)
    key = make_key("--expires", soon.isoformat(), models=("echo",))
    with client_for(gateway, key) as client:
        while datetime.now(UTC) < soon:
            refusal_or_none(client)
        error = refusal(client)
    assert shape(error) == (openai.PermissionDeniedError, 403, "permission_error", "key_expired")
    assert (await entry(gateway, error))["error_code"] == "key_expired"


async def test_model_not_allowed(gateway: Gateway, make_key: KeyMaker) -> None:
    with client_for(gateway, make_key(models=("echo",))) as client:
        error = refusal(client, model="story")
    assert shape(error) == (openai.PermissionDeniedError, 403, "permission_error", "model_not_allowed")
    assert error.param == "model"
    row = await entry(gateway, error)
    assert (row["outcome"], row["model_requested"]) == ("blocked_auth", "story")


async def test_rate_limit(gateway: Gateway, make_key: KeyMaker) -> None:
    key = make_key("--requests-per-minute", "3", models=("echo",))
    with client_for(gateway, key) as client:
        error = None
        for _ in range(7):  # a minute may end in between, and gives three more
            error = error or refusal_or_none(client)
    assert error is not None
    assert shape(error) == (openai.RateLimitError, 429, "rate_limit_error", "rate_limit_exceeded")
    headers = error.response.headers
    assert headers["x-ratelimit-limit-requests"] == "3"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 0 < float(headers["retry-after"]) <= 60
    assert (await entry(gateway, error))["outcome"] == "blocked_limit"


async def test_token_budget(gateway: Gateway, make_key: KeyMaker) -> None:
    key = make_key("--tokens-per-day", "200", models=("echo",))
    with client_for(gateway, key) as client:
        error = refusal(client, max_tokens=5000)
    assert shape(error) == (openai.RateLimitError, 429, "rate_limit_error", "token_budget_exhausted")
    assert error.response.headers["x-ratelimit-limit-tokens"] == "200"


async def test_concurrency(gateway: Gateway, make_key: KeyMaker) -> None:
    key = make_key("--concurrent-requests", "1", models=("story-slow", "echo"))
    with client_for(gateway, key) as client:
        with client.chat.completions.create(model="story-slow", messages=MESSAGES, stream=True) as stream:  # type: ignore[call-overload]
            next(iter(stream))
            error = refusal(client)
        assert shape(error) == (openai.RateLimitError, 429, "rate_limit_error", "rate_limit_exceeded")


async def test_blocked_prompt(client: OpenAI, gateway: Gateway) -> None:
    secret = "AKIA" + "QWERTYUIOPASDFGH"
    error = refusal(client, messages=[{"role": "user", "content": f"use {secret} please"}])
    assert shape(error) == (openai.BadRequestError, 400, "invalid_request_error", "content_policy_violation")
    assert isinstance(error.body, dict)
    assert error.body["findings"] == [
        {"rule": "aws_access_key", "action": "block", "path": "messages[0].content", "count": 1}
    ]
    assert secret not in error.response.text
    row = await entry(gateway, error)
    assert (row["outcome"], row["dlp_action"]) == ("blocked_dlp_prompt", "block")
    assert str(row["incident_id"]) == error.body["incident_id"]
    assert json.loads(row["dlp_findings"]) == {"aws_access_key": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"temperature": 3}, "temperature"), ({"messages": []}, "messages"), ({"n": 0}, "n")],
)
async def test_parameter_out_of_range(client: OpenAI, gateway: Gateway, fields: dict[str, object], param: str) -> None:
    error = refusal(client, **fields)
    assert shape(error) == (openai.BadRequestError, 400, "invalid_request_error", "invalid_parameter")
    assert error.param == param
    assert (await entry(gateway, error))["outcome"] == "rejected"


async def test_no_target_in_the_zone_that_is_allowed(client: OpenAI, gateway: Gateway) -> None:
    error = refusal(client, model="in-cloud")
    assert shape(error) == (openai.InternalServerError, 503, "api_error", "no_target")
    row = await entry(gateway, error)
    assert (row["outcome"], row["upstream"], row["classification"]) == ("rejected", None, "sensitive")


@pytest.mark.parametrize(
    ("model", "status", "code", "outcome"),
    [
        ("unreachable", 502, "upstream_error", "upstream_error"),
        ("fault-reset", 502, "upstream_error", "upstream_cut"),
        ("fault-garbage", 502, "upstream_error", "upstream_error"),
        ("fault-500", 502, "upstream_error", "upstream_error"),
        ("fault-401", 502, "upstream_error", "upstream_error"),
        ("fault-hang", 504, "upstream_timeout", "upstream_error"),
    ],
)
async def test_upstream_faults(
    client: OpenAI, gateway: Gateway, model: str, status: int, code: str, outcome: str
) -> None:
    error = refusal(client, model=model)
    assert shape(error) == (openai.InternalServerError, status, "api_error", code)
    row = await entry(gateway, error)
    assert row["http_status"] == status
    assert row["outcome"] in {outcome, "upstream_error"}


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("fault-400", openai.BadRequestError),
        ("fault-404", openai.NotFoundError),
        ("fault-429", openai.RateLimitError),
    ],
)
async def test_the_providers_own_4xx_passes_through(
    client: OpenAI, gateway: Gateway, model: str, kind: type[openai.APIStatusError]
) -> None:
    error = refusal(client, model=model)
    assert type(error) is kind
    assert isinstance(error.body, dict)
    assert {"message", "type", "code", "param"} <= set(error.body)
    row = await entry(gateway, error)
    assert (row["outcome"], row["http_status"]) == ("upstream_error", error.status_code)


async def test_a_cut_stream_is_an_error_and_never_done(client: OpenAI, gateway: Gateway, key: str) -> None:
    status, headers, body = 0, {}, b""
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="fault-cut", messages=MESSAGES, stream=True))  # type: ignore[call-overload]
    status, headers, body = raw_stream(gateway, key, "fault-cut")
    assert status == 200
    assert b"[DONE]" not in body
    assert b'data: {"error":' in body
    row = await entry_of(gateway, headers["x-request-id"])
    assert (row["outcome"], row["http_status"], row["stream"]) == ("upstream_cut", 200, True)


def raw_stream(gateway: Gateway, key: str, model: str) -> tuple[int, dict[str, str], bytes]:
    """A streamed answer as it came, also when its end is missing."""
    import http.client

    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    body = json.dumps({"model": model, "messages": MESSAGES, "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    try:
        data = response.read()
    except http.client.IncompleteRead as cut:
        data = cut.partial
    else:
        raise AssertionError("the stream had a proper end")
    finally:
        connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, data


async def test_a_stalled_stream_ends_with_an_error(gateway: Gateway, key: str) -> None:
    _, headers, body = raw_stream(gateway, key, "fault-stall")
    assert b"[DONE]" not in body
    assert b"upstream_timeout" in body
    assert (await entry_of(gateway, headers["x-request-id"]))["error_code"] == "upstream_timeout"


async def test_an_error_event_of_the_upstream_ends_the_stream(gateway: Gateway, key: str) -> None:
    _, headers, body = raw_stream(gateway, key, "fault-event")
    assert b"[DONE]" not in body
    assert b'"error"' in body
    assert (await entry_of(gateway, headers["x-request-id"]))["outcome"] == "upstream_error"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "invalid_json"),
        (b"[]", {}, 400, "invalid_json"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, {}, 400, "invalid_parameter"),
        (
            b'{"model":"echo","messages":[{"role":"user","content":' + b"[" * 90 + b"]" * 90 + b"}]}",
            {},
            400,
            "invalid_json",
        ),
        (b'{"model":"echo"}', {}, 400, "invalid_parameter"),
        (b" " * 200_001, {}, 413, "request_too_large"),
        (b"\x1f\x8b", {"Content-Encoding": "gzip"}, 415, "unsupported_encoding"),
    ],
    ids=["not-json", "not-an-object", "deep-no-model", "deep", "no-messages", "huge", "compressed"],
)
async def test_a_body_that_cannot_be_used(
    gateway: Gateway, key: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answered, received, raw = gateway.post(body, key=key, headers=headers)
    assert (answered, json.loads(raw)["error"]["code"]) == (status, code)
    assert set(json.loads(raw)["error"]) == {"message", "type", "param", "code"}
    row = await entry_of(gateway, received["x-request-id"])
    assert (row["outcome"], row["http_status"], row["error_code"]) == ("rejected", status, code)


async def test_failover_happens_only_when_nothing_was_sent(client: OpenAI, gateway: Gateway) -> None:
    raw = client.chat.completions.with_raw_response.create(model="failover", messages=MESSAGES)  # type: ignore[arg-type]
    assert raw.parse().choices[0].message.content == "hello"
    row = await entry_of(gateway, raw.headers["x-request-id"])
    assert (row["outcome"], row["upstream"]) == ("completed", "local")


async def test_a_wrong_path_or_method_is_on_record_too(gateway: Gateway, key: str) -> None:
    import http.client

    for method, path, status in (
        ("POST", "/v1/Chat/completions", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v1/chat%2fcompletions", 404),
        ("GET", "/v1/chat/completions", 405),
        ("HEAD", "/v1/chat/completions", 405),
        ("OPTIONS", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
    ):
        connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=5)
        connection.request(method, path, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        response.read()
        assert response.status == status, (method, path)
        row = await entry_of(gateway, response.headers["x-request-id"])
        assert (row["outcome"], row["http_status"]) == ("rejected", status)
        connection.close()
