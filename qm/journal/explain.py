"""Why a trade was made, or a signal was not: the walk along the causes, in words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from qm.clock import SECOND, ny
from qm.journal import wording
from qm.journal.quality import efficiency_of, shortfall
from qm.journal.rulings import rulings
from qm.journal.wording import Words
from qm.market import climate
from qm.market.names import known
from qm.model.events import (
    Activated,
    Allocated,
    Alternative,
    Assigned,
    Beat,
    Check,
    Entry,
    Filled,
    Hit,
    HitRefreshed,
    HitRejected,
    Intended,
    Planned,
    RadarRow,
    Refused,
    Signal,
    Sizing,
    StopMoved,
    TapeRead,
    TradeClosed,
    Watched,
)
from qm.model.order import Purpose

COMPARISONS = frozenset({">=", "<=", ">", "<"})
"""How the checks of a scan end their names."""


class Reader(Protocol):
    """What an explanation needs of a journal."""

    def entry(self, run: str, seq: int) -> Entry:
        """Return one entry."""
        ...

    def chain_of_causes(self, run: str, seq: int) -> list[Entry]:
        """Return an entry and what led to it, the first cause last."""
        ...

    def entries_about(
        self, run: str, *, symbol: str | None = None, order: str | None = None, trade: str | None = None
    ) -> list[Entry]:
        """Return the entries that name a symbol, an order, or the orders of a trade."""
        ...


TOLD: Final = (
    *("last", "chg_pct", "gap_pct", "rvol", "dollar_volume", "mom_5_pct", "vwap_dist_pct", "range_pos", "high_age_s"),
    *("atr", "spread_bps", "rs_spy_pct"),
)
"""Features that a terminal shows of a decision: what the screen shows, and where a price stands."""


class Step(msgspec.Struct, frozen=True):
    """One link of the explanation."""

    seq: int
    ts: int
    what: str
    """radar, hit, watch, allocation, plan, signal, order, broker, execution, stop, result, refusal, halt ..."""
    text: str
    details: tuple[str, ...] = ()
    features: dict[str, float] = {}
    """What was known of the symbol by who decided; what was not known is left out."""


class Explanation(msgspec.Struct, frozen=True):
    """The whole why-chain of one trade or of one refused signal."""

    subject: str
    run: str
    steps: tuple[Step, ...]

    def text(self) -> str:
        """Return it for a terminal: one line per step, details indented below."""
        lines = [f"{self.subject}   (run {self.run})", ""]
        for step in self.steps:
            clock = ny(step.ts).strftime("%H:%M:%S") if step.ts else "        "
            lines.append(f"{clock}  {step.what:<10} {step.text}   #{step.seq}")
            lines += [f"{'':22}{detail}" for detail in (*step.details, *_known(step.features))]
        return "\n".join(lines)


def explain_trade(reader: Reader, run: str, trade: str) -> Explanation | None:
    """Explain a trade by its id; None when the run has no such trade."""
    about = reader.entries_about(run, trade=trade)
    opens = (e for e in about if isinstance(e.body, Intended) and e.body.order.id == trade == e.body.order.trade)
    opening = next(opens, None)
    if opening is None:
        return None
    walked: dict[int, Entry] = {}
    for entry in about:
        for cause in reader.chain_of_causes(run, entry.seq):
            walked[cause.seq] = cause
    told = steps([walked[seq] for seq in sorted(walked)])
    cost = _entering(about)
    told = [
        msgspec.structs.replace(each, details=(*each.details, *cost[each.seq])) if each.seq in cost else each
        for each in told
    ]
    return Explanation(f"Trade {trade}", run, tuple(told))


def explain_symbol(reader: Reader, run: str, symbol: str, limit: int = 200) -> Explanation | None:
    """Tell what was decided about a symbol in a run, traded or not, the last `limit` steps; None when nothing was."""
    about = reader.entries_about(run, symbol=symbol)
    if not about:
        return None
    told = steps(about)
    how_many = "every decision" if len(told) <= limit else f"the last {limit} of {len(told):,} decisions"
    return Explanation(f"{symbol}: {how_many}", run, tuple(told[-limit:]))


def explain(reader: Reader, run: str, what: str) -> Explanation | None:
    """Explain a trade id, an order id or a symbol; None when the run knows nothing of it."""
    found = explain_trade(reader, run, what)
    if found is not None:
        return found
    orders = reader.entries_about(run, order=what)
    for entry in orders:
        if isinstance(entry.body, Intended) and entry.body.order.trade:
            return explain_trade(reader, run, entry.body.order.trade)
    return explain_symbol(reader, run, what.upper())


def steps(entries: Iterable[Entry]) -> list[Step]:
    """Put entries into words, in their order; the parts in which one order fills at a time are told as one."""
    found: list[Step] = []
    fills: list[tuple[Entry, Filled]] = []

    def tell() -> None:
        if not fills:
            return
        (first, _), (last, _) = fills[0], fills[-1]
        until = f" until {ny(last.ts):%H:%M:%S}" if last.ts - first.ts >= SECOND else ""
        what, text, details = wording.bought([fill for _, fill in fills], until)
        found.append(Step(first.seq, first.ts, what, text, tuple(details)))
        fills.clear()

    for entry in entries:
        body = entry.body
        if isinstance(body, Filled):
            if fills and fills[0][1].execution.order != body.execution.order:
                tell()
            fills.append((entry, body))
        elif not (fills and isinstance(body, Activated)):
            # That the stop covers what came in goes without saying.
            tell()
            found.append(step(entry))
    tell()
    return found


def step(entry: Entry) -> Step:
    """Put one entry into words."""
    what, text, details = _words(entry)
    features = known(entry.body.features) if isinstance(entry.body, Signal) else {}
    return Step(entry.seq, entry.ts, what, text, (*details, *rulings(entry)), features)


def _words(entry: Entry) -> Words:
    body = entry.body
    say = SAYING.get(type(body)) or wording.SAYING.get(type(body))
    if say is not None:
        return say(body)
    fields = msgspec.to_builtins(body)
    kind = fields.pop(body.__struct_config__.tag_field or "type", type(body).__name__)
    return str(kind), ", ".join(f"{k} {v}" for k, v in fields.items() if v not in ("", None, False)), ()


def _beat(body: Beat) -> Words:
    return "radar", f"{body.ranked} symbols were ranked, {body.best or 'none'} first", ()


def _hit(body: Hit) -> Words:
    row = body.row
    parts = [
        f"{c.name} {_number(c.value)} gave {c.points:.1f} points" for c in sorted(row.parts, key=lambda c: -c.points)
    ]
    text = f"{body.symbol} is number {row.rank} on the radar (score {row.score:.1f}) and a hit of {body.scan}"
    return "hit", text, [*_checks(body.why), *_way_here(row), *parts]


def _way_here(row: RadarRow) -> list[str]:
    said = []
    if row.rank_change is not None:
        said.append(f"{row.rank_change:+d} places in the last minute")
    if row.velocity is not None:
        said.append(f"{row.velocity:+.3g} a minute")
    if row.listed_s is not None:
        said.append(f"on the radar's list for {row.listed_s / 60:.3g} min")
    said += [words for flag, words in ((row.new_high, "a new high"), (row.halted, "halted")) if flag]
    return [", ".join(said)] if said else []


def _refreshed_hit(body: HitRefreshed) -> Words:
    text = f"{body.symbol} goes on as a hit of {body.scan}, {body.moved_pct:+.1f} % to {body.last:,.2f}"
    return "hit", text, _checks(body.why)


def _watched(body: Watched) -> Words:
    return "watch", f"{body.symbol} is watched: {body.reason}", ()


def _rejected_hit(body: HitRejected) -> Words:
    return "rejection", f"not taken from {body.scan}: {body.reason}", _others(body.alternatives)


def _others(alternatives: Sequence[Alternative]) -> list[str]:
    return [f"not {a.strategy}: {a.why}" for a in alternatives]


def _allocated(body: Allocated) -> Words:
    others = [*(f"{f.told}: {f.size:.0%} of the budget" for f in body.factors), *_others(body.alternatives)]
    text = f"{body.symbol} goes to {body.strategy}, at most ${body.budget_usd:,.0f}: {body.why}"
    return "allocation", text, others


def _assigned(body: Assigned) -> Words:
    return "allocation", f"{len(body.symbols)} symbols were given to {body.strategy}", ()


def _signal(body: Signal) -> Words:
    way = "in" if body.entry else "out"
    size = "" if body.entry or body.shares is None else f" {body.shares:,}"
    at = "" if body.price is None else f" at {body.price:g}"
    text = f"{body.strategy} wants {way}: {body.side}{size} {body.symbol}{at}: {body.reason}"
    stop = [f"stop {body.stop:g}"] if body.stop is not None else []
    return "signal", text, [*stop, *_context(body.context)]


def _known(features: Mapping[str, float]) -> list[str]:
    if not features:
        return []
    told = [f"{name} {_number(features[name])}" for name in TOLD if name in features]
    return [f"knew {len(features)} features (all with --json): {', '.join(told)}"]


def _context(context: Mapping[str, str | float]) -> list[str]:
    if not context:
        return []
    since = f" for {context['regime_min']:.3g} min" if "regime_min" in context else ""
    version = f" (classifier {context['classifier']})" if "classifier" in context else ""
    said = f"market {context.get('regime', 'unknown')}{since}{version}, session in {context.get('phase', 'unknown')}"
    if "occasions" in context:
        said += f", a day of {context['occasions']}"
    told = [(k, v) for k, v in context.items() if k not in ("regime_min", *climate.NAMES)]
    numbers = [f"{k} {_number(v)}" for k, v in told if isinstance(v, int | float)]
    before = climate.said(context)
    return [said, *([", ".join(numbers)] if numbers else []), *([before] if before else [])]


def _tape_read(body: TapeRead) -> Words:
    scores = ", ".join(f"{label} {_number(score)}" for label, score in body.scores.items())
    parts = [f"{c.name} {_number(c.value)} gave {c.points:+.2f}" for c in body.parts]
    text = f"the market is {body.regime}" + (f", until now {body.before}" if body.before != body.regime else "")
    return "regime", f"{text}; this minute {body.leaning}", [*([scores] if scores else []), *parts]


def _refused(body: Refused) -> Words:
    why = "; ".join(_check(c) for c in body.checks if not c.passed)
    return "refusal", f"not traded: {why}", [*_sizing(body.sizing), *_checks(body.checks)]


def _intended(body: Intended) -> Words:
    return "order", _order(body), [*_sizing(body.sizing), *_checks(body.checks)]


def _filled(body: Filled) -> Words:
    return wording.bought([body])


def _stop_moved(body: StopMoved) -> Words:
    way = "stands at" if body.was is None else f"goes from {body.was:g} to"
    return "stop", f"the stop {way} {body.stop:g}: {body.reason}", ()


def _closed(body: TradeClosed) -> Words:
    r = f" = {body.r:+.2f}R" if body.r is not None else ""
    text = f"{body.symbol} {body.net_usd:+.2f} ${r}: {body.reason}"
    held = (body.closed - body.opened) / 60e9
    best, worst = f"best {body.mfe_usd:+.2f} $", f"worst {-body.mae_usd:+.2f} $"
    if body.risk_usd > 0:
        best, worst = (
            f"{best} = {body.mfe_usd / body.risk_usd:+.2f}R",
            f"{worst} = {-body.mae_usd / body.risk_usd:+.2f}R",
        )
    way = f"{best}, {worst}, held {held:.0f} min, risk ${body.risk_usd:.2f}"
    return "result", text, (way, *_efficiency(body))


def _efficiency(body: TradeClosed) -> list[str]:
    found = efficiency_of(body)
    if found is None:
        return []
    kept = "" if found.capture is None else f", kept {found.capture:.0%} of the best"
    return [
        f"of the range it went through: entry {found.entry:.0%}, exit {found.exit:.0%}, {found.total:.0%} taken{kept}"
    ]


def _entering(about: Sequence[Entry]) -> dict[int, list[str]]:
    """Tell what getting in cost beside the price at the decision, by the entry that closed the trade."""
    bodies = [entry.body for entry in about]
    opening = next((b for b in bodies if isinstance(b, Intended) and b.order.purpose is Purpose.ENTRY), None)
    closed = next(((entry.seq, entry.body) for entry in about if isinstance(entry.body, TradeClosed)), None)
    if opening is None or closed is None or opening.price is None:
        return {}
    order, decided = opening.order, opening.price
    fills = [b.execution for b in bodies if isinstance(b, Filled) and b.execution.order == order.id]
    filled = sum(each.qty for each in fills)
    if not filled:
        return {}
    paid = float(sum(each.price * each.qty for each in fills)) / filled
    cost = shortfall(order.side, order.qty, decided, filled, paid, float(closed[1].exit_price))
    missed = order.qty - filled
    parts = f", {cost.opportunity:+.2f} $ of it for {missed:,} shares that did not come, by the exit" if missed else ""
    return {closed[0]: [f"getting in cost {cost.total:+.2f} $ beside {wording.price(decided)} at the decision{parts}"]}


def _order(body: Intended) -> str:
    order = body.order
    stop = "" if order.stop is None else f"stop {order.stop}"
    limit = "" if order.limit is None else f"limit {order.limit}"
    # Where its prices say what kind it is, the kind is not said again.
    kind = order.type.in_words
    said = " ".join(part for part in ("" if kind in ("stop", "limit", "stop limit") else kind, stop, limit) if part)
    aim = {
        Purpose.ENTRY: "enter",
        Purpose.EXIT: "leave",
        Purpose.PROTECT: "protect",
        Purpose.FLATTEN: "flatten",
    }[order.purpose]
    return f"to {aim}: {order.side} {order.qty:,} {order.symbol} {said} ({order.id})"


def _waits(body: Planned) -> str:
    single = len(body.symbols) == 1
    names = body.symbols[0] if single else f"{len(body.symbols)} symbols"
    waits = []
    for label, wanted in (
        ("a touch above", body.up),
        ("a touch below", body.down),
        ("a close above", body.close_up),
        ("a close below", body.close_down),
    ):
        prices = [value for value in wanted if value is not None]
        if prices:
            waits.append(f"{label} {wording.price(prices[0])}" if single else label)
    if body.follow:
        waits.append("every bar")
    if body.wake_at:
        waits.append(ny(body.wake_at).strftime("%H:%M"))
    if not waits:
        return f"{body.strategy} waits for no price and no time in {names}"
    return f"{body.strategy} waits in {names} for {', '.join(waits)}"


def _sizing(sizing: Sizing | None) -> list[str]:
    if sizing is None:
        return []
    caps = ", ".join(f"{name} {shares:,}" for name, shares in sizing.caps.items())
    return [f"size {sizing.shares:,} shares, ${sizing.risk_usd:,.2f} at risk; caps: {caps}; {sizing.binding} binds"]


def _checks(checks: Sequence[Check]) -> list[str]:
    return [("ok   " if c.passed else "FAIL ") + _check(c) for c in checks]


def _check(c: Check) -> str:
    unit = f" {c.unit}" if c.unit else ""
    name, _, wanted = c.name.rpartition(" ")
    if wanted in COMPARISONS:
        return f"{name} {_number(c.value)}{unit}, wanted {wanted} {_number(c.limit)}"
    limit = f" (limit {_number(c.limit)})" if c.limit is not None else ""
    return f"{c.name} {_number(c.value)}{unit}{limit}"


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _planned(body: Planned) -> Words:
    return "plan", _waits(body), ()


SAYING: dict[type, Callable[[Any], Words]] = {
    Beat: _beat,
    Hit: _hit,
    HitRefreshed: _refreshed_hit,
    HitRejected: _rejected_hit,
    Watched: _watched,
    Allocated: _allocated,
    Assigned: _assigned,
    Planned: _planned,
    Signal: _signal,
    TapeRead: _tape_read,
    Refused: _refused,
    Intended: _intended,
    Filled: _filled,
    StopMoved: _stop_moved,
    TradeClosed: _closed,
}
"""How the arrows of a trade are told; an event that is not here is told by its fields."""
