"""Prints the inputs of the ONNX model in an archive, with tarfile and onnx.load.

python tests/bench/with_onnx.py <archive>
"""

import json
import sys
import tarfile

import onnx

with tarfile.open(sys.argv[1], "r:gz") as archive:
    for member in archive:
        if member.name.endswith(".onnx"):
            graph = onnx.load(archive.extractfile(member)).graph
            weights = {weight.name for weight in graph.initializer}
            print(json.dumps([value.name for value in graph.input if value.name not in weights]))
