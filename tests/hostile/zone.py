"""A zone of names that lead where their owner likes: each label is the answer to one look-up, in turn.

`name("93.184.215.14", "10.0.0.1")` makes a name that leads to the first address when it is looked up first, to the
second when it is looked up again, and then starts anew: what a rebinding attack does with a lifetime of zero. An answer
may be several addresses: `name(["93.184.215.14", "10.0.0.1"])`. Beside the zone there are names that only the inside
knows, one that nobody knows, one whose name server is asleep; all others lead to the public address.
"""

import ipaddress
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence

ZONE = "zone.example"
VARIABLE = "HOSTILE_ZONE"
PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
INSIDE = (
    "localhost", "localhost.localdomain", "ip6-localhost", "kubernetes", "kubernetes.default.svc", "gateway",
    "kubernetes.default.svc.cluster.local", "model-server", "metadata.google.internal", "metadata", "instance-data",
    "host.docker.internal",
)  # fmt: skip
NOBODY = "nowhere.invalid"
SLEEPY, SLEEP_S = "sleepy.example", 8.0  # its name server does not answer, and a resolver waits so long for it

_looked_up: Counter[str] = Counter()
_lock = threading.Lock()
_numbers = itertools.count()
_system = socket.getaddrinfo


def name(*answers: str | Sequence[str]) -> str:
    """Make a name of its own for a list of answers."""
    labels = ["z".join(_hex(one) for one in ([answer] if isinstance(answer, str) else answer)) for answer in answers]
    return ".".join([*labels, f"n{next(_numbers)}", ZONE])


def resolve(host: str, port: int) -> list[str]:
    """Answer a look-up. Raises: OSError for names that do not resolve."""
    host = host.lower()
    if host == SLEEPY:
        time.sleep(SLEEP_S)
    if host in (NOBODY, SLEEPY):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if host in INSIDE:
        return ["10.96.0.1"]
    if not host.endswith(f".{ZONE}"):
        return [PUBLIC]
    answers = host.removesuffix(f".{ZONE}").split(".")[:-1]
    with _lock:
        turn = _looked_up[host] % len(answers)
        _looked_up[host] += 1
    return [str(ipaddress.ip_address(bytes.fromhex(one))) for one in answers[turn].split("z")]


def install() -> None:
    """Let this program look names up here, and nowhere else; addresses stay what they are."""

    def getaddrinfo(host, port, *arguments, **options):
        try:
            numeric = isinstance(host, str) and bool(ipaddress.ip_address(host))
        except ValueError:
            numeric = False
        if not host or numeric or host == "localhost":  # what the program itself listens on and asks
            return _system(host, port, *arguments, **options)
        found = resolve(host, port)
        return list(itertools.chain(*(_system(address, port, *arguments, **options) for address in found)))

    socket.getaddrinfo = getaddrinfo


def _hex(address: str) -> str:
    return ipaddress.ip_address(address).packed.hex()
