"""Log probabilities spell the text once more, token by token; they may pass only where the text itself did."""

from typing import Any

from .choice import Taken
from .strings import WholeStrings


def may_pass(logprobs: Any, taken: Taken, strings: WholeStrings) -> bool:
    """Whether these tokens are exactly the text of a delta that left unchanged, with nothing held before it."""
    if type(logprobs) is dict and not any(logprobs.values()):
        return True
    if taken.changed or any(leaf.channel.holds for leaf in taken.leaves):
        return False
    tokens = spelled(logprobs)
    said = bool(tokens) and any(tokens == leaf.text for leaf in taken.leaves)
    # Beside the tokens that were chosen stand others which were not.
    return said and strings.may_pass(logprobs)


def spelled(logprobs: Any) -> str | None:
    """The text that the tokens make up; None when that cannot be told."""
    if type(logprobs) is not dict:
        return None
    tokens: list[Any] = []
    for name, value in logprobs.items():
        if value is None:
            continue
        if type(value) is not list:
            return None
        if name in ("content", "refusal"):
            tokens.extend(item.get("token") if type(item) is dict else None for item in value)
        elif name == "tokens":
            tokens.extend(value)
        elif name not in ("token_logprobs", "text_offset", "top_logprobs"):
            return None
    return "".join(tokens) if all(type(token) is str for token in tokens) else None
