"""What compiles the policies keeps its connection, and has another one when that was ended."""

import asyncio
from pathlib import Path

import asyncpg

from synapse.policy_build import Compiler, Order, Outcome
from synapse.policy_directory import PolicyDirectory

OTHERS = "datname = current_database() AND application_name = 'synapse worker' AND pid <> pg_backend_pid()"


async def fetch(dsn: str, query: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


def test_an_exception_for_a_team_that_does_not_exist_is_a_warning(shared_postgres_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "dlp.toml"
    file.write_text(
        '[policies.default]\npacks = ["us-health"]\n'
        '[[policies.default.exceptions]]\nteam = "nobody of that name"\nreason = "r"\nexpires = 2999-01-01\n'
        '[[policies.default.exceptions]]\nkey = "syn_0000Zzzz"\nreason = "r"\nexpires = 2999-01-01\n'
    )
    with Compiler() as compiler:
        outcome = compiler.build(Order(tmp_path, file), lambda: shared_postgres_dsn)
    assert outcome.problems == ()
    assert [(one["line"], one["reason"]) for one in outcome.warnings] == [
        (4, "there is no team 'nobody of that name': it does nothing"),
        (8, "there is no key that begins with 'syn_0000Zzzz': it does nothing"),
    ]


def test_versions_are_put_on_record_over_one_connection_or_another(shared_postgres_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "dlp.toml"

    def build(compiler: Compiler, word: str) -> Outcome:
        file.write_text(f'[policies.default]\npacks = ["us-health"]\n{word}\n')
        outcome = compiler.build(Order(tmp_path, file), lambda: shared_postgres_dsn)
        assert outcome.active is not None
        PolicyDirectory(tmp_path).activate(outcome.active)
        return outcome

    def connections() -> list[int]:
        return asyncio.run(fetch(shared_postgres_dsn, f"SELECT pid FROM pg_stat_activity WHERE {OTHERS}"))

    with Compiler() as compiler:
        outcomes = [build(compiler, "views = true")]
        (first,) = connections()
        outcomes.append(build(compiler, "views = false"))
        assert connections() == [first]

        ended = f"SELECT pg_terminate_backend(pid, 5000)::int FROM pg_stat_activity WHERE {OTHERS}"
        assert asyncio.run(fetch(shared_postgres_dsn, ended)) == [1]
        outcomes.append(build(compiler, 'mode = "monitor"'))
        (second,) = connections()
        assert second != first

    assert all(outcome.recorded for outcome in outcomes)
    numbers = [outcome.active.number for outcome in outcomes if outcome.active is not None]
    assert numbers == sorted(set(numbers))
