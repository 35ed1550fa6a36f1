#!/usr/bin/env python3
"""Tests of the checks themselves: each mistake is made once and found."""

import os
import tempfile
import unittest

import snippets
from include_rules import IncludeRules
from tidy_rules import TidyRules
from tree import Tree, code_only

HEADER = "#ifndef {0}\n#define {0}\n{1}\n#endif  // {0}\n"


class HouseTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for module in ("base", "postgres", "eventstore", "projections",
                       "outbox"):
            self.write(f"{module}/README.md", "A module.\n")
        self.write_header("base/include/stele/base/status.h",
                          "STELE_BASE_STATUS_H_")
        self.write_header("eventstore/include/stele/eventstore/event_store.h",
                          "STELE_EVENTSTORE_EVENT_STORE_H_")

    def write(self, path, text):
        full = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def write_header(self, path, guard, body=""):
        self.write(path, HEADER.format(guard, body))

    def tree(self):
        return Tree(self.folder.name)

    def problems(self, rules):
        return [f"{path}:{line}: {problem}"
                for path, line, problem in rules(self.tree()).problems()]

    def assert_finds(self, rules, *words):
        found = self.problems(rules)
        self.assertTrue(any(all(w in f for w in words) for f in found),
                        f"{words} not in {found}")

    def include(self, path, name):
        self.write(path, f"#include {name}\n")

    # ---- who may include whom -----------------------------------------------

    def test_a_good_tree_has_no_problem(self):
        self.include("eventstore/src/a.cc", '"stele/base/status.h"')
        self.write("eventstore/CMakeLists.txt", "add_library(a src/a.cc)\n")
        self.assertEqual(self.problems(IncludeRules), [])
        self.assertEqual(self.problems(TidyRules), [])

    def test_finds_a_module_above(self):
        self.include("base/src/a.cc", '"stele/eventstore/event_store.h"')
        self.assert_finds(IncludeRules, "base may not include eventstore")

    def test_finds_siblings(self):
        self.write_header("outbox/include/stele/outbox/relay.h",
                          "STELE_OUTBOX_RELAY_H_")
        self.include("projections/src/a.cc", '"stele/outbox/relay.h"')
        self.assert_finds(IncludeRules, "projections may not include outbox")

    def test_knows_the_one_header_of_aggregates_that_sagas_may_see(self):
        for name in ("dispatcher", "traits"):
            self.write_header(f"aggregates/include/stele/aggregates/{name}.h",
                              f"STELE_AGGREGATES_{name.upper()}_H_")
            self.include(f"sagas/src/{name}.cc",
                         f'"stele/aggregates/{name}.h"')
        found = self.problems(IncludeRules)
        self.assertEqual(len(found), 1)
        self.assertIn("traits", found[0])

    def test_finds_pqxx_where_it_must_not_be(self):
        self.include("eventstore/src/a.cc", "<pqxx/pqxx>")
        self.include("postgres/src/a.cc", "<pqxx/pqxx>")
        self.assertEqual(self.problems(IncludeRules), [])
        for path in ("base/src/a.cc", "eventstore/src/a.h",
                     "eventstore/include/stele/eventstore/a.h"):
            self.include(path, "<pqxx/pqxx>")
            self.assert_finds(IncludeRules, path, "pqxx")

    def test_finds_libpq_boost_and_brokers_in_public_headers(self):
        for name in ("<libpq-fe.h>", '"boost/asio.hpp"', "<nats/nats.h>"):
            self.include("eventstore/include/stele/eventstore/a.h", name)
            self.assert_finds(IncludeRules, "public headers of eventstore",
                              name[1:-1])

    def test_finds_unknown_libraries(self):
        self.include("base/src/a.cc", "<folly/Try.h>")
        self.assert_finds(IncludeRules, "folly/Try.h")

    def test_finds_private_headers_of_others(self):
        self.write_header("eventstore/src/secret.h", "X")
        self.include("outbox/src/a.cc", '"secret.h"')
        self.assert_finds(IncludeRules, "no private header of outbox")
        self.include("outbox/src/a.cc", '"../../eventstore/src/secret.h"')
        self.assert_finds(IncludeRules, "climbs out")

    def test_finds_test_helpers_in_the_library(self):
        self.write_header("base/testing/include/stele/testing/fake_clock.h",
                          "STELE_TESTING_FAKE_CLOCK_H_")
        self.include("eventstore/src/a.cc", '"stele/testing/fake_clock.h"')
        self.assert_finds(IncludeRules, "is for tests")

    # ---- style --------------------------------------------------------------

    def test_finds_wrong_include_guards(self):
        self.write_header("base/src/a.h", "STELE_BASE_B_H_")
        self.write("base/src/c.h", "#pragma once\n")
        self.assert_finds(TidyRules, "base/src/a.h", "STELE_BASE_B_H_")
        self.assert_finds(TidyRules, "base/src/c.h", "no include guard")

    def test_finds_the_same_guard_twice(self):
        self.write_header("base/src/status.h", "STELE_BASE_STATUS_H_")
        self.assert_finds(TidyRules, "has the same include guard")

    def test_finds_long_files_and_lines(self):
        self.write("base/src/a.cc", "int x;\n" * 601)
        self.write("base/src/b.cc", "int " + "x" * 80 + ";\n")
        self.assert_finds(TidyRules, "base/src/a.cc", "split")
        self.assert_finds(TidyRules, "base/src/b.cc", "80 columns")

    def test_lets_templates_be_as_long_as_their_output(self):
        self.write("base/src/b.cc", 'f(R"(\n' + "x" * 90 + '\n)");\n')
        self.assertFalse([p for p in self.problems(TidyRules)
                          if "columns" in p])

    def test_finds_unfinished_work_without_an_issue(self):
        self.write("base/src/a.cc", "// TODO(#12): fine.\n// TODO: later.\n")
        found = [p for p in self.problems(TidyRules) if "unfinished" in p]
        self.assertEqual(len(found), 1)
        self.assertIn("a.cc:2", found[0])

    def test_finds_exceptions_but_not_words(self):
        self.write("base/src/a.cc", '// try {\nauto s = "catch (";\n')
        self.assertFalse([p for p in self.problems(TidyRules)
                          if "exceptions" in p])
        self.write("base/src/a.cc", "void F() { try { } catch (...) { } }\n")
        self.assert_finds(TidyRules, "exceptions are caught")

    def test_finds_paths_of_a_machine(self):
        self.write("base/src/a.cc", '// See /home/ada/notes.\n')
        self.assert_finds(TidyRules, "path of somebody's machine")

    def test_finds_files_that_are_missing_or_forgotten(self):
        self.write("base/CMakeLists.txt", "add_library(b src/gone.cc)\n")
        self.write("base/src/forgotten.cc", "int x;\n")
        self.assert_finds(TidyRules, "lists src/gone.cc, which is missing")
        self.assert_finds(TidyRules, "forgotten.cc", "no CMakeLists")

    def test_finds_a_module_without_readme(self):
        self.write("sagas/src/a.cc", "")
        self.assert_finds(TidyRules, "sagas", "README")

    def test_understands_strings_and_comments(self):
        self.assertEqual(code_only('a("x // y") + 1\'000; // b'),
                         "a() + 1'000; ")

    # ---- snippets -----------------------------------------------------------

    def test_copies_a_region_and_sees_that_it_is_old(self):
        self.write("a.cc", "x\n  // [one]\n  int a;\n\n  int b;\n  // [/one]\n")
        self.write("a.md", "<!-- snippet: a.cc#one -->\nold\n"
                           "<!-- /snippet -->\nrest\n")
        self.assertIn("out of date",
                      snippets.process(self.tree(), "a.md", check=True))
        snippets.process(self.tree(), "a.md", check=False)
        self.assertEqual(
            "\n".join(self.tree().lines("a.md")),
            "<!-- snippet: a.cc#one -->\n```cpp\nint a;\n\nint b;\n```\n"
            "<!-- /snippet -->\nrest\n")
        self.assertIsNone(snippets.process(self.tree(), "a.md", check=True))

    def test_says_what_is_wrong_with_a_snippet(self):
        self.write("a.cc", "// [one]\nint a;\n")
        for name, words in (("b.cc#one", "no file"),
                            ("a.cc#two", "no complete region"),
                            ("a.cc#one", "no complete region"),
                            ("a.cc", "no FILE#NAME")):
            self.write("a.md",
                       f"<!-- snippet: {name} -->\n<!-- /snippet -->\n")
            self.assertIn(words,
                          snippets.process(self.tree(), "a.md", check=True))


if __name__ == "__main__":
    unittest.main()
