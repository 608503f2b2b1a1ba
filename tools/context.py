"""Where a tool works: which cluster, which namespace, which folder. Opens each door on first use, once."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.docker.engine import Engine
    from tools.helm.runner import Helm
    from tools.kubernetes.door.client import Cluster
    from tools.secrets.vault import Vault
    from tools.workspace.components import Workspace


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "shipmate"


@dataclass
class Context:
    """Surroundings of one conversation; every value may be None, and then the usual default holds.

    kubeconfig   path(s) as in KUBECONFIG
    context      name of the kubeconfig context
    namespace    what the person gave by -n; tools prefer their own argument, then this, then the context's namespace
    root         the workspace folder
    recent       the namespace that the conversation last planned changes in: where a bare name is looked for first
    base         what this is a view of (`at_one_moment`)
    patience     seconds without progress after which a rollout is given up, where that is less than its own deadline
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    recent: str | None = None
    base: Context | None = None
    patience: float = inf
    root: Path = field(default_factory=Path.cwd)
    cache: Path = field(default_factory=lambda: _xdg("XDG_CACHE_HOME", ".cache"))
    state: Path = field(default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state"))

    def at_one_moment(self) -> Context:
        """The same surroundings, with a cluster that is asked each thing once and cannot be written to."""
        if self.base is not None:
            return self
        view = copy.copy(self)
        view.__dict__.pop("cluster", None)
        view.base = self
        return view

    @cached_property
    def cluster(self) -> Cluster:
        """The Kubernetes API server; raises Unreachable where there is none."""
        from tools.kubernetes.door.client import Cluster

        if self.base is not None:
            return self.base.cluster.at_one_moment()
        return Cluster.connect(self.kubeconfig, self.context, self.namespace, self.cache)

    @cached_property
    def engine(self) -> Engine:
        """The Docker engine; raises Unreachable where there is none."""
        from tools.docker.engine import Engine

        return Engine.connect()

    @cached_property
    def helm(self) -> Helm:
        """The helm program, which reaches the cluster only through Shipmate's proxy."""
        from tools.helm.runner import Helm

        if self.base is not None:
            return self.base.helm
        return Helm(self.cluster, self.cache)

    @cached_property
    def workspace(self) -> Workspace:
        """The components found in `root`."""
        from tools.workspace.components import Workspace

        return Workspace.find(self.root)

    @cached_property
    def vault(self) -> Vault:
        """Encrypted keeper of the secret values that must wait for a while."""
        from tools.secrets.vault import Vault

        return Vault(self.state / "vault")
