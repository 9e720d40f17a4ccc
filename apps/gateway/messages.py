"""The JSON of contract 3 as types: mypy holds the routes to them, and `/openapi.json` is made from them.

What stands beside a type in `Annotated` are keywords of JSON Schema, where a `Setting` stands for its value.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

from gateway.routing import MAX_VERSION
from gateway.schemas import Keywords, Setting
from gateway.urls import MAX_LENGTH

_SMALL_PNG = (  # one grey pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mM4AQAAygDJNEIn8wAAAABJRU5ErkJggg=="
)
Probability = Annotated[float, Keywords(minimum=0, maximum=1)]
VersionNumber = Annotated[int, Keywords(minimum=0, maximum=MAX_VERSION)]
Probabilities = Annotated[
    dict[str, Probability],
    Keywords(description="By label, in the model's order.", examples=[{"pizza": 0.98, "not_pizza": 0.02}]),
]


# In: an object with any other member is refused.
class Link(TypedDict):
    """A picture that the gateway fetches."""

    url: Annotated[str, Keywords(format="uri", maxLength=MAX_LENGTH, examples=["https://example.org/photo.jpg"])]


class Base64(TypedDict):
    """A picture's file in base64 (RFC 4648, section 4), or a `data:` URL of it."""

    b64: Annotated[str, Keywords(contentEncoding="base64", maxLength=Setting("max_body_bytes"), examples=[_SMALL_PNG])]


Picture = Link | Base64


class Instances(TypedDict):
    """Pictures to classify."""

    instances: Annotated[list[Picture], Keywords(minItems=1, maxItems=Setting("max_instances"))]
    signature_name: NotRequired[Literal["serving_default"]]


# Out.
class ModelVersion(TypedDict):
    """Which version answered."""

    name: str
    version: VersionNumber


class Prediction(TypedDict):
    """The most probable label, and all of them."""

    label: str
    probability: Probability
    probabilities: Probabilities


class Problem(TypedDict):
    """An RFC 9457 problem; `type` is stable, `detail` is a sentence for people."""

    type: Annotated[str, Keywords(format="uri")]
    title: str
    status: Annotated[int, Keywords(minimum=400, maximum=599)]
    detail: str


class ProblemAnswer(Problem):
    """An RFC 9457 problem as a whole answer; `request_id` is also in the log."""

    request_id: str
    error: NotRequired[Annotated[str, Keywords(description="`detail` once more, for clients of /v2.")]]


class Failure(TypedDict):
    """What went wrong with one instance."""

    error: Problem


class Predictions(TypedDict):
    """One prediction or one error an instance, in order."""

    predictions: list[Prediction | Failure]
    model: ModelVersion


class InputSize(TypedDict):
    """To which a picture is resized, pixels."""

    height: int
    width: int


class ModelSummary(TypedDict):
    """A model; `version`, `labels` and `input` are those of the version that answers when none is named."""

    name: str
    state: Annotated[str, Keywords(examples=["AVAILABLE"])]
    version: VersionNumber | None
    labels: list[str]
    input: InputSize | None
    task: str


class Limits(TypedDict):
    """What a request may hold; beyond it the answer is a problem of status 413, or 415 for another format."""

    media_types: Annotated[list[str], Keywords(description="Pictures that are accepted, by content and not by name.")]
    max_body_bytes: Annotated[int, Keywords(description="Of a request's body.")]
    max_image_bytes: Annotated[int, Keywords(description="Of a picture's file.")]
    max_pixels: Annotated[int, Keywords(description="Of a baseline JPEG; other formats may have a part of it.")]
    max_instances: Annotated[int, Keywords(description="Pictures of a request.")]
    max_url_length: Annotated[int, Keywords(description="Characters of a URL.")]
    max_form_parts: Annotated[int, Keywords(description="Files and fields of a form.")]
    max_json_depth: Annotated[int, Keywords(description="Levels of arrays and objects.")]
    max_json_values: Annotated[int, Keywords(description="Commas and brackets of a request that holds no tensor.")]
    timeout_s: Annotated[float, Keywords(description="For an answer, seconds; then the status is 504.")]
    fetch_timeout_s: Annotated[float, Keywords(description="To fetch a picture, seconds; likewise.")]


class Models(TypedDict):
    """The models, and what a request may hold."""

    default: str
    models: list[ModelSummary]
    limits: Limits


class VersionState(TypedDict):
    """One version as the model server tells of it."""

    version: VersionNumber
    state: str
    error: str


class ModelDetails(ModelSummary):
    """A model with its versions and its card."""

    versions: list[VersionState]
    card: Annotated[dict[str, object] | None, Keywords(description="The model card.")]


class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """A model answers."""

    status: Literal["ready"]


class Deployed(TypedDict):
    """What runs."""

    commit: str
    revision: str
    image: str


# Open Inference Protocol, version 2. In: other members are left alone, as its extensions want.
Tensor = Annotated[
    list[object],
    Keywords(description="Row by row, flat or nested as the shape says.", examples=[[0, 127, 255]]),
]


class TensorParameters(TypedDict):
    """What stands beside a tensor, of the binary extension."""

    binary_data_size: NotRequired[Annotated[int, Keywords(minimum=0, description="Bytes behind the JSON.")]]
    binary_data: NotRequired[Annotated[bool, Keywords(description="Of an output: give it behind the JSON.")]]


class InferInput(TypedDict):
    """Pictures of the model's own size: UINT8[N, height, width, 3], RGB."""

    name: Literal["image"]
    shape: Annotated[
        list[Annotated[int, Keywords(minimum=1)]], Keywords(minItems=4, maxItems=4, examples=[[1, 224, 224, 3]])
    ]
    datatype: Literal["UINT8"]
    parameters: NotRequired[TensorParameters]
    data: NotRequired[Tensor]


class InferWish(TypedDict):
    """An output that is wanted; without any, all are given."""

    name: Literal["probabilities", "label"]
    parameters: NotRequired[TensorParameters]


class InferParameters(TypedDict):
    """What stands beside a request."""

    binary_data_output: NotRequired[Annotated[bool, Keywords(description="Give all outputs behind the JSON.")]]


class InferRequest(TypedDict):
    """One image tensor; `id` comes back with the answer."""

    id: NotRequired[str]
    parameters: NotRequired[InferParameters]
    inputs: Annotated[list[InferInput], Keywords(minItems=1, maxItems=1)]
    outputs: NotRequired[list[InferWish]]


# Out.
class InferOutput(TypedDict):
    """`probabilities` FP32[N, K], whose columns follow the metadata's labels, or `label` BYTES[N]."""

    name: Literal["probabilities", "label"]
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    parameters: NotRequired[TensorParameters]
    data: NotRequired[list[object]]


class InferAnswer(TypedDict):
    """What the model makes of the pictures."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[InferOutput]


class TensorMetadata(TypedDict):
    """A tensor; a dimension of -1 is of any size."""

    name: str
    datatype: str
    shape: list[int]


class MetadataParameters(TypedDict):
    """What the protocol has no member for."""

    labels: list[str]


class ModelMetadata(TypedDict):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: MetadataParameters


class ServerMetadata(TypedDict):
    """Who answers."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """The process answers."""

    live: Literal[True]


class ServerReady(TypedDict):
    """Every model answers."""

    ready: Literal[True]


class ModelReady(TypedDict):
    """This model answers."""

    name: str
    ready: Literal[True]
