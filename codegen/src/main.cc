// protoc-gen-stele: run by protoc for --stele_out.

#include "generator.h"
#include "google/protobuf/compiler/plugin.h"

int main(int argc, char** argv) {
  const stele::codegen::Generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
