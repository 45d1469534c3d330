// GraphiQL on our own API: queries by POST, subscriptions by graphql-transport-ws, the examples as tabs.
import './workers.js';
import 'graphiql/style.css';
import './console.css';

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import examples from 'examples';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

const api = new URL('graphql', document.baseURI);
const socket = new URL(api);
socket.protocol = api.protocol === 'https:' ? 'wss:' : 'ws:';

// A link such as /graphiql#token=… fills in the token. What follows # stays in the browser, and leaves the
// address bar and the history at once.
const token = new URLSearchParams(location.hash.slice(1)).get('token');
if (token) history.replaceState(null, '', location.pathname + location.search);
const headers = JSON.stringify({ authorization: `Bearer ${token ?? 'PASTE-A-TOKEN-HERE'}` }, null, 2);

// Headers of a tab go along with a query, and into connection_init of a subscription.
const fetcher = createGraphiQLFetcher({
  url: api.href,
  subscriptionUrl: socket.href,
  enableIncrementalDelivery: false,
});

const welcome = `# Gangway: onboarding and offboarding that proves nothing was left behind.
#
# Put your token into "Headers" below (gangway token --role OPERATOR prints one), then press Ctrl-Enter.
{
  viewer {
    __typename
  }
}
`;

createRoot(document.getElementById('console')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={welcome}
    defaultHeaders={headers}
    initialHeaders={token ? headers : undefined}
    defaultTabs={[{ query: welcome }, ...examples].map(tab => ({ ...tab, headers }))}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders={false}
  />,
);
