#!/usr/bin/env bash
# Puts the tools that check the manifests into build/tools, where tests look for them.
# Without a Go toolchain it says so and succeeds: the tests then skip what needs them.
set -euo pipefail

kustomize_version=v5.8.2
tools="$(cd "$(dirname "$0")/.." && pwd)/build/tools"

if [[ -x "$tools/kustomize" ]] && [[ "$("$tools/kustomize" version)" == "$kustomize_version" ]]; then
    exit 0
fi
if ! command -v go > /dev/null; then
    echo "no Go toolchain: kustomize is not installed, its tests will be skipped" >&2
    exit 0
fi
mkdir -p "$tools"
GOBIN="$tools" go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize_version"
