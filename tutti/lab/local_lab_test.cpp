#include "tutti/lab/local_lab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/message_of.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/process.h"
#include "tutti/lab/lab_image.h"
#include "tutti/lab/token.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// A folder of its own, with a $PATH in which jupyter-lab is a program that tells what it was given and listens.
class Lab : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("tutti-lab-{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "notebooks");
    fs::create_directories(folder_ / "bin");
    ::setenv("XDG_STATE_HOME", (folder_ / "state").c_str(), 1);
    path_ = env("PATH");
    ::setenv("PATH", (folder_ / "bin:").string().append(path_).c_str(), 1);
  }
  void TearDown() override {
    stop_local_lab();
    ::setenv("PATH", path_.c_str(), 1);
    fs::remove_all(folder_);
  }
  void install(const std::string& program) const {
    write_file_atomically(folder_ / "bin/jupyter-lab", "#!/usr/bin/python3\n" + program);
    fs::permissions(folder_ / "bin/jupyter-lab", fs::perms::owner_all);
  }
  void install_server() const {
    if (!fs::exists("/usr/bin/python3")) GTEST_SKIP() << "the server of this test is a Python program";
    install(
        "import os, socket, sys, time\n"
        "port = int([a for a in sys.argv if a.startswith('--port=')][0][7:])\n"
        "open('" +
        (folder_ / "told").string() +
        "', 'w').write(' '.join(sys.argv) + '\\n' + open(os.environ['JUPYTER_TOKEN_FILE']).read() + '\\n' + os.getcwd())\n"
        "server = socket.create_server(('127.0.0.1', port))\n"
        "time.sleep(60)\n");
  }
  fs::path folder_;
  std::string path_;
};

TEST_F(Lab, UpAndDown) {
  install_server();
  if (IsSkipped()) return;
  EXPECT_FALSE(find_local_lab());
  EXPECT_FALSE(stop_local_lab());
  const LocalLab lab = start_local_lab({.notebooks = folder_ / "notebooks", .cull_idle = 600});
  EXPECT_EQ(lab.token.size(), 48u);
  EXPECT_THAT(lab.url(), HasSubstr("/lab?token=" + lab.token));
  EXPECT_TRUE(listens(lab.port));
  struct stat mode {};
  ::stat((lab_state_dir() / "token").c_str(), &mode);
  EXPECT_EQ(mode.st_mode & 0777, 0600u);
  // The server was told the token by the file alone.
  const std::string told = read_file(folder_ / "told");
  EXPECT_THAT(told.substr(0, told.find('\n')), Not(HasSubstr(lab.token)));
  EXPECT_THAT(told, HasSubstr("\n" + lab.token + "\n" + (folder_ / "notebooks").string()));
  EXPECT_THAT(told, HasSubstr("--ip=127.0.0.1"));
  EXPECT_THAT(told, HasSubstr("cull_idle_timeout=600"));

  const auto found = find_local_lab();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->process, lab.process);
  EXPECT_EQ(found->url(), lab.url());
  EXPECT_THAT(message_of([&] { start_local_lab({.notebooks = folder_ / "notebooks"}); }), HasSubstr("one runs already"));
  EXPECT_TRUE(stop_local_lab());
  EXPECT_FALSE(is_running(lab.process));
  EXPECT_FALSE(fs::exists(lab_state_dir() / "token"));
}

TEST_F(Lab, OneThatWasKilledIsForgotten) {
  install_server();
  if (IsSkipped()) return;
  const LocalLab lab = start_local_lab({.notebooks = folder_ / "notebooks"});
  ::kill(lab.process.id, SIGKILL);
  while (is_running(lab.process)) ::usleep(1000);
  EXPECT_FALSE(find_local_lab());
  EXPECT_NO_THROW(start_local_lab({.notebooks = folder_ / "notebooks", .port = lab.port}));
}

TEST_F(Lab, WhatGoesWrongIsSaid) {
  EXPECT_THAT(message_of([&] { start_local_lab({.notebooks = folder_ / "no"}); }), HasSubstr("there is no folder"));
  install("import sys\nsys.exit('ImportError: no module named lab')\n");
  EXPECT_THAT(message_of([&] { start_local_lab({.notebooks = folder_ / "notebooks"}); }),
              HasSubstr("jupyter-lab ended with exit code 1: ImportError: no module named lab"));
  EXPECT_FALSE(find_local_lab());
  ::setenv("PATH", (folder_ / "state").c_str(), 1);
  EXPECT_THAT(message_of([&] { start_local_lab({.notebooks = folder_ / "notebooks"}); }), HasSubstr("pip install jupyterlab"));
}

TEST(LabTimes, AreRead) {
  EXPECT_EQ(seconds_of("0", "--cull-idle"), 0);
  EXPECT_EQ(seconds_of("90s", "--cull-idle"), 90);
  EXPECT_EQ(seconds_of("30m", "--cull-idle"), 1800);
  EXPECT_EQ(seconds_of("2h", "--cull-idle"), 7200);
  for (const char* text : {"", "h", "-1", "2 h", "1.5h", "99999999"})
    EXPECT_THROW(seconds_of(text, "--cull-idle"), Error) << text;
}

TEST(LabCulling, NeverEndsWhatComputes) {
  EXPECT_THAT(culling_arguments(600, true), Contains("--MappingKernelManager.cull_busy=False"));
  EXPECT_THAT(culling_arguments(600, true), Contains("--ServerApp.shutdown_no_activity_timeout=600"));
  EXPECT_THAT(culling_arguments(600, false), Not(Contains(HasSubstr("shutdown"))));
  EXPECT_TRUE(culling_arguments(0, true).empty());
}

TEST(LabToken, IsRandom) { EXPECT_NE(random_token(), random_token()); }

TEST_F(Lab, ImagesAreNamedByTheirContent) {
  write_file_atomically(folder_ / "a/Dockerfile", "FROM x\n");
  const std::string tag = content_tag(folder_ / "a", {"JUPYTER=pypi"});
  EXPECT_EQ(tag.size(), 12u);
  EXPECT_EQ(content_tag(folder_ / "a", {"JUPYTER=pypi"}), tag);
  EXPECT_NE(content_tag(folder_ / "a", {"JUPYTER=debian"}), tag);
  write_file_atomically(folder_ / "a/packages/tutti.deb", "");
  EXPECT_NE(content_tag(folder_ / "a", {"JUPYTER=pypi"}), tag);
}

TEST_F(Lab, CommitsItsOwnFilesOnly) {
  if (!find_program("git")) GTEST_SKIP() << "there is no git";
  const fs::path file = folder_ / "notebooks/lab.yaml";
  write_file_atomically(file, "a\n");
  const auto git = [&](const std::string& arguments) {
    const Captured captured = capture({"sh", "-c", "cd " + (folder_ / "notebooks").string() + " && git " + arguments});
    EXPECT_TRUE(captured.end.ok()) << captured.err;
    return captured.out;
  };
  EXPECT_FALSE(commit_files({file}, "not in a repository"));
  git("init -q && git config user.email a@b.example && git config user.name jane");
  write_file_atomically(folder_ / "notebooks/other", "mine\n");
  git("add other");
  EXPECT_TRUE(commit_files({file}, "Update the lab: it's \"new\""));
  EXPECT_EQ(git("log --format=%s"), "Update the lab: it's \"new\"\n");
  EXPECT_EQ(git("show --format= --name-only HEAD"), "lab.yaml\n");
  EXPECT_FALSE(commit_files({file}, "nothing changed"));
}

}  // namespace
}  // namespace tutti
