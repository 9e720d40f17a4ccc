"""Answer the calls of PredictionService and ModelService, whichever transport brings them.

gRPC and REST both end here, so that both give the same answers, errors and metrics.

Source: tensorflow_serving/model_servers/{server_core,get_model_status_impl,model_service_impl}.cc and
servables/tensorflow/get_model_metadata_impl.cc.
"""

import logging
import threading
import time

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage

from model_server.config import check_models
from model_server.errors import StatusError, as_status_error
from model_server.manager import Manager, State
from model_server.metrics import Metrics
from model_server.source import Source, list_versions_of
from serving_api import config_pb2
from serving_api import serving_pb2 as pb
from serving_api.deadline import Deadline
from serving_api.services import SIGNATURE_DEF_MAP_URL

LOG = logging.getLogger(__name__)

Labels = dict[str, dict[str, int]]


class Core:
    """The server without its transports; safe to call from several threads.

    Args:
        manager: the loaded versions.
        source: what finds versions on disk for the manager.
        metrics: where Predict calls are recorded.
        allow_labels_for_unavailable: a label that is new may point at a version that does not serve yet.
        default_timeout_s: time limit of a Predict call whose transport names none, seconds.
    """

    def __init__(
        self,
        manager: Manager,
        source: Source,
        metrics: Metrics,
        *,
        allow_labels_for_unavailable: bool = False,
        default_timeout_s: float = 30.0,
    ) -> None:
        self._manager = manager
        self._source = source
        self._metrics = metrics
        self._allow_labels_for_unavailable = allow_labels_for_unavailable
        self._default_timeout_s = default_timeout_s
        self._config_lock = threading.Lock()
        self._models: frozenset[str] = frozenset()
        self._labels: Labels = {}

    def predict(
        self, request: pb.PredictRequest, timeout_s: float | None = None, *, entrypoint: str = "REST"
    ) -> pb.PredictResponse:
        """Run a model.

        Args:
            request: model by name, and by version or label if given; the newest available version otherwise.
            timeout_s: how long the client waits, seconds; None: the server's default; `math.inf`: for ever.
            entrypoint: REST or GRPC, for the metrics.
        Raises: StatusError with the original's code: NOT_FOUND (model or version), INVALID_ARGUMENT (name missing,
            label, inputs, output_filter), FAILED_PRECONDITION (signature), UNAVAILABLE (batching queue full),
            DEADLINE_EXCEEDED, INTERNAL.
        """
        start_s = time.perf_counter()
        status = "OK"
        try:
            deadline = Deadline.after(self._default_timeout_s if timeout_s is None else timeout_s)
            with self._manager.acquire(*self._resolve(request.model_spec)) as servable:
                return servable.predict(request, deadline)
        except Exception as error:
            status = as_status_error(error).code.name
            if not isinstance(error, StatusError):
                LOG.exception("predict failed model=%s", request.model_spec.name)
            raise as_status_error(error) from error
        finally:
            # A name that is not served could be anything: one series for all such keeps the metrics finite.
            name = request.model_spec.name if request.model_spec.name in self._models else ""
            self._metrics.observe_request(name, entrypoint, status, time.perf_counter() - start_s)

    def metadata(self, request: pb.GetModelMetadataRequest) -> pb.GetModelMetadataResponse:
        """Answer a version's signatures, as SignatureDefMap under `signature_def`.

        Raises: StatusError INVALID_ARGUMENT (no model, no field or an unknown one), NOT_FOUND.
        """
        if not request.HasField("model_spec"):
            raise _invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise _invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise _invalid(f"Metadata field {field} is not supported")
        response = pb.GetModelMetadataResponse()
        with self._manager.acquire(*self._resolve(request.model_spec)) as servable:
            signatures = pb.SignatureDefMap(signature_def=servable.signatures)
            response.model_spec.name = servable.name
            response.model_spec.version.value = servable.version
        packed = AnyMessage(type_url=SIGNATURE_DEF_MAP_URL, value=signatures.SerializeToString())
        response.metadata["signature_def"].CopyFrom(packed)
        return response

    def status(self, request: pb.GetModelStatusRequest) -> pb.GetModelStatusResponse:
        """Answer the states of one version or of all versions of a model, newest first.

        Raises: StatusError INVALID_ARGUMENT (no model, unknown label), NOT_FOUND.
        """
        if not request.HasField("model_spec"):
            raise _invalid("Missing ModelSpec")
        name, number = self._resolve(request.model_spec)
        known = self._manager.status(name)
        versions = [one for one in known if number in {None, one.version}]
        if not versions:
            looked_for = "any versions" if number is None else f"version {number}"
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"Could not find {looked_for} of model {name}")
        response = pb.GetModelStatusResponse()
        for one in versions:
            answer = response.model_version_status.add(
                version=one.version, state=pb.ModelVersionStatus.State.ValueType(one.state)
            )
            answer.status.error_code = one.error.number if one.error else 0
            answer.status.error_message = one.error.message if one.error else ""
        return response

    def reload(self, request: pb.ReloadConfigRequest) -> pb.ReloadConfigResponse:
        """Serve another list of models; answers when those that are new serve.

        Raises: StatusError: INVALID_ARGUMENT (the list), FAILED_PRECONDITION (a label), UNKNOWN (a new model cannot
            be loaded; the others go on).
        """
        if not request.config.HasField("model_config_list"):
            raise _invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        self.apply(request.config)
        return pb.ReloadConfigResponse(status=pb.StatusProto())

    def apply(self, config: config_pb2.ModelServerConfig, *, wait: bool = True) -> None:
        """Make a configuration the one that is served; where it is refused, nothing changes.

        Args:
            config: all models, not only new ones.
            wait: return when the new models serve, not at once.
        Raises: StatusError, see `reload`.
        """
        models = check_models(config)
        with self._config_lock:
            new = {model.name for model in models} - self._models
            for model in models:
                if model.name in new:
                    list_versions_of(model)  # a base path that is not there is an answer, not a wait
            self._labels = {model.name: self._check_labels(model) for model in models}
            self._models = frozenset(model.name for model in models)
            LOG.info("serving models: %s", ", ".join(sorted(self._models)) or "none")
            self._source.update(models)
        if wait:
            # A model without versions is served once one appears; the original would not answer until then.
            self._manager.wait_until_loaded([name for name in new if self._manager.status(name)])

    def _check_labels(self, model: config_pb2.ModelConfig) -> dict[str, int]:
        available = {one.version for one in self._manager.status(model.name) if one.state is State.AVAILABLE}
        before = self._labels.get(model.name, {})
        for label, version in model.version_labels.items():
            is_new = before.get(label, version) == version
            if version not in available and not (self._allow_labels_for_unavailable and is_new):
                raise StatusError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference",
                )
        return dict(model.version_labels)

    def _resolve(self, spec: pb.ModelSpec) -> tuple[str, int | None]:
        if not spec.name:
            raise _invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return spec.name, spec.version.value
        if choice == "version_label":
            version = self._labels.get(spec.name, {}).get(spec.version_label)
            if version is None:
                raise _invalid(f"Unrecognized servable version label: {spec.version_label}")
            return spec.name, version
        return spec.name, None


def _invalid(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)
