"""What of a rendered cluster configuration costs money.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daylily_ec.plan.price import FileSystem, Shape, Volume
from daylily_ec.render.ceiling import fleets
from daylily_ec.render.substitutions import load


def shape(text: str) -> Shape:
    """The billable parts of a configuration; what is billed but cannot be priced here is named in `unpriced`."""
    document = load(text, "cluster configuration")
    head = document.get("HeadNode") or {}
    return Shape(
        fleets(document),
        _root_volume(head),
        bool((head.get("Networking") or {}).get("ElasticIp")),
        tuple(_file_systems(document)),
        tuple(_unpriced(document)),
    )


def _root_volume(head: Mapping[str, Any]) -> Volume | None:
    root = (head.get("LocalStorage") or {}).get("RootVolume") or {}
    # ParallelCluster takes the size of the image when none is set, and gp3.
    return Volume(str(root.get("VolumeType", "gp3")), int(root["Size"])) if "Size" in root else None


def _file_systems(document: Mapping[str, Any]) -> Iterator[FileSystem]:
    for storage in document.get("SharedStorage") or []:
        settings = storage.get("FsxLustreSettings") or {}
        if storage.get("StorageType") == "FsxLustre" and not settings.get("FileSystemId"):
            throughput = settings.get("PerUnitStorageThroughput")
            yield FileSystem(
                str(storage.get("Name")), str(settings.get("DeploymentType", "SCRATCH_2")),
                int(settings.get("StorageCapacity") or 0), int(throughput) if throughput else None,
            )  # fmt: skip


def _unpriced(document: Mapping[str, Any]) -> Iterator[str]:
    if _root_volume(document.get("HeadNode") or {}) is None:
        yield "root volume of the head node (its size is the image's)"
    yield "root volumes of compute nodes, a few cents a day each"
    yield "data: internet traffic, NAT gigabytes, S3 requests, CloudWatch logs"
    for storage in document.get("SharedStorage") or []:
        if storage.get("StorageType") != "FsxLustre":
            yield f"shared storage {storage.get('Name')} ({storage.get('StorageType')})"
