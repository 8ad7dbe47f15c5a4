#include "tutti/report/hard_images.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "tutti/base/base64.h"
#include "tutti/data/images.h"
#include "tutti/ensemble/combine.h"
#include "tutti/report/html_parts.h"
#include "tutti/report/pictures.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

// Larger images would make the page heavy.
constexpr std::int64_t kMaxSide = 192;

// 0 for what is no number, so that it can be sorted by.
double probability_of(const Tensor& probabilities, std::int64_t image, std::int64_t label) {
  const auto place = static_cast<std::size_t>(image * probabilities.shape()[1] + label);
  const auto value = static_cast<double>(probabilities.data<float>()[place]);
  return std::isfinite(value) ? value : 0.0;
}

std::string picture_html(const Tensor& sample, const std::string& description) {
  Tensor image = displayable(sample);
  const std::int64_t height = image.shape()[0], width = image.shape()[1], side = std::max(height, width);
  if (side > kMaxSide)
    image = resize_image(image, std::max<std::int64_t>(1, height * kMaxSide / side),
                         std::max<std::int64_t>(1, width * kMaxSide / side));
  return fmt::format("<img alt=\"{}\" src=\"data:image/png;base64,{}\">", escape_html(description), base64(encode_png(image)));
}

struct Vote {
  std::string who;
  std::int64_t predicted = 0;
  double probability = 0;
};

std::string vote_html(const RunResults& results, const Vote& vote, std::int64_t truth, const char* css) {
  return fmt::format("<tr class=\"{}{}\"><th>{}</th><td>{}</td><td class=\"number\">{} %</td></tr>\n", css,
                     vote.predicted == truth ? " right" : "", escape_html(vote.who),
                     escape_html(class_name(results, vote.predicted)), percent_text(vote.probability, 0));
}

// A vote a member; of many members a line for each class that some vote for, most votes first, with the mean probability.
std::vector<Vote> votes_of(const RunResults& results, const std::vector<std::vector<std::int64_t>>& predicted,
                           std::int64_t image) {
  std::vector<Vote> votes;
  for (std::size_t m = 0; m < results.members.size(); ++m) {
    const std::int64_t label = predicted[m][static_cast<std::size_t>(image)];
    votes.push_back({results.members[m].result.name, label, probability_of(results.members[m].test, image, label)});
  }
  if (votes.size() <= kFewMembers) return votes;
  std::map<std::int64_t, std::pair<std::int64_t, double>> classes;
  for (const Vote& vote : votes) {
    ++classes[vote.predicted].first;
    classes[vote.predicted].second += vote.probability;
  }
  votes.clear();
  for (const auto& [label, votes_and_sum] : classes)
    votes.push_back(
        {std::to_string(votes_and_sum.first), label, votes_and_sum.second / static_cast<double>(votes_and_sum.first)});
  std::ranges::stable_sort(votes, [](const Vote& a, const Vote& b) { return std::stoll(a.who) > std::stoll(b.who); });
  if (votes.size() > kFewMembers) votes.resize(kFewMembers);
  for (Vote& vote : votes) vote.who += vote.who == "1" ? " member" : " members";
  return votes;
}

}  // namespace

std::vector<HardImage> hardest_images(const RunResults& results, std::size_t count) {
  const auto labels = results.labels.data<std::int32_t>();
  std::vector<HardImage> images(labels.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].index = static_cast<std::int64_t>(i);
    images[i].probability = probability_of(results.ensemble, images[i].index, labels[i]);
  }
  for (const MemberOutcome& member : results.members) {
    const std::vector<std::int64_t> predicted = argmax_rows(member.test);
    for (std::size_t i = 0; i < images.size(); ++i) images[i].wrong += predicted[i] != labels[i] ? 1 : 0;
  }
  std::erase_if(images, [](const HardImage& image) { return image.wrong == 0; });
  std::ranges::stable_sort(images, [](const HardImage& a, const HardImage& b) {
    return std::tuple(-a.wrong, a.probability) < std::tuple(-b.wrong, b.probability);
  });
  if (images.size() > count) images.resize(count);
  return images;
}

std::string hard_images_section(const RunResults& results, const Dataset& test) {
  const std::string id = "hard", title = "The pictures that most members get wrong";
  if (test.empty()) return section(id, title, note("The test images are not at hand, so there are no pictures here."));
  if (!has_images(test) || test.size() != results.labels.elements())
    return section(id, title, note("The samples of this data set are no pictures."));
  const std::vector<HardImage> images = hardest_images(results);
  if (images.empty()) return section(id, title, note("No member gets any test image wrong."));

  std::vector<std::vector<std::int64_t>> predicted;
  for (const MemberOutcome& member : results.members) predicted.push_back(argmax_rows(member.test));
  const std::vector<std::int64_t> whole = argmax_rows(results.ensemble);
  std::string cards;
  for (const HardImage& image : images) {
    const std::int64_t truth = results.labels.data<std::int32_t>()[static_cast<std::size_t>(image.index)];
    const std::int64_t answer = whole[static_cast<std::size_t>(image.index)];
    const std::string name = class_name(results, truth);
    cards += fmt::format(
        "<figure class=\"card\">{}\n<figcaption><b>{}</b><span class=\"note\">image {}</span></figcaption>\n<table>",
        picture_html(test.get(image.index).x, name), escape_html(name), image.index);
    for (const Vote& vote : votes_of(results, predicted, image.index)) cards += vote_html(results, vote, truth, "vote");
    if (results.members.size() > 1)
      cards += vote_html(results, {"ensemble", answer, probability_of(results.ensemble, image.index, answer)}, truth,
                         "vote ensemble");
    cards += "</table></figure>\n";
  }
  return section(
      id, title,
      note("Those that most members get wrong first, then those of whose true class the ensemble is least sure. Below "
           "each picture its true class, and what the members and the ensemble say with which probability; ✓ marks "
           "the right answers.") +
          "<div class=\"cards\">\n" + cards + "</div>\n");
}

}  // namespace tutti
