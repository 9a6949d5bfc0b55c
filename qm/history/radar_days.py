"""Questions to the radar's snapshots of one session: who stood where, when, and why."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from qm.clock import MINUTE
from qm.errors import NotFoundError, nearest
from qm.history.parted import files_of, read
from qm.history.snapshots import FLAGS, POINTS, market_path
from qm.radar.fitness import WORDS, Lack

STEP_NS: Final = 30 * MINUTE
"""A story tells of a symbol at least so often."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol at one beat."""

    ts: int
    """ns UTC."""
    symbol: str
    rank: int
    """1 is the strongest, 0 is not ranked."""
    score: float
    last: float | None
    chg_pct: float | None
    rvol: float | None
    dollars: float
    """Traded today, pre-market included, $."""
    flags: tuple[str, ...] = ()
    """halt, high (new within the last minute), list (on the radar's list)."""
    parts: dict[str, float] = {}
    """Points by part of the score, the largest first."""
    lack: str = ""
    """Why it is not ranked; told by snapshots of the whole market only."""
    rank_change: int | None = None
    """Places gained (+) or lost (-) since the minute boundary one minute before."""
    velocity: float | None = None
    """Places gained (+) or lost (-) per minute since the minute boundary five minutes before."""
    listed_min: float | None = None
    """Minutes on the radar's list without a break."""


class Turn(msgspec.Struct, frozen=True):
    """A point at which the story of a symbol turns, or goes on."""

    what: str
    line: Line


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one symbol through a session."""

    symbol: str
    first: int
    """The beat at which it was seen first, ns UTC."""
    beats: int
    """Beats at which it was kept: among the strongest, or on the list."""
    all_beats: int
    """Beats of the session."""
    best_rank: int
    """0 when it was never ranked."""
    best_at: int
    minutes_listed: float
    ranks: tuple[int, ...]
    """Best rank in each of equal stretches of the session, 0 where it was not ranked."""
    turns: tuple[Turn, ...]


class Runner(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol that reached the top, at the beat at which it first did."""

    line: Line
    best_rank: int
    high: float
    """Highest last price at a later beat, this one included, $."""
    beats_at_top: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How two stores of one session differ."""

    beats: int
    """That both have."""
    only_first: int
    """Beats that only the first store has."""
    only_second: int
    rows: int
    """Of the beats that both have: symbol and beat."""
    ranks: int
    """Rows with another rank, or in one store only."""
    scores: int
    """Rows of the same rank with another score."""
    at: int
    """The first beat with a difference, ns UTC; 0 when there is none."""
    symbol: str
    """The symbol of that difference."""

    @property
    def same(self) -> bool:
        """Both stores tell the same."""
        return not (self.only_first or self.only_second or self.ranks or self.scores)


def at(path: Path, moment: int, whole: bool = False) -> list[Line]:
    """Return the last beat at or before a moment (ns UTC), the strongest first; nothing before the first beat.

    With `whole` it is the last snapshot of the whole market. Raises NotFoundError and DataError.
    """
    lines = _lines(read(market_path(path) if whole else path, at=moment))
    if whole:
        return sorted(lines, key=lambda line: (line.rank == 0, line.rank, -line.score))
    return _with_ways(path, lines) if lines else []


def span(path: Path) -> tuple[int, int]:
    """Return the first and the last beat of a session, ns UTC; NotFoundError."""
    times = read(path, columns=["ts"])["ts"]
    return times[0].as_py(), times[-1].as_py()


def story(path: Path, symbol: str, stretches: int = 60) -> Story:
    """Return the story of one symbol; NotFoundError with the nearest symbols when the radar never showed it."""
    lines = _lines(read(path, symbol=symbol))
    beats = np.unique(read(path, columns=["ts"])["ts"].to_numpy())
    if not lines:
        raise NotFoundError(
            f"{symbol} was never among the strongest of {path.stem} in run {path.parent.name}.{_why_not(path, symbol)}",
            nearest=nearest(symbol, sorted(set(read(path, columns=["symbol"])["symbol"].to_pylist()))),
        )
    ranked = [line for line in lines if line.rank]
    best = min(ranked, key=lambda line: (line.rank, line.ts), default=lines[0])
    step = float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0
    return Story(
        symbol=symbol,
        first=lines[0].ts,
        beats=len(lines),
        all_beats=len(beats),
        best_rank=best.rank,
        best_at=best.ts,
        minutes_listed=round(sum("list" in line.flags for line in lines) * step / 60e9, 1),
        ranks=_sampled(lines, int(beats[0]), int(beats[-1]), stretches),
        turns=tuple(_turns(lines, beats.tolist())),
    )


def runners(path: Path, top: int = 3, score: float = 50.0) -> list[Runner]:
    """Return who reached a rank of `top` or better with a score of at least `score`, in the order of the first time."""
    table = read(path)
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in ("ts", "rank", "score", "last")}
    names = np.array(table["symbol"].to_pylist(), object)
    there = np.flatnonzero((columns["rank"] > 0) & (columns["rank"] <= top) & (columns["score"] >= score))
    first: dict[str, int] = {}
    for row in there.tolist():
        first.setdefault(names[row], row)
    found = []
    for symbol, row in first.items():
        own = np.flatnonzero(names == symbol)
        later = own[own >= row]
        ranks = columns["rank"][own]
        found.append(
            Runner(
                line=_lines(table.slice(row, 1))[0],
                best_rank=int(ranks[ranks > 0].min()),
                high=float(np.nanmax(columns["last"][later].astype(float))),
                beats_at_top=int(np.count_nonzero(names[there] == symbol)),
            )
        )
    return found


def difference(first: Path, second: Path) -> Difference:
    """Compare two stores of a session beat by beat: ranks and scores of every symbol that either has."""
    stores = [_by_beat(read(path, columns=["ts", "symbol", "rank", "score"])) for path in (first, second)]
    both = sorted(stores[0].keys() & stores[1].keys())
    rows = ranks = scores = 0
    where: tuple[int, str] | None = None
    for ts in both:
        one, other = stores[0][ts], stores[1][ts]
        for symbol in sorted(one.keys() | other.keys()):
            rows += 1
            if one.get(symbol) == other.get(symbol):
                continue
            a, b = one.get(symbol), other.get(symbol)
            alike = a is not None and b is not None and a[0] == b[0]
            ranks, scores = ranks + (not alike), scores + alike
            where = where or (ts, symbol)
    lonely = sorted(stores[0].keys() ^ stores[1].keys())
    if lonely and (where is None or lonely[0] < where[0]):
        where = (lonely[0], "")
    return Difference(
        beats=len(both),
        only_first=len(stores[0]) - len(both),
        only_second=len(stores[1]) - len(both),
        rows=rows,
        ranks=ranks,
        scores=scores,
        at=where[0] if where else 0,
        symbol=where[1] if where else "",
    )


def _with_ways(path: Path, lines: list[Line]) -> list[Line]:
    table, now = read(path, columns=["ts", "symbol", "rank", "flags"]), lines[0].ts
    ts, rank, flags = (table[name].to_numpy() for name in ("ts", "rank", "flags"))
    coded = table["symbol"].combine_chunks().dictionary_encode()
    symbol, names = coded.indices.to_numpy(), coded.dictionary.to_pylist()
    ago = {minutes: now // MINUTE * MINUTE - minutes * MINUTE for minutes in (1, 5)}
    beats = np.unique(ts[ts <= now])
    found = []
    for line in lines:
        own = np.flatnonzero((symbol == names.index(line.symbol)) & (ts <= now))
        ranks = {int(ts[i]): int(rank[i]) for i in own if ts[i] >= ago[5]}
        then = ranks.get(ago[1], 0)
        # From the first boundary of the last five minutes that is known and a minute old.
        marks = [at_ for at_ in beats.tolist() if ago[5] <= at_ <= now - MINUTE and at_ % MINUTE == 0]
        before = ranks.get(marks[0], 0) if marks else 0
        here = np.isin(beats, ts[own][(flags[own] & FLAGS["list"]) > 0])
        since = beats[len(here) - int(np.argmin(here[::-1])) :] if not here.all() else beats
        found.append(
            msgspec.structs.replace(
                line,
                rank_change=then - line.rank if then and line.rank else None,
                velocity=round((before - line.rank) * MINUTE / (now - marks[0]), 3) if before and line.rank else None,
                listed_min=round((now - int(since[0])) / MINUTE, 1) if "list" in line.flags else None,
            )
        )
    return found


def _by_beat(table: pa.Table) -> dict[int, dict[str, tuple[int, float]]]:
    found: dict[int, dict[str, tuple[int, float]]] = {}
    columns = (table[name].to_pylist() for name in ("ts", "symbol", "rank", "score"))
    for ts, symbol, rank, score in zip(*columns, strict=True):
        found.setdefault(ts, {})[symbol] = (rank, score)
    return found


def _why_not(path: Path, symbol: str) -> str:
    if not files_of(market_path(path)):
        return ""
    lines = _lines(read(market_path(path), symbol=symbol))
    if not lines:
        return " It had no price, or is not of this session."
    last = lines[-1]
    reasons = sorted({line.lack for line in lines if line.lack})
    best = min((line.rank for line in lines if line.rank), default=0)
    return f" Its best rank was {best:,}." if best else f" It was not ranked: {'; '.join(reasons) or last.lack}."


def _sampled(lines: list[Line], first: int, last: int, stretches: int) -> tuple[int, ...]:
    best = [0] * stretches
    width = max(1, last - first + 1)
    for line in lines:
        place = (line.ts - first) * stretches // width
        if line.rank and (not best[place] or line.rank < best[place]):
            best[place] = line.rank
    return tuple(best)


def _turns(lines: list[Line], beats: list[int]) -> list[Turn]:
    found = [Turn("first seen", lines[0])]
    after = dict(pairwise(beats))
    best = lines[0].rank
    for before, line in pairwise(lines):
        flags, had = line.flags, before.flags
        if after.get(before.ts) != line.ts:
            what = "back"
        elif "halt" in flags and "halt" not in had:
            what = "halted"
        elif "halt" in had and "halt" not in flags:
            what = "trades again"
        elif "list" in flags and "list" not in had:
            what = "on the list"
        elif "list" in had and "list" not in flags:
            what = "off the list"
        elif line.rank and (not best or line.rank <= best * 0.7):
            what = "best so far"
        elif line.ts - found[-1].line.ts >= STEP_NS:
            what = ""
        else:
            continue
        found.append(Turn(what, line))
        best = min(line.rank or best, best or line.rank)
    if found[-1].line is not lines[-1]:
        found.append(Turn("last seen", lines[-1]))
    return found


def _lines(table: pa.Table) -> list[Line]:
    points = [name for name in table.column_names if name.endswith(POINTS)]
    return [_line(row, points) for row in table.to_pylist()]


def _line(row: dict[str, Any], points: list[str]) -> Line:
    parts = {name.removesuffix(POINTS): row[name] for name in points if row[name]}
    lack = Lack(row.get("lack", 0))
    return Line(
        ts=row["ts"],
        symbol=row["symbol"],
        rank=row["rank"],
        score=round(row["score"], 3),
        last=row["last"],
        chg_pct=_rounded(row["chg_pct"], 2),
        rvol=_rounded(row["rvol"], 2),
        dollars=(row["dollar_volume"] or 0.0) + (row["pre_dollar_volume"] or 0.0),
        flags=tuple(flag for flag, bit in FLAGS.items() if row.get("flags", 0) & bit),
        parts={name: round(value, 3) for name, value in sorted(parts.items(), key=lambda part: -part[1])},
        lack=WORDS[lack],
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
