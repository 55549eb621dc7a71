"""Write MXNet models of small architectures, and the arguments that MXNet reports for them.

In an environment with mxnet 1.9.1 and numpy 1.23: python tests/models/mxnet/make.py
"""

import sys
import tempfile
from pathlib import Path

import mxnet as mx
import numpy
from mxnet.gluon import nn

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import suite  # noqa: E402


def gluon(*shapes, layers=None):
    net = nn.HybridSequential()
    net.add(*(layers or [nn.Conv2D(4, 3), nn.BatchNorm(), nn.Dense(2)]))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    net(*[mx.nd.zeros(shape) for shape in shapes])

    def write(folder):
        net.export(str(folder / "net"))

    return write


def symbol(build, labels=True, **shapes):
    def write(folder):
        output = build()
        names = set(shapes)
        module = mx.mod.Module(
            output, data_names=sorted(names - {"softmax_label"}), label_names=["softmax_label"] if labels else None
        )
        data = [(name, shape) for name, shape in sorted(shapes.items()) if name != "softmax_label"]
        label = [("softmax_label", shapes["softmax_label"])] if labels else None
        module.bind(data, label)
        module.init_params(mx.init.Xavier())
        module.save_checkpoint(str(folder / "net"), 0)

    return write


def classifier():
    data = mx.sym.Variable("data", shape=(1, 3, 32, 32), dtype="float32")
    flat = mx.sym.Flatten(mx.sym.Convolution(data, num_filter=4, kernel=(3, 3), name="conv"))
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(flat, num_hidden=2, name="fc"), name="softmax")


def two():
    b = mx.sym.Variable("b", shape=(2, 5))
    a = mx.sym.Variable("a", shape=(2, 0))
    return mx.sym.FullyConnected(mx.sym.concat(b, a, dim=1), num_hidden=2, name="fc")


def models():
    yield "gluon", gluon((1, 3, 16, 16))
    yield "gluon-dense", gluon((1, 7), layers=[nn.Dense(3, activation="relu"), nn.Dense(2)])
    yield "classifier", symbol(classifier, data=(1, 3, 32, 32), softmax_label=(1,))
    yield "two", symbol(two, labels=False, a=(2, 3), b=(2, 5))


def answer(folder):
    output = mx.sym.load(str(folder / "net-symbol.json"))
    weights = {name.split(":", 1)[1] for name in mx.nd.load(str(folder / "net-0000.params"))}
    inputs = []
    for name in output.list_arguments():
        if name in weights or name.endswith("label"):
            continue
        attributes = output.attr_dict().get(name, {})
        shape = attributes.get("__shape__")
        dims = None if shape is None else [size or None for size in eval(shape, {})]
        dtype = numpy.dtype(mx.ndarray.ndarray._DTYPE_MX_TO_NP[int(attributes.get("__dtype__", 0))]).name
        inputs.append({"name": name, "element_type": dtype, "dims": dims})
    return {"format_version": None, "producer": f"mxnet {mx.__version__}", "inputs": inputs}


def main():
    mx.random.seed(1)
    numpy.random.seed(1)
    files, answers = {}, {}
    for name, write in models():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write(folder)
            files[name] = suite.members(folder)
            answers[name] = answer(folder)
    suite.write(HERE, files, answers)


if __name__ == "__main__":
    main()
