"""Measures the processor time of processes, and gives one the share of a core that it would have on Lambda."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# Lambda measures a function's share of a core over periods of this many seconds.
PERIOD = 0.02
POLL = 0.001


def read_processor_time(process: int) -> float:
    """Returns the seconds that all threads of a process have run."""
    return time.clock_gettime(~process << 3 | 2)  # as clock_getcpuclockid(3) of Linux computes it


def read_children_time(process: int) -> float:
    """Returns the seconds that the children of a process have run, also those that have ended."""
    processes = [read_status(file) for file in Path("/proc").glob("[0-9]*/stat")]
    ticks = sum(sum(times) for pid, parent, times, _ in processes if parent == process)
    ticks += sum(sum(ended) for pid, _, _, ended in processes if pid == process)
    return ticks / os.sysconf("SC_CLK_TCK")


def read_status(file: Path) -> tuple[int, int, list[int], list[int]]:
    """Returns of a process: its number, that of its parent, its times and those of its ended children, in ticks."""
    try:
        pid, _, rest = file.read_text().partition(" ")
    except OSError:  # it has ended
        return 0, 0, [], []
    fields = rest.rpartition(")")[2].split()  # proc(5), from the third field on
    return int(pid), int(fields[1]), [int(one) for one in fields[11:13]], [int(one) for one in fields[13:15]]


@contextlib.contextmanager
def limit_processor(process: int, share: float) -> Iterator[None]:
    """Stops a process for the rest of each period in which it has used its share of a core.

    Time that it waits, for the network for example, does not count.
    """
    finished = threading.Event()

    def stop_and_continue() -> None:
        with contextlib.suppress(OSError):  # the process has ended
            run_periods()

    def run_periods() -> None:
        overrun = 0.0
        while not finished.is_set():
            end, before = time.perf_counter() + PERIOD, read_processor_time(process)
            budget = share * PERIOD - overrun
            while (remaining := end - time.perf_counter()) > 0 and not finished.is_set():
                if read_processor_time(process) - before >= budget:
                    os.kill(process, signal.SIGSTOP)
                    time.sleep(remaining)
                    os.kill(process, signal.SIGCONT)
                    break
                time.sleep(min(POLL, remaining))
            overrun = max(0.0, read_processor_time(process) - before - budget)

    if share >= 1:
        yield
        return
    thread = threading.Thread(target=stop_and_continue)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
