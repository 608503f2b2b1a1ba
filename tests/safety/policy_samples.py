"""Policies, acts and changes for the tests of policy: drawn at random, and put together by hand."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from agent.guard.policy.acts import Act
from agent.guard.policy.floor import floor
from agent.guard.policy.judge import Source, ruling
from agent.guard.policy.rules import PolicyFile, Verb
from agent.guard.policy.ruling import Decision, Ruling
from tools.catalog import Effect

KINDS = (
    *("Deployment", "Pod", "Secret", "ConfigMap", "Namespace", "PersistentVolumeClaim", "ClusterRoleBinding", "Node"),
    *("CustomResourceDefinition", "ValidatingWebhookConfiguration", "APIService", "Release", "Image", "Widget"),
)
NAMES = ("web", "backend", "db-0", "x")
NAMESPACES = ("", "dev-1", "prod", "kube-system", "todo")
IMAGES = ("nginx", "registry.example.com/team/app:1", "ghcr.io/a/b@sha256:" + "0" * 64)
PATHS = ("", "Dockerfile", "src/app.py", ".github/workflows/ci.yml", "shipmate-policy.yaml")
LABELS = ({}, {"app": "web"}, {"app": "web", "tier": "db"})
VERBS = tuple(verb for verb in get_args(Verb) if verb != "read")

globs = st.one_of(
    st.sampled_from(("*", "dev-*", "prod", "!prod", "web*", "?", "[a-z]*", "kube-system", "registry.example.com/*")),
    st.text("ab*?![]-.", min_size=1, max_size=5),
)
one_or_more = st.one_of(globs, st.lists(globs, min_size=1, max_size=3))


def some_of(values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    one = st.sampled_from(values)
    return st.one_of(one, st.lists(one, min_size=1, max_size=3, unique=True))


criteria = st.fixed_dictionaries(
    {},
    optional={
        "effect": some_of(("change", "reveal", "reach")),
        "verb": some_of(VERBS),
        "kind": st.one_of(some_of((*KINDS, "pvc", "deploy", "secrets", "!Pod")), one_or_more),
        "name": one_or_more,
        "namespace": one_or_more,
        "labels": st.dictionaries(st.sampled_from(("app", "tier")), one_or_more, min_size=1),
        "cluster": one_or_more,
        "context": one_or_more,
        "registry": one_or_more,
        "path": one_or_more,
    },
)
rules = st.one_of(
    st.builds(
        lambda decision, about, more: {decision: about, **more},
        st.sampled_from([str(one) for one in Decision]),
        criteria,
        st.fixed_dictionaries({}, optional={"reason": st.text(max_size=5), "on-unhealthy": st.just("roll-back")}),
    )
)
policies = st.builds(lambda found: {"rules": found}, st.lists(rules, max_size=6))


@st.composite
def acts(draw: st.DrawFn) -> Act:
    """Anything that could be done, sensible or not."""
    verb = draw(st.sampled_from(VERBS))
    labels = draw(st.sampled_from(LABELS))
    return Act(
        verbs=(verb, "update") if verb in ("scale", "restart", "label") else (verb,),
        effect=draw(st.sampled_from((Effect.CHANGE, Effect.CHANGE, Effect.CHANGE, Effect.REVEAL, Effect.REACH))),
        change=draw(st.sampled_from(("", "apply-manifest", "patch", "delete", "write-file", "helm-release"))),
        kind=draw(st.sampled_from(("", *KINDS))),
        name=draw(st.sampled_from(NAMES)),
        namespace=draw(st.sampled_from(NAMESPACES)),
        context=draw(st.sampled_from(("", "kind", "prod"))),
        cluster=draw(st.sampled_from(("", "uid-1", "uid-2"))),
        images=draw(st.sampled_from(((), IMAGES[:1], IMAGES[1:2], IMAGES))),
        path=draw(st.sampled_from(PATHS)),
        powers=draw(st.sampled_from(((), (), ("privileged",)))),
        labels=lambda: (labels,),
    )


def source(policy: dict[str, Any], *, own: bool = True) -> Source:
    """The policy as a file in force."""
    from pathlib import Path

    return Source(Path("own.yaml" if own else "workspace.yaml"), own, PolicyFile.model_validate(policy))


def decided(act: Act, *policies: dict[str, Any], workspace: dict[str, Any] | None = None) -> Ruling:
    """What these policies say about an act."""
    found = [source(policy) for policy in policies]
    if workspace is not None:
        found.append(source(workspace, own=False))
    return ruling(tuple(found), act)


def least(act: Act) -> int:
    """How strict the floor is about an act."""
    found = floor(act)
    return found.decision.strictness if found else 0
