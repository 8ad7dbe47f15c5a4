// A whole kernel, with a language for tests: fake_kernel CONNECTION_FILE.
#include <cstdio>
#include <exception>
#include <memory>

#include "tutti/notebook/jupyter/fake_interpreter.h"
#include "tutti/notebook/jupyter/run_kernel.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: fake_kernel CONNECTION_FILE\n", stderr);
    return 2;
  }
  try {
    return tutti::run_kernel(argv[1], [] { return std::make_unique<tutti::jupyter::FakeInterpreter>(); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake_kernel: error: %s\n", error.what());
    return 1;
  }
}
