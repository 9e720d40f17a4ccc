"""Promotions and rollbacks are commits with trailers, so that Git alone tells what was promoted, when and from what."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.delivery.release import file_of
from tools.delivery.repository import GitRepository

PROMOTION, SOURCE, ROLLED_BACK = "Promotion", "Promoted-Commit", "Rolled-Back"
_FORMAT = "%H%x1f%cs%x1f" + "%x1f".join(
    f"%(trailers:key={key},valueonly,separator=%x2C)" for key in (PROMOTION, SOURCE, ROLLED_BACK)
)


@dataclass(frozen=True)
class Promotion:
    """A commit that promoted. Args: commit; date: YYYY-MM-DD; source: the commit that the images were built from."""

    commit: str
    date: str
    source: str


def last_promotion(repository: GitRepository, environment: str, ref: str = "HEAD") -> Promotion | None:
    """Find the newest promotion to an environment that was not taken back; None where there is none."""
    return next(_promotions(repository, environment, ref), None)


def _promotions(repository: GitRepository, environment: str, ref: str) -> Iterator[Promotion]:
    log = repository.run("log", f"--format={_FORMAT}", ref, "--", file_of(environment))
    taken_back: set[str] = set()
    for line in log.splitlines():
        commit, date, promotion, source, rolled_back = (field.strip() for field in line.split("\x1f"))
        taken_back.update(rolled_back.split(","))
        if promotion.endswith(f"-> {environment}") and commit not in taken_back:
            yield Promotion(commit, date, source or commit)
