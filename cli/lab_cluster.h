// tutti lab ... --on kubernetes
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tutti/lab/cluster_lab.h"

namespace tutti::cli {

struct LabClusterArguments {
  std::string context, name_space, name = "tutti-lab";
  // Of `up`; empty: not said.
  struct {
    std::string image, host_path, nfs, claim, size = "10Gi", storage_class, cpu, memory, runtime_class, pull_policy;
    std::vector<std::string> set;
    int gpu = 0, node_port = -1;
  } spec;
  std::string change_cause;
  std::filesystem::path manifests;
  int revision = 0, wait = 300;
  bool delete_notebooks = false, dry_run = false, no_forward = false, no_commit = false;

  // Which lab it is.
  void add(Command& command);
  void add_spec(Command& command);
  void add_update(Command& command);
};

void lab_cluster_up(LabClusterArguments& arguments, int port, int cull_idle);
void lab_cluster_down(const LabClusterArguments& arguments);
void lab_cluster_status(const LabClusterArguments& arguments);
void lab_cluster_logs(const LabClusterArguments& arguments, int lines, bool follow);
// `files` are committed with the manifests.
void lab_cluster_update(const LabClusterArguments& arguments, const std::string& image,
                        std::vector<std::filesystem::path> files);
void lab_cluster_history(const LabClusterArguments& arguments);
void lab_cluster_rollback(const LabClusterArguments& arguments);

// Runs a program in the foreground until it ends or Ctrl-C.
void run_until_interrupted(const std::vector<std::string>& command);

}  // namespace tutti::cli
