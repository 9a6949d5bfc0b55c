"""Vendors of market history, made from settings and keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from yarl import URL

from brokers.alpaca.history import AlpacaHistory, Hosts
from brokers.massive.flatfiles import FlatFiles
from brokers.massive.sigv4 import Keys
from brokers.web.client import Client, Patience
from cli.keys import Entry, secrets
from qm.errors import ConfigError, NotFoundError
from qm.history.download.settings import DownloadSettings
from qm.log import Secret
from qm.ports import Provider

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _Vendor(NamedTuple):
    keys: tuple[Entry, ...]
    urls: tuple[str, ...]
    """Settings that hold the addresses to which its keys are sent."""
    make: Callable[[Client, DownloadSettings, list[Secret]], Provider]


def _massive(client: Client, settings: DownloadSettings, keys: list[Secret]) -> Provider:
    return FlatFiles(client, settings.massive_url, settings.massive_bucket, Keys(keys[0], keys[1]))


def _alpaca(client: Client, settings: DownloadSettings, keys: list[Secret]) -> Provider:
    hosts = Hosts(settings.alpaca_url, settings.alpaca_trading_url)
    return AlpacaHistory(client, hosts, settings.alpaca_feed, keys[0], keys[1])


VENDORS: Final[dict[str, _Vendor]] = {
    "massive": _Vendor(
        (
            Entry(
                "access key of Massive's flat files", ("QM_MASSIVE_KEY_ID", "MASSIVE_ACCESS_KEY_ID"), "massive_key_id"
            ),
            Entry("secret key of Massive's flat files", ("QM_MASSIVE_SECRET", "MASSIVE_SECRET_KEY"), "massive_secret"),
        ),
        ("massive_url",),
        _massive,
    ),
    "alpaca": _Vendor(
        (
            Entry("key of Alpaca", ("APCA_API_KEY_ID",), "alpaca_key_id"),
            Entry("secret key of Alpaca", ("APCA_API_SECRET_KEY",), "alpaca_secret"),
        ),
        ("alpaca_url", "alpaca_trading_url"),
        _alpaca,
    ),
}


@asynccontextmanager
async def vendor(name: str, settings: DownloadSettings) -> AsyncIterator[Provider]:
    """Open a vendor; NotFoundError with the nearest names, AccessError without keys, ConfigError for its address."""
    if name not in VENDORS:
        raise NotFoundError.of("vendor", name, VENDORS)
    chosen = VENDORS[name]
    for setting in chosen.urls:
        url = URL(getattr(settings, setting))
        if url.scheme != "https" and not (url.scheme == "http" and url.host in _LOOPBACK):
            raise ConfigError(
                f"download.{setting} is {url}, and keys are only sent over https.", "Correct the address."
            )
    keys = secrets(chosen.keys)
    patience = Patience(
        per_minute=settings.per_minute,
        attempts=settings.attempts,
        first_wait_s=settings.first_wait_s,
        longest_wait_s=settings.longest_wait_s,
        stall_s=settings.stall_s,
    )
    async with Client(name.capitalize(), patience) as client:
        yield chosen.make(client, settings, keys)
