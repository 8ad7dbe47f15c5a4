#include <gtest/gtest.h>

#include "harness.h"

// Tests are registered here, not by macros: which engines there are is known at run time.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  tutti::conformance::register_table_tests();
  tutti::conformance::register_value_tests();
  tutti::conformance::register_gradient_tests();
  tutti::conformance::register_program_tests();
  return RUN_ALL_TESTS();
}
