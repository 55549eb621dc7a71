"""Write Keras HDF5 files of small architectures, and the inputs that Keras reports for them.

In an environment with tensorflow-cpu 2.21, keras 3.15 and tf_keras 2.21 (Keras 2): python tests/models/keras/make.py
"""

import sys
import tempfile
from pathlib import Path

import h5py
import keras as keras3
import tf_keras as keras2

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import suite  # noqa: E402


def architectures(keras):
    layers = keras.layers

    yield (
        "sequential",
        keras.Sequential(
            [layers.Input((32, 32, 3), name="image"), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)]
        ),
    )

    first, second = layers.Input((28, 28, 1), name="left"), layers.Input((28, 28, 1), name="right", dtype="float16")
    both = layers.Concatenate()([layers.Flatten()(first), layers.Flatten()(second)])
    yield "two-images", keras.Model([second, first], layers.Dense(2)(both))

    tokens = layers.Input((None,), name="tokens", dtype="int32")
    yield "tokens", keras.Model(tokens, layers.GlobalAveragePooling1D()(layers.Embedding(10, 4)(tokens)))

    fixed = layers.Input(batch_shape=(1, 64, 48, 3), name="fixed")
    inner = keras.Sequential([layers.Input((64, 48, 3), name="hidden"), layers.Conv2D(2, 3)], name="inner")
    yield "nested", keras.Model(fixed, layers.GlobalAveragePooling2D()(inner(fixed)))

    volume = layers.Input((8, 9, 10, 2), name="volume")
    yield "volume", keras.Model(volume, layers.Conv3D(2, 3)(volume))

    first = layers.Input((3, 16, 16), name="channels_first_image")
    yield (
        "channels-first",
        keras.Model(first, layers.Permute((2, 3, 1))(layers.ZeroPadding2D(1, data_format="channels_first")(first))),
    )

    yield "unnamed", keras.Sequential([layers.Input((6,)), layers.Dense(3)])

    deep = x = layers.Input((16, 16, 3), name="deep")
    for number in range(150):
        x = layers.ReLU(name=f"a_layer_with_a_rather_long_name_{number}")(x)
    yield "deep", keras.Model(deep, layers.Conv2D(2, 3)(x))


def input_names(keras, model):
    if keras is keras2:
        return model.input_names
    return [tensor._keras_history.operation.name for tensor in model.inputs]


def answer(keras, path):
    model = keras.models.load_model(path, compile=False)
    with h5py.File(path) as file:
        config, version = file.attrs["model_config"], file.attrs["keras_version"]
    text = config if isinstance(config, str) else config.decode()
    version = version if isinstance(version, str) else version.decode()
    inputs = []
    for name, tensor in zip(input_names(keras, model), model.inputs, strict=True):
        dims = [size or None for size in tensor.shape]
        # Neo expects images as NCHW, whatever the layout in the file.
        if len(dims) in (4, 5) and 'channels_first"' not in text:
            dims.insert(1, dims.pop())
        dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
        inputs.append({"name": name, "element_type": dtype, "dims": dims})
    return {"format_version": None, "producer": f"keras {version}", "inputs": inputs}


def main():
    files, answers = {}, {}
    for keras, generation in ((keras2, "keras2"), (keras3, "keras3")):
        keras.utils.set_random_seed(1)
        for name, model in architectures(keras):
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / "model.h5"
                model.save(path) if keras is keras3 else model.save(path, save_format="h5")
                files[f"{generation}-{name}"] = {"model.h5": path.read_bytes()}
                answers[f"{generation}-{name}"] = answer(keras, path)
    suite.write(HERE, files, answers)

    (HERE / "refused").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        _, model = next(architectures(keras2))
        model.save_weights(Path(temporary) / "weights.h5", save_format="h5")
        (HERE / "refused" / "weights.h5").write_bytes((Path(temporary) / "weights.h5").read_bytes())
        with h5py.File(Path(temporary) / "data.h5", "w") as file:
            file["numbers"] = [1, 2, 3]
        (HERE / "refused" / "data.h5").write_bytes((Path(temporary) / "data.h5").read_bytes())
    # The same attributes in the latest encoding of HDF5, and among more attributes than fit into an
    # object header.
    for name, count in (("latest.h5", 0), ("dense.h5", 40)):
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / name
            with h5py.File(path, "w", libver="latest") as file:
                file.attrs["keras_version"] = "2.9.0"
                file.attrs["model_config"] = (
                    '{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": '
                    '{"batch_input_shape": [null, 8, 8, 3], "dtype": "float32", "name": "latest"}}]}}'
                )
                for number in range(count):
                    file.attrs[f"extra_{number}"] = number
            (HERE / "refused" / name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
