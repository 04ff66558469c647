"""One process makes one version of the policies after the other: what they have in common is read once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from synapse import policy_build
from synapse.dlp import language, live, patterns
from synapse.dlp.policy_resolution import catalogue_of
from synapse.policy_build import Compiler, Order, prepare
from synapse.policy_directory import Active, PolicyDirectory

# Nothing listens there.
NOWHERE = "postgresql://user@127.0.0.1:1/none"
SMALL = '[policies.default]\npacks = ["core"]\n'
OWN = """
[[rules]]
id = "own"
severity = "high"
prompt = "redact"
answer = "redact"
core = "{word}"
strength = "S"
reference = "https://example.org"
hits = [{{ text = "{word}", why = "the word" }}]
misses = [{{ text = "word", why = "another word" }}]
"""

Build = Callable[[Compiler, str], Active]


@pytest.fixture
def compiler() -> Iterator[Compiler]:
    with Compiler() as compiler:
        yield compiler


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Builds a text of policies and puts it in force."""
    file = tmp_path / "dlp.toml"

    def build(compiler: Compiler, text: str) -> Active:
        file.write_text(text)
        active = compiler.build(Order(tmp_path, file), lambda: NOWHERE).active
        assert active is not None
        PolicyDirectory(tmp_path).activate(active)
        return active

    return build


def test_a_change_reads_only_what_it_changes(build: Build, compiler: Compiler) -> None:
    first = build(compiler, SMALL + OWN.format(word="Zephyr"))
    before = language.parse.cache_info().misses
    second = build(compiler, SMALL + OWN.format(word="Eurus and Notus"))
    assert language.parse.cache_info().misses == before + 1
    assert first.policies["default"].version != second.policies["default"].version


def test_what_is_in_force_can_be_learned_before_it_changes(build: Build, compiler: Compiler, tmp_path: Path) -> None:
    """After a start for which nothing had to be compiled, the first change costs no more than the next one."""
    with Compiler() as other:
        build(other, SMALL + OWN.format(word="Zephyr"))
    for function in (language.parse, patterns._form, patterns._trigger, patterns._beginnings, live._positions):
        function.cache_clear()
    compiler.learn(Order(tmp_path, tmp_path / "dlp.toml"))
    before = language.parse.cache_info().misses
    assert before > 10
    # Only what nobody knew yet is read: hundreds of rules that are kept are not.
    (kept,) = (tmp_path / "dlp").glob("rules-*")
    kept.unlink()
    build(compiler, SMALL + OWN.format(word="Notus and Eurus"))
    assert language.parse.cache_info().misses == before + 1
    assert not kept.exists()


def test_there_is_nothing_to_learn_before_something_is_in_force(compiler: Compiler, tmp_path: Path) -> None:
    prepare(Order(tmp_path, None, first=True))
    compiler.learn(Order(tmp_path, None))
    assert PolicyDirectory(tmp_path).active() is None, "to learn puts nothing in force"


def test_a_catalogue_is_read_again_when_it_is_another_one(
    build: Build, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a package was replaced under a gateway that runs."""
    first = build(compiler, SMALL)
    changed = [replace(rule, stop_words=("example",)) for rule in policy_build.load_catalogue().rules]
    monkeypatch.setattr("synapse.dlp.policy_resolution.catalogue_fingerprint", lambda: "another")
    monkeypatch.setattr(policy_build, "catalogue_fingerprint", lambda: "another")
    monkeypatch.setattr(policy_build, "load_catalogue", lambda: catalogue_of(changed))
    second = build(compiler, SMALL)
    assert second.engine == "another"
    assert first.policies["default"].version != second.policies["default"].version
