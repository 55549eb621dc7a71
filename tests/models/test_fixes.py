"""Every command in a fix of `automation inspect` is run as it is written, and its problem is gone.

Commands that need a framework which is not installed here are not run; docs/MODELS.md says with which version
they were.
"""

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.local.binaries import target_dir

SUITES = Path(__file__).parent
MARK = b"\xef\xbb\xbf"
SHELL = r"`((?:COPYFILE_DISABLE=1 )?(?:sed|base64|jq|gzip|gunzip|unzip|tar|zip|mkdir) [^`]+)`"

Files = dict[str, bytes]


def inspect(archive: Path) -> dict[str, Any]:
    command = [str(target_dir() / "automation"), "inspect", str(archive), "--json"]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def find_fix(archive: Path, code: str) -> str:
    problems = {problem["code"]: problem for problem in inspect(archive)["problems"]}
    assert code in problems, problems
    return problems[code]["remedy"]


def pack(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return archive


def write_files(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def read_suite(suite: str, folder: str = "") -> Files:
    with tarfile.open(SUITES / suite / "suite.tar.gz") as tar:
        members = [member for member in tar if member.isfile() and member.name.startswith(folder)]
        return {member.name.removeprefix(folder): tar.extractfile(member).read() for member in members}


def run_shell(command: str, folder: Path) -> None:
    subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=folder, check=True, capture_output=True)


def run_python(expression: str, folder: Path, prepare: str = "") -> None:
    code = f"import onnx\n{prepare}\n{expression}"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)


def make_onnx() -> onnx.ModelProto:
    weight = onnx.numpy_helper.from_array(np.ones((3, 3), np.float32), "w")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [value("x", TensorProto.FLOAT, [1, 3])],
        [value("y", TensorProto.FLOAT, [1, 3])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)


MODEL = make_onnx()
ONNX = MODEL.SerializeToString()
MXNET = read_suite("mxnet", "gluon/")
SAVED = read_suite("tensorflow", "saved-fixed/")


def assert_sound(archive: Path) -> None:
    assert inspect(archive)["problems"] == []


@pytest.mark.parametrize("text_format", ["textproto", "json", "onnxtxt"])
def test_text_formats_of_onnx_are_converted(tmp_path: Path, text_format: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    source = tmp_path / "source"
    onnx.save(MODEL, source, format=text_format)
    shutil.copy(source, folder / "source.txt")
    fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "model-unsupported")
    (expression,) = re.findall(r'onnx\.save\(onnx\.load\(path, format="\w+"\), "model\.onnx"\)', fix)
    if text_format == "json":
        assert 'format="json"' in fix
        expression = expression.replace("textproto", "json")
    (folder / "source.txt").unlink()
    run_python(expression, folder, f"path = {str(source)!r}")
    assert_sound(pack(folder, tmp_path / "fixed.tar.gz"))


def test_external_weights_are_saved_inside(tmp_path: Path) -> None:
    trained, folder = tmp_path / "trained", tmp_path / "model"
    trained.mkdir()
    onnx.save(MODEL, trained / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("w.bin"))
    fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "external-data-missing")
    (expression,) = re.findall(r"onnx\.save\(.*\)", fix)
    load = f"model = onnx.load({str(trained / 'm.onnx')!r}); path = 'm.onnx'"
    run_python(expression, folder, load)
    assert_sound(pack(folder, tmp_path / "fixed.tar.gz"))


def test_damaged_models_do_not_load_with_the_suggested_check(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model", {"m.onnx": ONNX[:-9]})
    fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "model-invalid")
    (expression,) = re.findall(r"onnx\.checker\.check_model\(.*\)", fix)
    with pytest.raises(subprocess.CalledProcessError):
        run_python(expression, folder)
    write_files(folder, {"m.onnx": ONNX})
    run_python(expression, folder)
    assert_sound(pack(folder, tmp_path / "fixed.tar.gz"))


def test_xgboost_models_are_found_under_the_suggested_name(tmp_path: Path) -> None:
    """The models are what `save_model("model.json")` of XGBoost 1.7 and 3.2 wrote."""
    for suite in ["xgboost/1-7", "xgboost/3-2"]:
        models = {name: data for name, data in read_suite(suite).items() if data.startswith(b'{"')}
        assert models
        for at, data in enumerate(models.values()):
            folder = write_files(tmp_path / f"{suite}-{at}", {"model.json": data})
            fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "model-misnamed")
            (name,) = re.findall(r"rename the file to `([^`]+)`", fix)
            (folder / "model.json").rename(folder / name)
            assert_sound(pack(folder, tmp_path / "fixed.tar.gz"))


def apply_command(fix: str, folder: Path, placeholders: dict[str, str]) -> None:
    """Runs the command in a fix, with these values of its placeholders."""
    found = re.search(SHELL, fix)
    assert found, fix
    command = found[1]
    for placeholder, value in placeholders.items():
        assert placeholder in command, command
        command = command.replace(placeholder, value)
    assert not re.search(r"<[a-z ]+>|…", command), command
    for tool in re.findall(r"(?:^|\| |&& )([a-z0-9]+)", command):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    run_shell(command, folder)


def test_byte_order_mark_is_removed(tmp_path: Path) -> None:
    files = {"net-symbol.json": MARK + MXNET["net-symbol.json"], "net-0000.params": MXNET["net-0000.params"]}
    folder = write_files(tmp_path / "model", files)
    fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "model-invalid")
    apply_command(fix, folder, {"<file>": "net-symbol.json"})
    assert_sound(pack(folder, tmp_path / "fixed.tar.gz"))


def test_compressed_model_is_decompressed(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model", {"m.onnx": gzip.compress(ONNX)})
    fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "model-invalid")
    apply_command(fix, folder, {"<file>": "m.onnx", "<new file>": "n.onnx"})
    (folder / "m.onnx").unlink()
    assert_sound(pack(folder, tmp_path / "fixed.tar.gz"))


def test_extracted_torchscript_is_restored(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    script = write_files(tmp_path / "trained", {"m.pth": read_suite("pytorch", "traced/")["model.pt"]}) / "m.pth"
    shutil.unpack_archive(script, folder, "zip")
    fix = find_fix(pack(folder, tmp_path / "model.tar.gz"), "several-models")
    apply_command(fix, folder, {})
    restored = write_files(tmp_path / "restored", {"model.pth": (folder / "model.pth").read_bytes()})
    assert_sound(pack(restored, tmp_path / "fixed.tar.gz"))


@pytest.mark.parametrize(
    ("wrap", "code"),
    [
        (lambda archive: gzip.decompress(archive), "not-gzip"),
        (lambda archive: base64.b64encode(archive), "not-gzip"),
        (lambda archive: b"data:application/gzip;base64," + base64.b64encode(archive), "not-gzip"),
        (lambda archive: json.dumps({"body": base64.b64encode(archive).decode()}).encode(), "not-gzip"),
        (lambda archive: gzip.compress(archive), "not-tar"),
    ],
    ids=["plain tar", "base64", "data URL", "JSON", "gzip twice"],
)
def test_uploads_are_unwrapped(tmp_path: Path, wrap: Callable[[bytes], bytes], code: str) -> None:
    archive = pack(write_files(tmp_path / "model", {"m.onnx": ONNX}), tmp_path / "sound.tar.gz")
    wrapped = wrap(archive.read_bytes())
    folder = write_files(tmp_path / "upload", {"object": wrapped, "model.tar": wrapped, "model.txt": wrapped})
    fix = find_fix(folder / "object", code)
    placeholders = {"<object>": "object"} if "<object>" in fix else {}
    apply_command(fix, folder, placeholders)
    assert_sound(folder / "model.tar.gz")


def link_data(folder: Path) -> None:
    (folder / "variables").rename(folder.parent / "stored")
    (folder / "variables").symlink_to(folder.parent / "stored")


def link_shard(folder: Path) -> None:
    shard = next((folder / "variables").glob("*.data-*"))
    shard.rename(folder.parent / "stored")
    shard.symlink_to(folder.parent / "stored")


def pack_files(folder: Path, archive: Path, leave_out: str = "", separator: str = "/") -> Path:
    """Archives the files without the folders, as tools do that copy one file after the other."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = str(path.relative_to(folder))
            if not leave_out or leave_out not in name:
                tar.add(path, name.replace("/", separator))
    return archive


@pytest.mark.parametrize(
    ("damage", "archive_folder", "code"),
    [
        (link_data, pack, "variables-link"),
        (link_shard, pack, "weights-invalid"),
        (None, lambda folder, archive: pack_files(folder, archive, leave_out="variables"), "variables-missing"),
        (None, lambda folder, archive: pack_files(folder, archive, leave_out=".index"), "variables-missing"),
        (None, lambda folder, archive: pack_files(folder, archive, separator="\\"), "path-backslash"),
    ],
    ids=["folder is a link", "shard is a link", "no folder", "no index", "backslashes"],
)
def test_saved_model_is_archived_whole(
    tmp_path: Path, damage: Callable[[Path], None] | None, archive_folder: Callable[[Path, Path], Path], code: str
) -> None:
    folder = write_files(tmp_path / "export", SAVED)
    if damage:
        damage(folder)
    fix = find_fix(archive_folder(folder, tmp_path / "broken.tar.gz"), code)
    if "<model files>" in fix:
        apply_command(fix, folder, {"<model files>": "saved_model.pb variables"})
        assert_sound(folder / "model.tar.gz")
    else:
        apply_command(fix, tmp_path, {"<folder>": "export"})
        assert_sound(tmp_path / "model.tar.gz")


def test_saved_model_without_variables_has_an_empty_folder(tmp_path: Path) -> None:
    text = b"""saved_model_schema_version: 1 meta_graphs { graph_def { node { name: "c" op: "Const" } }
        signature_def { key: "s" value { inputs { key: "x" value { dtype: DT_FLOAT } } } } }"""
    folder = write_files(tmp_path / "export", {"saved_model.pbtxt": text})
    fix = find_fix(pack(folder, tmp_path / "broken.tar.gz"), "variables-missing")
    apply_command(fix, tmp_path, {"<folder>": "export"})
    assert_sound(tmp_path / "model.tar.gz")


def test_links_are_archived_as_files(tmp_path: Path) -> None:
    stored = write_files(tmp_path / "stored", {"blob": ONNX}) / "blob"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.onnx").symlink_to(stored)
    fix = find_fix(pack(folder, tmp_path / "broken.tar.gz"), "model-is-link")
    apply_command(fix, folder, {"<model files>": "m.onnx"})
    assert_sound(folder / "model.tar.gz")


def test_documented_archive_has_no_companions(tmp_path: Path) -> None:
    """The command of docs/MODELS.md for a SavedModel."""
    write_files(tmp_path / "export", SAVED)
    page = (SUITES.parents[1] / "docs" / "MODELS.md").read_text()
    (command,) = re.findall(r"^tar .*fingerprint\.pb.*$", page, re.MULTILINE)
    run_shell(command, tmp_path)
    inspection = inspect(tmp_path / "model.tar.gz")
    assert inspection["problems"] == []
    assert "saved-model-companions" not in {warning["code"] for warning in inspection["warnings"]}
    run_shell(command.replace("fingerprint.pb", "other"), tmp_path)
    warnings = {warning["code"] for warning in inspect(tmp_path / "model.tar.gz")["warnings"]}
    assert "saved-model-companions" in warnings
