"""What a tape of prints leaves out: its volatility pauses and bands, put into the stream where they become known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qm.model.market import EVENT, Events, Kind, Print, Status, bands, status
from qm.rules.calendar import Session
from qm.rules.halts import HaltCode
from qm.rules.limits import TIER_PROXY, Bands
from qm.rules.lots import round_lots
from qm.rules.luld_board import LuldBoard
from qm.rules.luld_events import Band, BandsSet, Disproved, Event, Evidence, LeftToClose, Lifted, Paused, Reopened
from qm.rules.luld_events import Events as Happened

Column = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
_PIECE: Final = 1 << 20
_BEYOND: Final = 0.02
"""Part of the price by which a print may lie beyond a band that was computed from an incomplete tape."""
_CONFIRMED: Final = 3
"""So many prints in a row far beyond the bands show that the bands were wrong, and not the prints."""


class LuldTape:
    """Adds STATUS and BANDS records to the prints of one session, for feeds that tell neither.

    The state machines of the plan see every round-lot print that may set the last price. A limit state is inferred
    from prints at a band (`Evidence.PRINTS`), because a feed without statuses seldom has the whole national best bid
    and offer: a limit state that ends in quotes only is not seen. Nothing looks ahead: a record follows from those
    before it, except that a reopening stands right before the print that shows it. A print far outside the bands
    counts when it is the third in a row. A symbol whose prior close is unknown has no bands, and no pauses.

    The first reference price is that of the opening auction where the feed marks prints of auctions (`openings`), and
    for a symbol without such a print the mean of the first five minutes, or the prior close; where the feed marks none
    it is the first print of regular hours. Of which exchange an opening print is, is not known here: the first counts.

    `prior_close` ($), `day_usd` (average $ traded in a day, which stands for the lists of tier one) and `leverage` (of
    leveraged funds; NaN is 1) are by row.
    """

    def __init__(
        self,
        of: Session,
        prior_close: Column,
        day_usd: Column,
        leverage: Column | None = None,
        openings: bool = False,
    ) -> None:
        times = None if leverage is None else np.where(leverage >= 1.0, leverage, 1.0)
        self._board = LuldBoard(of, tiers(day_usd, of), prior_close, times, Evidence.PRINTS, openings)
        self._board.begin()
        self._of = of
        self._lots = round_lots(prior_close, of.date)
        self._paused: dict[int, int] = {}
        """When each pause that lasts may end, ns UTC, by row."""
        self._bands: dict[int, Bands] = {}
        self._beyond: dict[int, int] = {}

    def over(self, batches: Iterable[Events]) -> Iterator[Events]:
        """Yield the batches, in pieces, with what was added to them."""
        for batch in batches:
            for start in range(0, len(batch), _PIECE):
                yield self.add(batch[start : start + _PIECE])

    def add(self, batch: Events) -> Events:
        """Return a batch with what follows from it in place; batches come in the order of time."""
        if not len(batch):
            return batch
        board, ts = self._board, np.ascontiguousarray(batch["ts"])
        made: list[tuple[Any, ...]] = []
        places: list[int] = []
        picked = np.flatnonzero(self._eligible(batch))
        rows, prices = batch["sym"][picked].tolist(), batch["a"][picked].tolist()
        opens = ((batch["flag"][picked] & Print.OPENING) != 0).tolist()
        for at, now, row, price, opening in zip(picked.tolist(), ts[picked].tolist(), rows, prices, opens, strict=True):
            for other, happened in board.advance(now):
                self._tell(other, happened, ts, made, places)
            happened = board.trade(row, now, price, self._believed(row, price), opening)
            if happened:
                self._tell_of_print(row, happened, at, made, places)
        for other, happened in board.advance(int(ts[-1])):
            self._tell(other, happened, ts, made, places)
        return np.insert(batch, places, np.array(made, EVENT)) if made else batch

    def _believed(self, row: int, price: float) -> bool:
        """Nobody may trade outside the bands: a single print that did is an error of the tape."""
        if not (price > self._board.upper[row] * (1 + _BEYOND) or price < self._board.lower[row] * (1 - _BEYOND)):
            self._beyond.pop(row, None)
            return True
        if row in self._paused:
            return True
        self._beyond[row] = self._beyond.get(row, 0) + 1
        return self._beyond[row] >= _CONFIRMED

    def _eligible(self, batch: Events) -> npt.NDArray[np.bool_]:
        trades = (batch["kind"] == Kind.TRADE) & ((batch["flag"] & Print.LAST) != 0)
        regular = (batch["ts"] >= self._of.open_ns) & (batch["ts"] < self._of.close_ns)
        # Odd lots are no eligible trades of the plan, whatever the feed says of their conditions.
        found: npt.NDArray[np.bool_] = trades & regular & (batch["b"] >= self._lots[batch["sym"]])
        return found

    def _tell(self, row: int, happened: Happened, ts: Times, made: list[tuple[Any, ...]], places: list[int]) -> None:
        """Put what fell due by time alone before the first record that is not earlier."""
        for event in happened:
            for record in self._records(row, event):
                made.append(record)
                places.append(int(np.searchsorted(ts, event.ns)))

    def _tell_of_print(
        self, row: int, happened: Happened, at: int, made: list[tuple[Any, ...]], places: list[int]
    ) -> None:
        """Put what a print leads to behind it, and the reopening that it shows before it."""
        after = not any(isinstance(event, Reopened | Disproved) for event in happened)
        for event in happened:
            for record in self._records(row, event):
                made.append(record)
                places.append(at + after)

    def _records(self, row: int, event: Event) -> list[tuple[Any, ...]]:
        match event:
            case BandsSet():
                self._bands[row] = event.bands
                lower, upper = event.bands
                return [bands(event.ns, row, float(lower), float(upper), event.reference)]
            case Paused():
                self._paused[row] = event.until_ns
                return [self._pause(row, event)]
            case LeftToClose() if self._paused.get(row) not in (None, self._of.close_ns):
                self._paused[row] = self._of.close_ns
                return [status(event.ns, row, Status.PAUSED, HaltCode.LUDP, trades_ns=self._of.close_ns)]
            case Reopened() | Disproved():
                self._paused.pop(row, None)
                return [status(event.ns, row, Status.TRADING)]
            case Lifted():
                gone = bands(event.ns, row, np.nan, np.nan, np.nan)
                if row not in self._paused:
                    return [gone]
                # The closing auction trades next.
                del self._paused[row]
                return [gone, status(event.ns, row, Status.TRADING)]
            case _:
                return []

    def _pause(self, row: int, event: Paused) -> tuple[Any, ...]:
        """Tell a pause with the band that it was due at; nobody tells when quotes go on."""
        bands = self._bands[row]
        due = 0.0 if event.band is None else float(bands.upper if event.band is Band.UPPER else bands.lower)
        return status(event.ns, row, Status.PAUSED, HaltCode.LUDP, due, trades_ns=event.until_ns)


def tiers(day_usd: Column, of: Session) -> npt.NDArray[np.uint8]:
    """Return the tier by row, by a stand-in for the lists that nobody kept: see `TIER_PROXY`."""
    return np.where(day_usd >= TIER_PROXY.at(of.date), 1, 2).astype(np.uint8)
