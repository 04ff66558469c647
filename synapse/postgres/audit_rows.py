"""An audit entry as the bytes of a binary COPY row, taken at the moment it is recorded.

The encoding never fails and never drops: whatever Postgres would refuse is escaped reversibly, cut at a named length
or clamped (audit_fields.py). The same bytes are copied into the table, hashed into the chain (audit_chain.py) and kept
while they wait, so a record is one immutable `bytes` that the garbage collector does not have to visit.

A record is the start of a row: the number of fields, then each field as its length (-1 is NULL) and its bytes, all
integers big-endian (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"). The last four fields, the
record's place in its writer's chain, are added when a batch is sealed.
"""

import struct

import orjson

from ..model import AuditEntry
from .audit_fields import NULL, STARTED_US_MAX, IdFields, TextFields, field, tamed

FORMAT = 1  # what the columns are and mean; a change to them gets the next number

KNOWN_COLUMNS = (
    *("format", "request_id", "started_at", "request_bytes", "stream"),
    *("endpoint", "team_id", "team_name", "key_id", "key_prefix", "client_ip", "user_agent"),
    *("model_requested", "upstream", "zone", "classification", "route_reason"),
    *("dlp_action", "dlp_findings", "incident_id", "policy_version", "prompt_sha256", "request_sha256"),
)
OUTCOME_COLUMNS = (
    *("ended_at", "http_status", "response_bytes", "latency_us", "auth_us", "dlp_in_us", "dlp_out_us"),
    *("outcome", "model_served", "error_code", "finish_reason"),
    *("prompt_tokens", "completion_tokens", "ttft_us", "upstream_us", "response_sha256"),
)
CHAIN_COLUMNS = ("writer_id", "seq", "prev_hash", "entry_hash")
INTENT_COLUMNS = KNOWN_COLUMNS + CHAIN_COLUMNS
LOG_COLUMNS = KNOWN_COLUMNS + OUTCOME_COLUMNS + CHAIN_COLUMNS

_PG_EPOCH_US = 946_684_800_000_000  # Postgres counts from 2000-01-01

# Each field is its length and its value: format, request_id, started_at, request_bytes, stream.
_KNOWN = struct.Struct(">h ih i16s iq iq i?")
# ended_at, http_status, response_bytes, latency_us, auth_us, dlp_in_us, dlp_out_us.
_OUTCOME = struct.Struct(">iq ii iq iq iq iq iq")
_AMOUNT = struct.Struct(">iq")
_HASH_HEAD = struct.pack(">i", 32)
_NO_FINDINGS = field(b"{}")
_INTENT_MARK = struct.pack(">h", len(INTENT_COLUMNS))
_REQUEST_ID = slice(12, 28)
_STARTED_AT = struct.Struct(">32xq")

# Everything that a value of the wrong kind or size makes the code below raise.
_NOT_ENCODABLE = (struct.error, ValueError, TypeError, AttributeError, OverflowError)


class RowEncoder:
    """Encodes the entries of one worker; it remembers the texts and ids that repeat."""

    def __init__(self) -> None:
        self._texts = TextFields()
        self._ids = IdFields()

    def intent(self, entry: AuditEntry) -> bytes:
        """What is known of a request before its upstream is called."""
        try:
            return self._known(entry, len(INTENT_COLUMNS))
        except _NOT_ENCODABLE:
            return self._known(tamed(entry), len(INTENT_COLUMNS))

    def outcome(self, entry: AuditEntry) -> bytes:
        """The whole entry."""
        try:
            return self._known(entry, len(LOG_COLUMNS)) + self._outcome(entry)
        except _NOT_ENCODABLE:
            entry = tamed(entry)
            return self._known(entry, len(LOG_COLUMNS)) + self._outcome(entry)

    def _known(self, entry: AuditEntry, fields: int) -> bytes:
        text = self._texts
        ids = self._ids
        started_us = entry.started_at_us
        if not 0 <= started_us < STARTED_US_MAX:
            raise OverflowError
        request_id = bytes.fromhex(entry.request_id.replace("-", ""))
        if len(request_id) != 16:
            raise ValueError
        findings = entry.dlp_findings
        fixed = _KNOWN.pack(
            *(fields, 2, FORMAT, 16, request_id, 8, started_us - _PG_EPOCH_US),
            *(8, entry.request_bytes, 1, entry.stream),
        )
        return b"".join(
            (
                fixed,
                text[entry.endpoint],
                ids[entry.team_id],
                text[entry.team_name],
                ids[entry.key_id],
                text[entry.key_prefix],
                text[entry.client_ip],
                text[entry.user_agent],
                text[entry.model_requested],
                text[entry.upstream],
                text[entry.zone],
                text[entry.classification],
                text[entry.route_reason],
                text[entry.dlp_action],
                field(orjson.dumps(findings, option=orjson.OPT_SORT_KEYS)) if findings else _NO_FINDINGS,
                NULL if entry.incident_id is None else text.encoded(entry.incident_id),  # never repeats
                text[entry.policy_version],
                _hash(entry.prompt_sha256),
                _hash(entry.request_sha256),
            )
        )

    def _outcome(self, entry: AuditEntry) -> bytes:
        text = self._texts
        # An entry that nobody ended ends where it began; the column is never empty.
        ended_us = entry.ended_at_us or entry.started_at_us
        fixed = _OUTCOME.pack(
            *(8, ended_us - _PG_EPOCH_US, 4, entry.http_status, 8, entry.response_bytes, 8, entry.latency_us),
            *(8, entry.auth_us, 8, entry.dlp_in_us, 8, entry.dlp_out_us),
        )
        return b"".join(
            (
                fixed,
                text[entry.outcome],
                text[entry.model_served],
                text[entry.error_code],
                text[entry.finish_reason],
                _amount(entry.prompt_tokens),
                _amount(entry.completion_tokens),
                _amount(entry.ttft_us),
                _amount(entry.upstream_us),
                _hash(entry.response_sha256),
            )
        )


def is_intent(record: bytes) -> bool:
    return record.startswith(_INTENT_MARK)


def request_id_of(record: bytes) -> bytes:
    """The 16 bytes of the request's id."""
    return record[_REQUEST_ID]


def started_at_of(record: bytes) -> int:
    """Microseconds since the Unix epoch."""
    started: int = _STARTED_AT.unpack_from(record)[0]
    return started + _PG_EPOCH_US


def _amount(value: int | None) -> bytes:
    return NULL if value is None else _AMOUNT.pack(8, value)


def _hash(value: bytes | None) -> bytes:
    if value is None:
        return NULL
    return _HASH_HEAD + value if len(value) == 32 else field(value)
