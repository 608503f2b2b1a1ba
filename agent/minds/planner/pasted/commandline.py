"""A pasted command line taken apart: words and flags; nothing is expanded, nothing is run."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.lexicon import lexicon

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")

_ELSEWHERE = frozenset(
    "--kubeconfig --server -s --token --as --as-group --as-uid --user --cluster --username --password --host -H "
    "--config --tls-server-name --insecure-skip-tls-verify --certificate-authority --client-certificate --client-key "
    "--kube-apiserver --kube-token --kube-as-user --kube-as-group --kube-ca-file --kube-insecure-skip-tls-verify "
    "--kube-tls-server-name --registry-config --repository-config".split()
)


class NotTaken(Exception):
    """The line is not one that is understood in full; the message says why in one sentence."""


@dataclass
class Line:
    """`words` are the positional arguments, `flags` the values by canonical name ("" for switches)."""

    words: list[str] = field(default_factory=list[str])
    flags: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def one(self, flag: str, default: str = "") -> str:
        """The last value of a flag."""
        return self.flags.get(flag, [default])[-1]

    def number(self, flag: str) -> int | None:
        """A flag's value as a whole number; raises NotTaken when it is none."""
        if flag not in self.flags:
            return None
        if not re.fullmatch(r"-?\d{1,9}", self.one(flag)):
            raise NotTaken(f"{flag} takes a whole number, not {self.one(flag)!r}.")
        return int(self.one(flag))

    @property
    def place(self) -> dict[str, str]:
        """The namespace argument, if the line gives one."""
        return {"namespace": valid(self.one("--namespace"))} if "--namespace" in self.flags else {}


def tokens(line: str) -> list[str]:
    """The words of a line; raises NotTaken for anything that only a shell would give a meaning."""
    quote = ""
    for index, char in enumerate(line):
        if quote == "'":
            quote = "" if char == "'" else quote
            continue
        if char in "`" or (char == "$" and re.match(r"[\w{(\['\"@*?!#$-]", line[index + 1 : index + 2] or " ")):
            raise NotTaken("I do not expand variables or nested commands: write the values out.")
        if char == "\\":
            raise NotTaken("I do not read backslashes in a pasted line: write it on one line, without escapes.")
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "|<>;&":
            raise NotTaken(f"I read one command at a time, without pipes, redirections or chains ({char!r}).")
        elif char in "*?{}[]~!" and not (char in "[]{}" and "jsonpath" in line):
            raise NotTaken(f"I do not expand {char!r} like a shell would: write the names out.")
    try:
        return shlex.split(line, comments=False, posix=True)
    except ValueError:
        raise NotTaken("A quote in that line is not closed.") from None


def flags(*specs: str) -> dict[str, str]:
    """A table of flags: "-l/--selector=" maps both spellings to "--selector=", which takes a value."""
    table: dict[str, str] = {}
    for spec in specs:
        spellings = spec.removesuffix("=").split("/")
        table |= dict.fromkeys(spellings, spellings[-1] + ("=" if spec.endswith("=") else ""))
    return table


_GLOBAL = flags("-n/--namespace=", "--context=") | {"--kube-context": "--context="}


def parse(words: list[str], allowed: dict[str, str], facts: Facts) -> Line:
    """Sort words from flags; `allowed` is a table of `flags`. Raises NotTaken for every other flag."""
    line, known = Line(), _GLOBAL | allowed
    rest = iter(words)
    for word in rest:
        if word == "--":
            raise NotTaken("I do not run commands inside of containers (what follows `--`).")
        if not word.startswith("-") or word == "-":
            line.words.append(word)
            continue
        name, glued, value = word.partition("=")
        if re.match(r"-[a-zA-Z].", name) and known.get(name[:2], "").endswith("=") and name not in known:
            name, glued, value = name[:2], "=", word[2:].removeprefix("=")
        canonical = known.get(name) or _refuse(name)
        if canonical.endswith("="):
            value = value if glued else next(rest, "")
            if not value or (value.startswith("-") and not glued):
                raise NotTaken(f"{name} needs a value.")
            line.flags.setdefault(canonical[:-1], []).append(value)
        elif glued and value not in ("true", "false"):
            raise NotTaken(f"{name} takes no value.")
        elif value != "false":
            line.flags.setdefault(canonical, []).append("")
    _check_context(line, facts)
    return line


def _refuse(name: str) -> str:
    """Say why a flag is not taken."""
    if name in _ELSEWHERE:
        raise NotTaken(f"I do not take {name}, since cluster and identity are those that Shipmate was started with.")
    if name.startswith("--dry-run"):
        raise NotTaken("Leave out --dry-run: every change is shown as a server-side dry run before anything happens.")
    raise NotTaken(f"I do not know what to do with {name} here, so I did not plan anything. Leave it out.")


def _check_context(line: Line, facts: Facts) -> None:
    wanted = line.one("--context")
    if wanted and wanted != facts.context:
        now = (
            f"this conversation is about {facts.context!r}"
            if facts.context
            else "there is no cluster in this conversation"
        )
        raise NotTaken(f"The line is for the context {wanted!r}, but {now}. Start Shipmate with --context {wanted}.")


def valid(name: str) -> str:
    """The name, if it can be one."""
    if not NAME.fullmatch(name):
        raise NotTaken(f"{name!r} cannot be the name of an object.")
    return name


def kind_of(word: str) -> str:
    """A kind as kubectl takes it, in the words of the tools; kinds that are not built in stay as they are."""
    plain = word.lower()
    if not re.fullmatch(r"[a-z][a-z0-9.-]*", plain):
        raise NotTaken(f"{word!r} is not a kind of object.")
    if plain in ("deploy", "no"):  # short names that are words of their own in a sentence
        return {"deploy": "deployment", "no": "node"}[plain]
    known = [sense.concept for sense in lexicon().senses.get((plain.split(".")[0],), ()) if sense.section == "kind"]
    return known[0] if known else plain


def objects(words: list[str]) -> list[tuple[str, str]]:
    """KIND NAME… or KIND/NAME… as pairs."""
    if any("/" in word for word in words):
        pairs = [word.partition("/") for word in words]
        if not all(slash and name for _, slash, name in pairs):
            raise NotTaken("Write either KIND NAME or KIND/NAME, not both.")
        return [(kind_of(kind), valid(name)) for kind, _, name in pairs]
    if not words:
        raise NotTaken("That line does not say which object.")
    return [(kind_of(words[0]), valid(name)) for name in words[1:]]


def one_object(words: list[str]) -> tuple[str, str]:
    """Exactly one KIND NAME or KIND/NAME."""
    found = objects(words)
    if len(found) != 1:
        raise NotTaken("That line must name exactly one object.")
    return found[0]
