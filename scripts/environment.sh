# Makes the virtual environment of this checkout. To be sourced by the other scripts, with `checkout` set.
#
#   ensure_environment run     what heapscope needs
#   ensure_environment test    and what its tests need
#
# Talks on stderr only. A stamp in .venv tells whether anything that it was made from has changed since.

say() { printf 'heapscope: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The first Python 3.11 or newer that can make virtual environments. HEAPSCOPE_PYTHON decides, if set.
find_python() {
  local candidate
  for candidate in ${HEAPSCOPE_PYTHON:+"$HEAPSCOPE_PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 python3.15 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3 "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/*/bin/python3 \
    /usr/bin/python3 /usr/local/bin/python3; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

environment_stamp() {
  (
    cd "$checkout" || exit 1
    printf '%s\n' "$checkout"
    cat pyproject.toml requirements-lock.txt requirements-test-lock.txt setup.py 2>/dev/null
    find heapscope -name '*.[ch]' -type f | LC_ALL=C sort | while IFS= read -r source; do cat "$source"; done
  ) | cksum
}

# pip at its quietest; shows its whole output only if it fails.
quiet_pip() {
  local log status=0
  log=$(mktemp)
  "$checkout/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    rm -f "$log"
    die "pip could not install: is a package index reachable?"
  fi
  rm -f "$log"
}

make_environment() {
  local python compiler=${CC:-cc}
  command -v "${compiler%% *}" >/dev/null 2>&1 || die "no C compiler: install one (Debian, Ubuntu: apt-get install gcc libc6-dev), or set CC"
  if [ ! -x "$checkout/.venv/bin/python" ] || ! "$checkout/.venv/bin/python" -c '' 2>/dev/null; then
    python=$(find_python) || die "no Python 3.11 or newer with venv found: install one (Debian, Ubuntu: apt-get install python3-venv), or set HEAPSCOPE_PYTHON"
    say "making .venv with $("$python" --version) (once)"
    rm -rf "$checkout/.venv"
    "$python" -m venv "$checkout/.venv" >&2
  fi
  say "installing ($1)"
  case $1 in
    test) quiet_pip -r "$checkout/requirements-test-lock.txt" ;;
    *) quiet_pip -r "$checkout/requirements-lock.txt" ;;
  esac
  quiet_pip --no-deps --no-build-isolation --editable "$checkout"
}

ensure_environment() {
  local wanted=$1 stamp kind
  stamp=$(environment_stamp)
  for kind in test "$wanted"; do # the test environment holds all that the other one does
    [ "$(cat "$checkout/.venv/.heapscope-$kind" 2>/dev/null)" = "$stamp" ] && return 0
  done
  if command -v flock >/dev/null 2>&1; then
    exec 9<"$checkout/pyproject.toml" # two first runs at once: the second one waits
    flock 9
    [ "$(cat "$checkout/.venv/.heapscope-$wanted" 2>/dev/null)" = "$stamp" ] && { exec 9>&-; return 0; }
  fi
  [ -e "$checkout/.venv/.heapscope-test" ] && wanted=test # do not take the test tools away from who has them
  rm -f "$checkout/.venv/.heapscope-run" "$checkout/.venv/.heapscope-test"
  make_environment "$wanted"
  printf '%s\n' "$stamp" >"$checkout/.venv/.heapscope-$wanted"
  exec 9>&-
}
