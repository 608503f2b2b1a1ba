"""What matters about the well-known kinds, a line each. Pure: live object in, lines out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tools.kubernetes.look.pods import container_state, containers, pod_phase, selector_text
from tools.kubernetes.quantity import age

Lines = list[str]
Json = Mapping[str, Any]


def _workload(obj: Json) -> Lines:
    spec, status = obj["spec"], obj.get("status") or {}
    if obj["kind"] == "DaemonSet":
        wanted, there = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        updated = status.get("updatedNumberScheduled", 0)
    else:
        wanted, there = spec.get("replicas", 1), status.get("readyReplicas", 0)
        updated = status.get("updatedReplicas", 0)
    lines = [f"Replicas: {wanted} wanted, {there} ready, {updated} up to date"]
    strategy: Json = spec.get("strategy") or spec.get("updateStrategy") or {}
    if strategy:
        limits = ", ".join(f"{key} {value}" for key, value in (strategy.get("rollingUpdate") or {}).items())
        lines.append(f"Strategy: {strategy.get('type', 'RollingUpdate')}" + (f" ({limits})" if limits else ""))
    if spec.get("paused"):
        lines.append("The rollout is paused")
    lines.append(f"Selector: {selector_text(spec.get('selector'))}")
    if spec.get("serviceName"):
        lines.append(f"Service: {spec['serviceName']}")
    for claim in spec.get("volumeClaimTemplates") or ():
        lines.append(f"Volume claim {claim['metadata']['name']}: {_storage(claim['spec'])}")
    return lines + _template(spec["template"]["spec"])


def _template(spec: Json) -> Lines:
    lines: Lines = []
    if spec.get("serviceAccountName") not in (None, "default"):
        lines.append(f"Service account: {spec['serviceAccountName']}")
    if spec.get("nodeSelector"):
        lines.append("Node selector: " + ", ".join(f"{key}={value}" for key, value in spec["nodeSelector"].items()))
    for role, field in (("Init container", "initContainers"), ("Container", "containers")):
        for container in spec.get(field) or ():
            lines += [f"{role} {container['name']}:", *(f"  {line}" for line in container_lines(container))]
    volumes = [f"{item['name']} ({_volume(item)})" for item in spec.get("volumes") or ()]
    if volumes:
        lines.append(f"Volumes: {', '.join(volumes)}")
    return lines


def container_lines(container: Json) -> Lines:
    """Image, ports, resources, probes, environment and mounts of one container."""
    lines = [f"Image: {container.get('image', '')}"]
    for field in ("command", "args"):
        if container.get(field):
            lines.append(f"{field.capitalize()}: {' '.join(container[field])}")
    ports = [f"{port['containerPort']}/{port.get('protocol', 'TCP')}" for port in container.get("ports") or ()]
    if ports:
        lines.append(f"Ports: {', '.join(ports)}")
    resources: Json = container.get("resources") or {}
    amounts = [
        f"{word} " + ", ".join(f"{name} {amount}" for name, amount in resources[field].items())
        for word, field in (("requests", "requests"), ("limits", "limits"))
        if resources.get(field)
    ]
    lines.append(f"Resources: {'; '.join(amounts) if amounts else 'no requests, no limits'}")
    for word in ("liveness", "readiness", "startup"):
        if probe := container.get(f"{word}Probe"):
            lines.append(f"{word.capitalize()} probe: {_probe(probe)}")
    lines += _environment(container)
    mounts = [f"{item['mountPath']} from {item['name']}" for item in container.get("volumeMounts") or ()]
    if mounts:
        lines.append(f"Mounts: {', '.join(mounts)}")
    return lines


def _environment(container: Json) -> Lines:
    lines: Lines = []
    for item in container.get("env") or ():
        source: Json = item.get("valueFrom") or {}
        if "secretKeyRef" in source or "configMapKeyRef" in source:
            kind = "secret" if "secretKeyRef" in source else "config map"
            reference = source.get("secretKeyRef") or source["configMapKeyRef"]
            value = f"<key {reference['key']} of {kind} {reference.get('name', '')}>"
        elif source:
            value = f"<{(source.get('fieldRef') or source.get('resourceFieldRef') or {}).get('fieldPath', 'computed')}>"
        else:
            value = str(item.get("value", ""))
        lines.append(f"Environment: {item['name']}={value if len(value) <= 120 else value[:120] + '…'}")
    for item in container.get("envFrom") or ():
        for kind, word in (("secretRef", "secret"), ("configMapRef", "config map")):
            if kind in item:
                lines.append(f"Environment: all of {word} {item[kind].get('name', '')}")
    return lines


def _probe(probe: Json) -> str:
    if http := probe.get("httpGet"):
        what = f"GET {http.get('path', '/')} on port {http.get('port')}"
    elif tcp := probe.get("tcpSocket"):
        what = f"connect to port {tcp.get('port')}"
    elif grpc := probe.get("grpc"):
        what = f"gRPC on port {grpc.get('port')}"
    else:
        what = "run " + " ".join((probe.get("exec") or {}).get("command") or ())
    return (
        f"{what}, every {probe.get('periodSeconds', 10)}s after {probe.get('initialDelaySeconds', 0)}s, "
        f"timeout {probe.get('timeoutSeconds', 1)}s, fails after {probe.get('failureThreshold', 3)}"
    )


def _volume(volume: Json) -> str:
    kind = next((key for key in volume if key != "name"), "emptyDir")
    source: Json = volume.get(kind) or {}
    name = source.get("claimName") or source.get("secretName") or source.get("name") or source.get("path") or ""
    return f"{kind} {name}".strip()


def _storage(spec: Json) -> str:
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "?")
    return f"{size}, {', '.join(spec.get('accessModes') or ())}, class {spec.get('storageClassName') or '(default)'}"


def _pod(obj: Json) -> Lines:
    spec, status = obj["spec"], obj.get("status") or {}
    address = status.get("podIP") or "none yet"
    lines = [
        f"Status: {pod_phase(obj)}" + (f" ({status['message']})" if status.get("message") else ""),
        f"Node: {spec.get('nodeName') or 'none yet'}, IP {address}, QoS {status.get('qosClass', '?')}",
    ]
    for role, container, state in containers(obj):
        title = "Container" if role == "main" else f"{role.capitalize()} container"
        lines.append(f"{title} {container['name']}: {container_state(state)}, {state.get('restartCount', 0)} restarts")
        if message := _messages(state):
            lines.append(f"  {message}")
        last: Json = (state.get("lastState") or {}).get("terminated") or {}
        if last:
            ended = f"exit {last.get('exitCode')}, {age(last.get('finishedAt'))} ago"
            lines.append(f"  Last time it ended: {last.get('reason', '')} ({ended})")
        lines += [f"  {line}" for line in container_lines(container)]
    volumes = [f"{item['name']} ({_volume(item)})" for item in spec.get("volumes") or ()]
    return [*lines, f"Volumes: {', '.join(volumes)}"] if volumes else lines


def _messages(status: Json) -> str:
    state: Json = status.get("state") or {}
    return next((detail["message"] for detail in state.values() if detail and detail.get("message")), "")


def _service(obj: Json) -> Lines:
    spec = obj["spec"]
    ports = [_service_port(port) for port in spec.get("ports") or ()]
    lines = [
        f"Type: {spec.get('type', 'ClusterIP')}, cluster IP {spec.get('clusterIP', 'none')}",
        f"Ports: {', '.join(ports) or 'none'}",
        f"Selector: {selector_text({'matchLabels': spec.get('selector') or {}}) or 'none'}",
    ]
    if spec.get("externalName"):
        lines.append(f"External name: {spec['externalName']}")
    addresses = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    if addresses:
        lines.append("Load balancer: " + ", ".join(item.get("ip") or item.get("hostname") or "" for item in addresses))
    return lines


def _service_port(port: Json) -> str:
    target = f"{port.get('targetPort', port['port'])}/{port.get('protocol', 'TCP')}"
    node = f" (node port {port['nodePort']})" if port.get("nodePort") else ""
    return f"{port.get('name', '')} {port['port']} → {target}{node}".strip()


def _ingress(obj: Json) -> Lines:
    spec = obj["spec"]
    lines = [f"Class: {spec.get('ingressClassName') or '(default)'}"]
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            service: Json = path["backend"].get("service") or {}
            port: Json = service.get("port") or {}
            target = f"{service.get('name', '?')}:{port.get('number') or port.get('name') or '?'}"
            lines.append(f"Rule: {rule.get('host') or '*'}{path.get('path', '/')} → {target}")
    for tls in spec.get("tls") or ():
        lines.append(f"TLS: {', '.join(tls.get('hosts') or ('*',))} with secret {tls.get('secretName', 'none')}")
    return lines


def _autoscaler(obj: Json) -> Lines:
    spec, status = obj["spec"], obj.get("status") or {}
    target = spec["scaleTargetRef"]
    lines = [
        f"Target: {target['kind'].lower()}/{target['name']}",
        f"Replicas: {spec.get('minReplicas', 1)} to {spec['maxReplicas']}, now {status.get('currentReplicas', 0)}, "
        f"wanted {status.get('desiredReplicas', 0)}",
    ]
    now = {_metric_name(item): item for item in status.get("currentMetrics") or ()}
    for metric in spec.get("metrics") or ():
        name = _metric_name(metric)
        lines.append(
            f"Metric: {name} at {_metric_value(now.get(name), 'current')} of {_metric_value(metric, 'target')}"
        )
    return lines


def _metric_name(metric: Json) -> str:
    body: Json = metric.get(metric["type"][0].lower() + metric["type"][1:]) or {}
    return str(body.get("name") or (body.get("metric") or {}).get("name") or metric["type"])


def _metric_value(metric: Json | None, field: str) -> str:
    if metric is None:
        return "unknown"
    body: Json = metric.get(metric["type"][0].lower() + metric["type"][1:]) or {}
    value: Json = body.get(field) or {}
    if "averageUtilization" in value:
        return f"{value['averageUtilization']}%"
    return str(value.get("averageValue") or value.get("value") or "unknown")


def _claim(obj: Json) -> Lines:
    status: Json = obj.get("status") or {}
    size = (status.get("capacity") or {}).get("storage", "none yet")
    volume = obj["spec"].get("volumeName") or "none yet"
    return [
        f"Status: {status.get('phase', 'Unknown')}, volume {volume}, capacity {size}",
        f"Asked for: {_storage(obj['spec'])}",
    ]


def _node(obj: Json) -> Lines:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    info: Json = status.get("nodeInfo") or {}
    allocatable: Json = status.get("allocatable") or {}
    taints = [f"{item['key']}={item.get('value', '')}:{item['effect']}" for item in spec.get("taints") or ()]
    return [
        f"Addresses: {', '.join(item['address'] for item in status.get('addresses') or ())}",
        f"System: {info.get('osImage', '')}, kernel {info.get('kernelVersion', '')}, {info.get('architecture', '')}, "
        f"{info.get('containerRuntimeVersion', '')}, kubelet {info.get('kubeletVersion', '')}",
        "Room: " + ", ".join(f"{key} {allocatable[key]}" for key in ("cpu", "memory", "pods") if key in allocatable),
        f"Schedulable: {'no (cordoned)' if spec.get('unschedulable') else 'yes'}"
        + (f", taints {', '.join(taints)}" if taints else ""),
    ]


def _job(obj: Json) -> Lines:
    spec, status = obj["spec"], obj.get("status") or {}
    counts = (
        f"{status.get('succeeded', 0)} succeeded, {status.get('failed', 0)} failed, {status.get('active', 0)} running"
    )
    lines = [
        f"Pods wanted: {spec.get('completions', 1)}; {counts}; gives up after {spec.get('backoffLimit', 6)} failures"
    ]
    return lines + _template(spec["template"]["spec"])


def _cron_job(obj: Json) -> Lines:
    spec, status = obj["spec"], obj.get("status") or {}
    last = f"{age(status['lastScheduleTime'])} ago" if status.get("lastScheduleTime") else "never"
    return [
        f"Schedule: {spec['schedule']}{' (suspended)' if spec.get('suspend') else ''}, last run {last}",
        *_template(spec["jobTemplate"]["spec"]["template"]["spec"]),
    ]


def _config_map(obj: Json) -> Lines:
    lines = [f"{key}: {_first_line(str(value))}" for key, value in (obj.get("data") or {}).items()]
    lines += [f"{key}: (binary)" for key in obj.get("binaryData") or ()]
    return ["Data:", *(f"  {line}" for line in lines)] if lines else ["Data: none."]


def _secret(obj: Json) -> Lines:
    """Names of the keys only: neither values nor their lengths leave the cluster."""
    keys = ", ".join(obj.get("data") or ()) or "none"
    return [f"Type: {obj.get('type', 'Opaque')}", f"Keys: {keys} (their values are never shown)"]


def _first_line(text: str) -> str:
    first, newline, _ = text.partition("\n")
    more = f" … ({text.count(chr(10)) + 1} lines)" if newline else ""
    return (first if len(first) <= 160 else first[:160] + "…") + more


def _rules(obj: Json) -> Lines:
    def joined(values: Iterable[str] | None) -> str:
        return ", ".join(value or "core" for value in values or ())

    return [
        f"Allows: {joined(rule.get('verbs'))} on {joined(rule.get('resources') or rule.get('nonResourceURLs'))}"
        + (f" of {joined(rule['apiGroups'])}" if rule.get("apiGroups") else "")
        for rule in obj.get("rules") or ()
    ]


SPECIALISTS: dict[str, Callable[[Json], Lines]] = {
    "Deployment": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "ReplicaSet": _workload,
    "Pod": _pod,
    "Service": _service,
    "Ingress": _ingress,
    "HorizontalPodAutoscaler": _autoscaler,
    "PersistentVolumeClaim": _claim,
    "Node": _node,
    "Job": _job,
    "CronJob": _cron_job,
    "ConfigMap": _config_map,
    "Secret": _secret,
    "Role": _rules,
    "ClusterRole": _rules,
}
