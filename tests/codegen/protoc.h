#ifndef STELE_TESTS_CODEGEN_PROTOC_H_
#define STELE_TESTS_CODEGEN_PROTOC_H_

#include <map>
#include <string>
#include <vector>

namespace stele::codegen {

// What a command left behind.
struct Outcome {
  int exit_code = -1;
  std::string output;  // Standard output and standard error.
};

// Runs a shell command to its end.
Outcome RunCommand(const std::string& command);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& text);

// `path` as one word for the shell.
std::string ShellQuoted(const std::string& path);

// A folder of .proto files, for the real protoc and the real plugin. Removed
// with all that is in it.
class ProtoFolder {
 public:
  ProtoFolder();
  ~ProtoFolder();
  ProtoFolder(const ProtoFolder&) = delete;
  ProtoFolder& operator=(const ProtoFolder&) = delete;

  const std::string& path() const { return path_; }
  void Add(const std::string& name, const std::string& text) const;

  // Generates headers for `names` in one run, into this folder.
  Outcome Generate(const std::vector<std::string>& names) const;

 private:
  std::string path_;
};

// As above, for `names` found in folder `from`, into folder `to`.
Outcome GenerateFrom(const std::string& from,
                     const std::vector<std::string>& names,
                     const std::string& to);

}  // namespace stele::codegen

#endif  // STELE_TESTS_CODEGEN_PROTOC_H_
