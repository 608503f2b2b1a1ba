"""Checks from a pod's own place on the real kubelet: what they find, what they leave (nothing), what stops them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.cluster.driving import apply as apply_change
from tests.cluster.driving import carry_out, invert, only, preview, verify
from tools.context import Context
from tools.errors import Refused
from tools.handlers import handler_for
from tools.kubernetes.helpers.tools import check_connection, check_dns, debug_copy, list_volume
from tools.kubernetes.helpers.way import explain_way
from tools.kubernetes.rollout.health import healthy
from tools.permit import Permit
from tools.progress import finish

pytestmark = pytest.mark.cluster
Put = Callable[[str], None]

PYTHON = "python:3.13-slim"
SHOP = f"""
apiVersion: v1
kind: Pod
metadata: {{name: api, labels: {{app: api}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: api
    image: {PYTHON}
    command: [python3, -m, http.server, "8000", --directory, /tmp]
    resources: {{requests: {{cpu: 1m, memory: 8Mi}}}}
    readinessProbe: {{tcpSocket: {{port: 8000}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: api}}
spec: {{selector: {{app: api}}, ports: [{{port: 80, targetPort: 8000}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: web, image: {PYTHON}, command: [sleep, "3600"], resources: {{requests: {{cpu: 1m, memory: 8Mi}}}}}}
"""
LET_NOBODY_IN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: let-nobody-in}
spec: {podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress]}
"""


@pytest.fixture
def shop(ctx: Context, apply: Put) -> Context:
    apply(SHOP)
    for name in ("api", "web"):
        assert finish(healthy(ctx, ctx.cluster.kinds.resolve("pods").ref(name, ctx.namespace))).healthy
    return ctx


def left(ctx: Context) -> list[str]:
    """Helpers that are there, and addresses of theirs behind services."""
    kinds = ctx.cluster.kinds
    jobs = [one["metadata"]["name"] for one in ctx.cluster.list(kinds.resolve("jobs.batch"), ctx.namespace)]
    pods = [one["metadata"]["name"] for one in ctx.cluster.list(kinds.resolve("pods"), ctx.namespace)]
    return [*jobs, *(name for name in pods if name.startswith("shipmate-"))]


def ready_addresses(ctx: Context) -> int:
    slices = ctx.cluster.list(ctx.cluster.kinds.resolve("endpointslices.discovery.k8s.io"), ctx.namespace)
    found = [one for piece in slices for one in piece.get("endpoints") or ()]
    return sum((one.get("conditions") or {}).get("ready") is not False for one in found)


def test_a_connection_is_tried_from_where_the_pod_is(shop: Context) -> None:
    """By service, by URL, on a port where nothing listens, and by a name that is nobody's."""
    good = carry_out(shop, only(check_connection(shop, target="api", source="web")))
    assert good.verified.healthy
    assert good.verified.text.startswith("Yes: web connects to api:80")
    page = carry_out(shop, only(check_connection(shop, target="http://api/", source="web")))
    assert "http://api/ answers 200 OK to web" in page.verified.text
    pod = shop.cluster.read(shop.cluster.kinds.resolve("pods").ref("api", shop.namespace))
    shut = carry_out(shop, only(check_connection(shop, target=f"{pod['status']['podIP']}:8001", source="web")))
    assert shut.verified.healthy  # the check worked; what it found is no
    assert "refused at once" in shut.verified.text
    lost = carry_out(shop, only(check_dns(shop, name="apii", source="web")))
    assert "cannot resolve apii" in lost.verified.text
    assert "Did you mean api?" in lost.verified.text
    assert left(shop) == []
    with pytest.raises(Refused, match="Nothing of it is left"):
        invert(shop, only(check_connection(shop, target="api", source="web")), good.applied)


def test_whatever_interrupts_a_check_leaves_nothing(shop: Context) -> None:
    """It has the labels of a pod behind a service, and is never among that service's addresses."""
    change = only(check_connection(shop, target="192.0.2.1:80", source="api", timeout=30))
    seen = preview(shop, change)
    permit = Permit("test", 1, seen.writes)
    with permit.opened():
        work = handler_for(change).apply(shop, change, seen, permit)
        for _ in work:
            assert ready_addresses(shop) == 1
            if left(shop):
                break
        else:
            pytest.fail("no helper was ever there")
        work.close()  # what Ctrl-C comes to
    ends = time.monotonic() + 60
    while left(shop) and time.monotonic() < ends:
        time.sleep(0.2)
    assert left(shop) == []
    assert ready_addresses(shop) == 1


def test_what_stands_in_the_way_is_said_before(shop: Context, apply: Put) -> None:
    """A policy that cuts the way, a quota that is used up: both before the yes."""
    assert explain_way(shop, source="web", target="api").data["free"]
    apply(LET_NOBODY_IN)
    cut = check_connection(shop, target="api", source="web")
    assert any("let-nobody-in does not let the caller in on port 80" in note for note in cut.notes)
    assert not explain_way(shop, source="web", target="api").data["free"]
    quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {pods: '2'}}\n"
    apply(quota)
    resource = shop.cluster.kinds.resolve("resourcequotas").ref("few", shop.namespace)
    ends = time.monotonic() + 30
    while not shop.cluster.read(resource).get("status", {}).get("used") and time.monotonic() < ends:
        time.sleep(0.1)
    full = preview(shop, only(cut))
    assert any("few" in text for text in full.blockers), full.blockers


RESTRICTED = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: keeper, labels: {app: keeper}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {fsGroup: 2000}
  containers:
  - name: keeper
    image: python:3.13-slim
    command:
    - python3
    - -c
    - "import os, time; os.umask(0o77); open('/data/note', 'w').write('hello'); time.sleep(3600)"
    env: [{name: COLOUR, value: blue}]
    securityContext: {runAsUser: 1234}
    resources: {requests: {cpu: 1m, memory: 8Mi}}
    readinessProbe: {exec: {command: [ls, /data/note]}, periodSeconds: 1}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""


def test_a_volume_is_read_and_a_pod_is_copied(ctx: Context, apply: Put) -> None:
    """Files that only the application's user may read, by that user; the copy has what the pod has, and sleeps."""
    apply(RESTRICTED)
    assert finish(healthy(ctx, ctx.cluster.kinds.resolve("pods").ref("keeper", ctx.namespace))).healthy
    note = carry_out(ctx, only(list_volume(ctx, claim="data", path="note", head=100)))
    assert note.verified.text.endswith("hello")
    none = carry_out(ctx, only(list_volume(ctx, claim="data", path="nothing")))
    assert "There is no nothing in claim data" in none.verified.text
    assert left(ctx) == []
    change = only(debug_copy(ctx, name="keeper", minutes=5))
    seen = preview(ctx, change)
    assert any("read-only" in text for text in seen.warnings)
    applied = apply_change(ctx, change, seen)
    assert "kubectl exec" in verify(ctx, change, applied).text
    (pod,) = ctx.cluster.list(
        ctx.cluster.kinds.resolve("pods"), ctx.namespace, selector="app.kubernetes.io/name=shipmate-copy"
    )
    assert pod["spec"]["containers"][0]["env"] == [{"name": "COLOUR", "value": "blue"}]
    assert "app" not in pod["metadata"]["labels"]
    (back,) = invert(ctx, change, applied).changes
    carry_out(ctx, back)
    ends = time.monotonic() + 60
    while left(ctx) and time.monotonic() < ends:
        time.sleep(0.2)
    assert left(ctx) == []
