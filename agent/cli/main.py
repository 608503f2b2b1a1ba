"""The entry point. Imports almost nothing; each command's module is imported when it is the one to run."""

import sys
from io import TextIOWrapper

from agent import __version__

COMMANDS = {
    "chat": "talk to Shipmate (the default)",
    "ask": "one request: a dry run, applied after a yes",
    "status": "what runs here and how it is",
    "diagnose": "what is wrong and why, with an exit code for scripts and CI",
    "plan": "list, show, approve or refuse plans",
    "policy": "what may be done without asking, and what not at all: show, test, why",
    "reveal": "show one value of a Secret on this terminal, after a typed yes",
    "undo": "take back the last change, or the plan named",
    "journal": "what was proposed, approved, done and undone",
    "audit": "whether the audit log of an API server tells the same as the journal",
    "cluster": "a real Kubernetes on this machine: up, status, load, down",
    "doctor": "what is here, what is missing, and how to mend it",
    "completion": "completion script for bash, zsh or fish",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words == ["--version"]:
        print(f"shipmate {__version__}")
        return 0
    from agent.cli.arguments import parse

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the terminal's encoding lacks becomes a question mark
    args = parse(words, COMMANDS)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        return _fail(error, args.debug)


def _fail(error: Exception, debug: bool) -> int:
    """Tell a person what went wrong in one sentence; the traceback only with --debug."""
    from tools.errors import ShipmateError, exit_code

    if debug:
        import traceback

        traceback.print_exc()
    if isinstance(error, ShipmateError):
        from agent.cli.plain import clean

        print(f"shipmate: {clean(str(error))}", file=sys.stderr)
    elif not debug:
        print(
            f"shipmate: this is a bug in Shipmate ({type(error).__name__}); run it again with --debug and report it.",
            file=sys.stderr,
        )
    return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
