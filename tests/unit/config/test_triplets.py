"""The configuration file: grammar, errors that name their line, and a write-back that disturbs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daylily_ec.config.models import LISTED_KEYS
from daylily_ec.config.triplets import Triplet, add_missing_keys, load_config, normalise, parse_triplet
from daylily_ec.errors import CorruptFile, NotFound


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (None, Triplet()),
        ("", Triplet("PROMPTUSER")),
        ("USESETVALUE", Triplet("USESETVALUE")),
        (["USESETVALUE"], Triplet("USESETVALUE")),
        (["USESETVALUE", "a"], Triplet("USESETVALUE", "a")),
        (["USESETVALUE", "a", "b", "ignored"], Triplet("USESETVALUE", "a", "b")),
        ([None, "null", "None"], Triplet("PROMPTUSER", "", "")),
        (["X", True, "TRUE"], Triplet("X", "true", "true")),
        ({"action": "USESETVALUE", "set_value": 7}, Triplet("USESETVALUE", "", "7")),
        ({}, Triplet()),
    ],
)
def test_every_written_form_is_the_same_triplet(node: object, expected: Triplet) -> None:
    assert parse_triplet(node) == expected


@pytest.mark.weakness("W-23")
@pytest.mark.parametrize(("value", "text"), [(0, "0"), (False, "false"), (0.0, "0.0"), ("False", "false")])
def test_falsy_values_are_values(value: object, text: str) -> None:
    assert parse_triplet(["USESETVALUE", value, value]) == Triplet("USESETVALUE", text, text)
    assert parse_triplet({"action": "USESETVALUE", "set_value": value}).applies()
    assert normalise(value) == text


@pytest.mark.parametrize(
    ("triplet", "auto_select", "applies"),
    [
        (Triplet("USESETVALUE", "d", "s"), True, True),
        (Triplet("PROMPTUSER", "d", "s"), True, True),
        (Triplet("USESETVALUE", "d", ""), True, False),
        (Triplet("PROMPTUSER", "d", "PROMPTUSER"), True, False),
        (Triplet("USESETVALUE", "d", "PROMPTUSER"), True, True),
        (Triplet("USESETVALUE", "d", "s"), False, False),
    ],
)
def test_a_set_value_applies_whatever_the_action_unless_disabled(
    triplet: Triplet, auto_select: bool, applies: bool
) -> None:
    assert triplet.applies(auto_select=auto_select) is applies


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_template_defaults_are_normalised_and_unknown_keys_are_kept(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "ephemeral_cluster:\n  config:\n    a_key_of_mine: [X, 1, 2]\n    fsx_fs_size: [PROMPTUSER, '', '']\n"
        "  template_defaults:\n    fsx_fs_size: 7200\n    delete_local_root: True\n"
        "    gone: null\n    also: __MISSING__\n",
    )
    file = load_config(path)
    assert file.triplets["a_key_of_mine"] == Triplet("X", "1", "2")
    assert file.template_defaults == {"fsx_fs_size": "7200", "delete_local_root": "true"}
    assert file.default("fsx_fs_size") == "7200"


@pytest.mark.weakness("W-10")
def test_a_missing_file_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"absent\.yaml does not exist"):
        load_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("ephemeral_cluster:\n  config:\n    max_count_8I: 4\n", 3, "max_count_8I is the bare value 4"),
        ("ephemeral_cluster:\n  config:\n    a: [b, c\n", None, "not valid YAML"),
        ("ephemeral_cluster:\n  config:\n    a: [X]\n    a: [Y]\n", None, "duplicate key"),
        ("ephemeral_cluster:\n  config:\n    a: [X, [1], 2]\n", 3, "a holds a list"),
        ("ephemeral_cluster:\n  config: 3\n", 2, "no map 'config'"),
        ("just text\n", None, "no map 'ephemeral_cluster'"),
        ("", None, "no map 'ephemeral_cluster'"),
    ],
)
def test_a_corrupt_file_is_refused_and_the_line_is_named(
    tmp_path: Path, text: str, line: int | None, says: str
) -> None:
    with pytest.raises(CorruptFile, match=says) as caught:
        load_config(_file(tmp_path, text))
    if line is not None:
        assert f"line {line} " in caught.value.message


def test_binary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorruptFile):
        load_config(path)


def test_write_back_adds_only_what_is_missing_and_keeps_everything_else(tmp_path: Path) -> None:
    text = (
        "# my cluster\nephemeral_cluster:\n  config:\n"
        "    # the name\n    cluster_name: [USESETVALUE, \"\", 'mine']  # mine!\n"
        "    zebra: [X, 1, 2]\n    max_count_8I: {action: USESETVALUE, set_value: 0}\n  template_defaults:\n    a: 1\n"
    )
    path = _file(tmp_path, text)
    path.chmod(0o640)
    added = add_missing_keys(path, LISTED_KEYS)
    written = path.read_text()
    kept = [line for line in text.splitlines() if line.strip()]
    assert [line for line in written.splitlines() if line in kept] == kept
    assert set(added) == set(LISTED_KEYS) - {"cluster_name", "max_count_8I"}
    assert '    stage_s3_uri: [PROMPTUSER, "", ""]' in written.splitlines()
    assert list(load_config(path).triplets)[:3] == ["cluster_name", "zebra", "max_count_8I"]
    assert path.stat().st_mode & 0o777 == 0o640
    before = path.read_bytes()
    assert add_missing_keys(path, LISTED_KEYS) == ()
    assert path.read_bytes() == before


def test_write_back_goes_through_a_symbolic_link(tmp_path: Path) -> None:
    target = _file(tmp_path, "ephemeral_cluster: {config: {}}\n")
    link = tmp_path / "link.yaml"
    link.symlink_to(target)
    add_missing_keys(link, ["cluster_name"])
    assert link.is_symlink()
    assert "cluster_name" in load_config(target).triplets


_keys = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True).filter(lambda key: key not in ("null", "true", "false"))
_values = st.one_of(st.text(alphabet="abcXYZ019 _.-:/@#'\"", max_size=12), st.integers(-5, 5000), st.booleans())
_comments = st.text(alphabet="abcdefgh 0123456789é:[]{}'\"", max_size=20)


@settings(max_examples=60, deadline=None)
@given(entries=st.dictionaries(_keys, st.tuples(_values, _values, _comments), max_size=8), data=st.data())
def test_write_back_preserves_comments_order_and_values(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, tuple[object, object, str]], data: st.DataObject
) -> None:
    lines = ["# head", "ephemeral_cluster:", "  config:"]
    for key, (default, chosen, comment) in entries.items():
        lines += [
            f"    # about {key} {comment}".rstrip(),
            f"    {key}: [USESETVALUE, {_yaml(default)}, {_yaml(chosen)}]",
        ]
    if not entries:
        lines[-1] += " {}"
    wanted = data.draw(st.lists(_keys, max_size=5, unique=True))
    path = tmp_path_factory.mktemp("triplets") / "c.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = load_config(path)
    added = add_missing_keys(path, wanted)
    after = load_config(path)
    assert list(after.triplets) == [*before.triplets, *added]
    assert {key: after.triplets[key] for key in entries} == dict(before.triplets)
    assert all(after.triplets[key] == Triplet() for key in added)
    comments = [line for line in lines if line.lstrip().startswith("#")]
    assert [line for line in path.read_text().splitlines() if line in comments] == comments


def _yaml(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return normalise(value)
