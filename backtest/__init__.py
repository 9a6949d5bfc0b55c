"""Backtests: the same engine run over history, and the measures of what it did."""
