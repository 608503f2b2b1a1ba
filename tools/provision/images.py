"""Base images: pulled where a registry answers, made from Debian's packages where none does."""

from __future__ import annotations

import re

from tools.errors import BadRequest, Failed, Unreachable
from tools.progress import Progress, Steps
from tools.provision import base_images, command

PROBE = "hello-world"


def ensure(reference: str) -> Steps[None]:
    """Have a base image in the engine; raises Unreachable when it can neither be pulled nor made."""
    if exists(reference):
        return
    try:
        yield from command.steps(["docker", "pull", "--quiet", reference], f"Pulling {reference}")
    except Failed as error:
        recipe = base_images.RECIPES.get(reference)
        if recipe is None:
            raise Unreachable(
                f"{reference} cannot be pulled, and there is no recipe to make it here.",
                f"Without a registry these can be made: {', '.join(base_images.RECIPES)}.",
            ) from error
        for needed in recipe.needs:
            yield from ensure(needed)
        yield from recipe.make(reference)


def exists(reference: str) -> bool:
    """Whether the engine has the image."""
    return command.attempt(["docker", "image", "inspect", reference]).returncode == 0


def registry_reachable() -> Steps[bool]:
    """Whether the engine can pull from the usual registry; asked once, when a node is made."""
    yield Progress("Looking for a registry")
    return command.attempt(["docker", "pull", "--quiet", PROBE], timeout=60).returncode == 0


def repository_path(image: str) -> str:
    """Path and tag under which the node's registry serves an image that pods call `image`.

    The node asks its registry first whatever the host in the name, so that part is dropped, and names of one part
    live under `library/`, as on Docker Hub.
    """
    if "@" in image or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]*", image):
        raise BadRequest(f"{image!r} is not the name of an image that can be loaded.", "Use NAME or NAME:TAG.")
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return rest
    return image if slash else f"library/{image}"
