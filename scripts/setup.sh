#!/bin/sh
# Installs what the build and the test stand need and this computer lacks, on Debian or Ubuntu. Run by "make setup",
# any number of times. With --bench also what the benchmark needs, with --native the native module that only tests load, with
# --browser the browser that tests look at pages with.
set -eu
cd "$(dirname "$0")/.."

bench=no
native=no
browser=no
[ "${1:-}" != --bench ] || bench=yes
[ "${1:-}" != --native ] || native=yes
[ "${1:-}" != --browser ] || browser=yes

say() {
  echo "setup: $*"
}

# PROGRAM PACKAGE, a line each. The programs may be outside a user's PATH.
needed_programs() {
  cat <<END
sshd openssh-server
ssh openssh-client
ssh-keygen openssh-client
ip iproute2
unshare util-linux
nsenter util-linux
setpriv util-linux
pivot_root util-linux
mount mount
hostname hostname
strace strace
ps procps
setsid util-linux
promtool prometheus
END
  # What node-gyp compiles with.
  [ "$native" = no ] || printf '%s\n' 'python3 python3' 'make make' 'g++ g++'
  [ "$browser" = no ] || echo chromium chromium
  # What the benchmark measures us against.
  [ "$bench" = no ] || echo pgbackrest pgbackrest
  [ "$bench" = no ] || echo rsync rsync
}

missing_packages() {
  needed_programs | while read -r program package; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || echo "$package"
  done
  # Each major version has a directory of its own; one with a server will do.
  set -- /usr/lib/postgresql/*/bin/postgres
  [ -x "$1" ] || echo postgresql
  set -- /usr/lib/postgresql/*/bin/psql
  [ -x "$1" ] || echo postgresql-client
  # A browser without any font shows boxes.
  [ "$browser" = no ] || [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || echo fonts-dejavu-core
}

install_packages() {
  if [ "$(id -u)" != 0 ]; then
    say "missing: $*"
    say "as root: apt-get update && apt-get install --no-install-recommends $*"
    return 1
  fi
  if ! command -v apt-get >/dev/null; then
    say "missing: $*; there is no apt-get here, install them your way"
    return 1
  fi
  # The stand starts its own servers: the packages must not start theirs.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  say "installing $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  # Its promtool is wanted, not the server at the next start of the machine.
  case " $* " in
    *" prometheus "*) ! command -v systemctl >/dev/null || systemctl disable --quiet prometheus || true ;;
  esac
}

install_modules() {
  if ! command -v npm >/dev/null; then
    say "missing: Node.js 20.19 or newer with npm; install it from your distribution or nodejs.org"
    return 1
  fi
  say "installing the modules of package-lock.json"
  npm ci --no-progress --loglevel=error
}

# npm writes down what it has installed: every package of the lock file for this system must be in it, same version.
modules_are_current() {
  [ -f node_modules/.package-lock.json ] && node -e '
    const read = (file) => JSON.parse(require("fs").readFileSync(file, "utf8")).packages;
    const wanted = read("package-lock.json");
    const installed = read("node_modules/.package-lock.json");
    const isCurrent = ([path, { version, integrity, link, optional }]) =>
      path === "" || (link && require("fs").existsSync(path)) || !path.startsWith("node_modules/") ||
      (installed[path] && !link ? installed[path].version === version && installed[path].integrity === integrity : optional);
    process.exit(Object.entries(wanted).every(isCurrent) ? 0 : 1);
  '
}

missing=$(missing_packages | sort -u | tr '\n' ' ')
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086
  install_packages $missing
fi
modules_are_current || install_modules
# Scripts of packages are off (.npmrc); this one puts the runtime's program in its place.
if ! node_modules/.bin/bun --version >/dev/null 2>&1; then
  say "unpacking Bun"
  node node_modules/bun/install.js
fi
if [ "$native" = yes ] && ! node -e 'new (require("better-sqlite3"))(":memory:")' 2>/dev/null; then
  say "compiling better-sqlite3 for Node $(node --version), which takes a minute"
  npm_config_build_from_source=true npm rebuild better-sqlite3 --ignore-scripts=false --loglevel=error
fi
say "ready: Bun $(node_modules/.bin/bun --version), PostgreSQL $(ls /usr/lib/postgresql | sort -n | tail -1)"
