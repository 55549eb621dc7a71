"""Kills running functions, as an out-of-memory kill, a crash or a lost host does."""

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
    """Kills a function process every few seconds.

    Kills only processes that this stack's MiniStack started.
    """

    def __init__(self, stack: Stack, seconds: float, seed: int = 1) -> None:
        self._ministack = int((stack.state / "ministack.pid").read_text())
        self._log: Path = stack.state / "logs" / "ministack.log"
        self._seconds, self._random = seconds, random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._kill_periodically, daemon=True)
        self._lost_at_start = self._count_lost_batches()
        self.killed = 0

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def batches_lost(self) -> int:
        """Number of batches whose function was killed before it returned."""
        return self._count_lost_batches() - self._lost_at_start

    def _count_lost_batches(self) -> int:
        return self._log.read_text(errors="replace").count(BATCH_LOST)

    def _kill_periodically(self) -> None:
        while not self._ended.wait(self._seconds):
            if functions := self._list_functions():
                try:
                    os.kill(self._random.choice(functions), signal.SIGKILL)
                    self.killed += 1
                except ProcessLookupError:
                    continue  # it has already exited

    def _list_functions(self) -> list[int]:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        processes = (line.split(None, 2) for line in listed.stdout.splitlines())
        return [
            int(pid)
            for pid, parent, *args in processes
            if int(parent) == self._ministack and args and Path(args[0]).parent == target_dir()
        ]
