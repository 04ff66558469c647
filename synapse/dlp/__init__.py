"""Data-loss prevention: rules compiled to Hyperscan, exact spans, validators, streaming redaction. No I/O."""

from .ruleset import Finding, Redactor, Ruleset, Scan, Side

__all__ = ["Finding", "Redactor", "Ruleset", "Scan", "Side"]
