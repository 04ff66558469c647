"""Layer five: every text of an answer is scanned on its way out; redacted where a rule says so, cut where one blocks.

Streamed or whole, what the client can put together is the redaction of what the model said.
"""

from .answer.stream import StreamFilter
from .answer.whole import FilteredAnswer, filter_answer

__all__ = ["FilteredAnswer", "StreamFilter", "filter_answer"]
