#!/usr/bin/env python3
"""Keeps the code in the documentation equal to code that is compiled.

What stands in a .md file between

    <!-- snippet: samples/orders/main.cc#wiring -->
    <!-- /snippet -->

is what stands in samples/orders/main.cc between the lines `// [wiring]` and
`// [/wiring]` (`#` instead of `//` where that begins a comment).
"""

import argparse
import os
import re
import sys
import textwrap

from tree import Tree

BLOCK = re.compile(
    r"(<!-- snippet: (?P<file>[^#\s]+)#(?P<name>[\w-]+) -->\n)"
    r"(?P<body>.*?)(?P<end><!-- /snippet -->)", re.S)
OPENING = re.compile(r"<!-- snippet:")
LANGUAGES = {".cc": "cpp", ".h": "cpp", ".proto": "proto", ".sql": "sql",
             ".cmake": "cmake", ".txt": "cmake", ".py": "python"}


class SnippetError(Exception):
    pass


def region(tree, path, name):
    """The lines of `path` between the marks of `name`."""
    if not tree.exists(path):
        raise SnippetError(f"there is no file {path}")
    mark = re.compile(r"^\s*(//|#|--) \[(/?)" + re.escape(name) + r"\]\s*$")
    found, is_inside, ended = [], False, False
    for line in tree.lines(path):
        match = mark.match(line)
        if match:
            is_inside, ended = not match[2], bool(match[2])
        elif is_inside and not re.match(r"^\s*(//|#|--) \[/?[\w-]+\]\s*$",
                                        line):
            found.append(line)
    if not ended:
        raise SnippetError(f"{path} has no complete region [{name}]")
    return textwrap.dedent("\n".join(found)).strip("\n")


def updated(tree, text):
    """`text` with every snippet as its source has it."""
    if len(OPENING.findall(text)) != len(BLOCK.findall(text)):
        raise SnippetError("a snippet has no end, or no FILE#NAME")

    def replace(match):
        language = LANGUAGES.get(os.path.splitext(match["file"])[1], "")
        code = region(tree, match["file"], match["name"])
        return f"{match[1]}```{language}\n{code}\n```\n{match['end']}"
    return BLOCK.sub(replace, text)


def process(tree, path, check):
    """One file: returns what is wrong with it, or None."""
    text = "\n".join(tree.lines(path))
    try:
        new = updated(tree, text)
    except SnippetError as error:
        return str(error)
    if new == text:
        return None
    if check:
        return "a snippet is out of date: run ./dev docs"
    with open(os.path.join(tree.root, path), "w", encoding="utf-8") as file:
        file.write(new)
    print(f"{path}: updated")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--root", default=os.path.join(
        os.path.dirname(__file__), "..", ".."))
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    code = 0
    for path in tree.with_suffix(".md"):
        problem = process(tree, path, arguments.check)
        if problem:
            print(f"{path}: {problem}")
            code = 1
    if code == 0:
        print("All snippets are up to date.")
    return code


if __name__ == "__main__":
    sys.exit(main())
