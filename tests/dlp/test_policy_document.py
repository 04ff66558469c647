"""Policy documents: every kind of mistake is found, with its line and its remedy, and all of them at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from synapse.dlp import (
    Catalogue,
    PolicyDocument,
    PolicyDocumentError,
    PolicyOptions,
    PolicyProblem,
    load_catalogue,
    load_default_rules,
)
from synapse.dlp.policy_check import check_own_rules, ended_exemptions, idle_exemptions
from synapse.dlp.policy_document import DOCUMENT_BYTES_MAX, OWN_RULES_MAX, POLICIES_MAX

OWN = """
[[rules]]
id = "customer"
severity = "high"
prompt = "redact"
answer = "alert"
core = 'C-\\d{6}'
left = "0-9A-Za-z"
right = "0-9"
strength = "S"
reference = "https://wiki.example.org/customer-numbers"
hits = [{ text = "C-123456", why = "the plain form" }]
misses = [{ text = "C-12345", why = "a digit short" }]
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def problems(catalogue: Catalogue, text: str) -> list[PolicyProblem]:
    with pytest.raises(PolicyDocumentError) as caught:
        catalogue.read(text)
    return list(caught.value.problems)


def actions(catalogue: Catalogue, document: PolicyDocument, policy: str) -> dict[str, tuple[str, str]]:
    return {rule.id: (rule.prompt, rule.answer) for rule in catalogue.resolve(policy, document).rules}


POLICY = '[policies.own]\nextends = "default"\n'
EXCEPTION = '[[policies.own.exceptions]]\nteam = "payments"\nrules = ["iban"]\nreason = "why"\nexpires = 2030-01-01\n'


@pytest.mark.parametrize(
    ("text", "line", "subject", "reason", "remedy"),
    [
        ("[policies\n", 1, "", "it is not valid TOML", "correct the syntax"),
        ('a = "\n', 1, "", "it is not valid TOML", "correct the syntax"),
        ("x = " + "[" * 5000, 1, "", "nested too deeply", "flat"),
        ("# mine\n\n[[rule]]\nid = 'a'\n[[rule]]\n", 3, "", "this is a file of rules", "[[rules]]"),
        ("category = 'a'\npack = 'b'\n[[rule]]\nid = 'a'\n", 3, "", "not a policy file", "above the first"),
        ("# mine\n\n[[policy]]\nid = 'a'\n[[policy]]\n", 3, "", "unknown key 'policy'", "did you mean policies?"),
        ("\n[policy.a]\n[policy.b]\n", 2, "", "unknown key 'policy'", "did you mean policies?"),
        ("\npolicy = 1\n", 2, "", "unknown key 'policy'", "did you mean policies?"),
        ("policies = 1\n", 1, "", "`policies` is no table", "[policies]"),
        ("policies = { own = 1 }\n", 1, "policy own", "`own` is no table", "[policies.own]"),
        ("rules = 1\n", 1, "", "`rules` is no list of tables", "[[rules]]"),
        ('[policies."Own"]\nextends = "default"\n', 1, "policy Own", "its name cannot be used", "small letters"),
        (POLICY + "pack = []\n", 3, "policy own", "unknown key 'pack'", "did you mean packs?"),
        ('[policies.own]\nextends = "defualt"\n', 2, "policy own", "'defualt', which is no policy", "mean default?"),
        ("[policies.own]\nextends = 5\n", 2, "policy own", "extends 5, which is no policy", "must be one of"),
        ('[policies.own]\nextends = "own"\n', 2, "policy own", "'own', which is no policy", "must be one of"),
        (POLICY + 'packs = ["core", "sceret"]\n', 3, "policy own", "no pack 'sceret'", "did you mean secrets?"),
        (POLICY + 'packs = "core"\n', 3, "policy own", "packs is 'core'", "a list of texts"),
        (POLICY + 'mode = "off"\n', 3, "policy own", "mode is 'off'", "one of: enforce, monitor"),
        (POLICY + 'unscanned = "block"\n', 3, "policy own", "unscanned is 'block'", "one of: ignore, alert"),
        (POLICY + 'views = "yes"\n', 3, "policy own", "views is 'yes'", "true or false"),
        ("[policies.own]\n", 1, "policy own", "no rule is on", "give it packs"),
        (POLICY + "rules = 1\n", 3, "policy own", "`rules` is no table", "[policies.own.rules]"),
        (POLICY + "[policies.own.rules.emial]\nenabled = false\n", 3, "rule emial", "no rule 'emial'", "mean email?"),
        (
            POLICY + '[policies.own.rules."no_such*"]\nmode = "monitor"\n',
            3,
            "rule no_such*",
            "no rule 'no_such*'",
            "must be one of",
        ),
        (POLICY + "[policies.own.rules.email]\n", 3, "rule email", "changes nothing", "remove it"),
        (
            POLICY + "[policies.own.rules]\nemail = 1\n",
            4,
            "rule email",
            "`email` is no table",
            "[policies.own.rules.email]",
        ),
        (POLICY + '[policies.own.rules.email]\npromt = "block"\n', 4, "rule email", "key 'promt'", "mean prompt?"),
        (
            POLICY + '[policies.own.rules.email]\nprompt = "stop"\n',
            4,
            "rule email",
            "is 'stop'",
            "alert, redact, block",
        ),
        (
            POLICY + '[policies.own.rules.email]\nseverity = "big"\n',
            4,
            "rule email",
            "severity is 'big'",
            "critical, h",
        ),
        (POLICY + "[policies.own.rules.email]\nenabled = 1\n", 4, "rule email", "enabled is 1", "true or false"),
        (POLICY + '[policies.own.rules."*"]\nenabled = true\n', 4, "rule *", "switches none on", "add its pack"),
        (
            '[policies.own]\npacks = ["secrets"]\n[policies.own.rules.email]\nprompt = "block"\n',
            *(3, "rule email", "a rule that is off in this policy", "enabled = true"),
        ),
        (POLICY + "[policies.own.severities.big]\nredact='block'\n", 3, "policy own", "key 'big'", "must be one of"),
        (POLICY + "[policies.own.severities.low]\noff='block'\n", 4, "severity low", "unknown key 'off'", "alert, b"),
        (POLICY + "[policies.own.severities.low]\nredact='x'\n", 4, "severity low", "redact is 'x'", "off, alert"),
        (POLICY + "exceptions = 1\n", 3, "policy own", "`exceptions` is no list", "[[policies.own.exceptions]]"),
        (POLICY + EXCEPTION + "tema = 1\n", 8, "exception 1", "unknown key 'tema'", "did you mean team?"),
        (POLICY + EXCEPTION.replace('reason = "why"\n', ""), 3, "exception 1", "`reason` is missing", "say why"),
        (POLICY + EXCEPTION.replace('"why"', '" "'), 3, "exception 1", "`reason` is missing", "say why"),
        (POLICY + EXCEPTION.replace("expires = 2030-01-01\n", ""), 3, "exception 1", "`expires` is mis", "2030-12-31"),
        (POLICY + EXCEPTION.replace("2030-01-01", '"2030-01-01"'), 7, "exception 1", "no date", "without quotes"),
        (POLICY + EXCEPTION.replace('"iban"', '"ibann"'), 5, "exception 1", "no rule 'ibann'", "did you mean iban?"),
        (POLICY + EXCEPTION.replace('["iban"]', "[]"), 5, "exception 1", "`rules` is empty", '["*"]'),
        (POLICY + EXCEPTION + 'rule = "iban"\n', 3, "exception 1", "it has `rule` and `rules`", "keep one"),
        (POLICY + EXCEPTION + 'key = "sk-1"\n', 8, "exception 1", "`key` is no beginning of a key", "12 characters"),
        (
            POLICY + EXCEPTION.replace('team = "payments"\nrules = ["iban"]\n', ""),
            *(3, "exception 1", "neither for whom nor of what", "give `key`, `team` or `rules`"),
        ),
        (OWN + "colour = 1\n", 14, "rule customer", "unknown key 'colour'", ""),
        (OWN.replace('strength = "S"\n', ""), 2, "rule customer", "`strength` is missing", "add it"),
        (OWN.replace('id = "customer"\n', ""), 2, "own rule 1", "`id` is missing", "add it"),
        (OWN.replace('"customer"', '"Customer"'), 3, "rule Customer", "its id cannot be used", "underscores"),
        (OWN.replace('"customer"', '"email"'), 3, "rule email", "comes with Synapse", "[policies.NAME.rules.email]"),
        (OWN.replace('"high"', '"hihg"'), 4, "rule customer", "severity is 'hihg'", "did you mean high?"),
        (OWN.replace('"redact"', '"delete"'), 5, "rule customer", "prompt is 'delete'", "must be one of"),
        (OWN.replace("core = '", "core = 5 #"), 7, "rule customer", "`core` is not of its kind", "a list of texts"),
        (OWN.replace('text = "C-12345"', "text = 5"), 13, "rule customer", "`misses` is not of its kind", "`why`"),
        (OWN.replace(', why = "a digit short"', ""), 2, "rule customer", "an example has a text", ""),
        (OWN + 'validator = "ibann"\n', 14, "rule customer", "validator is 'ibann'", "did you mean iban?"),
        (OWN + 'pack = "all"\n', 14, "rule customer", "its pack cannot be used", "small letters"),
        (OWN + OWN, 15, "rule customer", "two own rules have this id", "rename"),
    ],
)
def test_each_mistake_is_found_with_its_line_and_its_remedy(
    catalogue: Catalogue, text: str, line: int, subject: str, reason: str, remedy: str
) -> None:
    (problem,) = problems(catalogue, text)
    assert problem.line == line
    assert problem.subject.endswith(subject)
    assert reason in problem.reason
    assert remedy in problem.remedy


def test_a_circle_is_said_with_the_way_round(catalogue: Catalogue) -> None:
    text = '[policies.a]\nextends = "b"\n[policies.b]\nextends = "c"\n[policies.c]\nextends = "a"\n'
    found = problems(catalogue, text)
    assert [problem.line for problem in found] == [2, 4, 6]
    assert "it extends itself: a → b → c → a" in found[0].reason


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(catalogue: Catalogue) -> None:
    text = (
        '[policies.one]\nextends = "nothing"\nmode = "x"\n[policies.one.rules.nothing]\nenabled = true\n'
        + OWN.replace('"high"', '"x"').replace('"alert"', '"y"')
        + "[[policies.two.exceptions]]\nrules = 1\n"
    )
    found = problems(catalogue, text)
    assert [problem.line for problem in found] == [2, 3, 4, 9, 11, 19, 19, 20]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("#" * (DOCUMENT_BYTES_MAX + 1), "larger than 1024 KiB"),
        ("[[rules]]\n" * (OWN_RULES_MAX + 1), f"there are {OWN_RULES_MAX + 1} own rules"),
        (
            "".join(f'[policies.p{n}]\nextends = "default"\n' for n in range(POLICIES_MAX + 1)),
            f"there are {POLICIES_MAX + 1} policies",
        ),
    ],
    ids=["bytes", "rules", "policies"],
)
def test_what_is_too_large_is_refused(catalogue: Catalogue, text: str, what: str) -> None:
    assert any(what in problem.reason for problem in problems(catalogue, text))


def test_a_rule_that_is_switched_on_must_act(catalogue: Catalogue) -> None:
    quiet = next(rule.id for rule in catalogue.rules if (rule.prompt, rule.answer) == ("off", "off"))
    on = POLICY + f"[policies.own.rules.{quiet}]\nenabled = true\n"
    (problem,) = problems(catalogue, on)
    assert (problem.line, problem.subject) == (3, f"policy own, rule {quiet}")
    assert "it is switched on, but does nothing" in problem.reason
    assert actions(catalogue, catalogue.read(on + 'prompt = "alert"\n'), "own")[quiet] == ("alert", "off")


def test_lines_are_found_whatever_is_written_before(catalogue: Catalogue) -> None:
    """Strings over several lines, brackets, comments and dotted keys must not move the line that is told."""
    text = (
        '# "quoted" [comment]\n'
        "[[rules]] # one\n"
        'id = "customer"\nseverity = "high"\nprompt = "redact"\nanswer = "alert"\nstrength = "S"\n'
        "core = '''C-\n'''\n"
        'reference = """\n[not.a.table]\nmode = 1 \\"""""\n'
        'hits = [\n  { text = "[", why = "a ] bracket" }, # ]\n  { text = ["{", \'}\'], why = "#" },\n]\n'
        'misses = [{ text = "x", why = "y" }]\n'
        "\n[policies]\n"
        'own.extends = "default"\n'
        '"own"."mode" = "x"\n'
    )
    (problem,) = problems(catalogue, text)
    assert (problem.line, problem.subject) == (21, "policy own")


def test_the_documented_example_is_right(catalogue: Catalogue) -> None:
    page = (Path(__file__).parents[2] / "docs/policies.md").read_text(encoding="utf-8")
    document = catalogue.read(page.split("```toml\n")[1].split("```")[0])
    support = actions(catalogue, document, "support")
    assert "phone" not in support
    assert support["us_ssn"][0] == "block"
    assert support["credit_card"] == ("block", "block")
    assert support["customer_number"] == ("redact", "redact")
    assert actions(catalogue, document, "default")["email"][0] == "alert"
    assert check_own_rules(document) == []


def test_the_shipped_policies_are_what_they_promise(catalogue: Catalogue) -> None:
    nothing = catalogue.read("")
    assert set(catalogue.names(nothing)) == {"default", "strict", "pci", "health", "eu", "secrets-only", "monitor"}
    default = actions(catalogue, nothing, "default")
    packs = {rule.id: rule.pack for rule in catalogue.rules}
    # Commands that take no policy use the same rules.
    assert default.keys() == {rule.id for rule in load_default_rules() if (rule.prompt, rule.answer) != ("off", "off")}
    assert {"us_ssn", "uk_nino", "email", "credit_card", "openai_key"} <= default.keys()
    assert {packs[rule] for rule in default.keys() - {"us_ssn", "uk_nino"}} == {"core", "secrets"}
    strict = actions(catalogue, nothing, "strict")
    assert strict.keys() == {rule.id for rule in catalogue.rules if (rule.prompt, rule.answer) != ("off", "off")}
    assert strict["credit_card"] == ("block", "block")
    assert strict["email"] == default["email"]
    pci = actions(catalogue, nothing, "pci")
    blocked = {"credit_card", "card_track", "card_cvv", "card_expiry", "card_pin"}
    assert {rule for rule, acts in pci.items() if acts != default[rule]} <= blocked
    assert {pci[rule] for rule in blocked} == {("block", "block")}
    assert {packs[rule] for rule in actions(catalogue, nothing, "secrets-only")} == {"secrets"}
    assert set(actions(catalogue, nothing, "monitor").values()) <= {("alert", "alert"), ("off", "alert")}
    assert actions(catalogue, nothing, "monitor").keys() == default.keys()
    health = {packs[rule] for rule in actions(catalogue, nothing, "health")}
    assert health >= {"core", "secrets"}
    assert health <= {"core", "secrets", "us", "us-health", "uk"}
    assert catalogue.resolve("strict", nothing).options == PolicyOptions(unscanned="alert")


def test_every_country_of_the_union_is_in_its_policy(catalogue: Catalogue) -> None:
    union = "at be bg cy cz de dk ee es fi fr gr hr hu ie it lt lu lv mt nl pl pt ro se si sk".split()
    on = {rule.id for rule in catalogue.resolve("eu", catalogue.read("")).rules}
    assert {rule.id for rule in catalogue.rules if rule.pack in union} <= on


def test_a_document_without_words_changes_nothing(catalogue: Catalogue) -> None:
    plain, empty = catalogue.read(""), catalogue.read('[policies.default]\nextends = "default"\n')
    assert catalogue.resolve("default", plain).key == catalogue.resolve("default", empty).key


def test_own_rules_are_on_in_every_policy(catalogue: Catalogue) -> None:
    document = catalogue.read(OWN + '[policies.own]\npacks = ["secrets"]\n')
    for policy in catalogue.names(document):
        assert "customer" in actions(catalogue, document, policy)
    assert actions(catalogue, document, "monitor")["customer"] == ("alert", "alert")


def test_an_own_rule_of_a_pack_is_on_where_the_pack_is(catalogue: Catalogue) -> None:
    document = catalogue.read(
        OWN + 'pack = "acme"\n[policies.with]\npacks = ["acme"]\n[policies.without]\npacks = ["secrets"]\n'
    )
    assert actions(catalogue, document, "with").keys() == {"customer"}
    assert "customer" not in actions(catalogue, document, "without")


def test_a_policy_lays_its_words_over_its_parents(catalogue: Catalogue) -> None:
    document = catalogue.read(
        '[policies.parent]\nextends = "strict"\nviews = false\n[policies.parent.rules.email]\nprompt = "block"\n'
        '[policies.child]\nextends = "parent"\npacks = ["secrets"]\nunscanned = "ignore"\n'
        '[policies.child.rules.credit_card]\nenabled = true\nanswer = "off"\n'
    )
    parent, child = (actions(catalogue, document, name) for name in ("parent", "child"))
    assert parent["email"] == ("block", "redact")
    assert "email" not in child
    # The parent's word about severities holds; the rule's own word is stronger.
    assert child["credit_card"] == ("block", "off")
    assert catalogue.resolve("child", document).options == PolicyOptions(views=False, unscanned="ignore")


def test_a_policy_may_replace_a_shipped_one_and_extend_it(catalogue: Catalogue) -> None:
    document = catalogue.read(
        '[policies.default]\nextends = "default"\n[policies.default.rules.email]\nenabled = false\n'
        '[policies.monitor]\nextends = "default"\n'
    )
    assert "email" not in actions(catalogue, document, "default")
    assert "credit_card" in actions(catalogue, document, "default")
    # What extends a name means the document's own when it has one.
    assert "email" not in actions(catalogue, document, "monitor")


def test_monitor_leaves_alerts_and_a_rule_may_differ(catalogue: Catalogue) -> None:
    document = catalogue.read(
        '[policies.own]\nextends = "default"\nmode = "monitor"\n'
        '[policies.own.rules.credit_card]\nmode = "enforce"\n'
        '[policies.own.rules.email]\nprompt = "block"\n'
        '[policies.other]\nextends = "default"\n[policies.other.rules.iban]\nmode = "monitor"\n'
    )
    own, other = (actions(catalogue, document, name) for name in ("own", "other"))
    assert own["credit_card"] == ("redact", "redact")
    assert own["email"] == ("alert", "alert")
    assert other["iban"] == ("alert", "alert")
    assert other["credit_card"] == ("redact", "redact")


def test_a_pattern_changes_the_rules_that_are_on_and_a_name_is_stronger(catalogue: Catalogue) -> None:
    document = catalogue.read(
        '[policies.own]\nextends = "default"\n'
        '[policies.own.rules.email]\nprompt = "redact"\n[policies.own.rules."*"]\nprompt = "block"\n'
    )
    own = actions(catalogue, document, "own")
    assert own["email"][0] == "redact"
    assert {prompt for rule, (prompt, _) in own.items() if rule != "email"} == {"block"}


def test_a_severity_decides_by_the_severity_that_the_policy_gives(catalogue: Catalogue) -> None:
    document = catalogue.read(
        '[policies.own]\nextends = "strict"\n[policies.own.rules.email]\nseverity = "critical"\n'
        '[policies.own.severities.low]\nalert = "off"\n'
    )
    own = actions(catalogue, document, "own")
    assert own["email"] == ("block", "block")
    # Off on both sides is off.
    assert "ipv4" not in own


def test_what_decides_changes_the_key_and_nothing_else_does(catalogue: Catalogue) -> None:
    def key(text: str) -> str:
        return catalogue.resolve("own", catalogue.read(text)).key

    assert key(POLICY) == key("# a comment\n" + POLICY + EXCEPTION)
    different = {
        key(text)
        for text in (
            POLICY,
            POLICY + OWN,
            POLICY + OWN.replace("{6}", "{7}"),
            POLICY + "views = false\n",
            POLICY + 'mode = "monitor"\n',
            POLICY + '[policies.own.rules.email]\nprompt = "block"\n',
        )
    }
    assert len(different) == 6


def test_an_exception_that_has_ended_is_told_with_its_line(catalogue: Catalogue) -> None:
    ended = EXCEPTION.replace("2030-01-01", "2020-01-01T12:00:00Z")
    document = catalogue.read(POLICY + EXCEPTION + ended)
    now_us = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    (warning,) = ended_exemptions(document, now_us=now_us)
    assert (warning.line, warning.subject) == (12, "policy own, exception 2")
    assert warning.reason == "it ended on 2020-01-01 at 12:00 UTC and does nothing"


def test_an_exception_for_nobody_is_told_with_its_line(catalogue: Catalogue) -> None:
    text = POLICY + EXCEPTION + EXCEPTION.replace("team", "key").replace("payments", "syn_AbCd")
    document = catalogue.read(text)
    assert idle_exemptions(document, unknown_teams=set(), unknown_keys=set()) == []
    team, key = idle_exemptions(document, unknown_teams={"payments"}, unknown_keys={"syn_AbCd"})
    assert (team.line, team.subject) == (4, "policy own, exception 1")
    assert team.reason == "there is no team 'payments': it does nothing"
    assert (key.line, key.reason) == (9, "there is no key that begins with 'syn_AbCd': it does nothing")


def test_exceptions_say_whom_they_cover(catalogue: Catalogue) -> None:
    document = catalogue.read(
        POLICY
        + EXCEPTION
        + '[[policies.own.exceptions]]\nkey = "syn_AbCd"\nreason = "r"\nexpires = 2030-01-01T12:00:00\n'
    )
    team, key = catalogue.resolve("own", document).exemptions
    assert team.rules == ("iban",)
    assert team.covers(key_prefix="syn_00000000", team_name="payments")
    assert not team.covers(key_prefix="syn_00000000", team_name="support")
    assert key.rules == ()
    assert list(key.among(["a", "b"])) == ["a", "b"]
    assert key.covers(key_prefix="syn_AbCd9999", team_name="support")
    assert not key.covers(key_prefix="syn_AbCe9999", team_name="support")
    assert team.expires_at_us == datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1_000_000
    assert key.expires_at_us == datetime(2030, 1, 1, 12, tzinfo=UTC).timestamp() * 1_000_000
