"""Tries a document's own rules before they come into force: on their examples, and on what redaction leaves behind."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from .check import check_rules
from .findings import Side
from .policy_document import Exemption, PolicyDocument, PolicyProblem
from .ruleset import Ruleset


def check_own_rules(document: PolicyDocument) -> list[PolicyProblem]:
    """What is wrong with the own rules of a document, each alone and with each other."""
    return [_problem(document, problem.rule, problem.message) for problem in check_rules(document.rules)]


def check_placeholders(ruleset: Ruleset, document: PolicyDocument) -> Iterator[PolicyProblem]:
    """Own rules that match what stands in the place of redacted text, or whose placeholder is matched."""
    own = document.rule_lines.keys()
    for rule in ruleset.rules if own else ():
        findings = [one for side in Side for one in ruleset.scan(f"[REDACTED:{rule.id}]", side).findings]
        for found in {finding.rule for finding in findings}:
            if found in own:
                yield _problem(document, found, f"it matches the placeholder of {rule.id}; narrow it")
            elif rule.id in own:
                yield _problem(document, rule.id, f"its placeholder is matched by {found}; choose another id")


def ended_exemptions(document: PolicyDocument, *, now_us: int) -> list[PolicyProblem]:
    """Exceptions whose end has passed. They are no mistake: one that is in force ends without anybody's doing."""
    found = []
    for exemption, subject, lines in _exemptions(document):
        if exemption.expires_at_us <= now_us:
            ended = datetime.fromtimestamp(exemption.expires_at_us / 1_000_000, UTC)
            reason = f"it ended on {ended:%Y-%m-%d at %H:%M} UTC and does nothing"
            found.append(PolicyProblem(lines["expires"], subject, reason, "remove it, or let it end later"))
    return found


def idle_exemptions(
    document: PolicyDocument, *, unknown_teams: Collection[str], unknown_keys: Collection[str]
) -> list[PolicyProblem]:
    """Exceptions for somebody who does not exist, and may still come."""
    found = []
    for exemption, subject, lines in _exemptions(document):
        if exemption.team in unknown_teams:
            reason = f"there is no team {exemption.team!r}: it does nothing"
            remedy = "correct the name; `synapse teams list` shows them"
            found.append(PolicyProblem(lines["team"], subject, reason, remedy))
        if exemption.key in unknown_keys:
            reason = f"there is no key that begins with {exemption.key!r}: it does nothing"
            found.append(
                PolicyProblem(lines["key"], subject, reason, "correct it; `synapse keys list` shows their beginnings")
            )
    return found


def _exemptions(document: PolicyDocument) -> Iterator[tuple[Exemption, str, Mapping[str, int]]]:
    for policy in document.policies.values():
        both = zip(policy.exemptions, policy.exemption_lines, strict=True)
        for number, (exemption, lines) in enumerate(both, start=1):
            yield exemption, f"policy {policy.name}, exception {number}", lines


def _problem(document: PolicyDocument, rule: str, message: str) -> PolicyProblem:
    reason, _, remedy = message.partition("; ")
    remedy = remedy or "correct the rule or the example"
    return PolicyProblem(document.rule_lines.get(rule, 1), f"rule {rule}", reason, remedy)
