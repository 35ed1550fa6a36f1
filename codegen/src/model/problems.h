#ifndef STELE_CODEGEN_MODEL_PROBLEMS_H_
#define STELE_CODEGEN_MODEL_PROBLEMS_H_

#include <string>
#include <vector>

namespace stele::codegen {

// A place in a .proto file. Lines and columns count from 1; 0 = not known.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

// The mistakes found in a model. All are collected before any is reported.
class Problems {
 public:
  // `what` is wrong at `where`; the user should do `instead`.
  void Add(const Location& where, const std::string& what,
           const std::string& instead);

  bool empty() const { return found_.empty(); }

  // "2 mistakes in the model, so nothing was generated:" and then a line
  // "file:line:column: what is wrong; what to write instead" for each, in the
  // order of the places.
  std::string ToString() const;

 private:
  struct Problem {
    Location where;
    std::string text;
  };
  std::vector<Problem> found_;
};

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_PROBLEMS_H_
