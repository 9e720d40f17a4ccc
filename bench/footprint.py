"""Print how soon gateway and model server are ready, what memory they hold, and how fast they answer (Linux).

    .venv/run/bin/python -m bench.footprint

Memory is asked of /proc/PID/smaps_rollup: RSS counts shared pages in every process, PSS shares them out, so the sum of
PSS is what the machine gives up.
"""

import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path, PurePath

from tools.models import DEFAULT, MODELS, versions, write_model_config

GRPC_PORT, REST_PORT, PORT = 18500, 18501, 19696
REPEATS, REQUESTS = 3, 50
PICTURE = MODELS / DEFAULT / str(versions(DEFAULT)[-1]) / "golden" / "pizza-wide.png"


def main() -> None:
    """Start both servers a few times, each alone, and print a table."""
    starts: dict[str, list[float]] = {"model-server": [], "gateway": []}
    rows = []
    for repeat in range(REPEATS):
        last = repeat == REPEATS - 1
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "models.config"
            write_model_config(config, [DEFAULT], PurePath(MODELS))
            flags = [f"--port={GRPC_PORT}", f"--rest_api_port={REST_PORT}", f"--model_config_file={config}"]
            server, start_s = started(
                ["-m", "model_server", *flags], lambda: status(REST_PORT, f"/v1/models/{DEFAULT}/metadata") == 200
            )
            starts["model-server"].append(start_s)
            gateway, start_s = started(["-m", "gateway.cli", "serve"], lambda: status(PORT, "/readyz") == 200)
            starts["gateway"].append(start_s)
            if last:
                rows.append(("idle", memory(server.pid), memory(gateway.pid)))
                times_ms = [answer_ms() for _ in range(REQUESTS)]
                rows.append((f"after {REQUESTS} pictures", memory(server.pid), memory(gateway.pid)))
            for process in (gateway, server):
                process.send_signal(signal.SIGTERM)
                process.wait(30)
    for name, values in starts.items():
        print(f"{name:<14} ready after {min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f} s")
    print("               (minimum / median / maximum of", REPEATS, "starts)")
    for when, *both in rows:
        for name, (rss, pss) in zip(starts, both, strict=True):
            print(f"{name:<14} {when:<20} {rss:6.1f} MB RSS  {pss:6.1f} MB PSS (all its processes)")
    print(f"one picture    {min(times_ms):.0f} / {statistics.median(times_ms):.0f} / {max(times_ms):.0f} ms over HTTP")


def started(arguments: list[str], ready: Callable[[], bool]) -> tuple[subprocess.Popen[bytes], float]:
    """Start a program and wait until it is ready. Returns: the process and the seconds that took."""
    environment = {
        **os.environ,
        "GATEWAY_PORT": str(PORT),
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_MODEL_SERVER": f"localhost:{GRPC_PORT}",
    }
    begin_s = time.monotonic()
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.DEVNULL)
    while not ready():
        if process.poll() is not None or time.monotonic() - begin_s > 60:
            raise SystemExit(f"error: {arguments} did not become ready")
        time.sleep(0.01)
    return process, time.monotonic() - begin_s


def status(port: int, path: str, body: bytes | None = None) -> int:
    """Ask a server on loopback; 0 where nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, body, {"Content-Type": "image/png"})
        response = connection.getresponse()
        response.read()
    except OSError:
        return 0
    finally:
        connection.close()
    return response.status


def answer_ms() -> float:
    """Post one picture to the gateway and give the milliseconds until its answer."""
    data = PICTURE.read_bytes()
    begin_s = time.monotonic()
    if status(PORT, "/predict", data) != 200:
        raise SystemExit("error: the gateway did not classify the picture")
    return (time.monotonic() - begin_s) * 1000


def memory(pid: int) -> tuple[float, float]:
    """Add up RSS and PSS of a process and its children, in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = [0.0, 0.0]
    for one in [str(pid), *children]:
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            for index, name in enumerate(("Rss:", "Pss:")):
                if line.startswith(name):
                    total[index] += int(line.split()[1]) * 1024 / 1e6
    return total[0], total[1]


if __name__ == "__main__":
    main()
