"""What a route says of itself for `/openapi.json`, written above it: `@operation(...)`.

The rest is taken from the route: its address, its method, and its docstring, whose first line is the summary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

MANY = 2  # as many as are accepted

# Statuses of problems that routes share.
OF_ANY = (400, 408, 413, 429, 431, 500)  # of any HTTP that comes in
OF_BODY = (400, 413, 415)
OF_MODEL = (503, 504)
OF_PICTURES = (*OF_BODY, 404, 422, 502, *OF_MODEL)


@dataclass(frozen=True)
class Operation:
    """What a route takes and gives.

    Attributes:
        gives: the type of the JSON answer, or the media type of another one.
        takes: the type of the JSON body, None where the route takes no body.
        files: how many pictures a form may bring instead: none, 1, or MANY. A raw body brings one.
        binary: whether the body may be tensors behind JSON instead (Open Inference Protocol).
        problems: statuses of the problems that the route may answer, those of OF_ANY aside.
    """

    gives: Any
    takes: Any = None
    files: int = 0
    binary: bool = False
    problems: tuple[int, ...] = ()


def operation(
    gives: Any, *, takes: Any = None, files: int = 0, binary: bool = False, problems: tuple[int, ...] = ()
) -> Callable[[View], View]:
    """Describe a route; see Operation."""

    def describe(view: View) -> View:
        vars(view)["operation"] = Operation(gives, takes, files, binary, problems)
        return view

    return describe


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """Give what a route says of itself."""
    described: Operation | None = vars(view).get("operation")
    return described
