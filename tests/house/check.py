#!/usr/bin/env python3
"""Checks the rules of the house over the whole repository."""

import argparse
import os
import sys

from include_rules import IncludeRules
from tidy_rules import TidyRules
from tree import Tree

CHECKS = {"includes": IncludeRules, "tidy": TidyRules}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", choices=[[], *CHECKS],
                        help="which (default: all)")
    parser.add_argument("--root", default=os.path.join(
        os.path.dirname(__file__), "..", ".."))
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    count = 0
    for name in arguments.checks or CHECKS:
        for path, line, problem in CHECKS[name](tree).problems():
            print(f"{path}:{line}: {problem}")
            count += 1
    print(f"{len(tree.paths)} files, {count} problems.")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
