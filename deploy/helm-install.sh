#!/usr/bin/env bash
# Installs or upgrades the todo chatbot in the cluster that kubectl points at.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
namespace=todo-chatbot
release=todo-chatbot
timeout=5m

usage() {
  cat <<END
Usage: deploy/helm-install.sh [options] [-- helm options]

Runs "helm upgrade --install" with charts/todo-chatbot and waits until everything is ready;
what fails is rolled back. Values of an earlier installation are kept.

  -n, --namespace NAME  namespace, made when missing (default: $namespace)
      --release NAME    name of the release (default: $release)
      --timeout TIME    how long to wait (default: $timeout)
  -h, --help            show this

Everything after "--" goes to helm, e.g.
  deploy/helm-install.sh -- --set backend.replicaCount=3 --set ingress.enabled=true
END
}

die() { echo "helm-install: $*" >&2; exit 2; }

while (($#)); do
  case $1 in
    -n | --namespace) namespace=${2:?"helm-install: $1 needs a name"}; shift 2 ;;
    --release) release=${2:?"helm-install: $1 needs a name"}; shift 2 ;;
    --timeout) timeout=${2:?"helm-install: $1 needs a time"}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    *) die "unknown argument $1 (options for helm go after --)" ;;
  esac
done

PATH="$PATH:${XDG_CACHE_HOME:-$HOME/.cache}/shipmate/bin"
command -v helm >/dev/null || die "helm is not installed: get it from https://helm.sh, or run \"shipmate cluster up\", which brings one"

# Helm 4 renamed the option.
rollback=--atomic
[[ $(helm upgrade --help) == *--rollback-on-failure* ]] && rollback=--rollback-on-failure

exec helm upgrade --install "$release" "$root/charts/todo-chatbot" \
  --namespace "$namespace" --create-namespace --reset-then-reuse-values \
  --wait --timeout "$timeout" "$rollback" "$@"
