#include "protoc.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace stele::codegen {

Outcome RunCommand(const std::string& command) {
  Outcome outcome;
  std::FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    outcome.output.append(buffer, n);
  }
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  EXPECT_TRUE(file) << path;
}

std::string ShellQuoted(const std::string& path) {
  std::string quoted = "'";
  for (const char c : path) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

ProtoFolder::ProtoFolder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "stele_codegen_XXXXXX")
          .string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

ProtoFolder::~ProtoFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ProtoFolder::Add(const std::string& name, const std::string& text) const {
  const std::filesystem::path file = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(file.parent_path());
  WriteFile(file.string(), text);
}

Outcome ProtoFolder::Generate(const std::vector<std::string>& names) const {
  return GenerateFrom(path_, names, path_);
}

Outcome GenerateFrom(const std::string& from,
                     const std::vector<std::string>& names,
                     const std::string& to) {
  std::string command = ShellQuoted(STELE_TEST_PROTOC);
  command += " -I " + ShellQuoted(from);
  command += " -I " + ShellQuoted(STELE_TEST_PROTO_DIR);
  command += " --plugin=protoc-gen-stele=" + ShellQuoted(STELE_TEST_PLUGIN);
  command += " --stele_out=" + ShellQuoted(to);
  for (const std::string& name : names) command += " " + ShellQuoted(name);
  return RunCommand(command);
}

}  // namespace stele::codegen
