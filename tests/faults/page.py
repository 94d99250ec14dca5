"""docs/reliability.md, rendered from the results that lie beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.faults.registry import SCENARIOS
from tests.faults.results import ROOT, Point, Sweep, read

FOLDER = ROOT / "docs" / "reliability"
PAGE = ROOT / "docs" / "reliability.md"
_PROMISES = {
    "P1": "`create` killed (SIGKILL) before and after every AWS call, then run again: it converges, with no duplicate "
    "and no orphan.",
    "P2": "`{command}` killed (SIGKILL) before and after every AWS call, then run again: it converges, with no second "
    "association, clone, session or installation.",
    "P3": "Every AWS call of `{command}` fails once (throttled, HTTP 500, connection cut, no answer in time, or answer "
    "lost after the call took effect): the command still exits 0 and makes what it makes undisturbed.",
    "P4": "Every AWS call of `{command}` is denied for good, or the credentials expire at it: one clean error that "
    "names the action, state intact; the next run completes.",
    "P5": "Files truncated at every byte.  State records and receipts are refused by name and never read as 'no "
    "cluster'; a journal keeps its whole lines and says that the last one is torn; a configuration in its written "
    "form is refused, or lacks whole keys (which are then asked for) and never holds half a value.",
    "P6": "Killed before and after every call that touches a file during a write: the old content or the new, never a "
    "mixture.",
    "P7": "16 starters of one cluster name at once against the CloudFormation endpoint, three of four by one person "
    "with one configuration: one stack; that person's others adopt it, everybody else refuses, naming the owner.",
    "P7 b": "Two `dyec create` of one cluster name on two machines at once: the same person with the same "
    "configuration, with another one, or somebody else.  One of them makes the cluster; its equal adopts it and both "
    "end with 0, everybody else refuses, naming the owner and the stack.  Checked in every round: one accepted "
    "CreateStack, one head node, one file system, the winner's run in the stack's tags.  *At the endpoint* means that "
    "both had submitted and CloudFormation refused one; *before submitting*, that the loser saw the other's stack in "
    "time.  The account has had a cluster before: two first-ever calls of `pcluster` "
    "both want to make its artifact bucket, on AWS as well, which is not what is looked at here.",
}
_TIERS = {
    "a": "ParallelCluster's program is replaced by a recorder that submits a stack of the same name and tags",
    "b": "the real `pcluster`",
    "": "",
}
_NODE = (
    "the head node is a real box in which every script runs, made anew for each point, without Slurm: its clients are "
    "stand-ins that tell of one partition and an empty queue"
)
_STAND_INS = {
    "configure": f"{_NODE}; pip and the wheels of other projects are stand-ins too, and so are the programs that they "
    "put into place: dyec's own wheel, the fetched bundle, links, files and login hook are real",
    **dict.fromkeys(
        ("launch", "launch-run"),
        f"{_NODE}; git, tmux, the session and its command are real, the node's own dyec and day-clone, which a launch "
        "only looks for, are not.  A repeated launch may refuse because the "
        "interrupted one's session or analysis directory is there: then nothing may be missing and nothing there twice",
    ),
    "unmount": f"{_NODE}, and in its processes the mount's users are looked for",
    "export": f"{_NODE}; the program that makes manifests is dyec's own, and so are the bytes",
    "delete": f"{_NODE}; an exported analysis with a verified receipt is on it.  A repeated deletion may say that the "
    "cluster is deleted already: then stack, heartbeat and node must be gone and the record closed",
}
_INTRO = """# Reliability: what was broken on purpose, and what came of it

This page is rendered by `bin/faults --render` from the results in `docs/reliability/`; a test refuses a page that does
not match them.  Everything ran on the local cloud: nothing here was measured on AWS.  Repeat the sweeps with
`bin/faults --resume` (all of P1 to P4), or a part of them with `--verb V --promise P` or `--sample N --seed S`; every
continuous-integration run repeats a seeded sample.

"Calls" is the number of AWS calls of an undisturbed run, as counted inside its process and in the cloud's request log;
a poll is answered when what it asks for has ended, so that every run makes the same calls.  A point is one fault at
one call; it has *held* when the whole promise was checked and kept.  Calls run side by side, so the n-th call is not
the same action in every run: each result line names the action that was struck.
"""


def render(folder: Path = FOLDER) -> str:
    """The page for the result files of a folder."""
    found = sorted((read(path) for path in folder.glob("*.jsonl")), key=lambda one: one[0].name)
    return "\n".join([_INTRO, *_table(found), *(_section(sweep, points) for sweep, points in found)])


def _table(found: Iterable[tuple[Sweep, tuple[Point, ...]]]) -> list[str]:
    head = ["| promise | tier | calls (process / log) | points | run | held | not run | seed | commit |",
            "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    rows = [
        f"| {_title(sweep)} | {sweep.tier or '–'} | {_calls(sweep)} | {sweep.points} | {sweep.run} | {sweep.held} | "
        f"{sweep.not_run} | {sweep.seed} | `{sweep.commit}` |" for sweep, _ in found
    ]  # fmt: skip
    return [*head, *rows, ""]


def _calls(sweep: Sweep) -> str:
    return f"{sweep.client} / {sweep.server}" if sweep.client else "–"


def _section(sweep: Sweep, points: tuple[Point, ...]) -> str:
    stand_ins = "; ".join(filter(None, (_TIERS[sweep.tier], _STAND_INS.get(sweep.verb))))
    tier = f"Tier {sweep.tier}: {stand_ins}." if sweep.tier else ""
    promise = _PROMISES.get(f"{sweep.promise} {sweep.tier}") or _PROMISES[sweep.promise]
    promise = promise.format(command=SCENARIOS[sweep.verb].title if sweep.verb else "create")
    lines = [f"## {_title(sweep)}{', tier ' + sweep.tier if sweep.tier else ''}", "", promise, tier, sweep.note, ""]
    lines = [line for number, line in enumerate(lines) if line or number in (1, 5)]
    kinds: Counter[tuple[str, str]] = Counter()
    for point in points:
        kinds[point.kind, point.outcome if point.held else "**broken**"] += point.count
    lines += ["| fault | outcome | points |", "|---|---|---|"]
    lines += [f"| {kind} | {outcome} | {count} |" for (kind, outcome), count in sorted(kinds.items())]
    broken = [point for point in points if not point.held]
    if broken:
        lines += ["", "Promises that did not hold:", ""]
        lines += [f"- {point.kind} at call {point.call} ({point.action}): {_short(point.problem)}" for point in broken]
    return "\n".join([*lines, ""])


def _title(sweep: Sweep) -> str:
    return f"{sweep.promise} {SCENARIOS[sweep.verb].title}" if sweep.verb else sweep.promise


def _short(text: str) -> str:
    return " ".join(text.split())[:300].replace("|", "/")
