"""What the API server refuses or warns of, in plain words with the next step. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.errors import Forbidden, ShipmateError
from tools.kubernetes.door.errors import Cause, Status, status_of
from tools.secrets.redact import redact_text

Found = re.Match[str]


def plain(error: ShipmateError) -> str:
    """A refusal as a sentence for people, and what to do about it."""
    status = status_of(error)
    if status is None or isinstance(error, Forbidden):
        return str(error)
    text = _cleaned(status.message)
    if known := _known(text):
        return " ".join(part for part in known if part)
    if status.reason == "Invalid" and status.causes:
        return _invalid(status)
    return plain_text(text)


def plain_text(text: str) -> str:
    """The sentence for a refusal that is only known as text, from an event or a condition."""
    text = _cleaned(text)
    if known := _known(text):
        return known[0]
    if found := _FORBIDDEN.match(text):
        text = found["why"]
    return text[:1].upper() + text[1:] + "."


def plain_warning(text: str) -> str:
    """A warning of the server's in plain words."""
    text = _cleaned(text)
    if found := _POLICY_WARNS.search(text):
        return f"Policy {found['name']} warns: {found['why']}."
    if found := _POD_SECURITY_WARNS.search(text):
        return f"Its pods are not as pod security level {found['level']} wants them: {found['why']}."
    return text[:1].upper() + text[1:] + "."


def _cleaned(text: str) -> str:
    return redact_text(text).strip().rstrip(".")


_FORBIDDEN = re.compile(r'^(?P<what>\S+ "[^"]*" is forbidden: )(?P<why>.+)$')
_POLICY_WARNS = re.compile(r"Validation failed for ValidatingAdmissionPolicy '(?P<name>[^']+)' [^:]*: (?P<why>.+)")
_POD_SECURITY_WARNS = re.compile(r'^would violate PodSecurity "(?P<level>[^":]+)[^"]*": (?P<why>.+)')

# --- denials that are known: how they read, the sentence, the next step -------------------------------------------

_KNOWN: tuple[tuple[re.Pattern[str], Callable[[Found], str], str], ...] = (
    (
        re.compile(
            r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.+?), used: (?P<used>.+?), limited: (?P<hard>.+)"
        ),
        lambda m: f"Quota {m['name']} is used up: this asks for {m['asked']}; {m['used']} of {m['hard']} is used.",
        "Ask for less, make room, or have the quota raised.",
    ),
    (
        re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<what>.+)"),
        lambda m: f"Quota {m['name']} wants every container to state {m['what']}.",
        "Set these requests and limits.",
    ),
    (
        re.compile(r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<why>.+)'),
        lambda m: f"Pod security level {m['level']} of the namespace refuses this: {m['why']}.",
        "Set the security context that it names.",
    ),
    (
        re.compile(r"ValidatingAdmissionPolicy '(?P<name>[^']+)' .*?denied request: (?P<why>.+)"),
        lambda m: f"Policy {m['name']} denies this: {m['why']}.",
        "Change what the policy names, or talk to whoever made it.",
    ),
    (
        re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request:? ?(?P<why>.*)'),
        lambda m: f"Admission webhook {m['name']} denies this: {m['why'] or 'no reason given'}.",
        "Change what it names, or talk to whoever runs it.",
    ),
    (
        re.compile(r'admission webhook "(?P<name>[^"]+)" does not support dry run'),
        lambda m: f"Admission webhook {m['name']} refuses dry runs, so nobody can see before what it would do.",
        "Whoever runs it can state `sideEffects: NoneOnDryRun`.",
    ),
    (
        re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<why>.+)'),
        lambda m: f"Admission webhook {m['name']} does not answer, so nothing it guards can change: {m['why']}.",
        "Get its service to run again, or have its configuration removed.",
    ),
    (
        re.compile(r"error looking up service account [^/]*/(?P<name>\S+): serviceaccount"),
        lambda m: f"Service account {m['name']} does not exist in that namespace.",
        "Create it first.",
    ),
    (
        re.compile(r"(?P<why>(?:maximum|minimum) \S+ usage per .+|.+ limit to request ratio per .+)"),
        lambda m: f"A limit range of the namespace refuses this: {m['why'].removeprefix('[').removesuffix(']')}.",
        "Set requests and limits inside its bounds.",
    ),
    (
        re.compile(r"unable to create new content in namespace (?P<name>\S+) because it is being terminated"),
        lambda m: f"Namespace {m['name']} is being deleted, so nothing can be made in it.",
        "Wait until it is gone and create it again, or choose another.",
    ),
    (
        re.compile(r"no PriorityClass with name (?P<name>\S+) was found"),
        lambda m: f"There is no priority class {m['name']}.",
        "`list priorityclasses` shows those there are.",
    ),
    (
        re.compile(r"only dynamically provisioned pvc can be resized"),
        lambda m: "This volume cannot grow: its storage class does not allow it.",
        "Make a larger claim and copy the data.",
    ),
)
_UNKNOWN_FIELD = re.compile(r'unknown field "(?P<field>[^"]+)"')


def _known(text: str) -> tuple[str, str] | None:
    """The sentence for a refusal of a known sort and the next step."""
    for pattern, sentence, step in _KNOWN:
        if found := pattern.search(text):
            return sentence(found), step
    if fields := _UNKNOWN_FIELD.findall(text):
        return f"Kubernetes does not know the field {', '.join(fields)}; check its spelling and place.", ""
    return None


# --- values that are not allowed, and those that never change -----------------------------------------------------

_FIXED = re.compile(
    r"immutable|may not change once set|cannot change roleRef|updates to \S+ .*forbidden|may not change fields other"
    r"|may not be changed in an update|may not be updated"
)
_OTHER_THAN = re.compile(r"for fields other than (?P<free>.+?) are forbidden")
_AGAIN = {
    "Deployment": "its pods are stopped meanwhile",
    "DaemonSet": "its pods are stopped meanwhile",
    "StatefulSet": "its pods are stopped meanwhile, its volume claims stay",
    "Job": "it runs once more",
    "Service": "its address changes, and connections break meanwhile",
    "RoleBinding": "its rights are gone meanwhile",
    "ClusterRoleBinding": "its rights are gone meanwhile",
    "Pod": "only a workload's own pods come back by themselves",
}
_OTHERWISE = {
    "PersistentVolumeClaim": "Make a new claim and copy the data: deleting this one may lose it.",
    "ConfigMap": "Make one of another name and let the workloads use that: this one is marked as immutable.",
    "Secret": "Make one of another name and let the workloads use that; this one does not change any more.",
}


def _invalid(status: Status) -> str:
    fixed = [cause for cause in status.causes if _FIXED.search(cause.message)]
    if fixed:
        return _cannot_change(status.message.partition(" ")[0].partition(".")[0], fixed)
    told = "; ".join(f"{cause.field}: {_short(redact_text(cause.message))}" for cause in status.causes)
    return f"Kubernetes refuses these values: {told}."


def _cannot_change(kind: str, causes: list[Cause]) -> str:
    fields = ", ".join(dict.fromkeys(cause.field for cause in causes))
    free = next((found["free"] for cause in causes if (found := _OTHER_THAN.search(cause.message))), "")
    but = f" (only {free.replace(chr(39), '')} can)" if free else ""
    again = f"delete it and create it again ({_AGAIN[kind]})" if kind in _AGAIN else "delete it and create it again"
    way = _OTHERWISE.get(kind, f"To have it otherwise, {again}.")
    return f"{fields} of an existing {kind} cannot be changed{but}. {way}"


def _short(message: str) -> str:
    """The server prints whole objects; what counts stands at the end of the first line."""
    line = message.partition("\n")[0].strip()
    return line if len(line) < 300 else line.rpartition(": ")[2][:300]
