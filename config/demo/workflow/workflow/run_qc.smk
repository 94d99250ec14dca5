# SPDX-License-Identifier: Apache-2.0
# QC of Illumina run folders: the base calls of every lane are decoded and counted, then reported per run.

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))
from runs import read_runs

configfile: "config/config.yaml"

RUNS = read_runs(config.get("run_context_file", "config/runs.tsv"))
SCRIPTS = f"{sys.executable} -B workflow/scripts"
QC = "{root}/run_qc/illumina"

# The first line of every log tells which Slurm job on which node ran the rule.
HEAD = (
    "printf 'rule={rule} slurm_job_id=%s node=%s partition=%s host=%s\\n' \"${{SLURM_JOB_ID:-none}}\" "
    '"${{SLURMD_NODENAME:-none}}" "${{SLURM_JOB_PARTITION:-none}}" "$(hostname)" > {log}; exec 2>>{log}; '
)

wildcard_constraints:
    root="|".join(sorted(RUNS)),
    lane="[1-8]",

localrules: produce_illumina_run_qc

rule produce_illumina_run_qc:
    input: expand(QC + "/multiqc_report.html", root=RUNS)

rule lane_qc:
    input: lambda wildcards: f"{RUNS[wildcards.root].directory}/RunInfo.xml"
    output: QC + "/lane_{lane}.json"
    params: run=SCRIPTS, directory=lambda wildcards: RUNS[wildcards.root].directory
    log: QC + "/logs/lane_{lane}.log"
    shell: HEAD + "{params.run}/run_qc_lane.py --run {params.directory:q} --lane {wildcards.lane} --json {output}"

rule run_report:
    input: lambda wildcards: expand(QC + "/lane_{lane}.json", root=wildcards.root, lane=RUNS[wildcards.root].lanes)
    output:
        html=QC + "/multiqc_report.html",
        data=directory(QC + "/multiqc_report_data"),
        summary=QC + "/run_qc.json",
        lanes=QC + "/run_lanes_mqc.tsv",
        samples=QC + "/run_samples_mqc.tsv",
    params:
        run=SCRIPTS,
        python=sys.executable,
        name=lambda wildcards: RUNS[wildcards.root].name,
        directory=QC,
    log: QC + "/logs/run_report.log"
    shell: HEAD + """
        {params.run}/run_qc_report.py --run {params.name:q} --summary {output.summary} --lanes {output.lanes} \
            --samples {output.samples} {input:q}
        {params.python} -m multiqc --quiet --force --no-ansi --no-version-check --no-megaqc-upload -m custom_content \
            --title "Run {params.name}" --filename multiqc_report.html --outdir {params.directory} {output.lanes} {output.samples} >&2
    """
