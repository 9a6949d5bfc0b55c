"""Compose a scan out of conditions, and ask why a symbol is found or not.

Run it with `python examples/04_scan.py`.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE, ny
from qm.market.features import Features, features
from qm.market.market import Market
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from qm.rules.calendar import session
from qm.scanner.conditions import above, at_least, at_most, flag, within
from qm.scanner.presets import Scan
from qm.scanner.scanner import Scanner

RISING = at_least("chg_pct", 2) & above("vwap_dist_pct", 0)
BUSY = at_least("rvol", 2) | at_least("opening_rvol", 3)
# A symbol without a quote has an unknown spread, which passes neither this condition nor its opposite.
TRADABLE = within("last", 2, 100) & at_most("spread_bps", 60) & ~flag("halted")


def at_ten() -> tuple[Features, Ranking]:
    """Return a made-up market as it stands at 10:00."""
    made, day = SyntheticMarket(300, seed=1), session(dt.date(2025, 3, 12))
    market = Market(made.table, day, made.reference(day))
    for records in made.minutes(day):
        market.replay(records)
        # The engine does this at each minute; moves over minutes are measured from these marks.
        market.mark_minute(market.now // MINUTE * MINUTE + MINUTE)
        if market.now > day.open_ns + 29 * MINUTE:
            break
    seen = features(market)
    return seen, Radar(RadarWeights()).beat(market, seen)


def main() -> None:
    """Ask the scan, and then ask why."""
    condition = RISING & BUSY & TRADABLE
    scan = Scan("mine", condition, window=("09:35", "15:30"), rank_by="rvol", top=3)
    print(f"{scan.name}: {condition}")
    print(f"opposite: {~condition}")
    seen, ranking = at_ten()
    print(f"at {ny(seen.ts):%H:%M:%S}, {np.count_nonzero(condition.mask(seen))} of {len(ranking.table)} symbols pass")
    for found in Scanner([scan]).on_beat(seen, ranking, seen.ts):
        print(f"{found.symbol}: found")
    # The strongest symbol of the radar that the scan leaves out.
    row = next(row for row in ranking.order.tolist() if not condition.mask(seen)[row])
    print(f"{ranking.table.names[row]}: not found, for:")
    for check in condition.why(seen, row):
        wanted = check.name if check.limit is None else f"{check.name} {check.limit:g}"
        value = "unknown" if check.value is None else f"{check.value:.4g} {check.unit}".rstrip()
        print(f"  {'ok  ' if check.passed else 'FAIL'} {wanted}: {value}")


if __name__ == "__main__":
    main()
