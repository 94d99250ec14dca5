"""What is kept about a valid catalog, and when it is judged again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from daylily_ec.catalog import facts, loader
from daylily_ec.catalog.facts import CatalogFacts, catalog_facts
from daylily_ec.catalog.models import Catalog
from daylily_ec.errors import NotFound, ValidationError
from tests.unit.catalog.test_catalog import TEXT

FACTS = CatalogFacts(2, "one", 2, 1)


class Judge:
    """`parse_catalog` that counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, text: str, source: str) -> Catalog:
        self.times += 1
        return _PARSE(text, source)


_PARSE = loader.parse_catalog


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    judge = Judge()
    monkeypatch.setattr(loader, "parse_catalog", judge)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return judge


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.yaml"
    path.write_text(TEXT)
    return path


def test_a_valid_catalog_is_judged_once(judge: Judge, catalog: Path) -> None:
    assert [catalog_facts(catalog) for _ in range(3)] == [FACTS] * 3
    assert judge.times == 1


def test_the_facts_are_those_of_the_loaded_catalog(judge: Judge) -> None:
    packaged = loader.load_catalog()
    found = CatalogFacts(packaged.command_catalog_version, packaged.default_repository,
                         len(packaged.repositories), len(packaged.commands()))  # fmt: skip
    assert [catalog_facts() for _ in range(2)] == [found] * 2


def test_a_changed_catalog_is_judged_again(judge: Judge, catalog: Path) -> None:
    catalog_facts(catalog)
    catalog.write_text(TEXT + "# a comment\n")
    assert catalog_facts(catalog) == FACTS
    assert judge.times == 2
    catalog.write_text(TEXT.replace("default_repository: one", "default_repository: other"))
    for _ in range(2):
        with pytest.raises(ValidationError, match="other"):
            catalog_facts(catalog)
    assert judge.times == 4, "a refused catalog is kept by nobody"


def test_another_judge_judges_again(
    judge: Judge, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(facts.__file__).parents[1]
    for folder in ("catalog", "domain"):
        shutil.copytree(package / folder, tmp_path / "package" / folder)
    monkeypatch.setattr(facts, "__file__", str(tmp_path / "package" / "catalog" / "facts.py"))
    catalog_facts(catalog)
    for rules in ("catalog/models.py", "domain/ids.py"):
        with (tmp_path / "package" / rules).open("a") as code:
            code.write("# one more rule\n")
        before = judge.times
        assert catalog_facts(catalog) == FACTS
        assert judge.times == before + 1, rules


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"key": "k"}', b'"text"', b"null"])
def test_a_damaged_keeping_is_judged_again_and_mended(
    judge: Judge, catalog: Path, tmp_path: Path, damage: bytes
) -> None:
    catalog_facts(catalog)
    kept = tmp_path / "cache" / "daylily" / "catalog.json"
    kept.write_bytes(damage)
    assert [catalog_facts(catalog) for _ in range(2)] == [FACTS] * 2
    assert judge.times == 2


@pytest.mark.parametrize("facts", ["{}", "[]", '{"command_catalog_version": 2}', '{"unknown": 1}'])
def test_other_facts_under_the_right_key_are_not_believed(
    judge: Judge, catalog: Path, tmp_path: Path, facts: str
) -> None:
    catalog_facts(catalog)
    kept = tmp_path / "cache" / "daylily" / "catalog.json"
    key = kept.read_text().split('"key": "')[1].split('"')[0]
    kept.write_text(f'{{"key": "{key}", "facts": {facts}}}')
    assert catalog_facts(catalog) == FACTS
    assert judge.times == 2


def test_without_a_place_to_keep_them_facts_are_judged_each_time(judge: Judge, catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory would be")
    assert [catalog_facts(catalog) for _ in range(2)] == [FACTS] * 2
    assert judge.times == 2


def test_no_catalog_is_said(judge: Judge, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no catalog file"):
        catalog_facts(tmp_path / "none.yaml")
