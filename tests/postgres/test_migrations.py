"""Migrations: applied once, in order, by one process at a time, and never edited afterwards."""

from synapse.postgres import migrations


async def test_an_upgraded_database_needs_no_second_upgrade(empty_database_dsn: str) -> None:
    first = await migrations.upgrade(empty_database_dsn)

    assert first[0] == "0001_control"
    assert await migrations.upgrade(empty_database_dsn) == []
    assert all(one.applied_at is not None for one in await migrations.status(empty_database_dsn))
