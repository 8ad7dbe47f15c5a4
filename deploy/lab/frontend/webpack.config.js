// Bundles JupyterLab's packages (those of package.json) to one page, with JupyterLab's own builder. Everything goes to $OUT:
//
//   static/     the page's scripts          schemas/    what each extension's settings may be
//   themes/     the themes' style sheets
const fs = require('fs');
const path = require('path');
const { merge } = require('webpack-merge');
const { Build } = require('@jupyterlab/builder');
const base = require('@jupyterlab/builder/lib/webpack.config.base');

const out = process.env.OUT;
if (!out) throw new Error('OUT is not set: this is run by deploy/lab/build-frontend');
const generated = path.join(__dirname, 'generated');

// The packages that bring plugins of the application, and those that bring renderers of MIME types.
function packages() {
  const all = Object.keys(require('./package.json').dependencies).map(name => ({
    name,
    lab: require(`${name}/package.json`).jupyterlab || {}
  }));
  return {
    names: all.filter(({ lab }) => lab.extension || lab.mimeExtension).map(({ name }) => name),
    extensions: all.filter(({ lab }) => lab.extension).map(({ name }) => name),
    renderers: all.filter(({ lab }) => lab.mimeExtension).map(({ name }) => name)
  };
}

const { names, extensions, renderers } = packages();
const list = names => '[\n' + names.map(name => `  () => import(${JSON.stringify(name)})`).join(',\n') + '\n]';
fs.mkdirSync(generated, { recursive: true });
fs.writeFileSync(
  path.join(generated, 'plugins.js'),
  `export const extensions = ${list(extensions)};\nexport const renderers = ${list(renderers)};\n`
);
const themes = Build.ensureAssets({ packageNames: names, output: generated, schemaOutput: out, themeOutput: out });

const page = merge(base, {
  mode: 'production',
  devtool: false,
  entry: { main: [path.join(__dirname, 'public_path.js'), path.join(__dirname, 'main.js')] },
  output: {
    path: path.join(out, 'static'),
    filename: '[name].[contenthash].js',
    chunkFilename: '[name].[contenthash].js',
    assetModuleFilename: '[name].[contenthash][ext]'
  },
  optimization: { chunkIds: 'deterministic', moduleIds: 'deterministic' },
  // The application is several megabytes, as it always is: no news.
  performance: { hints: false },
  plugins: [
    {
      // The server's page asks for main by the name that it got.
      apply: compiler =>
        compiler.hooks.done.tap('names', stats => {
          const [script] = stats.toJson({ all: false, entrypoints: true }).entrypoints.main.assets.slice(-1);
          fs.writeFileSync(path.join(out, 'main.json'), JSON.stringify({ script: script.name }) + '\n');
        })
    }
  ]
});

module.exports = [page, ...themes];
