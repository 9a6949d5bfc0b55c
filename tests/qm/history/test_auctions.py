"""Official prices out of the prints of several exchanges: the one of the exchange that lists a stock, or none."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from qm.history.auctions import official
from qm.history.catalogue import Catalogue
from qm.history.download.landing import land
from qm.history.manifest import Manifest
from tests.qm.history.markets import DAY, NOW, OPEN, parquet

CLOSE = OPEN + 390 * 60 * 10**9
Told = tuple[str, str, float]


def catalogue(folder: Path, prints: Sequence[Told], listing: str | None, side: str = "close") -> Catalogue:
    """A print after the other, of exchange, condition and price."""
    made = Catalogue(folder / "history", folder / "cache")
    columns = {
        "symbol": ["AAPL"] * len(prints),
        "ts": [CLOSE + i for i in range(len(prints))],
        "side": [side] * len(prints),
        "price": [price for _, _, price in prints],
        "size": [100.0] * len(prints),
        "exchange": [exchange for exchange, _, _ in prints],
        "condition": [condition for _, condition, _ in prints],
    }
    store(made, folder, "auctions", columns)
    if listing is not None:
        flags = ("active", "tradable", "marginable", "shortable", "easy_to_borrow", "fractionable")
        asset = {"symbol": ["AAPL"], "ts": [NOW], "listing": [listing], **{flag: [1] for flag in flags}}
        store(made, folder, "assets", {**asset, "id": ["x"], "name": ["Apple"]})
    return made


def store(of: Catalogue, folder: Path, kind: str, columns: dict[str, object]) -> None:
    manifest = Manifest(
        dataset="us",
        kind=kind,
        session=str(DAY),
        seconds=0,
        rows=0,
        symbols=0,
        first=0,
        last=0,
        source="",
        fetched_at=NOW,
    )
    land(of, parquet(folder / "told.parquet", columns), manifest, replace=True)


BOTH = [("P", "6", 9.0), ("P", "M", 9.0), ("Q", "6", 10.0), ("Q", "M", 10.1)]


@pytest.mark.parametrize(
    ("prints", "listing", "price"),
    [
        (BOTH, "Q", 10.1),
        (BOTH, "P", 9.0),
        (BOTH, "N", None),
        (BOTH, None, None),
        (BOTH, "", None),
        ([("P", "M", 9.0), ("Q", "M", 9.0)], None, 9.0),
        ([("Q", "6", 10.0), ("P", "M", 9.0)], "Q", 10.0),
        ([("Q", "M", 10.0), ("Q", "M", 10.2)], "Q", 10.2),
        ([("Q", "@", 10.0)], "Q", None),
        ([("Q", "", 10.0)], None, None),
    ],
)
def test_whose_price_is_official(prints: list[Told], listing: str | None, price: float | None, tmp_path: Path) -> None:
    found = official(catalogue(tmp_path, prints, listing), "us", DAY, "close")
    assert {name: each.price for name, each in found.items()} == ({} if price is None else {"AAPL": price})


def test_opens_and_closes_are_kept_apart(tmp_path: Path) -> None:
    made = catalogue(tmp_path, [("Q", "O", 10.0), ("Q", "Q", 10.1)], "Q", side="open")
    assert official(made, "us", DAY, "open")["AAPL"].price == 10.1
    assert official(made, "us", DAY, "open")["AAPL"].known_at == CLOSE + 1
    assert official(made, "us", DAY, "close") == {}
