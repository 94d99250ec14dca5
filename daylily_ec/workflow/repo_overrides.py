"""`--repo-override key:ref`: which version of a catalog's repository the head node gets."""

from __future__ import annotations

from daylily_ec.domain.ids import GitRef, RepositoryKey
from daylily_ec.errors import InvalidValue

APPLY = "dyec headnode configure"


def parse_overrides(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The overrides in canonical form, sorted; an unknown key, a bad reference or a second word on a key is refused.

    Reads the packaged catalog, so a typing error shows before anything is created.
    """
    if not texts:
        return ()
    from daylily_ec.catalog.loader import load_catalog

    known = load_catalog().repositories
    found: dict[str, str] = {}
    for text in texts:
        key, ref = _parse(text)
        if key not in known:
            raise InvalidValue("repo-override", text, f"the catalog has no repository {key!r}",
                               hint=f"Known: {', '.join(sorted(known))}.")  # fmt: skip
        if found.setdefault(key, ref) != ref:
            raise InvalidValue("repo-override", text, f"{key} was given {found[key]} already")
    return tuple(f"{key}:{ref}" for key, ref in sorted(found.items()))


def _parse(text: str) -> tuple[str, str]:
    key, colon, ref = text.partition(":")
    if not colon:
        raise InvalidValue("repo-override", text, "must be key:ref, such as daylily-omics-analysis:2.0.26")
    return RepositoryKey.parse(key), GitRef.parse(ref)
