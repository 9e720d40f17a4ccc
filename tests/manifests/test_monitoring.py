"""components/monitoring against the real programs: what it scrapes, alerts on and draws is what they expose."""

import itertools
import json
import re
import shutil
import struct
import urllib.request
import zlib
from collections import defaultdict
from collections.abc import Iterator

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import problems
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess, wait_until
from tests.manifests.expressions import VARIABLES, alerts, dashboard, expressions, parse
from tools.manifests.rendering import ROOT, all_components, render

MODELS = ROOT / "apps/model-server/models"
SCRAPED = {"gateway": "/metrics", "model-server": "/monitoring/prometheus/metrics"}
# What the operator adds to every series of a ServiceMonitor.
TARGET = {"job", "namespace", "service", "pod", "container", "instance", "endpoint"}
EXPRESSIONS = expressions()

Exposed = dict[str, dict[str, dict[str, set[str]]]]  # job, metric, label: values


def png() -> bytes:
    """Draw a grey pixel."""
    parts = (b"IHDR" + struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(b"\0\x80"), b"IEND")
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture(scope="module")
def model_server(tmp_path_factory) -> Iterator[ServerProcess]:
    """Run the embedded server with the Deployment's flags and one model, of which a broken version arrives."""
    work = tmp_path_factory.mktemp("monitoring")
    shutil.copytree(MODELS / "pizza", work / "pizza")
    shutil.copytree(ROOT / "base/model-server", work / "config")
    (work / "config/models.config").write_text(
        f'model_config_list {{ config {{ name: "pizza" base_path: "{work}/pizza" model_platform: "tensorflow" }} }}'
    )
    (deployment,) = (one for one in render("prod").of_kind("Deployment") if one["metadata"]["name"] == "model-server")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    running = ServerProcess(work, [flag.replace("=/config/", f"={work}/config/") for flag in container["args"]])
    (work / "pizza/900").mkdir()
    (work / "pizza/900/saved_model.pb").write_bytes(b"broken")
    wait_until(lambda: 'status="fail"' in running.text(SCRAPED["model-server"]), 30, running.log)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def exposed(model_server, tmp_path_factory) -> Exposed:
    """Call the gateway in many ways, then scrape both programs."""
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    gateway = GatewayProcess(
        log,
        GATEWAY_MODEL_SERVER=f"localhost:{model_server.grpc_port}",
        GATEWAY_CANARIES="pizza:canary=1",  # a label that leads nowhere
    )
    for path, data, kind in [
        ("/predict", png(), "image/png"),
        ("/v1/models/pizza:predict", png(), "image/png"),
        ("/predict", b"nonsense", "image/png"),
        ("/predict", b'{"url": "http://127.0.0.1/"}', "application/json"),
        ("/readyz", None, ""),
        ("/v1/models", None, ""),
    ]:
        gateway.call(path, data, kind)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}{SCRAPED['gateway']}", timeout=30) as page:
            told = page.read().decode()
        return {"gateway": _series(told), "model-server": _series(model_server.text(SCRAPED["model-server"]))}
    finally:
        gateway.stop()


def _series(text: str) -> dict[str, dict[str, set[str]]]:
    found: dict[str, dict[str, set[str]]] = {"up": {}}  # Prometheus' own, on every target
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, defaultdict(set))
            for label, value in sample.labels.items():
                labels[label].add(value)
    return found


def monitors() -> dict[str, dict]:
    return {one["metadata"]["name"]: one for one in render("prod", ("monitoring",)).of_kind("ServiceMonitor")}


def jobs(matchers) -> list[str]:
    """Give the programs that a selector means by its label `job`."""
    (pattern,) = (value for label, _, value in matchers if label == "job")
    return [job for job in SCRAPED if re.fullmatch(pattern, job)]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_expression_parses(name):
    """An alert's or panel's expression is PromQL without a variable left in it."""
    assert "$" not in EXPRESSIONS[name]
    promql_parser.parse(EXPRESSIONS[name])


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_metric_and_label_is_exposed(name, exposed):
    """The programs that an expression means by `job` expose its metrics with its labels, to match and to group by."""
    selectors, grouped = parse(EXPRESSIONS[name])
    known = set(TARGET)
    for metric, matchers in selectors:
        for job in jobs(matchers):
            assert metric in exposed[job], f"{job} has no {metric}"
            labels = set(exposed[job][metric])
            assert {label for label, _, _ in matchers} <= labels | TARGET
            known |= labels
    assert grouped <= known


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_matcher_matches_what_there_is(name, exposed):
    """Each value that an expression asks for, or excludes, is one that the programs give, or an HTTP status."""
    statuses = {str(one.status) for one in vars(problems).values() if isinstance(one, problems.Kind)}
    for metric, matchers in parse(EXPRESSIONS[name])[0]:
        for (label, _, value), job in itertools.product(matchers, jobs(matchers)):
            if label in TARGET - {"endpoint"} or value == VARIABLES["$model"]:
                continue
            if (job, label) == ("gateway", "status"):
                assert set(value.split("|")) <= statuses
            else:
                assert any(re.fullmatch(value, one) for one in exposed[job][metric][label]), (metric, label, value)


def test_loads_have_tensorflows_own_statuses(exposed):
    """A load is counted as success or fail, as TensorFlow's loader counts it, so one alert fits both servers."""
    loads = exposed["model-server"][":tensorflow:cc:saved_model:load_attempt_count"]
    assert {"success", "fail"} == loads["status"]


@pytest.mark.parametrize("job", SCRAPED)
def test_no_metric_has_a_label_of_its_target(job, exposed):
    """A label that the operator adds would push the program's own aside, unless the ServiceMonitor drops it."""
    (endpoint,) = monitors()[job]["spec"]["endpoints"]
    dropped = {one["regex"] for one in endpoint.get("relabelings", ()) if one["action"] == "labeldrop"}
    for metric, labels in exposed[job].items():
        assert set() == (TARGET - dropped) & set(labels), metric


@pytest.mark.parametrize("job", SCRAPED)
def test_a_service_monitor_finds_its_pods(job, exposed):
    """With every component on it selects one Service, by a port that this has, and a path that answered above."""
    spec = monitors()[job]["spec"]
    (endpoint,) = spec["endpoints"]
    selected = [
        one
        for one in render("prod", all_components()).of_kind("Service")
        if spec["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
    ]
    assert [job] == [one["metadata"]["name"] for one in selected]
    assert job == selected[0]["metadata"]["labels"][spec["jobLabel"]]
    assert endpoint["port"] in {one["name"] for one in selected[0]["spec"]["ports"]}
    assert SCRAPED[job] == endpoint["path"]
    assert len(exposed[job]) > 5


def test_every_alert_says_what_to_do():
    """A summary, and a runbook whose settings, dashboard rows, targets and other alerts exist."""
    settings = set(re.findall(r"`(GATEWAY_\w+)`", (ROOT / "apps/gateway/README.md").read_text()))
    rows = {panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    names = {one["metadata"]["name"] for one in render("prod", ("monitoring",)).objects}
    for name, rule in alerts().items():
        assert {"summary", "runbook"} == set(rule["annotations"]), name
        runbook = rule["annotations"]["runbook"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(re.findall(r"GATEWAY_\w+", runbook)) <= settings
        assert set(re.findall(r"row ([A-Z][a-z]+(?: server)?)", runbook)) <= rows
        assert set(re.findall(r"\bmake ([a-z-]+)", runbook)) <= targets
        assert set(re.findall(r"\b(?:Gateway|Model|Pod)[A-Z]\w+", runbook)) <= set(alerts())
        assert set(re.findall(r"NetworkPolicy ([a-z-]+-[a-z-]+)", runbook)) <= names


def test_memory_alert_comes_before_the_limit():
    """GatewayMemoryHigh fires at 70 to 90 % of prod's memory limit, while there is time to act."""
    (gateway,) = (one for one in render("prod").of_kind("Deployment") if one["metadata"]["name"] == "gateway")
    limit = gateway["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    mebibytes = int(re.search(r"> (\d+) \* 1024 \* 1024", alerts()["GatewayMemoryHigh"]["expr"]).group(1))
    assert 0.7 <= mebibytes / (int(re.fullmatch(r"(\d+)Gi", limit).group(1)) * 1024) <= 0.9


def test_readme_lists_every_alert():
    """The README's table names each alert with its severity."""
    text = (ROOT / "components/monitoring/README.md").read_text()
    listed = {
        name: severity
        for names, severity in re.findall(r"^\| (`[^|]+) \| (critical|warning) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert {name: rule["labels"]["severity"] for name, rule in alerts().items()} == listed


def test_alerts_and_dashboard_are_in_the_build():
    """What the other tests read from files is what the cluster gets, under the label that Grafana looks for."""
    built = render("prod", ("monitoring",))
    groups = [group for one in built.of_kind("PrometheusRule") for group in one["spec"]["groups"]]
    assert alerts() == {rule["alert"]: rule for group in groups for rule in group["rules"]}
    held = [one for one in built.of_kind("ConfigMap") if one["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert [dashboard()] == [json.loads(one["data"]["image-classifiers.json"]) for one in held]


def test_only_prometheus_is_let_in():
    """The added policy opens the model server's REST port, and to Prometheus of one namespace only."""
    policies = {
        one["metadata"]["name"]: one["spec"] for one in render("prod", ("monitoring",)).of_kind("NetworkPolicy")
    }
    spec = policies["model-server-monitoring"]
    assert {"app.kubernetes.io/name": "model-server"} == spec["podSelector"]["matchLabels"]
    (rule,) = spec["ingress"]
    (peer,) = rule["from"]
    assert {"kubernetes.io/metadata.name": "monitoring"} == peer["namespaceSelector"]["matchLabels"]
    assert {"app.kubernetes.io/name": "prometheus"} == peer["podSelector"]["matchLabels"]
    assert [{"port": "http", "protocol": "TCP"}] == rule["ports"]
