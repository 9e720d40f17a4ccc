"""NetworkPolicies are read as Kubernetes reads them, and the gateway's reaches what is public and nothing else."""

import ipaddress
import random

import pytest

from gateway.addresses import is_public
from tools.manifests.matrix import PAGE, main, matrix, meant, own_ends, table
from tools.manifests.network import End, Port, allows
from tools.manifests.rendering import combinations, render, render_all

WEB = End("web", "shop", {"app": "web"}, {"team": "a"}, "10.0.0.1", {"http": 8080})
DB = End("db", "shop", {"app": "db"}, {"team": "a"}, "10.0.0.2", {"sql": 5432})
GUEST = End("guest", "yard", {"app": "web"}, {"team": "b"}, "10.0.0.3", {"http": 80})
NET = End("net", address="8.8.8.8")
SQL, HTTP = Port(5432), Port(8080)


def policy(selector, namespace="shop", **spec):
    return {"metadata": {"name": "it", "namespace": namespace}, "spec": {"podSelector": selector, **spec}}


def labelled(app):
    return {"matchLabels": {"app": app}}


def expression(operator, *values):
    return {"matchExpressions": [{"key": "app", "operator": operator, **({"values": list(values)} if values else {})}]}


def lets_in(*peers, ports=None):
    """A policy of the database."""
    return policy(labelled("db"), ingress=[{"from": list(peers), **({"ports": ports} if ports else {})}])


def lets_out(*rules):
    """A policy of the web server."""
    return policy(labelled("web"), policyTypes=["Egress"], egress=list(rules))


OTHERS = {"matchLabels": {"team": "b"}}
BLOCK = {"ipBlock": {"cidr": "8.0.0.0/8", "except": ["8.8.0.0/16"]}}
# policies, source, destination, port, allowed; by the sentences of Kubernetes' documentation.
SEMANTICS = {
    "a pod that no policy selects is free": ([], GUEST, DB, SQL, True),
    "a policy of another namespace selects nothing": ([policy({}, "yard")], WEB, DB, SQL, True),
    "an empty selector selects every pod of the namespace": ([policy({})], GUEST, DB, SQL, False),
    "without types a policy is about ingress": ([policy({})], DB, NET, SQL, True),
    "without types and with egress rules it is about both": ([policy({}, egress=[{}])], GUEST, DB, SQL, False),
    "an empty list of egress rules does not make it so": ([policy({}, egress=[])], DB, NET, SQL, True),
    "a type without rules refuses all": ([policy({}, policyTypes=["Egress"])], DB, NET, SQL, False),
    "an empty rule allows all": ([policy({}, ingress=[{}])], NET, DB, SQL, True),
    "an empty list of peers is all peers": ([policy({}, ingress=[{"from": []}])], NET, DB, SQL, True),
    "an empty list of ports is all ports": ([policy({}, ingress=[{"ports": []}])], NET, DB, SQL, True),
    "policies add up": ([policy({}), lets_in({"podSelector": labelled("web")})], WEB, DB, SQL, True),
    "both ends have to agree: source": ([policy(labelled("web"), policyTypes=["Egress"])], WEB, DB, SQL, False),
    "both ends have to agree: destination": ([lets_out({}), policy(labelled("db"))], WEB, DB, SQL, False),
    "a pod selector is about the policy's namespace": (
        [lets_in({"podSelector": labelled("web")})], GUEST, DB, SQL, False,
    ),
    "a namespace selector is about every pod there": (
        [lets_in({"namespaceSelector": OTHERS})], GUEST, DB, SQL, True,
    ),
    "both selectors in one peer have to match": (
        [lets_in({"namespaceSelector": OTHERS, "podSelector": labelled("db")})], GUEST, DB, SQL, False,
    ),
    "two peers are alternatives": (
        [lets_in({"namespaceSelector": OTHERS}, {"podSelector": labelled("x")})], GUEST, DB, SQL, True,
    ),
    "an empty namespace selector is every namespace": ([lets_in({"namespaceSelector": {}})], GUEST, DB, SQL, True),
    "selectors are about pods, not addresses": ([lets_in({"namespaceSelector": {}})], NET, DB, SQL, False),
    "a block is about addresses": ([lets_out({"to": [{"ipBlock": {"cidr": "8.0.0.0/8"}}]})], WEB, NET, SQL, True),
    "a block leaves out its exceptions": ([lets_out({"to": [BLOCK]})], WEB, NET, SQL, False),
    "another block may allow the exception": (
        [lets_out({"to": [BLOCK, {"ipBlock": {"cidr": "8.8.8.8/32"}}]})], WEB, NET, SQL, True,
    ),
    "a block of one family has no address of the other": (
        [lets_out({"to": [{"ipBlock": {"cidr": "::/0"}}]})], WEB, NET, SQL, False,
    ),
    "a number is that port": ([lets_in(ports=[{"port": 5432}])], WEB, DB, SQL, True),
    "another number is not": ([lets_in(ports=[{"port": 5433}])], WEB, DB, SQL, False),
    "the protocol is TCP unless it is said": ([lets_in(ports=[{"port": 5432}])], WEB, DB, Port(5432, "UDP"), False),
    "a protocol alone is every port of it": ([lets_in(ports=[{"protocol": "UDP"}])], WEB, DB, Port(9, "UDP"), True),
    "a range has both ends: last": ([lets_in(ports=[{"port": 5000, "endPort": 5432}])], WEB, DB, SQL, True),
    "a range has both ends: after": ([lets_in(ports=[{"port": 5000, "endPort": 5431}])], WEB, DB, SQL, False),
    "a name is the port of the pod that is called": ([lets_in(ports=[{"port": "sql"}])], WEB, DB, SQL, True),
    "so it is on the way out": ([lets_out({"ports": [{"port": "sql"}]})], WEB, DB, SQL, True),
    "not one of the caller's": ([lets_out({"ports": [{"port": "http"}]})], WEB, DB, HTTP, False),
    "an address has no named ports": ([lets_out({"ports": [{"port": "http"}]})], WEB, NET, HTTP, False),
    "In": ([lets_in({"podSelector": expression("In", "web", "x")})], WEB, DB, SQL, True),
    "NotIn": ([lets_in({"podSelector": expression("NotIn", "web")})], WEB, DB, SQL, False),
    "Exists": ([lets_in({"podSelector": expression("Exists")})], WEB, DB, SQL, True),
    "DoesNotExist": ([lets_in({"podSelector": expression("DoesNotExist")})], WEB, DB, SQL, False),
}  # fmt: skip


@pytest.mark.parametrize(("policies", "source", "destination", "port", "expected"), SEMANTICS.values(), ids=SEMANTICS)
def test_a_policy_means_what_kubernetes_says(policies, source, destination, port, expected):
    """Each sentence of the documentation, in a connection that it decides."""
    assert expected == allows(policies, source, destination, port)


@pytest.mark.parametrize(
    "peer",
    [
        {"podSelektor": {}},
        {"ipBlock": {"cidr": "::/0"}, "podSelector": {}},
        {"podSelector": expression("Like", "web")},
        {"podSelector": {"app": "web"}},
    ],
)
def test_what_is_not_understood_is_an_error(peer):
    """A mistake in a policy is not taken for a rule that allows or refuses."""
    with pytest.raises(ValueError, match=r"NetworkPolicy|operator|ipBlock"):
        allows([lets_in(peer)], WEB, DB, SQL)


def addresses():
    """Random addresses of both families, and more of those near what is not public."""
    chance = random.Random(5)  # the same at each run, so that a red one can be looked at
    for _ in range(1000):
        yield ipaddress.IPv4Address(chance.getrandbits(32))
        yield ipaddress.IPv6Address(chance.getrandbits(128))
        # Global unicast and the beginnings of its special networks are a small part of all.
        yield ipaddress.IPv6Address(0x2 << 124 | chance.getrandbits(125))
        yield ipaddress.IPv6Address(
            chance.choice([0x2001, 0x2002, 0x2620, 0x3FFF, 0x64]) << 112 | chance.getrandbits(112)
        )
        yield ipaddress.IPv4Address(chance.choice([100, 169, 172, 192, 198, 203]) << 24 | chance.getrandbits(24))


@pytest.mark.parametrize("environment", ["kind", "prod"])
def test_the_gateway_reaches_public_addresses_and_no_others(environment):
    """What gateway.addresses calls public is allowed on 80 and 443, everything else is refused on every port."""
    rendering = render(environment)
    policies = tuple(rendering.of_kind("NetworkPolicy"))
    gateway = next(end for end in own_ends(rendering) if end.name == "gateway")
    found = {True: 0, False: 0}
    for address in map(str, addresses()):
        public = is_public(address)
        found[public] += 1
        for port in (Port(80), Port(443), Port(53), Port(8500), Port(443, "UDP")):
            expected = public and port in {Port(80), Port(443)}
            assert expected == allows(policies, gateway, End("net", address=address), port), (address, port)
    assert min(found.values()) > 500


def test_the_page_shows_the_matrix_as_it_is():
    """docs/network.md has the table that `python -m tools.manifests.matrix` prints, no row or column more or less."""
    renderings = render_all(each for each in combinations() if len(each.components) <= 1)
    assert table(renderings) in PAGE.read_text()
    assert {cell for each in renderings for cell in matrix(each)} == set(meant())


@pytest.mark.parametrize("environment", ["kind", "prod"])
def test_the_model_server_calls_nobody(environment):
    """Whatever the table says, the model server's column is empty."""
    assert not any(allowed for (_, source), allowed in matrix(render(environment)).items() if source == "model-server")


def test_the_command_prints_the_matrix_of_a_combination(capsys):
    """A person asks about one overlay with components; what only a component allows is then plain."""
    assert 0 == main(["prod", "monitoring"])
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| model-server 8501 "))
    assert 1 == row.count("yes")


@pytest.mark.parametrize("asked", [["prod", "nothing"], ["nowhere"]])
def test_the_command_refuses_what_is_not_there(asked, capsys):
    """A misspelt name is an error in words."""
    with pytest.raises(SystemExit):
        main(asked)
    assert asked[-1] in capsys.readouterr().err
