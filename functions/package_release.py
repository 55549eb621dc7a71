"""Packs built functions into a folder that can be deployed without Rust: a zip file for each
function, a template that names them, and checksums.

    python functions/package_release.py .aws-sam/build arm64 .local/release/arm64
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

import yaml

ARCHITECTURES = ("arm64", "x86_64")
# The earliest time that a zip file can hold: the same binary gives the same file.
EPOCH = (1980, 1, 1, 0, 0, 0)
EXECUTABLE = 0o100755 << 16


def pack_function(build: Path, name: str, release: Path) -> str:
    """Packs the binary of a function and returns the file's name."""
    packed = f"{name}.zip"
    header = zipfile.ZipInfo("bootstrap", date_time=EPOCH)
    header.external_attr = EXECUTABLE
    header.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(release / packed, "w") as archive:
        archive.writestr(header, (build / name / "bootstrap").read_bytes(), compresslevel=9)
    return packed


def pack_release(build: Path, architecture: str, release: Path) -> list[str]:
    """Writes the release folder and returns the names of its zip files."""
    template = yaml.safe_load((build / "template.yaml").read_text())
    # Nothing else in the folder was built for another architecture.
    template["Parameters"]["Architecture"] |= {"Default": architecture, "AllowedValues": [architecture]}
    release.mkdir(parents=True, exist_ok=True)
    packed = []
    for name, resource in template["Resources"].items():
        if isinstance(resource, dict) and resource.get("Type") == "AWS::Serverless::Function":
            packed.append(pack_function(build, name, release))
            resource["Properties"]["CodeUri"] = packed[-1]
    (release / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False, width=100, allow_unicode=True))
    (release / "architecture").write_text(f"{architecture}\n")
    names = sorted([*packed, "template.yaml", "architecture"])
    sums = [f"{hashlib.sha256((release / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (release / "SHA256SUMS").write_text("".join(sums))
    return packed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="the build folder of sam build")
    parser.add_argument("architecture", choices=ARCHITECTURES)
    parser.add_argument("release", type=Path, help="the folder to write")
    args = parser.parse_args()
    if not (args.build / "template.yaml").is_file():
        print(f"error: {args.build} has no template.yaml. Fix: run make build first", file=sys.stderr)
        return 1
    for name in pack_release(args.build, args.architecture, args.release):
        print(f"{name} {(args.release / name).stat().st_size / 1e6:.1f} MB")
    print(f"Packed into {args.release}. To deploy it, run make deploy RELEASE={args.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
