"""The packaged catalog holds every fact of its contract: this table is written down here a second time."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from daylily_ec.catalog import models, registration
from daylily_ec.catalog.launch import GivenInputs, command_launch
from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.models import AnalysisCommand, Catalog
from daylily_ec.samples import columns

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config/daylily_available_repositories.yaml"
PIN = "2.0.26"
VEP = 'multiqc_qc={"enable_tools":["vep"]}'
SNV = "sent_align dmd_dedup_cram sentd_snv_vcf snv_concordances alignstats"
ULTIMA = "alignstats na_dedup_cram sentdug_snv_vcf snv_concordances"
ONT = "alignstats sentdont_snv_vcf snv_concordances"
HYBRID = "snv_concordances sentdhiomr_sv sentdhiomr_snv_vcf"
REPORT = "relatedness vep multiqc_all"


@dataclass(frozen=True)
class Fact:
    """One row: genome/jobs, tools, targets without `produce_`, settings, flags, platforms, mode, policy."""

    kind: str
    genome: str
    jobs: int
    tools: str
    targets: str
    settings: tuple[str, ...]
    flags: str
    platforms: str
    mode: str
    policy: str = ""


P_K_J, J_P_K, P_J_K = "-p -k -j {}", "-j {} -p -k", "-p -j {} -k"
SAMPLE = {
    "illumina_snv_alignstats": Fact(
        "prod", "hg38_broad", 20, "sent/dmd/sentd/", SNV, (), P_K_J, "ILMN", "ilmn_solo"),
    "illumina_snv_alignstats_relatedness_vep_multiqc": Fact(
        "prod", "hg38_broad", 100, "sent/dmd/sentd/", f"{SNV} {REPORT}", (VEP,), P_J_K, "ILMN", "ilmn_solo", "A"),
    "illumina_hg002_kitchensink_multiqc": Fact(
        "prod", "hg38", 200, "sent/dmd/sentd/",
        f"{SNV} relatedness gatk_contam_estimate site_mix_contam_estimate global_contam_check vep expansionhunter "
        "htd_calls metagenomics multiqc_all",
        ('aligners=["sent"]', 'dedupers=["dmd"]', 'snv_callers=["sentd"]', 'htd_callers=["cyrius"]',
         'multiqc_qc={"enable_tools":["vep","metagenomics","contam_identity"]}'),
        f"{J_P_K} --rerun-triggers mtime", "ILMN", "ilmn_solo", "A"),
    "ultima_snv_alignstats": Fact(
        "prod", "hg38_broad", 20, "ug/na/sentdug/", ULTIMA, (), P_J_K, "ULTIMA", "ultima_solo"),
    "ultima_snv_alignstats_kitchensink": Fact(
        "prod", "hg38_broad", 100, "ug/na/sentdug/", f"{ULTIMA} {REPORT}", (VEP,), P_J_K, "ULTIMA", "ultima_solo", "A"),
    "ont_snv_alignstats": Fact("prod", "hg38_broad", 5, "ont/na/sentdont/", ONT, (), P_J_K, "ONT", "ont_solo"),
    "ont_snv_alignstats_kitchensink": Fact(
        "prod", "hg38_broad", 5, "ont/na/sentdont/", f"{ONT} {REPORT}", (VEP,), P_J_K, "ONT", "ont_solo", "A"),
    "pacbio_snv_alignstats": Fact(
        "prod", "hg38_broad", 2, "sentmm2/na/sentdpb/",
        "sentmm2_align na_dedup_cram sentdpb_snv_vcf alignstats snv_concordances", (), f"{P_K_J} -T 1", "PACBIO",
        "pacbio_solo"),
    "roche_snv_alignstats": Fact(
        "prod", "hg38_broad", 5, "roche/na/sentd/", "alignstats na_dedup_cram sentD_vcf", (), P_J_K, "ROCHE",
        "roche_solo"),
    "hybrid_ilmn_ont_snv": Fact(
        "prod", "hg38_broad", 100, "sent/dmd/sentdhiomr/sentdhiomr", HYBRID, ('dedupers=["dmd"]',), P_J_K, "ILMN ONT",
        "hybrid_ilmn_ont"),
    "hybrid_ilmn_ont_snv_kitchensink": Fact(
        "prod", "hg38_broad", 100, "sent/dmd/sentdhiomr/sentdhiomr", f"{HYBRID} {REPORT}", ('dedupers=["dmd"]', VEP),
        P_J_K, "ILMN ONT", "hybrid_ilmn_ont", "A"),
    "inflection-bjuice-product-v0.1": Fact(
        "dev", "hg38_broad", 125, "sent/dmd/sentdhiomr/sentdhiomr",
        "sent_align dmd_dedup_cram sentdhiomr_sv sentdhiomr_snv_vcf sentdhiomr_cnv sentdhiomr_mito sentdhiomr_segdup "
        "snv_concordances expansionhunter",
        ('sentdhiomr={"segdup_genes":"CYP11B1,NCF1,SMN1"}',), J_P_K, "ILMN ONT", "hybrid_ilmn_ont"),
    "hybrid_ultima_ont_snv": Fact(
        "dev", "hg38_broad", 100, "ug/na/sentdhuomr/", "sentdhuomr_snv_vcf alignstats snv_concordances", (), P_J_K,
        "ULTIMA ONT", "hybrid_ug_ont"),
    "complete_genomics_mgi_snv_concordance": Fact(
        "prod", "hg38_broad", 20, "sentcg/dmd/cgt7p/",
        "sentcg_align dmd_dedup_cram cgt7p_snv_vcf alignstats snv_concordances", (),
        f"{P_K_J} -T 1 --retries 0 --rerun-incomplete --keep-incomplete", "CG/MGI", "complete_genomics_solo"),
}  # fmt: skip
RUN = {
    "illumina_run_qc": Fact("prod", "hg38_broad", 5, "///", "illumina_run_qc", (), P_J_K, "ILMN", ""),
    "illumina_bclconvert": Fact(
        "prod", "hg38_broad", 20, "///", "bclconvert_fastqs_and_metrics", (), P_J_K, "ILMN", ""),
    "illumina_run_qc_bclconvert": Fact(
        "prod", "hg38_broad", 20, "///", "illumina_run_qc_and_bclconvert", (), P_J_K, "ILMN", "", "B"),
    "ont_run_qc": Fact("prod", "hg38_broad", 5, "///", "ont_run_qc", (), P_J_K, "ONT", ""),
    "ultima_run_qc": Fact("prod", "hg38_broad", 5, "///", "ultima_run_qc", (), P_J_K, "ULTIMA", ""),
}  # fmt: skip
ORDER = ["simple-test", *SAMPLE, *RUN]


def trio(column: str) -> list[str]:
    return [column, f"{column}_ALIGNER", f"{column}_SNV_CALLER"]


def pair(platform: str) -> list[str]:
    return [f"{platform}_R1_FQ", f"{platform}_R2_FQ"]


SOURCES = {
    "ilmn_solo": [pair("ILMN")],
    "ultima_solo": [pair("UG"), trio("ULTIMA_CRAM")],
    "ont_solo": [pair("ONT"), ["ONT_FASTQ_PREFIX"], trio("ONT_CRAM"), trio("ONT_BAM")],
    "pacbio_solo": [pair("PACBIO"), trio("PB_BAM")],
    "roche_solo": [trio("ROCHE_BAM")],
    "hybrid_ilmn_ont": [pair("ILMN") + trio("ONT_CRAM")],
    "hybrid_ug_ont": [trio("ULTIMA_CRAM") + trio("ONT_CRAM")],
    "complete_genomics_solo": [pair("CG")],
}
DATASOURCES = {
    "ilmn_solo": "Illumina", "ultima_solo": "Ultima", "ont_solo": "ONT", "pacbio_solo": "PacBio", "roche_solo": "Roche",
    "hybrid_ilmn_ont": "Hybrid ILMN+ONT", "hybrid_ug_ont": "Hybrid Ultima+ONT",
    "complete_genomics_solo": "Complete Genomics/MGI",
}  # fmt: skip
RUN_COLUMNS = ["RUNID", "PLATFORM", "RUN_DIR", "SOURCE_S3_URI", "MOUNT_ID", "SAMPLE_SHEET", "BASECALLING_STATE",
               "RUN_STATUS", "OUTPUT_ROOT", "REGION", "PROFILE"]  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(FILE)


def named(catalog: Catalog, command_id: str) -> AnalysisCommand:
    return next(one for one in catalog.commands() if one.command_id == command_id)


def tools(one: AnalysisCommand) -> str:
    return "/".join(",".join(names) for names in (one.aligners, one.dedupers, one.snv_callers, one.sv_callers))


def check_row(one: AnalysisCommand, fact: Fact) -> None:
    targets = [f"produce_{name}" for name in fact.targets.split()]
    assert (one.type, one.genome, one.jobs, tools(one)) == (fact.kind, fact.genome, fact.jobs, fact.tools)
    assert one.targets == targets
    assert one.compatible_platforms == fact.platforms.split()
    settings = ["--config", *fact.settings] if fact.settings else []
    words = ["bin/day_run", *targets, *settings, *fact.flags.format(fact.jobs).split()]
    assert shlex.split(one.dy_command) == words
    assert shlex.split(one.dryrun_dy_command) == [*words, "-n"]


def check_pins(one: AnalysisCommand) -> None:
    assert (one.repository, one.git_tag, one.validated_version) == ("daylily-omics-analysis", PIN, PIN)
    assert (one.launcher, one.optional_features, one.validation_runs) == ("workflow_launch", {}, [])


def test_the_twenty_commands_in_order(catalog: Catalog) -> None:
    assert [one.command_id for one in catalog.commands()] == ORDER
    assert len(ORDER) == len(set(ORDER)) == 20
    for one in catalog.commands():
        check_pins(one)


@pytest.mark.parametrize("command_id", SAMPLE)
def test_sample_commands(catalog: Catalog, command_id: str) -> None:
    one, fact = named(catalog, command_id), SAMPLE[command_id]
    check_row(one, fact)
    assert (one.command_class, one.input_contract) == ("sample_analysis", "sample_manifest")
    assert (one.requires_staging, one.requires_run_mount, one.no_containerized) == (True, False, False)
    assert (one.test_data_profile, one.compatible_data_modes) == ("default_reads_slim", [fact.mode])
    assert one.datasource == DATASOURCES[fact.mode]
    sets, needs = SOURCES[fact.mode], one.input_requirements
    assert needs.required_source_columns == (sets[0] if len(sets) == 1 else [])
    assert needs.accepted_source_column_sets == (sets if len(sets) > 1 else [])
    assert (one.runtime_parameters, needs.required_run_context_values) == ({}, {})


@pytest.mark.parametrize("command_id", RUN)
def test_run_commands(catalog: Catalog, command_id: str) -> None:
    one, fact = named(catalog, command_id), RUN[command_id]
    check_row(one, fact)
    converts = "bclconvert" in command_id
    platform = {"ILMN": "illumina", "ONT": "ont", "ULTIMA": "ultima"}[fact.platforms]
    assert (one.command_class, one.input_contract) == ("run_analysis", "run_context")
    assert (one.requires_staging, one.requires_run_mount, one.no_containerized) == (False, True, False)
    assert one.test_data_profile == ("bclconvert_0_mm" if converts else f"{platform}_run_directory")
    assert one.compatible_data_modes == ["run_directory_mount"]
    assert one.datasource == {"ILMN": "Illumina", "ONT": "ONT", "ULTIMA": "Ultima"}[fact.platforms]
    own = {"bootstrap_bclconvert": "true"} if converts else {
        "samples_table": ".test_data/data/samples.tsv", "units_table": ".test_data/data/units.tsv"}  # fmt: skip
    assert one.runtime_parameters == {"run_context_file": "config/runs.tsv", **own}
    assert one.input_requirements.required_run_context_values == {"PLATFORM": fact.platforms}
    assert one.input_requirements.required_source_columns == []
    assert one.input_requirements.accepted_source_column_sets == []


def test_the_smoke_test(catalog: Catalog) -> None:
    one = named(catalog, "simple-test")
    assert (one.type, one.command_class, one.input_contract) == ("test", "utility", "none")
    assert (one.genome, one.jobs, tools(one), one.targets) == ("hg38", 1, "///", ["help"])
    assert one.dy_command == one.dryrun_dy_command == "source dyoainit; dy-a local hg38; dy-r -p -k -j 1 help"
    assert (one.requires_staging, one.requires_run_mount, one.no_containerized) == (False, False, True)
    assert (one.compatible_platforms, one.compatible_data_modes, one.test_data_profile) == (["local"], ["none"], "none")
    assert (one.datasource, one.runtime_parameters) == ("DayOA", {})


def test_repositories(catalog: Catalog) -> None:
    base = "github.com{}Daylily-Informatics/"
    expected = {
        "daylily-omics-analysis": (base + "daylily-omics-analysis.git", PIN, "daylily-omics-analysis", 20),
        "rna-seq-star-deseq2": (base + "rna-seq-star-deseq2.git", "main", "rna-seq-star-deseq2", 0),
        "daylily-sarek": ("github.com{}iamh2o/sarek.git", "0.7.379", "sarek", 0),
    }
    assert list(catalog.repositories) == list(expected)
    assert (catalog.command_catalog_version, catalog.default_repository) == (2, "daylily-omics-analysis")
    for key, (url, ref, folder, commands) in expected.items():
        one = catalog.repositories[key]
        assert (one.https_url, one.ssh_url) == (f"https://{url.format('/')}", f"git@{url.format(':')}")
        assert (one.default_ref, one.relative_path, len(one.analysis_commands)) == (ref, folder, commands)


def test_input_contracts(catalog: Catalog) -> None:
    assert list(catalog.input_contracts) == ["sample_manifest", "run_context"]
    samples, runs = catalog.input_contracts["sample_manifest"], catalog.input_contracts["run_context"]
    assert samples.source_table is not None
    assert runs.source_table is not None
    assert samples.source_table.path == "analysis_samples.tsv"
    assert samples.source_table.required_columns == list(columns.REQUIRED)
    tables = {name: (one.path, tuple(one.required_columns)) for name, one in samples.generated_tables.items()}
    assert tables == {
        "samples_tsv": ("config/samples.tsv", columns.SAMPLES), "units_tsv": ("config/units.tsv", columns.UNITS),
    }  # fmt: skip
    assert [len(cells) for _, cells in tables.values()] == [13, 41]
    assert (runs.source_table.path, runs.source_table.required_columns) == ("config/runs.tsv", RUN_COLUMNS)
    assert runs.generated_tables == {}


def test_locations_and_profiles(catalog: Catalog) -> None:
    places = {one.location_id: (one.mount_path, one.data_root, one.applies_to_command_classes)
              for one in catalog.test_data_locations}  # fmt: skip
    slim = "genomic_data/organism_reads_slim"
    assert places == {
        "default_reference_reads_slim": ("/fsx/references", slim, ["sample_analysis"]),
        "default_control_reads_slim": ("/fsx/control_data", slim, ["sample_analysis"]),
        "default_control_run_data": ("/fsx/control_data", "run_data", ["run_analysis"]),
    }
    profiles = catalog.test_data_profiles
    runs = ["illumina_run_directory", "bclconvert_0_mm", "ont_run_directory", "ultima_run_directory"]
    assert list(profiles) == ["none", "default_reads_slim", *runs]
    assert (profiles["none"].source_mount_mode, profiles["none"].locations) == ("none", [])
    reads = profiles["default_reads_slim"]
    assert (reads.source_mount_mode, reads.source_fsx_prefix) == ("default_mounted", f"/fsx/references/{slim}/")
    assert reads.locations == ["default_reference_reads_slim", "default_control_reads_slim"]
    for name in runs:
        one = profiles[name]
        assert (one.source_mount_mode, one.source_fsx_prefix) == ("run_dra_required", "/fsx/run_dir_mounts/{MOUNT_ID}/")
        assert (one.run_context_source_s3_column, one.run_context_mount_id_column) == ("SOURCE_S3_URI", "MOUNT_ID")
        assert one.locations == ["default_control_run_data"]


def test_no_place_of_a_site_is_named(catalog: Catalog) -> None:
    templates = [one.source_s3_uri_template for one in catalog.test_data_profiles.values()]
    templates += [one.s3_uri for one in catalog.test_data_locations]
    assert all(text.startswith("s3://<") for text in templates if text)


MULTIQC = ["multiqc_html", "multiqc_data_json", "multiqc_general_stats", "multiqc_sources", "multiqc_log",
           "multiqc_data_file"]  # fmt: skip
DAY, RUNS = "results/day/{genome}/", "results/runs/**/"
PATHS = {
    "A": [f"{DAY}reports/DAY_final_multiqc.html", f"{DAY}reports/DAY_final_multiqc_data/**",
          f"{DAY}reports/multiqc_inputs/final/manifest.tsv", f"{DAY}other_reports/*_mqc.tsv",
          *(f"{DAY}**/*.{kind}" for kind in ("cram", "crai", "bam", "bai", "vcf", "vcf.gz", "tbi", "csi"))],
    "B": [f"{RUNS}run_qc/illumina/multiqc_report.html", f"{RUNS}run_qc/illumina/multiqc_report_data/**",
          f"{RUNS}bclconvert/multiqc_report.html", f"{RUNS}bclconvert/multiqc_report_data/**"],
}  # fmt: skip
TABLES = ["config/samples.tsv", "config/units.tsv"]
CLASSES = {
    "A": [*MULTIQC, "custom_mqc_tsv", "staging_manifest", "benchmark", "alignment_cram", "alignment_cram_index",
          "alignment_bam", "alignment_bam_index", "variant_vcf", "variant_vcf_index", "samples_manifest",
          "units_manifest"],
    "B": [*MULTIQC, "samples_manifest", "units_manifest"],
}  # fmt: skip
REPORTS = {
    "A": {"final": (f"{DAY}reports/DAY_final_multiqc.html", f"{DAY}reports/DAY_final_multiqc_data/")},
    "B": {"run_qc_illumina": (PATHS["B"][0], f"{RUNS}run_qc/illumina/multiqc_report_data/"),
          "bclconvert": (PATHS["B"][2], f"{RUNS}bclconvert/multiqc_report_data/")},
}  # fmt: skip
HEADS = {
    "A": ("dayoa_manifest", f"{DAY}reports/dayoa_evidence_manifest.json", "final"),
    "B": ("s3_inventory", "results/runs/{analysis_id}/dayoa_evidence_manifest.json", "run_qc_bclconvert"),
}


@pytest.mark.parametrize("command_id", ORDER)
def test_registration_policies(catalog: Catalog, command_id: str) -> None:
    policy = named(catalog, command_id).artifact_registration
    letter = {**SAMPLE, **RUN}[command_id].policy if command_id in {**SAMPLE, **RUN} else ""
    assert (policy is not None) == bool(letter)
    if policy is None:
        return
    assert (policy.manifest_source, policy.evidence_manifest_path, policy.multiqc_report_kind) == HEADS[letter]
    assert policy.include_classifications == CLASSES[letter]
    assert policy.include_paths == [*TABLES, *PATHS[letter]]
    assert (policy.enabled, policy.require_existing, policy.parser_family_hint, policy.multiqc_version) == (
        True, True, "multiqc", "1.35",
    )  # fmt: skip
    reports = {one.report_kind: (one.html_path, one.data_dir_path) for one in policy.multiqc_reports}
    assert reports == REPORTS[letter]
    assert policy.identity is not None
    assert policy.identity.analysis_euid == policy.identity.run_euid == "{analysis_id}"
    assert not set(policy.required_paths) & set(TABLES), "the tables are registered when present"


def test_every_key_is_written_out() -> None:
    document = YAML(typ="safe").load(FILE.read_text())
    optional = {"repository", "runtime_parameters", "input_requirements", "artifact_registration"}
    wanted = set(AnalysisCommand.model_fields) - optional
    for repository in document["repositories"].values():
        for one in repository["analysis_commands"]:
            assert wanted <= set(one), one["command_id"]


def test_every_level_of_the_schema_forbids_unknown_keys() -> None:
    levels = {value for module in (models, registration) for value in vars(module).values()
              if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel}  # fmt: skip
    assert len(levels) == 15
    assert {level.__name__ for level in levels if level.model_config.get("extra") != "forbid"} == set()


RUNS_TSV = "\t".join(RUN_COLUMNS) + "\n" + "\t".join(
    ["R1", "{}", "/fsx/run_dir_mounts/R1", "s3://runs/R1/", "R1", "SampleSheet.csv", "raw_bcl", "complete",
     "results/runs/R1", "us-west-2", "p"]) + "\n"  # fmt: skip


@pytest.mark.parametrize("command_id", RUN)
@pytest.mark.weakness("M2")
def test_every_run_command_launches_with_its_mount(catalog: Catalog, command_id: str) -> None:
    given = GivenInputs(runs_tsv=RUNS_TSV.format(RUN[command_id].platforms))
    asked = command_launch(catalog, command_id, given)
    assert [(str(one.path), str(one.source)) for one in asked.run_mounts] == [("/run_dir_mounts/R1/", "s3://runs/R1/")]
    assert asked.git_ref == PIN
    assert "run_context_file=config/runs.tsv" in shlex.split(asked.command)


@pytest.mark.parametrize("command_id", SAMPLE)
@pytest.mark.weakness("M2")
def test_every_sample_command_launches_from_a_stage(catalog: Catalog, command_id: str) -> None:
    asked = command_launch(catalog, command_id, GivenInputs(stage=True))
    assert [str(path) for path in asked.startup_mounts] == ["/control_data/", "/references/"]
    assert (asked.git_ref, asked.command) == (PIN, named(catalog, command_id).dy_command)
