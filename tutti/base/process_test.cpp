#include "tutti/base/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;

TEST(Process, RunsWithItsEnvironmentInItsFolder) {
  const TemporaryFolder temporary;
  const fs::path& folder = temporary.path();
  Process process({.command = {"sh", "-c", "echo $WHO; pwd; echo wrong >&2; cat"},
                   .environment = {{"WHO", "tutti"}},
                   .directory = folder,
                   .output = folder / "log.txt"});
  EXPECT_TRUE(process.wait().ok());
  EXPECT_EQ(read_file(folder / "log.txt"), "tutti\n" + folder.string() + "\nwrong\n");
}

TEST(Process, SaysHowItEnded) {
  EXPECT_EQ(Process({.command = {"sh", "-c", "exit 3"}}).wait().text(), "exit code 3");
  EXPECT_EQ(Process({.command = {"sh", "-c", "kill -9 $$"}}).wait().text(), "signal 9 (Killed)");
  Process sleeping({.command = {"sleep", "100"}});
  EXPECT_FALSE(sleeping.poll());
  sleeping.signal(SIGTERM);
  EXPECT_EQ(sleeping.wait().signal, SIGTERM);
  sleeping.signal(SIGTERM);  // nobody has that number any more
  EXPECT_EQ(sleeping.poll()->signal, SIGTERM);
}

TEST(Process, IsKilledWithItsObject) {
  pid_t id = 0;
  {
    const Process sleeping({.command = {"sleep", "100"}});
    id = sleeping.id();
  }
  EXPECT_EQ(::kill(id, 0), -1);
}

TEST(Process, AProgramThatCannotBeStartedIsAnError) {
  const auto error_of = [](const ProcessOptions& options) -> std::string {
    try {
      Process process(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(error_of({.command = {"no-such-program"}}), HasSubstr("there is no program no-such-program"));
  EXPECT_THAT(error_of({.command = {"/etc/passwd"}}), HasSubstr("there is no program /etc/passwd"));
  EXPECT_THAT(error_of({.command = {"sh"}, .directory = "/nowhere"}), HasSubstr("No such file"));
  EXPECT_THAT(error_of({.command = {"sh"}, .output = "/nowhere/log"}), HasSubstr("cannot write /nowhere/log"));
}

TEST(Process, FindsPrograms) {
  EXPECT_TRUE(find_program("sh"));
  EXPECT_FALSE(find_program("no-such-program"));
  EXPECT_FALSE(find_program("/etc/passwd"));
}

TEST(Process, IsCaptured) {
  const Captured hello = capture({"sh", "-c", "cat; echo bad >&2; exit 4"}, "hello\n");
  EXPECT_EQ(hello.out, "hello\n");
  EXPECT_EQ(hello.err, "bad\n");
  EXPECT_EQ(hello.end.code, 4);
  EXPECT_EQ(capture({"sleep", "100"}, "", 0.05).end.signal, SIGKILL);
  EXPECT_THROW(capture({"no-such-program"}), Error);
}

}  // namespace
}  // namespace tutti
