"""Rules of the component `verify`."""

import argparse
import re
from itertools import product

import pytest

from gateway.verify import prove
from gateway.verify.command import add_arguments
from tools.manifests import configuration
from tools.manifests.rendering import ENVIRONMENTS, render
from tools.manifests.workloads import pods

WITH = [("verify",), ("canary", "verify")]


@pytest.fixture(scope="module", params=list(product(ENVIRONMENTS, WITH)), ids=str)
def rendering(request):
    """Each overlay with the Job, alone and with a canary."""
    return render(*request.param)


def only(rendering, kind, name):
    (found,) = [one for one in rendering.of_kind(kind) if one["metadata"]["name"] == name]
    return found


def container(rendering, name):
    (found,) = [one for pod in pods(rendering) for one in pod.containers() if one.definition["name"] == name]
    return found


def test_the_job_is_a_hook_that_keeps_its_log(rendering):
    """Argo CD runs the Job after the sync and deletes it before the next one; nothing deletes or repeats it earlier."""
    job = only(rendering, "Job", "verify")
    annotations = job["metadata"]["annotations"]
    assert "PostSync" == annotations["argocd.argoproj.io/hook"]
    assert "BeforeHookCreation" == annotations["argocd.argoproj.io/hook-delete-policy"]
    assert 0 == job["spec"]["backoffLimit"]
    assert "ttlSecondsAfterFinished" not in job["spec"]


def test_it_expects_the_image_that_is_deployed(rendering):
    """What the Job runs and expects, what the gateway runs and tells: one string, the overlay's final one."""
    job, gateway = container(rendering, "verify"), container(rendering, "gateway")
    told = [configuration.environment(one)["GATEWAY_IMAGE"] for one in (job, gateway)]
    assert {gateway.definition["image"]} == {*told, job.definition["image"]}
    assert re.search(r"@sha256:|:dev$", told[0])


@pytest.mark.parametrize("name", ["verify", "proof"])
def test_it_reads_the_list_that_the_model_server_reads(rendering, name):
    """Job and proof expect what the model server's own list says, the canary's versions and labels included."""
    found, server = container(rendering, name), container(rendering, "model-server")
    path = configuration.environment(found)["GATEWAY_MODEL_CONFIG_FILE"]
    flag = f"--model_config_file={path}"
    assert flag in configuration.arguments(server)
    assert configuration.files(server)[path] == configuration.files(found)[path]


def test_the_proof_is_asked_for_where_the_program_opens_it(rendering):
    """It stands in the model server's pod, asks the port that this one serves on, and the probes ask its own."""
    proof, server = container(rendering, "proof"), container(rendering, "model-server")
    assert proof.pod == server.pod
    assert container(rendering, "gateway").definition["image"] == proof.definition["image"]
    parser = argparse.ArgumentParser()
    prove.add_arguments(parser, {})
    defaults = parser.parse_args([])
    assert ["prove"] == proof.definition["args"]
    assert {"proof": defaults.port} == {one["name"]: one["containerPort"] for one in proof.definition["ports"]}
    grpc_port = {one["name"]: one["containerPort"] for one in server.definition["ports"]}["grpc"]
    assert f"127.0.0.1:{grpc_port}" == defaults.model_server
    probes = [proof.definition[f"{kind}Probe"]["tcpSocket"]["port"] for kind in ("startup", "readiness", "liveness")]
    assert ["proof"] * 3 == probes


def test_time_runs_out_in_the_program_first(rendering):
    """The program gives up, and says why, well before Kubernetes kills it."""
    (timeout,) = [one for one in configuration.arguments(container(rendering, "verify")) if "--timeout-s=" in one]
    limit_s = only(rendering, "Job", "verify")["spec"]["activeDeadlineSeconds"]
    assert float(timeout.removeprefix("--timeout-s=")) + 30 <= limit_s


@pytest.mark.parametrize(
    ("name", "option", "port"), [("gateway", "gateways", 9696), ("model-server", "model_servers", 8500)]
)
def test_every_pod_has_an_address(rendering, name, option, port):
    """The Services that the program asks by default are headless and show pods that are not ready."""
    service = only(rendering, "Service", f"{name}-pods")["spec"]
    assert ("None", True) == (service["clusterIP"], service["publishNotReadyAddresses"])
    assert {"app.kubernetes.io/name": name} == service["selector"]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert f"{name}-pods:{port}" == getattr(parser.parse_args([]), option)
    # A headless Service leads to the pod itself: no port is translated.
    assert service["ports"][0]["targetPort"] in {
        one["name"] for one in container(rendering, name).definition["ports"] if one["containerPort"] == port
    }


@pytest.mark.parametrize(("name", "variable"), [("gateway", "GATEWAY_REVISION"), ("verify", "VERIFY_REVISION")])
def test_the_revision_is_told_by_an_annotation(rendering, name, variable):
    """Gateway and Job learn the deployed revision from the same annotation of their own pod."""
    (found,) = [one for one in container(rendering, name).definition["env"] if one["name"] == variable]
    assert {"fieldRef": {"fieldPath": "metadata.annotations['image-classifiers/revision']"}} == found["valueFrom"]
