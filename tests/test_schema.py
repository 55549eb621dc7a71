"""config/automation.schema.json accepts what `automation validate` accepts and, as far as a schema can, nothing else.

The tests of the crates `configuration` and `cli` read the same documents with the reader that the stack uses.
"""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "config/automation.schema.json").read_text())
EXAMPLES = [*(ROOT / "config").glob("*.yaml"), ROOT / "tests/e2e/automation.yaml"]
WRONG = ROOT / "shared/configuration/tests/wrong-documents.txt"
MARK = " [schema accepts]"


def find_errors(text: str) -> list[str]:
    document = yaml.safe_load(text)
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def documented() -> list[tuple[str, str]]:
    """Each automation.yaml of the documentation, with its place."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        (f"{file.name}:{number}", block)
        for file in files
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", file.read_text(), re.MULTILINE | re.DOTALL))
        if re.search(r"^version:", block, re.MULTILINE)
    ]


def wrong() -> list[tuple[str, str]]:
    text = re.sub("^=> .*\n", "", WRONG.read_text(), flags=re.MULTILINE)
    _, *cases = text.split("\n== ")
    return [(title, document) for title, _, document in (case.partition("\n") for case in cases)]


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_accepted(example: Path) -> None:
    assert find_errors(example.read_text()) == []


def test_documented_documents_are_accepted() -> None:
    blocks = documented()
    assert len(blocks) >= 5
    assert {place: errors for place, block in blocks if (errors := find_errors(block))} == {}


def test_null_is_accepted_where_the_reader_accepts_it() -> None:
    """`null` removes a text of an image; elsewhere it is as if the key were absent."""
    text = """
version: 1.0
partner_apps: null
images: [ { name: base, description: null, display_name: null, tags: null } ]
compilation:
  defaults: { retries: null, vpc: null, on_new_version: null }
  rules:
    - { name: a, keys: "a/*", model_package_version: null, framework: null, targets: [ { device: ml_c7g, platform: null } ] }
"""
    assert find_errors(text) == []


@pytest.mark.parametrize(("title", "document"), wrong(), ids=[title for title, _ in wrong()])
def test_wrong_documents_are_refused(title: str, document: str) -> None:
    try:
        errors = find_errors(document)
    except yaml.YAMLError:
        return
    assert bool(errors) != title.endswith(MARK), errors
