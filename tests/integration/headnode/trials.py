"""Every script of the head node on its way to the end: what the program sends, and where a hostile value may stand.

The values that a trial begins with are those that the program itself sends.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from daylily_ec.domain.ids import WorkflowSession
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.fsx import inventory, mount_use, results, settling
from daylily_ec.fsx.manifest_remote import make_manifest
from daylily_ec.headnode import bootstrap, files, logs, readiness, runs, sessions, usage
from daylily_ec.headnode.bundle import NodeTarget
from daylily_ec.headnode.identity import NodeInstall
from daylily_ec.headnode.launch import ExportSettings, ExportTrigger, InputKind, Inputs, Launch, Needs, RunLink
from daylily_ec.headnode.remote import CLUSTER_USER, Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.site_files import SiteFiles
from daylily_ec.util.progress import Silent
from tests.conftest import FakeClock
from tests.integration.headnode.hostile import PAYLOADS, Recorder, Sent, make
from tests.integration.headnode.node import Node

MEANT = {
    "DYEC_COMMAND", "DYEC_RESUME_COMMAND", "DYEC_UNLOCK_COMMAND", "DYEC_SESSION_SCRIPT", "DYEC_PYTHON", "DYEC_ARG_0",
}  # fmt: skip
"""Parameters that are to be run."""
NUMBERS = {
    "DYEC_STAGE_WAIT_S", "DYEC_RETRY_S", "DYEC_GRACE_S", "DYEC_LINES", "DYEC_BYTES", "DYEC_ATTEMPT", "DYEC_WAIT",
    "DYEC_OFFSET",
}  # fmt: skip
"""Parameters that the program makes from integers of its own (`DYEC_OFFSET` from the header of a piece of a log)."""
Env = dict[str, str]


@dataclass(frozen=True)
class Trial:
    """A way through a script.

    `through` are parameters with which it gets to its end whatever they hold, and the form in which they hold it;
    `guarded` those that it refuses, or that lead it elsewhere.  `done` says that it got there.
    """

    script: RemoteScript
    right: Env
    through: Mapping[str, str]
    done: Callable[[RemoteResult, Env], bool]
    guarded: Sequence[str] = ()
    prepare: Callable[[Env], None] = lambda env: None
    start: Callable[[Path, Env], tuple[list[str], Env]] = lambda path, env: (["bash", str(path)], env)

    def hostile(self, name: str, payload: str) -> str:
        return self.through.get(name, "{}").replace("{}", payload)


def run(node: Node, trial: Trial, env: Env) -> RemoteResult:
    env = dict(env)
    trial.prepare(env)
    scratch, path = make(node.root / "scratch"), node.root / "script.sh"
    path.write_text(trial.script.text)
    argv, given = trial.start(path, env)
    done = subprocess.run(
        argv, env={**node.env, **given}, cwd=scratch, timeout=120, check=False, stdin=subprocess.DEVNULL,
        capture_output=True,
    )  # fmt: skip
    return RemoteResult(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def sent(call: Callable[[Remote], object]) -> Sent:
    """What the program sends to the node when it makes this call."""
    try:
        call(Recorder())
    except Sent as found:
        return found
    raise AssertionError("nothing was sent")


def trial(
    call: Callable[[Remote], object], through: Mapping[str, str], done: Callable[[RemoteResult, Env], bool],
    guarded: Sequence[str] = (), prepare: Callable[[Env], None] = lambda env: None, **right: str,
) -> Trial:  # fmt: skip
    found = sent(call)
    return Trial(found.script, found.env | right, through, done, guarded, prepare)


def words(path: Path) -> list[str]:
    """The words that a program of the node wrote down."""
    return path.read_bytes().decode(errors="surrogateescape").split("\0")[:-1]


def unpacked(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


# Files and directories


def analysis_states(node: Node) -> list[Trial]:
    return [trial(lambda remote: results.look(remote, mounted=True), {"DYEC_MOUNTED": "{}"},
                  lambda result, env: unpacked(result.stdout) == b"" and result.exit_code == 0)]  # fmt: skip


def list_stages(node: Node) -> list[Trial]:
    def prepare(env: Env) -> None:
        make(Path(env["DYEC_STAGE_BASE"], "s1"), x_samples="").joinpath("x_samples.tsv").touch()
        Path(env["DYEC_STAGE_BASE"], "s1", "x_units.tsv").touch()

    return [trial(lambda remote: sessions.complete_stages(remote, f"{node.fsx}/base"),
                  {"DYEC_STAGE_BASE": f"{node.fsx}/{{}}/base"}, lambda result, env: result.stdout == "s1\n",
                  prepare=prepare)]  # fmt: skip


def list_tree(node: Node) -> list[Trial]:
    return [trial(lambda remote: inventory.list_directory(remote, PurePosixPath(node.fsx, "d")),
                  {"DYEC_DIRECTORY": f"{node.fsx}/{{}}/d"}, lambda result, env: b" leaf\0" in unpacked(result.stdout),
                  prepare=lambda env: leaf(env["DYEC_DIRECTORY"]))]  # fmt: skip


def leaf(directory: str) -> None:
    make(Path(directory), leaf="x")


def mount_tree(node: Node) -> list[Trial]:
    def names(env: Env) -> None:
        leaf(env["DYEC_DIRECTORY"])
        for line in env["DYEC_READ"].splitlines():
            if line.endswith("="):
                Path(env["DYEC_DIRECTORY"], base64.b64decode(line).decode()).touch()

    def call(remote: Remote) -> object:
        return settling.look(remote, PurePosixPath(node.fsx, "d"), ["leaf"], 9, names=True)

    through = {"DYEC_DIRECTORY": f"{node.fsx}/{{}}/d", "DYEC_READ": "{}", "DYEC_NAMES": "{}"}
    every = "".join(base64.b64encode(f"{payload}é".encode()).decode() + "\n" for payload in PAYLOADS)
    return [
        trial(call, through, lambda result, env: "done\n" in result.stdout, (),
              lambda env: leaf(env["DYEC_DIRECTORY"])),
        # Each payload is the name of a file that is to be read.
        trial(call, {}, lambda result, env: "done\n--\n" in result.stdout, (), names, DYEC_READ=every),
    ]  # fmt: skip


def fsx_usage(node: Node) -> list[Trial]:
    return [trial(usage.read_usage, {"DYEC_FSX": f"{node.fsx}/{{}}"},
                  lambda result, env: "target T" in result.stdout and result.stdout.endswith("done\n"),
                  prepare=lambda env: leaf(env["DYEC_FSX"]), DYEC_FSX=str(node.fsx))]  # fmt: skip


def receive_file(node: Node) -> list[Trial]:
    (node.home / "object").write_text("x")
    source = node.root / "source"
    source.write_text("x")
    right = {"DYEC_PATH": str(node.home / "f"), "DYEC_OBJECT": "s3://b/o", "DYEC_REGION": "r"}
    place = {"DYEC_PATH": f"{node.home}/n{{}}e/f", "DYEC_FORCE": "{}"}

    def call(remote: Remote) -> object:
        return files.upload(remote, None, source, files.NodePath("~/f"), force=False)

    def created(result: RemoteResult, env: Env) -> bool:
        return result.stdout == f"CREATED {env['DYEC_PATH']}\n" and Path(env["DYEC_PATH"]).read_text() == "x"

    def delivered(result: RemoteResult, env: Env) -> bool:
        given = words(node.home / "aws.words")
        return created(result, env) and env["DYEC_OBJECT"] in given and env["DYEC_REGION"] in given

    def fresh(env: Env) -> None:
        Path(env["DYEC_PATH"]).unlink(missing_ok=True)
        if "/" in env.get("DYEC_SOURCE", ""):
            make(Path(env["DYEC_SOURCE"]).parent, leaf="").joinpath("leaf").rename(env["DYEC_SOURCE"])
            Path(env["DYEC_SOURCE"]).write_text("x")

    return [
        trial(call, place, created, ["DYEC_MODE", "DYEC_SIZE", "DYEC_SHA256", "DYEC_CONTENT"], fresh,
              DYEC_PATH=right["DYEC_PATH"]),
        trial(call, {**place, "DYEC_OBJECT": "{}", "DYEC_REGION": "{}"}, delivered, (), fresh, **right),
        trial(call, {**place, "DYEC_SOURCE": f"{node.fsx}/{{}}/source"}, created, (), fresh,
              DYEC_PATH=right["DYEC_PATH"], DYEC_SOURCE=str(source)),
    ]  # fmt: skip


def send_file(node: Node) -> list[Trial]:
    def call(remote: Remote) -> object:
        return files.download(remote, None, files.NodePath("~/f"), node.root / "to", force=False)

    right = {"DYEC_PATH": str(node.home / "f")}

    def prepare(env: Env) -> None:
        make(Path(env["DYEC_PATH"]).parent, f="x")
        Path(env.get("DYEC_TARGET", env["DYEC_PATH"])).parent.mkdir(parents=True, exist_ok=True)

    return [
        trial(call, {}, lambda result, env: result.stdout.endswith("\neA==\n"), ["DYEC_MOST"], prepare, **right),
        trial(call, {"DYEC_PATH": f"{node.home}/{{}}/f", "DYEC_TARGET": f"{node.fsx}/{{}}/t"},
              lambda result, env: "sent\n" in result.stdout and Path(env["DYEC_TARGET"]).read_text() == "x",
              (), prepare, **right, DYEC_TARGET=str(node.fsx / "t")),
        trial(call, {}, lambda result, env: result.stdout.endswith("\nsent\n"), ["DYEC_URL"], prepare, **right,
              DYEC_URL="https://b/k"),
    ]  # fmt: skip


MANIFEST = """#!/bin/sh
# -m daylily_ec.fsx.manifest_node DIRECTORY RUN ...
[ "$1" = -m ] || exit 0
printf '%s\\0' "$@" > "$HOME/python.words"
echo x > "$4/manifest.jsonl.gz"
printf '{"state": "done"}\\n' > "$4/result.json"
"""


def node_python(node: Node, text: str) -> None:
    path = make(node.home / "DAY-EC/bin") / "python"
    path.write_text(text)
    path.chmod(0o755)


def manifests(node: Node) -> list[Trial]:
    node_python(node, MANIFEST)
    (node.home / "queue").write_text("")

    def call(remote: Remote, hash_on: str | None = None) -> object:
        return make_manifest(remote, PurePosixPath(node.fsx, "d"), clock=FakeClock(), reporter=Silent(),
                             hash_on=hash_on, destination=S3Prefix("b", "k/"))  # fmt: skip

    def fresh(env: Env) -> None:
        leaf(env["DYEC_DIRECTORY"])
        shutil.rmtree(node.home / ".cache", ignore_errors=True)

    def made(result: RemoteResult, env: Env) -> bool:
        given = words(node.home / "python.words")
        wanted = {env["DYEC_DIRECTORY"], env["DYEC_PREFIX_BYTES"]} <= set(given)
        return wanted and f"run={env['DYEC_RUN']}\nstate=done\n" in result.stdout and "\n--\n" in result.stdout

    through = {"DYEC_DIRECTORY": f"{node.fsx}/{{}}/d", "DYEC_RUN": "{}", "DYEC_PREFIX_BYTES": "{}",
               "DYEC_ALLOW_RUN_LINKS": "{}"}  # fmt: skip
    return [
        trial(call, through, made, (), fresh, DYEC_WAIT="9"),
        trial(lambda remote: call(remote, "part"), {**through, "DYEC_PARTITION": "{}"}, made, (), fresh, DYEC_WAIT="9"),
    ]


# The node itself


def configure(node: Node) -> list[Trial]:
    bundle = make(node.home / "bundle", **{"demo-1.whl": "x"})
    wheel = hashlib.sha256(b"x").hexdigest()
    (bundle / "SHA256SUMS").write_text(f"{wheel}  demo-1.whl\n")
    digest = hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    node.program("python-of-node", """#!/bin/bash
# `-m venv ... DIRECTORY` makes an environment with this program in it; as that it says what configure wants to hear.
case "$*" in
    *"-m venv"*) mkdir -p "${@: -1}/bin" && cd "${@: -1}/bin" && cp "$0" python &&
        for name in dyec daylily-ec dayctl day-clone; do printf '#!/bin/sh\\nexit 0\\n' > $name; chmod +x $name; done ;;
    *site_files*) echo "done written" ;;
    --version) echo Python ;;
esac
""")  # fmt: skip
    for name in ("dyec", "day-clone"):
        (node.root / "bin" / name).unlink()
    facts = bootstrap.NodeFacts(NodeTarget((3, 11), "x86_64", (2, 36)), str(node.root / "bin/python-of-node"), "",
                                S3Prefix("b", "boot/"))  # fmt: skip
    settings = SiteFiles(NodeInstall("1.0-0", digest, "s3://b/boot/1.0-0/", facts.python, "now"))

    def done(result: RemoteResult, env: Env) -> bool:
        given = words(node.home / "aws.words")
        steps = {step.name: step.status for step in bootstrap.parse_steps(result.stdout)}
        return env["DYEC_BUNDLE"] in given and (steps["fetch"], steps["install"], steps["verify"]) == ("done",) * 3

    def fresh(env: Env) -> None:
        shutil.rmtree(node.home / ".local", ignore_errors=True)

    through = dict.fromkeys(("DYEC_BUNDLE", "DYEC_SETTINGS", "DYEC_CONDA", "DYEC_CONDA_URL", "DYEC_CONDA_SHA256"), "{}")
    through["DYEC_RELEASE"] = "r{}e"

    def begin(remote: Remote) -> object:
        return bootstrap.install(remote, facts, settings, conda=True)

    asked = {name: form for name, form in through.items() if name != "DYEC_CONDA"}
    return [trial(begin, asked, done, ["DYEC_DIGEST"], fresh), trial(begin, through, done, (), fresh)]


def check_readiness(node: Node) -> list[Trial]:
    def done(result: RemoteResult, env: Env) -> bool:
        found = {finding.name: finding for finding in readiness.parse(result.stdout)}
        return len(result.stdout.splitlines()) == len(readiness.TESTS) and "Ctrl-S" in found["flow-control"].found

    return [trial(readiness.check, {"DYEC_FSX": f"{node.fsx}/{{}}", "DYEC_USER": "{}"}, done,
                  prepare=lambda env: leaf(env["DYEC_FSX"]), DYEC_FSX=str(node.fsx))]  # fmt: skip


def run_command(node: Node) -> list[Trial]:
    argv = ["printf", "%s\\0", *PAYLOADS]
    env = {"DYEC_ARGC": str(len(argv)), **{f"DYEC_ARG_{number}": word for number, word in enumerate(argv)}}
    few = {key: env[key] for key in ("DYEC_ARG_0", "DYEC_ARG_1", "DYEC_ARG_2")} | {"DYEC_ARGC": "3"}
    script = RemoteScript.packaged("run_command")
    return [
        Trial(script, few, {"DYEC_ARG_2": "{}"}, lambda result, env: result.stdout == env["DYEC_ARG_2"] + "\0",
              ["DYEC_ARGC"]),
        Trial(script, env, {}, lambda result, env: result.stdout.split("\0")[:-1] == PAYLOADS),
    ]  # fmt: skip


def transport(node: Node) -> list[Trial]:
    body = gzip.compress(b"printf here\n", mtime=0)
    (node.home / "object").write_bytes(body)
    fixed = {"DYEC_USER": CLUSTER_USER, "DYEC_INLINE": "20000", "DYEC_TOKEN": "ab12"}
    there = {"DYEC_OBJECT": "s3://b/o", "DYEC_REGION": "r", "DYEC_SHA256": hashlib.sha256(body).hexdigest()}

    def start(path: Path, env: Env) -> tuple[list[str], Env]:
        # As in a command of Systems Manager: assignments in front of the script; who runs it is who must.
        settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items())
        path.write_text(settings + RemoteScript.packaged("transport").text)
        return ["bash", "-l", str(path)], {"FAKE_USER": env["DYEC_USER"]}

    def fresh(env: Env) -> None:
        shutil.rmtree(node.env["TMPDIR"])
        Path(node.env["TMPDIR"]).mkdir()

    def answered(result: RemoteResult, env: Env) -> bool:
        return result.stdout.startswith(f"DYEC1 0 4 {hashlib.sha256(b'here').hexdigest()} ")

    def fetched(result: RemoteResult, env: Env) -> bool:
        given = words(node.home / "aws.words")
        return answered(result, env) and env["DYEC_OBJECT"] in given and env["DYEC_REGION"] in given

    script = RemoteScript.packaged("transport")
    through = {"DYEC_USER": "n{}e", "DYEC_INLINE": "{}"}
    return [
        Trial(script, {**fixed, "DYEC_SCRIPT": base64.b64encode(body).decode()}, through, answered,
              ["DYEC_TOKEN", "DYEC_SCRIPT"], fresh, start),
        Trial(script, fixed | there, {**through, "DYEC_OBJECT": "{}", "DYEC_REGION": "{}"}, fetched, ["DYEC_SHA256"],
              fresh, start),
    ]  # fmt: skip


def fetch_output(node: Node) -> list[Trial]:
    spool = make(Path(node.env["TMPDIR"], "dyec.ab"))
    (spool / "stdout.gz").write_bytes(b"packed")
    right = {"DYEC_STREAM": "stdout", "DYEC_TOKEN": "ab", "DYEC_OFFSET": "0", "DYEC_LENGTH": "6"}
    script = RemoteScript.packaged("fetch_output")
    return [Trial(script, right, {}, lambda result, env: result.stdout == "packed", [*right]),
            Trial(script, {**right, "DYEC_URL": "https://b/k"}, {}, lambda result, env: result.exit_code == 0,
                  ["DYEC_URL"])]  # fmt: skip


ALONE = ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc"]
"""A process table of its own, because that of the machine may be long."""


def use_of_mounts(node: Node) -> list[Trial]:
    def prepare(env: Env) -> None:
        shutil.rmtree(node.fsx)
        leaf(env["DYEC_MOUNT"])
        links = Path(env["DYEC_ANALYSES"], "e/a/c/config/run_dir_links")
        links.mkdir(parents=True)
        (links / "RUN").symlink_to(env["DYEC_MOUNT"])
        (node.home / "queue").write_text(f"1|RUNNING|{env['DYEC_MOUNT']}/x\n")

    def start(path: Path, env: Env) -> tuple[list[str], Env]:
        return [*ALONE, "bash", str(path)], env

    def seen(result: RemoteResult, env: Env) -> bool:
        # Real paths have no newlines, nor the sign that parts a line of the queue: these hide what is to be seen.
        linked = "\n\n" in env["DYEC_ANALYSES"] or "link " in result.stdout
        used = {*"\n|"} & {*env["DYEC_MOUNT"]} or "use job 1 " in result.stdout
        return bool(linked and used) and result.stdout.endswith("done\n")

    made = trial(lambda remote: mount_use.ask(remote, PurePosixPath(node.fsx, "m"), PurePosixPath(node.fsx, "a")),
                 {"DYEC_MOUNT": f"{node.fsx}/{{}}/m", "DYEC_ANALYSES": f"{node.fsx}/{{}}/a"},
                 seen, prepare=prepare)  # fmt: skip
    return [replace(made, start=start)]


# Sessions


def launches(node: Node, launch: Launch) -> list[Trial]:
    launch = replace(
        launch, command="true", cluster="c", region="r", project="p",
        export=ExportSettings(ExportTrigger.ALL, "s3://b/k/"),
        needs=Needs("2.0", bclconvert=True, repaired_targets=("t",)),
    )  # fmt: skip
    node_python(node, "#!/bin/sh\nexit 0\n")
    root = str(node.fsx / "analysis_results")
    names = dict.fromkeys(("DYEC_SESSION", "DYEC_ENTITY", "DYEC_ANALYSIS_ID", "DYEC_FOLDER", "DYEC_LAUNCH_ID"), "n{}e")
    texts = dict.fromkeys(
        ("DYEC_REPOSITORY", "DYEC_GENOME", "DYEC_PROJECT", "DYEC_SKIP_PROJECT_CHECK", "DYEC_REPLACE", "DYEC_REGION",
         "DYEC_CLUSTER", "DYEC_EXPORT_DESTINATION", "DYEC_DELETE_ON_EXPORT", "DYEC_PIN", "DYEC_BCL_SETTINGS",
         "DYEC_REPAIRED_TARGETS", "DYEC_STARTED_BY", "DYEC_DROP_UNITS", "DYEC_OPTIONAL", "DYEC_SAMPLES_TSV",
         "DYEC_UNITS_TSV", "DYEC_RUNS_TSV", "DYEC_METRICS_CSV"), "{}",
    )  # fmt: skip
    anywhere = {**names, **texts, "DYEC_ANALYSIS_ROOT": f"{node.fsx}/{{}}/r"}
    table = make(node.root / "tables", **{"t.tsv": "x"}) / "t.tsv"
    stage = make(node.root / "stage", **{"x_samples.tsv": "x", "x_units.tsv": "x"})
    shown = RunLink("RUN1", str(make(node.fsx / "run")))

    def begin(kind: Inputs) -> Callable[[Remote], object]:
        return lambda remote: sessions.start(remote, replace(launch, inputs=kind))

    def fresh(env: Env) -> None:
        for path in [node.home / "daylily-runs", node.home / "exported", *node.fsx.iterdir()]:
            if path.name != "run":
                shutil.rmtree(path, ignore_errors=True)
        make(Path(env["DYEC_ANALYSIS_ROOT"]))
        for name in ("DYEC_SAMPLES_TABLE", "DYEC_UNITS_TABLE"):
            if "/" in env[name]:
                make(Path(env[name]).parent, **{"t.tsv": "x"})
        if env["DYEC_STAGE_DIR"]:
            make(Path(env["DYEC_STAGE_DIR"]), **{"x_samples.tsv": "x", "x_units.tsv": "x"})

    def ended(result: RemoteResult, env: Env) -> bool:
        return result.exit_code == 0 and succeeded(node, env, node.home / "daylily-runs" / env["DYEC_SESSION"])

    tables = Inputs(InputKind.TABLES, samples_tsv="S\n", units_tsv="U\n")
    runs_of = Inputs(
        InputKind.RUNS, runs_tsv="R\n", run_links=(shown,), samples_table=str(table), units_table=str(table)
    )
    places = {"DYEC_SAMPLES_TABLE": f"{node.fsx}/{{}}/t.tsv", "DYEC_UNITS_TABLE": f"{node.fsx}/{{}}/t.tsv"}
    kept = {name: form for name, form in anywhere.items() if name not in names}
    kept |= {"DYEC_ACTIVATE": "{}", "DYEC_BCLCONVERT": "{}"}
    guarded = ["DYEC_MODE", "DYEC_INPUT", "DYEC_RUN_LINKS", "DYEC_GIT_REF", "DYEC_REPOSITORY_URL"]
    unread = ("DYEC_GIT_REF", "DYEC_REPOSITORY_URL", "DYEC_INPUT", "DYEC_EXPORT_TRIGGER")
    check = sent(lambda remote: sessions.check_launch(remote, replace(launch, inputs=runs_of)))
    checked = {name: form for name, form in (anywhere | places).items() if name in check.env}
    return [
        Trial(check.script, check.env, checked | dict.fromkeys(unread, "{}"),
              lambda result, env: result.exit_code == 0 and "__DAYLILY_REPO_PATH__=" in result.stdout, (), fresh),
        trial(begin(tables), anywhere, ended, guarded, fresh, DYEC_ANALYSIS_ROOT=root),
        trial(begin(runs_of), kept | places, ended, (), fresh),
        trial(begin(Inputs(InputKind.STAGE, stage_dir=str(stage))), kept | {"DYEC_STAGE_DIR": f"{node.fsx}/{{}}/s"},
              ended, (), fresh),
    ]  # fmt: skip


def succeeded(node: Node, env: Env, run_dir: Path) -> bool:
    """Whether the session in `run_dir` ran its command, exported, and said so, all with these values."""
    record = json.loads((run_dir / "status.json").read_text())
    log = (run_dir / "tmux.log").read_bytes().decode(errors="replace")
    exported = words(node.home / "exported")
    told = {env[name] for name in ("DYEC_CLUSTER", "DYEC_REGION", "DYEC_EXPORT_DESTINATION") if name in env}
    return (record["phase"], record["exit_code"]) == ("finished", 0) and "running" in log and told <= set(exported)


@dataclass(frozen=True)
class Ran:
    """A session that has ended: `run_dir` as the launch left it, `settings` those of its launch.env."""

    node: Node
    run_dir: Path
    settings: Env

    def place(self, env: Env) -> Path:
        """Its run directory under the name that `env` gives."""
        shutil.rmtree(self.node.home / "daylily-runs", ignore_errors=True)
        path = Path(env["DYEC_RUN_DIR"] or self.node.home / "daylily-runs" / env["DYEC_SESSION"])
        shutil.copytree(self.run_dir, path)
        return path


def ran(node: Node, launch: Launch, command: str) -> Ran:
    node_python(node, "#!/bin/sh\nexit 0\n")
    export = ExportSettings(ExportTrigger.ALL, "s3://b/k/")
    needs = Needs("2.0", bclconvert=True, repaired_targets=("t",))
    given = replace(launch, command=command, cluster="c", region="r", project="p", export=export, needs=needs)
    sessions.start(node.remote, given)
    kept = node.root / "ended"
    (node.home / "daylily-runs/s1").rename(kept)
    shown = node.shell(f"set -a; unset ${{!DYEC_@}}; . {kept}/launch.env; env -0")
    pairs = [line.partition("=") for line in shown.split("\0")]
    return Ran(node, kept, {name: value for name, _, value in pairs if name.startswith("DYEC_")})


NAMED = {"DYEC_SESSION": "n{}e"}


def by_path(node: Node) -> dict[str, str]:
    return {"DYEC_RUN_DIR": f"{node.home}/daylily-runs/n{{}}e"}


WHICH = runs.RunDirectory(session=WorkflowSession("s1"))


def status(node: Node, launch: Launch) -> list[Trial]:
    past = ran(node, launch, "exit 3")

    def told(result: RemoteResult, env: Env) -> bool:
        return result.exit_code == 0 and '"exit_code": 3' in result.stdout

    def call(remote: Remote) -> object:
        return runs.ask(remote, WHICH)

    def place(env: Env) -> None:
        past.place(env)

    return [trial(call, NAMED, told, (), place),
            trial(call, by_path(node) | {"DYEC_SESSION": "{}"}, told, (), place,
                  DYEC_RUN_DIR=f"{node.home}/daylily-runs/s1")]  # fmt: skip


def log_pieces(node: Node, launch: Launch) -> list[Trial]:
    past = ran(node, launch, "exit 3")
    text = (past.run_dir / "tmux.log").read_bytes()

    def read(result: RemoteResult, env: Env) -> bool:
        return result.exit_code == 0 and base64.b64decode(result.stdout.partition("\n")[2]) in (text, text[1:])

    def place(env: Env) -> None:
        path = past.place(env) / "tmux.log"
        # Another file in the meantime, or the same one.
        env["DYEC_INODE"] = env["DYEC_INODE"].replace("<inode>", str(path.stat().st_ino))

    def call(remote: Remote) -> object:
        return logs.read_log(remote, WHICH)

    def on(remote: Remote) -> object:
        seen = f"1:{hashlib.sha256(text[:1]).hexdigest()[:32]}"
        return logs.read_log(remote, WHICH, after=logs.LogPlace("<inode>", 1, seen))

    return [
        trial(call, NAMED, read, (), place),
        trial(on, by_path(node) | {"DYEC_INODE": "{}", "DYEC_HEAD": "{}"}, read, ["DYEC_OFFSET"], place,
              DYEC_RUN_DIR=f"{node.home}/daylily-runs/s1"),
    ]  # fmt: skip


def stops(node: Node, launch: Launch) -> list[Trial]:
    past = ran(node, launch, "exit 3")
    analysis = (past.run_dir / "analysis_dir").read_text().strip()

    def killed(env: Env) -> None:
        path = past.place(env)
        (path / "status.json").unlink()
        (path / "controller").write_text("another-boot 1 1\n")
        (path / "command").unlink(missing_ok=True)
        (node.home / "queue").write_text(f"7|RUNNING|{analysis}\n")

    def stopped(result: RemoteResult, env: Env) -> bool:
        wanted = "__DAYLILY_OUTCOME__=stopped\n" + "__DAYLILY_CANCELLED_JOBS__=7\n" * (env["DYEC_CANCEL_JOBS"] == "1")
        return wanted in result.stdout and '"phase": "stopped"' in result.stdout

    def call(remote: Remote, *, cancel: bool) -> object:
        return runs.stop(remote, WHICH, cancel_jobs=cancel, who="me", grace_s=1)

    return [
        trial(lambda remote: call(remote, cancel=False), {**NAMED, "DYEC_WHO": "{}", "DYEC_CANCEL_JOBS": "{}"},
              stopped, (), killed),
        trial(lambda remote: call(remote, cancel=True), by_path(node) | {"DYEC_WHO": "{}"}, stopped, (), killed,
              DYEC_RUN_DIR=f"{node.home}/daylily-runs/s1"),
    ]  # fmt: skip


def resumes(node: Node, launch: Launch) -> list[Trial]:
    past = ran(node, launch, "exit 3")

    def place(env: Env) -> None:
        past.place(env)
        (node.home / "exported").unlink(missing_ok=True)

    def resumed(result: RemoteResult, env: Env) -> bool:
        path = Path(env["DYEC_RUN_DIR"] or node.home / "daylily-runs" / env["DYEC_SESSION"])
        return "__DAYLILY_ATTEMPT__=2\n" in result.stdout and succeeded(node, {}, path)

    def call(remote: Remote) -> object:
        return runs.resume(remote, WHICH, runs.Attempt("true", "true", who="me"))

    texts = dict.fromkeys(("DYEC_WHO", "DYEC_CANCEL_JOBS"), "{}")
    return [
        trial(call, NAMED | texts, resumed, (), place),
        trial(
            call,
            by_path(node) | texts | {"DYEC_WORKFLOW_CODE": "{}"},
            resumed,
            (),
            place,
            DYEC_RUN_DIR=f"{node.home}/daylily-runs/s1",
        ),
    ]


def controllers(node: Node, launch: Launch) -> list[Trial]:
    past = ran(node, launch, "true")
    origin = node.root.parent / "origin"
    run_dir = node.home / "daylily-runs/s1"

    def place(env: Env) -> None:
        (node.home / "exported").unlink(missing_ok=True)
        make(Path(env["DYEC_ANALYSIS_DIR"]))
        shutil.copytree(origin, env["DYEC_REPO_PATH"], dirs_exist_ok=True)

    def start(path: Path, env: Env) -> tuple[list[str], Env]:
        # Its parameters lie beside it, quoted as the launch quotes them.
        shutil.rmtree(run_dir, ignore_errors=True)
        make(run_dir, **{"launch.sh": (past.run_dir / "launch.sh").read_text()})
        quoted = f'for name in ${{!DYEC_@}}; do printf "%s=%q\\n" "$name" "${{!name}}"; done > {run_dir}/launch.env'
        subprocess.run(["bash", "-c", quoted], env={**node.env, **env}, check=True)
        return ["bash", "-l", str(run_dir / "launch.sh")], {}

    def ended(result: RemoteResult, env: Env) -> bool:
        return result.exit_code == 0 and succeeded(node, env, run_dir)

    texts = dict.fromkeys(set(past.settings) - MEANT - NUMBERS, "{}")
    texts |= {"DYEC_ANALYSIS_DIR": f"{node.fsx}/{{}}/a", "DYEC_REPO_PATH": f"{node.fsx}/{{}}/r"}
    elsewhere = {"DYEC_EXPORT_TRIGGER", "DYEC_ACTIVATE", "DYEC_BCLCONVERT"}
    through = {name: form for name, form in texts.items() if name not in elsewhere}
    again = {"DYEC_ATTEMPT": "2", "DYEC_RESUME_COMMAND": "true", "DYEC_UNLOCK_COMMAND": "true", "DYEC_RESUMED_BY": "me",
             "DYEC_RESUMED_AT": "now", "DYEC_CANCEL_JOBS": "1", "DYEC_WORKFLOW_CODE": ""}  # fmt: skip
    of_attempt = dict.fromkeys(("DYEC_RESUMED_BY", "DYEC_RESUMED_AT", "DYEC_CANCEL_JOBS", "DYEC_WORKFLOW_CODE"), "{}")
    script = runs.session_script("workflow_session")

    def refused(result: RemoteResult, env: Env) -> bool:
        record = json.loads((run_dir / "status.json").read_text())
        return (record["phase"], record["exit_code"], record["workflow_exit_code"]) == ("finished", 20, 0)

    return [
        Trial(script, past.settings, through, ended, (), place, start),
        Trial(script, past.settings | again, through | of_attempt, ended, (), place, start),
        # What is not the word itself does not activate; what is no trigger ends the export, after the command.
        Trial(script, past.settings | {"DYEC_EXPORT_TRIGGER": "some"}, texts, refused, (), place, start),
    ]


OF_FILES: Mapping[str, Callable[[Node], list[Trial]]] = {
    "analysis_states": analysis_states, "configure": configure, "fetch_output": fetch_output, "fsx_usage": fsx_usage,
    "inventory": manifests, "list_stages": list_stages, "list_tree": list_tree, "mount_tree": mount_tree,
    "mount_use": use_of_mounts, "readiness": check_readiness, "receive_file": receive_file,
    "run_command": run_command, "send_file": send_file, "transport": transport,
}  # fmt: skip
OF_SESSIONS: Mapping[str, Callable[[Node, Launch], list[Trial]]] = {
    "workflow_launch": launches, "workflow_logs": log_pieces, "workflow_resume": resumes,
    "workflow_session": controllers, "workflow_status": status, "workflow_stop": stops,
}  # fmt: skip
WITHOUT_PARAMETERS = {"configure_probe", "slurm_jobs", "workflow_list"}
