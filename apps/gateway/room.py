"""Bound the memory of bodies that are being fetched, without letting large ones crowd out small ones."""

import threading
from types import TracebackType
from typing import Self


class Room:
    """Bytes that all fetches share, beyond those that each has for itself.

    Args:
        shared_bytes: for the parts of bodies that are beyond their own.
        own_bytes: what each body may have in any case: most pictures are smaller.
    """

    def __init__(self, shared_bytes: int, own_bytes: int = 2**20) -> None:
        self.own_bytes = own_bytes
        self._free = shared_bytes
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Take shared bytes; tell whether there were enough."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give_back(self, count: int) -> None:
        """Give shared bytes back."""
        with self._lock:
            self._free += count


class Body:
    """A body that grows in a room; a context, after which its shared bytes are given back.

    Args:
        room: where it grows.
    """

    def __init__(self, room: Room) -> None:
        self.data = bytearray()
        self._room = room
        self._shared = 0

    def add(self, piece: bytes) -> bool:
        """Append a piece; tell whether there was room for it."""
        beyond = len(self.data) + len(piece) - self._room.own_bytes - self._shared
        if beyond > 0:
            if not self._room.take(beyond):
                return False
            self._shared += beyond
        self.data += piece
        return True

    def __enter__(self) -> Self:
        """Begin empty."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the shared bytes back, and let go of all: the traceback of an error would hold them a while longer."""
        self.data = bytearray()
        self._room.give_back(self._shared)
