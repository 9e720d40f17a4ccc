"""Argo CD: installed as argocd/install says, or from a file, with the same settings."""

import base64
import os
import re
import shutil
import tempfile
from pathlib import Path

from pykustomize import Kustomize
from tools.cluster.images import load_present
from tools.cluster.programs import ROOT, ClusterError, Programs, say, wait_for

NAMESPACE = "argocd"
# No single sign-on on one machine: its server would wait for a configuration that nobody writes.
WITHOUT = {"argocd-dex-server"}


def install(programs: Programs, root: Path = ROOT) -> None:
    """Apply Argo CD and wait for its pods."""
    manifest = _manifest()
    say(f"3. Argo CD from {manifest or 'argocd/install'}")
    text = rendered(manifest, root)
    wanted = [image for image in re.findall(r"^\s*image: (\S+)$", text, re.MULTILINE) if "/dex:" not in image]
    load_present(programs, sorted(set(wanted)))
    namespace = f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}"
    programs.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=namespace)
    programs.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=text)
    wait_for(programs, "Argo CD's pods", lambda: _missing(programs), 300)


def rendered(manifest: Path | None, root: Path = ROOT) -> str:
    """Build Argo CD's objects: the pinned release, or the file of another one with the same settings."""
    # Inside the repository: Kustomize takes no folder by an absolute path.
    (root / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / "build", prefix="argocd-") as folder:
        place = Path(folder)
        lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", f"namespace: {NAMESPACE}"]
        if manifest is None:
            lines += ["resources: [../../argocd/install]"]
        else:
            if not manifest.is_file():
                raise ClusterError(f"ARGOCD_MANIFEST={manifest}: there is no such file")
            (place / "install.yaml").write_text(manifest.read_text())
            lines += ["resources: [install.yaml]"]
            if (root / "argocd" / "settings").is_dir():
                lines += ["components: [../../argocd/settings]"]
        lines += [f"replicas: [{', '.join(f'{{name: {name}, count: 0}}' for name in sorted(WITHOUT))}]"]
        (place / "kustomization.yaml").write_text("\n".join(lines) + "\n")
        text = Kustomize.find().build_yaml(place)
    # Released tags never change, and a loaded image cannot be pulled.
    return text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent")


def password(programs: Programs) -> str | None:
    """Read the first password of `admin`; None when somebody has removed it, as is right once it was changed."""
    query = ["get", "secret", "argocd-initial-admin-secret", "-o", "jsonpath={.data.password}", "--ignore-not-found"]
    return base64.b64decode(programs.kubectl("-n", NAMESPACE, *query)).decode() or None


def _manifest() -> Path | None:
    """Say which file to install from: ARGOCD_MANIFEST, or the one that comes with the kind on PATH."""
    if chosen := os.environ.get("ARGOCD_MANIFEST"):
        return Path(chosen).expanduser()
    kind = shutil.which("kind")
    beside = Path(kind).parents[1] / "argocd" / "install.yaml" if kind else None
    return beside if beside and beside.is_file() else None


def _missing(programs: Programs) -> str:
    query = "{range .items[*]}{.metadata.name} {.spec.replicas} {.status.readyReplicas}{'\\n'}{end}"
    lines = programs.kubectl("-n", NAMESPACE, "get", "deploy,sts", "-o", f"jsonpath={query}").splitlines()
    rows = [line.split() for line in lines]
    waiting = [row[0] for row in rows if row[1] != "0" and row[1:2] != row[2:3]]
    return f"not ready: {', '.join(waiting)}" if waiting or not rows else ""
