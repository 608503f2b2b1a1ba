"""What follows from how parts of a draft belong together: routes of an ingress, labels looked up, pods' own labels."""

from __future__ import annotations

from typing import Any

from agent.minds.planner.drafts.manifest import put
from agent.minds.planner.drafts.measures import named_ports
from agent.minds.planner.reading.facts import Facts

Object = dict[str, Any]


def looked_up(kind: str, manifest: Object, facts: Facts) -> str:
    """Put in place what only the cluster knows; the question where it does not know it either."""
    place = manifest["metadata"].get("namespace")
    if wanted := manifest.pop("lookup", None):
        labels = dict(facts.labels_of(wanted["name"], place))
        if not labels:
            return f"Which labels do the pods of {wanted['name']} have (like app={wanted['name']})?"
        put(manifest, wanted["path"] + "{}", labels)
    if name := manifest.pop("target", ""):
        kinds = [one for one in ("Deployment", "StatefulSet") if name in facts.names(one.lower(), place)]
        if len(kinds) != 1:
            return f"Is {name} a deployment or a statefulset?"
        manifest["spec"]["scaleTargetRef"] = {"apiVersion": "apps/v1", "kind": kinds[0], "name": name}
    return ""


def related(kind: str, manifest: Object) -> str:
    """Bring together what was said apart; what contradicts itself or lacks its other half is asked."""
    if kind == "ingress":
        return _routes(manifest)
    if kind == "service" and (ports := manifest.get("spec", {}).get("ports")):
        half = [port for port in ports if "port" not in port]  # a node port that was said before its port
        whole = [port for port in ports if "port" in port]
        if not whole or len(half) > 1:
            return "On which port shall the service listen?"
        whole[0].update(half[0] if half else {})
        manifest["spec"]["ports"] = named_ports(whole)
    if kind == "limitrange":
        scope = manifest.pop("scope", "Container")
        for limit in manifest.get("spec", {}).get("limits", ()):
            limit["type"] = scope if limit["type"] == "Container" else limit["type"]
    if kind == "horizontalpodautoscaler" and (spec := manifest.get("spec", {})):
        spec.update({field: spec.pop(field) for field in ("metrics", "behavior") if field in spec})
        if spec.get("minReplicas", 0) > spec.get("maxReplicas", spec.get("minReplicas", 0)):
            return "The least number of replicas is larger than the most: which two numbers are meant?"
    return ""


def own_labels(pods: Object, labels: Object) -> None:
    """Spread and affinity without labels of others are about the pods themselves."""
    own = {"matchLabels": dict(labels)}
    for one in pods.get("topologySpreadConstraints", ()):
        soft = one.pop("soft", None)
        key = one.pop("topologyKey")
        when = "ScheduleAnyway" if soft else "DoNotSchedule"
        one.update(
            {"maxSkew": one.pop("maxSkew", 1), "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": own}
        )
    for field in ("podAffinity", "podAntiAffinity"):
        for terms in pods.get("affinity", {}).get(field, {}).values():
            for term in terms:
                inner = term.get("podAffinityTerm", term)
                inner.setdefault("topologyKey", "kubernetes.io/hostname")
                inner.setdefault("labelSelector", own)


def _routes(manifest: Object) -> str:
    hosts, path = manifest.pop("hosts", []), manifest.pop("path", "")
    how, tls = manifest.pop("how", ""), manifest.pop("tls", False)
    host = hosts[0] if hosts else ""
    rules: list[Object] = []
    routes = manifest.pop("routes", [])
    for route in routes:
        host = route.get("host") or host
        where = route.get("path") or (path if len(routes) == 1 else "") or "/"
        backend = {"service": {"name": route["service"], "port": {"number": route["port"]}}}
        kind = (route.get("how") or how or "prefix").strip().capitalize()
        rule = next((one for one in rules if one.get("host", "") == host), None)
        if rule is None:
            rule = {**({"host": host} if host else {}), "http": {"paths": []}}
            rules.append(rule)
        rule["http"]["paths"].append({"path": where, "pathType": kind, "backend": backend})
    if rules:
        manifest.setdefault("spec", {})["rules"] = rules
    used = [rule["host"] for rule in rules if "host" in rule]
    if any(one not in used for one in hosts) and (used or not rules):
        return f"Which service and port shall {next(one for one in hosts if one not in used)} lead to?"
    for one in manifest.get("spec", {}).get("tls", ()):
        named = one.pop("hosts", None) or used
        one.update({"hosts": named} if named else {})
        one.update({"secretName": one.pop("secretName")})
    if tls and not manifest.get("spec", {}).get("tls"):
        return "Which secret holds the certificate for TLS?"
    return ""
