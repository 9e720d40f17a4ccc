"""Programs that answer from a table, for tests without Docker."""

import json
from types import SimpleNamespace

import pytest

from tools.cluster.nodes import NODE_PORTS
from tools.cluster.programs import ClusterError, Programs

PORTS = {"PORT": 9696, "DASHBOARD_PORT": 9443, "GIT_PORT": 9418}


class Recorded(Programs):
    """Keeps every command; the first rule whose words are all in a command gives its answer."""

    def __init__(self):
        super().__init__()
        self._kind = "kind"
        self.commands = []
        self.texts = []
        self.rules = []
        self.taken = set()
        self.clock_s = 0.0

    def answer(self, words, answer):
        """Answer commands with these words; an exception is raised, a function is called."""
        self.rules.insert(0, (words, answer))

    def call(self, command, text=None, environment=None):
        line = " ".join(command)
        self.commands.append(line)
        self.texts.append(text)
        for words, answer in self.rules:
            if words in line:
                if isinstance(answer, Exception):
                    raise answer
                return answer() if callable(answer) else answer
        return ""

    def sleep(self, seconds):
        self.clock_s += seconds

    def now_s(self):
        return self.clock_s

    def is_free(self, port):
        return port not in self.taken

    def ran(self, words):
        return [line for line in self.commands if words in line]


@pytest.fixture
def programs(monkeypatch):
    """Give programs of a machine with a cluster that is ready."""
    monkeypatch.setattr("tools.cluster.programs.shutil", SimpleNamespace(which=lambda name: f"/bin/{name}"))
    recorded = Recorded()
    bindings = {f"{node}/tcp": [{"HostPort": str(PORTS[name])}] for name, node in NODE_PORTS.items()}
    recorded.answer("PortBindings", json.dumps(bindings))
    recorded.answer("get clusters", "classifiers\n")
    recorded.answer("State.Running", "true\n")
    recorded.answer("get nodes", "True")
    return recorded


@pytest.fixture
def no_docker(programs):
    """Give programs of a machine without a Docker engine."""
    programs.answer("docker info", ClusterError("docker info\nCannot connect"))
    return programs
