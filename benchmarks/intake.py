"""Live intake: Alpaca-style JSON from a second process, over a loopback WebSocket, into market state, on one core.

Quotes and trades come in frames, three quotes to a trade, and no faster than asked. The receiver decodes a frame into
typed structs, writes them as market records with both times, and lets the kernel consume them; it is measured by what
it keeps up with, how far behind the sender it is (`lag`), and whether its memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import struct
import subprocess
import sys
import time
from datetime import date, datetime

import aiohttp
import msgspec
import numpy as np
import uvloop
from aiohttp import web

from benchmarks.measure import ROOT, percentile, pin, report
from qm.clock import SECOND, perf_ns
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Kind, Print
from qm.rules.calendar import next_session

SYMBOLS = 11_000
VARIANTS = 400
"""Different frames that the sender repeats; only the time of the first message is written anew."""
STAMP = "2024-01-03T14:30:00.123456789Z"
RECORD = struct.Struct("<qqiBBhddddd")
"""`EVENT`, field by field."""
QUOTE, TRADE, ALL = int(Kind.QUOTE), int(Kind.TRADE), int(Print.ALL)
LARGEST = 1_000
"""Messages in a frame, at most."""


class Trade(msgspec.Struct, tag_field="T", tag="t", gc=False):
    """A trade as the vendor writes it."""

    S: str
    p: float
    s: float
    t: str
    c: tuple[str, ...] = ()


class Quote(msgspec.Struct, tag_field="T", tag="q", gc=False):
    """A quote as the vendor writes it."""

    S: str
    bp: float
    ap: float
    bs: float
    as_: float = msgspec.field(name="as")
    t: str = ""


Message = Trade | Quote


class Clock(msgspec.Struct, tag_field="T", tag="x", gc=False):
    """The first message of a frame: when the sender let it go, ns of the machine's steady clock."""

    at: int


class Receiver:
    """Turns frames into market state."""

    def __init__(self) -> None:
        session = next_session(date(2024, 1, 2))
        self.table = SymbolTable(names())
        self.market = Market(self.table, session, Reference.empty(SYMBOLS))
        self._decode = msgspec.json.Decoder(list[Trade | Quote | Clock]).decode
        self._buffer = bytearray(EVENT.itemsize * LARGEST)
        self._records = np.frombuffer(self._buffer, EVENT)
        self._row = {name: row for row, name in enumerate(self.table)}
        self._seconds: dict[str, int] = {}
        self.lag_ms: list[float] = []
        self.messages = 0
        # The compiled loop is loaded before the first message waits for it.
        self.market.run(self._records[:0], 0)

    def frame(self, data: str | bytes) -> None:
        """Take one frame."""
        row, at, put, buffer, event_ns = self._row, 0, RECORD.pack_into, self._buffer, self._event_ns
        now = self.market.session.open_ns + perf_ns()
        for message in self._decode(data):
            if type(message) is Quote:
                q = message
                put(buffer, at, now, event_ns(q.t), row[q.S], QUOTE, 0, 0, q.bp, q.ap, q.bs, q.as_, 0.0)
            elif type(message) is Trade:
                t = message
                put(buffer, at, now, event_ns(t.t), row[t.S], TRADE, ALL, 0, t.p, t.s, 0.0, 0.0, 0.0)
            elif type(message) is Clock:
                self.lag_ms.append((perf_ns() - message.at) / 1e6)
                continue
            at += EVENT.itemsize
        count = at // EVENT.itemsize
        self.market.run(self._records[:count], 0)
        self.messages += count

    def _event_ns(self, text: str) -> int:
        second = self._seconds.get(text[:19])
        if second is None:
            # As good as always the second of the message before: it is read by the calendar once.
            second = self._seconds[text[:19]] = int(datetime.fromisoformat(text[:19] + "Z").timestamp()) * SECOND
        return second + int(text[20:-1].ljust(9, "0"))


def names() -> list[str]:
    """Return the symbols' names."""
    return [f"S{i:05d}" for i in range(SYMBOLS)]


def frames(size: int) -> list[bytes]:
    """Make the bodies of the sender's frames, without their first message."""
    rng = np.random.default_rng(size)
    symbols = names()
    made = []
    for _ in range(VARIANTS):
        parts = []
        for k in range(size):
            symbol, price = symbols[int(rng.integers(SYMBOLS))], float(np.round(rng.uniform(5.0, 200.0), 2))
            if k % 4:
                parts.append(
                    f'{{"T":"q","S":"{symbol}","bx":"V","bp":{price},"bs":{rng.integers(1, 50)},"ax":"V",'
                    f'"ap":{price + 0.02:.2f},"as":{rng.integers(1, 50)},"c":["R"],"z":"C","t":"{STAMP}"}}'
                )
            else:
                parts.append(
                    f'{{"T":"t","S":"{symbol}","i":{rng.integers(1 << 40)},"x":"V","p":{price},'
                    f'"s":{rng.integers(1, 900)},"c":["@","I"],"z":"C","t":"{STAMP}"}}'
                )
        made.append(",".join(parts).encode() + b"]")
    return made


async def send(size: int, per_s: float, for_s: float, port: int) -> None:
    """Serve one client: frames of `size` messages, at most `per_s` messages a second."""
    bodies = frames(size)
    done = asyncio.Event()

    async def feed(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        start, sent = perf_ns(), 0
        while perf_ns() - start < for_s * 1e9:
            due = start + int(sent * size / per_s * 1e9) if per_s else 0
            early = due - perf_ns()
            if early > 1_000_000:
                await asyncio.sleep(early / 1e9)
            head = b'[{"T":"x","at":%d},' % perf_ns()
            await socket.send_str((head + bodies[sent % VARIANTS]).decode())
            sent += 1
        await socket.close()
        done.set()
        return socket

    app = web.Application()
    app.router.add_get("/feed", feed)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await done.wait()
    await runner.cleanup()


async def receive(port: int) -> tuple[Receiver, float, list[float]]:
    """Take the whole feed; returns the receiver, the seconds it ran, and its memory in MB, once a second."""
    receiver = Receiver()
    memory = [rss_mb()]
    noted = start = perf_ns()
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"http://127.0.0.1:{port}/feed", compress=0, max_msg_size=0) as socket,
    ):
        async for message in socket:
            receiver.frame(message.data)
            if perf_ns() - noted > SECOND:
                noted = perf_ns()
                memory.append(rss_mb())
    return receiver, (perf_ns() - start) / 1e9, memory


def rss_mb() -> float:
    """Return the memory that this process holds."""
    with open("/proc/self/statm") as file:  # noqa: PTH123  (read once a second while measuring)
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def one(size: int, per_s: float, for_s: float, port: int) -> tuple[list[str], dict[str, float]]:
    """Run sender and receiver once."""
    arguments = ["--send", str(size), str(per_s), "--seconds", str(for_s), "--port", str(port)]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.intake", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as sender:
        assert sender.stdout is not None
        sender.stdout.readline()
        used = time.process_time()
        receiver, took_s, memory = uvloop.run(receive(port))
        used = time.process_time() - used
    lag = receiver.lag_ms
    figure = {
        "frame": size,
        "asked_per_s": per_s,
        "per_s": receiver.messages / took_s,
        "per_cpu_s": receiver.messages / used,
        "lag_p50_ms": percentile(lag, 0.5),
        "lag_p99_ms": percentile(lag, 0.99),
        "lag_end_ms": percentile(lag[-len(lag) // 10 :], 0.5),
        "grown_mb": memory[-1] - memory[min(1, len(memory) - 1)],
    }
    asked = f"{per_s:,.0f}" if per_s else "all it can"
    line = [f"{size} a frame, {asked}/s", f"{figure['per_s']:,.0f}", f"{figure['per_cpu_s']:,.0f}"]
    line += [f"{figure[name]:.2f}" for name in ("lag_p50_ms", "lag_p99_ms", "lag_end_ms")]
    return [*line, f"{figure['grown_mb']:+.1f}"], figure


def main() -> None:
    """Measure and report; with --send, be the second process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each run")
    parser.add_argument("--port", type=int, default=18_765)
    parser.add_argument("--cpu", type=int, default=0, help="the receiver's processor; the sender takes the next one")
    parser.add_argument("--send", nargs=2, metavar=("SIZE", "PER_S"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send:
        pin((arguments.cpu + 1) % (os.cpu_count() or 1))
        size, per_s = arguments.send
        uvloop.run(send(int(size), float(per_s), arguments.seconds, arguments.port))
        return
    pin(arguments.cpu)
    asked = [(20, 50_000.0), (20, 0.0), (100, 0.0), (500, 0.0)]
    runs = [one(size, per_s, arguments.seconds, arguments.port) for size, per_s in asked]
    columns = ["messages", "taken/s", "a cpu s", "lag p50 ms", "p99 ms", "last tenth p50 ms", "grown MB"]
    report("intake", columns, [line for line, _ in runs], [figure for _, figure in runs])


if __name__ == "__main__":
    main()
