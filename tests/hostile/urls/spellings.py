"""Ways to write a URL that leads where it must not, or that two programs read as two hosts; made by rules."""

import ipaddress
import itertools
from collections.abc import Iterator

from tests.hostile import zone
from tests.hostile.zone import PUBLIC, PUBLIC_V6

# What a stranger would like to reach: itself, metadata of clouds, the node, the cluster, the neighbours.
INNER = (
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192",
    "168.63.129.16", "10.96.0.1", "172.18.0.2", "192.168.1.1", "100.64.0.1", "198.18.0.1", "224.0.0.251",
    "240.0.0.1", "255.255.255.255", "192.88.99.1", "203.0.113.7",
)  # fmt: skip
INNER_V6 = (
    "::", "::1", "fe80::1", "fec0::1", "fd00:ec2::254", "fd20:ce::254", "fc00::1", "ff02::1", "2001:db8::1", "100::1",
    "100:0:0:1::1", "3fff::1", "5f00::1", "2001::1", "2001:2::1", "2001:20::1", "2620:4f:8000::1",
)  # fmt: skip


def all_spellings() -> list[str]:
    """Give every spelling once."""
    return list(dict.fromkeys(itertools.chain(addresses(), numbers(), carried(), names(), authorities(), odd())))


def addresses() -> Iterator[str]:
    """Addresses as they are written properly."""
    yield from (f"http://{address}/" for address in INNER)
    yield from (f"http://[{address}]/" for address in INNER_V6)
    yield from (f"https://{address}/latest/meta-data/" for address in INNER[:4])


def numbers() -> Iterator[str]:
    """IPv4 addresses as only some resolvers read them."""
    for text in ("127.0.0.1", "169.254.169.254", "10.96.0.1"):
        address = ipaddress.IPv4Address(text)
        a, b, c, d = address.packed
        value = int(address)
        for host in (
            f"{value}", f"{value:#x}", f"0{value:o}", f"{value + 2**32}", f"{value:#x}".upper(), f"0x{value:016x}",
            f"{a}.{b << 16 | c << 8 | d}", f"{a}.{b}.{c << 8 | d}", f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
            f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"000{a:o}.{b}.{c}.{d}", f"{a:#x}.{b}.0{c:o}.{d}",
            f"{a:#x}.{b << 16 | c << 8 | d}",
            f"{a:03}.{b:03}.{c:03}.{d:03}", f"{a}.{b}.{c}.{d + 256}", f"{a + 256}.{b}.{c}.{d}",
            f"{a}.{b}.{c}.{d}.", f"{a}.{b}.{c}.{d}..",
            f".{a}.{b}.{c}.{d}", f"{a}..{b}.{c}.{d}", f"+{a}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d}.5", f"{value}.",
        ):  # fmt: skip
            yield f"http://{host}/"
    yield from (f"http://{host}/" for host in ("0", "0x", "127.1", "0.0", "00", "1.1.1.1.1", "0x7f.1", "08.8.8.8"))


def carried() -> Iterator[str]:
    """IPv4 addresses inside of IPv6 ones."""
    for text in ("127.0.0.1", "169.254.169.254", "10.96.0.1", PUBLIC):
        high, low = (f"{part:x}" for part in divmod(int(ipaddress.IPv4Address(text)), 65536))
        hidden = int(ipaddress.IPv4Address(text)) ^ 0xFFFF_FFFF
        for host in (
            f"::ffff:{text}", f"::ffff:{high}:{low}", f"::{text}", f"::ffff:0:{text}", f"64:ff9b::{text}",
            f"64:ff9b:1::{text}", f"64:ff9b:1:fffe::{high}:{low}", f"2002:{high}:{low}::1",
            f"2001:0:4136:e378:8000:63bf:{hidden >> 16:x}:{hidden & 65535:x}", f"2606:4700::5efe:{text}",
            f"2606:4700::200:5efe:{high}:{low}", f"0:0:0:0:0:FFFF:{text}",
        ):  # fmt: skip
            yield f"http://[{host}]/"


def names() -> Iterator[str]:
    """Names whose owner lets them lead inside, and names that only the inside knows."""
    yield from (f"http://{zone.name(address)}/" for address in (*INNER, *INNER_V6))
    yield from (f"https://{zone.name([PUBLIC, address])}/" for address in INNER[:6])
    yield from (f"http://{zone.name([address, PUBLIC])}/" for address in INNER[:6])
    yield from (f"http://{host}/" for host in (*zone.INSIDE, zone.NOBODY, "LOCALHOST", "localhost.", "Model-Server"))


def authorities() -> Iterator[str]:
    """Hosts, users and ports that parsers take apart differently."""
    for host in (PUBLIC, "pictures.example"):
        yield from (
            f"http://{host}@127.0.0.1/", f"http://127.0.0.1@{host}/", f"http://user:password@{host}/",
            f"http://@{host}/",
            f"http://{host}:80@127.0.0.1/", f"http://127.0.0.1\\@{host}/", f"http://{host}\\@127.0.0.1/",
            f"http://127.0.0.1#@{host}/", f"http://127.0.0.1?@{host}/", f"http://127.0.0.1;@{host}/",
            f"http://{host}%40127.0.0.1/",
            f"http://127.0.0.1%2f@{host}/", f"http://127.0.0.1%00.{host}/", f"http://127.0.0.1%23.{host}/",
            f"http://{host}:22/", f"http://{host}:6379/", f"http://{host}:8500/", f"http://{host}:0/",
            f"http://{host}:65536/",
            f"http://{host}:-80/", f"http://{host}:0x50/", f"http://{host}:80:80/", f"http://{host}:80 @127.0.0.1/",
            f"http://{host}:\u0668\u0660/", f"http://{host}:080/", f"http://{host}:80%20/",
            f"https://{host}:8443/", f"http://{host}:4294967376/",
            f"http://[{host}]/", f"http://[::1]{host}/", f"http://{host}[::1]/", f"http://[::1]@{host}/",
            f"http://[::1%25lo]/{host}",
        )  # fmt: skip
    yield from (
        f"http://[{host}]/" for host in ("", "::1", "[::1]", "::1%lo", "v1.a", "127.0.0.1", "::g", ":::1", "1::2::3")
    )
    yield from ("http://[::1/", "http://::1/", "http://::1]/", "http://::ffff:127.0.0.1/", "http://[::1]:22/")


def odd() -> Iterator[str]:
    """Other schemes, other scripts, control characters, and what is hardly a URL."""
    yield from (
        f"{scheme}127.0.0.1/"
        for scheme in (
            "file://", "ftp://", "gopher://", "dict://", "ldap://", "data:", "javascript:", "jar:http://", "ws://",
            "unix://", "",
            "//", "http:", "http:/", "http:///", "http:////", "http:\\\\", "http://\t", "http ://",
            "hthttp://tp://", "http//:", "htt\u0440://",
            "http\u017f://", "\uff48\uff54\uff54\uff50://", "url:http://", "\nhttp://", "\x00http://",
            "\ufeffhttp://", "http:\u2044\u2044",
        )
    )  # fmt: skip
    yield from (
        f"http://{host}/"
        for host in (
            "\u0661\u0662\u0667.0.0.1", "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
            "127\u30020\u30020\u30021",
            "127\uff0e0\uff0e0\uff0e1", "127\uff610\uff610\uff611", "127.0.0.1\u00ad", "127.0.0.\u200b1",
            "l\u043ecalhost.example", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
            "b\u00fccher.example", "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1", "pictures.example\u2025",
            "pic\u0000tures.example", "pictures.example\r\nHost: inner",
            "pictures.example\t", " pictures.example", "pictures .example", "pictures.example\\",
            "pictures..example", "-pictures.example",
            "pictures-.example", "%70ictures.example", "pictures.ex%61mple", "pictures.example%0d%0aX:y",
            "a" * 64 + ".example", "a." * 127 + "example",
            "*.example", "pictures,example", "pictures.example.1", "pictures.0x7f", "pictures.example^",
            "pictures.example|", "<pictures.example>", '"pictures.example"',
            "$(id).example", "pictures.example'", "{pictures}.example", "pictures.example;127.0.0.1",
            "pictures.example,127.0.0.1", "\ud800.example", "",
        )
    )  # fmt: skip
    yield from (
        "", " ", "http", "http://", "https://", "http://?", "http://#", "http:///etc/passwd", "pictures.example",
        "/etc/passwd", "http://pictures.example/a b",
        "http://pictures.example/\ud83d", "http://pictures.example/\x7f", "http://pictures.example/\x85",
        "http://pictures.example/\r\nX: y",
        "http://pictures.example/?\n", "http://pictures.example/\\..\\",
        "http://pictures.example/" + "a" * 5000, "http://pictures.example\u2028/",
    )  # fmt: skip


# The same door opens for these: what they lead to is `pictures.example`, or the public address itself.
GOOD = (
    "http://pictures.example/good", "HTTP://PICTURES.EXAMPLE/good", "http://pictures.example./good",
    "http://pictures.example:80/good",
    "http://pictures.example:/good", f"http://{PUBLIC}/good", f"http://{PUBLIC}:80/good",
    f"http://[{PUBLIC_V6}]/good",
    f"http://[{PUBLIC_V6.upper()}]/good", "http://pictures.example/good#fragment",
    "http://pictures.example/good?q=\u00fc&r=[1]",
    "http://pictures.example/good?a=http://127.0.0.1/", "http://pictures.example/good/\u00fc/%41/../@:;,$",
    "http://pictures.example/good?%00",
    "  http://pictures.example/good ", "http://a_b.pictures.example/good",
    "http://xn--bcher-kva.pictures.example/good",
    "http://pictures.example/good/" + "a" * 2000, "http://1.2.3.4.pictures.example/good",
    "http://pictures.example/good?#",
)  # fmt: skip
