#!/usr/bin/env bash
# Builds the images of the todo chatbot.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source_dir="$root/examples/todo-chatbot"
tag=$(sed -n 's/^appVersion: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$root/charts/todo-chatbot/Chart.yaml")
prefix=""
push=false
components=()

usage() {
  cat <<END
Usage: deploy/docker-build.sh [options] [backend] [frontend]

Builds todo-backend and todo-frontend (both when none is named) with BuildKit.

  -t, --tag TAG         tag of the images (default: the chart's appVersion, $tag)
  -r, --registry HOST   put HOST/ before the names, e.g. 127.0.0.1:5001
      --push            push them afterwards (needs --registry)
  -h, --help            show this

DOCKER       the docker program to use
SHIPMATE_CA  PEM file of a certificate authority to trust during the build, for networks
             that re-sign TLS (default: SSL_CERT_FILE); it does not end up in the images
END
}

die() { echo "docker-build: $*" >&2; exit 2; }

while (($#)); do
  case $1 in
    -t | --tag) tag=${2:?"docker-build: $1 needs a tag"}; shift 2 ;;
    -r | --registry) prefix=${2:?"docker-build: $1 needs a host"}/; shift 2 ;;
    --push) push=true; shift ;;
    -h | --help) usage; exit 0 ;;
    backend | frontend) components+=("$1"); shift ;;
    *) die "unknown argument $1 (see --help)" ;;
  esac
done
if $push && [[ -z $prefix ]]; then die "--push needs --registry"; fi
((${#components[@]})) || components=(backend frontend)

# A docker without the buildx plugin can't use BuildKit; an older one beside it may bring its own.
export DOCKER_BUILDKIT=1
for docker in ${DOCKER:+"$DOCKER"} docker /usr/bin/docker ""; do
  [[ -n $docker ]] || die "no docker program with BuildKit found: install docker with the buildx plugin, or set DOCKER"
  # Not in a pipe into "grep -q": with pipefail its early end would count as a failure.
  [[ $("$docker" build --help 2>/dev/null) == *--secret* ]] && break
done

ca=${SHIPMATE_CA:-${SSL_CERT_FILE:-}}
trust=()
if [[ -n $ca ]]; then
  [[ -r $ca ]] || die "can't read the certificate authority $ca"
  trust=(--secret "id=ca,src=$ca")
fi

for component in "${components[@]}"; do
  image="${prefix}todo-$component:$tag"
  args=()
  if ((${#trust[@]})); then
    case $component in
      backend) args=(--build-arg PIP_CERT=/run/ca.crt) ;;
      frontend) args=(--build-arg NODE_EXTRA_CA_CERTS=/run/ca.crt) ;;
    esac
  fi
  echo "Building $image"
  "$docker" build ${trust[@]+"${trust[@]}"} ${args[@]+"${args[@]}"} --tag "$image" "$source_dir/$component"
  if $push; then "$docker" push "$image"; fi
done
