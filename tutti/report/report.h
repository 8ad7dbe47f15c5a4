// The files that say what a run gave.
#pragma once

#include "tutti/report/results.h"

namespace tutti {

// ensemble/: ensemble.json, preds.csv and pred.csv (of the holdout), summary.md, results.json, loss and accuracy as PNG and
// SVG, report.html.
void write_report(const RunFolder& run, const RunResults& results);

}  // namespace tutti
