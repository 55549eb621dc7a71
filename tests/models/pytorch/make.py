"""Write PyTorch files: TorchScript, which Neo loads, and pickles and exported programs, which it does not.

In an environment with torch: python tests/models/pytorch/make.py
"""

import sys
import tempfile
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import suite  # noqa: E402


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x).mean()


def files():
    torch.manual_seed(1)
    net, example = Net().eval(), torch.zeros(1, 3, 8, 8)
    yield "traced", lambda path: torch.jit.trace(net, example).save(path)
    yield "scripted", lambda path: torch.jit.script(net).save(path)
    yield "frozen", lambda path: torch.jit.freeze(torch.jit.script(net)).save(path)
    yield "state-dict", lambda path: torch.save(net.state_dict(), path)
    yield "state-dict-legacy", lambda path: torch.save(net.state_dict(), path, _use_new_zipfile_serialization=False)
    yield "module", lambda path: torch.save(net, path)
    program = torch.export.export(net, (example,))
    for node in program.graph.nodes:
        # Stack traces contain paths of the local machine.
        node.meta.pop("stack_trace", None)
    yield "exported", lambda path: torch.export.save(program, path)


def without_sources(path):
    """The same file without TorchScript's source locations for stack traces, which are local paths."""
    data = Path(path).read_bytes()
    if not zipfile.is_zipfile(path):
        return data
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path + ".new", "w") as new:
        for entry in old.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
    return Path(path + ".new").read_bytes()


def answer(path):
    try:
        torch.jit.load(path)
    except Exception:
        return None
    with zipfile.ZipFile(path) as archive:
        version = next(name for name in archive.namelist() if name.endswith("/version") and ".data" not in name)
        return {
            "format_version": f"TorchScript {archive.read(version).decode().strip()}",
            "producer": None,
            "inputs": [],
        }


def main():
    models, answers = {}, {}
    for name, write in files():
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "model.pt"
            write(str(path))
            path.write_bytes(without_sources(str(path)))
            models[name] = {"model.pt": path.read_bytes()}
            answers[name] = answer(str(path))
    suite.write(HERE, models, answers)


if __name__ == "__main__":
    main()
