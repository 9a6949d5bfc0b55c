"""Every feature of one symbol by plain pandas, from its bars or prints and the textbook formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qm.clock import MINUTE, SECOND
from qm.market.reference import Reference
from qm.model.market import Events, Kind, Print
from qm.rules.calendar import Session

NAN = float("nan")


def ratio(a: float, b: float) -> float:
    return a / b if b > 0 else NAN


def pct(a: float, b: float) -> float:
    return 100 * (a / b - 1) if b > 0 else NAN


@dataclass
class Tape:
    """What one symbol told: `told` sets the price, `sized` is what its volume and VWAP count."""

    told: Any
    """Data frame by time of knowledge: at, open, high, low, close."""
    sized: Any
    """Data frame by time of knowledge: at, price, size."""
    prints: bool

    @classmethod
    def of(cls, records: Events, row: int) -> Tape:
        mine = records[records["sym"] == row]
        order = np.arange(len(mine))
        prints = mine[mine["kind"] == Kind.TRADE]
        if len(prints):
            order = order[mine["kind"] == Kind.TRADE]
            is_sized, is_told = prints["flag"] & Print.VOLUME > 0, prints["flag"] & Print.LAST > 0
            counted, said = prints[is_sized], prints[is_told]
            told = {
                "at": said["event_ts"],
                "order": order[is_told],
                **dict.fromkeys(("open", "high", "low", "close"), said["a"]),
            }
            sized = {"at": counted["event_ts"], "order": order[is_sized], "price": counted["a"], "size": counted["b"]}
            return cls(pd.DataFrame(told, index=said["ts"]), pd.DataFrame(sized, index=counted["ts"]), prints=True)
        bars = mine[mine["kind"] == Kind.BAR]
        order = order[mine["kind"] == Kind.BAR]
        told = {
            "at": bars["event_ts"],
            "order": order,
            "open": bars["a"],
            "high": bars["b"],
            "low": bars["c"],
            "close": bars["d"],
        }
        typical = (bars["b"] + bars["c"] + bars["d"]) / 3
        sized = {"at": bars["event_ts"], "order": order, "price": typical, "size": bars["e"]}
        return cls(pd.DataFrame(told, index=bars["ts"]), pd.DataFrame(sized, index=bars["ts"]), prints=False)

    def until(self, now: int) -> Tape:
        # A print at the end of a minute is the first of the next; a bar that ends there belongs to it.
        last = now - 1 if self.prints else now
        return Tape(self.told[self.told.index <= last], self.sized[self.sized.index <= last], self.prints)

    def between(self, first: int, end: int) -> Tape:
        told, sized = self.told, self.sized
        inside, counted = (told["at"] >= first) & (told["at"] < end), (sized["at"] >= first) & (sized["at"] < end)
        return Tape(told[inside], sized[counted], self.prints)

    @property
    def last(self) -> float:
        return float(self.told["close"].iloc[-1]) if len(self.told) else NAN

    @property
    def volume(self) -> float:
        return float(self.sized["size"].sum())

    @property
    def money(self) -> float:
        return float((self.sized["price"] * self.sized["size"]).sum())


def expected(tape: Tape, spy: Tape | None, of: Session, ref: Reference, row: int, now: int) -> dict[str, float]:
    """Return all features of a symbol at a minute boundary; NaN is "not known"."""
    seen = tape.until(now)
    regular, pre = seen.between(of.open_ns, of.close_ns), seen.between(of.pre_ns, of.open_ns)
    prior, atr, adv = float(ref.prior_close[row]), float(ref.atr[row]), float(ref.adv[row])
    last, high, low = seen.last, float(regular.told["high"].max()), float(regular.told["low"].min())
    opened = float(regular.told["open"].iloc[0]) if len(regular.told) else NAN
    found = {
        "last": last,
        "open": opened,
        "high": high,
        "low": low,
        "gap_pct": pct(last if now < of.open_ns else opened, prior),
        "chg_pct": pct(last, prior),
        "chg_open_pct": pct(last, opened),
        "low_chg_pct": pct(low, prior),
        "day_high": float(pd.Series([high, pre.told["high"].max()]).max()),
        "day_low": float(pd.Series([low, pre.told["low"].min()]).min()),
        "range_pos": ratio(last - low, high - low),
        "range_atr": ratio(high - low, atr),
        "high_dist_atr": ratio(high - last, atr),
        "move_atr": ratio(last - opened, atr),
        "high_52w_dist_pct": pct(last, float(ref.high_52w[row])),
        "adv_dollar": adv * prior,
        "atr_pct": 100 * ratio(atr, prior),
        "ssr": float(low <= 0.9 * prior * (1 + 1e-9) or ref.ssr_carried[row] == 1),
        "mins_since_open": (now - of.open_ns) / MINUTE,
        **{name: float(getattr(ref, name)[row]) for name in ("adv", "atr", "float_shares", "prev_high", "prev_low")},
        **{name: float(getattr(ref, name)[row]) for name in ("high_52w", "nr7", "inside_day", "beta")},
        "prev_close": prior,
        "ref_days": float(ref.days[row]),
    }
    if spy is not None:
        market = spy.until(now).between(of.open_ns, of.close_ns)
        found["rs_spy_pct"] = pct(last, opened) - float(ref.beta[row]) * (
            pct(spy.until(now).last, float(market.told["open"].iloc[0])) if len(market.told) else NAN
        )
    found |= _highs(seen, regular, high, prior, now)
    found |= _before(pre, of, ref, row, now, last) | _all_day(pre, regular, of, ref, row, now)
    found |= _openings(regular, of, now, last, atr) | _since_pm_high(pre, regular, last) | _speed(seen, of, now)
    found |= _volumes(regular, of, ref, row, now, last)
    found |= _moves(seen, regular, of, ref, row, now)
    return found | _fives(regular, of, now, last)


def _highs(seen: Tape, regular: Tape, high: float, prior: float, now: int) -> dict[str, float]:
    highs = regular.told["high"].cummax()
    at = int(highs[highs == high].index[0]) if len(highs) else 0
    count = 0
    for ts, raised in highs.diff().dropna().items():
        if raised > 0:
            # The tick is that of the last price at the boundary before, at first that of the prior close.
            before = seen.until((int(ts) - 1) // MINUTE * MINUTE).last
            count += raised >= 0.99 * (0.0001 if (before if before > 0 else prior) < 1 else 0.01)
    return {
        "high_age_s": (now - at) / SECOND if at else NAN,
        "highs_today": float(count),
        "new_high": float(count > 0 and now - at < MINUTE) if at else NAN,
    }


def course(ref: Reference, row: int, minute: float) -> float:
    """Volume that is usual `minute` minutes after the open: five minutes go the market's way, an unknown symbol all."""
    minute = min(max(minute, 0.0), 390.0)
    shares = pd.Series([0.0, *ref.curve])
    own = pd.Series(ref.usual[:, row].astype(float), index=range(0, 391, 5))
    if own.isna().any():
        return float(ref.adv[row]) * float(np.interp(minute, shares.index, shares))
    # Stretch the time within each five minutes as the market does, then all is straight lines.
    fives = shares[shares.index % 5 == 0]
    return float(np.interp(np.interp(minute, shares.index, shares), fives, own))


def _before(pre: Tape, of: Session, ref: Reference, row: int, now: int, last: float) -> dict[str, float]:
    high = float(pre.told["high"].max())
    own = pd.Series(ref.pre_usual[:, row].astype(float), index=range(-330, 1, 15))
    minute = min((now - of.open_ns) / MINUTE, 0.0)
    usual = float(np.interp(minute, own.index, own))
    if own.isna().any():
        # Part of the time before the open is compared with the same part of it, never with the whole.
        usual = float(ref.pre_volume[row]) if minute == 0 else NAN
    return {
        "pre_volume": pre.volume,
        "pre_dollar_volume": pre.money,
        "pre_rvol": ratio(pre.volume, usual),
        "pre_high": high,
        "pre_low": float(pre.told["low"].min()),
        "pre_high_dist_pct": pct(last, high),
    }


def _all_day(pre: Tape, regular: Tape, of: Session, ref: Reference, row: int, now: int) -> dict[str, float]:
    early, own = ref.pre_usual[:, row].astype(float), ref.usual[:, row]
    minute = (now - of.open_ns) / MINUTE
    usual = float(np.interp(min(minute, 0.0), range(-330, 1, 15), early))
    if minute >= 0:
        # From the open to the end of the first minute nobody knows what is usual.
        usual += course(ref, row, minute) if minute >= 1 and not np.isnan(own).any() else NAN
    volume, money = pre.volume + regular.volume, pre.money + regular.money
    vwap = ratio(money, volume)
    return {
        "rvol_all_day": ratio(volume, usual),
        "float_rotation_all_day": ratio(volume, float(ref.float_shares[row])),
        "vwap_all_day": vwap,
        "vwap_all_day_dist_pct": pct((regular if len(regular.told) else pre).last, vwap),
    }


def _volumes(regular: Tape, of: Session, ref: Reference, row: int, now: int, last: float) -> dict[str, float]:
    volume, money = regular.volume, regular.money
    vwap = ratio(money, volume)
    spread = float((regular.sized["size"] * (regular.sized["price"] - vwap) ** 2).sum())
    sigma = ratio(spread, volume) ** 0.5
    # Of equal prices pandas leaves the last bits of their mean.
    sigma = 0.0 if sigma < 1e-9 * vwap else sigma
    adv, minute = float(ref.adv[row]), (now - of.open_ns) // MINUTE
    share = float(ref.curve[minute - 1]) if minute > 0 else NAN
    usual = course(ref, row, float(minute)) if minute > 0 else NAN
    own, adv20 = float(ref.usual[-1, row]), float(ref.adv20[row])
    early = regular.until(of.open_ns + 5 * MINUTE).volume if minute >= 5 else NAN
    return {
        "volume": volume,
        "dollar_volume": money,
        "vwap": vwap,
        "vwap_dist_pct": pct(last, vwap),
        "vwap_dist_atr": ratio(last - vwap, float(ref.atr[row])),
        "vwap_sigma": sigma,
        "vwap_z": ratio(last - vwap, sigma),
        "rvol": ratio(volume, usual),
        "rvol_day": ratio(volume, adv if np.isnan(adv20) else adv20),
        "proj_volume": ratio(volume, share if np.isnan(own) else usual / own),
        "opening_rvol": ratio(early, float(ref.or_volume[row])),
        "float_rotation": ratio(volume, float(ref.float_shares[row])),
    }


def _moves(seen: Tape, regular: Tape, of: Session, ref: Reference, row: int, now: int) -> dict[str, float]:
    def close(ago: int) -> float:
        return seen.until(now - ago * MINUTE).last

    def volume(ago: int) -> float:
        return regular.until(now - ago * MINUTE).volume

    def below(ago: int) -> bool:
        then = regular.until(now - ago * MINUTE)
        return bool(seen.until(now - ago * MINUTE).last * then.volume < then.money * (1 - 1e-12))

    last, minute, adv = seen.last, (now - of.open_ns) // MINUTE, float(ref.adv[row])
    usual = course(ref, row, float(minute)) - course(ref, row, float(minute) - 5)
    adv10 = adv if np.isnan(ref.adv10[row]) else float(ref.adv10[row])
    vol_5, vol_before = volume(0) - volume(5), volume(5) - volume(10)
    found = {f"mom_{ago}_pct": pct(last, close(ago)) for ago in (1, 2, 5, 10, 15)}
    per_minute = len(seen.told) - len(seen.until(now - MINUTE).told)
    return found | {
        "velocity": last - close(1),
        "chg_1_ago_pct": pct(close(1), float(ref.prior_close[row])),
        "prints_per_min": float(per_minute) if seen.prints and len(seen.told) + len(seen.sized) else NAN,
        "vol_5m": vol_5,
        "rvol_5m": ratio(vol_5, usual),
        "vol_5m_pct": 100 * 78 * ratio(vol_5, adv10),
        "vol_surge": ratio(vol_5, vol_before) if minute >= 10 else NAN,
        "mins_below_vwap": float(sum(below(ago) for ago in range(1, 21))),
    }


def _openings(regular: Tape, of: Session, now: int, last: float, atr: float) -> dict[str, float]:
    minute = (regular.told["at"] - of.open_ns) // MINUTE
    over = regular.told[minute < (now - of.open_ns) // MINUTE]
    minute = (over["at"] - of.open_ns) // MINUTE
    begun = int(minute.min()) if len(over) else 0
    found = {"late_open": float(begun > 0) if len(over) else NAN}
    for length in (1, 5, 15, 30, 60):
        name = "or" if length == 5 else f"or_{length}"
        first = over[minute < begun + length]
        whole = len(first) > 0 and now >= of.open_ns + (begun + length) * MINUTE
        high, low = (float(first["high"].max()), float(first["low"].min())) if whole else (NAN, NAN)
        found |= {f"{name}_high": high, f"{name}_low": low, f"{name}_width_atr": ratio(high - low, atr)}
        found[f"{name}_dir"] = float(np.sign(first["close"].iloc[-1] - first["open"].iloc[0])) if whole else NAN
    return found | {"or_break_pct": pct(last, found["or_high"])}


def _since_pm_high(pre: Tape, regular: Tape, last: float) -> dict[str, float]:
    price = NAN
    if len(pre.told):
        begun = pre.told["order"].iloc[int(np.argmax(pre.told["high"].to_numpy()))]
        early = pre.sized[pre.sized["order"] >= begun]
        money = float((early["price"] * early["size"]).sum()) + regular.money
        price = ratio(money, float(early["size"].sum()) + regular.volume)
    return {"avwap_pm_high": price, "avwap_pm_high_dist_pct": pct(last, price)}


def _speed(seen: Tape, of: Session, now: int) -> dict[str, float]:
    ends = [now - ago * MINUTE for ago in range(1, 21) if now - (ago + 1) * MINUTE >= of.open_ns]
    counts = pd.Series([float(len(seen.until(end).told) - len(seen.until(end - MINUTE).told)) for end in ends])
    if len(counts) < 10 or not seen.prints:
        return {"tape_speed": NAN}
    pace = len(seen.told) - len(seen.until(now - MINUTE).told)
    return {"tape_speed": ratio(float(pace - counts.mean()), float(counts.std()))}


def _fives(regular: Tape, of: Session, now: int, last: float) -> dict[str, float]:
    told = regular.told.set_index(pd.to_datetime(regular.told["at"]))
    rule: Any = told.resample("5min", origin=pd.Timestamp(of.open_ns))
    bars = rule.agg({"open": "first", "high": "max", "low": "min", "close": "last"}).dropna()
    bars = bars[bars.index + pd.Timedelta("5min") <= pd.Timestamp(now)]
    if not len(bars):
        return {}
    ranges, closes = bars["high"] - bars["low"], bars["close"]
    expansion = ranges / ranges.shift(1).rolling(20, min_periods=1).mean()
    expansion[~np.isfinite(expansion)] = NAN
    band = closes.rolling(20).mean() - 2 * closes.rolling(20).std(ddof=0)
    return {
        "range_exp_5m": float(expansion.iloc[-1]),
        "range_exp_streak": _in_a_row(expansion >= 2),
        "red_bars_5m": _in_a_row(closes < bars["open"]),
        "green_bars_5m": _in_a_row(closes > bars["open"]),
        "rsi2_5m": _rsi(closes, 2),
        "bb_low_dist_pct": pct(last, float(band.iloc[-1])),
        "bb_close_pct": pct(float(closes.iloc[-1]), float(band.iloc[-1])),
        "new_5m_high": float(last > bars["high"].iloc[-1]),
    }


def _in_a_row(held: Any) -> float:
    return float(held[::-1].cumprod().sum())


def _rsi(closes: Any, n: int) -> float:
    if len(closes) <= n:
        return NAN
    moves = closes.diff().iloc[1:]
    averages = []
    for side in (moves.clip(lower=0), -moves.clip(upper=0)):
        seeded = pd.Series([side.iloc[:n].mean(), *side.iloc[n:]])
        averages.append(float(seeded.ewm(alpha=1 / n, adjust=False).mean().iloc[-1]))
    gain, loss = averages
    return 100 - 100 / (1 + gain / loss) if loss > 0 else 100.0 if gain > 0 else NAN
