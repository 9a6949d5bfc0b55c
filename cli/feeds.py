"""Feed specs: how a trader writes where the market comes from, and how fast it runs."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn, cast

from qm.errors import UsageError, did_you_mean, nearest

SYNTHETIC_DATE: Final = dt.date(2025, 3, 10)
"""Session of a synthetic market that names none, so that the same command shows the same market."""
SYMBOLS_MAX: Final = 20_000
SPEED_MAX: Final = 1_000_000.0
RECORDINGS: Final = (".rec", ".parquet")

EXAMPLE: Final = "E.g. synthetic:500:seed=1@30x, replay:us99_1m/2025-01-03@10x or replay:sim-3.parquet@max."

DIRT: Final = (
    *("bad_quotes", "corrections", "end_labels", "late", "no_volume", "outage", "reverse_split", "stale_venue"),
    "twice",
)
"""Faults of real feeds that a synthetic market can have; `brokers.sim.market.dirt` says what each is."""

_SPEED: Final = re.compile(r"(?P<rest>.*)@(?P<speed>[^@/]*)\Z", re.DOTALL)
_DETAILS: Final = ("trades", "bars")


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A made-up market."""

    symbols: int = 500
    seed: int = 1
    date: dt.date = SYNTHETIC_DATE
    detail: Literal["trades", "bars"] = "trades"
    dirt: tuple[str, ...] = ()
    """Faults of real feeds that are put onto it."""

    @property
    def name(self) -> str:
        """The spec of the market, without its date."""
        detail = "" if self.detail == "trades" else f":detail={self.detail}"
        dirt = f":dirt={'+'.join(self.dirt)}" if self.dirt else ""
        return f"synthetic:{self.symbols}:seed={self.seed}{detail}{dirt}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A session of a dataset; None is its last one."""

    dataset: str
    date: dt.date | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording: a path, or the name of a run."""

    path: Path


Source = Synthetic | Stored | Recorded


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a market comes from, and how many times faster than the clock it runs; 0 is as fast as possible."""

    source: Source
    speed: float
    text: str
    """As it was written."""


def parse_feed(text: str, speed: float = 1.0) -> Feed:
    """Read a spec; `speed` holds when it names none. UsageError names the part that cannot be read."""
    body = text.strip()
    found = _SPEED.match(body)
    if found:
        body, speed = found["rest"], _speed(text, found["speed"])
    kind, colon, rest = body.partition(":")
    if kind == "synthetic":
        return Feed(parse_synthetic(body), speed, text)
    if kind == "replay":
        if not colon or not rest:
            _refuse(text, "replay needs the name of a dataset or a recording")
        return Feed(_replayed(text, rest), speed, text)
    close = did_you_mean(nearest(kind, ("synthetic", "replay")))
    raise _refusal(text, f"{kind!r} is no kind of feed", f"Write replay:{body}." if looks_recorded(body) else close)


def parse_synthetic(text: str) -> Synthetic:
    """Read `synthetic[:SYMBOLS][:seed=N][:date=YYYY-MM-DD][:detail=trades|bars][:dirt=A+B]`.

    UsageError names the part.
    """
    made = {"symbols": 500, "seed": 1, "date": SYNTHETIC_DATE, "detail": "trades", "dirt": ()}
    for part in text.split(":")[1:]:
        name, equals, value = part.partition("=")
        if not equals:
            name, value = "symbols", part
        if name not in made:
            _refuse(text, f"{name!r} is no part of it", did_you_mean(nearest(name, made)))
        if name == "date":
            made[name] = _date(text, value)
        elif name == "detail":
            if value not in _DETAILS:
                _refuse(text, f"the detail {value!r} is neither trades nor bars")
            made[name] = value
        elif name == "dirt":
            kinds = tuple(sorted(set(value.split("+"))))
            for kind in kinds:
                if kind not in DIRT:
                    _refuse(text, f"{kind!r} is no kind of dirt", f"There are {', '.join(DIRT)}.")
            made[name] = kinds
        else:
            made[name] = _whole(text, name, value, 2 if name == "symbols" else 0)
    return Synthetic(
        cast("int", made["symbols"]),
        cast("int", made["seed"]),
        cast("dt.date", made["date"]),
        cast("Literal['trades', 'bars']", made["detail"]),
        cast("tuple[str, ...]", made["dirt"]),
    )


def looks_recorded(text: str) -> bool:
    """Say whether a name is that of a file of a recording."""
    return text.endswith(RECORDINGS)


def parse_date(text: str, what: str) -> dt.date:
    """Read a date; UsageError names `what` it was for."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what} is {text!r}, which is no date.", "Write it as YYYY-MM-DD.") from None


def _replayed(text: str, rest: str) -> Source:
    if looks_recorded(rest):
        return Recorded(Path(rest).expanduser())
    dataset, slash, date = rest.partition("/")
    if not dataset:
        _refuse(text, "the dataset has no name")
    if slash and not date:
        _refuse(text, "the date after / is missing")
    dataset, _, kind = dataset.partition(":")
    return Stored(dataset, _date(text, date) if slash else None, kind or None)


def _speed(text: str, word: str) -> float:
    if word == "max":
        return 0.0
    try:
        speed = float(word.removesuffix("x"))
    except ValueError:
        speed = -1.0
    if not 0 < speed <= SPEED_MAX:
        _refuse(text, f"the speed {word!r} is no positive number", "Write it as @10x, or @max for no waiting.")
    return speed


def _whole(text: str, name: str, value: str, least: int) -> int:
    most = SYMBOLS_MAX if name == "symbols" else 2**32 - 1
    if not (value.isascii() and value.isdecimal() and least <= int(value) <= most):
        _refuse(text, f"{name} is {value!r}, not a whole number from {least} to {most:,}")
    return int(value)


def _date(text: str, value: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise _refusal(text, f"{value!r} is no date like 2025-03-10") from None


def _refuse(text: str, why: str, remedy: str = "") -> NoReturn:
    raise _refusal(text, why, remedy)


def _refusal(text: str, why: str, remedy: str = "") -> UsageError:
    return UsageError(f"The feed {text!r} cannot be read: {why}.", f"{remedy} {EXAMPLE}".strip())
