"""The verdict on one text, as the gateway gives it: a prompt is decoded too, an answer only told of."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..dlp import Ruleset, Scan, Side


def verdict_on(ruleset: "Ruleset", text: str, side: "Side") -> "Scan":
    from ..dlp import Side
    from ..dlp.closely import encoded_alerts, scan_closely, with_findings

    if side is Side.PROMPT:
        return scan_closely(ruleset, text, side)
    scan = ruleset.scan(text, side)
    # A stream could not have kept back what only its whole shows.
    alerts = encoded_alerts(ruleset, text)
    return with_findings(text, scan, alerts) if alerts else scan
