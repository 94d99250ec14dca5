"""Amazon FSx for Lustre with real bytes: a file system is a directory, a data repository is a bucket of the account.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/fsx-data-repositories.html
"""

from __future__ import annotations

from daylily_ec.localcloud.seams import FileSystemStore


def install(store: FileSystemStore) -> None:
    """Answer the FSx API, file systems living in `store`; call once, after the runtime is set."""
    from daylily_ec.localcloud.fsx.responses import extend_moto
    from daylily_ec.localcloud.fsx.service import forget_all, use_store
    from daylily_ec.localcloud.runtime import current

    use_store(store)
    current().resets.append(forget_all)
    extend_moto()
