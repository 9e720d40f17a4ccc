"""The command line: `python -m gateway.client VERB`, also installed as `gateway-client`.

Exit statuses: 0 all is well; 1 a picture has no answer, or `verify` is red; 2 an argument, file or key cannot be used;
3 refused; 4 nobody answers, or not now; 5 out of time; 6 the server failed or its answer cannot be believed; 130 after
Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway.client import verbs
from gateway.client.client import PROTOCOLS, Client, connect, read_bytes
from gateway.client.errors import ClientError, UsageError
from gateway.client.patience import Patience
from gateway.client.rows import FORMS

_INTERRUPTED = 130  # what shells give a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run the verb that is asked for. Returns: the exit status, see above."""
    # Before NumPy is first imported: OpenBLAS starts a thread with buffers for every core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace, Client, str], int] = arguments.run
    try:
        key = read_key(arguments.key_file, environment)
        patience = Patience(timeout_s=arguments.timeout_s, tries=arguments.tries)
        with connect(
            arguments.server, arguments.protocol, key=key, ca_file=arguments.ca_file, patience=patience
        ) as client:
            return run(arguments, client, key)
    except ClientError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _INTERRUPTED


def read_key(path: str, environment: Mapping[str, str]) -> str:
    """Read the API key: of `path`, else of the file CLIENT_API_KEY_FILE, else CLIENT_API_KEY itself; empty for none.

    Never an argument: everybody on a machine can read those. Raises: UsageError, which holds nothing of the key.
    """
    path = path or environment.get("CLIENT_API_KEY_FILE", "")
    where = path or "CLIENT_API_KEY"
    key = read_bytes(Path(path)).decode(errors="replace") if path else environment.get("CLIENT_API_KEY", "")
    key = key.strip()
    if path and not key:
        raise UsageError(f"{where}: holds no key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"{where}: holds no key, or more than one")
    return key


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway-client",
        description="Ask a gateway, TensorFlow Serving or KServe.",
        epilog=(__doc__ or "").partition("\n\n")[2],
    )
    common = _common()
    commands = parser.add_subparsers(required=True, metavar="VERB")

    predicting = commands.add_parser("predict", parents=[common], help="classify pictures")
    predicting.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file, a URL, or - for standard input")
    predicting.add_argument("--json", action="store_true", help="a JSON object a line instead of tables")
    _add_which(predicting)
    predicting.set_defaults(run=verbs.predict)

    listing = commands.add_parser("models", parents=[common], help="list models: version, state, input, labels")
    listing.add_argument("models", nargs="*", metavar="MODEL", help="only a gateway can list them by itself")
    listing.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    listing.set_defaults(run=verbs.models)

    verifying = commands.add_parser("verify", parents=[common], help="compare answers with the goldens of the models")
    verifying.add_argument("models", nargs="*", metavar="MODEL", help="all that have goldens, if none is named")
    verifying.add_argument(
        "--goldens", type=Path, default=Path("/goldens"), help="folder with NAME/VERSION/golden.json (%(default)s)"
    )
    verifying.add_argument(
        "--models-config", type=Path, help="the model server's list: which models, versions and labels must be there"
    )
    verifying.set_defaults(run=verbs.verify)

    many = commands.add_parser(
        "batch",
        parents=[common],
        help="classify a folder of pictures into a table; the same command goes on after a kill",
    )
    source = many.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="pictures by their suffix, folders below too"
    )
    source.add_argument("--list", type=Path, metavar="FILE", help="names of files, one a line; - for standard input")
    many.add_argument("--out", type=Path, required=True, help="the table; what is in it is not asked again")
    many.add_argument("--form", choices=FORMS, help="of the table; by the suffix of --out if not said")
    many.add_argument("--workers", type=_positive, default=4, help="pictures at a time (%(default)s)")
    many.add_argument("--restart", action="store_true", help="forget what the table holds")
    _add_which(many)
    many.set_defaults(run=verbs.batch)
    return parser


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--server", default="", help="http://host:port, or host:port of gRPC; by default this machine")
    common.add_argument("--protocol", choices=PROTOCOLS, default="gateway", help="what is spoken there (%(default)s)")
    common.add_argument(
        "--key-file", default="", help="file of the API key; else CLIENT_API_KEY_FILE or CLIENT_API_KEY"
    )
    common.add_argument("--ca-file", default="", help="certificates (PEM) by which the server is known")
    common.add_argument(
        "--timeout-s", type=_seconds, default=30.0, help="for a call, retries included, seconds (%(default)g)"
    )
    common.add_argument("--tries", type=_positive, default=6, help="at most so many a call (%(default)s)")
    return common


def _add_which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", help="its name; only a gateway has a default")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=_positive, help="by its number; else the one that answers")
    which.add_argument("--label", help="the version that has this label, such as stable")


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < 1e6:  # noqa: PLR2004 - and NaN is neither
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds
