"""`python -m benchmarks.diagnose`: time and memory of `shipmate diagnose -A`, as ratios to kubectl.

Without flags it looks at made-up clusters behind the scripted API server, and compares with the same lists fetched page
by page by `kubectl get --raw`. With --scale it makes a real API server of its own, with nodes and pods of kwok's and
planted faults, compares with `kubectl get KINDS -A -o json`, and holds what was found against what was planted. With
--context NAME it looks at that cluster.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import yaml

from tools.context import Context

_SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
KUBECTL = shutil.which("kubectl", path=f"{Context().cache / 'bin'}") or shutil.which("kubectl") or "kubectl"
_PAGE = 500
Subject = tuple[str, str, str, str]  # id of the finding; kind, namespace and name


class Cost(NamedTuple):
    """Seconds on the clock and on the processor, and the largest size of one process in MB."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:7.2f} s  {self.cpu:7.2f} s cpu  {self.peak:6.0f} MB"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.diagnose", description=__doc__)
    parser.add_argument("--scale", action="store_true", help="on a large cluster of its own, removed afterwards")
    parser.add_argument("--context", help="measure on this cluster instead of made-up ones")
    parser.add_argument("--pods", type=int, nargs="+", default=[1_000, 10_000], help="sizes of the clusters")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled once, not at each start
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        if args.scale:
            return at_scale(args.pods, args.runs, Path(folder))
        if args.context:
            compare(args.runs, "--context", args.context)
        else:
            on_made_up(args.pods, args.runs, Path(folder))
    return 0


def at_scale(sizes: Sequence[int], runs: int, folder: Path) -> int:
    """One real cluster that grows to each size; 1 where a fault was missed or something else was found."""
    from benchmarks.scale.filling import fill
    from benchmarks.scale.objects import PODS_EACH
    from benchmarks.scale.plane import plane

    costs: list[Cost] = []
    expected: list[Subject] = []
    wrong = there = 0
    with plane(folder) as cluster:
        os.environ |= {"KUBECONFIG": str(cluster.kubeconfig), "XDG_CACHE_HOME": str(folder / "cache")}
        for size in sizes:
            expected += [item.expected for item in fill(cluster, there, size // PODS_EACH)]
            there = size // PODS_EACH
            with cluster.controllers_paused():
                costs.append(compare(runs))
                wrong += judge(expected)
    _growth(sizes, costs)
    return bool(wrong)


def judge(expected: Sequence[Subject]) -> int:
    """Print what was missed and what was found besides; returns how many that are."""
    report = json.loads(_output(_SHIPMATE, "diagnose", "-A", "-o", "json"))
    subjects = [(item["id"], item["subject"]) for item in report["findings"]]
    found = [(id, of["kind"], of["namespace"], of["name"]) for id, of in subjects]
    missed, more = sorted(set(expected) - set(found)), sorted((Counter(found) - Counter(expected)).elements())
    print(f"  {len(expected) - len(missed)} of {len(expected)} planted faults found, {len(more)} other findings")
    for name, items in (("missed", missed), ("not planted", more)):
        for item in items[:10]:
            print(f"    {name}: {' '.join(map(str, item))}")
    for kind, why in report["unchecked"].items():
        print(f"    not checked: {kind}: {why}")
    return len(missed) + len(more)


def on_made_up(sizes: Sequence[int], runs: int, folder: Path) -> None:
    """Each size, then how the cost grows from the smallest to the largest."""
    costs: list[Cost] = []
    for size in sizes:
        with _server(size) as url:
            file = folder / f"kubeconfig-{size}"
            file.write_text(_kubeconfig(url))
            os.environ |= {"KUBECONFIG": str(file), "XDG_CACHE_HOME": str(folder / f"cache-{size}")}
            costs.append(compare(runs, kubectl=False))
    _growth(sizes, costs)


def _growth(sizes: Sequence[int], costs: Sequence[Cost]) -> None:
    if len(costs) > 1:
        times, more = costs[-1].wall / costs[0].wall, sizes[-1] / sizes[0]
        print(f"growth from {sizes[0]} to {sizes[-1]} pods: {times:.1f}× the time (aim: ≤ {more:.0f}×)")


def compare(runs: int, *base: str, kubectl: bool = True) -> Cost:
    """Print what a diagnosis costs beside other ways to get the same kinds; kubectl's own needs a real cluster."""
    read = json.loads(_output(_SHIPMATE, *base, "diagnose", "-A", "-o", "json"))["read"]
    ctx = Context(context=base[1] if base else None)
    known = {resource.plural: resource for resource in reversed(ctx.cluster.kinds.all())}
    resources = [known[name] for name in read if name in known]
    paths = [ctx.cluster.collection(resource) for resource in resources]
    print(f"{read.get('pods', 0)} pods, {read.get('nodes', 0)} nodes; {len(paths)} kinds")
    names = ",".join(resource.full_name for resource in resources)
    works = [lambda: diagnosed(*base, "-A"), lambda: raw_lists(paths, *base)]
    if kubectl:
        works.append(lambda: spent(KUBECTL, *base, "get", names, "-A", "-o", "json"))
    ours, raw, *theirs = best(runs, *works)
    _row("shipmate diagnose -A", ours)
    _row("kubectl get --raw, page by page", raw)
    _ratio("diagnose / raw lists", ours, raw, "1.5×")
    for cost in theirs:
        _row("kubectl get KINDS -A -o json", cost)
        _ratio("diagnose / kubectl get", ours, cost, "0.15×")
    return ours


@contextmanager
def _server(pods: int) -> Generator[str]:
    """The made-up cluster in a process of its own: a child's peak memory counts what its parent held before it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(pods, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def _serve(pods: int, pipe: Connection) -> None:
    from tests.tools.kubernetes.api_server import serving
    from tests.tools.kubernetes.diagnose import made_up

    with serving() as api:
        made_up.serve(api, made_up.cluster(pods))
        pipe.send(api.url)
        pipe.recv()


def diagnosed(*flags: str) -> Cost:
    return spent(_SHIPMATE, "diagnose", *flags, "-o", "json", fine=(0, 1, 4))


def raw_lists(paths: Sequence[str], *flags: str) -> Cost:
    """Every page of every list, one kubectl each."""
    costs = [spent(*argv) for path in paths for argv in _pages(path, flags)]
    return Cost(sum(c.wall for c in costs), sum(c.cpu for c in costs), max(c.peak for c in costs))


_pages_known: dict[tuple[str, ...], list[tuple[str, ...]]] = {}


def _pages(path: str, flags: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The commands that fetch a list; where its pages begin is found out before anything is measured."""
    if (path, *flags) not in _pages_known:
        found, token = [], ""
        while True:
            argv = (KUBECTL, *flags, "get", "--raw", f"{path}?limit={_PAGE}{f'&continue={token}' if token else ''}")
            found.append(argv)
            token = (json.loads(_output(*argv)).get("metadata") or {}).get("continue") or ""
            if not token:
                break
        _pages_known[path, *flags] = found
    yield from _pages_known[path, *flags]


def best(runs: int, *works: Callable[[], Cost]) -> list[Cost]:
    """The fastest run of each, in turns, after one to warm up."""
    costs: list[list[Cost]] = [[] for _ in works]
    for number in range(runs + 1):
        for work, kept in zip(works, costs, strict=True):
            cost = work()
            if number:
                kept.append(cost)
    return [min(kept) for kept in costs]


def spent(*argv: str, fine: tuple[int, ...] = (0,)) -> Cost:
    """Run a program to its end and take what the system counted for it."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    told = child.stderr.read().decode() if child.stderr else ""
    if child.returncode not in fine:
        raise RuntimeError(f"{' '.join(argv)} ended with {child.returncode}: {told}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _output(*argv: str) -> bytes:
    return subprocess.run(argv, capture_output=True, check=False).stdout


def _kubeconfig(url: str) -> str:
    return yaml.safe_dump({
        "current-context": "made-up",
        "contexts": [{"name": "made-up", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    })  # fmt: skip


def _row(name: str, cost: Cost) -> None:
    print(f"  {name:34} {cost}", flush=True)


def _ratio(name: str, ours: Cost, theirs: Cost, aim: str) -> None:
    print(f"  {name:34} {ours.wall / theirs.wall:7.2f}×  (aim: ≤ {aim})  memory {ours.peak / theirs.peak:.1f}×")


if __name__ == "__main__":
    sys.exit(main())
