"""Batches made by another thread while the last one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The same items in the same order, ``depth`` of them made before they are asked for.

    One thread makes them, so that what they draw from a generator is drawn in order.

    Args:
        items: iterated in another thread; an error there comes out here.
        depth: how many wait ready.
    """
    source, end = iter(items), object()
    pool = ThreadPoolExecutor(1, "gesta-ahead")
    try:
        waiting = deque(pool.submit(next, source, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, source, end))
            yield item  # type: ignore[misc]
    finally:
        pool.shutdown(cancel_futures=True)
