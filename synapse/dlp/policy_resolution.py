"""What the policies of a document come to: the rules that each of them has on, with their actions, and its options.

A policy is its parent with its own words laid over it. In this order: packs, rules switched on and off, severity, what
a severity changes about actions, a rule's own actions, and last `monitor`, which leaves alerts only.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any, TypeVar

import orjson

from .options import PolicyOptions
from .policy_document import (
    ALL_PACKS,
    OWN_PACK,
    Exemption,
    Mode,
    Override,
    PolicyDocument,
    PolicyDocumentError,
    PolicyProblem,
    PolicyTable,
    matching,
    read_document,
)
from .rules import Rule, RuleAction, load_all_rules
from .ruleset import engine_version

DEFAULT_POLICY = "default"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ResolvedPolicy:
    """A policy in full. `key` is a hash of all that its compiled ruleset is made of."""

    name: str
    rules: tuple[Rule, ...]
    options: PolicyOptions
    exemptions: tuple[Exemption, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What comes with Synapse: its rules and its policies, and a hash of them and of the engine."""

    rules: tuple[Rule, ...]
    policies: Mapping[str, PolicyTable]
    fingerprint: str

    def read(self, text: str) -> PolicyDocument:
        """The document of a text. Raises PolicyDocumentError with every problem, also those between its policies."""
        document = read_document(text, rules=self.rules, policies=self.policies)
        problems = [problem for name in document.policies for problem in _problems(name, document, self)]
        if problems:
            raise PolicyDocumentError(sorted(problems, key=lambda problem: problem.line))
        return document

    def names(self, document: PolicyDocument) -> tuple[str, ...]:
        """The policies that keys can be bound to."""
        return tuple(sorted({*self.policies, *document.policies}))

    def resolve(self, name: str, document: PolicyDocument) -> ResolvedPolicy:
        """A policy of the document, or one that comes with Synapse, with the document's own rules."""
        layers = list(reversed(list(_layers(name, document, self))))
        rules = tuple(_rules(layers, (*self.rules, *document.rules)))
        exemptions = tuple(exemption for layer in layers for exemption in layer.exemptions)
        options = PolicyOptions(
            views=_last((layer.views for layer in layers), True),
            unscanned=_last((layer.unscanned for layer in layers), "ignore"),
        )
        deciding = [self.fingerprint, name, asdict(options), [_deciding(rule, document) for rule in rules]]
        return ResolvedPolicy(name, rules, options, exemptions, _hash(deciding))


def load_catalogue() -> Catalogue:
    """Read what is in the package."""
    return catalogue_of(load_all_rules())


def catalogue_of(rules: Iterable[Rule]) -> Catalogue:
    """The same when its rules are known already, since reading hundreds of them takes longer than all the rest."""
    rules = tuple(rules)
    shipped = read_document(_shipped_text(), rules=rules, policies=())
    return Catalogue(rules, shipped.policies, catalogue_fingerprint())


def shipped_policy_names() -> tuple[str, ...]:
    """The policies that keys can be bound to when there is no document."""
    return tuple(sorted(tomllib.loads(_shipped_text())["policies"]))


def catalogue_fingerprint() -> str:
    """A hash of the engine and of every rule and policy that comes with Synapse, without reading what they say."""
    folder = files(__package__) / "rules"
    documents = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda one: one.name)
    digest = hashlib.sha256(engine_version().encode())
    for text in (_shipped_text(), *(document.read_text("utf-8") for document in documents)):
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def own_rules_key(document: PolicyDocument, fingerprint: str) -> str:
    """A hash of the document's own rules and of what else their examples depend on."""
    return _hash([fingerprint, [rule.to_table() for rule in document.rules]])


def _shipped_text() -> str:
    return (files(__package__) / "policies" / "shipped.toml").read_text("utf-8")


def _layers(name: str, document: PolicyDocument, catalogue: Catalogue) -> Iterator[PolicyTable]:
    """A policy, what it extends, what that extends and so on. A policy that replaces a shipped one may extend it."""
    own = document.policies
    table = own.get(name) or catalogue.policies[name]
    while True:
        yield table
        parent = table.extends
        if parent is None:
            return
        own = own if parent != table.name else {}
        table = own.get(parent) or catalogue.policies[parent]


def _rules(layers: Sequence[PolicyTable], rules: Iterable[Rule]) -> Iterator[Rule]:
    """The rules that are on, as they act. `layers` begin with the farthest ancestor."""
    rules = tuple(rules)
    on = _rules_on(layers, rules)
    mode: Mode = _last((layer.mode for layer in layers), "enforce")
    overrides = _overrides(layers, [rule.id for rule in rules if rule.id in on])
    for rule in rules:
        if rule.id in on:
            changed = _changed(rule, overrides.get(rule.id, Override()), layers, mode)
            if (changed.prompt, changed.answer) != ("off", "off"):
                yield changed


def _rules_on(layers: Sequence[PolicyTable], rules: Sequence[Rule]) -> set[str]:
    packs = {OWN_PACK, *_last((layer.packs for layer in layers), ())}
    on = {rule.id for rule in rules if rule.pack in packs or ALL_PACKS in packs}
    for layer in layers:
        for name, override in layer.overrides.items():
            if override.enabled is True:
                on.add(name)
            elif override.enabled is False:
                on -= set(matching(name, on))
    return on


def _overrides(layers: Sequence[PolicyTable], on: Sequence[str]) -> dict[str, Override]:
    """What is changed about each rule. A nearer layer wins, and in one layer a rule's own name wins over a pattern."""
    found: dict[str, Override] = {}
    for layer in layers:
        for name in sorted(layer.overrides, key=lambda one: "*" not in one):
            for rule in matching(name, on):
                given = {key: value for key, value in _fields(layer.overrides[name]).items() if value is not None}
                found[rule] = replace(found.get(rule, Override()), **given)
    return found


def _changed(rule: Rule, override: Override, layers: Sequence[PolicyTable], mode: Mode) -> Rule:
    severity = override.severity or rule.severity
    prompt, answer = rule.prompt, rule.answer
    for layer in layers:
        changes = layer.severities.get(severity, {})
        prompt, answer = changes.get(prompt, prompt), changes.get(answer, answer)
    prompt, answer = override.prompt or prompt, override.answer or answer
    if (override.mode or mode) == "monitor":
        prompt, answer = _monitored(prompt), _monitored(answer)
    if (severity, prompt, answer) == (rule.severity, rule.prompt, rule.answer):
        return rule
    return replace(rule, severity=severity, prompt=prompt, answer=answer)


def _monitored(action: RuleAction) -> RuleAction:
    return "off" if action == "off" else "alert"


def _problems(name: str, document: PolicyDocument, catalogue: Catalogue) -> Iterator[PolicyProblem]:
    """What is wrong with a policy that each of its words does not show."""
    table = document.policies[name]
    layers = list(reversed(list(_layers(name, document, catalogue))))
    rules = (*catalogue.rules, *document.rules)
    on = _rules_on(layers, rules)
    if not on:
        remedy = 'give it packs, such as packs = ["core", "secrets"], or let it extend another policy'
        yield PolicyProblem(table.line, f"policy {name}", "no rule is on in it", remedy)
        return
    acting = {rule.id for rule in _rules(layers, rules)}
    for rule, override in table.overrides.items():
        line, subject = table.override_lines[rule], f"policy {name}, rule {rule}"
        if override.enabled is None and not matching(rule, on):
            remedy = "remove it" if "*" in rule else "add `enabled = true`, or remove it"
            yield PolicyProblem(line, subject, "it changes a rule that is off in this policy", remedy)
        if override.enabled and rule in on - acting:
            remedy = 'say what it is to do, such as prompt = "alert"'
            yield PolicyProblem(line, subject, "it is switched on, but does nothing", remedy)


def _deciding(rule: Rule, document: PolicyDocument) -> object:
    """What of a rule may differ: for a shipped one its actions, since the fingerprint covers the rest."""
    if rule.id in document.rule_lines:
        return rule.to_table()
    return [rule.id, rule.prompt, rule.answer, rule.severity]


def _last(values: Iterable[Value | None], default: Value) -> Value:
    """The nearest layer's word, when there is one."""
    found = [value for value in values if value is not None]
    return found[-1] if found else default


def _fields(override: Override) -> dict[str, Any]:
    return asdict(override)


def _hash(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
