"""The one way to run `helm` (3.13 or later, or 4): own folders, no plugins, and the cluster only through the proxy."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path

from tools import programs
from tools.errors import NotFound, Unreachable
from tools.helm.proxy import Proxy, Upstream
from tools.permit import Permit
from tools.programs import Line, Output
from tools.secrets.redact import redact_text

_OLDEST: tuple[int, int] = (3, 13)  # the first one whose dry run asks the server


class Helm:
    """Runs helm command lines; `cache` is Shipmate's own cache folder."""

    def __init__(self, cluster: Upstream, cache: Path) -> None:
        self._cache = cache
        self.proxy = Proxy(cluster)

    @property
    def charts(self) -> Path:
        """Where copies of charts are kept, each under the digest of its content."""
        return self._cache / "charts"

    @cached_property
    def version(self) -> tuple[int, int]:
        """Major and minor; raises Unreachable when helm is missing or too old."""
        output = programs.run(["helm", "version", "--short"], cache=self._cache, env=self._environment(None))
        found = re.search(r"v(\d+)\.(\d+)", output.stdout)
        version: tuple[int, int] = (int(found[1]), int(found[2])) if found else (0, 0)
        if version < _OLDEST:
            raise Unreachable(f"This helm ({output.stdout.strip()}) is too old.", "Install Helm 3.13 or later.")
        return version

    def run(self, arguments: Sequence[str], values: str | None = None, *, timeout: float = 300) -> Output:
        """Run a helm command line that only reads, to its end; `values` is handed in as `-f -`."""
        with self.proxy.session() as kubeconfig:
            return programs.run(
                ["helm", *arguments],
                cache=self._cache,
                env=self._environment(kubeconfig),
                input=values,
                timeout=timeout,
                check=False,
            )

    def pull(self, reference: str, folder: Path, version: str | None = None) -> Path:
        """Fetch a chart (oci:// or https://) into a folder; returns the archive. Raises NotFound when that fails."""
        line = ["pull", reference, "--destination", str(folder), *(["--version", version] if version else [])]
        output = programs.run(["helm", *line], cache=self._cache, env=self._environment(None), check=False)
        found = sorted(folder.glob("*.tgz"))
        if output.code or not found:
            said = redact_text(output.stderr.strip().splitlines()[-1][:300]) if output.stderr.strip() else "no answer"
            raise NotFound(f"The chart {redact_text(reference)} could not be fetched: {said}", "Check its address.")
        return found[0]

    def write(
        self, permit: Permit, arguments: Sequence[str], values: str | None = None
    ) -> Generator[Line, None, Output]:
        """Run a helm command line that writes: it and each of its writes must be in the approved step."""
        with self.proxy.session(permit) as kubeconfig:
            return (
                yield from programs.stream(
                    ["helm", *arguments],
                    cache=self._cache,
                    env=self._environment(kubeconfig),
                    input=values,
                    permit=permit,
                )
            )

    def _environment(self, kubeconfig: Path | None) -> dict[str, str]:
        """Helm's own folders, so that nobody's plugins, repositories or registry logins are used by accident."""
        folder = self._cache / "helm"
        return {
            "KUBECONFIG": str(kubeconfig or "/dev/null"),
            "HELM_CACHE_HOME": str(folder / "cache"),
            "HELM_CONFIG_HOME": str(folder / "config"),
            "HELM_DATA_HOME": str(folder / "data"),
            "HELM_PLUGINS": str(folder / "no-plugins"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
