"""Do something with many items in several threads, and give what came of each as soon as it is there."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Result | Exception]]:
    """Call `work` with every item, `workers` at a time.

    The threads are daemons: whoever stops listening, by Ctrl-C for instance, waits for none of them.

    Args:
        work: is called in a thread.
        items: taken as workers become free, so they may be many.
        workers: 1 or more.
    Returns: each item with its result, or the exception that was raised instead, in the order of completion.
    """
    wanted: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Item, Result | Exception]] = queue.SimpleQueue()

    def run() -> None:
        while (item := wanted.get()) is not None:
            try:
                done.put((item, work(item)))
            except Exception as error:  # noqa: BLE001 - the listener decides what it means
                done.put((item, error))

    for _ in range(workers):
        threading.Thread(target=run, daemon=True).start()
    under_way = 0
    try:
        for item in items:
            if under_way == workers:
                yield done.get()
                under_way -= 1
            wanted.put(item)
            under_way += 1
        for _ in range(under_way):
            yield done.get()
    finally:
        for _ in range(workers):
            wanted.put(None)
