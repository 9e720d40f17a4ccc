"""Hold a port open until SIGTERM: `python -m gateway.verify.proved PORT`, what `gateway prove` becomes."""

import contextlib
import signal
import socket
import sys


def main(port: int) -> None:
    """Accept connections and close them: a probe only asks whether there is one."""
    # As process 1 of a container it would outlive a SIGTERM that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.create_server(("", port)) as server:
        while True:
            with contextlib.suppress(OSError):
                server.accept()[0].close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
