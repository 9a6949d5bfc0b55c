"""What stands in a flat file, in the types and letters that the importer reads, a stretch of rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

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

# Massive, "Conditions and indicators": its numbers for the letters of the tapes. 2 is B on the CTA's tapes and W on the
# UTP's. A number that is not here stands for itself as an unknown letter: its shares count, and it sets no price.
_NUMBERED: Final = (
    "0@ 1A 3E 4B 5G 7C 86 9X 104 11D 12T 13U 14F 15M 16Q 17O 185 196 20N 21H 22P 23K 25O 271 285 29R 30L 32Z 33Z 34S "
    "35V 36Y 37I 389 41X 52V 537"
)
_LETTERS: Final = {int(each[:-1]): each[-1] for each in _NUMBERED.split()}
_AVERAGE: Final = "2"
_UNKNOWN: Final = "?"
_UTP: Final = "3"
"""Tape C, as Massive numbers them."""


def written_anew(path: Path, columns: dict[str, str], symbols: Sequence[str]) -> Path:
    """Write the rows of a flat file, of all symbols or only of some, beside it as Parquet; DataError when damaged."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def change(table: pa.Table) -> pa.Table:
        if symbols:
            table = table.filter(pc.is_in(table.column("ticker"), pa.array(symbols, pa.string())))
        return _lettered(table) if "conditions" in columns else table

    return as_parquet(path, columns, change)


def _lettered(table: pa.Table) -> pa.Table:
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


def _letters(numbers: str, tape: str) -> str:
    found = [each.strip() for each in numbers.replace("[", "").replace("]", "").split(",") if each.strip()]
    return "".join(_letter(each, tape) for each in found)


def _letter(number: str, tape: str) -> str:
    if number == _AVERAGE:
        return "W" if tape == _UTP else "B"
    return _LETTERS.get(int(number), _UNKNOWN) if number.isascii() and number.isdecimal() else _UNKNOWN
