"""Lines and manifests that people paste: parsed into the same typed calls as sentences, never run as text."""

from __future__ import annotations

import re

from agent.minds.planner.meaning import Interpretation, Meaning, Question, Step, Unknown
from agent.minds.planner.pasted import docker, helm, kubectl
from agent.minds.planner.pasted.commandline import NotTaken, tokens
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.text import clean
from agent.minds.planner.talk.says import say

LONGEST_MANIFEST = 1_000_000

_PROGRAMS = r"(?:(?i:kubectl)|k|helm|docker)"
_LEAD = (
    r"(?:(?:please|pls|can you|could you|just|now)\s+)*"
    r"(?:(?:run|execute|do|try|launch)\s+(?:this|the command)?\s*:?\s*)?"
)
_START = re.compile(
    rf"^{_LEAD}[\"'`]?\s*(?:[$#>]\s+)?((?:[A-Za-z_]\w*=\S*\s+)*)(sudo\s+)?({_PROGRAMS}(?:\.exe)?)\s+(.*)$", re.S
)
_SHELL = re.compile(
    r"^(?:[$#>] )?(?:[A-Za-z_]\w*=\S*\s+)*"
    r"(?:sudo|rm|curl|wget|bash|sh|zsh|cat|echo|python3?|ssh|scp|chmod|chown|systemctl|journalctl|apt(?:-get)?|pip|npm|git|"
    r"terraform|ansible|minikube|eval|exec|source|export|mkfs|dd|kill|oc|crictl|ctr|nerdctl|podman|istioctl|k3s|eksctl|gcloud|aws|az)\s+(?:-|[./~$|]|\w+://|[\w-]+\s+-|--)"
)
# another program with a name like one of those above, or another engine's, in front of a sub-command
_OTHER_PROGRAM = re.compile(
    r"^(?:[$#>] )?(?:sudo )?(?:(\S+kubectl|\S*kubectl[\w.-]+|kubecolor)|[./~]\S*/(?:k|helm|docker)|\.\.?/\S+"
    r"|(?:helm|docker)[\d_-]\S*"
    r"|oc|podman|nerdctl|crictl|microk8s|k3s) +(\S+)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:```|\Z)", re.S)
_KUBECTL_WORDS = frozenset(kubectl.VERBS) | frozenset(kubectl.REFUSED)
_WORDS = {"kubectl": _KUBECTL_WORDS, "k": _KUBECTL_WORDS, "helm": helm.WORDS, "docker": docker.WORDS}
_VERBS = _KUBECTL_WORDS | helm.WORDS | docker.WORDS
_NOUNS = frozenset("images image history status list ls version test repo values env search show".split())
_INSIDE = re.compile(
    rf"\b(?:kubectl\s+\w|(helm|docker)\s+({'|'.join(sorted(map(re.escape, helm.WORDS | docker.WORDS)))})\b)"
)


def manifest_of(text: str) -> Meaning | None:
    """A pasted manifest as a call, when the message is one (with or without a few words around it)."""
    fenced = _FENCE.search(text)
    body = fenced[1] if fenced else text
    start = re.search(r"(?m)^\s*(?:---\s*\n\s*)?(?:apiVersion|kind):\s*\S", body)
    if not start or not re.search(r"(?m)^\s*apiVersion:\s*\S", body) or not re.search(r"(?m)^\s*kind:\s*\S", body):
        return None
    if len(body) > LONGEST_MANIFEST:
        return Unknown(say("too-long", count=f"{len(text):,}"))
    words = (text[: fenced.start()] + text[fenced.end() :]) if fenced else body[: start.start()]
    manifest = body if fenced else body[start.start() :]
    return _manifest(words, manifest.strip("\n") + "\n")


def _manifest(words: str, manifest: str) -> Meaning:
    low = clean(words).lower().strip()
    if len(low) > 400 or re.search(r"\b(?:delete|remove)\b", low):
        return Unknown(
            "I take a pasted manifest to be applied. Say in words what else is to be done, without the manifest."
        )
    kinds = re.findall(r"(?m)^kind:\s*[\"']?(\w+)", manifest)
    names = re.findall(r"(?m)^  name:\s*[\"']?([\w.-]+)", manifest)
    said = (
        ", ".join(f"{kind.lower()} {name}" for kind, name in zip(kinds, names, strict=False)) or "the pasted manifest"
    )
    place = re.search(r"(?:\bin|\binto|-n|--namespace)[ =](?:the )?(?:namespace )?([a-z0-9][a-z0-9-]*)", low)
    arguments = {"manifest": manifest, **({"namespace": place[1]} if place else {})}
    step = Step("apply_manifest", arguments, f"apply {said}" + (f" in namespace {place[1]}" if place else ""), True)
    if low.endswith("?") or re.match(r"(?:what|why|how|is|are|does|explain|check|do not|don't|never)\b", low):
        return Question(f"Shall I plan to apply {said}?", ("yes", "no"), choices=((step,), ()))
    return Interpretation((step,), step.reading)


def pasted(text: str, facts: Facts) -> Meaning | None:
    """The calls of pasted command lines; a sentence why not; or None when there is no command line in the text."""
    fenced = _FENCE.search(text)
    body = fenced[1] if fenced and not text[: fenced.start()].strip(" :") else text
    lines = [line.strip() for line in body.strip().split("\n") if line.strip()]
    if not lines or not any(_is_command(line) for line in lines):
        mentioned = _INSIDE.search(text)
        if (other := _OTHER_PROGRAM.match(text)) and (other[1] or other[2].startswith("-") or other[2] in _VERBS):
            return Unknown("I read lines of kubectl, helm and docker, by just these names, and run no other program.")
        return Unknown(say("mentioned-command")) if mentioned and _beyond_words(text, mentioned) else _shell_line(text)
    if not all(_is_command(line) for line in lines):
        return Unknown(say("mentioned-command"))
    steps: list[Step] = []
    try:
        for line in lines:
            steps.extend(_read(line, facts))
    except NotTaken as why:
        return Unknown(str(why))
    return Interpretation(tuple(steps), "; ".join(step.reading for step in steps))


def _is_command(line: str) -> bool:
    found = _START.match(line)
    if not found:
        return False
    program, rest = _program(found), found[4].split()
    if program == "docker" and re.fullmatch(r"images?(?: [a-z]\w*){2,}\??", found[4]):
        return False  # "docker images of backend" is a sentence
    if program == "kubectl" and rest:
        return True
    verb = re.match(r"[`\"']*([\w-]*)", found[4])
    known = verb is not None and (verb[1] in _WORDS[program] or verb[1].startswith("-"))
    return bool(rest) and (known or bool(found[1] or found[2]))


def _program(found: re.Match[str]) -> str:
    return found[3].lower().removesuffix(".exe")


def _beyond_words(text: str, found: re.Match[str]) -> bool:
    """A mention that could be taken for an order: not "the docker images" or "helm history"."""
    return found[2] not in _NOUNS or "`" in text or bool(re.search(r"\s--?\w", text[found.end() :]))


def _shell_line(text: str) -> Unknown | None:
    if re.match(r"(?:[$#>] )?(?:minikube|kind|k3d) (?:start|stop|delete|create|status)\b", text):
        return Unknown(
            "I do not run that. `shipmate cluster up`, `status` and `down` do it for a cluster of this machine."
        )
    return (
        Unknown("I do not run shell commands. Say in words what you want done in the cluster.")
        if _SHELL.match(text)
        else None
    )


def _read(line: str, facts: Facts) -> list[Step]:
    found = _START.match(line)
    if not found:
        raise NotTaken(say("mentioned-command"))
    if found[1]:
        raise NotTaken("I do not take environment variables in front of a command: say only the command.")
    text = found[4].strip()
    if line.count("`") == 2 and text.endswith("`"):
        text = text[:-1]
    words = tokens(text)
    program = _program(found)
    reader = {"helm": helm.read, "docker": docker.read}.get(program, kubectl.read)
    return reader(words, facts)
