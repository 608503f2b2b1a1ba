"""Diagnosis: one snapshot, small rules over it, symptoms folded into their cause."""

from tools.catalog import Result
from tools.context import Context


def diagnose(
    ctx: Context,
    *,
    name: str | None = None,
    kind: str | None = None,
    namespace: str | None = None,
    number: int = 1,
    every: bool = False,
) -> Result:
    """Find out what is wrong and why: of one object (name, with kind if need be), or of a whole namespace.

    Without a name and a namespace all namespaces are looked at; "*" as namespace asks for that explicitly.
    Gives the cause, the evidence and what to do; says so, with figures, when all is well. The gravest finding is told
    and the others named: `number` 2 tells the second, `every` all with everything that shows them.
    """
    from tools.kubernetes.diagnose.run import run

    return run(ctx, name, kind, namespace, number, every)
