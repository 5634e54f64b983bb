#!/bin/sh
# Unpacks PostgreSQL servers of newer Debian suites below node_modules/.cache/postgresql, without installing anything: for the test of
# the versions that this computer's packages don't have. Each brings its own libc, and small programs that start it with that.
# Without arguments: every version in `versions`. The mirror is the one that apt on this computer uses.
set -eu
cd "$(dirname "$0")/.."

# MAJOR SUITE, a line each.
versions() {
  cat <<END
17 trixie
18 forky
END
}

say() {
  echo "postgres-versions: $*"
}

mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -1
}

# apt with sources, lists and a cache of its own, that knows of no installed package.
foreign_apt() {
  APT_CONFIG=$work/apt.conf apt-get -qq "$@"
}

prepare_apt() {
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  : >"$work/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $1 main" >"$work/sources.list"
  cat >"$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/nonexistent";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "root";
END
  foreign_apt update
}

# The server, its clients and the libraries that they need; not what their packages want for being set up.
needed_packages() {
  foreign_apt install --simulate --no-install-recommends -y "postgresql-$1" |
    awk '/^Inst/ { print $2 }' |
    grep -E "^(lib|zlib1g|tzdata|gcc-[0-9]+-base|postgresql-(client-)?$1\$)" |
    grep -Ev '^lib(perl|json-perl|text-|systemd-shared|llvm)'
}

# PostgreSQL finds its other programs and its files by the place of the program that was called: that is the small one. It is always
# called by its path.
wrap_programs() {
  loader=$(cd "$unpacked" && find . -name 'ld-linux-*.so.*' ! -type d | head -1)
  libraries=$(cd "$unpacked" && find . -name '*.so.*' ! -type d -exec dirname {} + | sort -u | tr '\n' ' ')
  bin=$unpacked/usr/lib/postgresql/$1/bin
  mkdir "$bin/programs"
  for program in "$bin"/*; do
    [ -f "$program" ] || continue
    name=$(basename "$program")
    mv "$program" "$bin/programs/$name"
    cat >"$program" <<END
#!/bin/sh
bin=\${0%/*}
top=\$bin/../../../../..
path=
for directory in $libraries; do path="\$path:\$top/\$directory"; done
exec "\$top/$loader" --argv0 "\$0" --library-path "\${path#:}" "\$bin/programs/$name" "\$@"
END
    chmod 755 "$program"
  done
}

unpack() {
  major=$1
  place=node_modules/.cache/postgresql/$major
  if [ -x "$place/usr/lib/postgresql/$major/bin/postgres" ]; then
    say "PostgreSQL $major is there"
    return
  fi
  say "unpacking PostgreSQL $major of $2 into $place"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unpacked=$work/unpacked
  mkdir -p "$unpacked"
  prepare_apt "$2"
  # shellcheck disable=SC2046
  (cd "$work" && foreign_apt download $(needed_packages "$major"))
  for package in "$work"/*.deb; do dpkg -x "$package" "$unpacked"; done
  # Without its compiler, which is larger than all the rest, a server just does not compile queries.
  rm -rf "$unpacked/usr/lib/postgresql/$major/lib"/*llvm* "$unpacked/usr/lib/postgresql/$major/lib/bitcode"
  wrap_programs "$major"
  rm -rf "$unpacked/usr/share/doc" "$unpacked/usr/share/man" "$unpacked/usr/share/locale"
  chmod 755 "$unpacked"
  "$unpacked/usr/lib/postgresql/$major/bin/postgres" --version
  mkdir -p "$(dirname "$place")"
  rm -rf "$place"
  mv "$unpacked" "$place"
  rm -rf "$work"
}

versions | while read -r major suite; do
  [ $# -gt 0 ] && ! printf ' %s ' "$*" | grep -q " $major " && continue
  unpack "$major" "$suite"
done
