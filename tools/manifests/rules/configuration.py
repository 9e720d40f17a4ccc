"""Rules about configuration: read by the parsers of those who will read it in the cluster."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import PurePosixPath

from google.protobuf.message import Message

from gateway.settings import Settings, SettingsError, variable_of
from model_server.batching import read_options
from model_server.config import check_models, parse_text_proto
from model_server.errors import StatusError
from model_server.flags import Flags, parse, parse_channel_arguments
from serving_api import config_pb2
from tools.manifests import configuration
from tools.manifests.inference import MODEL_PATH
from tools.manifests.model import Finding, Manifest, Rendering, at, name_of
from tools.manifests.rules import rule
from tools.manifests.workloads import Container, Pod, each, each_container, each_pod, pods
from tools.models import IN_IMAGE, bundled_models, versions

_HASHED = re.compile(f".+{configuration.HASH}")
# The label by which Grafana finds dashboards: no pod names such a ConfigMap.
WATCHED = "grafana_dashboard"
_AGE, _AGE_JITTER = "grpc.max_connection_age_ms", 1.1  # gRPC adds or takes away a tenth at random
_OLD_ANSWER_S = 5  # CoreDNS's default for names of the cluster
_MESSAGES: dict[str, type[Message]] = {
    "model_config_file": config_pb2.ModelServerConfig,
    "batching_parameters_file": config_pb2.BatchingParameters,
    "monitoring_config_file": config_pb2.MonitoringConfig,
}


@rule("config-exists")
@each_pod
def config_exists(pod: Pod) -> Iterator[str]:
    """Every ConfigMap that a pod needs is there."""
    there = {found["metadata"]["name"] for found in pod.rendering.of_kind("ConfigMap")}
    for name in sorted(set(configuration.config_maps_of(pod)) - there):
        yield f"needs the ConfigMap {name}, which is not there"


@rule("no-secret-needed")
@each_pod
def no_secret_needed(pod: Pod) -> Iterator[str]:
    """No pod needs a Secret: none is in Git, and nothing here makes one."""
    for name in sorted(set(configuration.secrets_of(pod))):
        yield f"needs the Secret {name}"


@rule("hashed-config")
@each("ConfigMap")
def hashed_config(_: Rendering, config_map: Manifest) -> Iterator[str]:
    """Every ConfigMap is generated with a hash in its name, so that a change of it rolls the pods that read it."""
    if not at(config_map, "metadata", "labels", WATCHED) and not _HASHED.fullmatch(config_map["metadata"]["name"]):
        yield "has no hash in its name"


@rule("used-config")
def used_config(rendering: Rendering) -> Iterator[Finding]:
    """Every ConfigMap is read by a pod, or by who watches for its label."""
    used = {name for pod in pods(rendering) for name in configuration.config_maps_of(pod)}
    for config_map in rendering.of_kind("ConfigMap"):
        if config_map["metadata"]["name"] not in used and not at(config_map, "metadata", "labels", WATCHED):
            yield Finding(name_of(config_map), "is read by nobody")


@rule("known-setting")
@each_container
def known_setting(container: Container) -> Iterator[str]:
    """Every GATEWAY_ variable is one that the gateway reads; one that is misspelt changes nothing and says nothing."""
    known = {variable_of(field.name) for field in fields(Settings)}
    for variable in sorted(configuration.environment(container).keys() - known):
        if variable.startswith("GATEWAY_"):
            yield f"sets {variable}, which is no setting of the gateway"


@rule("settings-parse")
@each_container
def settings_parse(container: Container) -> Iterator[str]:
    """The gateway starts with the settings that it is given."""
    try:
        configuration.gateway_settings(container)
    except SettingsError as error:
        yield f"does not start: {error}"


@rule("model-server-flags")
@each_container
def model_server_flags(container: Container) -> Iterator[str]:
    """The model server starts with the flags that it is given."""
    if configuration.is_model_server(container):
        try:
            parse_channel_arguments(_flags(container).grpc_channel_arguments)
        except StatusError as error:
            yield f"does not start: {error.message}"


@rule("connection-age")
@each_container
def connection_age(container: Container) -> Iterator[str]:
    """Connections to a model server end before its preStop does: gateways look for others only when one has ended."""
    if not configuration.is_model_server(container):
        return
    try:
        given = dict(parse_channel_arguments(_flags(container).grpc_channel_arguments))
    except StatusError:
        return  # the rule about flags says so
    pause_s = at(container.definition, "lifecycle", "preStop", "sleep", "seconds", default=0)
    age_s = float(given.get(_AGE, "inf")) / 1000 * _AGE_JITTER
    if pause_s and age_s + _OLD_ANSWER_S > pause_s:
        yield f"keeps connections for {age_s:g} s and is found {_OLD_ANSWER_S} s longer; its preStop is {pause_s} s"


@rule("model-server-files")
@each_container
def model_server_files(container: Container) -> Iterator[str]:
    """Every file that a model server's flags name is mounted and can be read as what it is."""
    there = configuration.files(container)
    for flag, path in _file_flags(container):
        if path not in there:
            yield f"has no file {path} for --{flag}"
        elif flag in _MESSAGES:
            try:
                parse_text_proto(there[path], _MESSAGES[flag](), path)
            except StatusError as error:
                yield f"cannot read {error.message}"


@rule("batching-parameters")
@each_container
def batching_parameters(container: Container) -> Iterator[str]:
    """The batch sizes of a model server fit each other, and the largest request of a gateway fits in a batch."""
    there = configuration.files(container)
    for flag, path in _file_flags(container):
        if flag == "batching_parameters_file" and path in there:
            try:
                options = read_options(parse_text_proto(there[path], config_pb2.BatchingParameters(), path))
            except StatusError as error:
                yield f"does not start: {error.message}"
                continue
            for settings in configuration.all_settings(container.pod.rendering):
                if settings.max_instances > options.max_batch_size:
                    yield (
                        f"takes {options.max_batch_size} pictures a batch, fewer than the {settings.max_instances} "
                        "that a gateway takes a request"
                    )


@rule("model-list")
@each_container
def model_list(container: Container) -> Iterator[str]:
    """A model server serves models of apps/model-server/models, each from its place in the image; in kind all.

    Prod serves what was promoted: a new model is not in its image yet, and one that it still serves stays in Git. With
    KServe each server has one, from where KServe mounts it.
    """
    config = configuration.model_list(container)
    if config is None:
        return  # no model server, or the rule about its files says why
    try:
        listed = {model.name: model.base_path for model in check_models(config)}
    except StatusError as error:
        yield f"does not start: {error.message}"
        return
    mounted = any(mount["mountPath"] == MODEL_PATH for mount in at(container.definition, "volumeMounts", default=()))
    expected = {name: str((PurePosixPath(MODEL_PATH) if mounted else IN_IMAGE) / name) for name in bundled_models()}
    wanted = listed.keys() | expected.keys() if container.pod.rendering.environment == "kind" else listed.keys()
    for name in sorted(wanted):
        if listed.get(name) != expected.get(name):
            yield f"serves {name} from {listed.get(name)}, and it is at {expected.get(name)}"


@rule("model-versions")
@each_container
def model_versions(container: Container) -> Iterator[str]:
    """A version that a model server is told to serve, or that a label points at, is in apps/model-server/models."""
    config = configuration.model_list(container)
    for model in config.model_config_list.config if config else ():
        told = {*model.model_version_policy.specific.versions, *model.version_labels.values()}
        for version in sorted(told - set(versions(model.name))):
            yield f"serves version {version} of {model.name}, which is not there"


@rule("same-models")
@each_container
def same_models(container: Container) -> Iterator[str]:
    """A gateway offers the models that every model server serves, or the one in its own pod."""
    try:
        settings = configuration.gateway_settings(container)
    except SettingsError:
        return  # the rule about settings says so
    beside = [each for each in container.pod.containers() if configuration.is_model_server(each)]
    for server in (beside or configuration.model_servers(container.pod.rendering)) if settings else ():
        served = configuration.model_names(server)
        if settings and served and set(settings.models) != set(served):
            yield f"offers {', '.join(settings.models)}, and {name_of(server.pod.owner)} serves {', '.join(served)}"


def _flags(container: Container) -> Flags:
    return parse([argument for argument in configuration.arguments(container) if argument.startswith("--")])


def _file_flags(container: Container) -> Iterator[tuple[str, str]]:
    if configuration.is_model_server(container):
        for argument in configuration.arguments(container):
            flag, _, path = argument.removeprefix("--").partition("=")
            if flag.endswith("_file") and path:
                yield flag, path
