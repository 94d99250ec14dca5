"""Where reads come from: a pinned source distribution of the package index, or a simulation with a fixed seed."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.demo.cache import pip_environment, sha256
from daylily_ec.errors import CorruptFile, DyecError

PACKAGE = "quast==5.2.0"
SDIST = "quast-5.2.0.tar.gz"
SDIST_SHA256 = "23649fbd93253c6da982c0b67d719f9262461deecdc6dffbd690b75dfd790ad7"
MEMBERS = {
    "reference.fasta.gz": "96688b1c91d311fa3b6a5b3e7ae674c8fd2a51814672b0310a5f2005e64da884",
    "reads1.fastq.gz": "6fb490d745ae368cb81774da665e06ef6c1fdb56d57665dd61c996032b2b4f11",
    "reads2.fastq.gz": "b2c57a5d4298e18e75a59f0819e5e1d4e655777019f0505cc614bbdb4d26fd15",
}
"""SHA-256 of the files below `test_data/` of the source distribution."""

REAL = "quast 5.2.0 (real)"
SIMULATED = "simulated"
DOWNLOAD_SECONDS = 300.0

Pair = tuple[bytes, bytes]
"""The two FASTQ records of a read pair, each of four lines."""


class IndexUnreachable(DyecError):
    """The package index gave no source distribution; the message is pip's last word."""

    code = "index_unreachable"


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A genome and its read pairs; `source` is `REAL` or `SIMULATED`."""

    source: str
    genome: str
    pairs: tuple[Pair, ...]


def download(directory: Path) -> Path:
    """Fetch the source distribution with pip into `directory`; returns its path, SHA-256 verified.

    pip refuses a file of another hash before it runs anything of it, so the metadata step of an unknown archive
    never executes.  A wrong hash is an error of its own, never a reason to simulate.
    """
    wanted = directory / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SDIST_SHA256}\n")
    argv = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
        "--no-binary", ":all:", "--require-hashes", "--retries", "1", "--dest", str(directory), "-r", str(wanted),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            argv, env=pip_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=DOWNLOAD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise IndexUnreachable(f"pip download {PACKAGE} took longer than {DOWNLOAD_SECONDS:.0f} s") from exc
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise CorruptFile(f"the index offers {PACKAGE} with another SHA-256 than {SDIST_SHA256}")
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise IndexUnreachable(f"pip download {PACKAGE}: {errors[-1] if errors else f'exit {done.returncode}'}")
    return _verified(directory / SDIST, SDIST_SHA256)


def _verified(path: Path, digest: str) -> Path:
    if sha256(path) != digest:
        raise CorruptFile(f"{path.name} has SHA-256 {sha256(path)}, expected {digest}")
    return path


def _unpack(archive: Path, directory: Path) -> None:
    top = SDIST.removesuffix(".tar.gz")
    with tarfile.open(archive) as tar:
        for name, digest in MEMBERS.items():
            source = tar.extractfile(f"{top}/test_data/{name}")
            if source is None:
                raise CorruptFile(f"{archive.name} has no regular file {name}")
            (directory / name).write_bytes(source.read())
            _verified(directory / name, digest)


def _records(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as handle:
        while first := handle.readline():
            yield first + handle.readline() + handle.readline() + handle.readline()


def real() -> Sequenced:
    """E. coli K-12 MG1655, Illumina pairs over NC_000913.2:1-10000; raises `IndexUnreachable`."""
    with tempfile.TemporaryDirectory(prefix="dyec-demo-") as name:
        directory = Path(name)
        _unpack(download(directory), directory)
        with gzip.open(directory / "reference.fasta.gz", "rt") as handle:
            genome = "".join(line.strip() for line in handle if not line.startswith(">")).upper()
        pairs = tuple(
            zip(_records(directory / "reads1.fastq.gz"), _records(directory / "reads2.fastq.gz"), strict=True)
        )
    return Sequenced(REAL, genome, pairs)


def simulated(seed: int, *, genome_length: int = 10_000, pairs: int = 28_160) -> Sequenced:
    """A random genome and 100-base pairs from 150- to 350-base fragments with 0.2 % substitution errors."""
    source = random.Random(seed)
    genome = "".join("ACGT"[int(source.random() * 4)] for _ in range(genome_length))
    return Sequenced(SIMULATED, genome, tuple(_simulated_pair(source, genome, number) for number in range(pairs)))


def _simulated_pair(source: random.Random, genome: str, number: int) -> Pair:
    size = 150 + int(source.random() * 201)
    start = int(source.random() * (len(genome) - size + 1))
    fragment = genome[start : start + size]
    backward = fragment[::-1].translate(str.maketrans("ACGT", "TGCA"))
    name = f"@SIM:1:{number}"
    return _record(source, f"{name}/1", fragment[:100]), _record(source, f"{name}/2", backward[:100])


def _record(source: random.Random, name: str, bases: str) -> bytes:
    read = "".join("ACGT"[int(source.random() * 4)] if source.random() < 0.0027 else base for base in bases)
    return f"{name}\n{read}\n+\n{'I' * len(read)}\n".encode()
