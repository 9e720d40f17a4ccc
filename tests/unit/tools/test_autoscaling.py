"""`make autoscale`: what it says of an autoscaler that scales, of one that cannot see, and of none."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.autoscaling import AutoscalingError, Load, check, main, scalers, watch

SPEC = {"metrics": [{"resource": {"name": "cpu", "target": {"averageUtilization": 70}}}]}


def hpa(replicas=1, desired=1, *, name="gateway", used=5, active="True", message="fine"):
    metrics = [{"resource": {"name": "cpu", "current": {"averageUtilization": used}}}] if used is not None else None
    conditions = [{"type": "ScalingActive", "status": active, "message": message}]
    status = {"currentReplicas": replicas, "desiredReplicas": desired, "currentMetrics": metrics}
    return {"metadata": {"name": name}, "spec": SPEC, "status": {**status, "conditions": conditions}}


class Cluster:
    """A kubectl that shows one list of autoscalers after the other, the last one for ever."""

    def __init__(self, *moments, metrics=True):
        self.moments, self.metrics = list(moments), metrics

    def __call__(self, *arguments):
        if "--raw" in arguments:
            if not self.metrics:
                raise AutoscalingError("the server could not find the requested resource")
            return "{}"
        return json.dumps({"items": self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]})


@pytest.fixture
def gateway():
    """A gateway that answers, and what it was sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200 if len(sent) % 4 else 429)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()


def test_an_autoscaler_is_told_in_a_line():
    """Pods now and wanted, and the processor used of the target."""
    cluster = Cluster([hpa(2, 2, name="model-server"), hpa(replicas=1, desired=3, used=240)])
    assert ["gateway 1 -> 3 (240 % of 70 %)", "model-server 2 (5 % of 70 %)"] == list(map(str, scalers(cluster)))


def test_an_autoscaler_that_sees_nothing_says_why():
    """Without metrics the condition's message is shown."""
    cluster = Cluster([hpa(used=None, active="False", message="unable to get metrics")])
    assert ["gateway 1 (? % of 70 %): unable to get metrics"] == list(map(str, scalers(cluster)))


def test_what_is_missing_is_said():
    """No autoscaler or no metrics server ends it before any load, with what to do."""
    with pytest.raises(AutoscalingError, match="kubectl -n here autoscale deployment gateway"):
        check(Cluster([]), "here")
    with pytest.raises(AutoscalingError, match=r"docs/autoscaling\.md"):
        check(Cluster([hpa()], metrics=False), "here")
    check(Cluster([hpa()]), "here")


def test_load_is_made_and_both_ways_are_watched(gateway, capsys):
    """Pictures are sent while it lasts; pods that came and went are told, and the most that there were."""
    url, sent = gateway
    grown = [hpa(replicas=3, desired=3, used=60)]
    cluster = Cluster([hpa()], [hpa(desired=3, used=240)], grown, grown, grown, grown, [hpa()])
    assert watch(cluster, Load(url, b"picture", 2), seconds=0.15, after_s=5, interval_s=0.1)
    lines = capsys.readouterr().out.splitlines()
    assert "gateway 1 -> 3 (240 % of 70 %)" in lines[0]
    assert "answers/s" in lines[0]
    assert "x 429" in lines[0]
    assert "most: gateway 1 -> 3" == lines[-1]
    assert {("/predict", "image/png", b"picture")} == set(sent)
    assert "  0.0 answers/s  " in lines[-2]


def test_nothing_scaled_is_told_apart(gateway):
    """Where no pod was added, the answer is no."""
    assert not watch(Cluster([hpa()]), Load(gateway[0], b"picture", 1), seconds=0.1, after_s=0, interval_s=0.1)


def test_a_kubectl_that_fails_is_one_line(tmp_path, monkeypatch, capsys):
    """What kubectl says is printed, without a trace."""
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho 'connection refused' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert 2 == main([])
    assert "error: kubectl get: connection refused\n" == capsys.readouterr().err
