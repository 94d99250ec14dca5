#!/usr/bin/env python3
"""What it costs to verify an export: key set, sizes and S3's own checksums of many objects.

    benchmarks/verification.py [--objects 100000] [--raw verification.json]

The other side is a server with canned answers in a process of its own, whose time is reported apart: what is measured
is dyec's own client, manifest parsed, every page listed, HeadObject sent for every file.  The goal, 60 s and 300 MiB,
is for 100,000 objects; missed, with however many, it ends with 1.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

GOAL_S, GOAL_MIB = 60.0, 300.0
BUCKET, PREFIX = "results", "derived/ann/a1/"
PAGE = 1000
CRC = "rosUhgp5mIg="
SHA = hashlib.sha256(b"123456789").hexdigest()
SIZE = 9


def names(count: int) -> list[str]:
    """Keys below the destination, a thousand to a directory."""
    return [f"daylily-omics-analysis/results/sample-{n // 1000:04d}/{n:07d}.vcf.gz" for n in range(count)]


class Canned(asyncio.Protocol):
    """Answers ListObjectsV2 and HeadObject; every object has the same nine bytes."""

    pages: list[bytes]

    def connection_made(self, transport: Any) -> None:
        """Keep the way back."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.transport.write(self.answer(head))

    def answer(self, head: bytes) -> bytes:
        """A whole response."""
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if method == b"HEAD":
            return HEADERS
        query = parse_qs(urlsplit(target.decode()).query)
        body = self.pages[int(unquote(query.get("continuation-token", ["0"])[0]))]
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body) + body


HEADERS = (
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"0\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    f"x-amz-checksum-crc64nvme: {CRC}\r\nx-amz-checksum-type: FULL_OBJECT\r\n\r\n"
).encode()  # fmt: skip


def pages(keys: list[str]) -> list[bytes]:
    """Every page of the listing."""
    made = []
    for at in range(0, len(keys), PAGE):
        more = at + PAGE < len(keys)
        items = "".join(
            f"<Contents><Key>{escape(PREFIX + key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;0&quot;</ETag><Size>{SIZE}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys[at : at + PAGE]
        )
        token = f"<NextContinuationToken>{at // PAGE + 1}</NextContinuationToken>" if more else ""
        made.append(
            f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>".encode()
        )
    return made


def serve(count: int, pipe: Connection) -> None:
    """The server's process: tells its port, and at the end its processor time."""
    Canned.pages = pages(names(count))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Canned, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        server.close()

    began = time.process_time()
    asyncio.run(run())
    pipe.send(time.process_time() - began)


def prove(count: int, port: int, packed: bytes, pipe: Connection) -> None:
    """The client's process: what `dyec exports verify` does once it has the manifest's bytes."""
    os.environ.update(
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}", AWS_ACCESS_KEY_ID="benchmark", AWS_SECRET_ACCESS_KEY="x",
        AWS_EC2_METADATA_DISABLED="true",
    )  # fmt: skip
    from daylily_ec.aws.context import AwsContext
    from daylily_ec.aws.s3 import S3
    from daylily_ec.domain.s3uri import S3Prefix
    from daylily_ec.fsx import manifest
    from daylily_ec.fsx.proof import Prover
    from daylily_ec.fsx.verification import Mode
    from daylily_ec.util.progress import Silent

    wall, cpu = time.monotonic(), time.process_time()
    listed = manifest.parse(packed)
    parsed = time.monotonic() - wall
    found = Prover(S3(AwsContext(None, "us-west-2")), S3Prefix(BUCKET, PREFIX), Silent()).verify(listed, Mode.CHECKSUM)
    own = time.process_time() - cpu
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    pipe.send({
        "objects": found.objects, "mismatches": len(found.mismatches), "seconds": time.monotonic() - wall,
        "parsing_seconds": parsed, "client_cpu_seconds": own + usage[1].ru_utime + usage[1].ru_stime,
        "client_peak_mib": (usage[0].ru_maxrss + usage[1].ru_maxrss) / 1024,
    })  # fmt: skip


def packed_manifest(count: int, pipe: Connection) -> None:
    """Made in a process of its own: its memory is not the client's."""
    from daylily_ec.fsx import manifest

    records = [manifest.Record(name, "f", SIZE, 0, "0644", SHA, CRC) for name in names(count)]
    pipe.send_bytes(manifest.make("/fsx/analysis_results/ann/a1", "benchmark", "2026-01-01T00:00:00Z", records).packed)


def is_met(result: dict[str, Any]) -> bool:
    """Whether time and memory of the client stay below the goal."""
    return bool(result["seconds"] <= GOAL_S and result["client_peak_mib"] <= GOAL_MIB)


def main() -> int:
    """Serve, verify, print; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--raw", type=Path)
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    maker = context.Process(target=packed_manifest, args=(args.objects, theirs))
    maker.start()
    packed = ours.recv_bytes()
    maker.join()
    server = context.Process(target=serve, args=(args.objects, theirs), daemon=True)
    server.start()
    port = ours.recv()
    here, there = context.Pipe()
    client = context.Process(target=prove, args=(args.objects, port, packed, there))
    client.start()
    while not here.poll(1.0):
        if not client.is_alive():
            raise SystemExit("the client died")
    result = here.recv()
    client.join()
    ours.send("end")
    result["server_cpu_seconds"] = ours.recv()
    if result["objects"] != args.objects or result["mismatches"]:
        raise SystemExit(f"the client is wrong: {result}")
    for name, value in result.items():
        print(f"{name.replace('_', ' '):20} {value:10,.1f}" if isinstance(value, float) else f"{name:20} {value:10,}")
    print(f"goal: {GOAL_S:.0f} s, {GOAL_MIB:.0f} MiB for 100,000 objects")
    if args.raw:
        args.raw.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if is_met(result) else 1


if __name__ == "__main__":
    sys.exit(main())
