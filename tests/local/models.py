"""Real models to upload: those that come with the PyPI package `onnx`."""

import gzip
import io
import tarfile
from importlib.util import find_spec
from pathlib import Path


def light_model(name: str) -> bytes:
    """An exported model of the ONNX model zoo, its weights replaced by a generator (`light_<name>.onnx`)."""
    package = find_spec("onnx")
    assert package is not None and package.origin is not None
    folder = Path(package.origin).parent / "backend" / "test" / "data" / "light"
    return (folder / f"light_{name}.onnx").read_bytes()


def input_shapes(model: bytes) -> dict[str, list[int]]:
    """The inputs that the `onnx` package reports: those that no initializer provides."""
    import onnx

    graph = onnx.load_model_from_string(model).graph
    provided = {initializer.name for initializer in graph.initializer}
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in graph.input
        if value.name not in provided
    }


def archive(**members: bytes) -> bytes:
    """A model.tar.gz of these members, the same bytes every time: `archive(**{"model.onnx": model})`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
