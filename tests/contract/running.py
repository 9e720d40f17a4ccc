"""One `make run` in a process of its own, on ports of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": "apps:apps/model-server:.", "GATEWAY_ALLOW_LOOPBACK_URLS": "1"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """Started and answering, unless `words` says why not."""

    def __init__(self, *flags, **environment):
        self.ports = [free_port() for _ in range(3)]
        self.address = f"http://localhost:{self.ports[0]}"
        named = [f"--{name}={port}" for name, port in zip(["port", "grpc-port", "rest-port"], self.ports, strict=True)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.run", *named, *flags],
            cwd=ROOT,
            env={**ENVIRONMENT, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.words = line = self.process.stdout.readline()
        while line and self.address not in line:
            line = self.process.stdout.readline()
            self.words += line

    def post(self, body, content_type, path="/predict"):
        request = urllib.request.Request(f"{self.address}{path}", body, {"Content-Type": content_type})
        return json.load(urllib.request.urlopen(request, timeout=30))

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.words += self.process.communicate(timeout=30)[0]
        return self.process.returncode
