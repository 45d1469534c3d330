// The editor asks for its workers by label. It must find this before it starts, so this is imported first.
const FILES = { json: 'json.worker.js', graphql: 'graphql.worker.js' };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(new URL(`graphiql/${FILES[label] ?? 'editor.worker.js'}`, document.baseURI)),
};
