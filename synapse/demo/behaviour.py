"""What a model name asks of the demo server: `name:option=value,flag`, such as `echo:delay=50,size=1`.

Any other name, such as `gpt-4o-mini` or `llama3.1:8b`, is `story` with the server's own defaults.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["echo", "story", "tools", "fault"]
Fault = Literal["status", "cut", "stall", "hang", "reset", "garbage", "error_event"]

# A test that misspells an option should fail, not measure something else.
OPTIONS: dict[str, frozenset[str]] = {
    "echo": frozenset({"delay", "size", "ttfb", "reasoning"}),
    "story": frozenset({"delay", "size", "ttfb", "length", "reasoning"}),
    "tools": frozenset({"delay", "size", "ttfb"}),
    "fault": frozenset({"delay", "size", "ttfb", *get_args(Fault)}),
}


class UnknownModelOption(ValueError):
    """The model's name asks for something that does not exist."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What holds for requests whose model name does not say otherwise. `delay_s` is before each delta of a stream."""

    first_byte_s: float = 0.0
    delay_s: float = 0.0
    delta_chars: int = 4
    story_chars: int = 409  # the whole story, which begins at another sentence for each choice
    record: bool = False


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one request is answered."""

    kind: Kind
    first_byte_s: float
    delay_s: float
    delta_chars: int
    story_chars: int
    reasoning: bool = False
    fault: Fault | None = None
    fault_value: int = 0  # the status, or the number of deltas before the end


def behaviour_of(model: str, options: DemoOptions) -> Behaviour:
    """Raises UnknownModelOption when one of our own model names carries an option that it does not have."""
    name, _, text = model.partition(":")
    behaviour = Behaviour(
        kind="story",
        first_byte_s=options.first_byte_s,
        delay_s=options.delay_s,
        delta_chars=options.delta_chars,
        story_chars=options.story_chars,
    )
    if name not in OPTIONS:
        return behaviour
    kind: Kind = name  # type: ignore[assignment]  # OPTIONS has no other names
    behaviour = replace(behaviour, kind=kind)
    for item in filter(None, text.split(",")):
        behaviour = _with_option(behaviour, *item.partition("=")[::2])
    if behaviour.kind == "fault" and behaviour.fault is None:
        raise UnknownModelOption("fault needs one of: " + ", ".join(get_args(Fault)))
    return behaviour


def _with_option(behaviour: Behaviour, option: str, text: str) -> Behaviour:
    if option not in OPTIONS[behaviour.kind]:
        raise UnknownModelOption(f"{behaviour.kind} has no option {option}")
    if not (text or "0").isdecimal():
        raise UnknownModelOption(f"{option} takes a number")
    value = int(text or "0")
    match option:
        case "delay":
            return replace(behaviour, delay_s=value / 1000)
        case "ttfb":
            return replace(behaviour, first_byte_s=value / 1000)
        case "size":
            return replace(behaviour, delta_chars=max(value, 1))
        case "length":
            return replace(behaviour, story_chars=value)
        case "reasoning":
            return replace(behaviour, reasoning=True)
    fault: Fault = option  # type: ignore[assignment]  # OPTIONS leaves nothing else
    return replace(behaviour, fault=fault, fault_value=value)
