// The curves of a training, for a page.
#pragma once

#include <string>

#include "tutti/nn/logs.h"

namespace tutti {

// A picture for the loss and each metric, as HTML; by epoch, from 1: epochs that the history lacks leave a gap. Empty if there
// is nothing to draw. The axes have at least `epochs` epochs.
std::string curves_html(const History& history, int epochs = 0);

}  // namespace tutti
