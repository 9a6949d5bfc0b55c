"""The compiled loop: market records go into rows until something armed is reached.

It is the only code that sees every record, so it makes no Python object and takes no decision. It also runs as plain
Python (`run.py_func`), slowly, for debugging and for the test that both give the same rows and the same wakes.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from qm.market.rows import Rows
from qm.model.market import Events

TOUCH, CLOSE, BAR, NEXT, STATUS, TIMER = 1, 2, 4, 8, 16, 32
"""Equal to `qm.model.inputs.Why`, as plain numbers because the compiler wants constants."""
MINUTE = 60_000_000_000
TRADING = 1


@numba.njit(cache=True, error_model="numpy", nogil=True)
def run(rows: Rows, events: Events, start: int, due: int, open_ns: int, close_ns: int) -> tuple[int, int]:
    """Consume `events[start:]` into `rows` until a wake.

    `due` is the time of the next timer; it fires before the first record that is later. Volume, open, high, low and
    VWAP count only what happened in `[open_ns, close_ns)`. A bar or print without a price is as if it had never come:
    one NaN would stay in the VWAP, and one zero in the low, all day. Returns the index of the next record to consume
    and the reasons to wake (0 when the batch ended); when the reason is not a timer, the record that woke is at
    index - 1.
    """
    i = start
    n = events.shape[0]
    while i < n:
        event = events[i]
        ts = event["ts"]
        if ts > due:
            return i, TIMER
        i += 1
        kind = event["kind"]
        if kind == 5:
            continue
        row = rows[event["sym"]]
        why = 0
        touch_high = -1.0
        touch_low = -1.0
        if kind == 1:
            o, h, low, c, v = event["a"], event["b"], event["c"], event["d"], event["e"]
            if not (0.0 < low <= h and o > 0.0 and c > 0.0 and v >= 0.0):
                continue
            if row["source"] != 2:
                row["source"] = 1
                row["last"] = c
                row["ts"] = ts
                row["prints"] += 1
                touch_high = h
                touch_low = low
                at = event["event_ts"]
                if open_ns <= at < close_ns:
                    if not row["open"] > 0.0:
                        row["open"] = o
                    if not row["high"] >= h:
                        row["high"] = h
                        row["high_ts"] = ts
                    if not row["low"] <= low:
                        row["low"] = low
                    row["volume"] += v
                    row["pv"] += v * ((h + low + c) / 3.0)
                row["bar_start"] = at
                row["bar_open"] = o
                row["bar_high"] = h
                row["bar_low"] = low
                row["bar_close"] = c
                row["bar_volume"] = v
                if c > row["close_up"] or c <= row["close_down"]:
                    why = CLOSE
                if row["follow"] > 0:
                    why |= BAR
        elif kind == 2:
            p, size = event["a"], event["b"]
            if not (p > 0.0 and size >= 0.0):
                continue
            flag = event["flag"]
            at = event["event_ts"]
            row["source"] = 2
            if row["status"] == 0:
                row["status"] = TRADING
            regular = open_ns <= at < close_ns
            if flag & 1:
                row["last"] = p
                row["ts"] = ts
                row["prints"] += 1
            if flag & 2:
                touch_high = p
                touch_low = p
                if regular:
                    if not row["open"] > 0.0:
                        row["open"] = p
                    if not row["high"] >= p:
                        row["high"] = p
                        row["high_ts"] = ts
                    if not row["low"] <= p:
                        row["low"] = p
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
                    row["volume"] += size
                    row["pv"] += p * size
                if at - at % MINUTE == row["bar_start"]:
                    row["bar_volume"] += size
        elif kind == 3:
            row["bid"] = event["a"]
            row["ask"] = event["b"]
            row["bid_size"] = event["c"]
            row["ask_size"] = event["d"]
            row["quote_ts"] = ts
            # A resting sell is reached by the bid and a resting buy by the ask; neither is a trade's high or low.
            if event["a"] > 0.0 and event["a"] >= row["up"]:
                why = TOUCH
            if event["b"] > 0.0 and event["b"] <= row["down"]:
                why = TOUCH
        elif kind == 4:
            row["status"] = event["code"]
            why = STATUS
        elif kind == 6:
            row["band_low"] = event["a"]
            row["band_high"] = event["b"]
            row["band_ref"] = event["c"]
            continue
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
