"""Several upgrades of one release in one plan become one: a release is always written as a whole.

Each was worked out from the values in force, so applied one after the other the last would take the others back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tools.change import Change, HelmRelease
from tools.context import Context
from tools.errors import BadRequest
from tools.helm import store
from tools.helm.values import Values
from tools.secrets.sealing import seal, unseal

Path = tuple[str, ...]

_NONE = object()  # no such setting; None is a value with a meaning of its own


def together(ctx: Context, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes with all upgrades of one release joined at the place of the last.

    Raises BadRequest when two of them want different values for one setting, or different charts.
    """
    groups: dict[tuple[str, str], list[HelmRelease]] = {}
    for change in changes:
        if isinstance(change, HelmRelease) and change.action == "upgrade":
            groups.setdefault((change.namespace, change.release), []).append(change)
    if all(len(group) == 1 for group in groups.values()):
        return changes
    result: list[Change] = []
    for change in changes:
        group = groups.get((change.namespace, change.release), []) if isinstance(change, HelmRelease) else []
        if len(group) < 2:
            result.append(change)
        elif change is group[-1]:
            result.append(_joined(ctx, group))
    return tuple(result)


def _joined(ctx: Context, group: list[HelmRelease]) -> HelmRelease:
    first = group[0]
    if any((one.chart, one.chart_digest) != (first.chart, first.chart_digest) for one in group):
        raise BadRequest(f"The steps want different charts for release {first.release}.", "Ask for them one at a time.")
    base = store.locate(ctx, first.release, first.namespace).values
    values = joined_values(base, [unseal(ctx, one.values) for one in group])
    return first.model_copy(
        update={
            "summary": "; ".join(one.summary for one in group),
            "why": "; ".join(filter(None, dict.fromkeys(one.why for one in group))),
            "values": seal(ctx, values),
        }
    )


def joined_values(base: Values, versions: list[Values]) -> Values:
    """`base` with what each version changed of it; raises BadRequest when they contradict each other. Pure."""
    start = dict(_leaves(base))
    end = dict(start)
    decided: dict[Path, Any] = {}
    for version in versions:
        leaves = dict(_leaves(version))
        for path in start.keys() | leaves.keys():
            before, after = start.get(path, _NONE), leaves.get(path, _NONE)
            if before == after:
                continue
            if decided.setdefault(path, after) != after:
                raise BadRequest(f"The steps want {'.'.join(path)} to be two different things.", "Ask for one of them.")
            end[path] = after
    result: Values = {}
    for path, value in end.items():
        if value is _NONE:
            continue
        place = result
        for key in path[:-1]:
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise BadRequest(f"The steps contradict each other about {'.'.join(path)}.", "Ask for one of them.")
            place = cast(Values, inner)
        place[path[-1]] = value
    return result


def _leaves(values: Values, prefix: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with the keys that lead to it (keys may hold dots, so they are not joined)."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(cast(Values, value), (*prefix, key))
        else:
            yield (*prefix, key), value
