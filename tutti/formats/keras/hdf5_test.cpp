#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/shared_data.h"
#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/formats/keras/hdf5_reader.h"
#include "tutti/formats/keras/hdf5_writer.h"

namespace tutti {
namespace {

std::filesystem::path golden(const char* name) {
  return std::filesystem::path(TUTTI_SOURCE_DIR) / "tests/golden/keras/hdf5" / name;
}

// make.py's values: 0, 1/8, 2/8, ...
void expect_eighths(const Tensor& tensor) {
  ASSERT_EQ(tensor.shape(), (Shape{5, 7}));
  const Tensor values = tensor.cast(DType::kFloat64);
  for (int i = 0; i < 35; ++i) EXPECT_EQ(values.data<double>()[static_cast<std::size_t>(i)], i / 8.0) << i;
}

TEST(Hdf5Reader, ReadsFiltersTypesAndByteOrders) {
  const Hdf5Reader file(golden("filters.h5"));
  expect_eighths(file.dataset("gzip"));
  expect_eighths(file.dataset("half"));
  expect_eighths(file.dataset("big_endian"));
  EXPECT_EQ(file.dataset("half").dtype(), DType::kFloat32);
  EXPECT_EQ(file.dataset("big_endian").dtype(), DType::kFloat64);
  const Tensor shuffled = file.dataset("/shuffled");
  EXPECT_EQ(shuffled.data<std::int32_t>()[34], 4);  // 34 / 8
  EXPECT_EQ(file.dataset("unsigned").data<std::uint8_t>()[34], 34);
  EXPECT_EQ(file.dataset("long").item(), -7);
  EXPECT_TRUE(file.dataset("empty").empty());
}

TEST(Hdf5Reader, ReadsLargeGroups) {
  const Hdf5Reader file(golden("filters.h5"));
  EXPECT_EQ(file.children("many").size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(file.dataset(fmt::format("many/n{}", i)).item(), i);
  EXPECT_FALSE(file.exists("many/n200"));
  EXPECT_FALSE(file.exists("many/n1/deeper"));
}

TEST(Hdf5Reader, ReadsStringsOfEveryKind) {
  const Hdf5Reader file(golden("filters.h5"));
  EXPECT_EQ(file.strings_attribute("/", "fixed"), (std::vector<std::string>{"a", "bcd"}));
  EXPECT_EQ(file.strings_attribute("", "variable")->at(39), std::string(39, 'x'));
  EXPECT_EQ(file.string_attribute("", "text"), "\u00e9t\u00e9");
  EXPECT_EQ(file.string_attribute("", "absent"), std::nullopt);
}

TEST(Hdf5Reader, ReadsBehindAUserBlockAndCompactLinks) {
  expect_eighths(Hdf5Reader(golden("user_block.h5")).dataset("values"));
  expect_eighths(Hdf5Reader(golden("latest.h5")).dataset("values"));
}

TEST(Hdf5Reader, NamesTheFileAndTheObject) {
  const auto path = golden("filters.h5");
  const Hdf5Reader file(path);
  EXPECT_EQ(message_of([&] { file.dataset("many/none"); }),
            fmt::format("[{}] many/none: it is not in the file.", path.string()));
  EXPECT_NE(message_of([&] { file.dataset("many"); }).find("many: this is no data set"), std::string::npos);
  EXPECT_NE(message_of([&] { file.dataset("complex"); }).find("its type is not supported"), std::string::npos);
  EXPECT_NE(message_of([&] { file.string_attribute("", "fixed"); }).find("expected one string. Got 2"), std::string::npos);
  EXPECT_NE(message_of([&] { Hdf5Reader("plain text", "a.h5"); }).find("[a.h5] this is no HDF5 file"), std::string::npos);
}

TEST(Hdf5Writer, WritesWhatTheReaderReads) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  std::vector<std::string> many;
  for (int i = 0; i < 3000; ++i) many.push_back(fmt::format("a_name_of_some_length_{:020}", i));
  {
    Hdf5Writer file(path);
    file.dataset("a/b/values", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
    file.dataset("a/step", Tensor::scalar<std::int64_t>(-5));
    file.group("empty");
    file.attribute("", "text", "one", Hdf5String::kAscii);
    file.attribute("a", "fixed", "two", Hdf5String::kFixed);
    file.names("empty", "none", {}, Hdf5String::kFixed);
    file.names("empty", "many", many, Hdf5String::kFixed);
    file.close();
  }
  const Hdf5Reader file(path);
  EXPECT_EQ(file.dataset("a/b/values").data<float>()[5], 6.0f);
  EXPECT_EQ(file.dataset("a/step").item(), -5);
  EXPECT_EQ(file.string_attribute("", "text"), "one");
  EXPECT_EQ(file.string_attribute("a", "fixed"), "two");
  EXPECT_TRUE(file.children("empty").empty());
  EXPECT_EQ(file.strings_attribute("empty", "none"), std::vector<std::string>{});
  // 3000 names of 42 bytes do not fit one header: Keras splits them.
  EXPECT_FALSE(file.has_attribute("empty", "many"));
  EXPECT_EQ(file.strings_attribute("empty", "many0")->size() + file.strings_attribute("empty", "many1")->size(), 3000u);
}

TEST(Hdf5Writer, SaysWhatItCannotWrite) {
  Hdf5Writer file("/proc/nowhere/at/all.h5");
  file.group("a");
  EXPECT_THROW(file.close(), Error);
  EXPECT_THROW(file.group("a"), Error);
}

}  // namespace
}  // namespace tutti
