"""Ask for the merge of a branch that a tool made: a machine never writes to main."""

from pathlib import Path

from tools.publish.commands import ROOT, PublishError, run
from tools.publish.release import RELEASE

MODELS, LIST = "apps/model-server/models/", "apps/model-server/models.config"
# The token stays with gh: checkout leaves none in the repository's settings.
CREDENTIALS = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")


def ask(branch: str, text: Path, tree: Path = ROOT, *, models: bool = False) -> None:
    """Push a promotion's branch and open its pull request, or bring the one that is open up to date.

    Args:
        branch: as `make promote` or `make pipeline` made it, on top of HEAD; pushed with force: it belongs to the tool
            alone.
        text: Markdown as that wrote it; the first line, less `# `, is the title.
        tree: the repository.
        models: it proposes a model version, and not a release.
    Raises: PublishError when the branch changes anything but that, or Git or gh fails.
    """
    lines = run("git", "diff", "--name-status", "HEAD", f"refs/heads/{branch}", "--", cwd=tree).splitlines()
    changed = [line.partition("\t")[2] for line in lines]
    if models:
        added = [path for line, path in zip(lines, changed, strict=True) if line[0] == "A" and path.startswith(MODELS)]
        if not added or set(changed) - set(added) - {LIST}:
            raise PublishError(
                f"{branch} is to add files to {MODELS} and nothing else, but changes {', '.join(changed) or 'nothing'}"
            )
    elif changed != [str(RELEASE)]:
        raise PublishError(
            f"{branch} is to change {RELEASE} and nothing else, but changes {', '.join(changed) or 'nothing'}"
        )
    title, _, body = text.read_text().partition("\n")
    if not title.startswith("# "):
        raise PublishError(f"{text} does not begin with a title: # Promote ...")
    reference = f"refs/heads/{branch}"
    run("git", *CREDENTIALS, "push", "--quiet", "--force", "origin", f"{reference}:{reference}", cwd=tree, echo=True)
    search = ["--head", branch, "--state", "open", "--json", "number", "--jq", ".[].number"]
    number = run("gh", "pr", "list", *search, cwd=tree).strip()
    words = ["--title", title.removeprefix("# ").strip(), "--body", body.strip()]
    if number:
        run("gh", "pr", "edit", number, *words, cwd=tree)
    else:
        run("gh", "pr", "create", "--base", "main", "--head", branch, *words, cwd=tree)
    print(f"asked: {title.removeprefix('# ')} ({branch})")
