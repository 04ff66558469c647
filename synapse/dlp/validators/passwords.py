"""Passwords, and whatever holds one: addresses, headers, connection strings. Most that look so are placeholders."""

import base64
import binascii
import re

from ..._dlp import DIGIT, kinds
from ..programs import automaton
from .secrets import not_placeholder

# A variable, a template, a hole to fill in: `${DB_PASSWORD}`, `%s`, `<password>`, `{{ pw }}`, `****`, `...`, `xxx`.
_TEMPLATE = automaton(
    rb"(?s:[$@#%][A-Za-z_][A-Za-z0-9_.]*[%@#]?\Z|[$%][({]|%[a-z]\Z|[<{\[]|(?i:your)[_-]|.*[}>\]]\Z|.*\$\{|[*.xX]{3,}\Z|\*\*|\.\.\.)"
)
_WORDS = automaton(
    rb"(?i)(?:my|your|the|some|new|old|test|user|db|root|admin)?[_-]?"
    rb"(?:pass|passwd|password|pwd|pw|secret|token|key|user|username|value|string|none|null|true|false|undefined)"
    rb"[_-]?(?:here|123|1234|12345|123456|1|2)?\Z"
)
_SIGN = automaton(rb"[!@#$%^&*?+=~|]", anywhere=True)
_SPELLED_OUT = automaton(rb"(?i:passw|secret|token|credential|hash|base64|sha\d|utf.?8|iso.?8859)", anywhere=True)
# Names in code, paths, hosts: words with separators between them, and a figure or two at their ends.
_JOINED = automaton(rb"[._/~:-]*[A-Za-z]+[0-9]{0,3}(?:[._/~:-]+(?:[A-Za-z]+[0-9]{0,3}|[0-9]{1,3}))+[._/~:-]*\Z")
_PLAIN_DATE = automaton(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.Z+-]*)?\Z")
_ADDRESS = automaton(rb"[A-Za-z][A-Za-z0-9+.-]*://")
_BASE64_AT_END = re.compile(rb"([A-Za-z0-9+/]{8,}={0,2})\"?\Z")
_PASSWORD_AT_END = re.compile(rb"(?i)(?:password|pwd)=(.*)\Z", re.DOTALL)


def password(match: bytes) -> bool:
    """Figures and letters, and neither a placeholder nor code. With a sign in it, people's words may be in it too."""
    if not kinds(match) & DIGIT or kinds(match) == DIGIT or not _filled_in(match) or not not_placeholder(match):
        return False
    if any(form.match(match) >= 0 for form in (_JOINED, _PLAIN_DATE, _ADDRESS)):
        return False
    return _SIGN.finds(match) or not _SPELLED_OUT.finds(match)


def url_credentials(match: bytes) -> bool:
    """What stands between the user and the host of an address, or behind the user of an option."""
    address = match.split(b"://", 1)[-1]
    user_and_password = address.rsplit(b"@", 1)[0] if b"@" in address else re.split(rb"[ =]", address, maxsplit=1)[-1]
    return _filled_in(user_and_password.strip(b"\"' =").partition(b":")[2])


def connection_string(match: bytes) -> bool:
    """The password at the end of it is one."""
    found = _PASSWORD_AT_END.search(match)
    return found is not None and _filled_in(found[1])


def last_word_is_password(match: bytes) -> bool:
    """The last word, without quotes, is no placeholder."""
    return _filled_in(match.split()[-1].removeprefix(b"-p").strip(b"\"'"))


def basic_auth(match: bytes) -> bool:
    """Base64 of `user:password`. https://www.rfc-editor.org/rfc/rfc7617#section-2"""
    encoded = _BASE64_AT_END.search(match)
    if encoded is None:
        return False
    try:
        user, colon, secret = (
            base64.b64decode(encoded[1] + b"=" * (-len(encoded[1]) % 4)).decode("utf-8").partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return False
    return bool(colon) and f"{user}{secret}".isprintable() and len(secret) > 2 and _filled_in(secret.encode())


def _filled_in(secret: bytes) -> bool:
    return len(secret) > 2 and _TEMPLATE.match(secret) < 0 and _WORDS.match(secret) < 0 and len(set(secret)) > 2


VALIDATORS = (basic_auth, connection_string, last_word_is_password, password, url_credentials)
