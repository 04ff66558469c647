"""A text is found by its hash, in prompts and in answers, and by nothing else."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from audit_support import entry, fetch, record, running, whole_entry
from typer.testing import CliRunner, Result

from synapse.cli import audit
from synapse.postgres import audit_search
from synapse.postgres.audit_log import digest
from synapse.postgres.named_queries import named_queries
from synapse.postgres.pool import runtime_connection

TEXT = "Wie lange ist die Kündigungsfrist?"


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def fill(dsn: str, **options: Any) -> dict[str, str]:
    """A request with the text as its prompt, one with it as its answer, one with both, and others."""
    async with running(dsn, **options) as log:
        hashed = log.digest(TEXT.encode())
        kinds = {
            "prompt": whole_entry(prompt_sha256=hashed),
            "answer": whole_entry(response_sha256=hashed),
            "both": whole_entry(prompt_sha256=hashed, response_sha256=hashed),
            "neither": whole_entry(),
            "empty": entry(),
        }
        for made in kinds.values():
            record(log, made)
    return {kind: made.request_id for kind, made in kinds.items()}


async def found(dsn: str, hashed: bytes, limit: int = 10) -> list[tuple[str, list[str]]]:
    connection = await runtime_connection(dsn)
    try:
        return [
            (str(one.request_id), list(one.found_in))
            for one in await audit_search.find(connection, hashed, limit=limit)
        ]
    finally:
        await connection.close()


async def test_a_text_is_found_in_prompts_and_answers_the_newest_first(postgres_dsn: str) -> None:
    ids = await fill(postgres_dsn)
    assert await found(postgres_dsn, sha256(TEXT)) == [
        (ids["both"], ["prompt", "answer"]),
        (ids["answer"], ["answer"]),
        (ids["prompt"], ["prompt"]),
    ]
    assert await found(postgres_dsn, sha256(TEXT), limit=1) == [(ids["both"], ["prompt", "answer"])]
    assert await found(postgres_dsn, sha256(TEXT + " ")) == []


async def test_with_a_hash_key_only_who_has_the_key_can_search(postgres_dsn: str) -> None:
    await fill(postgres_dsn, hash_key=b"k" * 32)
    assert await found(postgres_dsn, sha256(TEXT)) == []
    assert len(await found(postgres_dsn, digest(TEXT.encode(), b"k" * 32))) == 3


async def test_the_search_reads_no_table_from_end_to_end(postgres_dsn: str) -> None:
    await fill(postgres_dsn)
    connection = await asyncpg.connect(postgres_dsn, server_settings={"enable_seqscan": "off"})
    plan = await connection.fetch("EXPLAIN " + named_queries("audit.sql")["find"], sha256(TEXT), 10)
    await connection.close()
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in text
    assert "prompt_sha256" in text
    assert "response_sha256" in text


def invoke(dsn: str, *arguments: str, typed: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(audit.app, arguments, input=typed, env={"DATABASE_URL": dsn, **environment})


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNAPSE_CONFIG", raising=False)


async def in_a_shell(dsn: str, *arguments: str, typed: str | None = None, **environment: str) -> Result:
    """The command, away from the test's event loop."""
    return await asyncio.to_thread(invoke, dsn, *arguments, typed=typed, **environment)


@pytest.mark.parametrize(("option", "typed"), [(TEXT, None), ("-", TEXT), ("-", TEXT + "\n")])
async def test_the_command_finds_a_text_given_or_typed(postgres_dsn: str, option: str, typed: str | None) -> None:
    ids = await fill(postgres_dsn)
    result = await in_a_shell(postgres_dsn, "find", "--text", option, "--json", typed=typed)
    assert result.exit_code == 0, result.output
    rows = orjson.loads(result.stdout)
    assert [row["request_id"] for row in rows] == [ids["both"], ids["answer"], ids["prompt"]]
    assert rows[1]["found_in"] == ["answer"]


async def test_the_command_uses_the_hash_key_of_the_settings(postgres_dsn: str) -> None:
    await fill(postgres_dsn, hash_key=b"k" * 32)
    keyed = await in_a_shell(postgres_dsn, "find", "--text", TEXT, "--json", SYNAPSE_AUDIT__HASH_KEY="k" * 32)
    assert len(orjson.loads(keyed.stdout)) == 3
    plain = await in_a_shell(postgres_dsn, "find", "--text", TEXT, "--json")
    assert orjson.loads(plain.stdout) == []


async def test_the_table_is_for_people(postgres_dsn: str) -> None:
    ids = await fill(postgres_dsn)
    hit = await in_a_shell(postgres_dsn, "find", "--text", TEXT)
    assert hit.exit_code == 0
    assert ids["prompt"] in hit.stdout
    assert "Schadenregulierung Köln" in hit.stdout
    miss = await in_a_shell(postgres_dsn, "find", "--text", "never said")
    assert miss.exit_code == 0
    assert "No request of the audit log" in miss.stdout


async def test_the_newest_requests_are_listed(postgres_dsn: str) -> None:
    ids = await fill(postgres_dsn)
    result = await in_a_shell(postgres_dsn, "list", "--limit", "2", "--json")
    assert [row["request_id"] for row in orjson.loads(result.stdout)] == [ids["empty"], ids["neither"]]
    assert (await fetch(postgres_dsn, "SELECT count(*) FROM synapse.audit_log"))[0][0] == 5
