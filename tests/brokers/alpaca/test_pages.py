"""Pages that are damaged on the way become rows that can be read, or one clear error; nothing else comes out."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from brokers.alpaca.history import AlpacaHistory, Hosts
from brokers.web.client import Client
from qm.errors import DataError
from qm.history.catalogue import Catalogue
from qm.history.download.landing import KINDS, land
from qm.history.manifest import Manifest
from qm.log import Secret
from qm.model.downloads import Offer, Reached, Unit
from qm.rules.calendar import session
from tests.cli.alpaca_market import ACTIONS, SYMBOLS, asset, auctions, day_row, minute_rows, prints, quotes
from tests.cli.flat_market import LAST
from tests.qm.history.markets import NOW

OF = session(LAST)
TOLD: dict[str, Any] = {
    "bars_1m": {"bars": {"AAPL": minute_rows(OF, 10.0)[:3]}},
    "bars_1d": {"bars": {"AAPL": [day_row(LAST, 10.0)]}},
    "trades": {"trades": {"AAPL": prints(OF)}},
    "quotes": {"quotes": {"AAPL": quotes(OF, 10.0)[:3]}},
    "auctions": {"auctions": {"AAPL": [auctions(OF, 10.0)]}},
    "actions": {"corporate_actions": {f"{what}s": [row] for what, row in ACTIONS}},
    "assets": [asset("AAPL"), asset("TSLA", "NYSE", 1)],
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["", "2025-13-41T99:99:99Z", "2025-01-06T14:30:00.٣Z", "2025-02-30", "-1", "NaN", "=1+1", "\x1b[31m"]
    ),
    st.lists(st.integers(), max_size=2),
    st.just({}),
)


class Told:
    """A client that is told the same page whatever it asks."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def whole(self, url: URL, sign: Callable[[], Mapping[str, str]]) -> bytes:
        return self._body


def fetched(kind: str, body: bytes, folder: Path) -> Path:
    """Write down what comes out of a page, and read it as the download does; DataError."""
    vendor = AlpacaHistory(
        cast("Client", Told(body)), Hosts("https://data", "https://trading"), "sip", Secret("k"), Secret("s")
    )
    unit = Unit(kind, LAST, SYMBOLS)
    path = folder / f"told{vendor.suffix(kind)}"

    async def pieces() -> bytes:
        return b"".join([piece.data async for piece in vendor.fetch(unit, Offer("", ""), Reached())])

    path.write_bytes(asyncio.run(pieces()) or b"symbol\n")
    return vendor.reading(unit, path).path


def page(kind: str) -> Any:
    told = json.loads(json.dumps(TOLD[kind]))
    return told if isinstance(told, list) else {**told, "next_page_token": None}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inside for place in places(each, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    value[path[0]] = put(value[path[0]], path[1:], odd)
    return value


@pytest.mark.parametrize("kind", TOLD)
def test_a_sound_page_is_read(kind: str, tmp_path: Path) -> None:
    assert fetched(kind, json.dumps(page(kind)).encode(), tmp_path).exists()


@pytest.mark.parametrize("kind", TOLD)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_odd_value_anywhere(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    told = page(kind)
    told = put(told, data.draw(st.sampled_from(places(told)[1:])), data.draw(ODD))
    settled(kind, json.dumps(told).encode(), tmp_path)


@pytest.mark.parametrize("kind", TOLD)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_changed_on_the_way(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    body = bytearray(json.dumps(page(kind)).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    settled(kind, bytes(body[: data.draw(st.integers(0, len(body)))]), tmp_path)


def settled(kind: str, body: bytes, folder: Path) -> None:
    """Have it in the catalogue, whole and sound, or a DataError."""
    catalogue = Catalogue(folder / "history", folder / "cache")
    try:
        path = fetched(kind, body, folder)
        if kind in KINDS:
            land(catalogue, path, manifest(kind), replace=True)
            assert catalogue.manifest("us", kind, LAST) is None or catalogue.sound("us", kind, LAST)
    except DataError:
        assert catalogue.manifest("us", kind, LAST) is None or catalogue.sound("us", kind, LAST)


def manifest(kind: str) -> Manifest:
    return Manifest(
        dataset="us",
        kind=kind,
        session=str(LAST),
        seconds=0,
        rows=0,
        symbols=0,
        first=0,
        last=0,
        source="",
        fetched_at=NOW,
    )


def test_actions_belong_to_the_session_from_which_they_hold(tmp_path: Path) -> None:
    saturday = dt.date(2025, 1, 4)
    told = {"forward_splits": [dict(ACTIONS[0][1], ex_date=str(saturday))]}
    body = json.dumps({"corporate_actions": told, "next_page_token": None}).encode()
    # What holds from a Saturday on holds from Monday, the last of the sessions, on.
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    land(catalogue, fetched("actions", body, tmp_path), manifest("actions"), replace=True)
    assert catalogue.fact("us", "actions", LAST)["factor"].tolist() == [0.5]
