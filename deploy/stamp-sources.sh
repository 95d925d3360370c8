#!/bin/sh
# stamp-sources.sh DIR: give every Python file under DIR one time of change, made of their contents.
#
# numba keeps a compiled function for as long as its file has the same time of change and size.
# Image layers cut times to whole seconds, so a cache made while the image is built would match no
# file of the finished image; and a fixed time would match files that have changed.
set -eu
stamp="$(find "$1" -name '*.py' | LC_ALL=C sort | xargs cat | cksum | cut -d ' ' -f 1)"
find "$1" -name '*.py' -exec touch --date="@$stamp" {} +
python3 -m compileall -q "$1"
