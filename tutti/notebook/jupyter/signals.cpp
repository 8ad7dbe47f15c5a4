#include "tutti/notebook/jupyter/signals.h"

#include "tutti/base/interrupt.h"

namespace tutti::jupyter {

InterruptsNoticed::InterruptsNoticed() {
  set_interrupted(false);
  struct sigaction action {};
  action.sa_handler = [](int) { set_interrupted(true); };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &old_);
}

InterruptsNoticed::~InterruptsNoticed() {
  sigaction(SIGINT, &old_, nullptr);
  set_interrupted(false);
}

}  // namespace tutti::jupyter
