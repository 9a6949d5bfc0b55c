"""What was measured on real sessions, and what the synthetic market is held to: numbers only, no data.

Sources: 39 sessions of one-minute bars of large caps, daily bars of 6,711 US stocks 2023-2024, the prints of a runner
day, gappers of 2008-2023, quotes of six runners. `benchmarks.synthetic` recomputes them on generated days.
"""

from __future__ import annotations

from typing import Final

Quantiles = tuple[tuple[float, ...], tuple[float, ...]]
"""Probabilities and the values there, both rising."""

# Universe.
PRICE: Final[Quantiles] = (
    (0.0, 0.05, 0.103, 0.174, 0.25, 0.297, 0.432, 0.5, 0.638, 0.75, 0.829, 0.917, 0.95, 1.0),
    (0.10, 0.32, 1.0, 2.0, 4.08, 5.0, 10.0, 13.45, 20.0, 37.1, 50.0, 100.0, 200.0, 900.0),
)
MARKET_CAP: Final[Quantiles] = ((0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (1e6, 5e6, 98e6, 878e6, 5.06e9, 59e9, 3e12))
LOW_FLOAT: Final[Quantiles] = (
    (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0),
    (0.5e6, 1.9e6, 7.2e6, 16.6e6, 36.6e6, 108.5e6, 4e8),
)
FLOAT_OF_OUTSTANDING: Final = 0.74
DOLLAR_VOLUME: Final = (-6.07, 1.03, 1.99)
"""Log of the dollars a day: intercept, slope in log market value, sd."""
EXCHANGES: Final = (("NASDAQ", 0.58), ("NYSE", 0.38), ("AMEX", 0.04))
SECTORS: Final = (
    ("Finance", 0.24), ("Consumer Discretionary", 0.15), ("Health Care", 0.15), ("Technology", 0.11), ("Other", 0.35),
)  # fmt: skip
MEASURED_SYMBOLS: Final = 7_182

# Days, by price. Percent, as measured; gaps and runs are upward ones.
BUCKET_EDGES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
BUCKETS: Final = ("<1", "1-2", "2-5", "5-10", "10-20", "20-50", "50-100", ">100")
BUCKET_SHARE: Final = (0.103, 0.071, 0.123, 0.135, 0.206, 0.191, 0.088, 0.082)
DAILY_SD: Final = (13.35, 6.41, 5.87, 4.69, 3.27, 2.89, 2.58, 2.36)
GAP_SD: Final = (12.7, 4.16, 3.6, 2.84, 2.02, 1.73, 1.55, 1.51)
MEDIAN_RANGE: Final = (6.85, 6.74, 5.59, 3.78, 2.24, 2.42, 2.22, 2.07)
GAP_OVER_5: Final = (15.1, 5.92, 3.62, 2.19, 0.97, 0.64, 0.54, 0.46)
GAP_OVER_10: Final = (9.1, 1.51, 0.9, 0.52, 0.215, 0.138, 0.126, 0.106)
GAP_OVER_20: Final = (4.75, 0.344, 0.248, 0.131, 0.066, 0.031, 0.028, 0.026)
RUN_OVER_30: Final = (6.92, 1.16, 0.8, 0.43, 0.15, 0.068, 0.058, 0.051)
RUN_OVER_100: Final = (1.04, 0.127, 0.091, 0.052, 0.018, 0.006, 0.004, 0.003)
DAILY_VOLUME_SD: Final = (0.95, 0.43)
"""Sd of log volume from day to day: small and large companies."""
TAIL: Final = 2.5
"""Hill estimate of the tail of daily moves."""

EVENTS_UNIVERSE: Final = 3_509
EVENTS_A_DAY: Final = {
    "gap5": 89.7, "gap10": 21.9, "gap20": 5.6, "run20": 40.5, "run30": 17.7, "run50": 6.7, "run100": 2.0,
    "rvol5": 57.2, "rvol5_gap4": 13.6, "gap10_1m": 10.8, "run30_1m": 13.3,
}  # fmt: skip
"""A session, among `EVENTS_UNIVERSE` symbols at $1-20."""

# The day of a gap of 10 % and more, and of a runner (30 % and more above the close before).
GAPPER_HIGH: Final[Quantiles] = ((0.1, 0.25, 0.5, 0.75, 0.9, 0.97), (0.7, 3.4, 9.4, 21.1, 42.1, 98.1))
GAPPER_LOW: Final[Quantiles] = ((0.1, 0.5, 0.9), (-28.3, -10.3, -1.9))
GAPPER_CLOSE: Final[Quantiles] = ((0.05, 0.25, 0.5, 0.75, 0.95), (-28.3, -11.5, -2.5, 5.7, 29.3))
GAPPER_FADES: Final = 0.578
GAP20_FADES: Final = 0.705
GAPPER_RVOL: Final[Quantiles] = ((0.1, 0.5, 0.9), (1.7, 7.9, 194.8))
GAP20_TURNOVER: Final[Quantiles] = ((0.1, 0.5, 0.9), (0.04, 0.41, 4.3))
GAP20_PRE_HIGH: Final[Quantiles] = ((0.25, 0.5, 0.75), (2.8, 8.9, 20.1))
GAP20_HIGH_IN_MORNING: Final = 0.80
GAP20_ABOVE_PRE_HIGH: Final = 0.49
PRE_VOLUME_SHARE: Final[Quantiles] = ((0.1, 0.5, 0.9), (0.05, 0.13, 0.23))
RUN_UP: Final[Quantiles] = ((0.5, 0.9, 0.99), (47.0, 123.0, 362.0))
RUN_GIVES_BACK: Final[Quantiles] = ((0.1, 0.25, 0.5, 0.75, 0.9), (-36.2, -25.0, -15.0, -7.4, -3.1))
RUN_PEAK_MINUTE: Final[Quantiles] = ((0.1, 0.25, 0.5, 0.75, 0.9), (-186.0, -105.0, -9.0, 36.0, 233.0))
RUN_GAP_SHARE: Final = 0.17
RUN_SIGMA_BP: Final = 142.0
RUN_WIDEST_MINUTE: Final[Quantiles] = ((1 / 12, 0.5, 11 / 12), (4.7, 12.6, 33.9))
"""The least, the median and the most of eleven."""
RUN_TOP10_VOLUME: Final = 0.44
RUN_BUSIEST_MINUTE: Final = 0.10

# Minutes of liquid stocks. Volume in percent and volatility as a multiple of the day's, per 15 minutes.
VOLUME_SHARE: Final = (
    8.88, 5.28, 5.05, 4.2, 3.78, 3.32, 3.18, 2.92, 2.72, 2.48, 2.3, 2.26, 2.1,
    2.06, 2.04, 2.07, 2.12, 2.04, 2.26, 2.21, 2.29, 2.4, 2.73, 3.28, 4.34, 13.95,
)  # fmt: skip
FIRST_MINUTE_SHARE: Final = 0.0236
LAST_MINUTE_SHARE: Final = 0.030
CLOSING_AUCTION_SHARE: Final = 0.137
"""Of the day's volume: what prints at 16:00 or later, at the median; 0.10 to 0.14 in other sets."""
PRE_SHARE_LIQUID: Final[Quantiles] = ((0.1, 0.5, 0.9), (0.0004, 0.0044, 0.0338))
SIGMA_SHAPE: Final = (
    2.53, 1.56, 1.46, 1.22, 1.09, 1.03, 0.98, 0.88, 0.84, 0.79, 0.76, 0.74, 0.68,
    0.68, 0.7, 0.68, 0.7, 0.65, 0.68, 0.62, 0.66, 0.64, 0.66, 0.63, 0.69, 0.9,
)  # fmt: skip
SIGMA_1M_BP: Final[Quantiles] = ((0.1, 0.25, 0.5, 0.75, 0.9, 0.99), (5.9, 7.8, 10.4, 13.7, 17.9, 36.5))
KURTOSIS: Final = 8.2
OVER_4_SD, OVER_8_SD = 0.606, 0.0348
"""Percent of the minutes."""
RETURN_ACF: Final = -0.021
ABS_RETURN_ACF: Final = {1: 0.24, 5: 0.199, 30: 0.136}
VARIANCE_RATIO: Final = {5: 1.00, 15: 1.01, 30: 0.99}
VOLUME_NOISE_SD: Final = 0.78
VOLUME_NOISE_ACF: Final = 0.21
RETURN_VOLUME_CORR: Final = 0.24
RANGE_OVER_RETURN: Final = 1.37
PAIR_CORR: Final = {1: 0.20, 5: 0.26}
FIRST_COMPONENT: Final = 0.29
GAP_SHARE: Final = 0.45
"""Of the variance of liquid stocks; by price it follows from `GAP_SD` and `DAILY_SD`."""

# Prints and quotes of runners.
TRADE_SIZE: Final[Quantiles] = ((0.10, 0.25, 0.50, 0.75, 0.90, 0.99), (3.0, 16.0, 60.0, 100.0, 258.0, 1293.0))
ODD_LOTS, ROUND_HUNDRED = 0.60, 0.16
BETWEEN_TRADES_S: Final[Quantiles] = ((0.75, 0.9, 0.99), (0.124, 2.96, 119.6))
SAME_MICROSECOND: Final = 0.36
PRICE_UNCHANGED: Final = 0.70
SIGN_ACF: Final = {1: 0.60, 10: 0.15, 50: 0.04}
TICK_ACF: Final = -0.22
SUBPENNY: Final = 0.097
QUOTES_PER_TRADE: Final = (4.8, 6.5)
DEPTH: Final[Quantiles] = ((0.25, 0.50, 0.90), (100.0, 187.0, 900.0))
SPREAD_FIT: Final = (8.81, -0.39, 0.48)
"""Log basis points against log trades a day, on one venue: intercept, slope, sd."""
COUNT_SHAPE: Final = ((380.0, 0.15), (16_000.0, 0.65))
"""Trades a day, and the shape of the negative binomial of trades a minute, by maximum likelihood."""
COUNT_SHAPE_KNOWN: Final = {380.0: (0.03, 0.26), 16_000.0: (0.19, 0.88)}
"""The 95 % intervals at those, from drawing the eleven symbols again: log shape against log trades a day gives 0.07 and
0.47. By moments it would be 0.06 (0.04 to 0.09) and 0.20 (0.15 to 0.39)."""
FIVE_SECONDS_RATIO: Final = {"1 min": 0.80, "5 min": 0.59, "15 min": 0.49}
PAUSES_PER_RUNNER_DAY: Final = 2 / 21
PAUSES_KNOWN: Final = (0.012, 0.344)
"""The 95 % interval of a Poisson rate of which two events were seen."""
REOPENING_JUMP, REOPENING_KNOWN = 0.026, (-0.04, 0.10)
"""Of the price at the pause, in its direction: the mean of two, and its 95 % interval."""

# The 95 % intervals of what was measured on few runners, where their number is the larger error. Those of prints and
# minutes come from drawing the eleven symbols of that day again with replacement, those of the highs from the ranks
# of 21 runners.
RUNNER_KNOWN: Final = {
    "sigma": ((136.0, 244.0),),
    "widest": ((4.7, 11.3), (7.2, 15.2), (12.6, 33.9)),
    "ten": ((0.35, 0.60),),
    "busiest": ((0.056, 0.139),),
    "peak": ((-330.0, -117.0), (-200.0, -34.0), (-89.0, 29.0), (2.0, 270.0), (45.0, 390.0)),
}
PRINTS_SIZE_KNOWN: Final = ((2.0, 5.0), (10.0, 20.0), (42.0, 75.0), (100.0, 122.0), (200.0, 303.0), (1000.0, 1904.0))
PRINTS_WAIT_KNOWN: Final = ((0.034, 0.505), (0.89, 8.7), (58.0, 189.0))
PRINTS_KNOWN: Final = {
    "odd lots": (0.49, 0.64), "exactly 100": (0.12, 0.20), "same microsecond": (0.23, 0.36),
    "price unchanged": (0.58, 0.76), "side acf 1": (0.60, 0.72), "side acf 10": (0.10, 0.22),
    "side acf 50": (0.026, 0.069), "tick acf": (-0.29, -0.13),
}  # fmt: skip
