"""Write TensorFlow Lite models of small architectures, and the inputs that the interpreter reports for them.

In an environment with tensorflow-cpu 2.21: python tests/models/tflite/make.py
"""

import sys
from pathlib import Path

import tensorflow as tf

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import suite  # noqa: E402


def convert(function, *specs, **options):
    concrete = tf.function(function).get_concrete_function(*specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    for name, value in options.items():
        setattr(converter, name, value)
    return converter.convert()


def quantized(model):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([tf.random.stateless_uniform([1, 16, 16, 3], [n, 0])] for n in range(4))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def models():
    spec = tf.TensorSpec
    kernel = tf.random.stateless_normal([3, 3, 3, 4], [1, 2])
    yield (
        "image",
        convert(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"), spec([1, 224, 224, 3], tf.float32, name="input")),
    )
    yield (
        "batch-open",
        convert(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"), spec([None, 32, 32, 3], tf.float32, name="x")),
    )
    dynamic = tf.keras.Input((None, None, 3), name="dyn")
    convolved = tf.keras.Model(dynamic, tf.keras.layers.Conv2D(1, 1)(dynamic))
    yield "image-open", tf.lite.TFLiteConverter.from_keras_model(convolved).convert()
    yield (
        "pair",
        convert(
            lambda a, b: tf.cast(a, tf.float32) + b,
            spec([1, 8], tf.int32, name="a"),
            spec([1, 8], tf.float32, name="b"),
        ),
    )
    yield "scalar", convert(lambda x: x + 1.0, spec([], tf.float32, name="x"))
    yield (
        "weights",
        convert(lambda x: tf.matmul(x, tf.fill([500, 300], 0.25)), spec([1, 500], tf.float32, name="features")),
    )
    for kind in (tf.int64, tf.bool, tf.uint8, tf.int16):
        yield f"type-{kind.name}", convert(lambda x: tf.reshape(x, [-1]), spec([2, 3], kind, name="x"))
    layers = [tf.keras.Input((16, 16, 3)), tf.keras.layers.Conv2D(4, 3), tf.keras.layers.GlobalAveragePooling2D()]
    model = tf.keras.Sequential(layers)
    yield "keras", tf.lite.TFLiteConverter.from_keras_model(model).convert()
    yield "int8", quantized(model)


def answer(data):
    from tensorflow.lite.python import schema_py_generated as schema

    details = sorted(tf.lite.Interpreter(model_content=data).get_input_details(), key=lambda detail: detail["index"])
    order = list(schema.Model.GetRootAs(data, 0).Subgraphs(0).InputsAsNumpy())
    details.sort(key=lambda detail: order.index(detail["index"]))
    model = schema.Model.GetRootAs(data, 0)
    inputs = []
    for detail in details:
        dims = [int(size) if size > 0 else None for size in detail["shape_signature"]]
        inputs.append({"name": detail["name"], "element_type": tf.as_dtype(detail["dtype"]).name, "dims": dims})
    return {"format_version": f"TFLite {model.Version()}", "producer": model.Description().decode(), "inputs": inputs}


def main():
    files, answers = {}, {}
    for name, data in models():
        files[name] = {"model.tflite": data}
        answers[name] = answer(data)
    suite.write(HERE, files, answers)


if __name__ == "__main__":
    main()
