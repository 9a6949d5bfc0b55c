"""Settings of the download."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class DownloadSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where market history comes from, and how patiently it is asked for."""

    massive_url: str = "https://files.massive.com"
    """Of the flat files; keys come from the keyring or the environment, never from here."""
    massive_bucket: str = "flatfiles"
    alpaca_url: str = "https://data.alpaca.markets"
    alpaca_trading_url: str = "https://paper-api.alpaca.markets"
    """Tells the assets; keys of an account with real money need https://api.alpaca.markets."""
    alpaca_feed: Literal["sip", "iex", "otc", "boats"] = "sip"
    """Whose prints: all venues (sip, free when older than 15 minutes) or one."""
    per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 180
    """Requests a minute, at most; what the vendor says in its answers comes on top."""
    attempts: Annotated[int, Meta(ge=1, le=20)] = 6
    """Tries of one request, or without progress of one file."""
    first_wait_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    """Before the second try; doubles from then on."""
    longest_wait_s: Annotated[float, Meta(ge=0, le=3_600)] = 90.0
    """A vendor that asks to wait longer counts as unavailable."""
    stall_s: Annotated[float, Meta(gt=0, le=600)] = 30.0
    """A connection that is silent for so long is given up."""
    save_bytes: Annotated[int, Meta(ge=1)] = 4_000_000
    """After so many bytes of a file it is noted how far it is."""
    reserve_mb: Annotated[int, Meta(ge=0)] = 500
    """Room that must stay free on the disk, MB."""
