"""The files of the repository, as the checks of the house see them."""

import os
import subprocess

# Written by programs: not ours to style.
GENERATED = ("golden", ".pb.", "build/")


class Tree:
    """The tracked files under `root`; all files if it is no git clone."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.paths = sorted(p for p in self._find() if self._is_written(p))
        self._lines = {}

    def _find(self):
        try:
            # The owner of a clone need not be who runs the tests.
            listed = subprocess.run(
                ["git", "-c", "safe.directory=*", "-C", self.root,
                 "ls-files", "-z"],
                check=True, capture_output=True, text=True).stdout
            return [p for p in listed.split("\0")
                    if p and os.path.exists(os.path.join(self.root, p))]
        except (OSError, subprocess.CalledProcessError):
            return self._walk()

    def _walk(self):
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if f not in (".git", "build")]
            for name in files:
                path = os.path.join(folder, name)
                found.append(os.path.relpath(path, self.root))
        return found

    @staticmethod
    def _is_written(path):
        return not any(mark in path for mark in GENERATED)

    def with_suffix(self, *suffixes):
        return [p for p in self.paths if p.endswith(suffixes)]

    def lines(self, path):
        if path not in self._lines:
            full = os.path.join(self.root, path)
            with open(full, encoding="utf-8", errors="replace") as file:
                self._lines[path] = file.read().split("\n")
        return self._lines[path]

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))


def code_only(line):
    """`line` without its // comment and the contents of its strings."""
    kept, quote, i = [], None, 0
    while i < len(line):
        char = line[i]
        if quote:
            if char == "\\":
                i += 1
            elif char == quote:
                quote = None
        elif char in "\"'" and not (char == "'" and i and
                                    line[i - 1].isalnum()):
            quote = char
        elif line.startswith("//", i):
            break
        else:
            kept.append(char)
        i += 1
    return "".join(kept)
