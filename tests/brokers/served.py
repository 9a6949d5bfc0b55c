"""A server on a real socket of this machine, in a thread of its own, so that programs and tests can be its clients."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

LONGEST_S = 30.0


@contextmanager
def served(app: web.Application) -> Iterator[str]:
    """Serve `app` and yield its address."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    async def end() -> None:
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        port = asyncio.run_coroutine_threadsafe(start(), loop).result(LONGEST_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(LONGEST_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LONGEST_S)
        loop.close()
