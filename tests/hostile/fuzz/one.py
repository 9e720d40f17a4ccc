"""Let atheris at one target: `python -m tests.hostile.fuzz.one TARGET FLAGS-OF-LIBFUZZER`."""

import contextlib
import sys
import warnings

import atheris

with atheris.instrument_imports(include=["gateway", "model_server", "serving_api"]):
    from tests.hostile.fuzz.targets import TARGETS


def main(name: str, *flags: str) -> None:
    """Run until a flag ends it, or something is raised that the target may not raise."""
    warnings.simplefilter("ignore")
    target = TARGETS[name]

    def once(data: bytes) -> None:
        with contextlib.suppress(*target.may_raise):
            target.run(data)

    atheris.Setup([sys.argv[0], *flags], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
