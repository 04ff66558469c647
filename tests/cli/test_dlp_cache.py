"""Compiled rules are kept for the next command; a file that is damaged is as good as none."""

import hashlib
from pathlib import Path

import pytest

from synapse.cli import dlp_cache
from synapse.cli.dlp_cache import cache_folder, compiled
from synapse.dlp import Rule, Ruleset, Side, load_default_rules
from synapse.dlp.options import DEFAULT_OPTIONS, PolicyOptions

CARD = "4111 1111 " + "1111 1111"


@pytest.fixture
def rules() -> list[Rule]:
    return [rule for rule in load_default_rules() if rule.id == "credit_card"]


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each ruleset that was compiled, and not loaded."""
    names: list[str] = []
    compile_rules = Ruleset.compile

    def counted(rules: list[Rule], *, name: str, options: PolicyOptions = DEFAULT_OPTIONS) -> Ruleset:
        names.append(name)
        return compile_rules(rules, name=name, options=options)

    monkeypatch.setattr(Ruleset, "compile", counted)
    return names


def kept(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_compiled_is_loaded_the_next_time(rules: list[Rule], tmp_path: Path, compilations: list[str]) -> None:
    folder = tmp_path / "new" / "synapse"

    for _ in range(2):
        assert compiled(rules, name="a", folder=folder).scan(CARD, Side.PROMPT).action == "redact"

    assert compilations == ["a"]
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign"])
def test_a_damaged_file_is_compiled_again(
    rules: list[Rule], tmp_path: Path, compilations: list[str], damage: str
) -> None:
    compiled(rules, name="a", folder=tmp_path)
    content = kept(tmp_path).read_bytes()
    foreign = Ruleset.compile([], name="x").dumps().replace(Ruleset.compile([], name="x").version.encode(), b"0" * 12)
    compilations.clear()
    kept(tmp_path).write_bytes(
        {
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "cut": content[:-10],
            "empty": b"",
            "foreign": hashlib.sha256(foreign).digest() + foreign,
        }[damage]
    )

    assert compiled(rules, name="b", folder=tmp_path).scan(CARD, Side.PROMPT).action == "redact"
    assert compilations == ["b"]
    assert kept(tmp_path).stat().st_size > 1000


def test_other_rules_have_a_file_of_their_own(rules: list[Rule], tmp_path: Path, compilations: list[str]) -> None:
    compiled(rules, name="a", folder=tmp_path)
    compiled([], name="b", folder=tmp_path)

    assert compilations == ["a", "b"]


def test_other_options_have_a_file_of_their_own(rules: list[Rule], tmp_path: Path, compilations: list[str]) -> None:
    for views in (True, False, False):
        ruleset = compiled(rules, name=f"views {views}", folder=tmp_path, options=PolicyOptions(views=views))
        assert ruleset.options.views is views

    assert compilations == ["views True", "views False"]


def test_the_oldest_files_make_room(rules: list[Rule], tmp_path: Path) -> None:
    for number in range(dlp_cache.KEPT_MAX + 3):
        (tmp_path / f"rules-{number}.hs").touch()

    compiled(rules, name="a", folder=tmp_path)

    assert len(list(tmp_path.iterdir())) == dlp_cache.KEPT_MAX


def test_without_a_place_it_is_compiled_all_the_same(rules: list[Rule], tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for folder in (None, tmp_path / "file"):
        assert compiled(rules, name="a", folder=folder).scan(CARD, Side.PROMPT).action == "redact"


@pytest.mark.parametrize(
    ("configured", "folder"), [("/somewhere", "/somewhere/synapse"), ("relative", "/home/me/.cache/synapse")]
)
def test_the_folder_is_where_caches_belong(monkeypatch: pytest.MonkeyPatch, configured: str, folder: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", configured)

    assert str(cache_folder()) == folder
