"""Ask GitHub, by `gh`, how a workflow's run of a commit ended: an address alone proves nothing."""

import json
import os
import re
import shutil
import subprocess

from tools.delivery.errors import Refused
from tools.delivery.repository import short

_RUN = re.compile(r"https://github\.com/(?P<repository>[\w.-]+/[\w.-]+)/actions/runs/(?P<number>\d+)(/.*)?")
_TIMEOUT_S = 30


def ask_about(url: str, commit: str) -> str:
    """See how a run ended.

    Args:
        url: of a run; only one of GitHub Actions can be asked about.
        commit: that it must have been about.
    Returns: words about it, which say so where nobody could be asked.
    Raises: Refused for an address that is none, a run of another commit, and one that did not succeed.
    """
    if not re.fullmatch(r"https?://\S+", url):
        raise Refused(f"--verified-by is to be the address of a run that people can look at, not {url!r}")
    found, gh = _RUN.fullmatch(url), shutil.which("gh")
    if found is None or gh is None:
        return f"by {url}, which was not asked: {'gh is not on PATH' if found else 'it is no run of GitHub Actions'}"
    command = [gh, "api", f"repos/{found['repository']}/actions/runs/{found['number']}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        run = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return f"by {url}, which was not asked: {error}"
    if not isinstance(run, dict):
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["gh gave no reason"]
        return f"by {url}, which was not asked: {said[-1]}"
    if run.get("head_sha") != commit:
        raise Refused(f"{url} is of {short(str(run.get('head_sha')))}, not of {short(commit)}")
    if run.get("conclusion") == "success":
        return f"by {url}, which succeeded"
    if run.get("conclusion") is None and found["number"] == os.environ.get("GITHUB_RUN_ID"):
        return f"by earlier jobs of {url}, which is the run that promotes"
    raise Refused(f"{url} did not succeed: {run.get('conclusion') or run.get('status')}")
