"""`synapse dlp apply|export|history|rollback`: what is applied was tried first, and nothing is ever lost."""

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from synapse.policy_directory import PolicyDirectory, Status

Command = Callable[..., Result]

LENIENT = '[policies.lenient]\npacks = ["secrets"]\nmode = "monitor"\n'
OTHER = '[policies.other]\npacks = ["secrets"]\n'


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "policies.toml"
    path.write_text(LENIENT)
    return path


def test_a_file_is_applied_exported_and_listed(
    synapse: Command, json_of: Callable[..., Any], policy_file: Path, tmp_path: Path
) -> None:
    assert "There is no version yet" in synapse("dlp", "history").stdout
    assert "Nothing but the policies that come with Synapse" in synapse("dlp", "export").stdout

    result = synapse("dlp", "apply", policy_file, "--note", "ticket 4711")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"Version 1 is in force: {policy_file}.\n"

    assert synapse("dlp", "export").stdout == LENIENT
    exported = tmp_path / "exported.toml"
    assert synapse("dlp", "export", exported).exit_code == 0
    assert exported.read_text() == LENIENT
    (version,) = json_of("dlp", "history")["versions"]
    assert (version["number"], version["author"], version["source"]) == (1, getpass.getuser(), "command")
    assert version["note"] == "ticket 4711"
    assert set(version["policies"]) == {"lenient"}
    assert "default" in version["names"]


def test_a_rollback_is_a_new_version(synapse: Command, json_of: Callable[..., Any], policy_file: Path) -> None:
    synapse("dlp", "apply", policy_file)
    policy_file.write_text(OTHER)
    synapse("dlp", "apply", policy_file)

    assert json_of("dlp", "rollback", "1") == {"number": 3}

    assert synapse("dlp", "export").stdout == LENIENT
    assert synapse("dlp", "export", "--number", "2").stdout == OTHER
    assert json_of("dlp", "history")["versions"][0]["note"] == "back to version 1"
    missing = synapse("dlp", "rollback", "9")
    assert missing.exit_code == 1
    assert "There is no version 9" in missing.stderr


def test_a_file_with_problems_changes_nothing(synapse: Command, json_of: Callable[..., Any], policy_file: Path) -> None:
    policy_file.write_text(LENIENT + "[policies.lenient.rules.emial]\nenabled = true\n[policies.x]\nmode = 1\n")

    result = synapse("dlp", "apply", policy_file)

    assert result.exit_code == 1
    assert (
        f"{policy_file}:4: policy lenient, rule emial: there is no rule 'emial'; did you mean email?" in result.stderr
    )
    assert f"{policy_file}:7: policy x: mode is 1" in result.stderr
    assert json_of("dlp", "history")["versions"] == []


def test_a_file_of_rules_is_told_to_be_no_policy_file(
    synapse: Command, json_of: Callable[..., Any], policy_file: Path
) -> None:
    policy_file.write_text('category = "own"\n\n[[rule]]\nid = "customer"\n')

    result = synapse("dlp", "apply", policy_file)

    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"{policy_file}:3: this is a file of rules and not a policy file; write `[[rules]]`"
    )
    assert len(result.stderr.splitlines()) == 1
    assert json_of("dlp", "history")["versions"] == []


def test_a_policy_with_keys_cannot_be_taken_away(synapse: Command, policy_file: Path) -> None:
    new_key = ("keys", "create", "--team", "support", "--purpose", "tests", "--model", "echo", "--dlp-policy")
    synapse("teams", "create", "support", "--contact", "support@example.org")
    unknown = synapse(*new_key, "lenient")
    assert unknown.exit_code == 1
    assert "There is no DLP policy 'lenient', only: default, eu, health, monitor, pci" in unknown.stderr
    synapse("dlp", "apply", policy_file)
    assert synapse(*new_key, "lenient").exit_code == 0

    policy_file.write_text(OTHER)
    result = synapse("dlp", "apply", policy_file)

    assert result.exit_code == 1
    assert "policy lenient: it is gone, but 1 key is bound to it" in result.stderr
    assert synapse("dlp", "export").stdout == LENIENT


def test_where_a_file_is_in_charge_commands_say_so(synapse: Command, policy_file: Path, tmp_path: Path) -> None:
    synapse("dlp", "apply", policy_file)
    config = tmp_path / "synapse.toml"
    config.touch()
    (tmp_path / "dlp.toml").write_text(OTHER)

    for command in (("apply", policy_file), ("rollback", "1")):
        result = synapse("dlp", *command, "--config", config)
        assert result.exit_code == 1
        assert f"The policy file {tmp_path / 'dlp.toml'} is in charge: change it" in result.stderr


def test_what_a_gateway_does_not_take_over_yet_is_not_said_to_be_in_force(
    synapse: Command, policy_file: Path, tmp_path: Path
) -> None:
    directory = PolicyDirectory(tmp_path / "state")
    directory.make()
    directory.tell(Status(in_force={"source": "file", "file": str(tmp_path / "gone.toml")}))

    said = synapse("dlp", "apply", policy_file, "--state-dir", tmp_path / "state").stdout

    assert said.startswith(f"Version 1 is on record: {policy_file}. Start the gateway again")
