"""A coroutine run from a test."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine gives or raises, from an event loop of its own in a thread of its own.

    `asyncio.run` refuses where a loop runs already, as Playwright's does in the thread of every test that follows a
    browser test in the same process.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
