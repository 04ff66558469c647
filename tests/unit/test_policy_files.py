"""Compiled policies on the disk: what is damaged is as good as none, and a worker loads what is new without a pause."""

import asyncio
import gc
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from synapse.dlp import Exemption, Ruleset, Side, load_default_rules
from synapse.dlp.rules import rule_from_table
from synapse.policy import Policies, Snapshot
from synapse.policy_build import Order, kept_catalogue, prepare
from synapse.policy_directory import SPARE_RULESETS_MAX, Active, ActivePolicy, PolicyDirectory, Status
from synapse.policy_follower import PolicyFollower, PolicyLoader
from synapse.startup import StartupError

EXEMPTION = Exemption(("email",), "syn_1234", None, "why", 10**15)


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return Ruleset.compile(load_default_rules(), name="default")


@pytest.fixture
def directory(tmp_path: Path) -> PolicyDirectory:
    directory = PolicyDirectory(tmp_path)
    directory.make()
    return directory


def active(generation: int = 1, **policies: ActivePolicy) -> Active:
    return Active(
        generation=generation,
        number=generation,
        source="file",
        file="dlp.toml",
        sha256="0" * 64,
        engine="e",
        names=("default", "strict"),
        policies=policies,
        complete=True,
        applied_at="2030-01-01T00:00:00+00:00",
    )


def keep(directory: PolicyDirectory, key: str, ruleset: Ruleset) -> ActivePolicy:
    directory.keep(key, version=ruleset.version, dump=ruleset.dumps())
    return ActivePolicy(key, ruleset.version, (EXEMPTION,))


def test_what_is_in_force_is_read_as_it_was_written(directory: PolicyDirectory) -> None:
    written = active(default=ActivePolicy("k", "v", (EXEMPTION,)))
    assert directory.active() is None
    directory.activate(written)
    assert directory.active() == written
    before = directory.signature()
    directory.activate(replace(written, generation=2))
    assert directory.signature() != before


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"generation": 1}'])
def test_a_damaged_file_is_as_good_as_none(directory: PolicyDirectory, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "dlp" / "active.json").write_bytes(damage)
    assert directory.active() is None
    with pytest.raises(StartupError, match="no DLP policy in force"):
        PolicyLoader(directory).first()


def test_a_compiled_ruleset_is_kept_whole_or_not_at_all(
    directory: PolicyDirectory, tmp_path: Path, ruleset: Ruleset
) -> None:
    policy = keep(directory, "one", ruleset)
    directory.activate(active(default=policy))
    loaded = PolicyLoader(directory).first().compiled["default"]
    assert loaded.ruleset.scan("4111 1111 1111 1111", Side.PROMPT).action == "redact"
    assert loaded.exemptions == (EXEMPTION,)

    path = tmp_path / "dlp" / "compiled" / "one"
    kept = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert directory.compiled("one") is None
    with pytest.raises(StartupError, match="is not there"):
        PolicyLoader(directory).first()


def test_what_another_kind_of_machine_has_compiled_is_not_kept(
    directory: PolicyDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state directory may move to one whose processor has other instructions: it is compiled again there."""
    directory.keep("one", version="v", dump=b"x")
    assert directory.compiled_version("one") == "v"
    monkeypatch.setattr("platform.machine", lambda: "another")
    assert directory.compiled_version("one") is None
    assert directory.compiled("one") is None


def test_old_rulesets_are_removed_but_for_some(directory: PolicyDirectory, tmp_path: Path) -> None:
    for number in range(SPARE_RULESETS_MAX + 5):
        directory.keep(f"k{number}", version="v", dump=b"x")
    directory.prune({"k0"})
    left = {path.name for path in (tmp_path / "dlp" / "compiled").iterdir()}
    assert "k0" in left
    assert len(left) == SPARE_RULESETS_MAX + 1


def test_a_prepared_start_finds_the_default_policy_compiled(tmp_path: Path) -> None:
    prepare(Order(tmp_path, None, first=True))
    kept = {path: path.stat().st_ino for path in (tmp_path / "dlp" / "compiled").iterdir()}
    prepare(Order(tmp_path, None, first=True))
    again = {path: path.stat().st_ino for path in (tmp_path / "dlp" / "compiled").iterdir()}
    assert len(kept) == 2, "the ruleset, and the database in it"
    assert again == kept, "what is kept is not compiled again"


def test_the_rules_that_come_with_synapse_are_read_from_where_they_are_kept(
    directory: PolicyDirectory, tmp_path: Path
) -> None:
    fresh = kept_catalogue(directory)
    (kept,) = (tmp_path / "dlp").glob("rules-*")
    again = kept_catalogue(directory)
    assert again == fresh
    # Damaged, or of another engine, they are read from the package.
    kept.write_bytes(kept.read_bytes()[:-1])
    assert kept_catalogue(directory) == fresh
    assert directory.rules("another engine") is None


def test_a_status_can_be_read_by_others(directory: PolicyDirectory) -> None:
    assert directory.status() is None
    directory.tell(Status({"number": 1}, problems=({"line": 3},), refused_since="now"))
    status = directory.status()
    assert status is not None
    assert status["problems"] == [{"line": 3}]


class User:
    """What scans with the policies."""

    def __init__(self, policies: Policies) -> None:
        self.snapshot = Snapshot(1, {}, {}, policies.compiled)
        self.dlp_number = 1
        self.used = [policies]

    def use(self, policies: Policies) -> None:
        self.snapshot = replace(self.snapshot, policies=policies.compiled)
        self.used.append(policies)


async def following(
    directory: PolicyDirectory, user: User, loader: PolicyLoader, told: list[Any]
) -> "asyncio.Task[None]":
    task = asyncio.create_task(PolicyFollower(directory, loader, user, told.append).run())
    await asyncio.sleep(0)
    return task


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_worker_follows_and_says_so_and_keeps_what_did_not_change(
    directory: PolicyDirectory, ruleset: Ruleset
) -> None:
    one = keep(directory, "one", ruleset)
    directory.activate(active(1, default=one))
    loader, told = PolicyLoader(directory), []
    user = User(loader.first())
    task = await following(directory, user, loader, told)
    await eventually(lambda: told == [{"generation": 1}])

    directory.activate(active(2, default=one, strict=keep(directory, "two", ruleset)))
    await eventually(lambda: {"generation": 2} in told)

    assert user.used[-1].compiled.keys() == {"default", "strict"}
    assert user.used[-1].compiled["default"].ruleset is user.used[0].compiled["default"].ruleset

    # What cannot be loaded changes nothing, and is said.
    directory.activate(active(3, default=ActivePolicy("missing", "v")))
    await eventually(lambda: {"failed": 3} in told)
    assert len(user.used) == 2
    directory.activate(active(4, default=one))
    await eventually(lambda: {"generation": 4} in told)
    task.cancel()


async def test_a_change_while_a_worker_starts_is_noticed(directory: PolicyDirectory, ruleset: Ruleset) -> None:
    one = keep(directory, "one", ruleset)
    directory.activate(active(1, default=one))
    loader, told = PolicyLoader(directory), []
    user = User(loader.first())
    directory.activate(active(2, default=one, strict=keep(directory, "two", ruleset)))
    task = await following(directory, user, loader, told)
    await eventually(lambda: {"generation": 2} in told)
    task.cancel()
    assert told[0] == {"generation": 1}
    assert user.used[-1].compiled.keys() == {"default", "strict"}


async def test_a_worker_asks_for_what_a_key_needs_and_for_what_is_newer(
    directory: PolicyDirectory, ruleset: Ruleset
) -> None:
    directory.activate(active(1, default=keep(directory, "one", ruleset)))
    loader, told = PolicyLoader(directory), []
    user = User(loader.first())
    user.dlp_number = 7
    task = await following(directory, user, loader, told)
    await eventually(lambda: {"wants": [], "number": 7} in told)
    assert len(told) == 2, "once, and not at every look"
    task.cancel()


async def test_loading_lets_requests_have_their_turn(directory: PolicyDirectory, ruleset: Ruleset) -> None:
    """No step of the event loop computes long: what is loaded is loaded beside it."""
    one = keep(directory, "one", ruleset)
    directory.activate(active(1, default=one))
    loader, told = PolicyLoader(directory), []
    user = User(loader.first())
    task = await following(directory, user, loader, told)
    for number in range(2, 8):
        keep(directory, f"k{number}", ruleset)
    directory.activate(
        active(2, **{f"p{number}": ActivePolicy(f"k{number}", ruleset.version) for number in range(2, 8)})
    )
    longest_s = 0.0
    # Whatever thread it falls to, a collection looks at all that the tests before have left.
    gc.collect()
    gc.freeze()
    async with asyncio.timeout(20):
        while {"generation": 2} not in told:
            started = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - started)
    gc.unfreeze()
    task.cancel()
    assert longest_s < 0.02


def test_a_rule_is_the_same_after_it_was_plain_data() -> None:
    rules = load_default_rules()
    assert [rule_from_table(orjson.loads(orjson.dumps(rule.to_table()))) for rule in rules] == rules
    # Nothing that a rule has is left out.
    assert rules[0].to_table() == asdict(rules[0])
