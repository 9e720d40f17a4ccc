"""What people look at after a failure: printed, so that nobody has to ask for it."""

from tools.cluster.programs import ClusterError, Programs, say

NAMESPACES = ("argocd", "git-server", "classifiers-kind")
LINES = 15
CONDITIONS = (
    "{range .items[*]}{.metadata.name}{': '}{.status.sync.status}{' '}{.status.health.status}{' '}"
    "{.status.operationState.phase}{' '}{.status.operationState.message}{' '}"
    "{range .status.conditions[*]}{.type}{' '}{.message}{' '}{end}{'\\n'}{end}"
)


def explain(programs: Programs) -> None:
    """Print applications, warnings, and the pods that are not ready with their logs. Never raises."""
    _show(programs, "applications", "-n", "argocd", "get", "applications.argoproj.io", "-o", f"jsonpath={CONDITIONS}")
    for namespace in NAMESPACES:
        events = ["get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"]
        _show(programs, f"warnings in {namespace}", "-n", namespace, *events)
        for pod in _not_ready(programs, namespace):
            _show(programs, f"{namespace}/{pod}", "-n", namespace, "logs", pod, "--all-containers", f"--tail={LINES}")
    _show(
        programs,
        "the last verification",
        "-n",
        "classifiers-kind",
        "logs",
        "job/verify",
        f"--tail={LINES}",
    )


def _not_ready(programs: Programs, namespace: str) -> list[str]:
    query = "{range .items[*]}{.metadata.name} {.status.phase} {.status.containerStatuses[*].ready}{'\\n'}{end}"
    try:
        lines = programs.kubectl("-n", namespace, "get", "pods", "-o", f"jsonpath={query}").splitlines()
    except ClusterError:
        return []
    rows = [line.split() for line in lines]
    return [row[0] for row in rows if row[1] != "Succeeded" and (len(row) == 2 or "false" in row[2:])]  # noqa: PLR2004


def _show(programs: Programs, title: str, *arguments: str) -> None:
    try:
        lines = programs.kubectl(*arguments).splitlines()
    except ClusterError as error:
        lines = [str(error).splitlines()[-1]]
    say(f"--- {title}")
    for line in lines[-LINES:]:
        say(f"    {line}")
