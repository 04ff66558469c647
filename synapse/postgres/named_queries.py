"""Reads the .sql files beside this module: each query has a name, and its comments stay with it."""

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def named_queries(file_name: str) -> Mapping[str, str]:
    """The queries of a file by their names."""
    _, *parts = _NAME.split((Path(__file__).parent / file_name).read_text(encoding="utf-8"))
    return {name: query.strip() for name, query in zip(parts[::2], parts[1::2], strict=True)}
