"""What the server holds, read from the system every few seconds, and whether that is flat."""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# What the store's cache (32 MiB), the figures of the last half hour and the allocator may still fill after the first
# quarter of a short run.
SETTLING_MB = 12
GROWTH = 1.05
# A service that comes while the one before it has not gone yet, and requests under way.
DESCRIPTORS_SLACK = 60


@dataclass
class Sample:
    second: float
    tasks: int
    open: int
    rss_mb: float
    descriptors: int
    threads: int
    log_mb: float
    store_mb: float

    def line(self) -> str:
        return (
            f"{self.second:7.0f} s  {self.tasks:9} tasks  {self.open:5} open  {self.rss_mb:7.1f} MB  "
            f"{self.descriptors:5} descriptors  {self.threads:3} threads  log {self.log_mb:8.1f} MB  "
            f"store {self.store_mb:7.1f} MB"
        )


def size_mb(folder: Path) -> float:
    """What the files take of the disk; they may go while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total / 1e6


def take(second: float, tasks: int, still_open: int, pid: int, data: Path) -> Sample:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Sample(
        second, tasks, still_open, int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]), size_mb(data / "log"), size_mb(data / "store"),
    )


def quarters(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The second and the last: the first is for whatever has to fill up once."""
    length = len(samples) // 4
    return samples[length : 2 * length], samples[3 * length :]


def verdict(samples: list[Sample]) -> tuple[list[str], list[str]]:
    """What is told, and what is not flat."""
    if len(samples) < 8:
        return [], [f"{len(samples)} samples are too few for a verdict"]
    early, late = quarters(samples)
    told, wrong = [], []
    for name, slack in (("rss_mb", SETTLING_MB), ("descriptors", DESCRIPTORS_SLACK), ("threads", 2)):
        before, after = (median(getattr(sample, name) for sample in part) for part in (early, late))
        told.append(f"{name}: {before:.1f} in the second quarter, {after:.1f} in the last")
        if after > before * GROWTH + slack:
            wrong.append(f"{name} is not flat: {before:.1f} in the second quarter, {after:.1f} in the last")
    for name in ("log_mb", "store_mb"):
        rates = []
        for part in (early, late):
            tasks = part[-1].tasks - part[0].tasks
            rates.append((getattr(part[-1], name) - getattr(part[0], name)) * 1e6 / max(tasks, 1))
        told.append(f"{name}: {rates[0]:.0f} bytes a task in the second quarter, {rates[1]:.0f} in the last")
        # Whole segments come and go; over a quarter of a run of minutes that is a good part of the growth.
        if rates[1] > rates[0] * 1.5 + 200:
            wrong.append(f"{name} grows by more and more: {rates[0]:.0f} bytes a task, then {rates[1]:.0f}")
    return told, wrong
