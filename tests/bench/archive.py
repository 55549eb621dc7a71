"""Writes the benchmark's archive: one ONNX model whose weights compress like trained ones.

python tests/bench/archive.py <file> <megabytes>
"""

import gzip
import sys
import tarfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Compressed size per byte of float32 weights around zero, with gzip.
COMPRESSION_RATIO = 0.926

# Shape of a layer's weights, as in the blocks of a vision transformer.
LAYER = (1280, 5120)


def build_model(megabytes: int) -> onnx.ModelProto:
    """Builds a chain of layers whose weights compress to about this many megabytes."""
    random = np.random.default_rng(1)
    layer_bytes = 4 * LAYER[0] * LAYER[1]
    count = round(megabytes * 1e6 / COMPRESSION_RATIO / layer_bytes)
    weights, nodes, value = [], [], "data"
    for number in range(count):
        values = random.standard_normal(LAYER, dtype=np.float32) * np.float32(0.02)
        weights.append(numpy_helper.from_array(values, f"layer{number}.weight"))
        nodes.append(helper.make_node("MatMul", [value, f"layer{number}.weight"], [f"layer{number}"]))
        value = f"layer{number}"
    data = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["batch", LAYER[0]])
    out = helper.make_tensor_value_info(value, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "bench", [data], [out], weights)
    return helper.make_model(graph, producer_name="bench", opset_imports=[helper.make_opsetid("", 17)])


def main(path: Path, megabytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx_file, part = path.with_suffix(".onnx"), path.with_suffix(".part")
    onnx.save(build_model(megabytes), onnx_file)
    # Level 6 is the default of `tar -z`; for weights, all levels compress alike.
    with gzip.open(part, "wb", compresslevel=6) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(onnx_file, "model.onnx")
    onnx_file.unlink()
    part.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
