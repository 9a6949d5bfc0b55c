"""How fast a vendor is asked, on a clock of the test."""

import pytest

from brokers.web import client, pace
from brokers.web.client import retry_after
from brokers.web.pace import Pace
from qm.clock import SECOND

NOW = 1_700_000_000 * SECOND


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    async def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "monotonic_ns", lambda: made.ns)
    monkeypatch.setattr(pace, "now_ns", lambda: NOW + made.ns)
    monkeypatch.setattr("brokers.web.pace.asyncio.sleep", made.sleep)
    return made


async def test_a_burst_and_then_one_at_a_time(clock: Clock) -> None:
    of = Pace(60, longest_s=90)
    clock.ns = 100 * SECOND
    for _ in range(10):
        await of.turn()
    assert clock.ns == 100 * SECOND
    for _ in range(60):
        await of.turn()
    # Ten at once are the burst; the 60 after them come one second apart.
    assert clock.ns == 160 * SECOND


async def test_a_vendor_that_allows_less_is_heard(clock: Clock) -> None:
    of = Pace(6_000, longest_s=90)
    of.heed({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59"})
    clock.ns = 100 * SECOND
    for _ in range(20):
        await of.turn()
    assert clock.ns == 110 * SECOND


async def test_nothing_left_waits_for_the_reset_but_not_for_ever(clock: Clock) -> None:
    of = Pace(6_000, longest_s=90)
    of.heed({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW // SECOND + 30)})
    await of.turn()
    assert clock.ns == 30 * SECOND
    of.heed({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW // SECOND + 1_000_000)})
    await of.turn()
    assert clock.ns == 120 * SECOND


async def test_headers_that_make_no_sense_change_nothing(clock: Clock) -> None:
    of = Pace(6_000, longest_s=90)
    of.heed({"X-RateLimit-Limit": "-1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"})
    await of.turn()
    assert clock.ns == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    # 1,700,000,000 is 2023-11-14 22:13:20 UTC.
    monkeypatch.setattr(client, "now_ns", lambda: NOW)
    assert retry_after(text) == seconds
