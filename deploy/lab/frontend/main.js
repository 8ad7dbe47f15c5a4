// Starts JupyterLab with the plugins of the packages in package.json.
import { JupyterLab } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';

import { extensions, renderers } from './generated/plugins';
import './generated/style';

// A module's plugins: its default export is one or several.
function plugins_of(module) {
  const exported = module.default ?? module;
  return Array.isArray(exported) ? exported : [exported];
}

// The plugins but those that the server's page_config.json disables.
async function load(imports) {
  const modules = await Promise.all(imports.map(load => load()));
  return modules.flatMap(plugins_of).filter(plugin => !PageConfig.Extension.isDisabled(plugin.id));
}

async function start() {
  const lab = new JupyterLab({
    // A module without __esModule is taken for its own default export.
    mimeExtensions: await load(renderers),
    disabled: { matches: [], patterns: PageConfig.Extension.disabled }
  });
  lab.registerPluginModules(await load(extensions));
  await lab.start();
  await lab.restored;
  // Tests look at the state through it.
  if (PageConfig.getOption('exposeAppInBrowser').toLowerCase() === 'true') window.jupyterapp = lab;
}

window.addEventListener('load', () => start().catch(error => {
  console.error(error);
  document.body.textContent = `JupyterLab did not start: ${error}`;
}));
