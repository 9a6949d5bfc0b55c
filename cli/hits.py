"""Scans and what they find, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from backtest.aftermath import SILENT_MIN, caution, fell_silent, moves, stopped
from backtest.scans import Found, Result, Seen
from cli.markets import Chosen
from cli.output import emit, facts, table
from qm.clock import MINUTE, ny
from qm.errors import NotFoundError
from qm.market.features import ABOUT, CODES, FLAGS, MOMENTS, UNITS
from qm.model.events import Check
from qm.rules.halts import coded
from qm.scanner.cadence import Trigger
from qm.scanner.conditions import Condition
from qm.scanner.presets import Scan
from qm.scanner.text import ALIASES

SCHEMA: Final = 1
"""Version of the JSON of `qm scan`; it goes up when a field changes its meaning."""
SHOWN: Final = 20
A_DAY_S: Final = 24 * 60 * 60
"""A cool-down so long lasts for the rest of the day."""
_OPEN_S: Final = (9 * 60 + 30) * 60
"""09:30 in seconds after midnight."""
_HEADS: Final = {
    "min_5_pct": "after 5 min",
    "min_15_pct": "after 15 min",
    "min_60_pct": "after 60 min",
    "close_pct": "to the close",
    "mfe_pct": "best (MFE)",
    "mae_pct": "worst (MAE)",
}
_SHORT: Final = {"min_5_pct": "5 min", "min_15_pct": "15 min", "min_60_pct": "60 min", "close_pct": "close"}


# --- scans -------------------------------------------------------------------------------------------------------


def scan_data(scan: Scan, *, own: bool = False) -> dict[str, Any]:
    """Return a scan as programs read it."""
    return {
        "name": scan.name,
        "when": str(scan.condition),
        "window": [_clock(scan.start_ns), _clock(scan.end_ns)],
        "rank_by": scan.rank_by,
        "top": scan.top,
        "cooldown_s": scan.cooldown_s,
        "hold_s": scan.hold_s,
        "rearm_pct": scan.rearm_pct,
        "rearm_s": scan.rearm_s,
        "rearm_by": scan.rearm_by,
        "trigger": str(scan.trigger),
        "shows": list(scan.shows),
        "own": own,
    }


def show_scans(scans: Sequence[tuple[Scan, bool]]) -> None:
    """Write scans to stdout, one after the other; each comes with whether it is the trader's own."""
    for number, (scan, own) in enumerate(scans):
        if number:
            emit()
        emit(f"{scan.name}{'  (yours)' if own else ''}")
        facts(
            [
                ("  when", str(scan.condition)),
                ("  window", f"{_window(scan)}{_asked(scan)}, the {scan.top} with the most {scan.rank_by}"),
                ("  a find", f"{_lasting(scan)}{_repeated(scan)}, and comes again {_again(scan)}"),
            ]
        )


def feature_data() -> list[dict[str, Any]]:
    """Return all features as programs read them."""
    return [
        {
            "name": name,
            "unit": unit,
            "flag": name in FLAGS,
            "aliases": [alias for alias, feature in ALIASES.items() if feature == name],
            "about": ABOUT[name],
        }
        for name, unit in UNITS.items()
    ]


def show_features(names: Iterable[str] = UNITS) -> None:
    """Write features to stdout with units, shorter names and meanings."""
    wanted = set(names)
    listed = [each for each in feature_data() if each["name"] in wanted]
    rows = [(each["name"], each["unit"], ", ".join(each["aliases"]), each["about"]) for each in listed]
    heads = ("feature", "unit", "also", "meaning")
    table(heads, rows, left=heads)


def show_meaning(condition: Condition) -> None:
    """Write to stdout what a condition asks for."""
    emit("\n".join(condition.outline()))
    emit()
    show_features(condition.names())


# --- one moment --------------------------------------------------------------------------------------------------


def moment_data(scan: Scan, seen: Seen, symbol: str | None) -> dict[str, Any]:
    """Return who passes at a moment, and for one symbol why it does or does not; NotFoundError for the symbol."""
    passing = [_passing(scan, seen, row) for row in seen.passing(scan)]
    data: dict[str, Any] = {
        "ts": seen.ts,
        "at": f"{ny(seen.ts):%Y-%m-%d %H:%M:%S}",
        "symbols": len(seen.market.table),
        "asked": scan.asked_at(seen.ts),
        "never_known": unknown(scan, seen),
        "passing": passing,
    }
    if symbol is not None:
        checks = seen.why(scan, _row(seen, symbol))
        data["symbol"] = {
            "symbol": symbol,
            "passes": any(each["symbol"] == symbol for each in passing),
            "checks": [msgspec.structs.asdict(check) for check in checks],
        }
    return data


def show_moment(scan: Scan, seen: Seen, data: Mapping[str, Any]) -> None:
    """Write to stdout who passes, and why one symbol does or does not."""
    passing = data["passing"]
    emit(f"{data['at']} New York: {len(passing):,} of {data['symbols']:,} symbols pass")
    if not data["asked"]:
        emit(f"At this moment it is not asked, but {_window(scan)}{_asked(scan)}.")
    elif len(passing) > scan.top:
        emit(f"It finds the first {scan.top} of them.")
    if passing:
        asked = _columns(scan)
        rows = [
            (each["symbol"], str(each["rank"] or "-"), f"{each['last']:,.2f}", *_cells(each["values"], asked))
            for each in passing[:SHOWN]
        ]
        table(("symbol", "rank", "last", *asked), rows, left=("symbol",))
        if len(passing) > SHOWN:
            emit(f"The first {SHOWN} of {len(passing):,}.")
    if one := data.get("symbol"):
        emit()
        emit(f"{one['symbol']} {'passes' if one['passes'] else 'does not pass'}:")
        show_checks(seen.why(scan, _row(seen, one["symbol"])))


def show_checks(checks: Iterable[Check]) -> None:
    """Write every comparison to stdout with the value that it met."""
    rows = []
    for check in checks:
        wanted = check.name if check.limit is None else f"{check.name} {check.limit:,.12g} {check.unit}".rstrip()
        value = "unknown" if check.value is None else f"{_value(check.value)} {check.unit}".rstrip()
        rows.append(("ok" if check.passed else "FAILS", wanted, value))
    table(("", "wanted", "value"), rows, left=("", "wanted"))


def _value(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def unknown(scan: Scan, seen: Seen) -> list[str]:
    """Return the features that the scan asks for and nobody knows at that moment."""
    return [name for name in scan.condition.names() if not (seen.features[name] == seen.features[name]).any()]


def _passing(scan: Scan, seen: Seen, row: int) -> dict[str, Any]:
    columns = seen.features.of(row)
    return {
        "symbol": seen.market.table.names[row],
        "rank": seen.ranking.rank_of(row),
        "last": columns["last"],
        "values": {name: columns.get(name) for name in scan.condition.names()},
    }


def _row(seen: Seen, symbol: str) -> int:
    if symbol not in seen.market.table:
        raise NotFoundError.of("symbol of this session", symbol, seen.market.table)
    return seen.market.table.row(symbol)


# --- many sessions -----------------------------------------------------------------------------------------------


def result_data(result: Result, chosen: Chosen, *, interrupted: bool, after: bool) -> dict[str, Any]:
    """Return what `--json` prints: the scan, what it was run on, every find, and with `after` what came then."""
    return {
        "schema": SCHEMA,
        "scan": scan_data(result.scan),
        "dataset": chosen.name,
        "first": chosen.dates[0],
        "last": result.sessions[-1],
        "sessions": len(result.sessions),
        "symbols": result.symbols,
        "beats": result.beats,
        "never_known": result.never_known,
        "interrupted": interrupted,
        "hits": [_hit(found, after=after) for found in result.found],
        **({"after": _after(result.found)} if after else {}),
    }


def show_hits(result: Result, chosen: Chosen) -> None:
    """Write every find to stdout."""
    _show_title(result, chosen)
    if result.found:
        asked = _columns(result.scan)
        rows = [(*_place(found), *_cells(found.values, asked)) for found in result.found]
        table(("session", "time", "symbol", "rank", "last", *asked), rows, left=("session", "time", "symbol"))


def show_after(result: Result, chosen: Chosen) -> None:
    """Write to stdout what came after the finds: all together, and for the latest ones."""
    _show_title(result, chosen)
    if not result.found:
        return
    rows = [
        (_HEADS[move.name], f"{move.n:,}", _pct(move.mean_pct), _pct(move.median_pct), _share(move.name, move.positive))
        for move in moves(result.found)
    ]
    table(("", "n", "mean %", "median %", "positive"), rows, left=("",))
    emit("From the last price at the find, before costs; nobody gets all fills at that price.")
    if halted := stopped(result.found):
        emit(f"After {halted:,} of the finds the symbol did not trade again; they count with its last price.")
    if silent := fell_silent(result.found):
        emit(f"After {silent:,} it had no trade in the last {SILENT_MIN} minutes of the day; the same holds for them.")
    emit("A dataset of symbols that exist today leaves out those that failed since.")
    emit(caution(result.found))
    emit()
    latest = result.found[-SHOWN:]
    lines = [(*_place(found), *(_pct(getattr(found.after, name)) for name in _HEADS)) for found in latest]
    heads = ("session", "time", "symbol", "rank", "last", *(_SHORT.get(name, name[:3]) for name in _HEADS))
    table(heads, lines, left=("session", "time", "symbol"))
    if len(result.found) > SHOWN:
        emit(f"The last {SHOWN} of {len(result.found):,}.")


def _show_title(result: Result, chosen: Chosen) -> None:
    scan = result.scan
    emit(f"{scan.name}: {scan.condition}")
    of = f"{chosen.name} ({result.symbols:,} symbols), {chosen.dates[0]} to {result.sessions[-1]}"
    finds, sessions = _counted(len(result.found), "find"), _counted(len(result.sessions), "session")
    emit(f"{finds} in {sessions} of {of}, asked {_window(scan)}")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _hit(found: Found, *, after: bool) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(found)
    if not after:
        del data["after"]
    told = {name: _told(name, value) for name, value in found.values.items() if name in (*CODES, *MOMENTS)}
    if told:
        data["told"] = {name: None if text == "?" else text for name, text in told.items()}
    return {"session": found.session, "time": f"{ny(found.ts):%H:%M:%S}", **data}


def _after(found: Sequence[Found]) -> dict[str, Any]:
    return {
        "moves": moves(found),
        "stopped": stopped(found),
        "fell_silent": fell_silent(found),
        "caution": caution(found),
    }


def _place(found: Found) -> tuple[str, str, str, str, str]:
    return found.session, f"{ny(found.ts):%H:%M:%S}", found.symbol, str(found.rank or "-"), f"{found.last:,.2f}"


def _columns(scan: Scan) -> list[str]:
    return [name for name in scan.asks if name != "last" and name not in FLAGS]


def _cells(values: Mapping[str, float | None], names: Sequence[str]) -> list[str]:
    return [_told(name, values.get(name)) for name in names]


def _told(name: str, value: float | None) -> str:
    """Write the value of a feature as people do: codes by name, moments by the clock of New York."""
    if value is not None and name in CODES:
        code = coded(value)
        return "?" if code is None else code.name
    if value is not None and name in MOMENTS:
        seconds = round(60 * value) + _OPEN_S
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return _amount(value, UNITS[name])


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "?"
    if unit == "shares" or (unit == "$" and abs(value) >= 1e5):
        for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
            if abs(value) >= size:
                return f"{value / size:.4g}{letter}"
    return f"{value:.0f}" if unit in ("s", "bp", "min", "days", "shares") else f"{value:,.2f}"


def _pct(value: float | None) -> str:
    return "?" if value is None else f"{value:+.2f}"


def _share(name: str, positive: float | None) -> str:
    # The best is never below and the worst never above: their signs say nothing.
    return "" if positive is None or name in ("mfe_pct", "mae_pct") else f"{positive:.0%}"


def _window(scan: Scan) -> str:
    start, end = _clock(scan.start_ns), _clock(scan.end_ns)
    return f"at {start}" if start == end else f"from {start} to {end}"


def _asked(scan: Scan) -> str:
    if scan.start_ns == scan.end_ns:
        return ""
    return " at every beat" if scan.trigger is Trigger.BEAT else " where a minute ends"


def _again(scan: Scan) -> str:
    risen = f", or {scan.rearm_pct:g} % higher" if scan.rearm_pct else ""
    risen += f", or when {scan.rearm_by} has grown" if scan.rearm_by and scan.cooldown_s else ""
    if scan.cooldown_s >= A_DAY_S:
        return f"on another day{risen}"
    return f"{_span(scan.cooldown_s)} after it was over{risen}" if scan.cooldown_s else "at once"


def _repeated(scan: Scan) -> str:
    ways = (
        f"{scan.rearm_pct:g} % higher" if scan.rearm_pct else "",
        f"after {_span(scan.rearm_s)}" if scan.rearm_s else "",
        f"when {scan.rearm_by} has grown" if scan.rearm_by else "",
    )
    told = " or ".join(filter(None, ways))
    return f", is told again {told}" if told else ""


def _lasting(scan: Scan) -> str:
    return f"lasts at least {_span(scan.hold_s)}" if scan.hold_s else "lasts while it holds"


def _span(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 300 and seconds % 60 == 0 else f"{seconds} s"


def _clock(ns: int) -> str:
    minutes = ns // MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
