"""Write suite.tar.gz, the ONNX models of the tests, and suite.json, what the package `onnx` reports for them.

Run with the project's tools: .venv/bin/python tests/models/onnx/make.py
"""

import gzip
import io
import json
import tarfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent
SHIPPED = Path(onnx.__file__).parent / "backend" / "test" / "data"

NAMES = {"FLOAT": "float32", "DOUBLE": "float64", "UNDEFINED": "unknown"}
KINDS = {
    "sequence_type": "sequence",
    "map_type": "map",
    "sparse_tensor_type": "sparse tensor",
    "optional_type": "optional",
}


def tensor(name, shape=("N", 3, 8, 8), elem_type=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, elem_type, shape)


def model(inputs, initializers=(), sparse=(), ir_version=8, opsets=(("", 17),), nodes=None, **fields):
    output = tensor("out", None)
    nodes = nodes or [helper.make_node("Identity", [inputs[0].name if inputs else "w"], ["out"])]
    graph = helper.make_graph(nodes, "graph", inputs, [output], list(initializers), sparse_initializer=list(sparse))
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    return helper.make_model(graph, ir_version=ir_version, opset_imports=imports, **fields)


def weight(name, size=6):
    return helper.make_tensor(name, TensorProto.FLOAT, [size], [0.5] * size)


def sparse_weight(name):
    values = helper.make_tensor(name, TensorProto.FLOAT, [2], [1.0, 2.0])
    indices = helper.make_tensor("indices", TensorProto.INT64, [2], [0, 3])
    return helper.make_sparse_tensor(values, indices, [6])


def made():
    """Models with one feature each that the models of the package lack."""
    yield "symbolic", model([tensor("images", ("batch", 3, "height", "width"))])
    yield "missing-dimension", model([tensor("images", (None, 3, 8, 8))])
    yield "zero-dimension", model([tensor("images", (0, 3, 8, 8))])
    yield "negative-dimension", model([tensor("images", (-1, 3, 8, 8))])
    yield "scalar", model([tensor("x", ())])
    yield "no-shape", model([tensor("x", None)])
    yield (
        "several-inputs",
        model([tensor("b"), tensor("a", (1,), TensorProto.INT64), tensor("c", (2, "N"), TensorProto.FLOAT16)]),
    )
    yield (
        "weights-among-inputs",
        model([tensor("w", (6,)), tensor("x"), tensor("v", (6,))], [weight("v"), weight("w")], ir_version=3),
    )
    yield "weights-apart", model([tensor("x")], [weight("w", 5000)])
    yield "sparse-weights", model([tensor("w", (6,)), tensor("x")], sparse=[sparse_weight("w")])
    yield "domains", model([tensor("x")], opsets=(("", 13), ("ai.onnx.ml", 2), ("com.microsoft", 1)))
    yield "producer", model([tensor("x")], producer_name="pytorch", producer_version="2.1.0", doc_string="d" * 9000)
    yield "unicode", model([tensor("entrée 1", ("größe", 3))])
    yield "typeless", model([onnx.ValueInfoProto(name="x")])
    types = [value for value in TensorProto.DataType.values() if value != TensorProto.UNDEFINED]
    yield "element-types", model([tensor(f"x{value}", (1, 2), value) for value in types])
    late = model([tensor("w", (6,)), tensor("x")], [weight("w")], ir_version=3)
    yield "inputs-first", inputs_before_initializers(late)


def inputs_before_initializers(proto):
    """The same model with the fields of its graph in reverse order, which protobuf allows."""
    graph, rest = onnx.GraphProto(), onnx.GraphProto()
    rest.CopyFrom(proto.graph)
    graph.input.extend(proto.graph.input)
    del rest.input[:]
    body = graph.SerializeToString() + rest.SerializeToString()
    shell = onnx.ModelProto()
    shell.CopyFrom(proto)
    shell.ClearField("graph")
    return shell.SerializeToString() + b"\x3a" + varint(len(body)) + body


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def element_type(value):
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return KINDS.get(kind, "unknown")
    name = TensorProto.DataType.Name(value.type.tensor_type.elem_type)
    return NAMES.get(name, name.lower())


def dims(value):
    if value.type.WhichOneof("value") != "tensor_type" or not value.type.tensor_type.HasField("shape"):
        return None
    sizes = []
    for dim in value.type.tensor_type.shape.dim:
        size = getattr(dim, dim.WhichOneof("value")) if dim.WhichOneof("value") else None
        sizes.append(None if isinstance(size, int) and size <= 0 else size or None)
    return sizes


def answer(data):
    proto = onnx.load_from_string(data)
    weights = {tensor.name for tensor in proto.graph.initializer}
    weights |= {tensor.values.name for tensor in proto.graph.sparse_initializer}
    opsets = [f"{opset.domain or 'opset'} {opset.version}" for opset in proto.opset_import]
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    return {
        "format_version": ", ".join([f"IR {proto.ir_version}", *opsets]),
        "producer": producer or None,
        "inputs": [
            {"name": value.name, "element_type": element_type(value), "dims": dims(value)}
            for value in proto.graph.input
            if value.name not in weights
        ],
    }


def main():
    models = {str(path.relative_to(SHIPPED)): path.read_bytes() for path in sorted(SHIPPED.rglob("*.onnx"))}
    for name, proto in made():
        models[f"made/{name}.onnx"] = proto if isinstance(proto, bytes) else proto.SerializeToString(deterministic=True)

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, data in models.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (HERE / "suite.tar.gz").write_bytes(gzip.compress(plain.getvalue(), 9, mtime=0))

    answers = {path: answer(data) for path, data in models.items()}
    lines = ",\n".join(
        f"{json.dumps(path)}: {json.dumps(found, ensure_ascii=False)}" for path, found in answers.items()
    )
    (HERE / "suite.json").write_text(f"{{\n{lines}\n}}\n")
    print(f"{len(models)} models")


if __name__ == "__main__":
    main()
