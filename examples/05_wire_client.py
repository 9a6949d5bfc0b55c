"""Attach to a running engine: one snapshot, then what changes; the engine does not wait for us.

Run it with `python examples/05_wire_client.py [SOCKET]`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from qm.config import paths
from qm.errors import QmError
from qm.wire.client import Client
from qm.wire.protocol import Delta, Snapshot
from qm.wire.replica import Replica

FRAMES = 10
"""How many to watch; a screen never stops."""


def show(frame: Snapshot | Delta, replica: Replica) -> None:
    """Print what a frame brought."""
    if isinstance(frame, Snapshot):
        print(f"#{frame.seq} snapshot: {len(frame.radar)} on the radar, {len(frame.positions)} positions")
        return
    parts = ("status", "health", "pnl", "radar", "watch", "positions", "orders")
    changed = [part for part in parts if getattr(frame, part) is not None]
    assert replica.pnl is not None
    print(f"#{frame.seq} changed: {', '.join(changed) or 'nothing'}; equity {replica.pnl.equity_usd:,.2f} $")
    for line in frame.log:
        print(f"    {line.symbol or '-':<6} {line.text}")


async def watch(socket: Path) -> None:
    """Follow the engine for some frames, and ask it two questions."""
    replica = Replica()
    async with Client(socket) as client:
        hello = await client.hello()
        print(f"engine {hello.version}, protocol {hello.protocol}")
        async with aclosing(client.frames()) as frames:
            left = FRAMES
            async for frame in frames:
                replica.apply(frame)
                show(frame, replica)
                left -= 1
                if not left:
                    break
        orders = await client.get("/v1/orders", limit="5")
        print(f"newest orders: {', '.join(order['id'] for order in orders) or 'none yet'}")


def main() -> int:
    """Watch, or say what to do when nobody answers."""
    socket = Path(sys.argv[1]) if len(sys.argv) > 1 else paths("sim").socket
    try:
        asyncio.run(watch(socket))
    except QmError as error:
        print(f"{error.problem} {error.remedy}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
