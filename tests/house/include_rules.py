"""Who may include whom: the architecture as a table, and its check."""

import os
import re

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# What third-party headers look like, and what we call them.
THIRD_PARTY = {
    "absl/": "absl",
    "google/protobuf/compiler/": "protoc",
    "google/protobuf/": "protobuf",
    "boost/": "boost",
    "pqxx/": "pqxx",
    "libpq-fe.h": "libpq",
    "libpq-events.h": "libpq",
    "postgres_ext.h": "libpq",
    "nats/": "nats",
    "prometheus/": "prometheus",
    "spdlog/": "spdlog",
    "fmt/": "fmt",
    "openssl/": "openssl",
    "CLI/": "cli11",
    "gtest/": "gtest",
    "gmock/": "gtest",
    "benchmark/": "benchmark",
}
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "linux/", "net/")

LIBRARIES = ("base proto postgres eventstore aggregates projections sagas "
             "outbox runtime sandbox").split()


class Room:
    """What the files of one module may include.

    ours:    modules of ours, or single headers of them.
    public:  third parties, anywhere.
    inside:  third parties, not in public headers.
    sources: third parties, in .cc files only.
    """

    def __init__(self, ours="", public="", inside="", sources=""):
        self.ours = set(ours.split())
        self.public = set(public.split())
        self.inside = set(inside.split())
        self.sources = set(sources.split())


ALL_LIBRARIES = " ".join(LIBRARIES)

ROOMS = {
    "base": Room(public="absl", inside="openssl"),
    "sandbox": Room(ours="base", public="absl"),
    "postgres": Room(ours="base", public="absl boost pqxx libpq",
                     inside="openssl"),
    "eventstore": Room(ours="base proto postgres", public="absl protobuf",
                       inside="boost libpq openssl", sources="pqxx"),
    "aggregates": Room(ours="base proto eventstore", public="absl protobuf"),
    "projections": Room(ours="base proto postgres eventstore",
                        public="absl protobuf", sources="pqxx"),
    "sagas": Room(
        ours="base proto postgres eventstore stele/aggregates/dispatcher.h",
        public="absl protobuf", sources="pqxx"),
    "outbox": Room(ours="base proto postgres eventstore",
                   public="absl protobuf", inside="boost openssl",
                   sources="pqxx"),
    "outbox/brokers/nats": Room(ours="base stele/outbox/broker.h",
                                public="absl", inside="nats boost"),
    "runtime": Room(
        ours="base proto postgres eventstore aggregates projections sagas "
             "outbox outbox/brokers/nats",
        public="absl protobuf",
        inside="boost prometheus spdlog fmt libpq pqxx openssl"),
    "codegen": Room(ours="proto", public="absl protobuf protoc"),
    "cli": Room(ours=ALL_LIBRARIES + " outbox/brokers/nats",
                public="absl protobuf", inside="boost cli11 pqxx fmt"),
    "samples": Room(ours=ALL_LIBRARIES + " outbox/brokers/nats",
                    public="absl protobuf boost pqxx cli11 fmt gtest nats"),
    "bench": Room(ours=ALL_LIBRARIES + " outbox/brokers/nats",
                  public="absl protobuf boost pqxx libpq benchmark nats fmt"),
}

# What modules ship for their users' tests; nothing else may include it.
TESTING_THIRD_PARTY = {"gtest", "absl", "protobuf"}


def room_of(path):
    """The module a file belongs to, or None (tests may include all)."""
    parts = path.split("/")
    if parts[:2] == ["outbox", "brokers"]:
        return "/".join(parts[:3])
    return parts[0] if parts[0] in ROOMS else None


def is_testing(path):
    return "/testing/" in path


def is_public(path):
    return "/include/" in path


def third_party(name):
    for prefix, party in THIRD_PARTY.items():
        if name.startswith(prefix):
            return party
    return None


class IncludeRules:
    def __init__(self, tree):
        self.tree = tree
        self.owner = {}  # "stele/base/status.h" -> where it is
        for path in tree.with_suffix(".h"):
            if "/include/" in path:
                self.owner[path.split("/include/", 1)[1]] = path

    def problems(self):
        for path in self.tree.with_suffix(".h", ".cc"):
            if room_of(path) is None:
                continue
            for number, line in enumerate(self.tree.lines(path), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                problem = self.problem(path, match[1], match[2])
                if problem:
                    yield path, number, problem

    def problem(self, path, bracket, name):
        if ".." in name.split("/"):
            return f'"{name}" climbs out of its folder'
        if name.startswith("stele/"):
            return self.problem_of_ours(path, name)
        party = third_party(name)
        if party:
            return self.problem_of_third_party(path, name, party)
        if bracket == "<":
            return self.problem_of_system(name)
        return self.problem_of_private(path, name)

    def problem_of_ours(self, path, name):
        if name.endswith(".pb.h"):
            place, module = None, "proto"
        elif name in self.owner:
            place = self.owner[name]
            module = room_of(place)
        else:
            return f'no module has the public header "{name}"'
        here = room_of(path)
        if place and is_testing(place) and not is_testing(path) and (
                here not in ("samples", "bench")):
            return f'"{name}" is for tests'
        if module == here:
            return None
        allowed = ROOMS[here].ours
        if module in allowed or name in allowed:
            return None
        return f"{here} may not include {module} ({name})"

    @staticmethod
    def problem_of_third_party(path, name, party):
        room = ROOMS[room_of(path)]
        allowed = set(room.public)
        if not is_public(path):
            allowed |= room.inside
        if path.endswith(".cc"):
            allowed |= room.sources
        if is_testing(path):
            allowed |= TESTING_THIRD_PARTY
        if party in allowed:
            return None
        kind = ("public headers" if is_public(path) else
                "sources" if path.endswith(".cc") else "private headers")
        return f"{kind} of {room_of(path)} may not include {party} ({name})"

    @staticmethod
    def problem_of_system(name):
        if "/" in name and not name.startswith(SYSTEM_FOLDERS):
            return f"<{name}> is of a library the table does not know"
        return None

    def problem_of_private(self, path, name):
        folder = os.path.dirname(path)
        if room_of(path) in ("samples", "bench"):
            return None
        if re.search(r"\.(pb|stele)\.h$", name) or name == "version.h":
            return None
        candidates = [os.path.join(folder, name)]
        while folder:
            candidates.append(os.path.join(folder, "src", name))
            folder = os.path.dirname(folder)
        if any(self.tree.exists(c) and room_of(c) == room_of(path)
               for c in candidates):
            return None
        return f'"{name}" is no private header of {room_of(path)}'
