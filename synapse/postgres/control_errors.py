"""Why a change of the control tables was refused, in a sentence for whoever asked for it.

The database's own constraints are the rules; this only translates them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class ControlError(Exception):
    """The change makes no sense; nothing was changed. `field` names the value at fault when there is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


_LIMIT = "A limit is a whole number above 0, or absent for unlimited."
_TOKENS_LIMIT = "A limit of tokens is a whole number from 1 to 274877906943, or absent for unlimited."

_BROKEN_CHECKS = {
    "teams_name_check": ("name", "A team name has 1 to 63 letters, digits, spaces or . _ - and starts with a letter."),
    "teams_contact_check": ("contact", "A team needs a contact of at most 254 characters, such as an e-mail address."),
    "teams_business_hours_check": ("business_hours", "Business hours look like 'mon-fri 08:00-18:00'."),
    "api_keys_purpose_check": ("purpose", "A key needs a purpose: the approved use case in at most 500 characters."),
    "api_keys_system_prompt_check": ("system_prompt", "A system prompt must not be empty: leave it out instead."),
    "api_keys_models_check": ("models", "A key needs at least one model."),
    "api_keys_classification_check": ("classification", "The classification is sensitive or non_sensitive."),
    "api_keys_history_check": ("history", "The history option is redact or block."),
    "api_keys_requests_per_minute_check": ("requests_per_minute", _LIMIT),
    "api_keys_concurrent_requests_check": ("concurrent_requests", _LIMIT),
    "api_keys_tokens_per_day_check": ("tokens_per_day", _TOKENS_LIMIT),
    "upstreams_name_check": ("name", "An upstream name has 1 to 63 lower-case letters, digits or . _ -"),
    "upstreams_base_url_check": (
        "base_url",
        "The base URL looks like https://host/v1: http or https, no credentials, query or spaces.",
    ),
    "upstreams_zone_check": ("zone", "The zone is on_prem or cloud."),
    "upstreams_provider_check": ("provider", "The provider is openai, ollama or vllm."),
    "upstreams_api_key_ref_check": (
        "api_key_ref",
        "The upstream's key is given by reference, env:NAME or file:/PATH, never itself.",
    ),
    "upstreams_ca_file_check": ("ca_file", "The CA file is an absolute path."),
    "models_name_check": ("name", "A model name has 1 to 128 letters, digits or . _ : / @ - and starts with a letter."),
    "models_upstream_model_check": (
        "upstream_model",
        "The upstream's name for a model has 1 to 200 visible characters.",
    ),
    "models_position_check": ("position", "A position is 0 or more; the lowest is tried first."),
}


@contextmanager
def refusals_explained(*, duplicate: str = "It exists already.", missing: str = "It does not exist.") -> Iterator[None]:
    """Turn what the database refuses into ControlError. Values are never repeated: one may be a system prompt."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise ControlError(duplicate, field="name") from error
    except asyncpg.ForeignKeyViolationError as error:
        raise ControlError(missing) from error
    except asyncpg.CheckViolationError as error:
        field, message = _BROKEN_CHECKS.get(error.constraint_name, (None, "The database refuses this value."))
        raise ControlError(message, field=field) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise ControlError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
    except (asyncpg.DataError, UnicodeEncodeError) as error:
        raise ControlError("A value is out of range, or holds a character that cannot be stored.") from error
