"""A policy document: named policies and own rules, as one TOML file holds them.

Reading finds every problem there is, each with its line, its reason and its remedy. A document with a problem is as
good as none. What a policy comes to is decided in `policy_resolution`.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from typing import Any, Literal, cast, get_args, get_origin

from .rules import Example, Rule, RuleAction, RuleError, Severity, rule_from_table
from .toml_lines import KeyPath, TomlLines
from .validators import VALIDATORS

Mode = Literal["enforce", "monitor"]
Unscanned = Literal["ignore", "alert"]

# A document is read and compiled on every change of it; what is larger was not written by people.
DOCUMENT_BYTES_MAX = 1024 * 1024
POLICIES_MAX = 50
OWN_RULES_MAX = 500
EXEMPTIONS_MAX = 1000  # of one policy

# The pack of own rules, which every policy of the document has.
OWN_PACK = "own"
# In the place of packs: every one that there is.
ALL_PACKS = "all"
# What a document may name although this version may have no rule of it yet.
PACKS = frozenset(
    """core secrets us us-health uk de fr es it nl be pl pt se no dk fi ie at ch br mx ca in au nz sg kr jp cn za tr il
    ae sa ar bg cl co cy cz ee eg gr hk hr hu id ke lt lu lv mt my ng pe ph pk ro si sk th tw ua""".split()
)

_POLICY_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_RULE_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PACK_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_KEY_PREFIX = re.compile(r"syn_[0-9A-Za-z]{4,8}")
_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

_ACTIONS = get_args(RuleAction)
_ACTING = ("alert", "redact", "block")
_SEVERITIES = get_args(Severity)
_MODES = get_args(Mode)
_UNSCANNED = get_args(Unscanned)
_OVERRIDE_CHOICES = {"prompt": _ACTIONS, "answer": _ACTIONS, "severity": _SEVERITIES, "mode": _MODES}
_RULE_CHOICES = {
    "prompt": _ACTIONS,
    "answer": _ACTIONS,
    "severity": _SEVERITIES,
    "strength": ("S", "C", "X"),
    "validator": ("", *sorted(VALIDATORS)),
}
_POLICY_KEYS = ("extends", "packs", "mode", "unscanned", "views", "rules", "severities", "exceptions")
_RULE_FIELDS = tuple(one.name for one in fields(Rule))
_EXEMPTION_KEYS = ("key", "team", "rule", "rules", "reason", "expires")


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake: where it is, in which rule or policy, why it is one, and what to do."""

    line: int
    subject: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        about = f"{self.subject}: " if self.subject else ""
        return f"{about}{self.reason}; {self.remedy}"


class PolicyDocumentError(ValueError):
    """The document cannot be used; `problems` has everything that is wrong with it."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        super().__init__("\n".join(f"line {problem.line}: {problem}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Override:
    """What a policy changes about one rule, or about those that a pattern with `*` matches. None leaves it."""

    enabled: bool | None = None
    prompt: RuleAction | None = None
    answer: RuleAction | None = None
    severity: Severity | None = None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Exemption:
    """Rules that do not apply to somebody, for a reason and for a time. No key and no team is everybody.

    `rules` are ids, or patterns with `*`; none is every rule. `key` is the beginning of a key, as people see it.
    """

    rules: tuple[str, ...]
    key: str | None
    team: str | None
    reason: str
    expires_at_us: int

    def covers(self, *, key_prefix: str, team_name: str) -> bool:
        return (self.key is None or key_prefix.startswith(self.key)) and self.team in {None, team_name}

    def among(self, ids: Sequence[str]) -> Sequence[str]:
        """Which of these rules it means."""
        return [rule for pattern in self.rules for rule in matching(pattern, ids)] if self.rules else ids


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """One `[policies.NAME]` as written. None is inherited."""

    name: str
    line: int = 1
    extends: str | None = None
    packs: tuple[str, ...] | None = None
    mode: Mode | None = None
    unscanned: Unscanned | None = None
    views: bool | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)
    override_lines: Mapping[str, int] = field(default_factory=dict)
    severities: Mapping[Severity, Mapping[RuleAction, RuleAction]] = field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()
    exemption_lines: tuple[Mapping[str, int], ...] = ()  # of `expires`, `team` and `key` of each


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    policies: Mapping[str, PolicyTable] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    rule_lines: Mapping[str, int] = field(default_factory=dict)


def read_document(text: str, *, rules: Sequence[Rule], policies: Collection[str]) -> PolicyDocument:
    """The document of a text. `rules` are those that come with Synapse, `policies` the names of its policies.

    Raises PolicyDocumentError with every problem.
    """
    tables = _parsed(text)
    reader = _Reader(TomlLines(text), rules=rules, policies=policies)
    return reader.judged(reader.document(tables))


def read_rule_file(text: str) -> PolicyDocument:
    """The document of a file of `[[rule]]`s, as those that come with Synapse; it has no policies.

    Raises PolicyDocumentError with every problem.
    """
    tables = _parsed(text)
    reader = _Reader(TomlLines(text), rules=(), policies=())
    return reader.judged(reader.rule_file(tables))


def _parsed(text: str) -> dict[str, Any]:
    if len(text.encode("utf-8", "surrogatepass")) > DOCUMENT_BYTES_MAX:
        reason = f"it is larger than {DOCUMENT_BYTES_MAX // 1024} KiB"
        raise PolicyDocumentError([PolicyProblem(1, "", reason, "split what it is for over several deployments")])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyDocumentError([_syntax_problem(error, text)]) from None
    except RecursionError:
        reason = "its values are nested too deeply to be read"
        raise PolicyDocumentError([PolicyProblem(1, "", reason, "write them flat")]) from None


def matching(pattern: str, ids: Iterable[str]) -> list[str]:
    """The rules that an id, or a pattern with `*`, means."""
    if "*" not in pattern:
        return [rule for rule in ids if rule == pattern]
    return [rule for rule in ids if fnmatchcase(rule, pattern)]


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str) -> PolicyProblem:
    message = str(error)
    place = _SYNTAX_PLACE.search(message)
    line = int(place[1]) if place is not None and place[1] else text.count("\n") + 1
    if place is not None:
        message = message[: place.start()]
    # What it says of a key may quote the document, but a key is no secret.
    return PolicyProblem(line, "", f"it is not valid TOML: {message}", "correct the syntax; a literal needs '…'")


class _Reader:
    """Reads the tables of one document and collects what is wrong with them."""

    def __init__(self, lines: TomlLines, *, rules: Sequence[Rule], policies: Collection[str]) -> None:
        self.problems: list[PolicyProblem] = []
        self._lines = lines
        self._shipped_rules = {rule.id for rule in rules}
        self._shipped_policies = frozenset(policies)
        self._packs = PACKS | {rule.pack for rule in rules} | {OWN_PACK}
        self._rules = set(self._shipped_rules)
        self._policies = set(self._shipped_policies)

    def document(self, tables: Mapping[str, Any]) -> PolicyDocument:
        self._known_top_keys(tables)
        own = self._tables(("rules",), tables.get("rules", []), "")
        policies = self._table(("policies",), tables.get("policies", {}), "")
        self._at_most(("rules",), len(own), OWN_RULES_MAX, "own rules")
        self._at_most(("policies",), len(policies), POLICIES_MAX, "policies")
        # All names first: policies refer to rules and to each other in any order.
        self._rules |= {str(table.get("id")) for table in own}
        self._packs |= {str(table.get("pack")) for table in own if isinstance(table.get("pack"), str)}
        self._policies |= set(policies)
        rules = self._own_rules("rules", own, {})
        read = {name: self._policy(name, table) for name, table in policies.items()}
        self._refuse_circles(read)
        return PolicyDocument(
            policies=read,
            rules=rules,
            rule_lines=self._rule_lines("rules", own),
        )

    def _known_top_keys(self, tables: Mapping[str, Any]) -> None:
        if "rule" in tables:
            remedy = "write `[[rules]]`, and what stands above the first of them into each, or leave it out"
            self._problem(("rule",), "", "this is a file of rules and not a policy file", remedy)
            # One mistake, told once: these would stand above the first rule.
            tables = {key: value for key, value in tables.items() if key != "rule" and key not in _RULE_FIELDS}
        self._known_keys((), tables, ("policies", "rules"), "")

    def rule_file(self, tables: Mapping[str, Any]) -> PolicyDocument:
        """What stands before the first rule holds for all of them."""
        in_common = {key: value for key, value in tables.items() if key != "rule"}
        own = self._tables(("rule",), tables.get("rule", []), "")
        return PolicyDocument(rules=self._own_rules("rule", own, in_common), rule_lines=self._rule_lines("rule", own))

    def judged(self, document: PolicyDocument) -> PolicyDocument:
        """The document, when nothing is wrong with it."""
        if self.problems:
            raise PolicyDocumentError(sorted(self.problems, key=lambda problem: problem.line))
        return document

    # Policies

    def _policy(self, name: str, value: object) -> PolicyTable:
        path: KeyPath = ("policies", name)
        subject = f"policy {name}"
        if not _POLICY_NAME.fullmatch(name):
            self._problem(path, subject, "its name cannot be used", "use small letters, digits and hyphens")
        table = self._table(path, value, subject)
        self._known_keys(path, table, _POLICY_KEYS, subject)
        overrides = self._overrides(name, table.get("rules", {}))
        return PolicyTable(
            name=name,
            line=self._lines.of(path),
            extends=self._extends(name, table.get("extends")),
            packs=self._packs_of(path, table, subject),
            mode=cast("Mode | None", self._choice((*path, "mode"), table, _MODES, subject)),
            unscanned=cast("Unscanned | None", self._choice((*path, "unscanned"), table, _UNSCANNED, subject)),
            views=self._flag((*path, "views"), table, subject),
            overrides=overrides,
            override_lines={rule: self._lines.of((*path, "rules", rule)) for rule in overrides},
            severities=self._severities(name, table.get("severities", {})),
            exemptions=(exemptions := self._exemptions(name, table.get("exceptions", []))),
            exemption_lines=tuple(
                {key: self._lines.of((*path, "exceptions", index, key)) for key in ("expires", "team", "key")}
                for index in range(len(exemptions))
            ),
        )

    def _extends(self, name: str, value: object) -> str | None:
        path, subject = ("policies", name, "extends"), f"policy {name}"
        if value is None:
            return None
        # Under a shipped name, `extends` with the same name means the one that is replaced.
        known = self._policies if name in self._shipped_policies else self._policies - {name}
        if not isinstance(value, str) or value not in known:
            self._problem(path, subject, f"it extends {_shown(value)}, which is no policy", _one_of(value, known))
            return None
        return value

    def _packs_of(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> tuple[str, ...] | None:
        path = (*path, "packs")
        packs = self._texts(path, table, subject)
        for pack in packs or ():
            if pack not in self._packs | {ALL_PACKS}:
                self._problem(path, subject, f"there is no pack {_shown(pack)}", _one_of(pack, self._packs))
        return packs

    def _overrides(self, name: str, value: object) -> dict[str, Override]:
        path = ("policies", name, "rules")
        tables = self._table(path, value, f"policy {name}")
        return {rule: self._override(name, rule, table) for rule, table in tables.items()}

    def _override(self, name: str, rule: str, value: object) -> Override:
        path: KeyPath = ("policies", name, "rules", rule)
        subject = f"policy {name}, rule {rule}"
        self._known_rule(path, rule, subject)
        table = self._table(path, value, subject)
        self._known_keys(path, table, ("enabled", *_OVERRIDE_CHOICES), subject)
        if value == {}:
            self._problem(path, subject, "it changes nothing", "give what it is to change, or remove it")
        chosen = {
            key: self._choice((*path, key), table, choices, subject) for key, choices in _OVERRIDE_CHOICES.items()
        }
        enabled = self._flag((*path, "enabled"), table, subject)
        if enabled and "*" in rule:
            self._problem(
                (*path, "enabled"),
                subject,
                "a pattern changes rules that are on, and switches none on",
                "name each rule, or add its pack to `packs`",
            )
        return Override(enabled=enabled, **cast("dict[str, Any]", chosen))

    def _severities(self, name: str, value: object) -> dict[Severity, Mapping[RuleAction, RuleAction]]:
        path: KeyPath = ("policies", name, "severities")
        tables = self._table(path, value, f"policy {name}")
        self._known_keys(path, tables, _SEVERITIES, f"policy {name}")
        found: dict[Severity, Mapping[RuleAction, RuleAction]] = {}
        for severity in _SEVERITIES:
            if severity in tables:
                own, subject = (*path, severity), f"policy {name}, severity {severity}"
                table = self._table(own, tables[severity], subject)
                self._known_keys(own, table, _ACTING, subject)
                changes = {action: self._choice((*own, action), table, _ACTIONS, subject) for action in _ACTING}
                given = {action: to for action, to in changes.items() if to is not None}
                found[severity] = cast("dict[RuleAction, RuleAction]", given)
        return found

    # Exceptions

    def _exemptions(self, name: str, value: object) -> tuple[Exemption, ...]:
        path = ("policies", name, "exceptions")
        tables = self._tables(path, value, f"policy {name}")
        self._at_most(path, len(tables), EXEMPTIONS_MAX, "exceptions in one policy")
        read = [self._exemption((*path, index), name, table) for index, table in enumerate(tables)]
        return tuple(exemption for exemption in read if exemption is not None)

    def _exemption(self, path: KeyPath, name: str, table: Mapping[str, Any]) -> Exemption | None:
        subject = f"policy {name}, exception {int(path[-1]) + 1}"
        before = len(self.problems)
        self._known_keys(path, table, _EXEMPTION_KEYS, subject)
        rules = self._exempt_rules(path, table, subject)
        key = self._text((*path, "key"), table, subject)
        team = self._text((*path, "team"), table, subject)
        if key is not None and not _KEY_PREFIX.fullmatch(key):
            self._problem((*path, "key"), subject, "`key` is no beginning of a key", "give its first 12 characters")
        if not {"key", "team", "rule", "rules"} & set(table):
            self._problem(path, subject, "it says neither for whom nor of what", "give `key`, `team` or `rules`")
        reason = self._text((*path, "reason"), table, subject)
        if reason is None or not reason.strip():
            self._problem(path, subject, "`reason` is missing", "say why, and who agreed")
        expires_at_us = self._moment((*path, "expires"), table, subject)
        if len(self.problems) > before or reason is None or expires_at_us is None:
            return None
        return Exemption(rules=rules, key=key, team=team, reason=reason, expires_at_us=expires_at_us)

    def _exempt_rules(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> tuple[str, ...]:
        one = self._text((*path, "rule"), table, subject)
        several = self._texts((*path, "rules"), table, subject)
        if "rule" in table and "rules" in table:
            self._problem(path, subject, "it has `rule` and `rules`", "keep one of them")
        if several == ():
            self._problem((*path, "rules"), subject, "`rules` is empty", 'name them, or write ["*"] for every rule')
        rules = (one,) if one is not None else several or ()
        for rule in rules:
            self._known_rule((*path, "rule" if one is not None else "rules"), rule, subject)
        return rules

    def _moment(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> int | None:
        value = table.get("expires")
        if value is None:
            self._problem(path[:-1], subject, "`expires` is missing", "give a date such as 2030-12-31")
            return None
        if not isinstance(value, date):
            remedy = "write a date such as 2030-12-31 or a time such as 2030-12-31T18:00:00Z, without quotes"
            self._problem(path, subject, f"expires is {_shown(value)}, which is no date", remedy)
            return None
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000)

    # Own rules

    def _own_rules(
        self, key: str, tables: Sequence[Mapping[str, Any]], in_common: Mapping[str, Any]
    ) -> tuple[Rule, ...]:
        read = [self._own_rule((key, index), {**in_common, **table}) for index, table in enumerate(tables)]
        self._refuse_duplicates(key, tables)
        return tuple(rule for rule in read if rule is not None)

    def _rule_lines(self, key: str, tables: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        return {str(table.get("id")): self._lines.of((key, index)) for index, table in enumerate(tables)}

    def _own_rule(self, path: tuple[str, int], table: Mapping[str, Any]) -> Rule | None:
        name = table.get("id")
        subject = f"rule {name}" if isinstance(name, str) else f"own rule {path[1] + 1}"
        table = {"pack": OWN_PACK, "category": OWN_PACK, **table}
        before = len(self.problems)
        self._known_keys(path, table, _RULE_FIELDS, subject)
        for one in fields(Rule):
            if one.name in table:
                self._rule_value((*path, one.name), table[one.name], one.type, subject)
            elif one.default is MISSING:
                self._problem(path, subject, f"`{one.name}` is missing", "add it; every rule has one")
        for key, choices in _RULE_CHOICES.items():
            if isinstance(table.get(key), str) and table[key] not in choices:
                reason = f"{key} is {_shown(table[key])}"
                self._problem((*path, key), subject, reason, _one_of(table[key], [one for one in choices if one]))
        self._rule_names(path, table, subject)
        if len(self.problems) > before:
            return None
        try:
            return rule_from_table(table)
        except RuleError as error:
            self._problem(path, subject, *_reason_and_remedy(error.reason))
            return None

    def _rule_names(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> None:
        name, pack = table.get("id"), table["pack"]
        if isinstance(name, str) and not _RULE_ID.fullmatch(name):
            remedy = "use small letters, digits and underscores: it stands in the place of what is redacted"
            self._problem((*path, "id"), subject, "its id cannot be used", remedy)
        if isinstance(name, str) and name in self._shipped_rules:
            remedy = f"choose another, or change the one that is there with [policies.NAME.rules.{name}]"
            self._problem((*path, "id"), subject, "a rule of this id comes with Synapse", remedy)
        if isinstance(pack, str) and (not _PACK_NAME.fullmatch(pack) or pack == ALL_PACKS):
            self._problem((*path, "pack"), subject, "its pack cannot be used", "use small letters, digits and hyphens")

    def _rule_value(self, path: KeyPath, value: object, kind: Any, subject: str) -> None:
        """Whether a value is of the kind that a field of a rule has."""
        wanted = ""
        if kind is str or get_origin(kind) is Literal:
            wanted = "" if isinstance(value, str) else "a text"
        elif kind is bool:
            wanted = "" if isinstance(value, bool) else "true or false"
        elif kind is float:
            wanted = "" if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
        elif kind == tuple[Example, ...]:
            wanted = "" if _are_examples(value) else "a list of tables, each with a `text` and a reason, `why`"
        elif not isinstance(value, str) and not _are_texts(value):
            wanted = "a text or a list of texts"
        if wanted:
            self._problem(path, subject, f"`{path[-1]}` is not of its kind", f"it must be {wanted}")

    def _refuse_duplicates(self, key: str, tables: Iterable[Mapping[str, Any]]) -> None:
        seen: set[str] = set()
        for index, table in enumerate(tables):
            name = str(table.get("id", f"without an id, the {index + 1}th"))
            if name in seen:
                self._problem((key, index), f"rule {name}", "two own rules have this id", "rename one of them")
            seen.add(name)

    def _refuse_circles(self, policies: Mapping[str, PolicyTable]) -> None:
        for name in policies:
            seen, at = [name], policies[name].extends
            while at is not None and at in policies and at not in seen:
                seen.append(at)
                at = policies[at].extends
            if at == name and len(seen) > 1:
                circle = " → ".join((*seen, name))
                path = ("policies", name, "extends")
                self._problem(path, f"policy {name}", f"it extends itself: {circle}", "let one of them extend another")

    # Values

    def _known_rule(self, path: KeyPath, rule: str, subject: str) -> None:
        if not matching(rule, self._rules):
            self._problem(path, subject, f"there is no rule {_shown(rule)}", _one_of(rule, self._rules))

    def _known_keys(self, path: KeyPath, table: Mapping[str, Any], known: Sequence[str], subject: str) -> None:
        for key in table:
            if key not in known:
                self._problem((*path, key), subject, f"unknown key {_shown(key)}", _one_of(key, known))

    def _table(self, path: KeyPath, value: object, subject: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self._problem(path, subject, f"`{path[-1]}` is no table", f"write it as {_header(path)}")
        return {}

    def _tables(self, path: KeyPath, value: object, subject: str) -> list[dict[str, Any]]:
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return value
        self._problem(path, subject, f"`{path[-1]}` is no list of tables", f"write each as [{_header(path)}]")
        return []

    def _choice(self, path: KeyPath, table: Mapping[str, Any], choices: Sequence[str], subject: str) -> str | None:
        value = table.get(str(path[-1]))
        if value is None or value in choices:
            return cast("str | None", value)
        remedy = f"it must be one of: {', '.join(choices)}"
        self._problem(path, subject, f"{path[-1]} is {_shown(value)}", remedy)
        return None

    def _flag(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> bool | None:
        value = table.get(str(path[-1]))
        if value is None or isinstance(value, bool):
            return value
        self._problem(path, subject, f"{path[-1]} is {_shown(value)}", "it must be true or false, without quotes")
        return None

    def _text(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> str | None:
        value = table.get(str(path[-1]))
        if value is None or (isinstance(value, str) and value):
            return value
        self._problem(path, subject, f"{path[-1]} is {_shown(value)}", "it must be a text that is not empty")
        return None

    def _texts(self, path: KeyPath, table: Mapping[str, Any], subject: str) -> tuple[str, ...] | None:
        value = table.get(str(path[-1]))
        if value is None:
            return None
        if not _are_texts(value):
            self._problem(path, subject, f"{path[-1]} is {_shown(value)}", "it must be a list of texts")
            return None
        return tuple(value)

    def _at_most(self, path: KeyPath, count: int, most: int, what: str) -> None:
        if count > most:
            self._problem(path, "", f"there are {count} {what}", f"there may be {most}")

    def _problem(self, path: KeyPath, subject: str, reason: str, remedy: str) -> None:
        self.problems.append(PolicyProblem(self._lines.of(path), subject, reason, remedy))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_examples(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and (isinstance(item.get("text"), str) or _are_texts(item.get("text")))
        and all(isinstance(part, str) for key, part in item.items() if key != "text")
        for item in value
    )


def _reason_and_remedy(reason: str) -> tuple[str, str]:
    """What a rule's refusal says after its semicolon is what to do."""
    said, _, remedy = reason.partition("; ")
    return said, remedy or "see how the rules that come with Synapse are written"


def _header(path: KeyPath) -> str:
    return f"[{'.'.join(str(part) for part in path if isinstance(part, str))}]"


def _shown(value: object) -> str:
    """A value as people know it again. It is a word of a document about texts, never a text itself."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _one_of(value: object, known: Collection[str]) -> str:
    close = difflib.get_close_matches(value, known, n=1, cutoff=0.6) if isinstance(value, str) else []
    if close:
        return f"did you mean {close[0]}?"
    listed = sorted(known)
    shown = ", ".join(listed[:40]) + (", …" if len(listed) > 40 else "")
    return f"it must be one of: {shown}"
