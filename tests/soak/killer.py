"""Kills functions while they work: as an out-of-memory kill, a crash or a lost host would."""

import os
import random
import signal
import subprocess
import threading
from pathlib import Path

from tests.local.binaries import target_dir
from tests.local.stack import Stack

BATCH_LOST = "failed processing SQS batch"


class Killer:
    """Kills a process of a function every few seconds; only processes that this stack's MiniStack started."""

    def __init__(self, stack: Stack, seconds: float, seed: int = 1) -> None:
        self._ministack = int((stack.state / "ministack.pid").read_text())
        self._log: Path = stack.state / "logs" / "ministack.log"
        self._seconds, self._random = seconds, random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._lost_before = self._lost()
        self.killed = 0

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def batches_lost(self) -> int:
        """Batches whose function was killed before it answered."""
        return self._lost() - self._lost_before

    def _lost(self) -> int:
        return self._log.read_text(errors="replace").count(BATCH_LOST)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            if functions := self._functions():
                try:
                    os.kill(self._random.choice(functions), signal.SIGKILL)
                    self.killed += 1
                except ProcessLookupError:
                    continue  # it ended by itself

    def _functions(self) -> list[int]:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        processes = (line.split(None, 2) for line in listed.stdout.splitlines())
        return [
            int(pid)
            for pid, parent, *args in processes
            if int(parent) == self._ministack and args and Path(args[0]).parent == target_dir()
        ]
