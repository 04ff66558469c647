"""What an answer's scans add up to: findings, action, and the text as it was delivered."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from ...dlp import Finding, Ruleset
from ...dlp.closely import encoded_alerts
from ...model import DLP_STRENGTH, DlpAction
from .channels import Path
from .choice import Choice, rank
from .strings import WholeStrings

# Of each delivered text so much is looked at for what was encoded; it is done at once, when the answer has ended.
ENCODED_CHARS_MAX = 64 * 1024


def encoded_in(choices: Collection[Choice], ruleset: Ruleset) -> list[Finding]:
    """What decoding shows of the delivered texts: alerts only, since a stream could not have held it back."""
    if not ruleset.options.views:
        return []
    texts = [
        "".join(channel.delivered)[:ENCODED_CHARS_MAX] for choice in choices for channel in choice.channels.values()
    ]
    return [found for text in texts if text for found in encoded_alerts(ruleset, text)]


def count_findings(
    choices: Collection[Choice], strings: WholeStrings, encoded: Collection[Finding] = ()
) -> dict[str, int]:
    """Rule -> how often, over all channels."""
    counts = Counter(strings.counts)
    counts.update(finding.rule for finding in encoded)
    for choice in choices:
        for channel in choice.channels.values():
            counts.update(finding.rule for finding in channel.findings)
    return dict(counts)


def strongest_action(
    choices: Collection[Choice], strings: WholeStrings, encoded: Collection[Finding] = ()
) -> DlpAction:
    actions: list[DlpAction] = [strings.action, *(finding.action for finding in encoded)]
    for choice in choices:
        for channel in choice.channels.values():
            actions.extend(finding.action for finding in channel.findings)
    return max(actions, key=DLP_STRENGTH.__getitem__)


def join_delivered(choices: Collection[Choice]) -> bytes:
    """The delivered texts of all channels, see `join_texts`."""
    return join_texts(
        [
            (choice.index, path, text)
            for choice in choices
            for path, channel in choice.channels.items()
            if (text := "".join(channel.delivered))
        ]
    )


def join_texts(texts: list[tuple[int, Path, str]]) -> bytes:
    """Texts, each of a choice and a channel: one as it is; more joined by line feeds, by choice, then as in `rank`.

    Texts of which nothing was delivered are not among them.
    """
    if len(texts) > 1:
        texts.sort(key=_place)
    return "\n".join([text for _, _, text in texts]).encode()


def _place(text: tuple[int, Path, str]) -> tuple[int, int, list[str], str]:
    index, path, delivered = text
    return index, rank(path), [str(part).zfill(6) for part in path], delivered


def read_tokens(usage: Any, name: str) -> int | None:
    """A count of a usage object; None is "not known"."""
    value = usage.get(name) if type(usage) is dict else None
    return value if type(value) is int and value >= 0 else None
