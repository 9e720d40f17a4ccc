"""Make, show and remove a kind cluster to which `git push kind` deploys."""

import argparse
import time
from collections.abc import Sequence

from pykustomize import KustomizeError
from tools.cluster import applications, argocd, diagnosis, images, nodes, repository
from tools.cluster.programs import ClusterError, Programs, fail, say


def main(argv: Sequence[str] | None = None, programs: Programs | None = None) -> int:
    """Do what the verb says. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.cluster", description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "status"])
    parser.add_argument("--port", type=int, default=9696, help="of the page (%(default)s)")
    parser.add_argument("--dashboard-port", type=int, default=9443, help="of Argo CD (%(default)s)")
    parser.add_argument("--git-port", type=int, default=9418, help="of the Git server (%(default)s)")
    arguments = parser.parse_args(argv)
    programs = programs or Programs()
    try:
        if arguments.verb == "up":
            up(programs, {name: getattr(arguments, name.lower()) for name in nodes.NODE_PORTS})
        elif arguments.verb == "down":
            nodes.remove(programs)
            repository.remove_remote(programs)
        else:
            show(programs)
    except (ClusterError, KustomizeError) as error:
        fail(error)
        return 1
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        return 130
    return 0


def up(programs: Programs, ports: dict[str, int]) -> None:
    """Make all there has to be, each step only as far as it is not done yet, and say where to look."""
    start = time.monotonic()
    ports = nodes.create(programs, ports)
    try:
        tags = images.build_and_load(programs)
        argocd.install(programs)
        repository.serve(programs, tags["git-server"], ports["GIT_PORT"])
        commit = repository.push(programs, tags)
        applications.apply(programs)
        applications.wait(programs, commit)
    except applications.SyncError as error:
        diagnosis.explain(programs)
        raise ClusterError(f"the sync failed: {error}") from error
    except ClusterError:
        diagnosis.explain(programs)
        raise
    say(f"done in {time.monotonic() - start:.0f} s")
    show(programs)


def show(programs: Programs) -> None:
    """Print the applications, the addresses and how to log in."""
    if not nodes.exists(programs):
        raise ClusterError("there is no cluster: make up")
    ports = nodes.ports_of(programs)
    for application in applications.read(programs):
        sync, health, phase, revision = applications.state(application)
        say(f"{application['metadata']['name']:20} {sync} {health}, operation {phase} {revision[:12]}")
    secret = argocd.password(programs)
    say(f"page       http://localhost:{ports['PORT']}")
    say(f"dashboard  https://localhost:{ports['DASHBOARD_PORT']} (its certificate is its own: the browser warns)")
    say(f"           user admin, password {secret or 'as you have set it'}")
    say("deploy     git commit, then git push kind; make up first where code, not manifests, has changed")


if __name__ == "__main__":
    raise SystemExit(main())
