"""The daemon's process: moto with the extensions, on the loopback interface.

python -m daylily_ec.localcloud.server --root DIR [--port N] [--node-mount SRC[:DST]]...
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Any

from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.requestlog import RequestLog
from daylily_ec.localcloud.seams import NodeManager, NodeMount

HOST = "127.0.0.1"
MANAGER = "daylily_ec.localcloud.nodes.manager:create_manager"
ManagerFactory = Callable[[Path, str, tuple[NodeMount, ...]], NodeManager]
_log = logging.getLogger("daylily_ec.localcloud")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    layout: Layout
    port: int
    node_mounts: tuple[str, ...]
    """`SRC` or `SRC:DST`, as given."""
    manager: str
    """Where the factory of the node manager is: `module:function`."""


def parse_mount(text: str) -> NodeMount:
    """`SRC[:DST]` as a mount; DST is a symlink in the box."""
    source, _, link = text.partition(":")
    return NodeMount(Path(source).resolve(), PurePosixPath(link) if link else None)


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="daylily_ec.localcloud.server")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--node-mount", action="append", default=[])
    parser.add_argument("--manager", default=MANAGER)
    given = parser.parse_args(arguments)
    return Options(Layout(given.root.resolve()), given.port, tuple(given.node_mount), given.manager)


def isolate(environ: MutableMapping[str, str]) -> None:
    """Forget the operator's AWS settings and set moto's: has to happen before moto is imported."""
    for name in [name for name in environ if name.startswith(("AWS_", "MOTO_"))]:
        del environ[name]
    environ.update(
        AWS_ACCESS_KEY_ID="AKIADYECINTERNAL0000",
        AWS_SECRET_ACCESS_KEY="unchecked",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        MOTO_IAM_LOAD_MANAGED_POLICIES="true",
    )


def _factory(name: str) -> ManagerFactory:
    module, _, function = name.partition(":")
    found: ManagerFactory = getattr(importlib.import_module(module), function)
    return found


def _write_record(layout: Layout, record: Mapping[str, object]) -> None:
    fresh = layout.server_file.with_suffix(".new")
    fresh.write_text(json.dumps(record), encoding="utf-8")
    fresh.replace(layout.server_file)


class Server:
    """One running local cloud."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._layout = options.layout
        self._layout.git.mkdir(parents=True, exist_ok=True)
        self._listener = socket.create_server((HOST, options.port))
        self._endpoint = f"http://{HOST}:{self._listener.getsockname()[1]}"
        self._identity: dict[str, object] = {
            "pid": os.getpid(),
            "root": str(self._layout.root),
            "endpoint": self._endpoint,
            "instance": uuid.uuid4().hex,
            "started": time.time(),
            "node_mounts": options.node_mounts,
        }
        self._calls = RequestLog(self._layout.requests)
        self._runtime = self._extend_moto()
        self._http = self._make_http()

    def _extend_moto(self) -> Any:
        from daylily_ec.localcloud import fsx, patches, runtime, ssm
        from daylily_ec.localcloud.fsx.store import DirectoryStore

        options = self._options
        manager = _factory(options.manager)(
            self._layout.root, self._endpoint, tuple(parse_mount(text) for text in options.node_mounts)
        )
        started = runtime.Runtime(self._layout, self._endpoint, manager)
        runtime.install(started)
        patches.install_all()
        ssm.install(manager)
        fsx.install(DirectoryStore(self._layout.root))
        return started

    def _make_http(self) -> Any:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        from daylily_ec.localcloud.control import ControlPath
        from daylily_ec.localcloud.faults import FaultGate
        from daylily_ec.localcloud.requestlog import Recorder

        log = self._calls
        gate = FaultGate(DomainDispatcherApplication(create_backend_app), self._runtime.faults)
        recorded = Recorder(gate, log, (self._delay,))
        app = ControlPath(recorded, self._runtime, log, self._identity, self.reset)
        port = self._listener.getsockname()[1]
        return make_server(
            HOST, port, app, threaded=True, request_handler=MotoRequestHandler, fd=self._listener.fileno()
        )

    def _delay(self, number: int, service: str, action: str) -> None:
        time.sleep(self._runtime.switches.latency)

    def reset(self) -> None:
        """Empty the account, stop every head node, keep the process."""
        from moto.moto_api._internal.models import moto_api_backend

        from daylily_ec.localcloud.seed import seed

        self._runtime.closing.set()
        self._runtime.manager.close()
        for forget in self._runtime.resets:
            forget()
        moto_api_backend.reset()
        self._runtime.switches.clear()
        self._runtime.faults.set(None)
        self._runtime.closing = threading.Event()
        seed()

    def serve(self) -> None:
        """Answer until told to stop; the record on disk exists exactly while requests are answered."""
        from daylily_ec.localcloud.seed import seed

        seed()
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        _write_record(self._layout, self._identity)
        _log.info("serving %s, pid %d", self._endpoint, os.getpid())
        self._http.serve_forever()
        self._runtime.closing.set()
        self._runtime.manager.close()
        self._layout.server_file.unlink(missing_ok=True)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the loop that this very thread runs.
        threading.Thread(target=self._http.shutdown, daemon=True).start()


def main(arguments: Sequence[str]) -> int:
    """Run the server; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    isolate(os.environ)
    options = parse_options(arguments)
    try:
        server = Server(options)
    except OSError as error:
        _log.error("cannot listen on port %d of %s: %s", options.port, HOST, error)
        return 1
    server.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
