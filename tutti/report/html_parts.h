// Parts that the sections of the HTML report share.
#pragma once

#include <string>
#include <vector>

#include "tutti/report/results.h"

namespace tutti {

// Up to so many members each have their own row, column or colour where they would crowd a section.
constexpr std::size_t kFewMembers = 7;

// "78.52", of a share; "–" for what is no number.
std::string percent_text(double share, int digits = 2);
// "0.1234"; "–" for what is no number.
std::string number_text(double value, int digits = 4);

// A table of more rows scrolls in its own place.
constexpr std::size_t kTallRows = 30;

// <h2> with an anchor, <section> around it. `body` is HTML.
std::string section(const std::string& id, const std::string& title, const std::string& body);
// A paragraph of plain text below a title.
std::string note(const std::string& text);
// What is wider than the page scrolls in its own place.
std::string scrolling(const std::string& html, bool tall = false);
// Closed at first.
std::string details(const std::string& summary, const std::string& html);

// A square of numbers or a rectangle of them, with the rows' names to the left and the columns' names above.
struct MatrixCell {
  std::string text;
  std::string css;  // classes
  int bar = -1;     // percent of the cell's width, -1 for no bar
};
struct Matrix {
  std::string corner;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<MatrixCell>> cells;
};
// Long names of columns are written from bottom to top.
std::string matrix_html(const Matrix& matrix);

// The class of a shade: "r1" ... "r9" for what is right (blue), "w1" ... "w9" for what is wrong (orange), "" for nothing.
std::string shade(char kind, double share);

// The names of the members; their numbers where there are many.
std::vector<std::string> member_columns(const RunResults& results);

}  // namespace tutti
