"""The catalog: what loads, what is refused, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.catalog.loader import load_catalog, parse_catalog
from daylily_ec.catalog.models import Catalog
from daylily_ec.catalog.selection import command, listing, repository
from daylily_ec.catalog.site import load_site_settings
from daylily_ec.errors import NotFound, ValidationError

TEXT = """\
command_catalog_version: 2
default_repository: one
input_contracts:
  sample_manifest:
    description: samples
    source_table: {path: analysis_samples.tsv, required_columns: [RUN_ID, SAMPLE_ID]}
    generated_tables: {samples_tsv: {path: config/samples.tsv, required_columns: [SAMPLEID]}}
  run_context:
    source_table: {path: config/runs.tsv, required_columns: [RUNID, SOURCE_S3_URI, MOUNT_ID]}
test_data_locations:
- {location_id: slim, mount_path: /fsx/references, data_root: reads, applies_to_command_classes: [sample_analysis]}
test_data_profiles:
  none: {source_mount_mode: none}
  slim: {source_mount_mode: default_mounted, locations: [slim], source_s3_uri_template: 's3://<bucket>/reads/',
    source_fsx_prefix: /fsx/references/reads/}
  run: {source_mount_mode: run_dra_required, source_s3_uri_template: 's3://<bucket>/{RUNID}/',
    source_fsx_prefix: '/fsx/run_dir_mounts/{MOUNT_ID}/', run_context_source_s3_column: SOURCE_S3_URI,
    run_context_mount_id_column: MOUNT_ID}
repositories:
  one:
    https_url: https://example.org/one.git
    default_ref: 2.0.26
    relative_path: one
    analysis_commands:
    - command_id: snv
      type: prod
      validated_version: 2.0.26
      test_data_profile: slim
      display_name: SNV
      datasource: Illumina
      command_class: sample_analysis
      input_contract: sample_manifest
      requires_staging: true
      requires_run_mount: false
      targets: [produce_snv_concordances]
      genome: hg38
      jobs: 20
      aligners: [sent]
      dedupers: [dmd]
      snv_callers: [sentd]
      dy_command: bin/day_run produce_snv_concordances
      dryrun_dy_command: bin/day_run produce_snv_concordances -n
      compatible_platforms: [ILMN]
      compatible_data_modes: [ilmn_solo]
      artifact_registration:
        enabled: true
        include_paths: [config/samples.tsv]
        identity: {analysis_euid: '{analysis_id}', run_euid: '{analysis_id}'}
  two: {https_url: 'git@example.org:two.git', default_ref: main, relative_path: second}
"""


AT = "@: repositories.one.analysis_commands.0"


def document() -> Any:
    return YAML(typ="safe").load(TEXT)


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as info:
        parse_catalog(text, "c.yaml")
    assert info.value.code == "invalid_catalog"
    return info.value.message


def test_a_complete_catalog_loads() -> None:
    catalog = parse_catalog(TEXT, "c.yaml")
    found = command(catalog, "snv")
    assert (found.repository, found.git_tag, found.launcher) == ("one", "main", "workflow_launch")
    assert repository(catalog) == ("one", catalog.repositories["one"])
    assert repository(catalog, "two")[1].relative_path == "second"


def test_ours_has_three_repositories_with_their_pins() -> None:
    catalog = load_catalog()
    assert {key: one.default_ref for key, one in catalog.repositories.items()} == {
        "daylily-omics-analysis": "2.0.26", "rna-seq-star-deseq2": "main", "daylily-sarek": "0.7.379",
    }  # fmt: skip
    assert repository(catalog)[0] == "daylily-omics-analysis"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("      jobs: 20", "      jbos: 20", "@: repositories.one.analysis_commands.0.jbos: this key"),
        ("      jobs: 20", "      jobs: 0", "@: repositories.one.analysis_commands.0.jobs"),
        ("      type: prod", "      type: production", "@: repositories.one.analysis_commands.0.type"),
        ("{source_mount_mode: none}", "{source_mount_mode: none, locations: [slim]}", "@"),
        ("required_columns: [RUN_ID, SAMPLE_ID]", "required_columns: [RUN_ID, RUN_ID]", "listed twice: RUN_ID"),
        ("default_repository: one", "default_repository: three", "@: default_repository: 'three' is not"),
        ("locations: [slim]", "locations: [slim, fat]", "@: test_data_profiles.slim.locations: unknown locations fat"),
        ("test_data_profile: slim", "test_data_profile: fat",
         f"{AT}.test_data_profile: 'fat' is not defined"),
        ("test_data_profile: slim", "test_data_profile: run",
         f"{AT}.test_data_profile: a sample_analysis command cannot use a profile of mode run_dra_required"),
        ("requires_staging: true", "requires_staging: false",
         f"{AT}.requires_staging: a sample_analysis command needs requires_staging true"),
        ("compatible_platforms: [ILMN]", "compatible_platforms: []", "@"),
        ("https://example.org/one.git", "ext::sh -c touch% x", "must be an https"),
        ("https://example.org/one.git", "--upload-pack=x", "must be an https"),
        ("mount_path: /fsx/references", "mount_path: /data", "@: test_data_locations.0.mount_path: must be"),
        ("mount_path: /fsx/references", "mount_path: /fsx/a/../b", "@: test_data_locations.0.mount_path: file system"),
        ("relative_path: one", "relative_path: ../one", "relative_path"),
        ("relative_path: one", "relative_path: a/b", "relative_path"),
        ("    default_ref: 2.0.26", "    default_ref: --x", "default_ref"),
        ("    default_ref: 2.0.26", "    default_ref: 2.0", "@: repositories.one.default_ref: Input"),
        ("include_paths: [config/samples.tsv]", "include_paths: [/etc/passwd]", "must be a relative path"),
        ("include_paths: [config/samples.tsv]", "include_paths: []", "needs include_classifications or include_paths"),
        ("command_catalog_version: 2", "command_catalog_version: 3", "line 1: command_catalog_version"),
        ("default_repository: one", "default_repository: [", "line"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, expected: str) -> None:
    line = TEXT[: TEXT.index(old)].count("\n") + 1
    message = refusal(TEXT.replace(old, new, 1))
    assert message.startswith("c.yaml: line ")
    assert expected.replace("@", f"line {line}") in message


@pytest.mark.parametrize(
    "path",
    [(), ("repositories", "one"), ("test_data_profiles", "slim"), ("input_contracts", "run_context"),
     ("repositories", "one", "analysis_commands", 0)],
)  # fmt: skip
def test_unknown_keys_are_refused_at_every_level(path: tuple[Any, ...]) -> None:
    found = document()
    node = found
    for part in path:
        node = node[part]
    node["surprise"] = 1
    with pytest.raises(ValueError, match="surprise"):
        Catalog.model_validate(found)


def test_command_ids_are_unique_across_repositories() -> None:
    found = document()
    found["repositories"]["two"]["analysis_commands"] = found["repositories"]["one"]["analysis_commands"]
    with pytest.raises(ValueError, match="listed twice: snv"):
        Catalog.model_validate(found)


def test_run_commands_need_their_columns_in_the_contract() -> None:
    found = document()
    entry = found["repositories"]["one"]["analysis_commands"][0]
    entry |= {"command_class": "run_analysis", "input_contract": "run_context", "requires_staging": False,
              "requires_run_mount": True, "test_data_profile": "run"}  # fmt: skip
    assert Catalog.model_validate(found).commands()[0].requires_run_mount
    found["input_contracts"]["run_context"]["source_table"]["required_columns"] = ["RUNID", "MOUNT_ID"]
    with pytest.raises(ValueError, match="column SOURCE_S3_URI is not required"):
        Catalog.model_validate(found)


def test_version_1_becomes_version_2() -> None:
    drop = ("type:", "command_class:", "input_contract:", "requires_staging:", "requires_run_mount:",
            "test_data_profile:", "validated_version:")  # fmt: skip
    kept = [line for line in TEXT.splitlines() if not line.strip().startswith(drop)]
    text = "\n".join(kept).replace("command_catalog_version: 2", "command_catalog_version: 1")
    catalog = parse_catalog(text, "c.yaml")
    found = command(catalog, "snv")
    assert (found.type, found.command_class, found.validated_version, found.test_data_profile) == (
        "dev", "sample_analysis", "2.0.26", "legacy_v1",
    )  # fmt: skip
    assert catalog.command_catalog_version == 2


def test_a_listing_narrows() -> None:
    catalog = parse_catalog(TEXT, "c.yaml")
    assert [one["command_id"] for one in listing(catalog)["commands"]] == ["snv"]
    assert listing(catalog, "two")["commands"] == []
    assert list(listing(catalog, "two")["repositories"]) == ["two"]
    assert list(listing(catalog, command_id="snv")["repositories"]) == ["one", "two"]
    with pytest.raises(NotFound, match="three"):
        listing(catalog, "three")
    with pytest.raises(NotFound, match="has no command"):
        listing(catalog, command_id="x")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"", b"- a\n"])
def test_files_that_are_no_catalog(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValidationError, match=r"c\.yaml"):
        load_catalog(path)


def test_site_settings(tmp_path: Path) -> None:
    assert load_site_settings().analysis_root == "/fsx/analysis_results/"
    for text in ("", "daylily: {}\n", "daylily: {analysis_root: 1}\n", "daylily: {analysis_root: /fsx/../x}\n", "{"):
        path = tmp_path / "g.yaml"
        path.write_text(text)
        with pytest.raises(ValidationError):
            load_site_settings(path)
