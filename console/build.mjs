// Builds the console into dist: GraphiQL with its workers, our own page, and the examples as tabs.
// Every file has a fixed name and is kept compressed; `src/http/console.rs` serves these and no others.
import { build } from 'esbuild';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
const examplesFolder = path.join(here, '..', 'docs', 'examples');

// The examples in the order of their file names. Variables lie beside a query as `name.variables.json`.
async function examples() {
  const names = await readdir(examplesFolder).catch(() => []);
  const queries = names.filter(name => name.endsWith('.graphql')).sort();
  return Promise.all(
    queries.map(async name => {
      const query = await readFile(path.join(examplesFolder, name), 'utf8');
      const variables = `${name.slice(0, -'.graphql'.length)}.variables.json`;
      return names.includes(variables)
        ? { query, variables: await readFile(path.join(examplesFolder, variables), 'utf8') }
        : { query };
    }),
  );
}

const examplesPlugin = {
  name: 'examples',
  setup(builder) {
    builder.onResolve({ filter: /^examples$/ }, () => ({ path: 'examples', namespace: 'examples' }));
    builder.onLoad({ filter: /.*/, namespace: 'examples' }, async () => ({
      contents: JSON.stringify(await examples()),
      loader: 'json',
    }));
  },
};

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: {
    console: 'src/console.jsx',
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
  outdir: dist,
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.USE_IMPORT': '"true"' },
  loader: { '.ttf': 'file' },
  assetNames: '[name]',
  legalComments: 'linked',
  plugins: [examplesPlugin],
  logLevel: 'info',
});
await copyFile(path.join(here, 'src', 'index.html'), path.join(dist, 'index.html'));
for (const name of await readdir(dist)) {
  const file = path.join(dist, name);
  // What the bundle's authors ask to be said stays readable.
  if (name.endsWith('.LEGAL.txt')) continue;
  await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }));
  await rm(file);
}
