"""Write the seeds of the fuzzers, seeds/<target>/, from the reference models in tests/models.

Run with the project's tools: .venv/bin/python shared/model-archive/fuzz/seeds.py
Inputs that once found a bug are called found-*; they are kept.
"""

import gzip
import io
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
MODELS = HERE.parents[2] / "tests" / "models"

# Longer files slow a fuzzer down without new coverage. The files of these targets are all longer.
MOST_BYTES = {"savedmodel_text": 34_000, "graphdef_text": 41_000, "tflite": 2_000}
BYTES = 20_000
MOST_SEEDS = 24

DARKNET = {
    "classifier": b"[net]\nbatch=1\nsubdivisions=1\nheight=224\nwidth=224\nchannels=3\n\n[convolutional]\nfilters=16\n",
    "yolo": b"# detection\r\n[network]\r\nbatch = 64\r\nwidth = 416\r\nheight = 416\r\n\r\n[yolo]\r\nmask = 0,1,2\r\n",
}

WEIGHTS = {
    "version-1": b"\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0" + b"\x3d\xcc\xcc\xcd" * 20,
    "version-2": b"\0\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0" + b"\x3d\xcc\xcc\xcd" * 20,
}

# Formats that Neo does not take.
UNSUPPORTED = {
    "coreml": b"\x08\x07\x12\x05\x0a\x03\x0a\x01x\xa2\x1f\x00",
    "safetensors": b"\x08\0\0\0\0\0\0\0{}      ",
    "checkpoint-index": b"\0\0\x06\x08\x01\x1a\x02\x08\x01\0\x01",
    "checkpoint-graph": b"\x0a\x0b\x12\x09\x0a\x07\x0a\x05AddV2",
    "sentencepiece": b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02",
    "cntk": b"\x0a\x0d\x0a\x07version\x12\x02\x18\x01",
    "caffe": b"\x0a\x06ResNet\xa2\x06\x06\x0a\x04conv",
    "paddle": b"\x0a\x06\x08\0\x10\x01\x1a\0",
    "vowpal-wabbit": b"\x07\0\0\x008.11.0\0m\0",
    "word2vec": b"100 50\nthe \x9d\x73\xce\xbf",
    "pickle-4": b"\x80\x04\x95\x0a\0\0\0\0\0\0\0\x8c\x0cgensim.models\x94",
    "pickle-2": b"\x80\x02cxgboost.core\nBooster\n",
    "npz": b"PK\3\4" + bytes(22) + b"\x09\0\0\0arr_0.npy",
    "openvino": b'<?xml version="1.0"?>\n<net name="m">',
    "tfjs": b'{"format": "graph-model", "modelTopology": {}}',
    "hugging-face": b'{"architectures": ["B"], "model_type": "b"}',
    "error": b'\xef\xbb\xbf{"message": "Not Found"}',
    "triton": b'name: "m"\nplatform: "x"',
    "lightgbm": b"tree\nversion=v3\n",
    "flatbuffer": b"\x20\0\0\0ORTM\0\0",
}

# The same as PATHS in src/lib.rs.
PATHS = [
    "model.onnx", "weights.bin", "export/saved_model.pb", "export/variables/variables.index", "export/fingerprint.pb",
    "frozen.pb", "frozen.pbtxt", "model.h5", "model.tflite", "model.pth", "net-symbol.json", "net-0000.params",
    "net.cfg", "net.weights", "xgboost-model", "model.pkl", "._model.onnx", "model.tar.gz", "../model.onnx", "README",
    "export/variables/variables.data-00000-of-00001", "best.model", "config.json", "m/config.pbtxt",
    "export\\saved_model.pb", "lib/site.pth",
]  # fmt: skip


def suite(name):
    """The files of a suite, by path."""
    with tarfile.open(MODELS / name / "suite.tar.gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def tar(members, tar_format):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        for path, data in members:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def ending(files, *endings):
    return {path: data for path, data in files.items() if path.endswith(endings)}


def seeds():
    """The seeds of every target, by name."""
    onnx, tensorflow, keras, mxnet = suite("onnx"), suite("tensorflow"), suite("keras"), suite("mxnet")
    tflite, pytorch, xgboost = suite("tflite"), suite("pytorch"), suite("xgboost/1-7") | suite("xgboost/3-2")
    keras |= {f"refused/{path.name}": path.read_bytes() for path in (MODELS / "keras" / "refused").glob("*.h5")}
    made = {path: data for path, data in onnx.items() if path.startswith("made/")}
    small, other = made["made/inputs-first.onnx"], made["made/sparse-weights.onnx"]

    tars = {
        "ustar": tar([("model.onnx", small), ("a/readme.txt", b"hello")], tarfile.USTAR_FORMAT),
        "gnu-long-name": tar([("folder/" * 40 + "model.onnx", small)], tarfile.GNU_FORMAT),
        "pax-long-name": tar([("ordner-ä/" * 40 + "model.onnx", small)], tarfile.PAX_FORMAT),
        "macos": tar([("./._model.onnx", b"x"), ("./model.onnx", small)], tarfile.USTAR_FORMAT),
        "empty": tar([], tarfile.USTAR_FORMAT),
    }
    several = [gzip.compress(tars["ustar"][:700], mtime=0), gzip.compress(tars["ustar"][700:], mtime=0)]
    return {
        "archive": {
            "onnx": archive(("model.onnx", small), ("README", b"hello")),
            "two-of-a-kind": archive(("model.onnx", small), ("../model.onnx", other)),
            "savedmodel": archive(
                ("export/saved_model.pb", tensorflow["saved-session/saved_model.pb"]),
                ("export/variables/variables.index", tensorflow["saved-session/variables/variables.index"]),
            ),
            "variables": archive(
                ("export/saved_model.pb", tensorflow["saved-session/saved_model.pb"]),
                ("export/variables/variables.index", b"\0"),
                ("export/variables/variables.data-00000-of-00001", b"version https://git-lfs.github.com/spec/v1"),
            ),
            "unsupported_formats": archive(
                ("config.json", UNSUPPORTED["hugging-face"]),
                ("best.model", UNSUPPORTED["safetensors"]),
                ("m/config.pbtxt", UNSUPPORTED["triton"]),
                ("lib/site.pth", b"import os"),
            ),
            "graphs": archive(
                ("frozen.pb", tensorflow["graph-one/frozen.pb"]),
                ("frozen.pbtxt", tensorflow["graph-one-text/frozen.pbtxt"]),
            ),
            "mxnet": archive(
                ("net-symbol.json", mxnet["two/net-symbol.json"]), ("net-0000.params", mxnet["two/net-0000.params"])
            ),
            "darknet": archive(("net.weights", b"\0"), ("net.cfg", DARKNET["classifier"])),
            "frameworks": archive(("model.tflite", tflite["scalar/model.tflite"]), ("xgboost-model", b"binf")),
            "nested": archive(("model.tar.gz", several[0]), ("._model.onnx", b"x")),
        },
        "gzip": {name: gzip.compress(data, mtime=0) for name, data in tars.items()} | {"members": b"".join(several)},
        "tar": tars,
        "onnx": made | onnx,
        "savedmodel": ending(tensorflow, "saved_model.pb"),
        "savedmodel_text": ending(tensorflow, "saved_model.pbtxt"),
        "variables_index": ending(tensorflow, "variables.index"),
        "graphdef": ending(tensorflow, "frozen.pb"),
        "graphdef_text": ending(tensorflow, "frozen.pbtxt"),
        "keras": keras,
        "tflite": tflite,
        "pytorch": pytorch,
        "mxnet_shapes": {
            "sagemaker": b'[{"name": "data", "shape": [1, 3, 224, 224]}]',
            "two": b'[{"shape": [32, 7], "name": "data"}, {"shape": [], "name": "fc_weight"}]',
        },
        "sklearn": {
            "protocol-0": b"ccopy_reg\n_reconstructor\np0\n.",
            "protocol-4": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x07sklearn\x94.",
            "joblib-zlib": b"x\x9c\x6b\x60\x99\x2a\xc7\0",
            "text": b"hello world\n",
        },
        "mxnet_symbol": ending(mxnet, "-symbol.json"),
        "mxnet_params": ending(mxnet, ".params"),
        "darknet": DARKNET,
        "darknet_weights": WEIGHTS,
        "xgboost": xgboost,
        "content": {
            "onnx": small,
            "savedmodel": tensorflow["saved-session/saved_model.pb"],
            "keras": keras["keras3-channels-first/model.h5"],
            "tflite": tflite["image/model.tflite"],
            "pytorch": pytorch["frozen/model.pt"],
            "xgboost": xgboost["1-7-linear-json/xgboost.model"],
            "mxnet": mxnet["two/net-symbol.json"],
        },
        "unsupported_formats": UNSUPPORTED,
    }


def archive(*members):
    """Encodes members for the target `archive`."""
    parts = (bytes([PATHS.index(path)]) + len(data).to_bytes(2, "little") + data for path, data in members)
    return b"".join(parts)


for target, found in seeds().items():
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.name.startswith("found-"):
            old.unlink()
    chosen = [item for item in found.items() if len(item[1]) <= MOST_BYTES.get(target, BYTES)][:MOST_SEEDS]
    for path, data in chosen:
        (folder / path.replace("/", "-")).write_bytes(data)
    print(f"{target}: {len(chosen)} seeds, {sum(len(data) for _, data in chosen)} bytes")
