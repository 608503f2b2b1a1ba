"""`shipmate completion bash|zsh|fish`: a completion script."""

import argparse

from agent.cli.main import COMMANDS

_FLAGS = "--context --namespace --kubeconfig --workspace --model --mode --debug --help --version"

_BASH = """_shipmate() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    case "$before" in
        --context) COMPREPLY=($(compgen -W "$(kubectl config get-contexts -o name 2>/dev/null)" -- "$word")); return;;
        -n|--namespace)
            COMPREPLY=($(compgen -W "$(kubectl get namespaces -o name 2>/dev/null | cut -d/ -f2)" -- "$word")); return;;
        --mode) COMPREPLY=($(compgen -W "read-only dry-run ask" -- "$word")); return;;
        cluster) COMPREPLY=($(compgen -W "up status load logs audit-log down" -- "$word")); return;;
        plan) COMPREPLY=($(compgen -W "list show approve refuse" -- "$word")); return;;
        journal) COMPREPLY=($(compgen -W "show export verify" -- "$word")); return;;
        completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")); return;;
    esac
    COMPREPLY=($(compgen -W "{commands} {flags}" -- "$word"))
}}
complete -o default -F _shipmate shipmate
"""

_FISH = "complete -c shipmate -n __fish_use_subcommand -f -a {name} -d '{text}'\n"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def run(args: argparse.Namespace) -> int:
    bash = _BASH.format(commands=" ".join(COMMANDS), flags=_FLAGS)
    if args.shell == "fish":
        print("".join(_FISH.format(name=name, text=text) for name, text in COMMANDS.items()), end="")
    elif args.shell == "zsh":
        print("autoload -U +X bashcompinit && bashcompinit\n" + bash, end="")
    else:
        print(bash, end="")
    return 0
