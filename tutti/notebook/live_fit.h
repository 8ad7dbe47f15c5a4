// fit()'s progress in a notebook: one display with the bar and the curves, which grow in place.
#pragma once

#include "tutti/nn/callback.h"

namespace tutti {

// verbose 1: one live display for each fit: "text/html" with the bar, the values and a curve for the loss and each metric,
// training dashed and validation full, the epoch under way by its running mean; "text/plain" with Keras's bars. Drawn four
// times a second at most, and once more when fit ends in whatever way. Other values of verbose: as ProgressBar.
CallbackPtr LiveFit(int verbose = 1);
// fit() shows its progress so from now on.
void use_live_fit();

}  // namespace tutti
