// How members run as Pods: the `kubernetes` section of a spec, in Kubernetes' own names and forms.
//
//   kubernetes:
//     image: registry.example/tutti:0.1.0
//     storage: {nfs: {server: nas, path: /export/tutti}, mountPath: /mnt/tutti}     # or hostPath, persistentVolumeClaim
//     resources: {limits: {cpu: 2, memory: 4Gi, nvidia.com/gpu: 1}}
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tutti {

// A volume that this machine and every Pod see in the same place.
struct KubernetesStorage {
  std::string kind;             // hostPath, nfs, persistentVolumeClaim; "": none
  std::string server;           // of nfs
  std::string source;           // the folder on the node or the server; the claim's name
  std::filesystem::path mount;  // where it is seen; default: the host path, else /mnt/tutti
  bool operator==(const KubernetesStorage&) const = default;
};

struct KubernetesSpec {
  std::string image;              // default: tutti:VERSION
  std::string image_pull_policy;  // "": Kubernetes' default
  std::vector<std::string> image_pull_secrets;
  std::string context, name_space;  // "": those of the kubeconfig
  std::string layout;               // jobs: a Job a member; indexed: one Indexed Job of all; "": jobs
  KubernetesStorage storage;
  std::string resources, node_selector, tolerations;  // JSON text as Kubernetes takes it; "": none
  std::string runtime_class, priority_class;
  std::string queue;              // of Kueue, which then decides when the Jobs start
  bool suspend = false;           // make the Jobs, start nothing
  int backoff_limit = -1;         // how often a member that failed is started again; -1: run.retries, else 3
  int seconds_after_end = 86400;  // until an ended Job is removed from the cluster; its results are in the store
  int user = -1, group = -1;      // numbers that the Pods run as; -1: see pod_user()
  bool operator==(const KubernetesSpec&) const = default;
};

}  // namespace tutti
