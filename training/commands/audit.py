"""Look at every picture of a data set: broken and doubled ones, wrong classes, what would leak between splits."""

import json
from argparse import ArgumentParser, Namespace

from training.commands import add_cache, add_data, add_drop

HELP = "look for broken, doubled and misplaced pictures"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_data(parser)
    parser.add_argument("--labels", help="class names, comma-separated, in the order of the model's answers")
    add_drop(parser)
    add_cache(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a report")


def run(arguments: Namespace) -> int:
    """Print what was found; fail where training would be refused."""
    from training.data import datasets
    from training.data.audit import Refused, audit

    labels = [name.strip() for name in arguments.labels.split(",")] if arguments.labels else None
    try:
        found = audit(datasets.resolve(arguments.data), labels, drop=arguments.drop, cache=arguments.cache)
    except Refused as refused:
        if not arguments.json:
            raise
        print(json.dumps({**refused.audit.to_json(), "drop_list": str(refused.drop_list or "")}, indent=1))
        return 1
    print(json.dumps(found.to_json(), indent=1) if arguments.json else found.report())
    return 0
