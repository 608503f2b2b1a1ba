"""kubectl lines as typed calls: sub-commands and their flags as tables, what is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable

from agent.minds.planner.meaning import Step
from agent.minds.planner.pasted import kubectl_changes as changes
from agent.minds.planner.pasted import kubectl_looks as looks
from agent.minds.planner.pasted.commandline import Line, NotTaken, flags, parse
from agent.minds.planner.reading.facts import Facts

REFUSED = {
    "exec": "I do not run commands inside of containers. Ask for logs, events or a diagnosis.",
    "attach": "I do not attach to containers. Ask for logs.",
    "port-forward": "I do not open tunnels. Ask to expose the workload.",
    "proxy": "I do not open tunnels.",
    "cp": "I do not copy files into or out of containers.",
    "edit": "I do not open an editor. Say what is to be changed, or paste the manifest to apply.",
    "patch": "I do not take patches. Say what is to be changed, or paste the manifest to apply.",
    "replace": "I do not replace objects. Paste the manifest, and I show what applying it would change.",
    "drain": "I do not drain nodes by myself. I can cordon the node.",
    "taint": "I do not taint nodes. I can cordon one.",
    "config": "I do not change the kubeconfig. Start Shipmate with --context NAME for another cluster.",
    "certificate": "I do not decide over certificates.",
    "debug": "I do not start debug containers. Ask why the workload is not healthy.",
    "diff": "Every change is shown with its diff before anything happens: paste the manifest to apply.",
    "wait": "Every change is watched until it is healthy. Ask for the rollout status.",
    "explain": "I do not explain fields of the schema.",
    "kustomize": "I do not render kustomizations. Paste the result to apply it.",
    "plugin": "I do not run plugins.",
    "completion": "`shipmate --help` shows how to complete commands.",
}
_CONTAINER, _SELECTOR, _EVERYWHERE = "-c/--container=", "-l/--selector=", "-A/--all-namespaces"
VERBS: dict[str, tuple[Callable[[Line], list[Step]], dict[str, str]]] = {
    "get": (
        looks.get,
        flags(_EVERYWHERE, _SELECTOR, "-o/--output=", "--sort-by=", "--show-labels", "--no-headers"),
    ),
    "describe": (looks.describe, {}),
    "logs": (looks.logs, flags(_CONTAINER, "-p/--previous", "--since=", "--tail=", "-f/--follow")),
    "top": (looks.top, flags(_EVERYWHERE, "--sort-by=")),
    "events": (looks.events, flags(_EVERYWHERE, "--for=", "--types=")),
    "scale": (changes.scale, flags("--replicas=")),
    "set": (changes.set_fields, flags(_CONTAINER, "--limits=", "--requests=")),
    "rollout": (changes.rollout, flags("--to-revision=")),
    "delete": (changes.delete, flags(_SELECTOR)),
    "expose": (changes.expose, flags("--port=", "--target-port=", "--type=", "--name=")),
    "label": (changes.mark("label", "labels"), flags("--overwrite")),
    "annotate": (changes.mark("annotate", "annotations"), flags("--overwrite")),
    "autoscale": (changes.autoscale, flags("--min=", "--max=", "--cpu-percent=")),
    "cordon": (changes.cordon(True), {}),
    "uncordon": (changes.cordon(False), {}),
    "create": (changes.create, flags("--image=", "--replicas=", "-f/--filename=")),
    "run": (changes.run, flags("--image=", "--replicas=")),
    "apply": (changes.apply, flags("-f/--filename=")),
    "api-resources": (looks.api_resources, {}),
    "version": (looks.cluster_info, flags("--client")),
    "auth": (looks.auth, {}),
    "cluster-info": (looks.cluster_info, {}),
}


def read(words: list[str], facts: Facts) -> list[Step]:
    """The calls of a line after `kubectl`; raises NotTaken with the sentence for the person."""
    for index, word in enumerate(words):  # global flags may stand before the sub-command
        if not word.startswith("-") and (index == 0 or words[index - 1] not in ("-n", "--namespace", "--context")):
            verb, rest = word, words[:index] + words[index + 1 :]
            break
    else:
        raise NotTaken("That line names no sub-command of kubectl.")
    if (verb, *rest[:1]) in (("config", "current-context"), ("auth", "whoami")):
        verb, rest = "cluster-info", []
    if verb in REFUSED:
        raise NotTaken(REFUSED[verb])
    if verb not in VERBS:
        raise NotTaken(f"I do not know `kubectl {verb}`. Say in words what you want.")
    reader, known = VERBS[verb]
    return reader(parse(rest, known, facts))
