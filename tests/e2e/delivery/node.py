"""Reach a pod's processes on the node of a kind cluster, as a kernel that runs out of memory would: by a signal."""

import subprocess

from tools.cluster.programs import NODE

# The program's name is its first argument's; the pause container and the proof beside it are left alone.
_FIND = """
for process in /proc/[0-9]*; do
  grep -q "$1" "$process/cgroup" 2>/dev/null || continue
  tr '\\0' ' ' < "$process/cmdline" | grep -q -- "$2" && echo "${process#/proc/}"
done
"""


def send_signal(signal: str, pod_uid: str, program: str) -> int:
    """Send a signal to the processes of a pod whose command line holds `program`. Returns: how many there were."""
    # systemd's cgroup driver writes underscores, the other one dashes.
    uid = pod_uid.replace("-", "[-_]")
    found = _on_node("sh", "-c", _FIND, "sh", uid, program).split()
    assert found, f"no process of pod {pod_uid} runs {program}"
    _on_node("kill", f"-{signal}", *found)
    return len(found)


def _on_node(*command: str) -> str:
    done = subprocess.run(["docker", "exec", NODE, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
