"""A local cloud for tests, driven as a user drives it: through the commands and the control path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daylily_ec.config.settings import cache_dir
from tests.permissions.recording import Witness

BIN = Path(sys.executable).parent
READS = ("Get", "List", "Describe", "Head", "Simulate")


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cloud:
    """One `dyec local up` with a home of its own."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    witness: Witness = field(default_factory=Witness)

    @property
    def env(self) -> dict[str, str]:
        keep = {key: os.environ[key] for key in ("LANG", "TERM", "TMPDIR") if key in os.environ}
        base = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.home)}
        kept = {"XDG_CACHE_HOME": str(cache_dir().parent)}  # downloads are shared by all homes
        return {**keep, **base, **kept, "XDG_CONFIG_HOME": str(self.home / ".config"), **self.extra}

    def run(self, *argv: str, env: dict[str, str] | None = None, timeout: float = 300) -> Done:
        done = subprocess.run(
            argv, env=env or self.env, cwd=self.home, capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def dyec(self, *argv: str, timeout: float = 300) -> Done:
        if {"local", "demo"} & set(argv[:2]) or "AWS_CONFIG_FILE" not in self.extra:
            return self.run("dyec", *argv, timeout=timeout)
        self.witness.skip(self.calls())
        done = self.run("dyec", *argv, timeout=timeout)
        self.witness.look(self.calls(), argv)
        return done

    def up(self, *options: str) -> Cloud:
        started = self.dyec("local", "up", *options)
        assert started.code == 0, started.err
        for line in self.dyec("local", "env").out.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.extra[name] = value.strip("'")
        return self

    def down(self) -> None:
        assert self.dyec("local", "down").code == 0

    @property
    def endpoint(self) -> str:
        lines = Path(self.extra["AWS_CONFIG_FILE"]).read_text().splitlines()
        return next(line.split("=", 1)[1].strip() for line in lines if line.startswith("endpoint_url"))

    def control(self, method: str, name: str, body: dict[str, Any] | None = None) -> str:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint}/_dyec/{name}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def calls(self) -> list[dict[str, Any]]:
        """The recorded API calls since the last `forget`."""
        return [json.loads(line) for line in self.control("GET", "requests").splitlines()]

    def forget(self) -> None:
        self.control("DELETE", "requests")

    def mutations(self) -> list[str]:
        """Recorded calls that are no reads."""
        return [f"{call['service']}:{call['action']}" for call in self.calls() if not call["action"].startswith(READS)]
