"""The parts of tools.manifests that rules stand on, and its command line."""

import pytest

from pykustomize import KustomizeError
from tools.manifests import __main__ as command
from tools.manifests.model import Finding, Rendering, Repository
from tools.manifests.rendering import Combination
from tools.manifests.rules import Rule, repository_rule, rule, rules
from tools.manifests.rules.resources import quantity
from tools.manifests.workloads import pods, selects

BROKEN = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gateway"}, "spec": {"template": {}}}


@pytest.fixture
def one_rendering(monkeypatch):
    """The command line judges this one Deployment instead of the repository's overlays."""
    rendering = Rendering("kind", (BROKEN,))
    monkeypatch.setattr(command, "combinations", lambda: [Combination("kind"), Combination("prod")])
    monkeypatch.setattr(command, "render_all", lambda wanted: [rendering for one in wanted if one[0] == "kind"])


def test_a_finding_is_printed_with_place_object_and_rule(one_rendering, capsys):
    """A line says where, of what, what is wrong and by which rule; the last one how much was judged."""
    assert 1 == command.main(["--rule", "progress-deadline", "--rule", "no-secret"])
    line, summary = capsys.readouterr().out.splitlines()
    assert "kind: Deployment/gateway: has no progressDeadlineSeconds [progress-deadline]" == line
    assert summary.startswith("1 finding: 2 rules on 1 overlay in 1 combination with 1 object, ")


def test_without_findings_the_status_is_zero(one_rendering, capsys):
    """Nothing found is status 0, and said."""
    assert 0 == command.main(["--rule", "no-secret"])
    assert capsys.readouterr().out.startswith("no findings: 1 rule on 1 overlay")


def test_one_environment_can_be_judged(one_rendering, capsys):
    """--environment leaves the other overlays out."""
    assert 0 == command.main(["--environment", "prod", "--rule", "progress-deadline"])
    assert " no combinations" in capsys.readouterr().out


def test_the_same_finding_of_many_combinations_is_one_line():
    """What is wrong in an overlay is told once, not once more for every component that is added to it."""
    found = [Finding("Service/gateway", "selects no pod", "r", where) for where in ("prod", "prod + gpu", "kind")]
    assert ["prod: Service/gateway: selects no pod [r] (and in 2 other combinations)"] == command.lines_of(found)


def test_list_says_every_rule_in_words(capsys):
    """--list gives each rule's name and a whole sentence."""
    assert 0 == command.main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert [each.name for each in rules()] == [line.split()[0] for line in lines]
    assert all(line.endswith(".") and len(line.split()) > 4 for line in lines)


def test_what_kustomize_refuses_is_one_line_and_status_two(monkeypatch, capsys):
    """An overlay that cannot be built is Kustomize's own sentence, not a traceback."""

    def fail(wanted):
        raise KustomizeError("overlays/kind: no such file")

    monkeypatch.setattr(command, "render_all", fail)
    assert 2 == command.main([])
    assert "error: overlays/kind: no such file\n" == capsys.readouterr().err


def test_a_misspelt_rule_is_told_with_the_nearest_one(capsys):
    """A rule that is not there is status 2, and the one that was meant."""
    with pytest.raises(SystemExit, match="2"):
        command.main(["--rule", "memory-limits"])
    assert "no rule is called memory-limits; is it memory-limit? --list" in capsys.readouterr().err


@pytest.mark.parametrize("spec", [None, {}, {"template": None}, {"template": {"spec": {"containers": [{}]}}}])
def test_an_object_of_another_shape_is_a_finding_and_no_traceback(spec):
    """A rule that stumbles over a broken object says so; the rule `schema` says what is broken."""
    rendering = Rendering("kind", ({**BROKEN, "spec": spec},))
    assert [] != [finding for each in rules() for finding in each.judge(rendering)]


def test_two_rules_of_one_name_are_refused():
    """A name says which fixture proves the rule, so it is given once."""
    for register in (rule, repository_rule):
        with pytest.raises(ValueError, match="two rules are called memory-limit"):
            register("memory-limit")(test_two_rules_of_one_name_are_refused)


def test_a_rule_without_words_is_refused():
    """The docstring is what people read."""
    with pytest.raises(ValueError, match="no docstring"):
        rule("silent")(lambda rendering: ())


def test_a_repository_rule_judges_no_rendering(tmp_path):
    """Each rule judges what it is about and nothing else."""
    of_files = Rule("files", "", repository_check=lambda repository: [Finding("a", "b")])
    assert [] == of_files.judge(Rendering("kind", ()))
    assert ["a: b [files]"] == [str(each) for each in of_files.judge_repository(Repository(tmp_path))]


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("2", 2), (2, 2), ("1Ki", 1024), ("1Gi", 2**30), ("1k", 1000), ("0.5", 0.5)]
)
def test_quantities_are_numbers(text, value):
    """Kubernetes' suffixes are powers of ten and of two."""
    assert value == quantity(text)


def test_a_selector_matches_pods_that_have_all_its_labels():
    """More labels do no harm; a missing or other one does."""
    assert selects({"a": "1"}, {"a": "1", "b": "2"})
    assert not selects({"a": "1", "b": "2"}, {"a": "1"})
    assert not selects({"a": "1"}, {"a": "2"})


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Deployment", {"template": {"spec": {"hostPID": True}}}),
        ("CronJob", {"jobTemplate": {"spec": {"template": {"spec": {"hostPID": True}}}}}),
        ("Pod", {"hostPID": True}),
    ],
)
def test_pods_are_found_wherever_a_kind_keeps_them(kind, spec):
    """No kind that makes pods is overlooked."""
    made = {**BROKEN, "kind": kind, "spec": spec}
    assert [True] == [pod.spec["hostPID"] for pod in pods(Rendering("kind", (made,)))]
