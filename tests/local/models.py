"""Real models to upload, from the PyPI package `onnx`."""

import gzip
import io
import tarfile
from importlib.util import find_spec
from pathlib import Path


def read_light_model(name: str) -> bytes:
    """Reads a model of the ONNX model zoo whose weights are generated (`light_<name>.onnx`)."""
    package = find_spec("onnx")
    assert package is not None and package.origin is not None
    folder = Path(package.origin).parent / "backend" / "test" / "data" / "light"
    return (folder / f"light_{name}.onnx").read_bytes()


def read_input_shapes(model: bytes) -> dict[str, list[int]]:
    """Returns the inputs that `onnx` reports, without those that an initializer provides."""
    import onnx

    graph = onnx.load_model_from_string(model).graph
    provided = {initializer.name for initializer in graph.initializer}
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in graph.input
        if value.name not in provided
    }


def build_archive(**members: bytes) -> bytes:
    """Builds a reproducible model.tar.gz, for example `build_archive(**{"model.onnx": model})`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
