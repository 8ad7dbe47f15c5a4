#include "tutti/data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"

namespace tutti {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0' + static_cast<char>(header.size() & 0xFF) +
                      static_cast<char>(header.size() >> 8);
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + data;
}

std::string error_of(const std::string& bytes) {
  try {
    parse_npy(bytes, "x.npy");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Npy, RoundTripsEveryType) {
  const Tensor values = Tensor::of<float>({2, 3}, {0, 1, 2, 3, 4, 5});
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUInt8}) {
    const std::string bytes = to_npy(values.cast(dtype));
    const Tensor back = parse_npy(bytes, "x");
    EXPECT_EQ(back.type(), (TensorType{dtype, {2, 3}}));
    EXPECT_THAT(back.cast(DType::kFloat32).data<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_EQ((bytes.size() - back.bytes()) % 64, 0u);
  }
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0, 3}}) EXPECT_EQ(parse_npy(to_npy(Tensor(shape)), "x").shape(), shape);
}

TEST(Npy, ReadsAllVersionsAndFortranOrder) {
  const std::string data("\1\2\3\4\5\6", 6);
  for (const char version : {1, 2, 3})
    EXPECT_EQ(parse_npy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", data, version), "x").elements(),
              6);
  const Tensor fortran = parse_npy(npy("{'shape': (2, 3), 'fortran_order': True, 'descr': '|u1'}", data), "x");
  EXPECT_THAT(fortran.data<std::uint8_t>(), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(Npy, NamesWhatIsWrong) {
  const std::string good = to_npy(Tensor({2, 3}));
  EXPECT_THAT(error_of("hello"), HasSubstr("x.npy is not an npy file"));
  // Every truncation is an Error.
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_NE(error_of(good.substr(0, size)), "no error") << size;
  EXPECT_THAT(error_of(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "x")), HasSubstr("Got |O"));
  EXPECT_THAT(error_of(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "xxxx")), HasSubstr("Got >f4"));
  EXPECT_THAT(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "x")), HasSubstr("records"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'shape': (1,)}", "xxxx")), HasSubstr("bad header"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "xxxx")), HasSubstr("bad shape"));
  for (const char* shape :
       {"4611686018427387904, 4611686018427387904, 0", "4294967296, 4294967296", "99999999999999999999", "9"})
    EXPECT_NE(error_of(npy(std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (") + shape + ",)}", "xxxx")),
              "no error");
}

TEST(Npy, WritesFiles) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.npy";
  write_npy(path, Tensor::of<std::int64_t>({2}, {7, -8}));
  EXPECT_THAT(read_npy(path).data<std::int64_t>(), ElementsAre(7, -8));
}

}  // namespace
}  // namespace tutti
