// A JupyterLab in a browser, as its user sees it: what to click and type, and what then stands on the screen.
import path from 'node:path';

// Why a step did not come to its end; the message says what was waited for.
export class StepError extends Error {}

const kNotebook = '.jp-NotebookPanel:not(.lm-mod-hidden)';
const kCells = `${kNotebook} .jp-Notebook .jp-Cell`;

export class LabPage {
  constructor(page, folder) {
    this.page = page;
    this.folder = folder;
    this.pictures = 0;
  }

  // Opens the lab with its token, as the address that `tutti lab up` prints, and then an empty workspace. Waits for the launcher.
  async open(url, token, seconds = 40) {
    await this.page.goto(`${url}/lab?token=${token}`, { waitUntil: 'domcontentloaded', timeout: seconds * 1000 });
    if (this.page.url().includes(token)) throw new StepError(`the token is still in the address ${this.page.url()}`);
    await this.page.goto(`${url}/lab/workspaces/driver?reset`, { waitUntil: 'load', timeout: seconds * 1000 });
    await this.wait('the launcher', () => document.querySelector('.jp-Launcher .jp-LauncherCard') !== null, [], seconds);
  }

  // What the server shows to somebody without the token: the page's address and the answers of the API.
  static async refusal(page, url) {
    const answer = await page.goto(`${url}/lab`, { waitUntil: 'load' });
    const api = await page.evaluate(async base => {
      const codes = [];
      for (const path of ['api/contents', 'api/kernels', 'api/terminals'])
        codes.push((await fetch(`${base}/${path}`)).status);
      return codes;
    }, url);
    return { address: page.url(), status: answer.status(), api, labThere: (await page.$('#jupyter-config-data')) !== null };
  }

  async picture(name) {
    this.pictures += 1;
    const number = String(this.pictures).padStart(2, '0');
    await this.page.screenshot({ path: path.join(this.folder, `${number}-${name}.png`) });
  }

  async wait(what, predicate, args = [], seconds = 30) {
    try {
      return await this.page.waitForFunction(predicate, { timeout: seconds * 1000, polling: 50 }, ...args);
    } catch (error) {
      await this.picture('failed');
      throw new StepError(`after ${seconds} s there is still not: ${what}`, { cause: error });
    }
  }

  // Clicks the element that `selector` names and whose text or title begins with `text`.
  async click(selector, text = '') {
    const found = (selector, text) =>
      [...document.querySelectorAll(selector)].find(
        e => e.getClientRects().length > 0 && ((e.title || '').startsWith(text) || e.innerText.trim().startsWith(text))
      );
    const handle = await this.wait(`${selector} '${text}'`, found, [selector, text]);
    await handle.asElement().click();
  }

  // A card of the launcher: 'Notebook' or 'Console' with a kernel's name, or 'Other' with 'Terminal'.
  async launch(category, title) {
    await this.click(`.jp-LauncherCard[data-category="${category}"]`, title);
  }

  async newNotebook(kernel) {
    await this.launch('Notebook', kernel);
    await this.wait('a notebook with one cell', selector => document.querySelectorAll(selector).length > 0, [kCells]);
    await this.waitForKernel(60, true);
  }

  async openFile(name) {
    await this.click('.jp-DirListing-item', name);
    await this.page.evaluate(name => {
      const item = [...document.querySelectorAll('.jp-DirListing-item')].find(e => e.innerText.trim().startsWith(name));
      item.dispatchEvent(new MouseEvent('dblclick', { bubbles: true, cancelable: true, button: 0 }));
    }, name);
    await this.wait(`the notebook ${name}`, selector => document.querySelectorAll(selector).length > 0, [kCells]);
    await this.waitForKernel(60, true);
  }

  // Puts a notebook on the server, as a drop on the file browser does.
  async upload(name, notebook) {
    await this.page.evaluate(async (name, content) => {
      await window.jupyterapp.serviceManager.contents.save(name, { type: 'notebook', format: 'json', content });
    }, name, notebook);
  }

  // Scrolls to a cell.
  async show(cell) {
    await this.page.evaluate((selector, cell) => document.querySelectorAll(selector)[cell].scrollIntoView(), kCells, cell);
    await new Promise(resolve => setTimeout(resolve, 500));
  }

  // `fresh`: of a notebook that was just opened, whose indicator says idle before it has a kernel at all; what is started then is
  // lost.
  async waitForKernel(seconds = 60, fresh = false) {
    await this.wait('an idle kernel', (selector, fresh) => {
      const indicator = document.querySelector(`${selector} .jp-Notebook-ExecutionIndicator`);
      const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
      const started = !fresh || context === undefined || (context.isReady && context.session?.kernel?.status === 'idle');
      return indicator !== null && indicator.dataset.status === 'idle' && started;
    }, [kNotebook, fresh], seconds);
  }

  // After a crash the page knows no status until the kernel says something: the server is asked.
  async waitForRestart(seconds = 60) {
    await this.wait('a kernel that was started again', async () => {
      const { baseUrl } = JSON.parse(document.getElementById('jupyter-config-data').textContent);
      const kernels = await (await fetch(`${baseUrl}api/kernels`)).json();
      return kernels.length > 0 && kernels.every(kernel => kernel.connections > 0 && kernel.execution_state !== 'dead');
    }, [], seconds);
    await new Promise(resolve => setTimeout(resolve, 1000));
  }

  async cellCount() {
    return (await this.page.$$(kCells)).length;
  }

  // Puts text into the last cell, which gets the cursor. As one input: an editor indents what is typed line by line.
  async write(text) {
    const cells = await this.page.$$(`${kCells} .jp-InputArea-editor`);
    await cells[cells.length - 1].click();
    await this.press('Control+A');
    await this.page.keyboard.press('Backspace');
    await this.page.keyboard.sendCharacter(text);
  }

  async press(keys) {
    const names = keys.split('+');
    for (const name of names.slice(0, -1)) await this.page.keyboard.down(name);
    await this.page.keyboard.press(names[names.length - 1]);
    for (const name of names.slice(0, -1).reverse()) await this.page.keyboard.up(name);
  }

  // Starts the last cell with Shift+Enter, which makes a new one below it; gives its number.
  async start(text) {
    await this.write(text);
    const cell = (await this.cellCount()) - 1;
    await this.press('Shift+Enter');
    await this.wait('a new cell', (selector, count) => document.querySelectorAll(selector).length === count, [kCells, cell + 2]);
    return cell;
  }

  // What stands below a cell: its text, the number of its pictures, whether it is an error.
  async output(cell) {
    return this.page.evaluate((selector, cell) => {
      const node = document.querySelectorAll(selector)[cell];
      const prompt = node.querySelector('.jp-InputPrompt').innerText.trim();
      const output = node.querySelector('.jp-Cell-outputArea');
      return {
        prompt,
        text: output ? output.innerText : '',
        pictures: output ? output.querySelectorAll('.jp-RenderedImage img, .jp-RenderedSVG img, .jp-RenderedHTMLCommon svg').length : 0,
        tables: output ? output.querySelectorAll('.jp-RenderedHTMLCommon table').length : 0,
        // ANSI colours become spans.
        colours: output ? output.querySelectorAll('pre [class*="ansi-"]').length : 0,
        error: output !== null && output.querySelector('[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]') !== null
      };
    }, kCells, cell);
  }

  async waitForEnd(cell, seconds = 40) {
    await this.wait(`the end of cell ${cell}`, (selector, cell) => {
      const prompt = document.querySelectorAll(selector)[cell].querySelector('.jp-InputPrompt').innerText;
      return /\[\d+\]/.test(prompt);
    }, [kCells, cell], seconds);
    return this.output(cell);
  }

  async waitForText(cell, text, seconds = 40) {
    await this.wait(`'${text}' below cell ${cell}`, (selector, cell, text) => {
      const output = document.querySelectorAll(selector)[cell].querySelector('.jp-Cell-outputArea');
      return output !== null && output.innerText.includes(text);
    }, [kCells, cell, text], seconds);
  }

  async run(text, seconds = 40) {
    return this.waitForEnd(await this.start(text), seconds);
  }

  // What Tab offers behind the text. One offer alone is put in at once, as a shell does: then it is the cell's new text.
  async complete(text, picture) {
    await this.write(text);
    await this.page.keyboard.press('Tab');
    const kOffers = '.jp-Completer:not(.lm-mod-hidden) .jp-Completer-match';
    await this.wait('an offer of the completer', (offers, selector, text) => {
      const editors = document.querySelectorAll(`${selector} .CodeMirror-code, ${selector} .cm-content`);
      const line = editors[editors.length - 1].innerText.replace(/\u200b/g, '').trim();
      return document.querySelectorAll(offers).length > 0 || (line.length > text.length && line.startsWith(text.slice(0, 3)));
    }, [kOffers, kCells, text], 15);
    await this.picture(picture);
    const offers = await this.page.$$eval(kOffers, nodes => nodes.map(node => node.innerText.trim()));
    if (offers.length > 0) await this.page.keyboard.press('Escape');
    if (offers.length > 0) return offers;
    return [await this.page.evaluate(selector => {
      const editors = document.querySelectorAll(`${selector} .CodeMirror-code, ${selector} .cm-content`);
      return editors[editors.length - 1].innerText.replace(/\u200b/g, '').trim();
    }, kCells)];
  }

  // What Shift+Tab says of the word before the cursor.
  async inspect(text, picture) {
    await this.write(text);
    await this.press('Shift+Tab');
    const handle = await this.wait('the tooltip', () => {
      const tip = document.querySelector('.jp-Tooltip');
      return tip !== null && tip.innerText.trim() !== '' ? tip : null;
    }, [], 15);
    await this.picture(picture);
    const said = await handle.evaluate(tip => tip.innerText);
    await this.page.keyboard.press('Escape');
    return said;
  }

  // An entry of the menu bar; `picture` shows the open menu.
  async menu(name, command, picture = '') {
    await this.click('.lm-MenuBar-item', name);
    await this.wait(`the menu ${name}`, () => document.querySelector('.lm-Menu-item') !== null);
    if (picture) await this.picture(picture);
    await this.click(`.lm-Menu-item[data-command="${command}"]:not(.lm-mod-disabled)`);
  }

  async dialog(text, seconds = 40) {
    await this.wait(`a dialog '${text}'`, text => {
      const dialog = document.querySelector('.jp-Dialog');
      return dialog !== null && dialog.innerText.includes(text);
    }, [text], seconds);
  }

  async accept() {
    await this.click('.jp-Dialog .jp-mod-accept');
    await this.wait('the dialog gone', () => document.querySelector('.jp-Dialog') === null);
  }

  async save() {
    await this.press('Control+S');
    // A notebook's first save asks for its name, unless the server's settings say otherwise.
    await new Promise(resolve => setTimeout(resolve, 500));
    if (await this.page.$('.jp-Dialog')) await this.accept();
    await this.wait('the notebook saved', selector => document.querySelector('.lm-TabBar-tab.lm-mod-current.jp-mod-dirty') === null, []);
  }

  async theme(name) {
    await this.page.evaluate(theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme }), name);
    await this.wait(name, name => document.body.dataset.jpThemeName === name, [name]);
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}
