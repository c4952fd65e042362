# shellcheck shell=bash
# Where the scripts keep their files, and how they report progress. Sourced, never run.
#
# Nothing is written into the tree: downloads, builds and brokers are kept in one cache folder,
# which `make clean-cache` removes.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rollcall
export root cache

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
  bold='' red='' green='' yellow='' plain=''
fi

# say TEXT: what is being done now.
say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }

# note TEXT: something worth knowing that does not stop anything.
note() { printf '%s    %s%s\n' "$yellow" "$*" "$plain"; }

# well TEXT: success.
well() { printf '%s==> %s%s\n' "$green" "$*" "$plain"; }

# fail TEXT [REMEDY...]: what is wrong and how to fix it, one line each; exits the script.
fail() {
  printf '%serror: %s%s\n' "$red" "$1" "$plain" >&2
  shift
  if [ $# -gt 0 ]; then printf '       %s\n' "$@" >&2; fi
  exit 1
}

# elapsed SECONDS: formats them as minutes and seconds.
elapsed() { if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi; }

# stage NAME COMMAND...: runs one stage, prints how long it took and keeps that for the summary.
# Inside a function that it runs, `set -e` has no effect: chain the commands there.
stages=''
stage() {
  local name=$1 began=$SECONDS code=0
  shift
  say "$name"
  "$@" || code=$?
  local took
  took=$(elapsed $((SECONDS - began)))
  if [ $code -ne 0 ]; then
    printf '%s==> %s failed after %s%s\n' "$red" "$name" "$took" "$plain" >&2
    return $code
  fi
  stages+=$(printf '    %-32s %s' "$name" "$took")$'\n'
}
