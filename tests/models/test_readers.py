"""Generated models, read by `automation inspect` and by the format's own package: both must find the same inputs.

Each test generates its models from a seed that it prints. To repeat a run, set READERS_SEED.
"""

import io
import json
import os
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import h5py
import numpy as np
import onnx
import pytest
import tflite
from onnx import TensorProto, helper

from tests.local.binaries import target_dir

MODELS = 150

Inputs = list[dict[str, Any]]

NAMES = ["x", "input_1", "data", "serving_default_x:0", "images/0", "Eingänge", "入力", "a b", "x.1", "past.0.key", "*"]
DIMENSIONS = ["N", "batch", "seq_len", "h // 2", "Max(1, s0)", "größe", "{n}", "a, b"]


@pytest.fixture
def rng() -> random.Random:
    seed = os.environ.get("READERS_SEED") or str(random.SystemRandom().getrandbits(32))
    print(f"READERS_SEED={seed}")
    return random.Random(seed)


def inspect_file(name: str, data: bytes) -> dict[str, Any]:
    """Returns what `automation inspect` says about an archive with this file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    command = [str(target_dir() / "automation"), "inspect", "-", "--json"]
    result = subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=False)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def compare(name: str, data: bytes, expected: Inputs, known_codes: set[str] = frozenset()) -> None:
    """Compares the inputs in an archive with those that the format's package reads."""
    inspection = inspect_file(name, data)
    codes = {problem["code"] for problem in inspection["problems"]} - known_codes
    assert codes == set(), inspection["problems"]
    model = inspection["model"]
    assert model["read"], inspection["warnings"]
    found = [{key: each[key] for key in ("name", "element_type", "dims")} for each in model["inputs"]]
    assert found == expected


def choose_names(rng: random.Random, count: int) -> list[str]:
    names = [rng.choice(NAMES) + str(rng.randrange(1000)) * rng.randrange(2) for _ in range(count * 4)]
    return list(dict.fromkeys(names))[:count]


# ONNX

# Names that onnx and this project share; the rest are left to the reference suite.
ONNX_TYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}


def make_onnx(rng: random.Random) -> bytes:
    """Returns a graph with inputs of all kinds, some of which are weights, and with what may be between them."""
    names = choose_names(rng, rng.randint(2, 9))
    inputs, weights, sparse, nodes = [], [], [], []
    for at, name in enumerate(names):
        shape: list[Any] | None = [
            rng.choice([rng.randint(1, 9), rng.choice(DIMENSIONS), None]) for _ in range(rng.randrange(5))
        ]
        is_weight = at > 0 and rng.random() < 0.4
        if is_weight:
            shape = [rng.randint(1, 4)]
            values = np.zeros(shape, np.float32)
            if rng.random() < 0.2:
                entries = helper.make_tensor(name, TensorProto.FLOAT, [1], [1.0])
                sparse.append(
                    helper.make_sparse_tensor(entries, helper.make_tensor("", TensorProto.INT64, [1], [0]), shape)
                )
            else:
                weights.append(onnx.numpy_helper.from_array(values, name))
        elif rng.random() < 0.1:
            shape = None
        # Since IR version 4, weights need not be inputs.
        if not is_weight or rng.random() < 0.6:
            kind = TensorProto.FLOAT if is_weight else rng.choice(list(ONNX_TYPES))
            inputs.append(helper.make_tensor_value_info(name, kind, shape, doc_string="text" * rng.randrange(2)))
        nodes.append(
            helper.make_node("Identity", [name], [f"out{at}"], name=f"n{at}", doc_string="x" * rng.randrange(300))
        )
    rng.shuffle(inputs)
    output = helper.make_tensor_value_info("out0", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", inputs, [output], weights, sparse_initializer=sparse)
    opsets = [helper.make_opsetid("", rng.randint(7, 24)), helper.make_opsetid("ai.onnx.ml", 2)][: rng.randint(1, 2)]
    model = helper.make_model(
        graph, opset_imports=opsets, ir_version=rng.randint(4, 13), producer_name=rng.choice(["", "made here"])
    )
    for key in range(rng.randrange(3)):
        model.metadata_props.add(key=str(key), value="v" * rng.randrange(2000))
    return model.SerializeToString()


def read_onnx(data: bytes) -> Inputs:
    graph = onnx.load_from_string(data).graph
    weights = {each.name for each in graph.initializer} | {each.values.name for each in graph.sparse_initializer}

    def read_dimension(dimension: Any) -> int | str | None:
        kind = dimension.WhichOneof("value")
        return getattr(dimension, kind) if kind else None

    return [
        {
            "name": each.name,
            "element_type": ONNX_TYPES[each.type.tensor_type.elem_type],
            "dims": [read_dimension(dim) for dim in each.type.tensor_type.shape.dim]
            if each.type.tensor_type.HasField("shape")
            else None,
        }
        for each in graph.input
        if each.name not in weights
    ]


# TensorFlow Lite

TFLITE_TYPES = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.FLOAT16: "float16",
}


def make_tflite(rng: random.Random) -> bytes:
    """Returns a model with one subgraph, whose tensors are written in any order, with or without optional fields."""
    builder = flatbuffers.Builder(rng.choice([0, 64, 4096]))
    builder.ForceDefaults(rng.random() < 0.2)

    def make_vector(numbers: list[int]) -> int:
        builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            builder.PrependInt32(number)
        return builder.EndVector()

    def make_tensor(name: str) -> int:
        shape = [rng.randint(1, 64) for _ in range(rng.randrange(5))]
        signature = [-1 if rng.random() < 0.3 else size for size in shape]
        shape = [1 if size == -1 else number for number, size in zip(shape, signature, strict=True)]
        text, dims = builder.CreateString(name), make_vector(shape)
        dynamic = make_vector(signature) if -1 in signature or rng.random() < 0.3 else None
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, dims)
        tflite.TensorAddName(builder, text)
        tflite.TensorAddType(builder, rng.choice(list(TFLITE_TYPES)))
        if dynamic:
            tflite.TensorAddShapeSignature(builder, dynamic)
        tflite.TensorAddHasRank(builder, True)
        return tflite.TensorEnd(builder)

    tensors = [make_tensor(name) for name in choose_names(rng, rng.randint(2, 8))]
    builder.StartVector(4, len(tensors), 4)
    for tensor in reversed(tensors):
        builder.PrependUOffsetTRelative(tensor)
    tensor_vector = builder.EndVector()
    inputs = make_vector(rng.sample(range(len(tensors)), rng.randint(1, len(tensors) - 1)))
    outputs = make_vector([len(tensors) - 1])
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    subgraph = tflite.SubGraphEnd(builder)
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    description = builder.CreateString("made here")
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddDescription(builder, description)
    tflite.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def read_tflite(data: bytes) -> Inputs:
    subgraph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    found = []
    for at in range(subgraph.InputsLength()):
        tensor = subgraph.Tensors(subgraph.Inputs(at))
        signature = [tensor.ShapeSignature(each) for each in range(tensor.ShapeSignatureLength())]
        shape = signature or [tensor.Shape(each) for each in range(tensor.ShapeLength())]
        dims = [None if size == -1 else size for size in shape]
        found.append({"name": tensor.Name().decode(), "element_type": TFLITE_TYPES[tensor.Type()], "dims": dims})
    return found


# Keras: the configuration in an HDF5 file

KERAS_TYPES = ["float32", "float16", "int32", "int64", "uint8", "bool"]


def make_keras(rng: random.Random) -> bytes:
    """Returns a functional model with several inputs, in HDF5 files of all kinds that h5py writes for it."""
    layers = []
    for name in choose_names(rng, rng.randint(1, 6)):
        shape = [None] + [rng.choice([None, rng.randint(1, 64)]) for _ in range(rng.choice([1, 1, 2, 3]))]
        config = {"batch_input_shape": shape, "dtype": rng.choice(KERAS_TYPES), "sparse": False, "name": name}
        layers.append({"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []})
    inputs = [[layer["name"], 0, 0] for layer in layers]
    for at in range(rng.randrange(30)):
        inbound = [[[rng.choice(layers)["name"], 0, 0, {}]]]
        config = {"name": f"dense_{at}", "units": 3, "activation": "relu" * rng.randrange(20)}
        layers.append({"class_name": "Dense", "config": config, "name": f"dense_{at}", "inbound_nodes": inbound})
    rng.shuffle(layers)
    config = {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": []}
    text = json.dumps({"class_name": "Model", "config": config}, ensure_ascii=rng.random() < 0.5)

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=rng.choice(["earliest", ("earliest", "v108")])) as file:
        attributes: list[Callable[[], None]] = [
            lambda: file.attrs.__setitem__("keras_version", rng.choice(["2.2.4", np.bytes_(b"2.2.4")])),
            lambda: file.attrs.__setitem__("backend", "tensorflow"),
            lambda: file.attrs.__setitem__("model_config", rng.choice([text, np.bytes_(text.encode())])),
        ]
        rng.shuffle(attributes)
        for set_attribute in attributes:
            set_attribute()
        weights = file.create_group("model_weights")
        for at in range(rng.randrange(20)):
            chunks = rng.choice([None, (4, 4)])
            weights.create_dataset(f"dense_{at}/kernel", data=np.zeros((8, 8), np.float32), chunks=chunks)
    return buffer.getvalue()


def read_keras(data: bytes) -> Inputs:
    with h5py.File(io.BytesIO(data)) as file:
        text = file.attrs["model_config"]
    config = json.loads(text)["config"]
    layers = {layer["name"]: layer["config"] for layer in config["layers"]}
    found = []
    for name, _, _ in config["input_layers"]:
        shape = layers[name]["batch_input_shape"]
        # SageMaker Neo takes the shapes of images with the channels first.
        dims = [shape[0], shape[-1], *shape[1:-1]] if len(shape) == 4 else shape
        found.append({"name": name, "element_type": layers[name]["dtype"], "dims": dims})
    return found


@pytest.mark.parametrize(
    ("name", "make", "read", "known"),
    [
        ("model.onnx", make_onnx, read_onnx, set()),
        ("model.tflite", make_tflite, read_tflite, set()),
        ("model.h5", make_keras, read_keras, set()),
    ],
    ids=["onnx", "tflite", "keras"],
)
def test_inputs_are_those_of_the_formats_own_reader(
    rng: random.Random,
    tmp_path: Path,
    name: str,
    make: Callable[..., bytes],
    read: Callable[..., Inputs],
    known: set[str],
) -> None:
    for at in range(MODELS):
        data = make(rng)
        expected = read(data)
        (tmp_path / name).write_bytes(data)
        print(f"model {at}, kept as {tmp_path / name}")
        compare(name, data, expected, known)


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_inputs_of_several_tensors_are_a_problem(kind: str) -> None:
    layer = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 4], kind: True}}
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
    problems = inspect_file("model.h5", buffer.getvalue())["problems"]
    assert [problem["code"] for problem in problems] == ["input-not-tensor"]
