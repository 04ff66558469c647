"""Layer two through real workers: what the model server receives, and who waits for whom."""

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterator

import pytest
from fixtures_gateway import Gateway, KeyMaker, running_gateway

CARD = "4012888888" + "881881"
REDACTED = "[REDACTED:credit_card]"
# Long enough to be told from noise, short of what a client would call a stall.
WAIT_MAX_S = 0.25
LARGE_BYTES = 5 * 1024 * 1024


def chat(text: object) -> dict[str, object]:
    return {"model": "echo", "messages": [{"role": "user", "content": text}]}


def test_an_encoded_card_does_not_reach_the_model(gateway: Gateway, key: str) -> None:
    marker = f"m{time.monotonic_ns()}"
    encoded = base64.b64encode(f"card {CARD}, thanks".encode()).decode()
    entities = "".join(f"&#{ord(figure)};" for figure in CARD)
    status, headers, raw = gateway.post(chat(f"{marker} {encoded} and {entities}."), key=key)
    (sent,) = [request["body"] for request in gateway.demo_requests() if marker in request["body"]]
    assert status == 200
    assert json.loads(sent)["messages"][-1]["content"] == f"{marker} {REDACTED} and {REDACTED}."
    assert headers["x-synapse-dlp"] == "redacted;n=2"
    assert json.loads(raw)["choices"][0]["message"]["content"] == f"{marker} {REDACTED} and {REDACTED}."


async def test_a_card_across_two_messages_is_on_record(gateway: Gateway, key: str) -> None:
    body = chat("my card is " + CARD[:8])
    body["messages"] = [*body["messages"], {"role": "user", "content": CARD[8:] + " as you know"}]  # type: ignore[misc]
    status, headers, _ = gateway.post(body, key=key)
    rows: list[dict[str, object]] = []
    for _ in range(300):
        query = "SELECT dlp_action, dlp_findings FROM synapse.audit_log WHERE request_id = $1::uuid"
        rows = await gateway.sql(query, headers["x-request-id"])
        if rows:
            break
        time.sleep(0.02)
    assert status == 200
    assert rows[0]["dlp_action"] == "alert"
    assert json.loads(str(rows[0]["dlp_findings"])) == {"credit_card": 1}


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory, demo_url: str) -> Iterator[tuple[Gateway, str]]:
    """One worker, so that everybody waits for the same one, with room for a large body."""
    with running_gateway(
        tmp_path_factory.mktemp("roomy"), demo_url, server={"workers": 1, "body_timeout_s": 30.0}
    ) as gateway:
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        yield gateway, KeyMaker(gateway)(models=("echo",))


def large(words: str) -> bytes:
    return json.dumps(chat(words * (LARGE_BYTES // len(words)))).encode()


@pytest.mark.parametrize("words", ["Nothing to see here. ", f"{CARD} ", "&#52;&lt;b&gt; and %41 "])
def test_a_large_prompt_does_not_keep_others_waiting(roomy: tuple[Gateway, str], words: str) -> None:
    gateway, key = roomy
    done = threading.Event()
    statuses: list[int] = []

    def send() -> None:
        connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=60)
        connection.request("POST", "/v1/chat/completions", large(words), {"Authorization": f"Bearer {key}"})
        statuses.append(connection.getresponse().status)
        connection.close()
        done.set()

    sender = threading.Thread(target=send)
    sender.start()
    waits: list[float] = []
    while not done.is_set():
        start = time.monotonic()
        assert gateway.post(chat("hello"), key=key)[0] == 200
        waits.append(time.monotonic() - start)
    sender.join()
    assert statuses == [200]
    # Those beside it; one or two may wait for the machine.
    assert sorted(waits)[len(waits) * 9 // 10] < WAIT_MAX_S


async def test_a_client_that_leaves_during_a_scan_is_on_record_once(roomy: tuple[Gateway, str]) -> None:
    gateway, key = roomy
    body = large(f"{CARD} ")
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {key}"})
    connection.close()
    rows: list[dict[str, object]] = []
    for _ in range(500):
        query = "SELECT outcome, upstream FROM synapse.audit_log WHERE request_bytes = $1 AND outcome = 'client_gone'"
        rows = await gateway.sql(query, len(body))
        if rows:
            break
        time.sleep(0.02)
    assert [(row["outcome"], row["upstream"]) for row in rows] == [("client_gone", None)]
