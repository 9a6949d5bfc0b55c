"""The compiled loop: market records go into rows until something armed is reached.

It is the only code that sees every record, so it makes no Python object and takes no decision. It also runs as plain
Python (`run.py_func`), slowly, for debugging and for the test that both give the same rows and the same wakes.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.rows import Rows
from qm.model.market import Events

TOUCH, CLOSE, BAR, NEXT, STATUS, TIMER = 1, 2, 4, 8, 16, 32
"""Equal to `qm.model.inputs.Why`, as plain numbers because the compiler wants constants."""
REVISED = 64
"""What was told before is told otherwise: for the market itself, it wakes nobody."""
MINUTE_S = 60
TRADING, HALTED, PAUSED = 1, 2, 3

NEAR = 0.01
"""A print this close to the last one, as a fraction, is never looked at twice."""
LAST_FRESH = 5 * MINUTE
"""How long the last price says where the market is, ns."""
QUOTE_FRESH = MINUTE
"""How long a quote says where the market is, ns."""
CONFIRMING = 3
"""Prints in a row, near each other, that make a far price the market's."""
NEW_HIGH = 0.99
"""Part of a tick by which a high must be exceeded: prices are binary and ticks are not."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def far(rows: Rows, s: int, p: float, ts: int, regular: bool) -> bool:
    """Say whether a print is far from where the market is known to be, and count it.

    It is when it lies outside the factors `wide_up` and `wide_down` of the last price and of the middle of the quote,
    and outside the quote; in regular hours also when it lies outside the volatility bands. A crossed, one-sided or old
    quote and an old price say nothing; where nothing says anything, nothing is far. The third of three such prints in
    a row that are near each other is the market's new level, and is not far any more.
    """
    row = rows[s]
    up, down = row["wide_up"], row["wide_down"]
    last, bid, ask = row["last"], row["bid"], row["ask"]
    known = ts - row["ts"] <= LAST_FRESH
    near = known and last * down <= p <= last * up
    if 0.0 < bid <= ask and ts - row["quote_ts"] <= QUOTE_FRESH:
        known = True
        middle = (bid + ask) / 2.0
        near = near or bid <= p <= ask or middle * down <= p <= middle * up
    beyond = regular and (p > row["band_high"] or p < row["band_low"])
    if (near or not known) and not beyond:
        return False
    odd = row["odd"]
    if row["odd_run"] > 0 and row["odd_prints"] == row["prints"] and odd * down <= p <= odd * up:
        row["odd_run"] += 1
        if row["odd_run"] >= CONFIRMING:
            row["odd_run"] = 0
            return False
    else:
        row["odd"] = p
        row["odd_run"] = 1
        row["odd_prints"] = row["prints"]
    row["quarantined"] += 1
    return True


@numba.njit(cache=True, error_model="numpy", nogil=True)
def run(rows: Rows, events: Events, start: int, due: int, pre_ns: int, open_ns: int, close_ns: int) -> tuple[int, int]:
    """Consume `events[start:]` into `rows` until a wake.

    `due` is the time of the next timer; it fires before the first record that is later, and before a print of the same
    time: a bar that ends with a minute belongs to it, a print at its end is the first of the next. Volume, open, high,
    low and VWAP count only what happened in `[open_ns, close_ns)`, the `pre_*` only what happened in `[pre_ns,
    open_ns)`. A bar or print without a price is as if it had never come: one NaN would stay in the VWAP, and one zero
    in the low, all day. So is a print that is `far`. Returns the index of the next record to consume and the reasons
    to wake (0 when the batch ended); when the reason is not a timer, the record that woke is at index - 1.
    """
    i = start
    n = events.shape[0]
    while i < n:
        event = events[i]
        ts = event["ts"]
        kind = event["kind"]
        if ts > due or (ts == due and kind == 2):
            return i, TIMER
        i += 1
        if kind == 5:
            continue
        s = event["sym"]
        row = rows[s]
        why = 0
        touch_high = -1.0
        touch_low = -1.0
        if kind == 1:
            o, h, low, c, v = event["a"], event["b"], event["c"], event["d"], event["e"]
            if not (0.0 < low <= h and o > 0.0 and c > 0.0 and v >= 0.0):
                continue
            if row["source"] != 2:
                at = event["event_ts"]
                if at <= row["bar_start"]:
                    return i, REVISED
                row["source"] = 1
                row["before"] = row["last"]
                row["last"] = c
                row["ts"] = ts
                row["at"] = at
                row["prints"] += 1
                touch_high = h
                touch_low = low
                if open_ns <= at < close_ns:
                    if row["high"] >= h:
                        if not row["second_high"] >= h:
                            row["second_high"] = h
                    else:
                        if h - row["high"] >= NEW_HIGH * row["tick"]:
                            row["highs"] += 1
                        if not row["open"] > 0.0:
                            row["open"] = o
                        row["second_high"] = row["high"]
                        row["high"] = h
                        row["high_ts"] = ts
                    if row["low"] <= low:
                        if not row["second_low"] <= low:
                            row["second_low"] = low
                    else:
                        row["second_low"] = row["low"]
                        row["low"] = low
                    typical = (h + low + c) / 3.0
                    if not row["anchor"] > 0.0:
                        row["anchor"] = typical
                    away = typical - row["anchor"]
                    row["volume"] += v
                    row["pv"] += v * typical
                    row["pdd"] += v * away * away
                elif pre_ns <= at < open_ns:
                    if row["pre_high"] >= h:
                        if not row["pre_second_high"] >= h:
                            row["pre_second_high"] = h
                    else:
                        row["pre_second_high"] = row["pre_high"]
                        row["pre_high"] = h
                        row["pre_high_volume"] = row["pre_volume"]
                        row["pre_high_pv"] = row["pre_pv"]
                        row["pre_high_at"] = at
                    if row["pre_low"] <= low:
                        if not row["pre_second_low"] <= low:
                            row["pre_second_low"] = low
                    else:
                        row["pre_second_low"] = row["pre_low"]
                        row["pre_low"] = low
                    row["pre_volume"] += v
                    row["pre_pv"] += v * ((h + low + c) / 3.0)
                row["bar_start"] = at
                row["bar_open"] = o
                row["bar_high"] = h
                row["bar_low"] = low
                row["bar_close"] = c
                row["bar_volume"] = v
                if 0 < event["code"] < MINUTE_S:
                    minute = at - at % MINUTE
                    if minute != row["part_start"]:
                        row["part_start"] = minute
                        row["part_open"] = o
                        row["part_high"] = h
                        row["part_low"] = low
                    else:
                        row["part_high"] = max(row["part_high"], h)
                        row["part_low"] = min(row["part_low"], low)
                if c > row["close_up"] or c <= row["close_down"]:
                    why = CLOSE
                if row["follow"] > 0:
                    why |= BAR
        elif kind == 2:
            p, size = event["a"], event["b"]
            if not (p > 0.0 and size >= 0.0):
                continue
            at = event["event_ts"]
            regular = open_ns <= at < close_ns
            last = row["last"]
            if abs(p - last) > NEAR * last and far(rows, s, p, ts, regular):
                continue
            flag = event["flag"]
            row["source"] = 2
            if row["status"] == 0:
                row["status"] = TRADING
            if flag & 1:
                row["before"] = last
                row["last"] = p
                row["last_id"] = event["e"]
                row["ts"] = ts
                row["at"] = at
                row["prints"] += 1
            if flag & 8 and regular and row["opened"] == 0:
                row["opened"] = (at - open_ns) // MINUTE + 1
            if flag & 2:
                touch_high = p
                touch_low = p
                if regular:
                    if row["high"] >= p:
                        if not row["second_high"] >= p:
                            row["second_high"] = p
                    else:
                        if p - row["high"] >= NEW_HIGH * row["tick"]:
                            row["highs"] += 1
                        if not row["open"] > 0.0:
                            row["open"] = p
                        row["second_high"] = row["high"]
                        row["high"] = p
                        row["high_ts"] = ts
                        row["high_id"] = event["e"]
                    if row["low"] <= p:
                        if not row["second_low"] <= p:
                            row["second_low"] = p
                    else:
                        row["second_low"] = row["low"]
                        row["low"] = p
                        row["low_id"] = event["e"]
                elif pre_ns <= at < open_ns:
                    if row["pre_high"] >= p:
                        if not row["pre_second_high"] >= p:
                            row["pre_second_high"] = p
                    else:
                        row["pre_second_high"] = row["pre_high"]
                        row["pre_high"] = p
                        row["pre_high_volume"] = row["pre_volume"]
                        row["pre_high_pv"] = row["pre_pv"]
                        row["pre_high_at"] = at
                    if row["pre_low"] <= p:
                        if not row["pre_second_low"] <= p:
                            row["pre_second_low"] = p
                    else:
                        row["pre_second_low"] = row["pre_low"]
                        row["pre_low"] = p
                # A print of an earlier minute belongs to a bar that was already shown: it may not change it.
                minute = at - at % MINUTE
                if minute > row["bar_start"]:
                    row["bar_start"] = minute
                    row["bar_open"] = p
                    row["bar_high"] = p
                    row["bar_low"] = p
                    row["bar_close"] = p
                    row["bar_volume"] = 0.0
                elif minute == row["bar_start"]:
                    row["bar_high"] = max(row["bar_high"], p)
                    row["bar_low"] = min(row["bar_low"], p)
                    row["bar_close"] = p
            if flag & 4:
                if regular:
                    if not row["anchor"] > 0.0:
                        row["anchor"] = p
                    away = p - row["anchor"]
                    row["volume"] += size
                    row["pv"] += p * size
                    row["pdd"] += size * away * away
                elif pre_ns <= at < open_ns:
                    row["pre_volume"] += size
                    row["pre_pv"] += p * size
                if at - at % MINUTE == row["bar_start"]:
                    row["bar_volume"] += size
        elif kind == 3:
            bid, ask = event["a"], event["b"]
            row["bid"] = bid
            row["ask"] = ask
            row["bid_size"] = event["c"]
            row["ask_size"] = event["d"]
            row["quote_ts"] = ts
            # A resting sell is reached by the bid and a resting buy by the ask; neither is a trade's high or low. A
            # crossed or one-sided quote is a fault of the feed or a market that is not there: it reaches nothing.
            if 0.0 < bid <= ask and (bid >= row["up"] or ask <= row["down"]):
                why = TOUCH
        elif kind == 4:
            code = event["code"]
            if code >= HALTED and row["status"] < HALTED:
                row["halts"] += 1
                row["resumed"] = 0
                row["halt_at"] = ts
                row["halt_price"] = row["last"]
                row["threshold"] = np.nan
                row["reason"] = row["quotes_at"] = row["trades_at"] = 0
            elif code == TRADING and row["status"] >= HALTED:
                row["resumed"] = ts
                row["resumed_volume"] = row["pre_volume"] + row["volume"]
                row["resumed_pv"] = row["pre_pv"] + row["pv"]
            if code >= HALTED:
                # A halt that turns into a pause, or a pause into a halt, is one halt.
                if code == PAUSED and row["status"] != PAUSED:
                    row["pauses"] += 1
                row["halt"] = code
                # What is not told now stays as it was told before.
                if event["flag"] > 0:
                    row["reason"] = event["flag"]
                if event["a"] > 0.0:
                    row["threshold"] = event["a"]
                if abs(event["b"]) > 0.0:
                    row["quotes_at"] = ts + int(event["b"])
                if abs(event["c"]) > 0.0:
                    row["trades_at"] = ts + int(event["c"])
            row["status"] = code
            why = STATUS
        elif kind == 6:
            row["band_low"] = event["a"]
            row["band_high"] = event["b"]
            row["band_ref"] = event["c"]
            continue
        else:
            return i, REVISED
        if touch_high > 0.0:
            if not row["since_high"] >= touch_high:
                row["since_high"] = touch_high
            if not row["since_low"] <= touch_low:
                row["since_low"] = touch_low
            if touch_high >= row["up"] or touch_low <= row["down"]:
                why |= TOUCH
        if row["next"] > 0:
            why |= NEXT
        if why:
            return i, why
    return i, 0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def ended_minutes(rows: Rows, boundary: int, ended: npt.NDArray[np.int64], whys: npt.NDArray[np.int64]) -> int:
    """Find the symbols whose bar, built from prints, ended at `boundary` and must wake somebody.

    Their rows go into `ended`, the reasons into `whys`; returns how many.
    """
    n = 0
    for s in range(rows.shape[0]):
        row = rows[s]
        if row["source"] != 2 or row["bar_start"] + MINUTE != boundary:
            continue
        why = 0
        c = row["bar_close"]
        if c > row["close_up"] or c <= row["close_down"]:
            why = CLOSE
        if row["follow"] > 0:
            why |= BAR
        if why:
            ended[n] = s
            whys[n] = why
            n += 1
    return n
