"""Independent reads side by side, results in the order asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_IN_FLIGHT = 16
"""Bound of concurrent calls: well below the connection pool and any service's burst limit."""


def gather(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`[function(item) for item in items]`, concurrently; the first error is raised after all have ended."""
    work = list(items)
    if len(work) <= 1:
        return [function(item) for item in work]
    with ThreadPoolExecutor(max_workers=min(MAX_IN_FLIGHT, len(work))) as pool:
        return [future.result() for future in [pool.submit(function, item) for item in work]]


def together(*questions: Callable[[], Any]) -> list[Any]:
    """The answers of independent questions, asked side by side."""
    return gather(lambda ask: ask(), questions)
