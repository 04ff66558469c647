"""The encoding of records: whatever an entry holds, the row is one that Postgres accepts, and nothing is lost of it."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.model import AuditEntry, uuid7
from synapse.postgres.audit_fields import ESCAPED, REMEMBERED_MAX, TEXT_CHARS_MAX, TextFields, storable, unescaped
from synapse.postgres.audit_rows import (
    KNOWN_COLUMNS,
    OUTCOME_COLUMNS,
    RowEncoder,
    is_intent,
    request_id_of,
    started_at_of,
)

# Every kind of text, and mostly the kinds that make trouble.
texts = st.text(st.characters(exclude_categories=())) | st.text("\0\ud800\\x:escaped", max_size=20)
texts |= texts.map(lambda text: ESCAPED + text)
anything = st.none() | st.integers() | st.floats() | texts | st.binary(max_size=40) | st.booleans()
TEXTS = ("endpoint", "team_name", "key_prefix", "client_ip", "user_agent", "model_requested", "upstream", "zone")
TEXTS += ("classification", "route_reason", "dlp_action", "incident_id", "policy_version", "outcome", "error_code")
WIDTHS = {"format": 2, "stream": 1, "http_status": 4, "started_at": 8, "ended_at": 8, "request_id": 16}
WIDTHS |= {"team_id": 16, "key_id": 16} | dict.fromkeys(
    ("request_bytes", "response_bytes", "latency_us", "auth_us", "dlp_in_us", "dlp_out_us", "ttft_us", "upstream_us"), 8
)


def fields_of(record: bytes) -> dict[str, bytes | None]:
    """The fields of a record, read by the definition of the format."""
    columns = KNOWN_COLUMNS if is_intent(record) else KNOWN_COLUMNS + OUTCOME_COLUMNS
    (count,) = struct.unpack_from(">h", record)
    assert count == len(columns) + 4
    values: list[bytes | None] = []
    position = 2
    while position < len(record):
        (length,) = struct.unpack_from(">i", record, position)
        position += 4
        assert position + length <= len(record)
        values.append(None if length < 0 else record[position : position + length])
        position += max(length, 0)
    return dict(zip(columns, values, strict=True))


@given(texts)
def test_a_text_is_storable_and_comes_back(text: str) -> None:
    stored = storable(text)
    assert b"\0" not in stored.encode()
    assert unescaped(stored) == (text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(TEXTS, texts | st.none())))
def test_a_record_holds_every_text_of_its_entry(values: dict[str, str | None]) -> None:
    entry = AuditEntry(**{"request_id": uuid7(), "started_at_us": 1, "endpoint": "/", **values})
    fields = fields_of(RowEncoder().outcome(entry))
    for name, text in values.items():
        stored = fields[name]
        assert (stored if stored is None else unescaped(stored.decode())) == text


@given(st.dictionaries(st.sampled_from([*AuditEntry.__slots__]), anything))
def test_an_entry_of_nonsense_still_becomes_a_row(values: dict[str, Any]) -> None:
    entry = AuditEntry(**{"request_id": uuid7(), "started_at_us": 1, "endpoint": "/", **values})
    encoder = RowEncoder()
    for record in (encoder.intent(entry), encoder.outcome(entry)):
        for name, value in fields_of(record).items():
            if name in WIDTHS:
                assert value is None or len(value) == WIDTHS[name]
            elif value is not None and not name.endswith("_sha256") and not name.endswith("_tokens"):
                assert "\0" not in value.decode()


@given(st.uuids(), st.integers(0, 9_214_646_399_999_999))
def test_the_id_and_the_time_can_be_read_from_a_record(request_id: Any, started_at_us: int) -> None:
    entry = AuditEntry(str(request_id), started_at_us, "/")
    encoder = RowEncoder()
    for record, intent in ((encoder.intent(entry), True), (encoder.outcome(entry), False)):
        assert (request_id_of(record), started_at_of(record)) == (request_id.bytes, started_at_us)
        assert is_intent(record) is intent


def test_equal_ids_that_are_no_uuids_stay_equal() -> None:
    encoder = RowEncoder()
    same, other = (encoder.intent(AuditEntry(text, 1, "/")) for text in ("same", "other"))
    assert encoder.intent(AuditEntry("same", 1, "/")) == same
    assert request_id_of(same) != request_id_of(other)


@pytest.mark.parametrize("length", [1, 1_000_000])
def test_what_is_remembered_of_texts_is_bounded(length: int) -> None:
    texts = TextFields()
    for number in range(2 * REMEMBERED_MAX + 10):
        assert texts[f"{number:x<{length}}" if number < 10 or length == 1 else f"{number}"]
        assert len(texts) <= REMEMBERED_MAX
    assert texts[None] == b"\xff\xff\xff\xff"
    assert not any(text is not None and len(text) > 200 for text in texts)
