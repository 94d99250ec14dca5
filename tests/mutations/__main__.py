"""`python -m tests.mutations [--sample N --seed S] [NAME ...]`: every mutation must turn its test red."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutations import (
    catalog,
    configure,
    create_path,
    delete,
    exports,
    headnode,
    inventory,
    launch,
    mounts,
    sessions,
)
from tests.mutations.mutation import RED, Mutation, applied, copied, status

MUTATIONS = (
    *catalog.MUTATIONS, *configure.MUTATIONS, *create_path.MUTATIONS, *delete.MUTATIONS, *exports.MUTATIONS,
    *headnode.MUTATIONS, *inventory.MUTATIONS, *launch.MUTATIONS, *mounts.MUTATIONS, *sessions.MUTATIONS,
)  # fmt: skip


def survivors(chosen: Sequence[Mutation]) -> list[str]:
    """Names of the mutations that no test noticed; the tests have to be green without them."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder, copied(Path(folder)) as root:
        tests = sorted({mutation.test for mutation in chosen})
        if status(root, *tests) != 0:
            return ["(the tests are red without a mutation)"]
        return [mutation.name for mutation in chosen if not _noticed(mutation, root)]


def _noticed(mutation: Mutation, root: Path) -> bool:
    with applied(mutation, root):
        seen = status(root, mutation.test) == RED
    print(f"{'red     ' if seen else 'SURVIVED'}  {mutation.name}  ({mutation.test})", flush=True)
    return seen


def main(words: Sequence[str]) -> int:
    """Exit status 0 when every chosen mutation was noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", help="only mutations whose name contains one of these")
    given = parser.parse_args(words)
    chosen = [mutation for mutation in MUTATIONS
              if not given.names or any(name in mutation.name for name in given.names)]  # fmt: skip
    if given.sample:
        chosen = random.Random(given.seed).sample(chosen, min(given.sample, len(chosen)))
    survived = survivors(chosen)
    print(f"{len(chosen)} mutations, {len(chosen) - len(survived)} noticed")
    for name in survived:
        print(f"survived: {name}", file=sys.stderr)
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
