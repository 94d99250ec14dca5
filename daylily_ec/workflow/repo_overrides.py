"""`--repo-override key:ref`: which version of a catalog's repository the head node gets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from daylily_ec.domain.ids import GitRef, RepositoryKey
from daylily_ec.errors import InvalidValue, NotFound, ValidationError

_FIELD = "repo-override"


def parse_overrides(texts: tuple[str, ...], catalog: Path | None = None) -> tuple[str, ...]:
    """The overrides in canonical form, sorted; an unknown key, a bad reference or a second word on a key is refused.

    Reads the packaged catalog unless another is given, so a typing error shows before anything is changed.
    """
    return _checked(((_FIELD, text) for text in texts), catalog) if texts else ()


def read_overrides(path: Path, catalog: Path | None = None) -> tuple[str, ...]:
    """The overrides in a file, one `key:ref` a line, `#` begins a comment; every refusal names file and line."""
    try:
        lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"{path} cannot be read: {error}") from error
    stripped = ((number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1))
    return _checked(((f"{path}, line {number}", line) for number, line in stripped if line), catalog)


def override_map(overrides: Iterable[str]) -> dict[str, str]:
    """Canonical overrides by repository key."""
    return {key: ref for key, _, ref in (text.partition(":") for text in overrides)}


def _checked(texts: Iterable[tuple[str, str]], catalog: Path | None) -> tuple[str, ...]:
    from daylily_ec.catalog.loader import load_catalog

    known = load_catalog(catalog).repositories
    found: dict[str, str] = {}
    for field, text in texts:
        key, ref = _parse(field, text)
        if key not in known:
            raise InvalidValue(field, text, f"the catalog has no repository {key!r}",
                               hint=f"Known: {', '.join(sorted(known))}.")  # fmt: skip
        if found.setdefault(key, ref) != ref:
            raise InvalidValue(field, text, f"{key} was given {found[key]} already")
    return tuple(f"{key}:{ref}" for key, ref in sorted(found.items()))


def _parse(field: str, text: str) -> tuple[str, str]:
    key, colon, ref = text.partition(":")
    if not colon:
        raise InvalidValue(field, text, "must be key:ref, such as daylily-omics-analysis:2.0.26")
    try:
        return RepositoryKey.parse(key), GitRef.parse(ref)
    except InvalidValue as error:
        details = error.details
        rule = f"{details['field']} {details['value']!r} {details['rule']}"
        raise InvalidValue(field, text, rule) from error
