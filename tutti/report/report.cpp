#include "tutti/report/report.h"

#include <algorithm>

#include "tutti/base/files.h"
#include "tutti/ensemble/combine.h"
#include "tutti/report/html.h"
#include "tutti/report/plots.h"
#include "tutti/report/summary.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// The test images that preds.csv and pred.csv list.
Tensor holdout_of(const RunResults& results) {
  const std::int64_t rows = results.ensemble.shape()[0];
  return results.ensemble.rows(0, results.holdout > 0 ? std::min(results.holdout, rows) : rows);
}

}  // namespace

void write_report(const RunFolder& run, const RunResults& results) {
  const fs::path folder = run.ensemble();
  if (!results.members.empty()) {
    const Tensor holdout = holdout_of(results);
    write_file_atomically(folder / "preds.csv", preds_csv(holdout));
    write_file_atomically(folder / "pred.csv", pred_csv(holdout));
    write_plots(folder, results);
  }
  write_file_atomically(folder / "summary.md", summary_markdown(results));
  write_file_atomically(folder / "results.json", results_json(results));
  write_file_atomically(folder / "report.html",
                        report_html(results, results.members.empty() ? Dataset() : test_images(run, results)));
}

}  // namespace tutti
