"""Look at a data set before training: everything that can be seen of it, as one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from training.data.audit import DROP_LISTS, Refused, audit
from training.report.exploration import exploration


def explore(
    source: Path,
    out: Path,
    labels: Sequence[str] | None = None,
    *,
    drop: str | Path | None = None,
    cache: Path | None = None,
    drop_lists: Path = DROP_LISTS,
) -> Path:
    """Write a report on a data set; also on one that training would be refused for, which the report says first.

    Args:
        source: as `training.data.sources.read` takes it.
        out: the HTML file to write.
        labels: class names; what the source holds, sorted, if None.
        drop: as `training.data.audit.audit` takes it.
        cache: folder that keeps what was measured, by content hash; nothing is kept if None.
        drop_lists: folder to write a drop list to where training would be refused.
    Returns: `out`.
    Raises: DataError for a source or drop list that cannot be read; OSError if the file cannot be written.
    """
    try:
        page = exploration(audit(source, labels, drop=drop, cache=cache, drop_lists=drop_lists))
    except Refused as refused:
        page = exploration(refused.audit, refused.summary)
    page.write(out)
    return out
