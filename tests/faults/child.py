"""Runs one `dyec` command line in a forked child of this process: everything is imported already, so a run is cheap."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CLIENTS = ("sts", "iam", "ec2", "s3", "cloudformation", "fsx", "service-quotas", "logs", "ssm", "budgets", "sns",
           "scheduler", "pricing", "resourcegroupstaggingapi")  # fmt: skip
LIMIT_S = 240
PAUSE_S = 0.04
"""What every wait of the product is shortened to; its clocks move on as if it had waited."""


@dataclass(frozen=True)
class Ended:
    """A finished command line; `code` is negative for a signal."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@cache
def warm() -> Any:
    """Import what the commands use and read botocore's service descriptions once for all children."""
    import boto3.session
    import botocore.session
    from botocore.loaders import Loader

    import daylily_ec.catalog.loader
    import daylily_ec.cli.create
    import daylily_ec.cli.delete
    import daylily_ec.cli.export
    import daylily_ec.cli.headnode
    import daylily_ec.cli.main
    import daylily_ec.cli.mounts
    import daylily_ec.cli.workflow
    import daylily_ec.config.models
    import daylily_ec.workflow.configure_headnode
    import daylily_ec.workflow.create_cluster
    import daylily_ec.workflow.delete_cluster
    import daylily_ec.workflow.export_analysis
    import daylily_ec.workflow.launch_workflow  # noqa: F401

    loader = Loader()
    made: Any = botocore.session
    made.create_loader = lambda *_: loader
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-west-2")
    for name in CLIENTS:
        session.client(name)
    return loader


def run(
    words: Sequence[str], env: Mapping[str, str], home: Path, prepare: Callable[[], None], read_timeout: float = 0.0
) -> Ended:
    """Run the command line; `prepare` is called in the child before it.  A hanging child is killed by an alarm."""
    warm()
    out, err = home / "stdout", home / "stderr"
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _live(words, env, home, prepare, read_timeout, (out, err))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, out.read_text(errors="replace"), err.read_text(errors="replace"))


def _live(
    words: Sequence[str], env: Mapping[str, str], home: Path, prepare: Callable[[], None], read_timeout: float,
    files: tuple[Path, Path],
) -> None:  # fmt: skip
    code = 97
    try:
        os.setsid()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.alarm(LIMIT_S)
        _redirect(files)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(home)
        _hurry(read_timeout)
        prepare()
        from daylily_ec.cli.main import main

        code = main(list(words))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(files: tuple[Path, Path]) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(files, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")


def _hurry(read_timeout: float) -> None:
    """Waits pass in moments while the clock tells their whole length; a silent server is given up after a moment.

    They are without jitter, so that a wait that ends by its deadline polls as often in every run.
    """
    sleep, monotonic, skipped = time.sleep, time.monotonic, [0.0]

    def quick(seconds: Any) -> None:
        pause = min(seconds, PAUSE_S)
        skipped[0] += seconds - pause
        sleep(pause)

    time.sleep = quick
    time.monotonic = lambda: monotonic() + skipped[0]
    random.uniform = lambda a, b: (a + b) / 2
    if not read_timeout:
        return
    from botocore.httpsession import URLLib3Session

    original: Any = URLLib3Session.__init__

    def short(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **{**kwargs, "timeout": (read_timeout, read_timeout)})

    URLLib3Session.__init__ = short
