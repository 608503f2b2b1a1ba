"""`shipmate completion bash|zsh|fish`: a completion script."""

from __future__ import annotations

import argparse

from agent.cli.arguments import GLOBAL, MODES
from agent.cli.main import COMMANDS

# What may follow a command: its actions, then its own flags.
FOLLOWING = {
    "chat": "--conversation",
    "ask": "--yes --confirm --roll-back --conversation --new --output",
    "status": "--all-namespaces --output",
    "diagnose": "--all-namespaces --output --fail-on --allow-unchecked --watch --every",
    "plan": "list show approve refuse --confirm --output",
    "policy": "show test why schema grants revoke --output",
    "reveal": "",
    "undo": "--last --redo --others --yes --confirm",
    "journal": "show export verify --last --since --format --output",
    "audit": "verify --audit-log --built-in --since --journal --any-journal --user --cluster-uid --output",
    "cluster": "up status load logs audit-log restart down",
    "doctor": "--fix --yes --only --output",
    "completion": "bash zsh fish",
}
_FLAGS = [*GLOBAL, "--debug", "--help", "--version"]
_CONTEXTS = "kubectl config get-contexts -o name 2>/dev/null"
_NAMESPACES = "kubectl get namespaces --request-timeout=2s -o name 2>/dev/null | cut -d/ -f2"

_BASH = """\
_shipmate() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="" place words
    case "$before" in
        --context) words="$({contexts})" ;;
        -n|--namespace) words="$({namespaces})" ;;
        --mode) words="{modes}" ;;
        -o|--output) words="text json yaml" ;;
        --fail-on) words="info warning error" ;;
        --kubeconfig|--workspace|--policy) return ;;
        --model|--confirm|-c|--conversation|--last) COMPREPLY=(); return ;;
    esac
    if [ -z "$words" ]; then
        for ((place = 1; place < COMP_CWORD; place++)); do
            case "${{COMP_WORDS[place]}}" in
                {valued}) ((place++)) ;;
                -*) ;;
                *) command="${{COMP_WORDS[place]}}"; break ;;
            esac
        done
        case "$command" in
            "") words="{commands} {flags}" ;;
{following}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _shipmate shipmate
"""

_ZSH = """\
#compdef shipmate
_shipmate() {{
    local state
    local -a commands=({commands})
    _arguments -C \\
        "--context[kubeconfig context]:context:($({contexts}))" \\
        "(-n --namespace)"{{-n,--namespace}}"[namespace]:namespace:($({namespaces}))" \\
        "--kubeconfig[kubeconfig file]:file:_files" \\
        "--workspace[folder with the sources]:folder:_files -/" \\
        "--model[chat model]:model:" \\
        "--policy[policy file]:file:_files" \\
        "--mode[how far Shipmate may go]:mode:({modes})" \\
        "--debug[show the traceback of an error]" \\
        "--help[show the help]" \\
        "1:command:->command" \\
        "*::argument:->argument"
    case $state in
        command) _describe command commands ;;
        argument)
            case $words[1] in
{following}
            esac ;;
    esac
}}
if [ "$funcstack[1]" = _shipmate ]; then _shipmate "$@"; else compdef _shipmate shipmate; fi
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def run(args: argparse.Namespace) -> int:
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[args.shell](), end="")
    return 0


def _bash() -> str:
    following = "\n".join(
        f'            {name}) words="{text} {" ".join(_FLAGS)}" ;;' for name, text in FOLLOWING.items()
    )
    return _BASH.format(
        contexts=_CONTEXTS, namespaces=_NAMESPACES, modes=" ".join(MODES), valued="|".join(["-n", *GLOBAL]),
        commands=" ".join(COMMANDS), flags=" ".join(_FLAGS), following=following,
    )  # fmt: skip


def _zsh() -> str:
    commands = " ".join(f"'{name}:{text.replace(':', ' -')}'" for name, text in COMMANDS.items())
    following = "\n".join(f"                {name}) compadd -- {text} ;;" for name, text in FOLLOWING.items())
    return _ZSH.format(
        contexts=_CONTEXTS, namespaces=_NAMESPACES, modes=" ".join(MODES), commands=commands, following=following
    )


def _fish() -> str:
    lines = ["complete -c shipmate -f"]
    for name, (_, text) in GLOBAL.items():
        words = {"--context": f"({_CONTEXTS})", "--namespace": f"({_NAMESPACES})", "--mode": " ".join(MODES)}.get(name)
        values = (
            f"-x -a '{words}'" if words else "-r -F" if name in ("--kubeconfig", "--workspace", "--policy") else "-x"
        )
        short = " -s n" if name == "--namespace" else ""
        lines.append(f"complete -c shipmate{short} -l {name[2:]} -d '{text}' {values}")
    for name, text in COMMANDS.items():
        lines.append(f"complete -c shipmate -n __fish_use_subcommand -a {name} -d '{text}'")
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        for word in FOLLOWING[name].split():
            lines.append(f"complete -c shipmate {seen} {f'-l {word[2:]}' if word.startswith('--') else f'-a {word}'}")
    return "\n".join(lines) + "\n"
