"""What stands in a flat file, in the types and letters that the importer reads, a stretch of rows at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from brokers.web.quotations import IN_SHARES_FROM, LOT, SMALL_LOTS_FROM
from brokers.web.tables import NUMBER, STRING, WHOLE, as_parquet

if TYPE_CHECKING:
    import pyarrow as pa

BARS: Final = {
    "ticker": STRING,
    "window_start": WHOLE,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), NUMBER),
    "transactions": WHOLE,
}
TRADES: Final = {
    **dict.fromkeys(("ticker", "conditions", "correction", "exchange", "id", "tape", "trf_id"), STRING),
    **dict.fromkeys(("participant_timestamp", "sip_timestamp"), WHOLE),
    **dict.fromkeys(("price", "size"), NUMBER),
}
QUOTES: Final = {
    "ticker": STRING,
    "sip_timestamp": WHOLE,
    **dict.fromkeys(("bid_price", "ask_price", "bid_size", "ask_size"), NUMBER),
    "conditions": STRING,
}
"""Of the best bid and offer of all exchanges; its indicators tell price bands, and not whom one can deal with."""

# Massive, "Conditions and indicators": its numbers for the letters of the tapes. 2 is B on the CTA's tapes and W on the
# UTP's. A number that is not here stands for itself as an unknown letter: its shares count, and it sets no price.
_NUMBERED: Final = (
    "0@ 1A 3E 4B 5G 7C 86 9X 104 11D 12T 13U 14F 15M 16Q 17O 185 196 20N 21H 22P 23K 25O 271 285 29R 30L 32Z 33Z 34S "
    "35V 36Y 37I 389 41X 52V 537"
)
_LETTERS: Final = {int(each[:-1]): each[-1] for each in _NUMBERED.split()}
_NOT_DEALABLE: Final = frozenset(str(each) for each in (15, *range(18, 33)))
"""Conditions of quotations, which have numbers of their own: closed (15, 19), an indication (18), not firm (20), told
during a halt (21 to 32)."""
_AVERAGE: Final = "2"
_UNKNOWN: Final = "?"
_UTP: Final = "3"
"""Tape C, as Massive numbers them."""


def written_anew(
    path: Path, columns: dict[str, str], symbols: Sequence[str], change: Callable[[pa.Table], pa.Table]
) -> Path:
    """Write the rows of a flat file, of all symbols or only of some, beside it as Parquet; DataError when damaged.

    `change` is given a stretch of them at a time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def some(table: pa.Table) -> pa.Table:
        return table.filter(pc.is_in(table.column("ticker"), pa.array(symbols, pa.string())))

    return as_parquet(path, columns, (lambda table: change(some(table))) if symbols else change)


def as_told(table: pa.Table, _date: dt.date) -> pa.Table:
    """Return rows as they are."""
    return table


def lettered(table: pa.Table, _date: dt.date) -> pa.Table:
    """Put letters for the numbers of conditions, and a venue for each facility that reports trades."""
    import pyarrow as pa
    import pyarrow.compute as pc

    both = pc.binary_join_element_wise(table.column("conditions"), table.column("tape"), "|").combine_chunks()
    coded = both.dictionary_encode()
    words = pa.array([_letters(*word.split("|")) for word in coded.dictionary.to_pylist()], pa.string())
    letters = pa.DictionaryArray.from_arrays(coded.indices, words).cast(pa.string())
    table = table.set_column(table.column_names.index("conditions"), "conditions", letters)
    # Ids are unique per symbol, exchange and reporting facility.
    venue = pc.binary_join_element_wise(table.column("exchange"), table.column("trf_id"), ":")
    return table.set_column(table.column_names.index("exchange"), "exchange", venue).drop_columns(["trf_id"])


def standing(table: pa.Table, date: dt.date) -> pa.Table:
    """Tell sizes of quotations in shares, and those that nobody has to honour as gone."""
    conditions = table.column("conditions").combine_chunks().dictionary_encode()
    stands = np.array([_NOT_DEALABLE.isdisjoint(_numbers(each)) for each in conditions.dictionary.to_pylist()], bool)
    dealable = stands[conditions.indices.to_numpy()] if len(table) else np.empty(0, bool)
    for side in ("bid", "ask"):
        price, size = (table.column(f"{side}_{name}").to_numpy() for name in ("price", "size"))
        if date < IN_SHARES_FROM:
            size = np.where(price > SMALL_LOTS_FROM, size, size * LOT)
        for name, values in (("price", price), ("size", size)):
            place = table.column_names.index(f"{side}_{name}")
            # Left out, they would let the quotation before them stand.
            table = table.set_column(place, f"{side}_{name}", [np.where(dealable, values, 0.0)])
    return table.drop_columns(["conditions"])


def _letters(numbers: str, tape: str) -> str:
    return "".join(_letter(each, tape) for each in _numbers(numbers))


def _numbers(text: str) -> list[str]:
    return [each.strip() for each in text.replace("[", "").replace("]", "").split(",") if each.strip()]


def _letter(number: str, tape: str) -> str:
    if number == _AVERAGE:
        return "W" if tape == _UTP else "B"
    return _LETTERS.get(int(number), _UNKNOWN) if number.isascii() and number.isdecimal() else _UNKNOWN
