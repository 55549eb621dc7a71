"""The checks of `make lint` find what they should, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from tests.lint import features, layers, words
from tests.lint.imports import find_cycles, find_imports
from tests.lint.names import is_one_word
from tests.lint.prose import GAP, mask_file
from tests.lint.rust_source import Source, parse_source, tracked_files

PHRASES, EXEMPT = words.read_list()


def find_phrases(name: str, text: str) -> list[tuple[int, str]]:
    return sorted((found.line, found.text) for found in words.check_text(Path(name), text, PHRASES))


# Sentences that have to be rewritten, and the phrase in each.
WRONG = [
    ("One summary tells when the last target is done.", "tells"),
    ("SageMaker tells a work team of work.", "tells"),
    ("Each state is told.", "told"),
    ("A subscription hears of what is new.", "hears of"),
    ("Its batch comes again.", "comes again"),
    ("Another invocation is at it.", "is at it"),
    ("A body that is no event of ours.", "no event of ours"),
    ("The past is no news.", "no news"),
    ("Shows dead letters.", "dead letters"),
    ("Keeps a letter that was sent.", "a letter that"),
    ("It dies again.", "dies"),
    ("What tells of a death.", "death"),
    ("There is a way back.", "a way back"),
    ("The one way a batch is worked off.", "worked off"),
    ("Something lies in a dead-letter queue.", "lies in a dead-letter queue"),
    ("Sends them back to where they came from.", "Sends them back to where"),
    ("Mend the cause first.", "Mend"),
    ("The reason and the remedy.", "remedy"),
    ("Names every mistake.", "mistake"),
    ("Each with its place and the way out.", "the way out"),
    ("Nothing stands against it.", "stands against"),
    ("`x` is no ARN of a role.", "is no ARN"),
    ("The document is no `automation.yaml`.", "is no …"),
    ("It failed three times, at last with: x.", "at last with"),
    ("It waits, through no fault of the record.", "through no fault of"),
    ("A key that stands here twice.", "stands"),
    ("Declared and standing state in.", "standing"),
    ("What it does not name stays as it is.", "stays as it is"),
    ("It differs, and is left so.", "is left so"),
    ("Images are brought to the newest version.", "brought to"),
    ("Brings work teams to what is written.", "Brings work teams to what"),
    ("The last good version stays in force.", "in force"),
    ("Teams are kept as declared.", "as declared"),
    ("It differs from what is declared.", "what is declared"),
    ("| key | meaning | left out |", "left out"),
    ("Correct the rule as SageMaker says.", "as SageMaker says"),
    ("It would wait for ever.", "for ever"),
    ("Valid and yet worth a look.", "worth a look"),
    ("A version is decided over once.", "decided over"),
    ("Set it if that is meant.", "if that is meant"),
    ("The last word on a model version.", "last word on"),
    ("Dimensions the model leaves open.", "leaves open"),
    ("Lists what can be compiled for.", "what can be compiled for"),
    ("The role that is compiled under.", "is compiled under"),
    ("The network that is compiled in.", "network that is compiled in"),
    ("Every state of a job is published.", "state of a job"),
    ("AWS had no machine free.", "machine free"),
    ("Jobs that something else started.", "something else started"),
    ("Prefix of foreign jobs.", "foreign jobs"),
    ("Compilation of 2 jobs go on.", "jobs go on"),
    ("Parked requests move on.", "requests move on"),
    ("| function | is woken by | does |", "is woken by"),
    ("How far each job is.", "How far each"),
    ("What becomes of an upload.", "becomes of"),
    ("Jobs have ended long ago.", "Jobs have ended long ago"),
    ("780 objects wait in 2 labeling jobs.", "objects wait"),
    ("Teams of labelers.", "labelers"),
    ("Says what is open, and where to begin.", "and where to begin"),
    ("It did not wait for its soak.", "soak"),
    ("After the soak: whoever asks.", "whoever"),
    ("Somebody else did.", "Somebody"),
    ("It publishes to nobody.", "nobody"),
    ("It is started again by itself.", "by itself"),
    ("The truth is in SageMaker.", "The truth"),
    ("The keys are asked for.", "asked for"),
    ("What was asked.", "What was asked"),
    ("How often apps are looked at.", "looked at"),
    ("In the same account and region.", "region"),
    ("The target; none if there are two.", "none if"),
    ("Its tags, or none if there are no tags.", "or none if"),
    ("The key of the rule; else the stack's.", "else"),
    ("It is skipped. Else it is compiled.", "Else"),
    ("Asks for 20 a time.", "20 a time"),
    ("One request a target.", "request a target"),
    ("So long the first time.", "So long"),
    ("The names of ours end with a hash.", "of ours"),
    ("The whole of it also runs locally.", "The whole of it"),
    ("What else of it comes is skipped.", "What else"),
]

# Sentences of plain technical English with the same words.
RIGHT = [
    "It cannot tell whether the call succeeded, and there is no way to tell.",
    "The user name tells users apart; tags tell one job apart from another.",
    "The option tells Cargo to build offline, and Git is told to ignore the folder.",
    "Tail latency, retold and foretold; an every-end-told id.",
    "A message in the dead-letter queue is dead-lettered.",
    "Names begin with a letter or a digit: up to 63 letters and digits.",
    "Diesel, a dice, and a die-hard test.",
    "Work offline; the work of others.",
    "A recommendation of amended commits.",
    "A common mistake; SageMaker may mistake it for a model.",
    "There is no such job, there is currently no upgrade, and it is no longer supported.",
    "A test that is not a no-op is no different.",
    "`*` stands for anything; the clock stands still; a long-standing bug.",
    "A standalone, outstanding and notwithstanding word.",
    "It brought down the stack, and brings up the service.",
    "Enforce it, with brute force and in a forced way.",
    "Fields are polled in the order as declared.",
    "A declared resource matches the declared state.",
    "What a model is compiled for: a device. It compiles for `ml_c5`, and is compiled for each target in release mode.",
    "A job changes its state; the job state change is published.",
    "A foreign key, and `ForeignJobPrefix`.",
    "Run `make soak`: the soak test takes minutes.",
    "Ground Truth publishes it. The table is the source of truth.",
    "Take a look at the log, or look at the dashboard.",
    "Asks for confirmation; what the caller asked for.",
    "The memory region; `--region`, region=eu-west-1, and region eu-west-1.",
    "Leave it empty for none; none of the jobs; at most one call, and none for a team that matches.",
    "If so, retry, or else stop; something else.",
    "It is so long that it wraps, as long as it fits, so long as it is kept.",
    "At a time, 20 at a time, once a day; it names a target.",
    "Waiting for objects, and a period of time.",
]


@pytest.mark.parametrize(("sentence", "phrase"), WRONG)
def test_wrong_phrases_are_found(sentence: str, phrase: str) -> None:
    assert phrase in [text for _, text in find_phrases("page.md", sentence)]


@pytest.mark.parametrize("sentence", RIGHT)
def test_plain_english_passes(sentence: str) -> None:
    assert find_phrases("page.md", sentence) == []


def test_every_phrase_has_an_example() -> None:
    page = "\n\n".join(sentence for sentence, _ in WRONG)
    found = {finding.phrase for finding in words.check_text(Path("page.md"), page, PHRASES)}
    assert [phrase.find.pattern for phrase in PHRASES if phrase not in found] == []


def test_replacements_pass() -> None:
    for phrase in PHRASES:
        assert find_phrases("page.md", phrase.write.replace('"', "")) == []


# By file, prose and code; only the prose is wrong.
FILES = {
    "Markdown": (
        "a.md",
        "Each is `told` [x](told.md).\n\n```sh\ntold # told once\n```\n\n```text\nIt is told.\n```\n",
        [4, 8],
    ),
    "changelog": ("CHANGELOG.md", "## Unreleased\n- It is told.\n\n## [0.1.0]\n- It was told.\n", [2]),
    "Rust comments": ("a.rs", "/// Is told.\nfn told() {} // told\n/* told */ let told = 'a';\n", [1, 2, 3]),
    "Rust strings": (
        "a.rs",
        'x("told"); y("is told"); z(r#"it was "told""#, "{told} is set", "told\\n", \'"\');\n',
        [1, 1],
    ),
    "Rust documentation": (
        "a.rs",
        "//! Wrapped: nothing stands\n//! against it.\n//! ```\n//! let told = 1;\n//! ```\nfn f() {}\n",
        [1],
    ),
    "Rust paragraphs": ("a.rs", "/// It stands for\n///\n/// in force is not wrapped: in\n\n/// force.\n", [3]),
    "Python": ("a.py", 'told = 1  # told\n"""Is told.\n\nTold."""\nx = f"it is {told}"\n', [1, 2, 4]),
    "YAML": (
        "a.yaml",
        "# told\ntold: told\nDescription: >\n  It is\n  told.\ntitle: told here\nother: it is told\n",
        [1, 5, 6],
    ),
    "dashboard": ("a.yaml", 'Body: |\n  { "title": "Is told", "told": "is told" }\n', [2]),
    "TOML": ("a.toml", 'description = "It is told."\ntold = "it is told" # told\n', [1, 2]),
    "JSON": ("a.json", '{ "told": "is told",\n  "description": "Is told." }\n', [2]),
    "Makefile": ("Makefile", 'told: x ## it is told\n\techo "error: told, again"\n\ttold\n', [1, 2]),
    "snapshot": ("a.snap", "---\nexpression: it is told\n---\nIt is told.\n", [4]),
    "quoted": ("a.rs", '// lint: quoted\nlet x = "it is told";\nlet y = "it is told"; // lint: quoted\n', []),
    "no prose": ("Cargo.lock", "told\n", []),
}


@pytest.mark.parametrize(("name", "text", "lines"), FILES.values(), ids=FILES)
def test_only_prose_is_searched(name: str, text: str, lines: list[int]) -> None:
    assert [line for line, _ in find_phrases(name, text)] == lines


def test_masks_keep_every_line() -> None:
    for path in tracked_files("*.md", "*.rs", "*.py", "*.yaml", "*.toml", "*.json", "*.snap", "Makefile"):
        text = path.read_text()
        masked = mask_file(path, text)
        assert masked is not None
        assert len(masked) == len(text)
        assert masked.count("\n") == text.count("\n"), path
        assert GAP not in text, path


def test_errors_name_place_and_fix() -> None:
    [finding] = words.check_text(Path("a/b.md"), "\nMend it.\n", PHRASES)
    assert str(finding) == 'a/b.md:2: error: "Mend"\n  Fix: write "fix"'


RUST = """
//! fn comment() {} /* /* fn nested() {} */ fn comment2() {} */
/* /* fn inner() {} */ fn outer() {} */
pub trait Reads<'a> {
    type Item;
    fn read(&'a self) -> u8;
    fn read_all(&self) -> [u8; 4] {
        [b'{', b'\\'', '"' as u8, '\\u{7d}' as u8]
    }
}
impl<'a> Reads<'a> for Foo where for<'b> F: Fn(&'b str) {
    type Item = u8;
    fn read(&'a self) -> u8 {
        fn helper() -> u8 { 1 }
        struct Local;
        "fn string() {} \\" }".len() as u8
    }
}
impl<T: for<'b> Reads<'b>> Foo<T> {
    const A: &str = r#"fn raw() { " "#;
    async fn parse(
        text: &str,
    ) -> Self {
        todo()
    }
    #[cfg(test)]
    fn only_in_tests() {}
}
type Alias = fn(u8) -> u8;
#[cfg(test)]
use std::{fmt, io};
#[cfg(all(test, unix))]
mod cases;
enum Kind { A, B }
#[tokio::test(flavor = "current_thread")]
async fn a_test() {}
#[cfg(test)]
mod tests {
    struct Double;
    fn build() { loop {} }
}
union Bits { a: u8 }
fn last() {}
"""


def test_definitions_are_found_in_code_only() -> None:
    source = parse_source(RUST, Path("src/lib.rs"))
    found = [(item.name, item.last_line - item.line + 1) for item in source.definitions if not item.in_trait_impl]
    assert found == [
        ("Reads", 1),
        ("Item", 1),
        ("read", 1),
        ("read_all", 3),
        ("helper", 1),
        ("parse", 5),
        ("Alias", 1),
        ("Kind", 1),
        ("Bits", 1),
        ("last", 1),
    ]
    assert [item.name for item in source.definitions if item.in_trait_impl] == ["Item", "read"]
    assert len(source.code) == len(RUST)
    assert not any(word in source.code for word in ("Double", "a_test", "string", "raw", "nested", "fmt"))


def test_one_word_names() -> None:
    assert [name for name in ("run", "_run", "run_batch", "of", "is_of") if is_one_word(name)] == ["run", "_run", "of"]


def parse_crate(files: dict[str, str]) -> dict[Path, Source]:
    return {Path(name): parse_source(text, Path(name)) for name, text in files.items()}


def test_cycles_are_found_through_re_exports() -> None:
    sources = parse_crate(
        {
            "src/lib.rs": "mod a; mod b; mod c; pub mod d; pub use b::{Thing as Renamed, inner::*};",
            "src/main.rs": "use crate::a::A;",
            "src/a.rs": "use crate::Renamed; use std::fmt; fn f() { super::c::run() } struct A;",
            "src/b.rs": "pub struct Thing; use crate::{d::{self, Deep}};",
            "src/c.rs": "// use crate::a;\n#[cfg(test)] mod tests { use crate::a::A; }",
            "src/d/mod.rs": "mod e; fn f() { e::run() } pub struct Deep;",
            "src/d/e.rs": "use super::super::a; fn run() {}",
        }
    )
    edges = find_imports(Path("src"), sources)
    names = {str(path): sorted(str(target) for target in targets) for path, targets in edges.items()}
    assert names == {
        "src/lib.rs": [],
        "src/a.rs": ["src/b.rs", "src/c.rs"],
        "src/b.rs": ["src/d/mod.rs"],
        "src/c.rs": [],
        "src/d/mod.rs": ["src/d/e.rs"],
        "src/d/e.rs": ["src/a.rs"],
    }
    assert [[str(path) for path in cycle] for cycle in find_cycles(edges)] == [
        ["src/a.rs", "src/b.rs", "src/d/e.rs", "src/d/mod.rs"]
    ]


def test_only_crates_that_are_listed_are_checked_for_cycles() -> None:
    ring = {"a": "use crate::b::B; struct A;", "b": "use crate::c::C; struct B;", "c": "use crate::a::A; struct C;"}

    def check(crate: str) -> list[str]:
        return list(layers.check_cycles(parse_crate({f"{crate}/src/{name}.rs": text for name, text in ring.items()})))

    [error] = check("cli")
    assert error.startswith("cli: 3 files import each other in a cycle, at most 1 are allowed:\n  a.rs imports b.rs\n")
    assert check("shared/model-archive") == []
    assert check("shared/neo") == []


def test_long_files_and_functions() -> None:
    body = "    call();\n"
    sources = parse_crate(
        {
            "functions/short/src/main.rs": "//\n" * 30,
            "functions/long/src/main.rs": "//\n" * 31,
            "functions/long/src/handler.rs": "//\n" * 500,
            "shared/neo/src/lib.rs": f"fn short() {{\n{body * 68}}}\nimpl A for B {{\n    fn long() {{\n{body * 69}    }}\n}}\n",
        }
    )
    [main] = layers.check_mains(sources)
    assert main.startswith("functions/long/src/main.rs: main.rs has 31 lines")
    [function] = layers.check_functions(sources)
    assert function.startswith("shared/neo/src/lib.rs:72: `long` has 71 lines")


def make_manifest(name: str, **tables: Any) -> dict[str, Any]:
    return {"package": {"name": name}, **tables}


def test_shared_crates_depend_only_on_lower_layers() -> None:
    manifests = {
        "shared/document": make_manifest("document", dependencies={"serde": "1", "neo": {"path": "../neo"}}),
        "shared/neo": make_manifest("neo", dependencies={"document": {"workspace": True}}),
        "shared/worker": make_manifest(
            "worker", target={"cfg(unix)": {"dependencies": {"ledger": {"workspace": True}}}}
        ),
        "shared/ledger": make_manifest("ledger", **{"dev-dependencies": {"automation": {"workspace": True}}}),
        "shared/automation": make_manifest("automation", dependencies={"m": {"package": "plan-compilation"}}),
        "shared/extra": make_manifest("extra"),
        "functions/plan-compilation": make_manifest("plan-compilation", dependencies={"automation": {}, "neo": {}}),
    }
    assert [error.splitlines()[0] for error in layers.check_order(manifests)] == [
        "shared/document/Cargo.toml: `document` depends on `neo`, which is not a lower layer",
        "shared/worker/Cargo.toml: `worker` depends on `ledger`, which is not a lower layer",
        "shared/automation/Cargo.toml: `automation` depends on `plan-compilation`, which is not a lower layer",
        "shared/extra: `extra` is not in the list of layers",
    ]


def test_only_one_crate_depends_on_the_sdk() -> None:
    sdk: dict[str, Any] = {"aws-sdk-sagemaker": {"workspace": True}}
    manifests = {
        "shared/sagemaker": make_manifest("sagemaker", dependencies=sdk),
        "tests/emulator": make_manifest("sagemaker-emulator", **{"dev-dependencies": sdk}),
        "tests/histories": make_manifest(
            "histories", dependencies={"automation": {"features": ["memory", "sagemaker"]}}
        ),
        "shared/automation": make_manifest("automation", features={"sagemaker": []}),
        "cli": make_manifest("cli", **{"dev-dependencies": sdk}),
    }
    assert [error.splitlines()[0] for error in layers.check_sdk(manifests)] == [
        "tests/histories/Cargo.toml: enables the feature `sagemaker` of `automation`",
        "shared/automation/Cargo.toml: defines a feature `sagemaker`",
        "cli/Cargo.toml: only shared/sagemaker may depend on aws-sdk-sagemaker",
    ]


TREE = """0|plan v0.1.0 (/project/plan)|
1|sagemaker v0.1.0 (/project/sagemaker)|
2|aws-sdk-sagemaker v1.0.0|rt-tokio
3|tokio v1.2.0|net,rt
3|macros v0.1.0 (proc-macro)|
4|syn v2.0.0|full
1|tokio v1.2.0|net,rt (*)
1|regex v1.0.0|std

0|other v0.1.0 (/project/other)|
1|sagemaker v0.1.0 (/project/sagemaker)| (*)
"""


def check_trees(build: str = TREE, test: str = TREE, package_build: str = TREE, package_test: str = TREE) -> list[str]:
    outputs = {("", *features.BUILD): build, ("", *features.TEST): test}
    outputs |= {("plan", *features.BUILD): package_build, ("plan", *features.TEST): package_test}
    return features.check_trees({key: features.Tree.from_output(output) for key, output in outputs.items()})


def test_trees_are_read_with_what_cargo_does_not_repeat() -> None:
    tree = features.Tree.from_output(TREE)
    assert tree.list_crates() == {
        "aws-sdk-sagemaker 1.0.0": {frozenset({"rt-tokio"})},
        "tokio 1.2.0": {frozenset({"net", "rt"})},
        "macros 0.1.0": {frozenset()},
        "syn 2.0.0": {frozenset({"full"})},
    }
    assert "syn" in {node.name for node in tree.find_closure("other")}
    assert "regex" not in {node.name for node in tree.find_closure("other")}


def test_the_same_features_in_every_build_pass() -> None:
    assert check_trees() == []
    # Another crate's features, and a package without the SDK, do not matter.
    other = TREE.replace("regex v1.0.0|std", "regex v1.0.0|perf")
    assert check_trees(package_build=other, package_test="0|plan v0.1.0 (/p)|\n1|syn v2.0.0|\n") == []


def test_a_package_that_selects_less_is_named() -> None:
    [error] = check_trees(package_build=TREE.replace("|net,rt", "|rt"))
    assert error.splitlines() == [
        "aws-sdk-sagemaker is compiled twice, for `cargo build -p plan` and for `cargo build --workspace`:",
        "  `cargo build -p plan` selects tokio 1.2.0 without net",
        "  Fix: enable the missing features in shared/sagemaker/Cargo.toml, and depend on that crate",
    ]


def test_tests_share_the_build() -> None:
    more = TREE.replace("|full", "|full,visit")
    [error] = check_trees(test=more, package_test=more)
    assert "`cargo build --workspace` selects syn 2.0.0 without visit" in error
    [error] = check_trees(test=TREE.replace("3|tokio", "3|pin v1.0.0|\n3|tokio"))[-1:]
    assert "only `cargo test --workspace` needs pin 1.0.0" in error


def test_build_scripts_have_the_same_features() -> None:
    twice = TREE.replace("4|syn v2.0.0|full", "4|syn v2.0.0|full\n4|syn v2.0.0|")
    [error] = check_trees(package_test=twice)
    assert "`cargo test -p plan` selects syn 2.0.0 with different features for build scripts" in error
