"""Where the current cluster pulls its images from, and whether an image is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tools.docker.reference import Reference
from tools.errors import Forbidden, Unreachable

if TYPE_CHECKING:
    from tools.docker.engine import Engine


@dataclass(frozen=True)
class Destination:
    """How images reach a cluster.

    how       `push` to a registry; `minikube` or `kind`: that program loads into the cluster `name`; `shared`: the
              cluster runs on the engine's own images
    host      the registry, with a path where there is one, as tools outside of the cluster name it
    inside    the same as the cluster's nodes name it, where that differs
    """

    how: Literal["push", "minikube", "kind", "shared"]
    host: str = ""
    inside: str = ""
    name: str = ""

    def target(self, image: Reference) -> Reference:
        """The name under which the image is delivered."""
        return _moved(image, self.host)

    def reference(self, image: Reference) -> Reference:
        """The name under which pods of this cluster ask for the image."""
        return _moved(image, self.inside or self.host)


def _moved(image: Reference, registry: str) -> Reference:
    host, _, prefix = registry.partition("/")
    if not host or image.registry == host:
        return image
    return image._replace(registry=host, path=f"{prefix}/{image.path}" if prefix else image.path)


def announced(data: dict[str, Any]) -> Destination | None:
    """The registry that a cluster announces in the ConfigMap kube-public/local-registry-hosting (KEP-1755)."""
    import yaml

    try:
        hosting: object = yaml.safe_load(str(data.get("localRegistryHosting.v1", "")))
    except yaml.YAMLError:
        return None
    host = str(hosting.get("host") or "") if isinstance(hosting, dict) else ""
    if not host or not isinstance(hosting, dict):
        return None
    inside = str(hosting.get("hostFromContainerRuntime") or "")
    # A loopback address is the node's own. Clusters set up like that answer to `host` too, and one name for both
    # sides is what people expect to read.
    own = inside.startswith(("127.", "localhost", "[::1]"))
    return Destination("push", host=host, inside="" if own or inside == host else inside)


def loader(node: dict[str, Any]) -> Destination | None:
    """The loader of a local cluster, told from one of its nodes; None for any other cluster."""
    labels = node["metadata"].get("labels") or {}
    provider = str(node.get("spec", {}).get("providerID", ""))
    if name := labels.get("minikube.k8s.io/name"):
        return Destination("minikube", name=name)
    if provider.startswith("kind://"):
        return Destination("kind", name=provider.split("/")[3])
    if node["metadata"]["name"] == "docker-desktop":
        return Destination("shared")
    return None


def for_engine(image: str) -> str:
    """The name by which the engine reaches a registry on this machine: `localhost` may mean IPv6 alone there."""
    return f"127.0.0.1:{image.removeprefix('localhost:')}" if image.startswith("localhost:") else image


def has(engine: Engine, image: str) -> bool:
    """Whether the registry in the name serves this image; no when it can't be asked."""
    try:
        return engine.published(for_engine(image)) is not None
    except (Unreachable, Forbidden):
        return False
