"""The radar for people: tables, and the story of one symbol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cli.output import emit, facts, say, table
from cli.radar_places import Kept
from cli.stores import journal_file, reading
from qm.clock import ny
from qm.history.radar_days import Difference, Line, Runner, Story
from qm.journal.explain import steps
from qm.model.events import (
    Alerted,
    Allocated,
    Banned,
    Filled,
    Hit,
    HitEnded,
    HitRefreshed,
    HitRejected,
    PrintBusted,
    Refused,
    Released,
    Signal,
    StrategyFailed,
    TradeClosed,
    TradingHalted,
    TradingResumed,
    Unbanned,
    Unwatched,
    Watched,
)
from qm.store.reader import JournalReader

PARTS: Final = 3
"""Parts of a score that are shown."""
BARS: Final = "▁▂▃▄▅▆▇█"
_TOLD: Final = (
    *(TradingHalted, TradingResumed, PrintBusted),
    *(Hit, HitEnded, HitRefreshed, HitRejected, Watched, Unwatched, Banned, Unbanned),
    *(Allocated, Released, Alerted, Signal, Refused, Filled, TradeClosed, StrategyFailed),
)
_LEFT: Final = ("symbol", "flags", "made of", "time", "what")


def show_lines(where: Kept, lines: Sequence[Line], limit: int) -> None:
    """Write the radar of one beat as a table to stdout."""
    emit(f"{ny(lines[0].ts):%Y-%m-%d %H:%M:%S} New York, run {where.run} ({where.store})")
    emit()
    lacking = any(line.lack for line in lines[:limit])
    heads = ("rank", "symbol", "score", "last", "chg %", "rvol", "$M", "flags", "moved", "a min", "list", "made of")
    rows = [(*_cells(line), *_way(line), line.lack if lacking else _made_of(line)) for line in lines[:limit]]
    table(heads, rows, _LEFT, spare=("a min", "$M", "rvol", "list"))
    if len(lines) > limit:
        emit(f"{limit} of {len(lines):,} symbols; more with --limit.")


def show_story(where: Kept, found: Story, decided: Sequence[dict[str, Any]]) -> None:
    """Write the story of one symbol to stdout."""
    emit(f"{found.symbol} on {where.date}, run {where.run} ({where.store})")
    emit()
    best = f"{found.best_rank}, first at {ny(found.best_at):%H:%M:%S}" if found.best_rank else "never ranked"
    facts(
        [
            ("first seen", f"{ny(found.first):%H:%M:%S}, kept at {found.beats:,} of {found.all_beats:,} beats"),
            ("best rank", best),
            ("on the list", f"{found.minutes_listed:,.0f} min"),
            ("rank", sparkline(found.ranks)),
        ]
    )
    emit()
    heads = ("time", "rank", "score", "last", "chg %", "rvol", "$M", "flags", "what", "made of")
    rows = [
        (turn.line.ts, (_clock(turn.line.ts), *_cells(turn.line, symbol=False), turn.what, _made_of(turn.line)))
        for turn in found.turns
    ]
    rows += [(mark["ts"], (_clock(mark["ts"]), *[""] * 7, mark["what"], mark["text"])) for mark in decided]
    table(heads, [row for _, row in sorted(rows, key=lambda row: row[0])], _LEFT, spare=("$M", "rvol", "flags"))


def show_runners(where: Kept, found: Sequence[Runner]) -> None:
    """Write who reached the top, in the order in which they did, to stdout."""
    emit(f"{where.date}, run {where.run} ({where.store})")
    emit()
    if not found:
        say("No symbol reached the top; ask for more places with --top, or for fewer points with --score.")
        return
    heads = ("time", "symbol", "rank", "score", "last", "chg %", "best", "high", "made of")
    rows = [
        (
            _clock(each.line.ts),
            each.line.symbol,
            str(each.line.rank),
            f"{each.line.score:.1f}",
            _price(each.line.last),
            _number(each.line.chg_pct, "+.1f"),
            str(each.best_rank),
            _price(each.high),
            _made_of(each.line),
        )
        for each in found
    ]
    table(heads, rows, _LEFT, spare=("made of", "high"))


def show_difference(where: Kept, second: str, found: Difference) -> None:
    """Write how two stores differ to stdout."""
    if found.same:
        emit(f"{where.run} and {second}: no difference in {found.rows:,} ranks of {found.beats:,} beats.")
        return
    emit(f"{where.run} and {second} DIFFER.")
    facts(
        [
            ("beats", f"{found.beats:,} in both, {found.only_first:,} and {found.only_second:,} in one only"),
            ("ranks", f"{found.ranks:,} of {found.rows:,} differ, and {found.scores:,} scores of equal ranks"),
            ("first", f"{ny(found.at):%H:%M:%S} {found.symbol}"),
        ]
    )


def marks(where: Kept, symbol: str) -> list[dict[str, Any]]:
    """Return what the journal of the run says was decided about a symbol in this session; nothing without a journal."""
    if not journal_file(where.store).exists():
        return []
    with reading(where.store) as journal:
        if all(header.id != where.run for header in journal.runs()):
            return []
        return _marks(journal, where, symbol)


def sparkline(ranks: Sequence[int]) -> str:
    """Return ranks as a line of bars: the higher the better, a dot where there is none."""
    # Rank 1 fills the cell; each step down is about twice as far from the top.
    return "".join(BARS[max(0, 8 - rank.bit_length())] if rank else "." for rank in ranks)


def _marks(journal: JournalReader, where: Kept, symbol: str) -> list[dict[str, Any]]:
    about = [
        entry
        for entry in journal.entries_about(where.run, symbol=symbol)
        if isinstance(entry.body, _TOLD) and ny(entry.ts).date() == where.date
    ]
    return [{"ts": each.ts, "seq": each.seq, "what": each.what, "text": each.text} for each in steps(about)]


def _cells(line: Line, *, symbol: bool = True) -> tuple[str, ...]:
    rank = str(line.rank) if line.rank else "-"
    rest = (
        f"{line.score:.1f}",
        _price(line.last),
        _number(line.chg_pct, "+.1f"),
        _number(line.rvol, ".1f"),
        f"{line.dollars / 1e6:,.1f}",
        " ".join(line.flags),
    )
    return (rank, line.symbol, *rest) if symbol else (rank, *rest)


def _way(line: Line) -> tuple[str, str, str]:
    listed = "" if line.listed_min is None else f"{line.listed_min:,.0f} min"
    return (
        "" if line.rank_change is None else f"{line.rank_change:+d}",
        "" if line.velocity is None else f"{line.velocity:+.1f}",
        listed,
    )


def _made_of(line: Line) -> str:
    return ", ".join(f"{name} {points:.1f}" for name, points in list(line.parts.items())[:PARTS])


def _clock(ts: int) -> str:
    return f"{ny(ts):%H:%M:%S}"


def _price(value: float | None) -> str:
    return "?" if value is None else f"{value:.4f}" if value < 1 else f"{value:,.2f}"


def _number(value: float | None, form: str) -> str:
    return "?" if value is None else format(value, form)
