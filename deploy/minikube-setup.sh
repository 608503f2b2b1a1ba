#!/usr/bin/env bash
# Starts a minikube cluster that the todo chatbot can be deployed to.
set -euo pipefail

profile=shipmate
cpus=2
memory=2g
addons=(ingress metrics-server)

usage() {
  cat <<END
Usage: deploy/minikube-setup.sh [options]

Starts minikube with the addons ${addons[*]}, or does nothing if it runs already. Your current kubectl context stays
as it is; the new one has the profile's name.

  -p, --profile NAME   minikube profile and context (default: $profile)
      --cpus N         (default: $cpus)
      --memory SIZE    (default: $memory)
  -h, --help           show this

Without minikube, \`shipmate cluster up\` makes a cluster out of nothing but Docker.
END
}

die() { echo "minikube-setup: $*" >&2; exit 2; }

while (($#)); do
  case $1 in
    -p | --profile) profile=${2:?"minikube-setup: $1 needs a name"}; shift 2 ;;
    --cpus) cpus=${2:?"minikube-setup: $1 needs a number"}; shift 2 ;;
    --memory) memory=${2:?"minikube-setup: $1 needs a size"}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown option $1 (--help shows what there is)" ;;
  esac
done

for program in docker minikube kubectl; do
  command -v "$program" >/dev/null || die "$program is not installed"
done
docker info >/dev/null 2>&1 || die "the Docker engine does not answer; start it first"

if minikube status --profile "$profile" >/dev/null 2>&1; then
  echo "minikube profile $profile runs already"
else
  minikube start --profile "$profile" --driver docker --cpus "$cpus" --memory "$memory" --keep-context --wait all
fi
for addon in "${addons[@]}"; do
  minikube addons enable "$addon" --profile "$profile"
done

kubectl --context "$profile" wait node --all --for condition=Ready --timeout 120s
kubectl --context "$profile" wait deployment --all --namespace ingress-nginx --for condition=Available --timeout 180s
kubectl --context "$profile" wait deployment metrics-server --namespace kube-system \
  --for condition=Available --timeout 180s
echo "Ready: use it with --context $profile. The ingress answers at http://$(minikube ip --profile "$profile")"
