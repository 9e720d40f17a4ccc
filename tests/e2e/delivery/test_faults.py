"""(f) What breaks while requests come in: pods, the network's idea of them, and processes that hang."""

import time

import pytest

from gateway.goldens import read_golden
from tests.e2e.delivery.conftest import steady
from tests.e2e.delivery.environment import NAMESPACE, until
from tests.e2e.delivery.node import send_signal
from tests.e2e.delivery.test_versions import MODEL, RATE, picture
from tests.load import Summary
from tools.models import MODELS, versions

SERVER = "model_server.main"


@pytest.fixture(scope="module")
def two(deployment):
    """Two gateways and two model servers."""
    deployment.scale(gateway=2, model_server=2)
    yield
    deployment.scale(gateway=1, model_server=1)


def test_a_rollout_of_gateways_costs_no_request(repository, deployment, timed, page, figures):
    """All pods are replaced under load, one commit after the other."""
    with page.load(MODEL, picture(MODEL), RATE) as load:
        steady(load, 20)
        begin_s = load.elapsed_s
        timed("Roll all pods", "(f) rollout under load, push to verified")
        steady(load, begin_s + 65)
    before, during = load.between(5, begin_s), load.between(begin_s)
    figures.phase("(f) steady", before)
    figures.phase("(f) rollout of gateway and model server", during, before)
    assert {} == during.failures


@pytest.mark.usefixtures("two")
def test_a_model_server_that_is_killed_costs_no_request(deployment, page, figures):
    """One of two gets SIGKILL, three times."""
    with page.load(MODEL, picture(MODEL), RATE) as load:
        steady(load, 10)
        for _ in range(3):
            victim = deployment.ready("model-server")[0]
            begin_s = load.elapsed_s
            send_signal("KILL", victim.metadata.uid, SERVER)
            steady(load, begin_s + 5)
            until(lambda: len(deployment.ready("model-server")) == 2, 120, "the killed one to be back")
    figures.phase("(f) model server: SIGKILL of one of two, three times", load.between(10), load.between(3, 10))
    assert {} == load.between().failures


@pytest.mark.usefixtures("two")
def test_pods_that_are_deleted_cost_no_request(deployment, page, figures):
    """One gateway and one model server of two each are deleted, as a drained node does."""
    with page.load(MODEL, picture(MODEL), RATE) as load:
        steady(load, 5)
        for name in ("gateway", "model-server"):
            victim = deployment.ready(name)[0]
            deployment.core.delete_namespaced_pod(victim.metadata.name, NAMESPACE)
            until(lambda name=name: len(deployment.ready(name)) == 2, 120, "another one")
            steady(load, load.elapsed_s + 10)
    figures.phase("(f) a gateway and a model server deleted", load.between())
    assert {} == load.between().failures


@pytest.mark.usefixtures("two")
def test_a_gateway_that_is_killed_costs_what_it_was_answering(deployment, page, figures):
    """Its own requests are cut off, as nobody in front of it asks again here; the others go on."""
    with page.load(MODEL, picture(MODEL), RATE) as load:
        steady(load, 5)
        begin_s = load.elapsed_s
        send_signal("KILL", deployment.ready("gateway")[0].metadata.uid, "gateway.cli")
        steady(load, begin_s + 25)
    answers = load.between(begin_s)
    figures.phase("(f) gateway: SIGKILL of one of two", answers)
    figures.add("(f) gateway killed: failures end after", (answers.last_failure_s or begin_s) - begin_s, "s")
    assert {} == load.between(begin_s + 15).failures


@pytest.mark.usefixtures("two")
def test_a_frozen_model_server_is_left_alone(deployment, page, figures):
    """One of two hangs with its connections open: answers are late or missing for a while, then all is well."""
    with page.load(MODEL, picture(MODEL), 20) as load:
        steady(load, 5)
        victim = deployment.ready("model-server")[0]
        begin_s = load.elapsed_s
        send_signal("STOP", victim.metadata.uid, SERVER)
        try:
            steady(load, begin_s + 30)
        finally:
            send_signal("CONT", victim.metadata.uid, SERVER)
    answers = load.between(begin_s, begin_s + 30)
    figures.phase("(f) model server: one of two frozen", answers)
    figures.add("(f) frozen: failures end after", (answers.last_failure_s or begin_s) - begin_s, "s", at_most=12)
    assert {} == load.between(begin_s + 25, begin_s + 30).failures


def test_all_model_servers_gone_and_back(deployment, page, figures):
    """Without any, the gateway says so at once and lives; with one again, it answers.

    After a while it is not ready and has no place behind the Service: connections are then refused or wait for one.
    """
    golden = read_golden(MODELS / MODEL / str(versions(MODEL)[-1]))
    deployment.scale(gateway=1)
    restarts = deployment.pods("gateway")[0].status.container_statuses[0].restart_count
    with page.load(MODEL, golden.pictures[0], 10) as load:
        deployment.scale(model_server=0)
        begin_s = load.elapsed_s
        status, took_s = page.status("/v1/models")
        steady(load, begin_s + 10)
        again_s = load.elapsed_s
        deployment.apps.patch_namespaced_deployment_scale("model-server", NAMESPACE, {"spec": {"replicas": 1}})
        until(lambda: deployment.ready("model-server"), 120, "a model server")
        ready_s = load.elapsed_s
        until(lambda: load.between(ready_s).versions, 60, "an answer")
        back_s = min(one.sent_s + one.took_s for one in load.between(ready_s).outcomes if one.answer == "200")
        steady(load, load.elapsed_s + 8)
    gone = Summary([one for one in load.between(begin_s).outcomes if one.sent_s + one.took_s < again_s])
    figures.phase("(f) all model servers gone", gone)
    slowest_s = max(one.took_s for one in gone.outcomes if one.answer == "503")
    figures.add("(f) all gone: slowest 503", slowest_s, "s", at_most=1)
    figures.add("(f) back: ready to answered", back_s - ready_s, "s")
    assert status in (0, 200)  # 0: a gateway that no model answers is taken out of the Service
    assert took_s < 5
    assert 0 == len(gone.versions)
    assert 0 < gone.failures["503"]
    assert {} == load.between(back_s + 2).failures
    assert restarts == deployment.pods("gateway")[0].status.container_statuses[0].restart_count
    end = time.monotonic() + 60
    while page.status("/readyz")[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.5)
