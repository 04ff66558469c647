"""Policy files for a real gateway, and what its workers do under them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fixtures_gateway import Gateway, KeyMaker, running_gateway, wait_until

# A rule of the organisation's own, which a test changes from version to version.
OWN_RULE = """
[[rules]]
id = "project_name"
severity = "high"
prompt = "{action}"
answer = "redact"
core = "{word}"
left = "0-9A-Za-z"
right = "0-9A-Za-z"
strength = "S"
reference = "https://wiki.example.org/projects"
hits = [{{ text = "{word}", why = "the name alone" }}]
misses = [{{ text = "x{word}", why = "within another word" }}]
"""


def own_rule(word: str, action: str = "redact") -> str:
    return OWN_RULE.format(word=word, action=action)


class PolicyFile:
    """The `dlp.toml` of a gateway that runs in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "dlp.toml"
        self._status = directory / "state" / "dlp" / "status.json"

    def save(self, text: str) -> None:
        """As editors do: the new file takes the place of the old one."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.path)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self._status.read_text())
        return status

    def save_and_wait(self, text: str) -> float:
        """Save a good file, and return after how many seconds every worker has taken it over."""
        before, started = self.status()["in_force"]["sha256"], time.monotonic()
        self.save(text)

        def taken_over() -> bool:
            status = self.status()
            new = status["in_force"]["sha256"] != before
            return bool(new and status["workers"] and status["workers"] == status["workers_told"])

        wait_until(taken_over, timeout_s=20, what="the take-over of the policy file")
        return time.monotonic() - started

    def save_and_wait_for_refusal(self, text: str) -> list[dict[str, Any]]:
        """Save a file that is wrong, and return what is said about it."""
        before = self.status()["problems"]
        self.save(text)
        return list(wait_until(lambda: (now := self.status()["problems"]) != before and now, timeout_s=20))


@contextmanager
def gateway_with_policies(directory: Path, demo_url: str, text: str = "", **options: Any) -> Iterator[Gateway]:
    (directory / "dlp.toml").write_text(text)
    with running_gateway(directory, demo_url, server={"workers": 2}, **options) as gateway:
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        yield gateway


def ask(gateway: Gateway, key: str, text: str) -> tuple[int, str]:
    """Status, and what the model was sent: `echo` says it again."""
    status, _, body = gateway.post({"model": "echo", "messages": [{"role": "user", "content": text}]}, key=key)
    answer = json.loads(body)
    return status, answer["choices"][0]["message"]["content"] if status == 200 else answer["error"]["code"]


def ask_often(gateway: Gateway, key: str, text: str, times: int = 12) -> set[tuple[int, str]]:
    """The different answers to requests on new connections, so many that each worker has had one."""
    return {ask(gateway, key, text) for _ in range(times)}


def new_key(gateway: Gateway, *options: str) -> str:
    return KeyMaker(gateway)(*options, models=("echo", "story-slow"))
