"""What a node is, and what its machine has."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Tuple

EXTERNAL_SERVICE = "external_service"
EXECUTOR = "executor"

# Which task types a capability stands for.
TASK_TYPES = {
    "ml_training": ("external_ml", "ml_training"),
    "ml_inference": ("external_ml", "ml_inference"),
    "data_processing": ("external_processing", "data_processing"),
    "api_integration": ("external_api", "api_integration"),
    "database_operations": ("external_database", "database_operations"),
    "webhook_handling": ("external_webhook", "webhook_handling"),
    "file_processing": ("external_custom", "file_processing"),
    "custom_processing": ("external_custom", "custom_processing"),
}


def naive_now() -> str:
    """UTC in ISO 8601 without a zone, as the protocol writes times."""
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat()


def task_types_of(capabilities: List[str]) -> List[str]:
    """Each type once, in the order of the capabilities."""
    types: Dict[str, None] = {}
    for capability in capabilities:
        for name in TASK_TYPES.get(capability, ("external_custom", capability)):
            types[name] = None
    return list(types)


@dataclass
class NodeFacts:
    """How a node describes itself. The server compares `requirements` of tasks with it."""

    node_id: str
    name: str
    url: str
    token: Optional[str]
    kind: str = EXTERNAL_SERVICE
    capabilities: List[str] = field(default_factory=list)
    task_types: List[str] = field(default_factory=list)
    functions: Optional[List[str]] = None
    max_concurrent_tasks: int = 10
    heartbeat_seconds: float = 30.0
    ack_seconds: float = 10.0
    transports: Tuple[str, ...] = ("websocket", "polling")
    models: List[str] = field(default_factory=list)
    tags: List[str] = field(default_factory=list)
    has_gpu: bool = False

    @property
    def at_capacity(self) -> str:
        return "Service at capacity" if self.kind == EXTERNAL_SERVICE else "Node at capacity"

    def registration(self, active: List[Dict[str, Any]]) -> Dict[str, Any]:
        """The payload of `node:register`."""
        capabilities: Dict[str, Any] = {
            "task_types": self.task_types,
            "max_concurrent_tasks": self.max_concurrent_tasks,
            "available_models": self.models,
            "tags": self.tags,
            "has_gpu": self.has_gpu,
            "cpu_cores": os.cpu_count() or 1,
        }
        memory_gb = total_memory_gb()
        if memory_gb:
            capabilities["memory_gb"] = memory_gb
        if self.kind == EXTERNAL_SERVICE:
            capabilities["external_service"] = True
            capabilities["service_capabilities"] = self.capabilities
        if self.functions is not None:
            capabilities["functions"] = self.functions
        return {
            "node_id": self.node_id,
            "name": self.name,
            "node_type": self.kind,
            "capabilities": capabilities,
            "heartbeat_ms": int(self.heartbeat_seconds * 1000),
            "restart_aware": True,
            "active": active,
        }

    def heartbeat(self, active: List[Dict[str, Any]], running: int, figures: Dict[str, Any]) -> Dict[str, Any]:
        """The payload of `node:heartbeat`, in the form of services or of executor nodes."""
        beat: Dict[str, Any] = {
            "node_id": self.node_id,
            "node_type": self.kind,
            "active_tasks": running,
            "max_tasks": self.max_concurrent_tasks,
            "cpu_usage": cpu_percent(),
            "memory_usage": memory_percent(),
            "disk_usage": disk_percent(),
            "timestamp": naive_now(),
            "active": active,
            **figures,
        }
        if self.kind == EXTERNAL_SERVICE:
            beat["service_name"] = self.name
            beat["capabilities"] = self.capabilities
        return beat


def cpu_percent() -> float:
    """The load of the last minute as a share of all cores."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0
    return round(min(100.0 * load / (os.cpu_count() or 1), 100.0), 1)


def _memory() -> Dict[str, float]:
    """Kilobytes by name where the system has /proc."""
    found: Dict[str, float] = {}
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                name, _, rest = line.partition(":")
                if name in ("MemTotal", "MemAvailable"):
                    found[name] = float(rest.split()[0])
    except (OSError, ValueError, IndexError):
        return {}
    return found


def total_memory_gb() -> Optional[float]:
    total = _memory().get("MemTotal")
    return round(total / 1024 / 1024, 2) if total else None


def memory_percent() -> float:
    memory = _memory()
    total = memory.get("MemTotal")
    if not total:
        return 0.0
    return round(100.0 * (1.0 - memory.get("MemAvailable", total) / total), 1)


def disk_percent() -> float:
    try:
        disk = shutil.disk_usage(os.getcwd())
    except OSError:
        return 0.0
    return round(100.0 * disk.used / disk.total, 1) if disk.total else 0.0
