// What a lab on Kubernetes is made of, in Kubernetes' own names.
#pragma once

#include <string>

#include "tutti/experiment/kubernetes_spec.h"

namespace tutti {

struct LabSpec {
  std::string name = "tutti-lab";  // of all its objects
  // Image, pull policy and secrets, resources, node selector, tolerations, classes, user. Of its storage: hostPath, nfs or a
  // claim of yours; none: a claim of its own, which it makes.
  KubernetesSpec kubernetes;
  std::string claim_size = "10Gi", storage_class;  // of its own claim; "": the cluster's default class
  bool node_port = false;                          // reachable from outside the cluster, on a port of every node
  int node_port_number = 0;                        // 30000 to 32767; 0: the cluster chooses
  int cull_idle = 0;                               // seconds; see culling_arguments()
  std::string change_cause;
  std::string owner;        // the user's name
  int user = 0, group = 0;  // that the Pod runs as

  // Where the notebooks are in the Pod; its HOME.
  static constexpr const char* kNotebooks = "/notebooks";
  static constexpr int kPort = 8888;
  static constexpr const char* kContainer = "lab";
  static constexpr const char* kChangeCause = "kubernetes.io/change-cause";
};

// The Secret that holds the token: never a part of the others, so that they can be written to a file and kept under version
// control.
std::string lab_secret_manifest(const LabSpec& spec, const std::string& token);

// Claim (if it is its own), NetworkPolicy, Service and Deployment. YAML documents.
std::string lab_manifests(const LabSpec& spec);

// The same text with another image and change-cause: lines that somebody added by hand stay. Error if it is not the manifests
// of a lab.
std::string with_image(const std::string& manifests, const std::string& image, const std::string& change_cause);

}  // namespace tutti
