// A lab on Kubernetes: making it, changing its image, and what the cluster says of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tutti/kubernetes/kubectl.h"
#include "tutti/lab/background.h"
#include "tutti/lab/lab_spec.h"

namespace tutti {

// Makes the Secret if there is none, so that the token stays, and then what `manifests` say. Error with the server's words.
void apply_lab(Kubectl& kubectl, const LabSpec& spec, const std::string& manifests);

// Another image for the one that there is, as a new revision with its cause. Error if there is none.
void set_lab_image(Kubectl& kubectl, const std::string& name, const std::string& image, const std::string& change_cause);

// Waits until the newest revision answers. `say` hears why it does not yet, once for each reason. Error with the last reason
// after so many seconds.
void wait_for_lab(Kubectl& kubectl, const std::string& name, double patience,
                  const std::function<void(const std::string&)>& say);

// Error if there is no such lab.
std::string lab_token(Kubectl& kubectl, const std::string& name);

struct LabStatus {
  std::string image, change_cause;
  int revision = 0;
  bool ready = false;
  std::string pod;      // its name; "" if there is none
  std::string reason;   // why it is not ready, or how its container ended last; may be empty
  int restarts = 0;     // of the container
  std::string address;  // "10.0.0.3:30001" if it has a port of the nodes, else ""
};
// Error if there is no such lab.
LabStatus lab_status(Kubectl& kubectl, const std::string& name);

// What a lab was, and is; the oldest first.
struct LabRevision {
  int number = 0;
  std::string image, change_cause, created;
  bool current = false;
};
std::vector<LabRevision> lab_history(Kubectl& kubectl, const std::string& name);

// Back to a revision; 0: the one before. It becomes a new revision. Error if there is no such one.
void roll_lab_back(Kubectl& kubectl, const std::string& name, int revision);

// Removes it; its own claim, and with it the notebooks, only if asked. Waits until the Pod is gone. False if there was none.
bool remove_lab(Kubectl& kubectl, const std::string& name, bool delete_notebooks);

// A port of this machine through kubectl to a lab, in the background; one for each lab. `place`: the cluster and namespace.
struct LabForward {
  BackgroundProcess process;
  int port = 0;
};
// The one that runs, or a new one; `port` 0: a free one.
LabForward forward_lab(const KubectlOptions& place, const std::string& name, int port);
// Ends it, if there is one.
void stop_forward(const KubectlOptions& place, const std::string& name);

}  // namespace tutti
