#include "generator.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "check/link.h"
#include "check/validate.h"
#include "emit/write_header.h"
#include "google/protobuf/io/printer.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "model/model.h"
#include "model/names.h"
#include "model/problems.h"
#include "model/reader.h"

namespace stele::codegen {

namespace pb = google::protobuf;

bool Generator::Generate(const pb::FileDescriptor* file,
                         const std::string& parameter,
                         pb::compiler::GeneratorContext* context,
                         std::string* error) const {
  return GenerateAll({file}, parameter, context, error);
}

bool Generator::GenerateAll(const std::vector<const pb::FileDescriptor*>& files,
                            const std::string& parameter,
                            pb::compiler::GeneratorContext* context,
                            std::string* error) const {
  if (!parameter.empty()) {
    *error = absl::StrCat("unknown parameter \"", parameter,
                          "\"; --stele_out takes a folder only");
    return false;
  }
  Model model = ReadModelOf(files);
  Problems problems;
  LinkModel(model, problems);
  ValidateModel(model, problems);
  if (!problems.empty()) {
    *error = problems.ToString();
    return false;
  }
  for (const File& file : model.files) {
    if (!file.is_wanted) continue;
    const std::unique_ptr<pb::io::ZeroCopyOutputStream> output(
        context->Open(SteleHeader(file.path)));
    pb::io::Printer printer(output.get(), '$');
    printer.PrintRaw(WriteHeader(file));
  }
  return true;
}

}  // namespace stele::codegen
