"""A ruleset on plain `re`, with the interface of the real one: for tests of what is built on top of the engine.

A rule's matches lie within runs of its alphabet, so text before the last such run is decided: it holds honestly, and
is independent of how the engine decides the same.
"""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from synapse.dlp import Finding, PolicyOptions, Scan, Side

STRENGTH = {"none": 0, "alert": 1, "redact": 2, "block": 3}


@dataclass(frozen=True)
class FakeRule:
    id: str
    pattern: str
    alphabet: str  # a character class, without brackets
    action: str = "redact"


CARD = FakeRule("credit_card", r"(?<![0-9])4[0-9]{3}(?:[ -]?[0-9]{4}){3}(?![0-9])", "0-9 -")
EMAIL = FakeRule("email", r"(?<![a-z0-9.])[a-z0-9.]{1,32}@[a-z]{1,32}\.[a-z]{2,8}(?![a-z])", "a-z0-9.@")
TOKEN = FakeRule("api_token", r"(?<![A-Z0-9_])TOK_[A-Z0-9]{8}(?![A-Z0-9_])", "A-Z0-9_", "block")
SIGN = FakeRule("codename", r"(?<![A-Za-z])Zephyr(?![A-Za-z])", "A-Za-z", "alert")
ASSIGNED = FakeRule("assigned_password", r'"password": ?"[a-z0-9]{6,32}(?![a-z0-9])', '"a-z0-9: ')


class FakeRuleset:
    """Immutable, like the real one."""

    name = "fake"
    version = "1"
    options = PolicyOptions(views=False)

    def __init__(self, *rules: FakeRule) -> None:
        self.rules = rules or (CARD, EMAIL, TOKEN, SIGN)
        self.scans = 0

    def scan(self, text: str, side: Side) -> Scan:
        self.scans += 1
        findings = self.find(text)
        action = max((f.action for f in findings), key=STRENGTH.__getitem__, default="none")
        parts, position = [], 0
        for finding in findings:
            if finding.action != "alert":
                parts += [text[position : finding.start], f"[REDACTED:{finding.rule}]"]
                position = finding.end
        return Scan(tuple(findings), action, "".join(parts) + text[position:] if parts else text)

    @property
    def strong(self) -> "FakeRuleset":
        return self

    def scan_slices(self, text: str, side: Side) -> Generator[None, None, Scan]:
        yield
        return self.scan(text, side)

    def scan_many(self, texts: Sequence[str], side: Side) -> list[Scan]:
        return [self.scan(text, side) for text in texts]

    def clean(self, texts: Sequence[str], side: Side) -> bool:
        return all(scan.action == "none" for scan in self.scan_many(texts, side))

    def redactor(self, side: Side = Side.ANSWER) -> "FakeRedactor":
        return FakeRedactor(self)

    def find(self, text: str) -> list[Finding]:
        """Leftmost first, then longest; what overlaps an earlier one is dropped. Alerts stand beside the others."""
        hits = [(m.start(), -m.end(), rule) for rule in self.rules for m in re.finditer(rule.pattern, text)]
        findings, position = [], 0
        for start, end, rule in sorted(hits, key=lambda hit: hit[:2]):
            if rule.action != "alert":
                if start < position:
                    continue
                position = -end
            findings.append(Finding(rule.id, "fake", rule.action, start, -end))
        return findings


class FakeRedactor:
    def __init__(self, ruleset: FakeRuleset) -> None:
        self.findings: list[Finding] = []
        self.blocked = False
        self._ruleset = ruleset
        self._text = ""
        self._gone = 0

    def feed(self, delta: str) -> str:
        self._text += delta
        holding = [rule.alphabet for rule in self._ruleset.rules if rule.action != "alert"]
        end = min((self._run_start(alphabet) for alphabet in holding), default=len(self._text))
        found = [f for f in self._ruleset.find(self._text) if f.action != "alert"]
        while straddling := [f.start for f in found if f.start < end < f.end]:
            end = min(straddling)
        return self._let_go(end)

    def finish(self) -> str:
        return self._let_go(len(self._text))

    def _run_start(self, alphabet: str) -> int:
        run = re.search(f"[{alphabet}]*\\Z", self._text)
        assert run is not None
        return run.start()

    def _let_go(self, end: int) -> str:
        """Render from where it stopped up to `end`; a match is whole on one side of it."""
        if self.blocked:
            return ""
        parts = []
        for finding in self._ruleset.find(self._text):
            if finding.end > end or finding in self.findings:
                continue
            self.findings.append(finding)
            if finding.action == "alert":
                continue
            parts.append(self._text[self._gone : finding.start])
            if finding.action == "block":
                self.blocked = True
                return "".join(parts)
            parts.append(f"[REDACTED:{finding.rule}]")
            self._gone = finding.end
        parts.append(self._text[self._gone : max(end, self._gone)])
        self._gone = max(end, self._gone)
        return "".join(parts)
