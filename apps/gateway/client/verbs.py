"""What the verbs of the command line do; `gateway.client.command` has their arguments."""

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gateway.client import batch as work
from gateway.client import picture_files, show
from gateway.client.client import PROTOCOLS, Client, read_bytes
from gateway.client.errors import ClientError, PictureRefused, UsageError
from gateway.client.results import Picture, Prediction
from gateway.client.results_file import ResultsFile
from gateway.client.rows import FORMS


def predict(arguments: argparse.Namespace, client: Client, _key: str) -> int:
    """Print what the model makes of each picture. Returns: 1 where one is refused."""
    status = 0
    model = arguments.model or client.default()
    for name in arguments.pictures:
        try:
            found = client.classify(_picture(name), model, version=arguments.version, label=arguments.label)
        except PictureRefused as error:
            status = 1
            if arguments.json:
                print(json.dumps({"picture": name, "error": str(error), "status": error.status}))
            else:
                print(f"error: {name}: {error}", file=sys.stderr)
            continue
        print(_as_json(name, found) if arguments.json else _as_table(name, found), flush=True)
    return status


def models(arguments: argparse.Namespace, client: Client, _key: str) -> int:
    """Print what the models are. Returns: 0."""
    described = [client.describe(name) for name in arguments.models] or client.models()
    if arguments.json:
        for one in described:
            print(json.dumps(dataclasses.asdict(one)))
    else:
        print("\n".join(show.models(described)))
    return 0


def verify(arguments: argparse.Namespace, client: Client, key: str) -> int:
    """Compare answers with goldens, as `gateway verify` does of a whole deployment. Returns: 1 where one is red."""
    from gateway.client.verify import verify as verify_server

    server = arguments.server or PROTOCOLS[arguments.protocol]
    green = verify_server(
        server,
        arguments.protocol,
        client,
        goldens=arguments.goldens,
        models_config=arguments.models_config,
        names=arguments.models,
        timeout_s=arguments.timeout_s,
        key=key,
        ca_file=arguments.ca_file,
    )
    return 0 if green else 1


def batch(arguments: argparse.Namespace, client: Client, _key: str) -> int:
    """Write a table of many pictures. Returns: 0 if each has an answer, else 1."""
    began_s = time.monotonic()
    form = arguments.form or arguments.out.suffix.removeprefix(".")
    if form not in FORMS:
        raise UsageError(f"{arguments.out}: name it .csv or .jsonl, or say --form")
    files = picture_files.in_list(arguments.list) if arguments.list else picture_files.in_folder(arguments.folder)
    which = work.Which(arguments.model, arguments.version, arguments.label)
    with ResultsFile(arguments.out, FORMS[form], restart=arguments.restart) as results:
        if results.torn_bytes:
            _say("the last row was written by half: it is cut off and its picture asked again")
        model, version = work.settle(results, which, client, _say)
        _tell_of(results, files)
        try:
            with _progress(len(files), sum(name in results.rows for name in files)) as step:
                tally = work.run(results, files, work.classify_by(client, model, version), arguments.workers, step)
        except (ClientError, KeyboardInterrupt):
            left = sum(name not in results.rows for name in files)
            _say(f"{left} pictures are left; the same command goes on")
            raise
        _say(work.summary(results.rows, tally, began_s, arguments.out))
        if tally.reason is not None:
            _say(f"no answer, the last time because {tally.reason}; the same command asks again")
        return 0 if tally.reason is None and not any(results.rows[name].error for name in files) else 1


def _tell_of(results: ResultsFile, files: Mapping[str, Path]) -> None:
    """Drop the rows of files that have changed, and tell people what becomes of the rows that are there."""
    if stale := work.changed(results, files):
        results.drop(stale)
        _say(f"{len(stale)} files are others than when their rows were written: asked again")
    if gone := results.rows.keys() - files.keys():
        _say(f"{len(gone)} rows are of files that are not among these: kept")


@contextlib.contextmanager
def _progress(total: int, done: int) -> Iterator[Callable[[], object]]:
    """Draw a bar on a terminal; gives what moves it by one."""
    try:
        from tqdm import tqdm
    except ImportError:  # the gateway's image has none
        yield lambda: None
        return
    with tqdm(total=total, initial=done, unit="picture", disable=None) as bar:
        yield bar.update


def _picture(name: str) -> Picture:
    if name.startswith(("http://", "https://")):
        return Picture(url=name)
    return Picture(sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name).expanduser()))


def _as_json(name: str, found: Prediction) -> str:
    told = {"picture": name, **dataclasses.asdict(found), "label": found.label, "probability": found.probability}
    return json.dumps(told)


def _as_table(name: str, found: Prediction) -> str:
    return "\n".join([f"{name}: {found.model} version {found.version}", *show.bars(found.probabilities)])


def _say(words: str) -> None:
    """Tell people, on stderr: stdout is for answers."""
    print(words, file=sys.stderr)
