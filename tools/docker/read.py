"""What can be looked at: the images of the engine, and what a build would send to it, told for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.docker.context import HUGE, TOO_MUCH, BuildContext, human
from tools.secrets.redact import redact_text


def list_images(ctx: Context, *, name: str | None = None) -> Result:
    """The container images of the Docker engine with size and age; `name` keeps those whose name contains it."""
    rows = [row for image in ctx.engine.images() for row in _rows(image) if not name or name.lower() in row["name"]]
    rows.sort(key=lambda row: (row["created"], row["name"]), reverse=True)
    if not rows:
        what = f"no image with {name!r} in its name" if name else "no images"
        return Result(text=f"The engine has {what}.", data=[])
    width = max(len(row["name"]) for row in rows)
    lines = [f"{row['name']:<{width}}  {human(row['bytes']):>7}  {_age(row['created'])}" for row in rows]
    return Result(text=redact_text("\n".join(lines)), data=rows)


def context_report(folder: str, context: BuildContext) -> Result:
    """A build context told for people, with the same as data."""
    data: dict[str, Any] = {
        "context": folder,
        "files": context.files,
        "bytes": context.bytes,
        "ignored": context.ignored,
        "ignore_file": context.ignore_file.name if context.ignore_file else None,
        "folders": dict(context.folders()),
        "largest": dict(context.largest()),
        "secrets": context.secrets(),
        "fixes": [{"line": line, "bytes": size} for line, size in context.fixes()],
        "problems": list(context.problems),
    }
    return Result(text=redact_text(_text(data)), data=data)


def _text(data: dict[str, Any]) -> str:
    by = f"{data['ignore_file']} leaves out {data['ignored']:,} more" if data["ignore_file"] else "no .dockerignore"
    lines = [f"The build of {data['context']} would send {data['files']:,} files, {human(data['bytes'])} ({by})."]
    if data["bytes"] > TOO_MUCH:
        lines.append(f"That is too much: no build is started above {human(TOO_MUCH)}.")
    elif data["bytes"] > HUGE:
        lines.append("That is a lot, and makes every build slow.")
    if data["folders"]:
        lines.append("Largest folders: " + _sizes(data["folders"]))
    if data["largest"]:
        lines.append("Largest files: " + _sizes(data["largest"]))
    if data["secrets"]:
        lines.append("Looks like credentials: " + ", ".join(data["secrets"][:10]))
    if data["fixes"]:
        shown = (f"{one['line']} (-{human(one['bytes'])})" if one["bytes"] else one["line"] for one in data["fixes"])
        lines.append("Lines for .dockerignore: " + ", ".join(shown))
    lines += [f"In the way: {problem}" for problem in data["problems"][:5]]
    return "\n".join(lines)


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {human(size)}" for name, size in sizes.items())


def _rows(image: dict[str, Any]) -> list[dict[str, Any]]:
    names = [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]
    return [{"name": name, "id": image["Id"], "bytes": image["Size"], "created": image["Created"]} for name in names]


def _age(created: int) -> str:
    seconds = max(0, int(datetime.now(UTC).timestamp() - created))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} old"
    return "just made"
