"""The variable parts of an address: `<name>`, `<label>` and `<int:version>`.

Under werkzeug's own names, because a route's text is also the label `endpoint` of metrics, alerts and dashboards.
"""

from werkzeug.routing import BaseConverter, ValidationError

MAX_VERSION = 2**63 - 1  # int64 on the wire


class Name(BaseConverter):
    """The name of a model or label; a colon begins the verb, so GET of `/v1/models/x:predict` is 405."""

    regex = "[^/:]+"


class Number(BaseConverter):
    """A number in plain digits; werkzeug's own takes thousands of them, in every script."""

    regex = "[0-9]{1,20}"

    def to_python(self, value: str) -> int:
        """See BaseConverter."""
        if int(value) > MAX_VERSION:
            raise ValidationError
        return int(value)


CONVERTERS = {"default": Name, "int": Number}
