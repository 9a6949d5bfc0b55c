"""The download: what is expected and not there, one unit after the other, each whole in the catalogue or not at all."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from qm.clock import SECOND, monotonic_ns, now_ns
from qm.errors import AccessError, DataError, DiskFullError, QmError, UnavailableError, UsageError
from qm.history.catalogue import Catalogue, check_name
from qm.history.download import landing
from qm.history.download.partial import Partial, check_gz, sweep
from qm.history.download.report import Report, Stop
from qm.history.download.settings import DownloadSettings
from qm.history.importer import ImportOptions, ImportReport, import_files
from qm.history.layout import length_of
from qm.history.manifest import Manifest
from qm.history.storing import State
from qm.model.downloads import Offer, StaleOfferError, Unit
from qm.ports import Provider
from qm.rules.calendar import Session

RECHECKED: Final = 5
"""Of the sessions that are there, so many of the newest are compared with what the vendor has now."""
_ONLY: Final = " only "
_DOWN_AFTER: Final = 3
"""Units in a row that fail because the vendor does not answer."""
_ROOM: Final = 6
"""Times the size of what is fetched: it lies here as it came, in other types, while it is sorted, and for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to download."""

    dataset: str
    kinds: tuple[str, ...]
    sessions: tuple[Session, ...]
    symbols: tuple[str, ...] = ()
    dry_run: bool = False
    repair: bool = False
    """Compare every session with the vendor, and fetch again what is damaged here or differs there."""


class Stopper:
    """Ends a download between two steps; what is fetched of a file stays for the next time."""

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self._task: asyncio.Task[object] | None = None

    def ask(self, reason: Stop) -> None:
        """Ask for an end, now."""
        if self.reason is None:
            self.reason = reason
            if self._task is not None:
                self._task.cancel()

    def attach(self) -> None:
        """End the task that is running now."""
        self._task = asyncio.current_task()


class Watcher(Protocol):
    """Who shows how far it is."""

    def tell(self, unit: Unit, here: int, size: int) -> None:
        """Take note of how many bytes of a unit are here, and of how many; 0 where nobody knows."""
        ...

    def done(self, units: int) -> None:
        """Take note of how many units are settled."""
        ...


class Download:
    """One run over everything that is wished for."""

    def __init__(
        self,
        catalogue: Catalogue,
        provider: Provider,
        folder: Path,
        settings: DownloadSettings,
        watcher: Watcher | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._provider = provider
        self._folder = folder
        self._settings = settings
        self._watcher = watcher
        self._unavailable = 0

    async def run(self, wish: Wish, stopper: Stopper) -> Report:
        """Fetch what is missing; failures of single units and an early end are in the report. UsageError."""
        check_name(wish.dataset)
        for kind in wish.kinds:
            if kind not in self._provider.kinds:
                known = ", ".join(self._provider.kinds)
                raise UsageError(f"{self._provider.name} has no {kind}.", f"It has {known}.")
        stopper.attach()
        begun = monotonic_ns()
        dates = [str(each.date) for each in wish.sessions] or [""]
        report = Report(
            provider=self._provider.name,
            dataset=wish.dataset,
            kinds=list(wish.kinds),
            since=dates[0],
            until=dates[-1],
            dry_run=wish.dry_run,
        )
        if not wish.dry_run:
            self._sweep(wish)
        await self._work(self._due(wish, report), wish, report, stopper)
        report.seconds = round((monotonic_ns() - begun) / SECOND, 3)
        return report.settled(self._unavailable)

    def _sweep(self, wish: Wish) -> None:
        sweep(self._folder / wish.dataset)
        for kind in wish.kinds:
            sweep(self._catalogue.folder / wish.dataset / kind)

    def _due(self, wish: Wish, report: Report) -> list[Unit]:
        now = now_ns()
        due = []
        for kind in wish.kinds:
            units = [Unit(kind, each.date, wish.symbols) for each in wish.sessions]
            units = [unit for unit in units if self._provider.has(unit, now)]
            if not units:
                raise UsageError(
                    f"{self._provider.name} tells {kind} as they are today, and of no earlier day.",
                    "Let the range end today.",
                )
            report.expected += len(units)
            ready = [unit for unit in units if self._provider.due_ns(unit) <= now]
            report.later += [unit.name for unit in units if unit not in ready]
            due += ready
        # By date, so that what was wished for grows forward and can be used at once.
        return sorted(due, key=lambda unit: unit.session)

    async def _work(self, units: Sequence[Unit], wish: Wish, report: Report, stopper: Stopper) -> None:
        newest = {each.date for each in wish.sessions[-RECHECKED:]}
        silent = 0
        for i, unit in enumerate(units):
            try:
                if stopper.reason is not None:
                    raise asyncio.CancelledError
                await self._newest(unit, wish, report, recheck=wish.repair or unit.session in newest)
                silent = 0
            except asyncio.CancelledError:
                if stopper.reason is None:
                    raise
                if (task := asyncio.current_task()) is not None:
                    task.uncancel()
                report.stopped = stopper.reason
                report.left = [each.name for each in units[i:] if self._absent(wish.dataset, each)]
                return
            except (AccessError, DiskFullError) as error:
                self._give_up(report, error, units[i:], wish)
                return
            except UnavailableError as error:
                report.failed[unit.name] = error.problem
                self._unavailable += 1
                silent += 1
                if silent == _DOWN_AFTER:
                    report.stopped, report.error = Stop.ERROR, error.problem
                    report.left = [each.name for each in units[i + 1 :] if self._absent(wish.dataset, each)]
                    return
            except DataError as error:
                report.failed[unit.name] = error.problem
            if self._watcher is not None:
                self._watcher.done(i + 1)

    def _give_up(self, report: Report, error: QmError, rest: Sequence[Unit], wish: Wish) -> None:
        report.stopped, report.error, report.exit_code = Stop.ERROR, error.problem, error.exit_code
        report.left = [each.name for each in rest if self._absent(wish.dataset, each)]

    def _absent(self, dataset: str, unit: Unit) -> bool:
        return self._catalogue.sha256(dataset, unit.kind, unit.session) is None

    async def _newest(self, unit: Unit, wish: Wish, report: Report, *, recheck: bool) -> None:
        try:
            await self._one(unit, wish, report, recheck=recheck)
        except StaleOfferError:
            await self._one(unit, wish, report, recheck=recheck)

    async def _one(self, unit: Unit, wish: Wish, report: Report, *, recheck: bool) -> None:
        partial = self._partial(unit, wish)
        there = self._there(unit, wish)
        if there is not None and not (there.mine and (recheck or partial.there)) and there.sound:
            report.there += 1
            return
        offer = await self._provider.look(unit)
        if offer is None:
            report.missing += [] if there is not None else [unit.name]
            report.there += there is not None
            return
        if there is not None and there.sound and there.etag == _mark(offer, unit):
            report.there += 1
            if not wish.dry_run:
                partial.drop()
            return
        told = report.fetched if there is None else report.replaced
        if wish.dry_run:
            report.bytes += offer.size
            told.append(unit.name)
            return
        self._check_room(offer)
        await self._fetch(unit, offer, partial, report)
        state = self._store(unit, offer, partial, wish, report, replace=there is not None)
        if state is State.UNCHANGED:
            report.there += 1
        elif state is None:
            report.missing.append(unit.name)
        else:
            told.append(unit.name)

    def _there(self, unit: Unit, wish: Wish) -> _There | None:
        if self._absent(wish.dataset, unit):
            return None
        manifest = self._catalogue.manifest(wish.dataset, unit.kind, unit.session)
        assert manifest is not None
        mine = manifest.source.startswith(f"{self._provider.name}:")
        sound = not wish.repair or self._catalogue.sound(wish.dataset, unit.kind, unit.session)
        if mine and not wish.repair and _asked(manifest.etag) != _asked(_mark(Offer("", ""), unit)):
            raise DataError(f"{unit.name} is there for other symbols.", "Use another --dataset, or --repair.")
        return _There(mine, sound, manifest.etag)

    def _partial(self, unit: Unit, wish: Wish) -> Partial:
        suffix = self._provider.suffix(unit.kind)
        path = self._folder / wish.dataset / f"{self._provider.name}-{unit.kind}-{unit.session}{suffix}"
        return Partial(path, self._settings.save_bytes)

    def _check_room(self, offer: Offer) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        needed = _ROOM * offer.size + self._settings.reserve_mb * 1_000_000
        if free < needed:
            raise DiskFullError(
                f"{self._folder} has {free / 1e6:,.0f} MB left, and {needed / 1e6:,.0f} MB are needed.",
                "Free some space, or lower download.reserve_mb.",
            )

    async def _fetch(self, unit: Unit, offer: Offer, partial: Partial, report: Report) -> None:
        since = partial.open(_mark(offer, unit))
        here = since.size
        try:
            async with aclosing(self._provider.fetch(unit, offer, since)) as pieces:
                async for piece in pieces:
                    partial.add(piece)
                    here = len(piece.data) + (0 if piece.afresh else here)
                    report.bytes += len(piece.data)
                    if self._watcher is not None:
                        self._watcher.tell(unit, here, offer.size)
            partial.save()
        except DataError:
            # What makes no sense is not gone on from.
            partial.drop()
            raise
        except (asyncio.CancelledError, QmError):
            partial.save()
            raise
        finally:
            partial.close()

    def _store(
        self, unit: Unit, offer: Offer, partial: Partial, wish: Wish, report: Report, *, replace: bool
    ) -> State | None:
        """Import what was fetched; None when there is nothing in it."""
        try:
            found = self._imported(unit, offer, partial, wish, replace)
        except DataError:
            # It came whole, so fetching its end again would change nothing.
            partial.drop()
            raise
        partial.drop()
        if found is None or not found.sessions:
            return None
        # One kind of one session was asked for, and rows of another are refused.
        (stored,) = found.sessions
        if stored.state is State.CONFLICT:
            raise DataError(f"{unit.name} is there with other data.", "Put it in its place with --repair.")
        report.rows += stored.rows
        report.rows_refused += found.rows_refused
        return stored.state

    def _imported(self, unit: Unit, offer: Offer, partial: Partial, wish: Wish, replace: bool) -> ImportReport | None:
        if not partial.path.stat().st_size:
            return None
        if partial.path.suffix == ".gz":
            check_gz(partial.path)
        reading = self._provider.reading(unit, partial.path)
        source, etag = f"{self._provider.name}:{offer.source}", _mark(offer, unit)
        if unit.kind in landing.KINDS:
            manifest = Manifest(
                dataset=wish.dataset,
                kind=unit.kind,
                session=str(unit.session),
                seconds=0,
                rows=0,
                symbols=0,
                first=0,
                last=0,
                source=source,
                etag=etag,
                known_at=offer.known_at,
                fetched_at=now_ns(),
            )
            return landing.land(self._catalogue, reading.path, manifest, replace=replace)
        options = ImportOptions(
            seconds=reading.seconds or length_of(unit.kind),
            called=reading.called,
            replace=replace,
            source=source,
            etag=etag,
            known_at=offer.known_at,
            only=unit.session,
        )
        return import_files(self._catalogue, reading.path, wish.dataset, now_ns(), options)


@dataclass(frozen=True, slots=True)
class _There:
    """A session that is in the catalogue."""

    mine: bool
    """It came from this vendor."""
    sound: bool
    """Its file is what its manifest says, as far as that was to be examined."""
    etag: str


def _mark(offer: Offer, unit: Unit) -> str:
    """Return what tells apart both versions of a file and choices of symbols out of it."""
    if not unit.symbols:
        return offer.etag
    return f"{offer.etag}{_ONLY}{sha256(','.join(unit.symbols).encode()).hexdigest()[:16]}"


def _asked(mark: str) -> str:
    return mark.partition(_ONLY)[2]
