"""Write XGBoost models, and what XGBoost reports for them.

In an environment with xgboost: python tests/models/xgboost/make.py <formats>. XGBoost 3 writes JSON
and UBJSON (`json ubj`), 1.7 also the old binary format (`deprecated json ubj`). Each version writes
its own suite.
"""

import sys
import tempfile
from pathlib import Path

import numpy
import xgboost

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import suite  # noqa: E402

ENDINGS = {"json": ".json", "ubj": ".ubj", "deprecated": ".model"}


def boosters():
    random = numpy.random.default_rng(1)
    for name, features, parameters in (
        ("regression", 5, {"max_depth": 3}),
        ("classes", 12, {"objective": "multi:softprob", "num_class": 3}),
        ("linear", 3, {"booster": "gblinear"}),
        ("dart", 40, {"booster": "dart", "max_depth": 2}),
    ):
        data = random.random((60, features))
        label = numpy.arange(60) % 3 if "num_class" in parameters else data[:, 0]
        names = [f"feature {number}" for number in range(features)] if name == "classes" else None
        yield name, xgboost.train(parameters, xgboost.DMatrix(data, label, feature_names=names), 4)


def answer(path, old):
    booster = xgboost.Booster(model_file=str(path))
    parts = xgboost.__version__.split(".")
    version = ".".join(parts[:2] if old else parts)
    dims = [None, booster.num_features()]
    return {
        "format_version": f"XGBoost {version}",
        "producer": None,
        "inputs": [{"name": "data", "element_type": "float32", "dims": dims}],
    }


def main():
    files, answers = {}, {}
    version = "-".join(xgboost.__version__.split(".")[:2])
    for name, booster in boosters():
        for kind in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / f"m{ENDINGS[kind]}"
                booster.save_model(path)
                files[f"{version}-{name}-{kind}"] = {"xgboost.model": path.read_bytes()}
                answers[f"{version}-{name}-{kind}"] = answer(path, kind == "deprecated")
    folder = HERE / version
    folder.mkdir(exist_ok=True)
    suite.write(folder, files, answers)


if __name__ == "__main__":
    main()
