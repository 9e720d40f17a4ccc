"""Building with the real Kustomize."""

import json

import pytest

from pykustomize import BuildError, Kustomize, KustomizeNotFound, OutOfTime

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
PATCH = "patches: [{path: patch.yaml}]\n"
# mistake: the files that make it, the file that is named, and a word of the reason
MISTAKES = {
    "a resource that is not there": ({"over": "resources: [no.yaml]\n"}, "over/no.yaml", "is not there"),
    "a component that is not there": ({"over": "components: [../nope]\n"}, "nope", "is not there"),
    "a patch that is not there": ({"over": "resources: [../base]\n" + PATCH}, "over/patch.yaml", "is not there"),
    "a file for a generator that is not there": (
        {"over": "configMapGenerator: [{name: x, files: [f.txt]}]\n"},
        "over/f.txt",
        "is not there",
    ),
    "YAML that cannot be read, in the base": (
        {"over": "resources: [../base]\n", "base/a.yaml": "a: {b\n c"},
        "base/a.yaml",
        "line 2",
    ),
    "an object without kind, in the base": (
        {"over": "resources: [../base]\n", "base/a.yaml": "metadata: {name: a}\n"},
        "base/a.yaml",
        "missing kind",
    ),
    "a field that Kustomize does not know": ({"over": "resource: []\n"}, "over/kustomization.yaml", "unknown field"),
    "the same in the base": (
        {"over": "resources: [../base]\n", "base": "resource: []\n"},
        "base/kustomization.yaml",
        "unknown field",
    ),
    "a patch that is none": (
        {"over": "resources: [../base]\n" + PATCH, "over/patch.yaml": "nonsense"},
        "over/patch.yaml",
        "unable to parse",
    ),
    "a patch that fits nothing": (
        {"over": "resources: [../base]\n" + PATCH, "over/patch.yaml": OBJECT.replace("name: a", "name: b")},
        "over/kustomization.yaml",
        "no matches for Id ConfigMap",
    ),
    "an object twice": (
        {"over": "resources: [a.yaml, a.yaml]\n", "over/a.yaml": OBJECT},
        "over/a.yaml",
        "already registered",
    ),
    "an empty kustomization": ({"over": ""}, "over/kustomization.yaml", "empty"),
}


@pytest.fixture
def tree(tmp_path):
    """Give a function that writes files; a folder's name stands for its kustomization."""

    def write(files):
        for name, text in {"base": "resources: [a.yaml]\n", "base/a.yaml": OBJECT, **files}.items():
            path = tmp_path / (name if "." in name else f"{name}/kustomization.yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_error_names_the_file(kustomize, tree, mistake):
    """What Kustomize refuses is told in one paragraph that begins with the file to mend."""
    files, file, reason = MISTAKES[mistake]
    root = tree(files)
    with pytest.raises(BuildError) as caught:
        kustomize.build(root / "over")
    assert root / file == caught.value.file
    assert str(caught.value).startswith(str(root / file))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_kustomization_is_named(kustomize, tmp_path):
    """A folder that holds none, or is not there, is the file at fault."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BuildError) as caught:
            kustomize.build(folder)
        assert folder == caught.value.file


def test_strings_stay_strings(kustomize, tree):
    """What YAML 1.1 and Kustomize's YAML understand differently is read as Kustomize means it."""
    strings = ["=", "<<", "on", "y", "~", "1e3", "017", "0o17", "1:30", "2026-01-02", "a\nb\n", ""]
    spec = f"spec: {json.dumps({'strings': strings, 'true': True, 'one': 1})}\n"
    root = tree({"base/a.yaml": "apiVersion: a/v1\nkind: X\nmetadata: {name: a}\n" + spec})
    (found,) = kustomize.build(root / "base")
    assert {"strings": strings, "true": True, "one": 1} == found["spec"]


def test_a_build_that_hangs_is_ended(tmp_path, stand_in):
    """After timeout_s the run is ended and says what may be done."""
    program = stand_in(kustomize="exec sleep 60") / "kustomize"
    with pytest.raises(OutOfTime, match=r"not done after 0\.2 s"):
        Kustomize(program, "v0", timeout_s=0.2).build(tmp_path)


def test_a_program_that_went_away_is_told(tmp_path):
    """A program that is no longer there is an error of this package, not of the operating system."""
    with pytest.raises(KustomizeNotFound, match="does not run"):
        Kustomize(tmp_path / "gone", "v0").build(tmp_path)
