"""Checks that function names have two words and that no type name is used twice: `python -m tests.lint.names`.

A search for a one-word function name finds too much, and a type name that is used twice must be renamed on import.
"""

import sys
from collections import defaultdict

from .rust_source import Definition, product_sources

# Maximum share of one-word function names.
ONE_WORD = 0.20

# Associated types, whose names are given by their traits.
SHARED_TYPES = {"Error", "Item", "Key", "Output", "Target"}


def is_one_word(name: str) -> bool:
    """Returns whether a function's name is a single word."""
    return "_" not in name.strip("_")


def main() -> int:
    """Prints both figures; returns 1 if one of them is too high."""
    found = [item for _, source in product_sources() for item in source.definitions if not item.in_trait_impl]
    functions = [item for item in found if item.kind == "function" and item.name != "main"]
    one_word = [item for item in functions if is_one_word(item.name)]
    types = defaultdict[str, list[Definition]](list)
    for item in found:
        if item.kind == "type" and item.name not in SHARED_TYPES:
            types[item.name].append(item)
    twice = {name: items for name, items in types.items() if len(items) > 1}

    share = len(one_word) / len(functions)
    print(f"function names of one word: {len(one_word)} of {len(functions)} ({share:.0%}, at most {ONE_WORD:.0%})")
    print(f"type names that occur twice: {len(twice)} of {len(types)}")
    if "--list" in sys.argv:
        print(*one_word, sep="\n")
    for items in twice.values():
        print("error: this type name is used more than once; rename all but one:", *items, sep="\n  ", file=sys.stderr)
    if share > ONE_WORD:
        print("error: too many one-word function names; list them with --list and name the object", file=sys.stderr)
    return 1 if twice or share > ONE_WORD else 0


if __name__ == "__main__":
    sys.exit(main())
