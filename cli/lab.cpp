// tutti lab: a notebook server on this machine or on Kubernetes.
#include <functional>
#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/lab_cluster.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/process.h"
#include "tutti/lab/lab_image.h"
#include "tutti/lab/local_lab.h"

namespace fs = std::filesystem;

namespace tutti::cli {
namespace {

struct Arguments {
  std::string on = "local", cull_idle = "0";
  fs::path notebooks = ".";
  int port = 0, lines = 200;
  bool follow = false;
  LabImageOptions image;
  fs::path file;  // --file of build and update; "": found
  LabClusterArguments cluster;
  bool local() const { return on == "local"; }
};

using Action = std::function<void(Arguments&)>;

void up(Arguments& arguments) {
  handle_interrupts();
  const int cull_idle = seconds_of(arguments.cull_idle, "--cull-idle");
  if (!arguments.local()) return lab_cluster_up(arguments.cluster, arguments.port, cull_idle);
  const LocalLab lab = start_local_lab({.notebooks = arguments.notebooks, .port = arguments.port, .cull_idle = cull_idle});
  print(fmt::format("{} shows {}\n\n    {}\n\nIts token opens it: keep it to yourself. End it with: tutti lab down\n",
                    lab.program, lab.notebooks.string(), lab.url()));
}

void down(Arguments& arguments) {
  if (!arguments.local()) return lab_cluster_down(arguments.cluster);
  if (arguments.cluster.delete_notebooks)
    fail("lab", "--delete-notebooks is for --on kubernetes. Your folder is yours to remove.");
  print(stop_local_lab() ? "ended the lab; the notebooks stay\n" : "no lab runs here\n");
}

void status(Arguments& arguments) {
  if (!arguments.local()) return lab_cluster_status(arguments.cluster);
  const auto lab = find_local_lab();
  if (!lab) fail("lab", "no lab runs here. Expected tutti lab up, or --on kubernetes.");
  print(
      fmt::format("{} (process {}) shows {}\n\n    {}\n", lab->program, lab->process.id, lab->notebooks.string(), lab->url()));
}

// tail knows how to follow a file.
void logs(Arguments& arguments) {
  handle_interrupts();
  if (!arguments.local()) return lab_cluster_logs(arguments.cluster, arguments.lines, arguments.follow);
  if (!fs::exists(local_lab_log())) fail("lab", "no lab has run here yet. Expected tutti lab up.");
  std::vector<std::string> command = {"tail", fmt::format("--lines={}", arguments.lines), local_lab_log().string()};
  if (arguments.follow) command.push_back("--follow=name");
  run_until_interrupted(command);
}

LabImageOptions image_options(const Arguments& arguments) {
  LabImageOptions options = arguments.image;
  options.dockerfile = arguments.file.empty() ? find_lab_dockerfile() : arguments.file;
  return options;
}

void build(Arguments& arguments) {
  const LabImage image = build_lab_image(image_options(arguments));
  print(fmt::format("{}{}\n", image.tag, image.built ? "" : "  (unchanged)"));
}

void update(Arguments& arguments) {
  handle_interrupts();
  std::vector<fs::path> changed;
  std::string image = arguments.cluster.spec.image;
  if (image.empty()) {
    const LabImageOptions options = image_options(arguments);
    image = build_lab_image(options).tag;
    changed.push_back(options.dockerfile);
  }
  lab_cluster_update(arguments.cluster, image, changed);
}

void add_image_options(Command& command, Arguments& arguments) {
  LabImageOptions& image = arguments.image;
  image.packages = "build/release";
  command.option("--file", arguments.file, "the Dockerfile (default: deploy/lab/Dockerfile, else the installed one)");
  command.option("--packages", image.packages, "folder with tutti's Debian packages").show_default();
  command.option("--jupyter", image.jupyter, "where JupyterLab comes from: pypi (4) or debian (3.6 on Debian's server)")
      .one_of({"pypi", "debian"})
      .show_default();
  command.option("--front-end", image.front_end,
                 "what deploy/lab/build-frontend made, for --jupyter debian (default: made now)");
  command.option("--base", image.base, "image that it stands on (default: Debian 12)");
  command.option("--cuda", image.cuda, "image of the CUDA trainer (scripts/image --cuda), for a lab with GPUs");
  command.option("--repository", image.name, "the image's name before the ':', with a registry if it is to be pushed")
      .show_default();
  command.option("--builder", image.builder, "docker, podman or buildah (default: the first one that works)")
      .one_of({"docker", "podman", "buildah"});
  command.option("--output", image.output, "also write the image to this file, as an OCI archive");
}

Command add_action(Command& lab, const std::string& name, const std::string& help, const std::shared_ptr<Arguments>& arguments,
                   int& code, const Action& action, bool on_cluster_only = false) {
  Command command = lab.add(name, help);
  if (!on_cluster_only)
    command.option("--on", arguments->on, "this machine (local) or kubernetes").one_of({"local", "kubernetes"}).show_default();
  arguments->cluster.add(command);
  command.on_run([arguments, action, &code] {
    action(*arguments);
    code = kOk;
  });
  return command;
}

}  // namespace

void add_lab(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command lab = program.add("lab", "A notebook server with tutti's C++ kernel, on this machine or on Kubernetes");
  lab.require_command();

  Command command =
      add_action(lab, "up", "Start it, or change it to what is said here; prints its address", arguments, code, up);
  command.option("NOTEBOOKS", arguments->notebooks, "folder that a lab on this machine shows").show_default();
  command.option("--port", arguments->port, "of this machine (default: a free one)").positive();
  command.option("--cull-idle", arguments->cull_idle, "end kernels that computed nothing for so long: 30m, 2h; 0: never")
      .show_default();
  arguments->cluster.add_spec(command);
  command.examples({"tutti lab up ~/notebooks", "tutti lab up --on kubernetes --image tutti-lab:TAG --gpu 1",
                    "tutti lab up --on kubernetes --node-port 30001 --host-path /home/jupyter/ml-all --manifests lab.yaml"});

  command = add_action(lab, "down", "End it; the notebooks stay", arguments, code, down);
  command.flag("--delete-notebooks", arguments->cluster.delete_notebooks, "also remove its claim, and so the notebooks in it");

  command = add_action(lab, "status", "Where it is and how it is", arguments, code, status);

  command = add_action(lab, "logs", "What the server says", arguments, code, logs);
  command.option("--lines", arguments->lines, "from the end").positive().show_default();
  command.flag("-f,--follow", arguments->follow, "and what it says from now on");

  command = lab.add("build", "Make its image, tagged by its content; prints the name");
  add_image_options(command, *arguments);
  command.examples({"tutti lab build", "tutti lab build --jupyter debian --output lab.tar"});
  command.on_run([arguments, &code] {
    build(*arguments);
    code = kOk;
  });

  command =
      add_action(lab, "update", "Build the image, roll it out on Kubernetes, commit its files", arguments, code, update, true);
  add_image_options(command, *arguments);
  arguments->cluster.add_update(command);
  command.examples(
      {"tutti lab update --manifests lab.yaml --change-cause \"numpy added\"", "tutti lab update --image tutti-lab:TAG"});

  command = add_action(
      lab, "history", "Its revisions on Kubernetes, each with its change-cause", arguments, code,
      [](Arguments& given) { lab_cluster_history(given.cluster); }, true);

  command = add_action(
      lab, "rollback", "Back to an earlier revision on Kubernetes", arguments, code,
      [](Arguments& given) { lab_cluster_rollback(given.cluster); }, true);
  command.option("--to", arguments->cluster.revision, "number of the revision (default: the one before)").positive();
}

}  // namespace tutti::cli
