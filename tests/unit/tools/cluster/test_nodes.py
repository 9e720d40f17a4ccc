"""The kind cluster is made once, with the ports that are wanted."""

import pytest
import yaml

from tests.unit.tools.cluster.conftest import PORTS
from tools.cluster import nodes
from tools.cluster.programs import ROOT, ClusterError


def test_a_cluster_that_is_there_is_kept(programs):
    """The second `make up` makes no cluster and deletes none."""
    assert PORTS == nodes.create(programs, PORTS)
    assert [] == programs.ran("create cluster") + programs.ran("delete")


def test_a_cluster_that_is_not_there_is_made_with_the_wanted_ports(programs):
    """The configuration that kind gets leads each wanted port of the host to its node port."""
    programs.answer("get clusters", "other\n")
    nodes.create(programs, PORTS)
    assert len(programs.ran("create cluster --name classifiers --config")) == 1
    mapped = nodes.configuration({"PORT": 1, "DASHBOARD_PORT": 2, "GIT_PORT": 3})["nodes"][0]["extraPortMappings"]
    assert {30096: 1, 30443: 2, 30418: 3} == {one["containerPort"]: one["hostPort"] for one in mapped}
    assert {"127.0.0.1"} == {one["listenAddress"] for one in mapped}


def test_a_taken_port_is_told_before_anything_is_made(programs):
    """The message names the variable that chooses another port."""
    programs.answer("get clusters", "")
    programs.taken = {9696}
    with pytest.raises(ClusterError, match=r"port 9696 .* make up PORT="):
        nodes.create(programs, PORTS)
    assert [] == programs.ran("create cluster")


def test_other_ports_than_those_of_the_cluster_are_not_promised(programs, capsys):
    """A cluster that is there keeps its ports, and these are what is told."""
    assert PORTS == nodes.create(programs, PORTS | {"PORT": 9797})
    assert "keeps its ports PORT=9696" in capsys.readouterr().out


def test_a_node_that_was_stopped_is_started(programs):
    """After a restart of Docker `make up` brings the same cluster back."""
    programs.answer("State.Running", "false\n")
    nodes.create(programs, PORTS)
    assert ["docker start classifiers-control-plane"] == programs.ran("docker start")


def test_a_cluster_made_otherwise_is_refused(programs):
    """Without its port mappings nothing would be reached."""
    programs.answer("PortBindings", "{}")
    with pytest.raises(ClusterError, match="not made by make up"):
        nodes.create(programs, PORTS)


def test_without_docker_there_is_one_line(no_docker):
    """Nothing else is tried without a Docker engine, and the message is one line."""
    with pytest.raises(ClusterError) as raised:
        nodes.create(no_docker, PORTS)
    assert ("no Docker engine answers: install or start Docker, then try again", ["docker info"]) == (
        str(raised.value),
        no_docker.commands,
    )


def test_node_ports_are_those_of_the_manifests():
    """Each node port that the host is led to is one of a Service."""
    services = [
        "overlays/kind/node-port.patch.yaml",
        "tools/cluster/git-server/manifests/service.yaml",
        "tools/cluster/git-server/manifests/dashboard-service.yaml",
    ]
    found = {yaml.safe_load((ROOT / path).read_text())["spec"]["ports"][0]["nodePort"] for path in services}
    assert set(nodes.NODE_PORTS.values()) == found
