"""Say how an image came to be, as SLSA's provenance v1: https://slsa.dev/spec/v1.1/provenance."""

import getpass
from collections.abc import Mapping

from tools.publish.commands import run

# How a build by a GitHub workflow is described: what `externalParameters` mean.
BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
Predicate = dict[str, object]


def predicate(environment: Mapping[str, str]) -> Predicate:
    """Describe the build that is running.

    Args:
        environment: of the process; GitHub's variables where the build is a workflow's.
    Returns: the predicate, without the subject, which the signer adds.
    """
    if "GITHUB_WORKFLOW_REF" not in environment:
        return _of_a_person()
    server = environment["GITHUB_SERVER_URL"]
    repository = f"{server}/{environment['GITHUB_REPOSITORY']}"
    # owner/name/.github/workflows/images.yaml@refs/heads/main
    path, _, ref = (
        environment["GITHUB_WORKFLOW_REF"].removeprefix(environment["GITHUB_REPOSITORY"] + "/").partition("@")
    )
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"workflow": {"ref": ref, "repository": repository, "path": path}},
            "internalParameters": {
                "github": {
                    "event_name": environment["GITHUB_EVENT_NAME"],
                    "repository_id": environment["GITHUB_REPOSITORY_ID"],
                    "repository_owner_id": environment["GITHUB_REPOSITORY_OWNER_ID"],
                    "runner_environment": environment["RUNNER_ENVIRONMENT"],
                }
            },
            "resolvedDependencies": [_source(f"{repository}@{environment['GITHUB_REF']}", environment["GITHUB_SHA"])],
        },
        "runDetails": {
            "builder": {"id": f"{server}/{environment['GITHUB_WORKFLOW_REF']}"},
            "metadata": {
                "invocationId": f"{repository}/actions/runs/{environment['GITHUB_RUN_ID']}"
                f"/attempts/{environment['GITHUB_RUN_ATTEMPT']}"
            },
        },
    }


def _of_a_person() -> Predicate:
    """Describe a build on somebody's machine: nobody should trust it further than its key."""
    commit = run("git", "rev-parse", "HEAD").strip()
    return {
        "buildDefinition": {
            "buildType": "urn:image-classifiers:make-images",
            "externalParameters": {},
            "resolvedDependencies": [_source("file:.", commit)],
        },
        "runDetails": {"builder": {"id": f"urn:image-classifiers:machine-of:{getpass.getuser()}"}},
    }


def _source(repository: str, commit: str) -> dict[str, object]:
    return {"uri": f"git+{repository}", "digest": {"gitCommit": commit}}
