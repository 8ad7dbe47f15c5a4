#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/notebook/plugin.h"

namespace tutti::cli {
namespace {

struct Arguments {
  KernelPlace place;
  std::filesystem::path connection_file;
};

void add_place(Command& command, KernelPlace& place) {
  command.flag("--user", place.user, "of this user only; needs no rights");
  command.option("--prefix", place.prefix, "below a folder, as that of a virtual environment: PREFIX/share/jupyter")
      .excludes("--user");
}

}  // namespace

void add_kernel(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("kernel", "C++ notebooks: the Jupyter kernel \"C++20 (tutti)\"");
  command.require_command();
  command.examples({"tutti kernel install --user", "jupyter console --kernel tutti"});

  Command install = command.add("install", "Register the kernel with Jupyter, and prepare its headers");
  add_place(install, arguments->place);
  install.on_run([arguments, &code] {
    const CppPlugin& plugin = need_cpp_plugin();
    const auto folder = plugin.install_kernel(arguments->place, std::filesystem::canonical("/proc/self/exe"));
    plugin.prepare();
    print("installed " + folder.string() + "\n");
    code = kOk;
  });

  Command uninstall = command.add("uninstall", "Remove it again");
  add_place(uninstall, arguments->place);
  uninstall.on_run([arguments, &code] {
    const auto folder = need_cpp_plugin().uninstall_kernel(arguments->place);
    print(folder ? "removed " + folder->string() + "\n" : "it is not installed there\n");
    code = kOk;
  });

  Command run = command.add("run", "Serve a notebook (what Jupyter starts)");
  run.hide();
  run.option("FILE", arguments->connection_file, "Jupyter's connection file").required();
  run.on_run([arguments, &code] { code = need_cpp_plugin().run_kernel(arguments->connection_file); });
}

}  // namespace tutti::cli
