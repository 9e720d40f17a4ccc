"""Look at candidates and their pictures before anything is trained: what would be refused is refused now.

A candidate is an experiment with changes, such as learning-rate=3e-4,epochs=5 or backbone=small-cnn,weights=none; `own`
is the experiment as it is.
"""

import json
from argparse import ArgumentParser, Namespace

from training.commands import add_cache, add_data, add_drop

HELP = "look at candidates and their pictures before they are trained"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as fashion-mnist")
    parser.add_argument(
        "candidates", nargs="+", metavar="CANDIDATE", help="changes, such as learning-rate=3e-4; or own"
    )
    add_data(parser, required=False)
    add_drop(parser)
    add_cache(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a report")


def run(arguments: Namespace) -> int:
    """Print what was found in the pictures, and each candidate's key; fail where training would be refused."""
    from training.candidates import candidates, code_version, run_key
    from training.config import load_config
    from training.data import datasets
    from training.data.audit import audit

    config = load_config(arguments.config)
    chosen = candidates(config, arguments.candidates)
    source = datasets.resolve(arguments.data, config.dataset)
    found = audit(source, config.labels, drop=arguments.drop, cache=arguments.cache)
    result = found.to_json()
    keys = {one.text: run_key(one.config, result["content_sha256"]) for one in chosen}
    if arguments.json:
        print(json.dumps({**result, "candidates": keys, "code": code_version()}, indent=1))
        return 0
    print(found.report())
    for text, key in keys.items():
        print(f"candidate {text}: {key}")
    return 0
