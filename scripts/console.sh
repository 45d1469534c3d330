#!/bin/sh
# Builds GraphiQL into console/dist. Needs Node 20 or newer and the npm registry; the result needs neither.
# Serve it with GANGWAY_CONSOLE=console/dist, or build with `--features console` to carry it in the binary.
set -eu
cd "$(dirname "$0")/../console"
npm ci --no-audit --no-fund --loglevel=error
npm run build
