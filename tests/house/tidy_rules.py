"""The rules of style that clang-format does not know."""

import os
import re

from include_rules import ROOMS
from tree import code_only

MAX_LINES = 600
MAX_COLUMNS = 80

# The only places where an exception may be seen: where libraries that throw
# are translated, and where the code of users is called.
MAY_CATCH = {
    "base/include/stele/base/invoke_user.h",
    "postgres/include/stele/postgres/errors.h",
    "postgres/src/errors.cc",
    "cli/src/main.cc",
}

CODE = (".h", ".cc", ".py", ".sql", ".proto", ".cmake")

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|home|root|Users|mnt)/\w")
CMAKE_SOURCE = re.compile(r"(?<![\w$}{/.])[\w./-]+\.(?:cc|proto)\b")


def guards(path):
    """The include guards that fit the path of a header."""
    def guard(name):
        return re.sub(r"\W", "_", name).upper() + "_"
    if path.startswith("samples/"):
        parts = path.split("/")
        return {guard("/".join(parts[i:])) for i in range(1, len(parts) - 1)}
    if "/include/" in path:
        return {guard(path.split("/include/", 1)[1])}
    return {"STELE_" + guard(path),
            "STELE_" + guard(path.replace("/src/", "/"))}


def raw_string_lines(lines):
    """The numbers of the lines that are part of a raw string of C++."""
    raw, end = set(), None
    for number, line in enumerate(lines, 1):
        if end is None:
            match = re.search(r'R"(\w*)\(', line)
            if match and f'){match[1]}"' not in line[match.end():]:
                end = f'){match[1]}"'
                raw.add(number)
        else:
            raw.add(number)
            if end in line:
                end = None
    return raw


class TidyRules:
    def __init__(self, tree):
        self.tree = tree

    def problems(self):
        yield from self.guard_problems()
        yield from self.size_problems()
        yield from self.line_problems()
        yield from self.exception_problems()
        yield from self.readme_problems()
        yield from self.cmake_problems()

    def guard_problems(self):
        seen = {}
        for path in self.tree.with_suffix(".h"):
            text = "\n".join(self.tree.lines(path))
            match = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text, re.M)
            expected = sorted(guards(path))
            if not match or match[1] != match[2]:
                yield path, 1, f"no include guard {expected[0]}"
                continue
            if match[1] not in expected:
                yield path, 1, f"include guard {match[1]}, not {expected[0]}"
            if match[1] in seen:
                yield path, 1, f"{seen[match[1]]} has the same include guard"
            seen[match[1]] = path
            if f"#endif  // {match[1]}" not in text:
                yield path, 1, f"no '#endif  // {match[1]}' at the end"

    def size_problems(self):
        for path in self.tree.with_suffix(*CODE):
            count = len(self.tree.lines(path))
            if count > MAX_LINES:
                yield path, MAX_LINES, f"{count} lines: split at {MAX_LINES}"

    def line_problems(self):
        code = self.tree.with_suffix(*CODE, "CMakeLists.txt")
        for path in code + self.tree.with_suffix(".md", "dev", ".sh"):
            raw = raw_string_lines(self.tree.lines(path))
            for number, line in enumerate(self.tree.lines(path), 1):
                if UNFINISHED.search(line) and "tests/house" not in path:
                    yield path, number, "unfinished, and names no issue: (#N)"
                if MACHINE_PATH.search(line) and "tests/house" not in path:
                    yield path, number, "a path of somebody's machine"
                if path.endswith(".md"):
                    continue
                if number in raw:
                    continue
                if len(line) > MAX_COLUMNS and "http" not in line:
                    yield path, number, f"longer than {MAX_COLUMNS} columns"
                if line != line.rstrip():
                    yield path, number, "white space at the end"
                if "\t" in line:
                    yield path, number, "a tab"

    def exception_problems(self):
        for path in self.tree.with_suffix(".h", ".cc"):
            if path in MAY_CATCH or path.startswith(("tests/", "samples/")):
                continue
            for number, line in enumerate(self.tree.lines(path), 1):
                if re.search(r"\b(try\s*\{|catch\s*\()", code_only(line)):
                    yield path, number, "exceptions are caught in one place"

    def readme_problems(self):
        for room in ROOMS:
            if self.tree.exists(room) and not self.tree.exists(
                    room + "/README.md"):
                yield room, 1, "has no README.md"

    def cmake_problems(self):
        listed = set()
        for path in self.tree.with_suffix("CMakeLists.txt"):
            folder = os.path.dirname(path)
            for number, line in enumerate(self.tree.lines(path), 1):
                for name in CMAKE_SOURCE.findall(line.split("#")[0]):
                    full = os.path.normpath(os.path.join(folder, name))
                    listed.add(full)
                    if name.endswith(".cc") and not self.tree.exists(full):
                        yield path, number, f"lists {name}, which is missing"
        for path in self.tree.with_suffix(".cc"):
            if "consumer/" in path or "quickstart/" in path:
                continue  # Projects of their own.
            if path.startswith("cmake/"):
                continue  # Compiled when the build is configured.
            if path not in listed:
                yield path, 1, "is in no CMakeLists.txt"
