"""Where trials run: processes of this machine, or a Dask cluster for those who outgrow it."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Final, Self

from backtest.ledger import Trial
from backtest.space import Params
from qm.errors import UnavailableError, UsageError

Job = Callable[[int, Params], Trial]
"""Runs one trial; must be importable by another process."""

DEATHS_MOST: Final = 3
"""A trial whose worker dies so often has failed."""
CONNECT_S: Final = 10


class Processes:
    """Workers of this machine; they share market data through the memory-mapped day cache. A context manager."""

    def __init__(self, job: Job, size: int) -> None:
        self._job, self.size = job, size
        self._pool = self._begin()
        self._running: dict[Future[Trial], tuple[int, Params]] = {}
        self._deaths: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:
            # What they still run would be entered by nobody.
            for process in multiprocessing.active_children():
                process.terminate()

    def submit(self, number: int, params: Params) -> None:
        """Begin a trial."""
        try:
            self._running[self._pool.submit(self._job, number, params)] = (number, params)
        except BrokenProcessPool:
            self._mend()
            self._running[self._pool.submit(self._job, number, params)] = (number, params)

    def next(self) -> Trial:
        """Wait for a trial that has ended; what a dead worker left undone is begun again."""
        while True:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            future = next(iter(done))
            number, params = self._running[future]
            try:
                trial = future.result()
            except BrokenProcessPool:
                self._deaths[number] = self._deaths.get(number, 0) + 1
                self._mend()
                if self._deaths[number] < DEATHS_MOST:
                    continue
                self._forget(number)
                return Trial(number=number, params=params, error=f"its worker died {DEATHS_MOST} times")
            del self._running[future]
            return trial

    def _begin(self) -> ProcessPoolExecutor:
        # A fork would copy the threads' locks of the compiler in whatever state they are.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.size, mp_context=spawn, initializer=spare)

    def _mend(self) -> None:
        left = {future: what for future, what in self._running.items() if not _good(future)}
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._begin()
        for future, (number, params) in left.items():
            del self._running[future]
            self._running[self._pool.submit(self._job, number, params)] = (number, params)

    def _forget(self, number: int) -> None:
        for future, (other, _) in list(self._running.items()):
            if other == number:
                future.cancel()
                del self._running[future]


class Cluster:
    """Workers of a Dask cluster, by the address of its scheduler; a context manager.

    The program must be installed there, and the market data lie under the same path. A worker that dies is replaced by
    the cluster, and its trials begin again. Raises UnavailableError when nobody answers at the address.
    """

    def __init__(self, job: Job, address: str) -> None:
        try:
            import distributed
        except ImportError as error:
            raise UsageError(
                "A cluster needs the package dask.", "Install it: pip install 'quantmatrix[dask]'."
            ) from error
        library: Any = distributed
        try:
            self._client: Any = library.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"No Dask scheduler answers at {address}.", "Start one: dask scheduler; then dask worker ADDRESS."
            ) from error
        self._job = job
        self._ended: Any = library.as_completed(loop=self._client.loop)
        self._running: dict[str, tuple[int, Params]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def size(self) -> int:
        """How many trials may run at once; one more than there are threads, so that none waits for its next."""
        return int(sum(self._client.nthreads().values())) + 1

    def submit(self, number: int, params: Params) -> None:
        """Begin a trial."""
        future = self._client.submit(self._job, number, params, pure=False, retries=DEATHS_MOST - 1)
        self._running[future.key] = (number, params)
        self._ended.add(future)

    def next(self) -> Trial:
        """Wait for a trial that has ended."""
        future = next(self._ended)
        number, params = self._running.pop(future.key)
        error = future.exception()
        if error is not None:
            return Trial(number=number, params=params, error=f"{type(error).__name__}: {error}"[:300])
        found: Trial = future.result()
        return found


def spare() -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the one that the person sees."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _good(future: Future[Trial]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
