"""Data-loss prevention: rules compiled to Hyperscan, exact spans, validators, streaming redaction. No I/O."""

from .._dlp import Redactor
from .check import Problem, check_rules
from .findings import Finding, Scan, Side
from .options import PolicyOptions
from .policy_document import Exemption, PolicyDocument, PolicyDocumentError, PolicyProblem
from .policy_resolution import Catalogue, ResolvedPolicy, load_catalogue
from .rules import Rule, RuleError, load_all_rules, load_default_rules, load_rules
from .ruleset import Ruleset, RulesetError, default_ruleset

__all__ = [
    "Catalogue",
    "Exemption",
    "Finding",
    "PolicyDocument",
    "PolicyDocumentError",
    "PolicyOptions",
    "PolicyProblem",
    "Problem",
    "Redactor",
    "ResolvedPolicy",
    "Rule",
    "RuleError",
    "Ruleset",
    "RulesetError",
    "Scan",
    "Side",
    "check_rules",
    "default_ruleset",
    "load_all_rules",
    "load_catalogue",
    "load_default_rules",
    "load_rules",
]
