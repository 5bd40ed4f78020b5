#!/usr/bin/env bash
# Add the [card] extra (pyscard) to a virtual environment when it can be built here; say so when it cannot.
# pyscard has no wheels: it needs gcc, Python's headers and libpcsclite's.
set -eu
venv=${1:-.venv}
stamp="$venv/.card-extra"

if [ -e "$stamp" ] && [ "$stamp" -nt setup.cfg ]; then
    exit 0
fi
python="$venv/bin/python"
missing=""
command -v gcc >/dev/null 2>&1 || missing="$missing gcc"
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
[ -e "$headers/Python.h" ] || missing="$missing python3-dev"
found=""
for folder in /usr/include/PCSC /usr/local/include/PCSC /opt/homebrew/include/PCSC; do
    [ -e "$folder/winscard.h" ] && found=yes
done
[ -n "$found" ] || missing="$missing libpcsclite-dev"
if [ -n "$missing" ]; then
    # Said once for each set of missing things, not at every make.
    note="$venv/.card-extra-missing"
    if [ "$(cat "$note" 2>/dev/null || true)" != "$missing" ]; then
        echo "Without a real card reader for now: pyscard needs$missing (sudo make system-deps, then make venv)."
        echo "$missing" >"$note"
    fi
    exit 0
fi
echo "Building pyscard for real card readers ..."
if PYTHONWARNINGS=ignore "$python" -m pip install --quiet --disable-pip-version-check -e '.[card]'; then
    touch "$stamp"
else
    echo "pyscard could not be built; everything but real card readers works."
fi
