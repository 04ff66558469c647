"""What a policy decides beside its rules."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """`views`: text that was encoded is decoded and scanned too. `unscanned`: what becomes of pictures and sound."""

    views: bool = True
    unscanned: Literal["ignore", "alert"] = "ignore"


DEFAULT_OPTIONS = PolicyOptions()
