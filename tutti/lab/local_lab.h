// A notebook server on this machine: the installed Jupyter, in the background.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tutti/lab/background.h"

namespace tutti {

struct LocalLabOptions {
  std::filesystem::path notebooks;  // the folder that it shows; must be there
  int port = 0;                     // 0: a free one
  int cull_idle = 0;                // seconds; see culling_arguments(); 0: never
};

// One that `tutti lab up` started.
struct LocalLab {
  BackgroundProcess process;
  int port = 0;
  std::string program;              // jupyter-lab
  std::filesystem::path notebooks;  // absolute
  std::string token;
  // Opens it; the token is in it.
  std::string url() const;
};

// $XDG_STATE_HOME/tutti/lab or ~/.local/state/tutti/lab: lab.json, token (mode 0600) and log of this user's lab.
std::filesystem::path lab_state_dir();
std::filesystem::path local_lab_log();

// The lab that runs, or nothing; one that has ended by itself is forgotten.
std::optional<LocalLab> find_local_lab();

// Starts it, reachable from this machine only, and waits until it answers. Error if one runs already, if no Jupyter is
// installed, or with Jupyter's words.
LocalLab start_local_lab(const LocalLabOptions& options);

// Asks it to end its kernels and itself; false if none runs. The notebooks stay.
bool stop_local_lab();

// Jupyter's arguments for ending what nobody uses. A kernel is idle when it computes nothing, so a training in a notebook never
// is; what has no kernel and no terminal left for that long ends itself if `server`. A terminal is never ended: a training may
// run in it, whether it prints or not.
std::vector<std::string> culling_arguments(int seconds, bool server);

// "2h", "30m", "90s", "0" in seconds. Error for other texts.
int seconds_of(const std::string& text, const char* what);

}  // namespace tutti
