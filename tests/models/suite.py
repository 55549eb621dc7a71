"""Writes the models of one framework, and its own package's answers, for the tests of shared/model-archive."""

import gzip
import io
import json
import tarfile


def write(folder, models, answers):
    """Write suite.tar.gz, with all members as `<model>/<member>`, and suite.json, with one answer per model."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for model, members in models.items():
            for path, data in members.items():
                info = tarfile.TarInfo(f"{model}/{path}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    (folder / "suite.tar.gz").write_bytes(gzip.compress(plain.getvalue(), 9, mtime=0))
    lines = ",\n".join(
        f"{json.dumps(model)}: {json.dumps(found, ensure_ascii=False)}" for model, found in answers.items()
    )
    (folder / "suite.json").write_text(f"{{\n{lines}\n}}\n")
    print(f"{folder.name}: {len(models)} models")


def members(folder):
    """Every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
