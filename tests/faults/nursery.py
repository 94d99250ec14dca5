"""A local cloud whose prepared account is handed out again and again, each time untouched, in hundredths of a second.

The process builds the server and the account once, and forks for every `fresh` that it reads from its input; the child
answers on the same port until the next one replaces it.  A copy of memory cannot keep anything of an earlier point.
Between `open` and `keep` it answers itself: what is made then belongs to every copy.

python -m tests.faults.nursery --root DIR --manager MODULE:FUNCTION
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import environment, write_profile
from daylily_ec.localcloud.server import HOST, Server, isolate, parse_options
from daylily_ec.localcloud.signals import AWS_ACCOUNT
from tests.faults import nodes, patience
from tests.integration.create.account import REGION, Buckets, prepare_account

READS = {
    "budgets": "describe_budgets",
    "cloudformation": "describe_stack_events", "ec2": "describe_instance_types", "fsx": "describe_file_systems",
    "iam": "list_policies", "logs": "describe_log_groups", "pricing": "describe_services", "s3": "list_buckets",
    "scheduler": "list_schedules", "service-quotas": "list_services",
    "sns": "list_topics", "ssm": "describe_instance_information", "sts": "get_caller_identity",
}  # fmt: skip
"""A read of every service, refused or not: what a server builds at a service's first call is built before the fork."""


class Nursery(Server):
    """The server, able to be copied."""

    @property
    def endpoint(self) -> str:
        return self._endpoint

    def prepare(self) -> Buckets:
        """Make the account as an administrator leaves it, through the API."""
        from daylily_ec.localcloud.seed import seed

        seed()
        self._serve(self._http)
        write_profile(self._layout, self._endpoint)
        buckets = prepare_account(partial(_client, self._layout))
        for service, operation in READS.items():
            _read(_client(self._layout, service), operation)
        self.keep()
        return buckets

    def _serve(self, server: Any) -> None:
        self._serving = server, threading.Thread(target=server.serve_forever, daemon=True)
        self._serving[1].start()

    def open(self) -> None:
        """Answer in this process, until `keep`."""
        for service in patience.services():
            service.go_on()
        self._serve(self._again())

    def keep(self) -> None:
        """Answer no more: copies are made of what is there now."""
        server, thread = self._serving
        server.shutdown()
        thread.join()
        for service in patience.services():
            service.rest()
        nodes.keep(self._layout.root)
        manager = self._runtime.manager
        if isinstance(manager, nodes.SweepNodes):
            manager.rest()
        self._layout.requests.unlink(missing_ok=True)
        gc.collect()
        gc.freeze()

    def copy(self) -> int:
        """Fork a process that answers until it is killed; returns its process id."""
        self._layout.requests.unlink(missing_ok=True)
        nodes.restore(self._layout.root)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._calls.clear()
            for service in patience.services():
                service.go_on()
            self._again().serve_forever()
            os._exit(0)
        return child

    def _again(self) -> Any:
        """An HTTP server for the same application and port: the one that prepared the account is closed."""
        from moto.moto_server.werkzeug_app import MotoRequestHandler

        port = self._listener.getsockname()[1]
        return make_server(HOST, port, self._http.app, threaded=True, request_handler=MotoRequestHandler,
                           fd=self._listener.fileno())  # fmt: skip


def _client(layout: Layout, service: str) -> Any:
    place = environment(layout)
    core = botocore.session.Session(profile=place["AWS_PROFILE"])
    core.set_config_variable("config_file", place["AWS_CONFIG_FILE"])
    core.set_config_variable("credentials_file", place["AWS_SHARED_CREDENTIALS_FILE"])
    return boto3.Session(botocore_session=core, region_name=REGION).client(service)


def _read(client: Any, operation: str) -> None:
    needed = {"describe_budgets": {"AccountId": AWS_ACCOUNT}, "describe_stack_events": {"StackName": "none"}}
    with suppress(ClientError):
        getattr(client, operation)(**needed.get(operation, {}))


def main(words: list[str]) -> None:
    """Say the endpoint and the buckets; then one answer `ok` for every line read, until the input ends."""
    isolate(os.environ)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    patience.install()
    nursery = Nursery(parse_options(words))
    buckets = nursery.prepare()
    print(json.dumps({"endpoint": nursery.endpoint, "buckets": asdict(buckets)}), flush=True)
    child = 0
    for line in sys.stdin:
        _end(child)
        child = 0
        match line.strip():
            case "open":
                nursery.open()
            case "keep":
                nursery.keep()
            case "fresh":
                child = nursery.copy()
        print("ok", flush=True)
    _end(child)


def _end(child: int) -> None:
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
