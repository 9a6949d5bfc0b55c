"""The line that is always there: in words, what is at stake and whether the picture can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from qm.wire.views import StatusView
from tui.format import age, clock, human, lasting, signed, whole
from tui.link import Moment
from tui.widgets.cells import by_sign
from tui.widgets.lines import Line, Lines, Part, line_width

GAP: Part = ("  ", "")
Field = tuple[Part, ...]
ONE_LINE_FROM = 76
"""Columns from which what must be said fits one line."""


class StatusBar(Lines):
    """Show the state of engine, account and link."""

    def fill(self, moment: Moment) -> None:
        """Show the moment."""
        self.show(bar(moment, self.size.width, self.size.height))


def rows_for(width: int) -> int:
    """Return the rows that the status needs at a width."""
    return 1 if width >= ONE_LINE_FROM else 2


def bar(moment: Moment, width: int, height: int) -> list[Line]:
    """Return the status in at most `height` lines: what must be said first, then what there is room for."""
    lines: list[list[Part]] = [[]]
    for field in must(moment):
        if lines[-1] and line_width(lines[-1]) + 2 + line_width(field) > width and len(lines) < height:
            lines.append([])
        lines[-1] += [GAP, *field] if lines[-1] else field
    for field in may(moment):
        if line_width(lines[-1]) + 2 + line_width(field) <= width:
            lines[-1] += [GAP, *field]
    return [tuple(line) for line in lines]


def must(moment: Moment) -> list[Field]:
    """Return what is said at every size."""
    status, health, pnl = moment.replica.status, moment.replica.health, moment.replica.pnl
    link = moment.link.word(moment.now)
    said: Field = (("link ", "dim"), (link, "" if link == "ok" else "warn"))
    if status is None or health is None or pnl is None:
        return [(("QuantMatrix", "live"),), said]
    feed_ms = feed_age_ms(moment)
    stale = feed_ms is None or feed_ms > max(status.stale_ms, 1)
    return [
        ((status.mode.upper(), "alert" if status.mode.casefold() == "live" else "live"),),
        ((f"{clock(status.ts)} ET", ""),),
        _entries(status),
        (("loss left ", "dim"), (f"{whole(pnl.loss_left_usd):<6}", "" if (pnl.loss_left_usd or 0) > 0 else "alert")),
        (("feed ", "dim"), (f"{age(feed_ms):<4}", "warn" if stale else "")),
        said,
    ]


def may(moment: Moment) -> list[Field]:
    """Return what is said where there is room, the most wanted first."""
    status, health, pnl = moment.replica.status, moment.replica.health, moment.replica.pnl
    if status is None or health is None or pnl is None:
        return []
    return [
        (("day ", "dim"), (f"{signed(pnl.day_usd):<6}", by_sign(pnl.day_usd))),
        (("eq ", "dim"), (whole(pnl.equity_usd), "")),
        ((f"{status.phase:<4}", "dim"),),
        (("speed ", "dim"), ("max" if status.speed == 0 else f"{status.speed:g}x", "")),
        (("hits ", "dim"), (str(status.hits), "")),
        (("power ", "dim"), (whole(pnl.buying_power_usd), "")),
        (("at risk ", "dim"), (whole(pnl.open_risk_usd), "")),
        (("session ", "dim"), (status.session, "")),
        ((status.feed, "dim"),),
        ((f"{human(health.records_per_s):>5}/s", "dim"),),
    ]


def feed_age_ms(moment: Moment) -> float | None:
    """Return how old the feed's last word is by now; None when nobody can tell, as while the link is lost."""
    health = moment.replica.health
    if health is None or health.feed_age_ms is None or moment.link.lost:
        return None
    return health.feed_age_ms + moment.link.quiet_s(moment.now) * 1000


def alerts(moment: Moment) -> list[str]:
    """Return what must be read before anything else, the most urgent first."""
    link, status = moment.link, moment.replica.status
    if link.lost_at is not None:
        since = lasting(moment.now - link.lost_at)
        frozen = f"data frozen {clock(status.ts)}" if status is not None else "no data yet"
        return [f"ENGINE LINK LOST {since} — {frozen}   {link.problem} {link.remedy}".rstrip()]
    if status is None:
        return []
    said = []
    if status.flattening:
        said.append("FLATTENING: cancelling orders and closing positions")
    bare = [row.symbol for row in moment.replica.positions.rows() if row.protected_qty < abs(row.qty)]
    if bare:
        said.append(f"NO STOP ON {' '.join(bare[:5])}{' …' if len(bare) > 5 else ''}")
    if status.entries != "on":
        said.append(f"ENTRIES STOPPED: {status.entries}")
    return said


def summary(moment: Moment, width: int) -> Line:
    """Return positions and orders in one line, for a screen with room for one table."""
    positions, orders = moment.replica.positions.rows(), moment.replica.orders.rows()
    over = {"filled", "canceled", "expired", "rejected"}
    working = sum(1 for order in orders if order.status not in over)
    parts: list[Part] = [("POS ", "head")]
    tail: Sequence[Part] = (("  ORD ", "head"), (f"{working} working", ""))
    if not positions:
        parts.append(("flat", "dim"))
    for place, row in enumerate(positions):
        field: list[Part] = [
            (f"{row.symbol} {row.qty:+d} ", ""),
            (signed(row.unrealized_usd), by_sign(row.unrealized_usd)),
        ]
        more = len(positions) - place
        if line_width([*parts, *field, *tail]) + 9 > width:
            parts.append((f"+{more} more", "dim"))
            break
        parts += [*field, GAP]
    return (*parts, *tail)


def _entries(status: StatusView) -> Field:
    if status.flattening:
        return (("entries ", "dim"), ("FLATTENING", "alert"))
    return (("entries ", "dim"), ("on", "") if status.entries == "on" else ("STOPPED", "warn"))
