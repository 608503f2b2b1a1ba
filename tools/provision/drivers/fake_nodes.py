"""Nodes that exist only as objects, kept alive by kwok: for tests of scale."""

from typing import Any

ANNOTATION = "kwok.x-k8s.io/node"


def manifest(count: int, first: int = 0) -> dict[str, Any]:
    """A list of `count` nodes that ordinary pods stay away from (they carry a taint)."""
    return {"apiVersion": "v1", "kind": "List", "items": [_node(f"fake-{first + i:03d}") for i in range(count)]}


def _node(name: str) -> dict[str, Any]:
    size = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {ANNOTATION: "fake"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {"taints": [{"key": ANNOTATION, "value": "fake", "effect": "NoSchedule"}]},
        "status": {"allocatable": size, "capacity": size},
    }
