"""One entry exactly for each request, with the right outcome, and its hashes instead of its text."""

import asyncio
import hashlib
import hmac
import json
from pathlib import Path

from fixtures_gateway import Gateway, KeyMaker, running_gateway

MESSAGES = [{"role": "user", "content": "hello"}]


async def entries(gateway: Gateway, request_id: str) -> list[dict[str, object]]:
    for _ in range(200):
        rows = await gateway.sql("SELECT * FROM synapse.audit_log WHERE request_id = $1::uuid", request_id)
        if rows:
            return [dict(row) for row in rows]
        await asyncio.sleep(0.02)
    return []


async def test_a_completed_request_is_one_whole_entry(gateway: Gateway, key: str) -> None:
    text = "What is the capital of France?"
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": text}]}).encode()
    status, headers, raw = gateway.post(body, key=key, headers={"User-Agent": "tests/1.0"})
    assert status == 200
    (row,) = await entries(gateway, headers["x-request-id"])
    answer = json.loads(raw)
    expected = {
        "outcome": "completed",
        "http_status": 200,
        "endpoint": "/v1/chat/completions",
        "team_name": "quality",
        "key_prefix": key[:12],
        "user_agent": "tests/1.0",
        "model_requested": "echo",
        "model_served": "echo",
        "upstream": "local",
        "zone": "on_prem",
        "classification": "sensitive",
        "route_reason": "sensitive: on_prem only",
        "stream": False,
        "finish_reason": "stop",
        "dlp_action": "none",
        "error_code": None,
        "request_bytes": len(body),
        "response_bytes": len(raw),
        "prompt_tokens": answer["usage"]["prompt_tokens"],
        "completion_tokens": answer["usage"]["completion_tokens"],
        "prompt_sha256": hashlib.sha256(text.encode()).digest(),
        "request_sha256": hashlib.sha256(body).digest(),
        "response_sha256": hashlib.sha256(text.encode()).digest(),
    }
    assert {name: row[name] for name in expected} == expected
    for amount in ("latency_us", "ttft_us", "upstream_us", "auth_us", "dlp_in_us", "dlp_out_us"):
        assert isinstance(row[amount], int)
    assert row["latency_us"] >= row["upstream_us"] > 0  # type: ignore[operator]
    assert row["ended_at"] > row["started_at"]  # type: ignore[operator]


async def test_the_intent_is_there_for_each_request_that_reached_an_upstream(gateway: Gateway, key: str) -> None:
    _, sent, _ = gateway.post({"model": "fault-500", "messages": MESSAGES}, key=key)
    _, refused, _ = gateway.post({"model": "in-cloud", "messages": MESSAGES}, key=key)
    await entries(gateway, sent["x-request-id"])
    await entries(gateway, refused["x-request-id"])
    query = "SELECT count(*) FROM synapse.audit_intents WHERE request_id = $1::uuid"
    assert (await gateway.sql(query, sent["x-request-id"]))[0][0] == 1
    assert (await gateway.sql(query, refused["x-request-id"]))[0][0] == 0


async def test_a_completed_stream_counts_tokens_that_the_client_did_not_ask_for(gateway: Gateway, key: str) -> None:
    _, headers, raw = gateway.post({"model": "echo", "messages": MESSAGES, "stream": True}, key=key)
    assert raw.endswith(b"data: [DONE]\n\n")
    assert b"prompt_tokens" not in raw
    (row,) = await entries(gateway, headers["x-request-id"])
    assert (row["outcome"], row["stream"], row["response_bytes"]) == ("completed", True, len(raw))
    assert row["completion_tokens"] > 0  # type: ignore[operator]
    assert row["response_sha256"] == hashlib.sha256(b"hello").digest()


async def test_a_redacted_request_keeps_the_hash_of_what_was_received(gateway: Gateway, key: str) -> None:
    text = "My card is 4111 1111 1111 1111."
    body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
    _, headers, raw = gateway.post(body, key=key)
    delivered = json.loads(raw)["choices"][0]["message"]["content"]
    (row,) = await entries(gateway, headers["x-request-id"])
    assert (row["dlp_action"], json.loads(row["dlp_findings"])) == ("redact", {"credit_card": 1})  # type: ignore[arg-type]
    assert row["prompt_sha256"] == hashlib.sha256(text.encode()).digest()
    assert row["response_sha256"] == hashlib.sha256(delivered.encode()).digest()


async def test_find_finds_a_request_by_the_text_of_its_prompt(gateway: Gateway, key: str) -> None:
    text = "Is this sentence on record anywhere?"
    _, headers, _ = gateway.post({"model": "echo", "messages": [{"role": "user", "content": text}]}, key=key)
    await entries(gateway, headers["x-request-id"])
    assert headers["x-request-id"] in gateway.synapse("audit", "find", "--text", text, "--json").stdout
    assert headers["x-request-id"] not in gateway.synapse("audit", "find", "--text", text + " ", "--json").stdout


async def test_a_hash_key_makes_the_hashes_useless_without_it(public_tmp_path: Path, demo_url: str) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    with running_gateway(
        public_tmp_path, demo_url, environ={"SYNAPSE_AUDIT__HASH_KEY": secret}, server={"workers": 1}
    ) as gateway:
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        key = KeyMaker(gateway)(models=("echo",))
        _, headers, _ = gateway.post({"model": "echo", "messages": MESSAGES}, key=key)
        (row,) = await entries(gateway, headers["x-request-id"])
        assert row["prompt_sha256"] == hmac.digest(secret.encode(), b"hello", "sha256")


async def test_when_the_log_is_full_requests_are_refused_before_any_upstream_call(
    public_tmp_path: Path, demo_url: str
) -> None:
    with running_gateway(
        public_tmp_path, demo_url, server={"workers": 1}, audit={"queue_records_max": 40, "flush_interval_s": 0.01}
    ) as gateway:
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        key = KeyMaker(gateway)(models=("echo",))
        import asyncpg

        blocker = await asyncpg.connect(gateway.dsn)
        try:
            # Inserts wait for as long as this lock is held, as they would for a database that hangs.
            transaction = blocker.transaction()
            await transaction.start()
            await blocker.execute("LOCK TABLE synapse.audit_log, synapse.audit_intents IN EXCLUSIVE MODE")
            marker = "while the log is full"
            statuses = []
            for _ in range(30):
                body = {"model": "echo", "messages": [{"role": "user", "content": marker}]}
                status, _, raw = gateway.post(body, key=key)
                statuses.append(status)
            assert statuses[0] == 200
            assert statuses[-1] == 503
            assert json.loads(raw)["error"]["code"] == "audit_unavailable"
            calls = [request for request in gateway.demo_requests() if marker in request["body"]]
            assert len(calls) == statuses.count(200)
            await transaction.rollback()
        finally:
            await blocker.close()
        for _ in range(200):
            status, _, _ = gateway.post({"model": "echo", "messages": MESSAGES}, key=key)
            if status == 200:
                break
            await asyncio.sleep(0.05)
        assert status == 200
        query = "SELECT count(*) FROM synapse.audit_log WHERE prompt_sha256 = $1 AND outcome = 'completed'"
        rows = await gateway.sql(query, hashlib.sha256(marker.encode()).digest())
        assert rows[0][0] == statuses.count(200)
