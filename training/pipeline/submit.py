"""Start the pipeline on a cluster that has Kubeflow Pipelines; its artefacts go to S3 or MinIO."""

import contextlib
import io
import json
import ssl
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp_server_api
from kfp import Client
from urllib3.exceptions import HTTPError

from training.pipeline.compiled import compiled
from training.pipeline.components import IMAGE

_PATIENCE_S = 10
_STORES = ("s3://", "minio://", "gs://")


class SubmitError(ValueError):
    """The pipeline was not started; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """Where the pipeline runs.

    Args:
        host: address of Kubeflow Pipelines, such as http://localhost:8080 behind kubectl port-forward.
        image: what training/Dockerfile makes, as the cluster can pull it.
        namespace: of the run, where several people share the cluster; the cluster's own if empty.
        experiment: that the run is listed under.
        pipeline_root: bucket and folder for artefacts, s3://... or minio://...; what the cluster is set to if empty.
        service_account: of the steps; the cluster's own if empty.
        token: bearer token; none if empty.
        authority: file with the certificate authority of the host; the system's if None.
    """

    host: str
    image: str
    namespace: str = ""
    experiment: str = "image-classifiers"
    pipeline_root: str = ""
    service_account: str = ""
    token: str = ""
    authority: Path | None = None


def check(cluster: Cluster, parameters: Mapping[str, Any]) -> None:
    """Refuse what could only fail later, on the cluster; raise SubmitError."""
    if not cluster.host.startswith(("http://", "https://")):
        raise SubmitError(f"--host {cluster.host}: begin with http:// or https://.")
    if cluster.pipeline_root and not cluster.pipeline_root.startswith(_STORES):
        raise SubmitError(f"--pipeline-root {cluster.pipeline_root}: begin with {', '.join(_STORES)}.")
    if "://" not in parameters["repository"]:
        raise SubmitError("--repository: name the address that a pod can clone from, such as https://HOST/OWNER/NAME.")
    if urlsplit(parameters["repository"]).username:
        raise SubmitError("--repository has a name or password in it, which everybody would read: use the Secret.")
    for name in ("data", "judge", "drop", "against"):
        if (value := parameters[name]) and Path(value).exists():
            raise SubmitError(
                f"--{name} {value} is on this machine, which no pod sees: name a known data set, or a path in the "
                "image or on a volume."
            )


def submit(cluster: Cluster, parameters: Mapping[str, Any], *, caching: bool = True) -> tuple[str, Client]:
    """Start a run.

    Args:
        cluster: where.
        parameters: as `pictures_to_commit` takes them.
        caching: take what was done before from the cluster's cache, of steps that allow it.
    Returns: the run's id, and a client that can wait for it.
    Raises: SubmitError for a host that does not answer, or that refuses.
    """
    check(cluster, parameters)
    _need_answer(cluster)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "pipeline.yaml")
        package.write_text(compiled().replace(f"image: {IMAGE}", f"image: {cluster.image}"), encoding="utf-8")
        try:
            # The client prints addresses of pages, and warns that it is one for version 2.
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                client = Client(
                    cluster.host,
                    namespace=cluster.namespace or "kubeflow",
                    existing_token=cluster.token or None,
                    ssl_ca_cert=str(cluster.authority) if cluster.authority else None,
                )
                done = client.create_run_from_pipeline_package(
                    str(package),
                    arguments=dict(parameters),
                    run_name=f"{parameters['config']}: {len(parameters['candidates'])} candidates",
                    experiment_name=cluster.experiment,
                    namespace=cluster.namespace or None,
                    pipeline_root=cluster.pipeline_root or None,
                    enable_caching=None if caching else False,
                    service_account=cluster.service_account or None,
                )
        except kfp_server_api.ApiException as error:
            raise SubmitError(f"{cluster.host} refuses: {_words(error)}") from error
        except (HTTPError, TimeoutError) as error:
            raise SubmitError(f"{cluster.host} does not answer: {error}") from error
    return str(done.run_id), client


def _need_answer(cluster: Cluster) -> None:
    """Ask whether Kubeflow Pipelines is there: its client would try for minutes and end with a traceback."""
    address = f"{cluster.host.rstrip('/')}/apis/v2beta1/healthz"
    request = urllib.request.Request(address)  # noqa: S310 - http, as checked
    if cluster.token:
        request.add_header("Authorization", f"Bearer {cluster.token}")
    context = ssl.create_default_context(cafile=cluster.authority) if cluster.authority else None
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S, context=context) as answer:  # noqa: S310 - likewise
            json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise SubmitError(
            f"{cluster.host} answers {error.code} {error.reason}: is that Kubeflow Pipelines, and the token right?"
        ) from error
    except (OSError, ValueError) as error:
        raise SubmitError(
            f"{cluster.host} does not answer as Kubeflow Pipelines does ({getattr(error, 'reason', error)}). "
            "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80 makes it http://localhost:8080."
        ) from error


def _words(error: kfp_server_api.ApiException) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return f"{error.status}, {json.loads(error.body)['error_message']}"
    return f"{error.status} {error.reason}"
