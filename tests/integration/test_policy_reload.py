"""Policy files under a real gateway: a good one is in force in every worker at once, a bad one changes nothing."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fixtures_gateway import Gateway, running_gateway, wait_until
from policy_support import PolicyFile, ask, ask_often, gateway_with_policies, new_key, own_rule

from synapse.policy_keeper import COMPILER_NAME

CARD = "4111 1111 1111 1111"


def test_a_saved_file_is_in_force_in_every_worker_within_a_second_and_no_request_fails(
    public_tmp_path: Path, demo_url: str
) -> None:
    file = PolicyFile(public_tmp_path)
    with gateway_with_policies(public_tmp_path, demo_url, own_rule("Zephyr")) as gateway:
        key = new_key(gateway)
        assert ask_often(gateway, key, "Zephyr and Boreas") == {(200, "[REDACTED:project_name] and Boreas")}
        failed: list[int] = []
        ended = threading.Event()

        def load() -> None:
            while not ended.is_set():
                status, _ = ask(gateway, key, "hello")
                if status != 200:
                    failed.append(status)

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        took_s = file.save_and_wait(own_rule("Boreas"))
        answers = ask_often(gateway, key, "Zephyr and Boreas")
        ended.set()
        for thread in threads:
            thread.join()

    assert answers == {(200, "Zephyr and [REDACTED:project_name]")}
    assert failed == []
    # A second on a machine that does nothing else; the tests share two CPUs with the load above.
    assert took_s < 5
    assert "in force in 2 of 2 workers" in (public_tmp_path / "gateway.log").read_text()


def test_a_broken_file_changes_nothing_and_is_told(public_tmp_path: Path, demo_url: str) -> None:
    file = PolicyFile(public_tmp_path)
    with gateway_with_policies(public_tmp_path, demo_url, own_rule("Zephyr")) as gateway:
        key = new_key(gateway)
        wrong = (
            '[policies.default]\nextends = "default"\nmode = "guess"\n[policies.default.rules.emial]\nenabled = true\n'
        )
        problems = file.save_and_wait_for_refusal(wrong)

        assert [(one["line"], one["subject"]) for one in problems] == [
            (3, "policy default"),
            (4, "policy default, rule emial"),
        ]
        assert problems[0]["file"] == str(file.path)
        assert problems[1]["remedy"] == "did you mean email?"
        assert ask_often(gateway, key, "Zephyr") == {(200, "[REDACTED:project_name]")}
        log = (public_tmp_path / "gateway.log").read_text()
        assert f"{file.path}:3: policy default: mode is 'guess'; it must be one of: enforce, monitor" in log

        shown = gateway.synapse("dlp", "history", "--json")
        assert json.loads(shown.stdout)["refused"]["problems"] == problems

        # A rule that fails its own example is found only by trying it.
        problems = file.save_and_wait_for_refusal(own_rule("Zephyr").replace('text = "Zephyr"', 'text = "Zephy"'))
        assert "does not match its whole hit: the name alone" in problems[0]["reason"]
        assert ask_often(gateway, key, "Zephyr") == {(200, "[REDACTED:project_name]")}

        file.save(own_rule("Zephyr"))
        wait_until(lambda: file.status()["problems"] == [], what="the end of the complaint")


def test_a_file_that_is_gone_changes_nothing(public_tmp_path: Path, demo_url: str) -> None:
    file = PolicyFile(public_tmp_path)
    with gateway_with_policies(public_tmp_path, demo_url, own_rule("Zephyr")) as gateway:
        key = new_key(gateway)
        file.path.unlink()
        wait_until(lambda: file.status()["problems"], what="the complaint")
        assert "is not there" in file.status()["problems"][0]["reason"]
        assert ask_often(gateway, key, "Zephyr") == {(200, "[REDACTED:project_name]")}


def test_a_stream_in_flight_keeps_its_policy(public_tmp_path: Path, demo_url: str) -> None:
    file = PolicyFile(public_tmp_path)
    with gateway_with_policies(public_tmp_path, demo_url, own_rule("nevermore")) as gateway:
        key = new_key(gateway)
        body = {"model": "story-slow", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
        with streamed(gateway, key, body) as lines:
            before = [next(lines) for _ in range(20)]
            # A word of nearly every sentence.
            file.save_and_wait(own_rule("the"))
            after = [next(lines) for _ in range(120)]
        assert b"REDACTED" not in b"".join((*before, *after))
        with streamed(gateway, key, body) as lines:
            assert b"[REDACTED:project_name]" in b"".join(next(lines) for _ in range(120))


def test_several_policies_are_in_force_at_once_and_a_new_key_has_its_own(public_tmp_path: Path, demo_url: str) -> None:
    text = '[policies.lenient]\nextends = "default"\n[policies.lenient.rules.credit_card]\nmode = "monitor"\n'
    with gateway_with_policies(public_tmp_path, demo_url, text) as gateway:
        default, lenient = new_key(gateway), new_key(gateway, "--dlp-policy", "lenient")
        assert ask_often(gateway, default, CARD) == {(200, "[REDACTED:credit_card]")}
        # What the first start had no need of is compiled while it serves; until then its keys are refused.
        assert ask(gateway, lenient, CARD) in {(200, CARD), (503, "policy_unavailable")}
        wait_until(lambda: ask_often(gateway, lenient, CARD) == {(200, CARD)}, timeout_s=20)

        # Shipped, and compiled because a key wants it.
        strict = new_key(gateway, "--dlp-policy", "strict")
        wait_until(lambda: ask_often(gateway, strict, CARD) == {(400, "content_policy_violation")}, timeout_s=20)

        refused = gateway.synapse(
            *("keys", "create", "--team", "quality", "--purpose", "a test", "--model", "echo"),
            *("--dlp-policy", "lax"),
            check=False,
        )
        assert refused.returncode == 1
        assert "There is no DLP policy 'lax'" in refused.stderr
        assert "lenient" in refused.stderr


def test_a_policy_with_keys_cannot_be_removed(public_tmp_path: Path, demo_url: str) -> None:
    file = PolicyFile(public_tmp_path)
    text = '[policies.lenient]\nextends = "default"\nmode = "monitor"\n'
    with gateway_with_policies(public_tmp_path, demo_url, text) as gateway:
        key = new_key(gateway, "--dlp-policy", "lenient")
        problems = file.save_and_wait_for_refusal('[policies.other]\nextends = "default"\n')
        assert problems[0]["subject"] == "policy lenient"
        assert problems[0]["reason"] == "it is gone, but 1 key is bound to it"
        assert ask_often(gateway, key, CARD) == {(200, CARD)}


def test_an_exception_ends_by_itself(public_tmp_path: Path, demo_url: str) -> None:
    file = PolicyFile(public_tmp_path)
    with gateway_with_policies(public_tmp_path, demo_url) as gateway:
        key, other = new_key(gateway), new_key(gateway)
        for seconds in (8, 30):  # a machine that was too slow for the first gets more time
            ends = datetime.now(UTC) + timedelta(seconds=seconds)
            file.save_and_wait(
                '[policies.default]\nextends = "default"\n[[policies.default.exceptions]]\n'
                f'key = "{key[:12]}"\nrule = "credit_card"\nreason = "a migration"\nexpires = {ends.isoformat()}\n'
            )
            answers = ask_often(gateway, key, CARD, 6)
            if datetime.now(UTC) < ends:
                break
        assert answers == {(200, CARD)}
        assert ask_often(gateway, other, CARD, 6) == {(200, "[REDACTED:credit_card]")}
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))  # the moment that is tried
        assert ask_often(gateway, key, CARD, 6) == {(200, "[REDACTED:credit_card]")}


def test_a_worker_that_starts_later_has_the_newest_good_version(public_tmp_path: Path, demo_url: str) -> None:
    file = PolicyFile(public_tmp_path)
    with gateway_with_policies(public_tmp_path, demo_url, own_rule("Zephyr")) as gateway:
        key = new_key(gateway)
        file.save_and_wait(own_rule("Boreas"))
        file.save_and_wait_for_refusal("[policies")
        workers = set(worker_pids(gateway))
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(now := set(worker_pids(gateway))) == 2 and not now & workers, timeout_s=30)
        assert ask_often(gateway, key, "Zephyr Boreas") == {(200, "Zephyr [REDACTED:project_name]")}


def test_a_gateway_that_starts_with_a_broken_file_goes_on_with_the_last_good_one(
    public_tmp_path: Path, demo_url: str
) -> None:
    with gateway_with_policies(public_tmp_path, demo_url, own_rule("Zephyr")) as gateway:
        key = new_key(gateway)
        assert gateway.stop() == 0
    (public_tmp_path / "dlp.toml").write_text("[policies")
    with running_gateway(public_tmp_path, demo_url, server={"workers": 2}) as gateway:
        assert ask_often(gateway, key, "Zephyr") == {(200, "[REDACTED:project_name]")}
        assert PolicyFile(public_tmp_path).status()["problems"]
    assert "the last good DLP policies are in force" in (public_tmp_path / "gateway.log").read_text()


def test_a_first_start_with_a_broken_file_is_refused_with_every_problem(public_tmp_path: Path, demo_url: str) -> None:
    text = "[policies.one]\nmode = 1\nviews = 1\n"
    with (
        pytest.raises(AssertionError, match="did not start") as caught,
        gateway_with_policies(public_tmp_path, demo_url, text),
    ):
        pass
    said = str(caught.value)
    assert f"{public_tmp_path / 'dlp.toml'}:2: policy one: mode is 1" in said
    assert f"{public_tmp_path / 'dlp.toml'}:3: policy one: views is 1" in said


def test_without_a_file_an_applied_version_is_in_force_everywhere_and_can_be_taken_back(
    public_tmp_path: Path, demo_url: str
) -> None:
    policies = public_tmp_path / "policies.toml"
    policies.write_text(own_rule("Zephyr"))
    with running_gateway(public_tmp_path, demo_url, server={"workers": 2}) as gateway:
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        key = new_key(gateway)
        assert ask_often(gateway, key, "Zephyr", 4) == {(200, "Zephyr")}

        applied = json.loads(gateway.synapse("dlp", "apply", str(policies), "--note", "a test", "--json").stdout)
        wait_until(lambda: ask_often(gateway, key, "Zephyr") == {(200, "[REDACTED:project_name]")}, timeout_s=20)
        status = PolicyFile(public_tmp_path).status()
        assert (status["in_force"]["number"], status["in_force"]["source"]) == (applied["number"], "database")

        gateway.synapse("dlp", "rollback", "1")
        wait_until(lambda: ask_often(gateway, key, "Zephyr") == {(200, "Zephyr")}, timeout_s=20)
        versions = json.loads(gateway.synapse("dlp", "history", "--json").stdout)["versions"]
        assert [version["source"] for version in versions] == ["command", "command", "shipped"]


@contextmanager
def streamed(gateway: Gateway, key: str, body: dict[str, object]) -> Iterator[Iterator[bytes]]:
    """The lines of a streamed answer as they come."""
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    response = connection.getresponse()
    assert response.status == 200
    try:
        yield iter(response)
    finally:
        connection.close()


def worker_pids(gateway: Gateway) -> list[int]:
    pid = gateway.process.pid
    own = Path(f"/proc/{pid}/cmdline").read_bytes()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    forked = [int(child) for child in children if _said_of(int(child), "cmdline") == own]
    return [child for child in forked if _said_of(child, "comm").decode().strip() != COMPILER_NAME]


def _said_of(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""
