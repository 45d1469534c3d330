#!/usr/bin/env bash
# Runs everything that has to hold before a change is accepted, on both stacks:
# formatting, lints, documentation, and all tests on SQLite with the embedded queue and on PostgreSQL with Redis.
#
#   scripts/test.sh              everything
#   scripts/test.sh --services CMD...   only what the tests need, then CMD (cargo test --test e2e access, say)
#
# What is missing is installed (distribution packages as root or by sudo, Python tools from PyPI and MeshCentral from npm
# into target/, GraphiQL from npm into console/) or started. The servers that DATABASE_URL and REDIS_URL name are used, and have to answer: a
# private one in their place would end green and say nothing about them. Without these variables private ones are started
# on free ports and stopped at the end. A server that nobody named is never touched. The tests make and drop databases of
# their own, so DATABASE_URL needs a role that may do that. Whatever cannot be had ends the run with a reason.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() { printf 'scripts/test.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- programs ---------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo && sudo -n true 2>/dev/null; then sudo "$@"
    else die "'$*' needs root: run it yourself, or run this script as root or with passwordless sudo"
    fi
}

postgres_bin() {
    local dir
    for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V -r) /usr/pgsql-*/bin; do
        [ -x "$dir/initdb" ] && { echo "$dir"; return; }
    done
    ! have initdb || dirname "$(command -v initdb)"
}

install_missing() {
    local packages=()
    have age || packages+=(age)
    have zstd || packages+=(zstd)
    have cc || packages+=(build-essential)
    python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3 python3-venv)
    [ -n "$(postgres_bin)" ] || packages+=(postgresql)
    have redis-server || packages+=(redis-server)
    have node || packages+=(nodejs)
    have npm || packages+=(npm)
    [ ${#packages[@]} -gt 0 ] || return 0
    have apt-get || die "please install ${packages[*]} (this script knows apt-get only)"
    say "installing ${packages[*]}"
    as_root apt-get update -q >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}" >/dev/null
}

# An independent BagIt validator and an independent S3 server, kept in target/ until their versions change.
python_tools() {
    local venv=$target/test-tools wanted=$root/scripts/test-requirements.txt
    if ! cmp -s "$wanted" "$venv/installed.txt"; then
        say "installing Python tools into $venv"
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install -q --disable-pip-version-check -r "$wanted" || die "PyPI does not give what scripts/test-requirements.txt names"
        cp "$wanted" "$venv/installed.txt"
    fi
    PATH=$venv/bin:$PATH
    have bagit.py && have moto_server || die "bagit.py or moto_server is missing from $venv: remove that folder and try again"
}

# A real tool that manages devices, with its agents for every platform, kept in target/ until its version changes.
mesh_central() {
    local tools=$target/test-tools-node version=1.1.55
    if [ "$(cat "$tools/installed" 2>/dev/null)" != "$version" ]; then
        say "installing MeshCentral $version into $tools"
        rm -rf "$tools"
        mkdir -p "$tools"
        npm install --prefix "$tools" --no-audit --no-fund --silent "meshcentral@$version" >"$target/meshcentral.log" 2>&1 ||
            die "npm does not give MeshCentral: $(tail -n 5 "$target/meshcentral.log")"
        echo "$version" >"$tools/installed"
    fi
    export GANGWAY_TEST_MESHCENTRAL=$tools/node_modules
}

# GraphiQL, kept in console/dist until what it is made of changes: a lock file that is newer brings other packages.
console() {
    local stamp=$root/console/dist/built-from wanted
    wanted=$(cd "$root" && cat console/package-lock.json console/build.mjs console/src/* docs/examples/* | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    say "building GraphiQL"
    "$root/scripts/console.sh" >"$target/console.log" 2>&1 || die "GraphiQL cannot be built: $(tail -n 5 "$target/console.log")"
    echo "$wanted" >"$stamp"
}

# --- services ---------------------------------------------------------------------------------------

answers() { timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }

free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 12000))
        answers 127.0.0.1 "$port" || { echo "$port"; return; }
    done
    die "no free port found on 127.0.0.1"
}

# Host and port of a URL, with a default port; nothing when it has none.
address() {
    local at=${1#*://} form='^(\[[0-9A-Fa-f:.]+\]|[^]:[]*)(:([0-9]+))?$'
    at=${at%%[/?#]*}
    at=${at##*@}
    [[ $at =~ $form ]] || return 0
    local host=${BASH_REMATCH[1]} port=${BASH_REMATCH[3]:-$2}
    host=${host//[\[\]]/}
    echo "${host:-127.0.0.1} $port"
}

until_answers() {
    for _ in $(seq 150); do
        answers "$1" "$2" && return
        sleep 0.1
    done
    die "$3 does not answer at $1:$2$(tail -n 5 "${4:-/dev/null}" | sed 's/^/\n    /')"
}

services=   # folder of the private services
postgres_run=()   # how PostgreSQL is run: it refuses to be root
redis_pid=

cleanup() {
    [ -z "$redis_pid" ] || kill "$redis_pid" 2>/dev/null || true
    [ -z "$services" ] || [ ! -f "$services/postgres/postmaster.pid" ] ||
        "${postgres_run[@]}" "$(postgres_bin)/pg_ctl" -D "$services/postgres" -m immediate stop >/dev/null 2>&1 || true
    case $services in "$target"/*) ;; ?*) rm -rf "$services" ;; esac
}

# target/services is kept warm; another folder is used while a second run is on, or where PostgreSQL's user cannot go.
choose_folder() {
    services=$target/services
    mkdir -p "$services"
    exec 8>"$services/lock"
    if [ "$(id -u)" = 0 ]; then
        local user=postgres
        id "$user" >/dev/null 2>&1 || user=nobody
        postgres_run=(runuser -u "$user" --)
        "${postgres_run[@]}" test -x "$services" || services=
    fi
    if [ -z "$services" ] || ! flock -n 8; then services=$(mktemp -d); fi
    chmod 755 "$services"
    [ "$(id -u)" != 0 ] || { mkdir -p "$services/postgres"; chown -R "$user" "$services/postgres"; }
}

start_postgres() {
    local bin data port log
    bin=$(postgres_bin)
    [ -n "$bin" ] || die "PostgreSQL is not installed and DATABASE_URL is not set"
    [ "$("$bin/postgres" --version | grep -oE '[0-9]+' | head -n1)" -ge 15 ] || die "PostgreSQL 15 or later is needed, $bin is older"
    data=$services/postgres
    log=$data/server.log
    port=$(free_port)
    if [ -f "$data/postmaster.pid" ]; then "${postgres_run[@]}" "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true; fi
    if [ ! -f "$data/PG_VERSION" ] || [ "$(cat "$data/PG_VERSION")" != "$("$bin/postgres" --version | grep -oE '[0-9]+' | head -n1)" ]; then
        find "$data" -mindepth 1 -delete 2>/dev/null || true
        "${postgres_run[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null || die "initdb failed in $data"
    fi
    # Durability is for data that matters; these databases are dropped after each test.
    (cd / && "${postgres_run[@]}" "$bin/pg_ctl" -D "$data" -l "$log" -w -t 60 start -o "-p $port -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300" >/dev/null 8>&-) ||
        die "PostgreSQL does not start; see $log"
    export DATABASE_URL=postgres://postgres@127.0.0.1:$port/postgres
    say "PostgreSQL: private, $DATABASE_URL"
}

start_redis() {
    have redis-server || die "Redis is not installed and REDIS_URL is not set"
    local port
    port=$(free_port)
    mkdir -p "$services/redis"
    redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$services/redis" >"$services/redis/log" 2>&1 8>&- &
    redis_pid=$!
    until_answers 127.0.0.1 "$port" Redis "$services/redis/log"
    export REDIS_URL=redis://127.0.0.1:$port
    say "Redis: private, $REDIS_URL"
}

# Ends the run when the server that a variable names does not answer. A variable that is not set names none.
has_to_answer() {
    local host= port=
    [ -n "$2" ] || return 0
    read -r host port < <(address "$2" "$3") || true
    [ -n "$port" ] || die "$1 is no URL with a host and a port"
    answers "$host" "$port" || die "$1 says $host:$port, where nothing answers: start $4 there, or unset $1 for a private one"
    say "$4: at $host:$port, as $1 says"
}

start_services() {
    trap cleanup EXIT
    trap 'exit 130' INT TERM
    if [ -z "${DATABASE_URL:-}" ] || [ -z "${REDIS_URL:-}" ]; then choose_folder; fi
    [ -n "${DATABASE_URL:-}" ] || start_postgres
    [ -n "${REDIS_URL:-}" ] || start_redis
}

# --- the run ----------------------------------------------------------------------------------------

step() {
    local started=$SECONDS
    say "$*"
    "$@" 8>&- || die "failed: $*"
    say "done in $((SECONDS - started)) s"
}

has_to_answer DATABASE_URL "${DATABASE_URL:-}" 5432 PostgreSQL
has_to_answer REDIS_URL "${REDIS_URL:-}" 6379 Redis
have cargo || die "cargo is missing: install Rust from https://rustup.rs"
install_missing
python_tools
mesh_central
console
if [ "${1:-}" = --services ]; then
    shift
    start_services
    step "$@"
    exit
fi
step cargo fmt --all --check
step cargo clippy --workspace --all-targets --features gangway/console -- -D warnings
step env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
start_services
step cargo test --workspace
say "everything holds, after $SECONDS s"
