"""Work that waits for a worker. The first in line have their files made while programs of others run, so that a worker
is given its next job before the judge reads what the last one left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from atlas.sandbox.job import Check, Files, Job
from atlas.sandbox.types import Observation

_Result = tuple[Observation, ...]


@dataclass(slots=True, eq=False)
class Place:
    """A place in the line: the work, who waits for its result, and a job's files once they are made."""

    work: Job | Check
    future: asyncio.Future[_Result]
    files: Files | None = None

    def made(self) -> Files:
        """Make the files of a job, once.

        Raises:
            OSError: no file can be made.
            ValueError: an argument of a call is no plain data.
        """
        assert isinstance(self.work, Job)
        if self.files is None:
            self.files = Files(self.work)
        return self.files

    def settle(self, result: Callable[[], _Result]) -> None:
        """Hand over the result to who still waits, or the error of making it; give the files up."""
        try:
            if not self.future.done():
                self.future.set_result(result())
        except Exception as error:  # noqa: BLE001  (it is for who waits)
            self.fail(error)
        else:
            self._leave()

    def fail(self, error: Exception) -> None:
        """Hand over an error to who still waits; give the files up."""
        if not self.future.done():
            self.future.set_exception(error)
        self._leave()

    def _leave(self) -> None:
        if self.files is not None:
            self.files.close()
            self.files = None


class Line:
    """First come, first served. The files of at most ``ahead`` jobs are made: a long line costs little memory."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._places: deque[Place] = deque()
        self._waiting = asyncio.Semaphore(0)

    def put(self, work: Job | Check, future: asyncio.Future[_Result]) -> None:
        """Join at the end."""
        self._places.append(Place(work, future))
        self._waiting.release()

    async def take(self) -> Place:
        """Wait for work that somebody still wants."""
        while True:
            await self._waiting.acquire()
            place = self._places.popleft()
            if not place.future.done():
                return place
            place.settle(tuple)

    def prepare(self) -> None:
        """Make the files of the first in line."""
        for place in islice(self._places, self._ahead):
            if isinstance(place.work, Job) and not place.future.done():
                try:
                    place.made()
                except Exception as error:  # noqa: BLE001  (it is for who waits)
                    place.fail(error)

    def drain(self) -> list[Place]:
        """Give up the line; return who was in it."""
        places, self._places = list(self._places), deque()
        return places
