// Drives a JupyterLab in Chromium through what its users do, and fails at the first step that does not come to its end.
//
//   node drive.mjs --url http://127.0.0.1:8888 --cells cells/cpp.json --out FOLDER [--steps open,notebook,...]
//
// The token is in $LAB_TOKEN; puppeteer-core is looked for beside this file, or in $DRIVER_MODULES. Pictures of the screen and
// report.json lie in FOLDER. Steps, in this order:
//
//   refused     without the token there is the login page, and the API answers 403
//   open        with it, the launcher
//   notebook    a new notebook of the kernel; each of `cells` gives what it says
//   complete    Tab offers
//   inspect     Shift+Tab explains
//   interrupt   a long cell is stopped from the menu; the variables are still there
//   crash       a cell ends the kernel; the dialog; the kernel is back and computes
//   rerun       the menu's "Restart Kernel and Run All Cells..." on the `cells` alone, in a notebook of their own
//   terminal    a shell
//   panels      the running panel and the dark theme
//   article     examples/notebooks/cifar10.ipynb as the `article` samples say: it is opened, "Run All Cells", looked at
//   reopen      the notebook that `rerun` or `save` left is there with its outputs (for a lab that was started again)
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { LabPage, StepError } from './lab_page.mjs';

const kSteps = ['refused', 'open', 'notebook', 'complete', 'inspect', 'interrupt', 'crash', 'rerun', 'terminal', 'panels', 'article', 'reopen'];
const kUsual = kSteps.filter(step => step !== 'reopen');
const kExamples = new URL('../../../examples/notebooks/', import.meta.url);

function options() {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      cells: { type: 'string' },
      out: { type: 'string' },
      steps: { type: 'string', default: kUsual.join(',') },
      browser: { type: 'string', default: process.env.CHROMIUM || '/usr/bin/chromium' }
    }
  });
  for (const name of ['url', 'cells', 'out']) if (!values[name]) throw new StepError(`--${name} is missing`);
  if (!process.env.LAB_TOKEN) throw new StepError('$LAB_TOKEN is empty');
  const steps = values.steps.split(',');
  for (const step of steps)
    if (!kSteps.includes(step)) throw new StepError(`there is no step ${step}. Expected some of ${kSteps.join(', ')}`);
  return { ...values, url: values.url.replace(/\/$/, ''), steps, token: process.env.LAB_TOKEN };
}

function check(holds, what, got) {
  if (!holds) throw new StepError(`${what}. Got ${typeof got === 'string' ? got : JSON.stringify(got)}`);
}

// One cell of the samples: `expect` texts, `pictures` at least so many, `error` if it must be one.
async function runCell(lab, cell) {
  const number = await lab.start(cell.code);
  const output = await lab.waitForEnd(number, cell.seconds ?? 60);
  // An output may be drawn after the prompt has its number.
  for (const text of cell.expect ?? []) await lab.waitForText(number, text, 10);
  const shown = { ...output, ...(await lab.output(number)) };
  if (cell.pictures) check(shown.pictures >= cell.pictures, `expected ${cell.pictures} pictures below ${cell.code}`, shown);
  if (cell.tables) check(shown.tables >= cell.tables, `expected ${cell.tables} tables below ${cell.code}`, shown);
  if (cell.colours) check(shown.colours > 0, `expected colours below ${cell.code}`, shown);
  if (cell.error) check(shown.error, `expected an error below ${cell.code}`, shown);
  return shown;
}

const steps = {
  async refused(lab, { url }, samples, browser) {
    const stranger = await (await browser.createBrowserContext()).newPage();
    const seen = await LabPage.refusal(stranger, url);
    await stranger.screenshot({ path: path.join(lab.folder, '00-refused.png') });
    await stranger.close();
    check(seen.address.includes('/login') && !seen.labThere, 'expected the login page without a token', seen);
    check(seen.api.every(code => code === 403), 'expected the API to answer 403 without a token', seen);
  },

  async open(lab, { url, token }) {
    await lab.open(url, token);
    await lab.picture('launcher');
  },

  async notebook(lab, _, samples) {
    await lab.newNotebook(samples.kernel);
    for (const [index, cell] of samples.cells.entries()) {
      await runCell(lab, cell);
      if (cell.picture) await lab.picture(cell.picture);
      else if (index === samples.cells.length - 1) await lab.picture('cells');
    }
    await lab.save();
  },

  async complete(lab, _, samples) {
    for (const [index, { text, expect }] of samples.complete.entries()) {
      const offers = await lab.complete(text, `complete-${index + 1}`);
      for (const word of expect) check(offers.some(offer => offer.includes(word)), `expected ${word} behind ${text}`, offers);
    }
  },

  async inspect(lab, _, samples) {
    for (const [index, { text, expect }] of samples.inspect.entries()) {
      const said = await lab.inspect(text, `inspect-${index + 1}`);
      for (const word of expect) check(said.includes(word), `expected ${word} in what is said of ${text}`, said);
    }
  },

  async interrupt(lab, _, samples) {
    const { code, running, stopped, after } = samples.interrupt;
    const cell = await lab.start(code);
    await lab.waitForText(cell, running);
    check((await lab.output(cell)).prompt.includes('*'), 'expected a running cell', await lab.output(cell));
    const begin = Date.now();
    await lab.menu('Kernel', 'kernelmenu:interrupt', 'interrupt-menu');
    const output = await lab.waitForEnd(cell, 20);
    await lab.waitForText(cell, stopped, 10);
    lab.notes.interruptSeconds = (Date.now() - begin) / 1000;
    check(output.error, 'expected an error after the interrupt', output);
    await runCell(lab, after);
    await lab.picture('interrupted');
  },

  async crash(lab, _, samples) {
    const { code, after } = samples.crash;
    await lab.start(code);
    await lab.dialog('Kernel Restarting', 90);
    await lab.picture('crash-dialog');
    await lab.accept();
    await lab.waitForRestart(90);
    await runCell(lab, after);
    await lab.picture('restarted');
  },

  async rerun(lab, _, samples) {
    await lab.press('Control+Shift+L');
    await lab.newNotebook(samples.kernel);
    const cells = samples.cells.filter(cell => !cell.error);
    for (const cell of cells) await runCell(lab, cell);
    await lab.menu('Run', 'runmenu:restart-and-run-all');
    await lab.dialog('Restart');
    await lab.accept();
    // The numbers begin again: the last cell's tells that all have run.
    await lab.waitForKernel(90);
    await lab.wait('the cells run again', (count) => {
      const prompts = [...document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell .jp-InputPrompt')];
      return prompts[count - 1].innerText.trim() === `[${count}]:`;
    }, [cells.length], 120);
    for (const [number, cell] of cells.entries())
      for (const text of cell.expect ?? []) await lab.waitForText(number, text, 10);
    await lab.save();
    await lab.picture('rerun');
  },

  async terminal(lab) {
    await lab.press('Control+Shift+L');
    await lab.launch('Other', 'Terminal');
    await lab.wait('a terminal', () => document.querySelector('.jp-Terminal .xterm-cursor-layer, .jp-Terminal .xterm-screen') !== null);
    await new Promise(resolve => setTimeout(resolve, 1500));
    await lab.click('.jp-Terminal .xterm-screen');
    // Whether it ran is asked of the server: the terminal draws on a canvas.
    await lab.page.keyboard.type('echo $((6*7)) > terminal.txt; ls\n');
    await lab.wait('what the shell wrote', async () => {
      const contents = window.jupyterapp.serviceManager.contents;
      try {
        return (await contents.get('terminal.txt')).content.trim() === '42';
      } catch {
        return false;
      }
    });
    await lab.picture('terminal');
  },

  async panels(lab) {
    await lab.click('.jp-SideBar .lm-TabBar-tab', 'Running');
    await lab.wait('the running panel', () => document.querySelector('.jp-RunningSessions-item, .jp-RunningSessions-section') !== null);
    await lab.picture('running');
    await lab.theme('JupyterLab Dark');
    await lab.picture('dark');
    await lab.theme('JupyterLab Light');
    await lab.click('.jp-SideBar .lm-TabBar-tab', 'File Browser');
  },

  async article(lab, _, samples) {
    if (!samples.article) return;  // the example is in C++
    const { file, parameters, seconds, expect, pictures } = samples.article;
    const notebook = JSON.parse(fs.readFileSync(new URL(file, kExamples), 'utf8'));
    const tagged = notebook.cells.findIndex(cell => cell.metadata.tags?.includes('parameters'));
    check(tagged >= 0, `expected a cell with the tag parameters in ${file}`, tagged);
    const cell = { cell_type: 'code', id: 'injected', metadata: {}, execution_count: null, outputs: [], source: parameters };
    notebook.cells.splice(tagged + 1, 0, cell);
    await lab.upload(file, notebook);
    await lab.openFile(file);
    await lab.menu('Run', 'runmenu:run-all');
    const codes = notebook.cells.flatMap((cell, index) => (cell.cell_type === 'code' ? [index] : []));
    await lab.waitForEnd(codes.at(-1), seconds);
    const outputs = [];
    for (const code of codes) outputs.push(await lab.output(code));
    for (const output of outputs) check(!output.error, 'expected no error', output);
    const text = outputs.map(output => output.text).join('\n');
    for (const words of expect) check(text.includes(words), `expected '${words}' in ${file}`, text);
    const seen = outputs.reduce((sum, output) => sum + output.pictures, 0);
    check(seen >= pictures, `expected ${pictures} pictures in ${file}`, seen);
    for (const code of codes.filter((_, index) => outputs[index].pictures + outputs[index].tables > 0)) {
      await lab.show(code);
      await lab.picture(`article-${code}`);
    }
    await lab.save();
  },

  async reopen(lab, _, samples) {
    await lab.openFile('Untitled.ipynb');
    const [cell] = samples.cells;
    for (const text of cell.expect ?? []) await lab.waitForText(0, text, 10);
    await lab.picture('reopened');
  }
};

async function main() {
  const given = options();
  const samples = JSON.parse(fs.readFileSync(given.cells, 'utf8'));
  fs.mkdirSync(given.out, { recursive: true });
  const require = createRequire(process.env.DRIVER_MODULES ? path.join(process.env.DRIVER_MODULES, 'x.js') : import.meta.url);
  const puppeteer = require('puppeteer-core');
  const browser = await puppeteer.launch({
    executablePath: given.browser,
    headless: true,
    // Root has no sandbox to put it into, as in CI; /dev/shm is small in containers.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    defaultViewport: { width: 1400, height: 900 }
  });
  const report = { url: given.url, kernel: samples.kernel, steps: [], notes: {}, console: [] };
  let code = 0;
  try {
    const lab = new LabPage(await browser.newPage(), given.out);
    lab.notes = report.notes;
    lab.page.on('pageerror', error => report.console.push(String(error)));
    lab.page.on('console', async message => {
      if (message.type() !== 'error') return;
      const said = await Promise.all(message.args().map(arg => arg.evaluate(value => (value && value.stack) || String(value)).catch(() => '')));
      report.console.push([said.join(' ') || message.text(), message.location().url].join(' at '));
    });
    for (const name of given.steps) {
      const begin = Date.now();
      try {
        await steps[name](lab, given, samples, browser);
      } catch (error) {
        if (!(error instanceof StepError)) await lab.picture('failed');
        throw new StepError(`${name}: ${error.message}`, { cause: error });
      }
      report.steps.push({ name, seconds: (Date.now() - begin) / 1000 });
      console.log(`ok    ${name}  ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    }
  } catch (error) {
    code = 1;
    report.error = error.message;
    console.log(`FAIL  ${error.message}`);
    if (!(error instanceof StepError)) console.log(error.stack);
  } finally {
    await browser.close();
  }
  fs.writeFileSync(path.join(given.out, 'report.json'), JSON.stringify(report, null, 2) + '\n');
  return code;
}

process.exitCode = await main().catch(error => {
  console.log(`FAIL  ${error.message}`);
  return 1;
});
