"""The chain of one writer: every record carries its number and the hash of the record before it.

The canonical encoding of a record is its row in the binary format of COPY without the last field:

    entry_hash = SHA-256( "synapse audit record\\n" || row )
    row        = int16 number of fields, entry_hash included,
                 then for each column before entry_hash: int32 length, -1 for NULL, and the value as Postgres sends it:
                 integers and bool big-endian, timestamptz as int64 microseconds since 2000-01-01 UTC, uuid as 16 bytes,
                 text and json as UTF-8, bytea as it is

so that `COPY (SELECT …) TO STDOUT (FORMAT binary)` yields exactly the bytes that were hashed, and an export can be
verified from its values alone. Intents and outcomes of a writer share one sequence that starts at 1 and has no gaps;
`prev_hash` of the first is 32 zero bytes. Intents and outcomes cannot be mistaken for each other: their number of
fields differs.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .audit_rows import is_intent

TAG = b"synapse audit record\n"
GENESIS = bytes(32)

# writer_id, seq, prev_hash
_PLACE = struct.Struct(">i16s iq i32s")
_HASH_HEAD = struct.pack(">i", 32)
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_END = struct.pack(">h", -1)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the number of its last record and that record's hash."""

    seq: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class Batch:
    """Records with their places in the chain, ready to be copied."""

    records: Sequence[bytes]
    base: Head
    head: Head
    intents: int
    intents_copy: bytearray
    outcomes: int
    outcomes_copy: bytearray


def seal(records: Sequence[bytes], *, writer: bytes, base: Head) -> Batch:
    """Give records the next places of a writer's chain. The same input always gives the same bytes."""
    intents, outcomes = [_COPY_HEAD], [_COPY_HEAD]
    seq, last = base.seq, base.hash
    sha256 = hashlib.sha256
    for record in records:
        seq += 1
        row = record + _PLACE.pack(16, writer, 8, seq, 32, last)
        last = sha256(TAG + row).digest()
        rows = intents if is_intent(record) else outcomes
        rows.append(row)
        rows.append(_HASH_HEAD)
        rows.append(last)
    return Batch(
        records=records,
        base=base,
        head=Head(seq, last),
        intents=len(intents) // 3,
        intents_copy=bytearray().join((*intents, _COPY_END)),
        outcomes=len(outcomes) // 3,
        outcomes_copy=bytearray().join((*outcomes, _COPY_END)),
    )
