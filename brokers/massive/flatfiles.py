"""Massive's flat files: one gz of CSV per kind and date, behind an S3-compatible store.

Facts: bucket `flatfiles`, `us_stocks_sip/{minute_aggs_v1,day_aggs_v1,trades_v1,quotes_v1}/YYYY/MM/YYYY-MM-DD.csv.gz`,
raw prices, times in ns at the start of a bar, published about 11:00 in New York on the next day, sometimes published
again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from yarl import URL

from brokers.massive.rows import BARS, QUOTES, TRADES, as_told, lettered, standing, written_anew
from brokers.massive.sigv4 import Keys, signed
from brokers.web.client import Client
from qm.clock import SECOND, at_ny, now_ns
from qm.errors import DataError, UnavailableError
from qm.model.downloads import Offer, Piece, Reached, Reading, StaleOfferError, Unit

if TYPE_CHECKING:
    import pyarrow as pa

_READY: Final = "11:00"
"""In New York, on the day after."""


class _File(NamedTuple):
    folder: str
    columns: dict[str, str]
    seconds: int | None
    called: dict[str, str]
    change: Callable[[pa.Table, dt.date], pa.Table] = as_told


_BARS: Final = {"ts": "window_start", "symbol": "ticker", "trades": "transactions"}
_TRADES: Final = {"ts": "sip_timestamp", "event_ts": "participant_timestamp", "symbol": "ticker"}
_QUOTES: Final = {"ts": "sip_timestamp", "symbol": "ticker", "bid": "bid_price", "ask": "ask_price"}
_FILES: Final[dict[str, _File]] = {
    "bars_1m": _File("minute_aggs_v1", BARS, 60, _BARS),
    "bars_1d": _File("day_aggs_v1", BARS, 86_400, _BARS),
    "trades": _File("trades_v1", TRADES, None, _TRADES, lettered),
    "quotes": _File("quotes_v1", QUOTES, None, _QUOTES, standing),
}


class FlatFiles:
    """The flat files of stocks; `client` must be open while it is used."""

    name = "massive"
    kinds: Sequence[str] = tuple(_FILES)

    def __init__(self, client: Client, url: str, bucket: str, keys: Keys) -> None:
        self._client = client
        self._root = URL(url) / bucket / "us_stocks_sip"
        self._keys = keys

    def suffix(self, kind: str) -> str:
        return ".csv.gz"

    def has(self, unit: Unit, now: int) -> bool:
        return True

    def due_ns(self, unit: Unit) -> int:
        return at_ny(unit.session + dt.timedelta(days=1), _READY)

    def reading(self, unit: Unit, path: Path) -> Reading:
        file = _FILES[unit.kind]

        def changed(table: pa.Table) -> pa.Table:
            return file.change(table, unit.session)

        return Reading(written_anew(path, file.columns, unit.symbols, changed), file.seconds, file.called)

    async def look(self, unit: Unit) -> Offer | None:
        url = self._url(unit)
        headers = await self._client.head(url, self._sign("HEAD", url))
        if headers is None:
            return None
        if "ETag" not in headers:
            raise DataError(f"{self.name} does not say which version {url.path} is.")
        size = headers.get("Content-Length", "")
        return Offer(
            etag=headers["ETag"],
            source=url.path.lstrip("/"),
            size=int(size) if size.isdecimal() else 0,
            known_at=_moment(headers.get("Last-Modified")),
        )

    async def fetch(self, unit: Unit, offer: Offer, since: Reached) -> AsyncGenerator[Piece, None]:
        here, failures = since.size, 0
        while here < offer.size or not offer.size:
            try:
                async with aclosing(self._stretch(unit, offer, here)) as pieces:
                    async for piece in pieces:
                        here = len(piece.data) + (0 if piece.afresh else here)
                        failures = 0
                        yield piece
                if not offer.size:
                    return
                problem = UnavailableError(f"{self.name} ended {offer.source} after {here:,} bytes of {offer.size:,}.")
            except UnavailableError as error:
                problem = error
            if here < offer.size or not offer.size:
                failures += 1
                if failures >= self._client.attempts:
                    raise problem
                await self._client.pause(failures)
        if here > offer.size:
            raise DataError(f"{offer.source} has {here:,} bytes, and {offer.size:,} were announced.")

    async def _stretch(self, unit: Unit, offer: Offer, here: int) -> AsyncGenerator[Piece, None]:
        """Yield what follows `here`, until the connection ends; never a byte of another version."""
        url = self._url(unit)
        more = {"If-Match": offer.etag} | ({"Range": f"bytes={here}-"} if here else {})
        async with self._client.opened("GET", url, self._sign("GET", url, more)) as answer:
            if answer is None or answer.headers.get("ETag") != offer.etag:
                raise StaleOfferError(f"{offer.source} was published again while it was fetched.", "Start again.")
            start = answer.headers.get("Content-Range", "").partition("-")[0].removeprefix("bytes ")
            if answer.status == _PARTIAL and start != str(here):
                raise DataError(f"{self.name} sent bytes from {start or 'somewhere'}, asked for those from {here}.")
            afresh = bool(here) and answer.status != _PARTIAL
            async for chunk in self._client.chunks(answer):
                yield Piece(chunk, afresh=afresh)
                afresh = False

    def _url(self, unit: Unit) -> URL:
        date = unit.session
        return self._root / _FILES[unit.kind].folder / f"{date:%Y}" / f"{date:%m}" / f"{date}.csv.gz"

    def _sign(self, method: str, url: URL, more: Mapping[str, str] | None = None) -> Callable[[], Mapping[str, str]]:
        return lambda: signed(self._keys, method, url, now_ns(), more)


_PARTIAL: Final = 206


def _moment(text: str | None) -> int:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * SECOND if text else 0
    except ValueError:
        return 0
