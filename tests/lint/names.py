"""Function names are verb + object, and no type name occurs twice: `python -m tests.lint.names`.

A function with a one-word name cannot be searched for, and a type name that occurs twice has to be renamed on import.
"""

import sys
from collections import defaultdict

from .rust_source import Definition, definitions, is_test, tracked_files

# The share of function names of one word, at most.
ONE_WORD = 0.20

# Type names that may occur more than once: associated types, which the trait names.
SHARED_TYPES = {"Error", "Item", "Key", "Output", "Target"}


def main() -> int:
    """Prints both figures; 1 if one of them is too high."""
    found = [item for path in tracked_files("*.rs") if not is_test(path) for item in definitions(path)]
    functions = [item for item in found if item.kind == "function" and item.name != "main"]
    one_word = [item for item in functions if "_" not in item.name]
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
