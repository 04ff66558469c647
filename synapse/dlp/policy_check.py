"""Tries a document's own rules before they come into force: on their examples, and on what redaction leaves behind."""

from collections.abc import Iterator

from .check import check_rules
from .findings import Side
from .policy_document import PolicyDocument, PolicyProblem
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


def _problem(document: PolicyDocument, rule: str, message: str) -> PolicyProblem:
    reason, _, remedy = message.partition("; ")
    remedy = remedy or "correct the rule or the example; `synapse dlp check FILE` tries it"
    return PolicyProblem(document.rule_lines.get(rule, 1), f"rule {rule}", reason, remedy)
