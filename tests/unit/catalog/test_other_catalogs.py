"""Catalogs that others wrote: every shape that their files have loads unchanged, and odd ones are pointed out."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.catalog.advice import advice
from daylily_ec.catalog.loader import parse_catalog
from daylily_ec.catalog.models import Catalog

# All keys that occur elsewhere, with other places and names: absolute data roots, notes, recorded validations,
# locations on run profiles, empty lists, quoted versions, folded text.
TEXT = """\
command_catalog_version: 2
default_repository: first
input_contracts:
  run_context:
    description: runs
    source_table: {path: config/runs.tsv, required_columns: [RUNID, PLATFORM, RUN_DIR, SOURCE_S3_URI, MOUNT_ID]}
  sample_manifest:
    description: samples
    source_table: {path: analysis_samples.tsv, required_columns: [RUN_ID]}
    generated_tables:
      samples_tsv: {path: config/samples.tsv, required_columns: [SAMPLEID]}
      units_tsv: {path: config/units.tsv, required_columns: [RUNID, SAMPLEID]}
test_data_locations:
- location_id: reads
  description: reads
  mount_path: /fsx/references
  data_root: /fsx/references/reads
  s3_uri: s3://lab-references/reads
  applies_to_command_classes: [sample_analysis]
test_data_profiles:
  none: {description: '', source_mount_mode: none, locations: [], source_notes: [nothing is read]}
  reads:
    description: reads
    source_mount_mode: default_mounted
    source_s3_uri_template: s3://lab-references/reads/
    source_fsx_prefix: /fsx/references/reads/
    locations: [reads]
    source_notes: [an older place was s3://lab-old/reads]
  runs:
    description: runs
    source_mount_mode: run_dra_required
    source_s3_uri_template: s3://lab-runs/{RUNID}/
    source_fsx_prefix: /fsx/run_dir_mounts/{MOUNT_ID}/
    run_context_source_s3_column: SOURCE_S3_URI
    run_context_mount_id_column: MOUNT_ID
    locations: []
    source_notes: []
repositories:
  first:
    display_name: First
    description: >
      folded
      text
    https_url: https://example.org/first.git
    ssh_url: git@example.org:first.git
    default_ref: '1.0'
    relative_path: first
    analysis_commands:
    - command_id: qc
      type: prod
      validated_version: '1.0'
      test_data_profile: runs
      display_name: QC
      description: ''
      datasource: Illumina
      launcher: workflow_launch
      command_class: run_analysis
      input_contract: run_context
      requires_staging: false
      requires_run_mount: true
      runtime_parameters: {run_context_file: config/runs.tsv, flag: 'true'}
      input_requirements:
        required_source_columns: []
        accepted_source_column_sets: []
        required_run_context_values: {PLATFORM: ILMN}
      targets: [produce_qc]
      genome: hg38
      jobs: 5
      aligners: []
      dedupers: []
      snv_callers: []
      sv_callers: []
      dy_command: bin/day_run produce_qc -p -j 5 -k
      dryrun_dy_command: bin/day_run produce_qc -p -j 5 -k -n
      compatible_platforms: [ILMN]
      compatible_data_modes: [run_directory_mount]
      git_tag: '1.0'
      no_containerized: false
      validation_runs:
      - &validation
        run_id: v1
        generated_at: '2026-01-01T00:00:00Z'
        report_path: docs/v1.md
        ledger_path: docs/v1.tsv
        cluster: day-one
        region: us-west-2
        region_az: us-west-2d
        dayec_tag: '5'
        dayec_commit: abc
        dayoa_tag: '1.0'
        dayoa_commit: def
        tested_command: bin/day_run produce_qc
        status: success
        dryrun_status: success
        live_status: not_run
        dryrun_analysis_id: a
        live_analysis_id: b
        stage_or_context: runs.tsv
        failure_cause: ''
        notes: ''
      artifact_registration:
        enabled: true
        manifest_source: s3_inventory
        evidence_manifest_path: results/runs/{analysis_id}/manifest.json
        include_classifications: [multiqc_html]
        include_paths: [config/samples.tsv, results/runs/**/report.html, results/table.tsv]
        require_existing: true
        parser_family_hint: multiqc
        multiqc_report_kind: qc
        multiqc_version: '1.35'
        multiqc_reports:
        - {report_kind: qc, html_path: results/runs/**/report.html, data_dir_path: results/runs/**/report_data/}
        identity: {analysis_euid: '{analysis_id}', run_euid: '{analysis_id}'}
  second: {display_name: Second, description: '', https_url: https://example.org/2.git, ssh_url: '', default_ref: main,
    relative_path: second, analysis_commands: []}
"""


def with_values(**values: Any) -> Catalog:
    document = YAML(typ="safe").load(TEXT)
    document["repositories"]["first"]["analysis_commands"][0].update(values)
    return Catalog.model_validate(document)


def test_a_file_with_every_key_loads() -> None:
    catalog = parse_catalog(TEXT, "c.yaml")
    (one,) = catalog.commands()
    assert one.validation_runs[0].live_status == "not_run"
    assert one.artifact_registration is not None
    assert one.artifact_registration.required_paths == ("results/table.tsv",)
    assert catalog.test_data_locations[0].data_root == "/fsx/references/reads"
    assert advice(catalog) == ()


def test_paths_are_required_only_when_the_policy_says_so() -> None:
    policy = parse_catalog(TEXT.replace("require_existing: true", "require_existing: false"), "c").commands()[0]
    assert policy.artifact_registration is not None
    assert policy.artifact_registration.required_paths == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"git_tag": "main"}, "follows branch main"),
        ({"git_tag": "0.9"}, "git_tag 0.9 is not the validated version 1.0"),
        ({"dryrun_dy_command": "bin/day_run produce_qc -p -j 5 -k"}, "it would run"),
        ({"dy_command": "bin/day_run produce_qc --config a=1 --config b=2"}, "--config more than once"),
        ({"dy_command": "bin/day_run -p"}, "lacks the targets produce_qc"),
        ({"dy_command": "bin/day_run 'produce_qc"}, "cannot be read by a shell"),
    ],
)
def test_what_will_surprise_is_pointed_out(values: dict[str, str], expected: str) -> None:
    assert expected in " ".join(advice(with_values(**values)))


def test_a_failed_validation_is_pointed_out() -> None:
    failed = TEXT.replace("status: success\n        dryrun", "status: failed\n        dryrun", 1)
    assert advice(parse_catalog(failed, "c")) == ("qc: its last validation is failed",)
