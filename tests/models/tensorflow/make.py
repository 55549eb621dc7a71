"""Write SavedModels and frozen graphs of small architectures, and the inputs that TensorFlow reports for them.

In an environment with tensorflow-cpu 2.21: python tests/models/tensorflow/make.py
"""

import sys
import tempfile
from pathlib import Path

import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import suite  # noqa: E402

v1 = tf.compat.v1
spec = tf.TensorSpec


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 4], [1, 2]), name="kernel")

    @tf.function
    def image(self, x):
        return tf.reduce_mean(tf.nn.conv2d(x, self.kernel, 1, "SAME"), [1, 2])

    @tf.function
    def pair(self, ids, mask):
        return tf.cast(ids, tf.float32) * mask

    @tf.function
    def any(self, x):
        return x * 2.0


def saved(net, signatures):
    def write(folder):
        tf.saved_model.save(net, str(folder), signatures)

    return write


def saved_models():
    net = Net()
    image = net.image.get_concrete_function(spec([None, 32, 32, 3], tf.float32, name="image"))
    fixed = net.image.get_concrete_function(spec([1, 224, 224, 3], tf.float32, name="x"))
    pair = net.pair.get_concrete_function(
        spec([1, None], tf.int64, name="ids"), spec([1, None], tf.float32, name="mask")
    )
    yield "batch-open", saved(net, image)
    yield "fixed", saved(net, {"serving_default": fixed})
    yield "pair", saved(net, {"serving_default": pair})
    yield "default-among-several", saved(net, {"classify": pair, "serving_default": image})
    yield "one-of-another-name", saved(net, {"classify": fixed})
    yield (
        "rank-unknown",
        saved(net, {"serving_default": net.any.get_concrete_function(spec(None, tf.float32, name="x"))}),
    )
    yield "scalar", saved(net, {"serving_default": net.any.get_concrete_function(spec([], tf.float32, name="x"))})

    inputs = [tf.keras.Input((28, 28, 1), name="picture"), tf.keras.Input((5,), name="features", dtype="float32")]
    merged = tf.keras.layers.Concatenate()([tf.keras.layers.Flatten()(inputs[0]), inputs[1]])
    keras = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(merged))
    yield "keras", lambda folder: keras.export(str(folder), verbose=False)

    yield "session", session_model


def session_model(folder):
    """A model as TensorFlow 1 saves it, with an explicit tag and signature."""
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
        w = v1.get_variable("w", [], tf.float32)
        y = tf.cast(x, tf.float32) * w
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"inputs": x}, {"outputs": y})


def signature(folder):
    with v1.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.load(session, ["serve"], str(folder))
    signatures = {key: value for key, value in meta.signature_def.items() if not key.startswith("__saved_model")}
    chosen = signatures.get("serving_default") or next(iter(signatures.values()))
    inputs = []
    for name, info in sorted(chosen.inputs.items()):
        inputs.append(answer(name, tf.DType(info.dtype), tf.TensorShape(info.tensor_shape), info.name))
    schema = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).saved_model_schema_version
    return {
        "format_version": f"SavedModel {schema}",
        "producer": f"tensorflow {meta.meta_info_def.tensorflow_version}",
        "inputs": inputs,
    }


def answer(name, dtype, shape, tensor=None):
    dims = None if shape.rank is None else [size or None for size in shape.as_list()]
    found = {"name": name, "element_type": dtype.name, "dims": dims}
    return found if tensor in (None, name) else {**found, "tensor": tensor}


def graphs():
    def graph(build):
        with v1.Graph().as_default() as graph:
            build()
        return graph.as_graph_def()

    def one():
        x = v1.placeholder(tf.float32, [1, 224, 224, 3], name="input")
        tf.nn.conv2d(x, tf.fill([3, 3, 3, 4], 0.5), 1, "SAME", name="conv")

    def several():
        b = v1.placeholder(tf.int32, [None, 7], name="b")
        a = v1.placeholder(tf.float16, [], name="a")
        rate = v1.placeholder_with_default(0.5, [], name="rate")
        tf.cast(b, tf.float16) * a * tf.cast(rate, tf.float16)

    def open_rank():
        tf.identity(v1.placeholder(tf.bool, None, name="scope/flags"), name="out")

    def constants():
        x = v1.placeholder(tf.float32, [None, 3000], name="x")
        tf.matmul(x, tf.constant([[0.25]] * 3000), name="y")

    yield "one", graph(one)
    yield "several", graph(several)
    yield "open-rank", graph(open_rank)
    yield "constants", graph(constants)


def placeholders(graph_def):
    with v1.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    inputs = [
        answer(op.name, op.outputs[0].dtype, op.outputs[0].shape)
        for op in graph.get_operations()
        if op.type == "Placeholder"
    ]
    return {"format_version": f"GraphDef {graph_def.versions.producer}", "producer": None, "inputs": inputs}


def main():
    models, answers = {}, {}
    for name, write in saved_models():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write(folder)
            answers[f"saved-{name}"] = answers[f"saved-{name}-text"] = signature(folder)
            models[f"saved-{name}"] = suite.members(folder)
            proto = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
            text = text_format.MessageToString(proto).encode()
            rest = {path: data for path, data in suite.members(folder).items() if path.startswith("variables/")}
            models[f"saved-{name}-text"] = {"saved_model.pbtxt": text, **rest}
    for name, graph_def in graphs():
        answers[f"graph-{name}"] = answers[f"graph-{name}-text"] = placeholders(graph_def)
        models[f"graph-{name}"] = {"frozen.pb": graph_def.SerializeToString(deterministic=True)}
        models[f"graph-{name}-text"] = {"frozen.pbtxt": text_format.MessageToString(graph_def).encode()}
    suite.write(HERE, models, answers)


if __name__ == "__main__":
    main()
