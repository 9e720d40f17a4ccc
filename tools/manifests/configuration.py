"""What a container finds in its environment and its files, as the manifests give it."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from google.protobuf import text_format

from gateway.settings import Settings, SettingsError, variable_of
from serving_api import config_pb2
from tools.manifests.model import Rendering, at
from tools.manifests.workloads import Container, Pod, pods

# What Kustomize appends to the name of a ConfigMap that it generates; no vowel, so that it is no word.
HASH = r"-[2456789bcdfghkmt]{10}"
MODEL_LIST_FLAG = "--model_config_file="
# Instead of a list: one model, and where it is.
NAME_FLAG, PATH_FLAG = "--model_name=", "--model_base_path="


def data_of(rendering: Rendering, config_map: str) -> Mapping[str, str]:
    """Give a ConfigMap's data; nothing for one that is not there."""
    found = (each for each in rendering.of_kind("ConfigMap") if each["metadata"]["name"] == config_map)
    return at(next(found, None), "data", default={})  # type: ignore[no-any-return]


def config_maps_of(pod: Pod) -> Iterator[str]:
    """Name the ConfigMaps that a pod cannot start without."""
    for reference in _references(pod, "configMap", "configMapRef", "configMapKeyRef"):
        if not reference.get("optional"):
            yield reference["name"]


def secrets_of(pod: Pod) -> Iterator[str]:
    """Name the Secrets that a pod cannot start without."""
    for reference in _references(pod, "secret", "secretRef", "secretKeyRef"):
        if not reference.get("optional"):
            yield reference.get("name") or reference["secretName"]
    yield from (reference["name"] for reference in at(pod.spec, "imagePullSecrets", default=()))


def environment(container: Container) -> dict[str, str]:
    """Give the environment variables; the value of one that the manifests do not say is empty."""
    rendering = container.pod.rendering
    values: dict[str, str] = {}
    for source in at(container.definition, "envFrom", default=()):
        data = data_of(rendering, at(source, "configMapRef", "name", default=""))
        values |= {source.get("prefix", "") + key: value for key, value in data.items()}
    for variable in at(container.definition, "env", default=()):
        reference = at(variable, "valueFrom", "configMapKeyRef", default={})
        values[variable["name"]] = variable.get("value", "")
        if reference:
            values[variable["name"]] = data_of(rendering, reference["name"]).get(reference["key"], "")
    return values


def files(container: Container) -> dict[str, str]:
    """Give the files that ConfigMaps put into a container: path -> text."""
    volumes = {volume["name"]: volume for volume in container.pod.volumes()}
    found: dict[str, str] = {}
    for mount in at(container.definition, "volumeMounts", default=()):
        for name, text in _content(container.pod.rendering, volumes.get(mount["name"], {})):
            if "subPath" not in mount:
                found[str(PurePosixPath(mount["mountPath"], name))] = text
            elif mount["subPath"] == name:
                found[mount["mountPath"]] = text
    return found


def mount_of(container: Container, path: str) -> Mapping[str, Any]:
    """Give the volume that a path lies in; an empty mapping for none."""
    volumes = {volume["name"]: volume for volume in container.pod.volumes()}
    mounts = [
        mount
        for mount in at(container.definition, "volumeMounts", default=())
        if PurePosixPath(path).is_relative_to(mount["mountPath"])
    ]
    nearest = max(mounts, key=lambda mount: len(mount["mountPath"]), default={"name": ""})
    return volumes.get(nearest["name"], {})


_FLAGS = (MODEL_LIST_FLAG, NAME_FLAG, PATH_FLAG)
# What Kubernetes gives every container, and what forbids the gateway its settings for development.
_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}


def gateway_settings(container: Container) -> Settings | None:
    """Read the settings of a gateway as itself would; nothing for a container that is given none.

    Raises: SettingsError, naming the variable.
    """
    given = {name: value for name, value in environment(container).items() if name.startswith("GATEWAY_")}
    if not given:
        return None
    there = files(container)
    with TemporaryDirectory() as folder:
        for variable in given.keys() & {variable_of("model_config_file"), variable_of("foreign_models")}:
            path = Path(folder, variable)
            if given[variable] in there:
                path.write_text(there[given[variable]], encoding="utf-8")
            given[variable] = str(path)
        try:
            return Settings.from_environment({**given, **_CLUSTER})
        except SettingsError as error:
            raise SettingsError(str(error).replace(f"{folder}/", "")) from None


def all_settings(rendering: Rendering) -> Iterator[Settings]:
    """Give the settings of every gateway of a rendering, but for those that cannot be read."""
    for container in (container for pod in pods(rendering) for container in pod.containers()):
        try:
            settings = gateway_settings(container)
        except SettingsError:
            continue  # the rule about settings says so
        if settings:
            yield settings


def arguments(container: Container) -> list[str]:
    """Give what a container's program is started with, beyond what its image says."""
    return [*at(container.definition, "command", default=()), *at(container.definition, "args", default=())]


def model_servers(rendering: Rendering) -> Iterator[Container]:
    """Give the containers that serve models."""
    return (container for pod in pods(rendering) for container in pod.containers() if is_model_server(container))


def is_model_server(container: Container) -> bool:
    """Say whether a container serves models: it is told which."""
    return any(argument.startswith((MODEL_LIST_FLAG, PATH_FLAG)) for argument in arguments(container))


def model_list(container: Container) -> config_pb2.ModelServerConfig | None:
    """Read the list of models that a model server is started with, or make that of its one model.

    Returns: None where there is none that can be read.
    """
    told = {flag: each.removeprefix(flag) for each in arguments(container) for flag in _FLAGS if each.startswith(flag)}
    if PATH_FLAG in told:
        one = config_pb2.ModelConfig(
            name=told.get(NAME_FLAG, "default"), base_path=told[PATH_FLAG], model_platform="tensorflow"
        )
        return config_pb2.ModelServerConfig(model_config_list=config_pb2.ModelConfigList(config=[one]))
    text = files(container).get(told.get(MODEL_LIST_FLAG, ""))
    config = config_pb2.ModelServerConfig()
    try:
        return text_format.Parse(text, config) if text is not None else None
    except text_format.ParseError:
        return None  # the rule about the model server's files says so


def model_names(container: Container) -> list[str]:
    """Name the models that a model server is started with."""
    config = model_list(container)
    return [model.name for model in config.model_config_list.config] if config else []


def _references(pod: Pod, volume_key: str, all_key: str, one_key: str) -> Iterator[Mapping[str, Any]]:
    for volume in pod.volumes():
        for source in (volume, *at(volume, "projected", "sources", default=())):
            if volume_key in source:
                yield source[volume_key]
    for container in pod.containers():
        yield from (each[all_key] for each in at(container.definition, "envFrom", default=()) if all_key in each)
        for variable in at(container.definition, "env", default=()):
            if at(variable, "valueFrom", one_key):
                yield variable["valueFrom"][one_key]


def _content(rendering: Rendering, volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for source in (volume, *at(volume, "projected", "sources", default=())):
        config_map = at(source, "configMap", default={})
        data = data_of(rendering, config_map.get("name", ""))
        items = config_map.get("items") or [{"key": key, "path": key} for key in data]
        yield from ((item["path"], data[item["key"]]) for item in items if item["key"] in data)
