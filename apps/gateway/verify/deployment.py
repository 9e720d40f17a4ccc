"""One round of checks of everything that runs; addresses are looked up anew each time, as a rollout changes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.foreign import ForeignModel
from gateway.tls import Tls
from gateway.verify import addresses
from gateway.verify.checks import Check, Red, Result, run_all
from gateway.verify.expected import Expected
from gateway.verify.gateways import Version, check_gateway
from gateway.verify.model_servers import check_model_server
from gateway.verify.service import check_service
from serving_api.deadline import Deadline


@dataclass(frozen=True)
class Deployment:
    """What is to be verified; see the options of `gateway verify`."""

    gateways: str
    model_servers: str
    service: str
    models: Sequence[Expected]
    wanted: Version = field(default_factory=Version)  # what is empty, the gateways must agree on
    replicas: Mapping[str, int] = field(default_factory=dict)
    foreign: Mapping[str, ForeignModel] = field(default_factory=dict)
    tls: Tls | None = None  # to the model servers
    key: str = ""  # of the gateways' API, where they ask for one
    lookup: Callable[[str], list[str]] = addresses.lookup

    def round(self, deadline: Deadline) -> dict[str, Result]:
        """Check everything once, side by side. Returns: what each check found, by its name."""
        pods: dict[str, list[str]] = {}
        found = run_all(
            {
                "gateways": self._count("gateway", self.gateways, pods),
                "model servers": self._count("model-server", self.model_servers, pods),
            },
            deadline,
        )
        versions: dict[str, Version] = {}
        gateways = {f"gateway {at}": self._gateway(at, versions, deadline) for at in pods.get("gateway", [])}
        servers = {f"model server {at}": self._model_server(at, deadline) for at in pods.get("model-server", [])}
        service = {f"service {self.service}": lambda: check_service(self.service, self.models, deadline, self.key)}
        found |= run_all({**gateways, **servers, **service}, deadline)
        if gateways and all(found[name].green for name in gateways):
            found["gateways agree"] = _agreement(versions)
        return found

    def _count(self, kind: str, target: str, pods: dict[str, list[str]]) -> Check:
        def count() -> str:
            pods[kind] = found = self.lookup(target)
            wanted = self.replicas.get(kind, 1)
            if len(found) < wanted:
                raise Red(f"{target} has {len(found)} of at least {wanted} pods")
            return f"{target} has {len(found)}"

        return count

    def _gateway(self, address: str, versions: dict[str, Version], deadline: Deadline) -> Check:
        def check() -> str:
            addresses.reach(address, deadline)
            versions[address] = version = check_gateway(address, self.wanted, deadline)
            return f"{version}; ready, its page loads"

        return check

    def _model_server(self, address: str, deadline: Deadline) -> Check:
        def check() -> str:
            addresses.reach(address, deadline)
            return check_model_server(address, self.models, self.foreign, deadline, self.tls)

        return check


def _agreement(versions: Mapping[str, Version]) -> Result:
    by_version: dict[Version, list[str]] = {}
    for address, version in sorted(versions.items()):
        by_version.setdefault(version, []).append(address)
    words = "; ".join(f"{version}: {', '.join(at)}" for version, at in by_version.items())
    return Result(green=True, words=str(*by_version)) if len(by_version) == 1 else Result(green=False, words=words)
