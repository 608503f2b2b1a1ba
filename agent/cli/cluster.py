"""`shipmate cluster`: a real Kubernetes on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.common import add_output, print_result

if TYPE_CHECKING:
    from tools.provision.cluster import ClusterInfo

HAS_ACTIONS = True
_DRIVERS = ("built-in", "minikube", "kind")


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    up = _action(actions, "up", _up, "make the cluster, or start it")
    up.add_argument("--driver", choices=_DRIVERS, help="default: minikube or kind where installed, else built-in")
    up.add_argument("--fake-nodes", type=int, default=0, metavar="N", help="add N simulated nodes (built-in only)")
    up.add_argument("--switch", action="store_true", help="make its context the current one")
    up.add_argument("--recreate", action="store_true", help="replace the node's container, keeping its data")
    add_output(_action(actions, "status", _status, "what is there, and whether it is well"))
    load = _action(actions, "load", _load, "copy images of the Docker engine into the cluster")
    load.add_argument("images", nargs="+", metavar="IMAGE")
    logs = _action(actions, "logs", _logs, "the log of a component, by default the supervisor's (built-in only)")
    logs.add_argument("component", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("--tail", type=int, default=100, metavar="LINES")
    audit = _action(actions, "audit-log", _audit_log, "the API server's audit log (built-in only)")
    audit.add_argument("file", nargs="?", type=Path, help="copy it there instead of printing it")
    restart = _action(actions, "restart", _restart, "restart one component (built-in only)")
    restart.add_argument("component")
    down = _action(actions, "down", _down, "remove the cluster with everything in it")
    down.add_argument("--all-data", action="store_true", help="also remove what was built to make it")


def run(args: argparse.Namespace) -> int:
    return args.act(args)


def _action(actions: argparse._SubParsersAction, name: str, act: object, text: str) -> argparse.ArgumentParser:  # pyright: ignore
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument("--name", default="shipmate", help="name of cluster and context (default: shipmate)")
    parser.set_defaults(act=act)
    return parser


def _up(args: argparse.Namespace) -> int:
    from agent.cli.steps import show
    from tools.provision import cluster

    steps = cluster.up(args.name, args.driver, fake_nodes=args.fake_nodes, switch=args.switch, recreate=args.recreate)
    info = show(steps)
    print(_describe(info))
    if not args.switch:
        print(f"Use it with `--context {info.name}`; `shipmate cluster up --switch` makes it the current context.")
    return 0


def _status(args: argparse.Namespace) -> int:
    from tools.provision import cluster

    info = cluster.status(args.name)
    print_result(_describe(info), info.as_data(), args.output)
    return 0 if info.state == "running" else 3


def _load(args: argparse.Namespace) -> int:
    from agent.cli.steps import show
    from tools.provision import cluster

    for reference in show(cluster.load(args.name, args.images)):
        print(f"{reference} is in cluster {args.name}")
    return 0


def _logs(args: argparse.Namespace) -> int:
    from tools.provision.drivers import builtin

    return builtin.follow_logs(args.name, args.component, lines=args.tail, follow=args.follow)


def _audit_log(args: argparse.Namespace) -> int:
    from tools.provision.drivers import builtin

    if args.file is None:
        for line in builtin.audit_lines(args.name):
            print(line.decode(errors="replace"), end="")
        return 0
    count = builtin.copy_audit_log(args.name, args.file)
    print(f"{count} events in {args.file}")
    return 0


def _restart(args: argparse.Namespace) -> int:
    from tools.provision.drivers import builtin

    builtin.restart(args.name, args.component)
    print(f"{args.component} is restarting")
    return 0


def _down(args: argparse.Namespace) -> int:
    from agent.cli.steps import show
    from tools.provision import cluster

    there = show(cluster.down(args.name, all_data=args.all_data))
    print(f"Cluster {args.name} is removed" if there else f"There is no cluster {args.name}")
    return 0


def _describe(info: ClusterInfo) -> str:
    lines = [f"cluster   {info.name} ({info.driver}): {info.state}"]
    for label, value in (
        ("version", info.version),
        ("server", info.server),
        ("context", info.name if info.state != "absent" else ""),
        ("registry", info.registry),
        ("ingress", " ".join(filter(None, (info.ingress, info.ingress_tls)))),
    ):
        if value:
            lines.append(f"{label:<10}{value}")
    lines += [f"problem   {problem}" for problem in info.problems]
    lines += [_component(component) for component in info.components if not component["pid"] or component["restarts"]]
    if info.state in ("absent", "stopped"):
        lines.append("Make or start it with `shipmate cluster up`.")
    return "\n".join(lines)


def _component(component: dict[str, object]) -> str:
    state = f"running since {component['since']}" if component["pid"] else "not running"
    return f"component {component['name']}: {state}, restarted {component['restarts']} times"
