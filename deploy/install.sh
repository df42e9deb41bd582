#!/bin/sh
# Installs hashed requirement files into a virtual environment: deploy/install.sh VENV FILE...
# Used by the Makefile and the Dockerfile. VENV has been made by `python -m venv`; uv (requirements/uv.txt) is in it, or at $UV.
#
# uv is about ten times as fast as pip but reads none of pip's settings, so the index that pip was given is passed on. Whatever else
# keeps uv from installing (a proxy, a certificate that only pip knows), pip is tried with the same files and hashes.
set -eu

venv=$1
shift
python=$venv/bin/python
uv=${UV:-$venv/bin/uv}
host_python=${PYTHON:-$python} # the Python whose pip can be used, if the environment has none

pip() {
    if "$python" -c 'import pip' 2>/dev/null; then "$python" -m pip "$@"; else "$host_python" -m pip --python "$python" "$@"; fi
}

settings=$("$host_python" -m pip config list 2>/dev/null || true)

# The value of one pip setting: of its environment variable (listed first), else of pip's files.
setting() {
    printf '%s\n' "$settings" | sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | head -n 1
}

if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    index=$(setting index-url)
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
fi
if [ -z "${UV_INDEX:-}${UV_EXTRA_INDEX_URL:-}" ]; then
    extra=$(setting extra-index-url)
    # Every file has a hash, so it does not matter which index it comes from.
    if [ -n "$extra" ]; then export UV_INDEX="$extra" UV_INDEX_STRATEGY=unsafe-best-match; fi
fi
cert=$(setting cert)
if [ -n "$cert" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$cert"; fi

for file in "$@"; do
    set -- "$@" -r "$file"
    shift
done

if [ -x "$uv" ] &&
    "$uv" pip install --quiet --python "$python" --require-hashes --no-cache --link-mode=copy "$@"; then
    exit 0
fi
echo "uv could not install; trying pip" >&2
pip install -qq --no-cache-dir --disable-pip-version-check --require-hashes "$@"
