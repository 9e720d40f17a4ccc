"""The compiled pipeline in the repository is the one that the code makes."""

import yaml

from training.pipeline.compiled import FILE, compiled
from training.pipeline.components import IMAGE

SPEC, PLATFORM = yaml.safe_load_all(FILE.read_text(encoding="utf-8"))
TASKS = {
    name: task
    for dag in (SPEC["root"]["dag"], *(one["dag"] for one in SPEC["components"].values() if "dag" in one))
    for name, task in dag["tasks"].items()
}
STEPS = {"data", "check", "current", "train", "evaluate", "choose", "export", "gates", "report", "promote"}


def test_the_compiled_pipeline_is_current():
    """Compiled again it is the same, byte by byte: python -m training.pipeline compile."""
    assert compiled() == FILE.read_text(encoding="utf-8")


def test_every_step_is_there():
    """The ten steps, and the loop over candidates with two of them."""
    assert STEPS == {name for name in TASKS if not name.startswith("for-loop")}
    (loop,) = [name for name in TASKS if name.startswith("for-loop")]
    assert {"train", "evaluate"} == set(SPEC["components"][TASKS[loop]["componentRef"]["name"]]["dag"]["tasks"])


def test_nothing_is_committed_before_the_gates():
    """The step that commits takes what the gates leave when they pass."""
    assert "gates" in TASKS["promote"]["dependentTasks"]
    assert "passed" in TASKS["promote"]["inputs"]["artifacts"]


def test_what_looks_at_git_is_never_cached():
    """The version that is there, the gates against it and the commit are done anew; all else may be taken as it was."""
    fresh = {name for name, task in TASKS.items() if not task.get("cachingOptions", {}).get("enableCache")}
    assert {"current", "gates", "promote"} == fresh - {name for name in fresh if name.startswith("for-loop")}


def test_only_what_may_be_transient_is_tried_again():
    """A lost node ends a download or a training; a refusal stays one."""
    assert {"data", "train"} == {name for name, task in TASKS.items() if "retryPolicy" in task}


def test_a_step_installs_nothing():
    """What a step needs is in its image, checked by hash: no command of one calls pip."""
    executors = SPEC["deploymentSpec"]["executors"].values()
    assert {IMAGE} == {one["container"]["image"] for one in executors}
    assert not any("pip install" in word for one in executors for word in one["container"]["command"])


def test_only_the_steps_that_ask_git_get_its_secret():
    """The token reaches the step that clones and the step that commits."""
    executors = PLATFORM["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {"exec-current", "exec-promote"} == {name for name, one in executors.items() if one.get("secretAsEnv")}
