"""The national packs outside of Europe, all at once, on texts that no rule was tuned to."""

import random
from collections import Counter

import pytest
import world_corpus
from stdnum.cn import ric

from benchmarks.validators import random_word
from synapse.dlp import Rule, Ruleset, Side, check_rules, load_all_rules
from synapse.dlp.language import parse
from synapse.dlp.validators import VALIDATORS

PACKS = frozenset("ae ar au br ca cl cn co eg hk id il in jp ke kr mx my ng nz pe ph pk sa sg th tr tw us za".split())
RULES = [rule for rule in load_all_rules() if rule.pack in PACKS]


@pytest.fixture(scope="module")
def everything() -> Ruleset:
    return Ruleset.compile(RULES, name="world")


def test_no_rule_has_a_problem() -> None:
    assert check_rules(RULES) == []


def test_every_country_has_a_pack() -> None:
    assert {rule.pack for rule in RULES} == PACKS


def test_the_corpus_knows_only_rules_that_there_are() -> None:
    assert set(world_corpus.NUMBERS) <= {rule.id for rule in RULES}


def test_what_people_write_is_found_whole(everything: Ruleset) -> None:
    """Labels, forms, records and sentences in the languages of the countries, with all packs on."""
    found, exact, every = Counter[str](), Counter[str](), Counter[str]()
    for case in world_corpus.positives(seed=11, per_rule=8):
        findings = everything.scan(case.text, Side.PROMPT).findings
        every[case.rule] += 1
        found[case.rule] += any(f.start < case.end and case.start < f.end for f in findings)
        exact[case.rule] += any((f.start, f.end) == (case.start, case.end) for f in findings)
    assert found.total() / every.total() >= 0.97, every - found
    assert exact.total() / every.total() >= 0.95, every - exact
    assert [rule for rule in every if found[rule] < every[rule] / 2] == []


def test_other_numbers_are_left_alone(everything: Ruleset) -> None:
    """Order numbers, hashes, prices, telephones, cards with a wrong sum: at most one in a hundred looks real."""
    cases = list(world_corpus.negatives(seed=12, count=1500))
    fired = Counter(f.rule for case in cases for f in everything.scan(case.text, Side.PROMPT).findings)
    assert fired.total() <= len(cases) / 100, fired


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.validator], ids=lambda rule: rule.id)
def test_a_validator_has_a_verdict_on_every_word_of_its_cores(rule: Rule) -> None:
    chance, verdicts = random.Random(rule.id), Counter[bool]()
    cores = [parse(core) for core in (*rule.core, *rule.core_with_context)]
    for turn in range(600):
        verdicts[VALIDATORS[rule.validator](random_word(cores[turn % len(cores)], chance))] += 1
    assert set(verdicts) <= {True, False}
    assert verdicts.total() == 600


def test_a_chinese_number_is_judged_as_python_stdnum_does() -> None:
    """In a district that stdnum has always had a name for; it fails on some that it has none for."""
    chance = random.Random(13)
    for _ in range(500):
        born = f"{chance.randint(1900, 2020)}{chance.randint(0, 13):02}{chance.randint(0, 32):02}"
        number = f"{chance.choice(('110101', '990101'))}{born}{chance.randint(0, 999):03}"
        for check in "0123456789X":
            assert VALIDATORS["cn_resident_id"]((number + check).encode()) == ric.is_valid(number + check), number


@pytest.mark.parametrize(
    ("validator", "number", "valid"),
    [
        # Samples that authorities and their guides print.
        ("br_cnpj", "12.ABC.345/01DE-35", True),
        ("br_cns", "898 0000 0004 3208", True),
        ("mx_clabe", "032180000118359719", True),
        ("au_medicare", "2123 45670 1", True),
        ("au_ihi", "8003 6081 6669 0503", True),
        ("nz_nhi", "ZAC5361", True),
        ("nz_nhi", "ZZZ0044", False),
        ("nz_nhi", "ZBN77VL", True),
        ("nz_nhi", "ZZZ00AA", False),
        ("sg_nric", "S0000001I", True),
        ("sg_nric", "M1234567K", True),
        ("sg_nric", "S0000001A", False),
        ("hk_hkid", "A123456(3)", True),
        ("hk_hkid", "AB987654(3)", True),
        ("hk_hkid", "A123456(4)", False),
        ("tw_id", "A123456789", True),
        ("tw_id", "A123456788", False),
        ("kr_brn", "220-81-62517", True),
        ("sa_id", "1000000008", True),
        ("il_id", "039337423", True),
        ("eg_national_id", "29001011234567", True),
        ("eg_national_id", "19001011234567", False),
        ("kr_rrn", "001231-4000010", True),
    ],
)
def test_a_public_sample_is_judged_rightly(validator: str, number: str, valid: bool) -> None:
    assert VALIDATORS[validator](number.encode()) is valid
