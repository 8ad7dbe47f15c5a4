#include "tutti/report/html_style.h"

#include <fmt/format.h>

namespace tutti {
namespace {

// c0 ... c6 are Okabe and Ito's colours; on dark paper some are lighter, and black is white.
constexpr const char* kColorsStyle = R"(
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f23; --quiet: #5b6670; --line: #e0e4e8; --panel: #f6f8f9;
  --right: 0 114 178; --wrong: 213 94 0; --heat: .075; --accent: #0072b2;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9; --c6: #000; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e4e8eb; --quiet: #9ba6b0; --line: #2d343a; --panel: #1c2125;
    --right: 86 180 233; --wrong: 232 112 42; --heat: .055; --accent: #5fb2e6;
    --c0: #3a9be0; --c1: #ec7a2f; --c2: #1bb68a; --c3: #dd93bb; --c5: #9bd5f7; --c6: #f2f4f5; }
}
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); }
)";

constexpr const char* kTextStyle = R"(
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 74rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 0 0 .4rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
section { margin-top: 2.2rem; padding-top: 1.4rem; border-top: 1px solid var(--line); }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
.note, .facts, .quiet { color: var(--quiet); } .note, .facts { margin: .1rem 0 .8rem; max-width: 52rem; font-size: .93em; }
.verdict { font-size: 1.12rem; max-width: 52rem; margin: 1rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .93em; margin-top: 1rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0 0; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .55rem .9rem; flex: 1 1 9rem; }
.tiles dt { color: var(--quiet); font-size: .85em; } .tiles dd { margin: 0; font-size: 1.3rem; line-height: 1.35; }
.tiles dd small { display: block; font-size: .8rem; color: var(--quiet); }
details { margin: 1rem 0; } summary { cursor: pointer; color: var(--accent); }
ul.missing { margin: .3rem 0; padding-left: 1.2rem; } .error { font-family: ui-monospace, monospace; font-size: .9em; }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; padding: 0; margin: 0 0 .5rem; font-size: .93em; }
ul.legend i { display: inline-block; width: 1.3rem; border-top: 3px solid currentColor; margin-right: .4rem; vertical-align: .25em; }
)";

constexpr const char* kTableStyle = R"(
.scroll { overflow-x: auto; max-width: 100%; margin: .6rem 0; } .scroll.tall { max-height: 38rem; overflow-y: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { font-weight: 600; } thead th { color: var(--quiet); font-size: .86em; vertical-align: bottom; }
tbody th { font-weight: 400; } .number { text-align: right; } .best { font-weight: 700; }
tr.ensemble th, .dotplot tr.ensemble td, .card tr.ensemble td { font-weight: 600; }
.members tr.ensemble > * { border-top: 2px solid var(--quiet); background: var(--panel); }
.index { color: var(--quiet); display: inline-block; min-width: 1.6em; }
.scroll tbody th, .scroll thead th:first-child { position: sticky; left: 0; background: var(--paper); z-index: 1; }
.tall thead th { position: sticky; top: 0; background: var(--paper); z-index: 1; } .tall thead th:first-child { z-index: 2; }
.tall tr.ensemble > *, .tall tfoot tr > * { position: sticky; bottom: 0; z-index: 1; background: var(--paper); }
.tall .dotplot tr.ensemble > * { bottom: auto; top: 0; } .tall tr.ensemble th { z-index: 2; }
.matrix td { text-align: right; min-width: 2.9rem; border: 1px solid var(--line); padding: .22rem .45rem; }
.matrix thead th { text-align: right; padding: .22rem .45rem; } .matrix thead th:first-child { text-align: left; }
.upright thead th:not(:first-child) { height: 1px; text-align: left; }
.upright thead span { writing-mode: vertical-rl; transform: rotate(180deg); display: inline-block; max-height: 12rem;
  overflow: hidden; text-overflow: ellipsis; }
td[style] { background: linear-gradient(var(--accent), var(--accent)) left bottom / var(--bar) 3px no-repeat; }
.environment td:first-child { color: var(--quiet); } .environment td { white-space: normal; vertical-align: top; }
.dotplot { width: 100%; max-width: 54rem; } .dotplot th, .dotplot td { border: 0; padding: 0 .5rem; }
.dotplot th { width: 1%; max-width: 14rem; overflow: hidden; text-overflow: ellipsis; } .dotplot td.number { width: 1%; }
.dotplot td:nth-child(2) { padding: 0 1rem; min-width: 8rem; }
)";

constexpr const char* kFigureStyle = R"(
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; margin-bottom: .2rem; }
figcaption .note { font-weight: 400; }
svg { display: block; overflow: visible; } svg text { fill: var(--quiet); font-size: 12px; }
.frame { stroke: var(--quiet); stroke-opacity: .6; } .grid { stroke: var(--line); }
.reference { stroke: var(--c1); stroke-dasharray: 3 3; stroke-opacity: .7; }
.diagonal { stroke: var(--ink); stroke-dasharray: 4 4; stroke-opacity: .8; }
.bin rect { fill: var(--accent); fill-opacity: .45; } .bin circle { fill: var(--ink); } .bin.faint { opacity: .3; }
.chart { width: 100%; height: auto; } .many g g { stroke-width: 1px; stroke-opacity: .45; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.4rem; }
.figures.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 13.5rem), 1fr)); }
.reliability { width: 100%; max-width: 17rem; height: auto; }
.pairs { display: flex; flex-wrap: wrap; gap: 1rem 3rem; } .pairs figure { max-width: 100%; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15.5rem), 1fr)); gap: 1rem; align-items: start; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .7rem; background: var(--panel); }
.card img { display: block; width: 8rem; height: auto; image-rendering: pixelated; border-radius: 3px; margin: 0 auto .4rem; }
.card figcaption { display: flex; justify-content: space-between; gap: .5rem; } .card figcaption .note { margin: 0; }
.card table { width: 100%; font-size: .86em; } .card th, .card td { padding: .08rem .2rem; border: 0; white-space: normal; }
.card td.number { white-space: nowrap; } .card th { color: var(--quiet); } .card tr.ensemble > * { border-top: 1px solid var(--line); color: var(--ink); }
.card tr.right td:nth-child(2)::after { content: " ✓"; color: var(--c2); font-weight: 700; }
@media (max-width: 520px) {
  body { padding: 1.2rem .8rem 3rem; } .chart text { font-size: 15px; } th, td { padding: .25rem .45rem; }
  .cards { grid-template-columns: 1fr; gap: .6rem; }
  .card { display: grid; grid-template-columns: 7rem 1fr; grid-template-rows: auto 1fr; column-gap: .7rem; padding: .5rem; }
  .card img { width: 100%; grid-row: 1 / 3; } .figures.small { grid-template-columns: 1fr 1fr; gap: 1rem .6rem; }
  .dotplot td:nth-child(2) { padding: 0 .4rem; } .dotplot th { max-width: 7rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11px; } nav { display: none; } section { border: 0; margin-top: 1rem; }
  .scroll, .scroll.tall { overflow: visible; max-height: none; } .scroll th, .scroll td { position: static !important; }
  th, td { padding: .12rem .3rem; } figure, .card, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)";

}  // namespace

std::string report_style() {
  std::string style = fmt::format("{}{}{}{}", kColorsStyle, kTextStyle, kTableStyle, kFigureStyle);
  for (int shade = 1; shade <= 9; ++shade)
    style += fmt::format(
        ".r{0} {{ background: rgb(var(--right) / calc({0} * var(--heat))); }} "
        ".w{0} {{ background: rgb(var(--wrong) / calc({0} * var(--heat))); }}\n",
        shade);
  return style;
}

}  // namespace tutti
