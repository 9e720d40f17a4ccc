"""The kind cluster itself: made, found again, started again, removed."""

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tools.cluster.programs import CLUSTER, NODE, ROOT, ClusterError, Programs, say, wait_for

CONFIG = ROOT / "tools" / "kind.yaml"
# Node ports of tools/kind.yaml, and the variable of make that sets each one's port on the host.
NODE_PORTS = {"PORT": 30096, "DASHBOARD_PORT": 30443, "GIT_PORT": 30418}


def create(programs: Programs, ports: dict[str, int]) -> dict[str, int]:
    """Make the cluster, or take the one that is there, and wait until its node is ready.

    Args:
        programs: what runs.
        ports: the wanted ports of the host, by the names of NODE_PORTS.
    Returns: the ports that the cluster has: those of one that is there already stay.
    """
    _ask_docker(programs)
    say(f"1. the kind cluster {CLUSTER}")
    if exists(programs):
        if programs.docker("inspect", "--format", "{{.State.Running}}", NODE).strip() != "true":
            say("   starting its node again")
            programs.docker("start", NODE)
        programs.kind("export", "kubeconfig", "--name", CLUSTER)
    else:
        for variable, port in ports.items():
            if not programs.is_free(port):
                raise ClusterError(f"port {port} of localhost is taken: choose another one, make up {variable}=...")
        with tempfile.TemporaryDirectory(prefix="kind-") as folder:
            file = Path(folder) / "kind.yaml"
            file.write_text(yaml.safe_dump(configuration(ports)))
            programs.kind("create", "cluster", "--name", CLUSTER, "--config", str(file))
    wait_for(programs, "the node", lambda: _not_ready(programs), 180)
    has = ports_of(programs)
    if has != ports:
        kept = ", ".join(f"{name}={port}" for name, port in has.items())
        say(f"   it keeps its ports {kept}: other ones after make down")
    return has


def remove(programs: Programs) -> None:
    """Delete the cluster, with all that is in it."""
    _ask_docker(programs)
    if exists(programs):
        say(f"deleting the kind cluster {CLUSTER}")
        programs.kind("delete", "cluster", "--name", CLUSTER)
    else:
        say(f"there is no kind cluster {CLUSTER}")


def exists(programs: Programs) -> bool:
    """Say whether the cluster is there, running or not."""
    return CLUSTER in programs.kind("get", "clusters").split()


def configuration(ports: dict[str, int]) -> Any:
    """Give tools/kind.yaml with other ports of the host."""
    wanted = {node_port: ports[variable] for variable, node_port in NODE_PORTS.items()}
    config = yaml.safe_load(CONFIG.read_text())
    for mapping in config["nodes"][0]["extraPortMappings"]:
        mapping["hostPort"] = wanted[mapping["containerPort"]]
    return config


def ports_of(programs: Programs) -> dict[str, int]:
    """Read the ports of the host that lead into the cluster. Raises: ClusterError for a cluster made otherwise."""
    bindings = json.loads(programs.docker("inspect", "--format", "{{json .HostConfig.PortBindings}}", NODE))
    try:
        return {name: int(bindings[f"{port}/tcp"][0]["HostPort"]) for name, port in NODE_PORTS.items()}
    except KeyError as error:
        raise ClusterError(f"{CLUSTER} was not made by make up: no port of the host leads to {error}") from error


def _ask_docker(programs: Programs) -> None:
    try:
        programs.docker("info")
    except ClusterError as error:
        raise ClusterError("no Docker engine answers: install or start Docker, then try again") from error


def _not_ready(programs: Programs) -> str:
    query = '{.items[*].status.conditions[?(@.type=="Ready")].status}'
    ready = programs.kubectl("get", "nodes", "-o", f"jsonpath={query}")
    return "" if set(ready.split()) == {"True"} else "the node is not ready"
