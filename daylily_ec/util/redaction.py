"""Takes secrets and what identifies an account or a person out of text, before it is handed to somebody else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

SECRET = "<secret>"
_SHORTEST = 6
"""Shorter values are no secrets, and taking them out would spoil every text."""
_SECRET_NAME = re.compile(r"(?i)(secret|token|passw|credential|private_?key|api_?key|access_?key)")
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), SECRET),
    (re.compile(r"\b(?:AKIA|ASIA|AIDA|AROA|ANPA|ABIA|ACCA)[A-Z0-9]{12,}\b"), "<access-key>"),
    (re.compile(r"(?i)(X-Amz-(?:Security-Token|Signature|Credential)=)[^&\s\"']+"), r"\1" + SECRET),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n]+"), r"\1" + SECRET),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), r"\1" + SECRET + "@"),
    (
        re.compile(
            r"(?i)([\w-]*(?:secret|passw(?:or)?d|session_?token|auth_?token|api_?key|private_?key)[\w-]*[\"']?"
            r"\s*[:=]\s*[\"']?)(?!<secret>)[^\s\"',;}&]+"
        ),
        r"\1" + SECRET,
    ),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"(?<![\d.])\d{12}(?![\d.])"), "<account>"),
)


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the variables whose names speak of secrets."""
    return tuple(value for name, value in environment.items() if _SECRET_NAME.search(name))


class Redactor:
    """Replaces known values (as they are, URL-quoted, JSON-escaped, base64 at any offset, hexadecimal) and patterns."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """`text` without them."""
        if self._known is not None:
            text = self._known.sub(SECRET, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _forms(value: str) -> Iterator[str]:
    raw = value.encode()
    yield value
    yield from (quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1])
    yield from (raw.hex(), raw.hex().upper())
    for offset in range(3):
        # A secret in the middle of an encoded text begins at any of three offsets; only whole characters of it count.
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        inner = encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))
