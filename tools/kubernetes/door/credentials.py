"""What proves to the API server who is asking: certificates, tokens, exec plugins, OIDC.

Keys are handed to OpenSSL through files in memory, or, where the system has none, files that live for an instant and
are readable only by their owner.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tools.errors import Unreachable
from tools.kubernetes.door.kubeconfig import Access, Entry

_FILE_TOKEN_SECONDS = 60  # projected service account tokens are rotated on disk
_EXPIRY_MARGIN = 30  # seconds before its end in which a credential counts as expired
_PLUGIN_SECONDS = 120


class _Exec(NamedTuple):
    """What an exec plugin answered; `until` is a Unix time or infinity."""

    token: str
    certificate: str
    key: str
    until: float


class Credentials:
    """The headers and the TLS client certificate of one user entry; exec plugins run on first use only."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._user = access.user_entry
        self._exec: _Exec | None = None
        self._token: tuple[str, float] = ("", 0.0)

    def headers(self) -> list[tuple[str, str]]:
        """Authorization and impersonation headers (names can repeat), renewed when they have expired."""
        headers = _impersonation(self._user)
        token = self._bearer()
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif self._user.get("username"):
            pair = f"{self._user['username']}:{self._user.get('password') or ''}"
            headers.append(("Authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
        return headers

    def forget(self) -> None:
        """Ask the exec plugin or the token file again: the server did not accept the present credential."""
        self._exec = None
        self._token = ("", 0.0)

    def renewable(self) -> bool:
        """Whether asking again may give another credential."""
        return "exec" in self._user or "tokenFile" in self._user

    def ssl_context(self) -> ssl.SSLContext:
        """TLS as the cluster entry wants it, with the client certificate when there is one."""
        cluster = self._access.cluster_entry
        authority = _data_or_file(cluster, "certificate-authority", self._access.cluster_folder)
        try:
            context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        except (ssl.SSLError, ValueError) as error:
            raise Unreachable(
                f"The certificate authority of context {self._access.context!r} is not a valid certificate.",
                "Fetch the kubeconfig again from whoever runs the cluster.",
            ) from error
        # Newer Pythons demand extensions that the CAs of many clusters lack, and that kubectl does not ask for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self._load_client_certificate(context)
        return context

    def _load_client_certificate(self, context: ssl.SSLContext) -> None:
        certificate = _data_or_file(self._user, "client-certificate", self._access.user_folder)
        key = _data_or_file(self._user, "client-key", self._access.user_folder)
        if not certificate and "exec" in self._user:
            answer = self._plugin()
            certificate, key = answer.certificate.encode(), answer.key.encode()
        if not certificate or not key:
            return
        try:
            with _as_file(certificate) as chain, _as_file(key) as private:
                context.load_cert_chain(chain, private, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise Unreachable(
                f"The client certificate of user {self._access.user!r} cannot be used.",
                "Fetch the kubeconfig again from whoever runs the cluster.",
            ) from error
        except OSError as error:
            raise Unreachable(
                f"The client certificate cannot be handed over: {error.strerror or error}.",
                "Free some space in the folder for temporary files.",
            ) from error

    def _bearer(self) -> str:
        user = self._user
        if user.get("tokenFile"):
            return self._file_token(self._access.user_folder / user["tokenFile"])
        if user.get("token"):
            return str(user["token"])
        if "exec" in user:
            return self._plugin().token
        if "auth-provider" in user:
            token = self._token[0]
            if _jwt_expiry(token) - _EXPIRY_MARGIN < time.time():
                token = _oidc_token(self._access)
                self._token = (token, time.monotonic())
            return token
        return ""

    def _file_token(self, path: Path) -> str:
        token, read_at = self._token
        if not token or time.monotonic() - read_at > _FILE_TOKEN_SECONDS:
            try:
                token = path.read_text().strip()
            except OSError as error:
                raise Unreachable(
                    f"The token file {path} cannot be read: {error.strerror}.", "Log in again."
                ) from error
            self._token = (token, time.monotonic())
        return token

    def _plugin(self) -> _Exec:
        if self._exec is None or self._exec.until - _EXPIRY_MARGIN < time.time():
            self._exec = _run_plugin(self._user["exec"], self._access)
        return self._exec


def _data_or_file(entry: Entry, name: str, folder: Path) -> bytes:
    data = entry.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode(data)
        except ValueError as error:
            raise Unreachable(f"The kubeconfig's {name}-data is not valid base64.", "Fetch it again.") from error
    if not entry.get(name):
        return b""
    path = folder / entry[name]
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreachable(
            f"The kubeconfig names the file {path}, which cannot be read: {error.strerror}.",
            "Fetch the kubeconfig again, or choose another context with --context.",
        ) from error


def _impersonation(user: Entry) -> list[tuple[str, str]]:
    """The headers for `as`, `as-groups` and so on; without them Shipmate would act as somebody else than kubectl."""
    headers: list[tuple[str, str]] = []
    if user.get("as"):
        headers.append(("Impersonate-User", str(user["as"])))
    if user.get("as-uid"):
        headers.append(("Impersonate-Uid", str(user["as-uid"])))
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{quote(key.lower(), safe='')}", str(value)) for value in values]
    return headers


def _run_plugin(config: Mapping[str, Any], access: Access) -> _Exec:
    command = str(config.get("command") or "")
    argv = [_plugin_path(command, access.user_folder), *map(str, config.get("args") or ())]
    interactive = config.get("interactiveMode", "IfAvailable") != "Never" and sys.stdin.isatty()
    info: dict[str, Any] = {
        "apiVersion": config.get("apiVersion"),
        "kind": "ExecCredential",
        "spec": {"interactive": interactive},
    }
    if config.get("provideClusterInfo"):
        info["spec"]["cluster"] = _cluster_info(access)
    env = {**os.environ, **{item["name"]: str(item["value"]) for item in config.get("env") or ()}}
    env["KUBERNETES_EXEC_INFO"] = json.dumps(info)
    hint = str(config.get("installHint") or "").strip()
    try:
        done = subprocess.run(
            argv,
            env=env,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            timeout=None if interactive else _PLUGIN_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unreachable(
            f"The context {access.context!r} logs in with the program {command!r}, which is not installed.",
            hint or "Install it, or choose another context with --context.",
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(f"The login program {command!r} did not answer.", "Run it by hand to see why.") from error
    if done.returncode != 0:
        lines = (done.stderr or b"").decode("utf-8", "replace").strip().splitlines()
        said = f": {lines[-1][:200]}" if lines else ""
        raise Unreachable(f"The login program {command!r} failed{said}", "Log in with it again.")
    return _read_plugin_answer(command, done.stdout)


def _plugin_path(command: str, folder: Path) -> str:
    """Like kubectl: a command with a slash is relative to the kubeconfig, a bare one is looked up in PATH."""
    return str(folder / command) if "/" in command else command


def _cluster_info(access: Access) -> dict[str, Any]:
    known = (
        "server",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "certificate-authority-data",
        "proxy-url",
    )
    info = {name: access.cluster_entry[name] for name in known if name in access.cluster_entry}
    for extension in access.cluster_entry.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


def _read_plugin_answer(command: str, output: bytes) -> _Exec:
    try:
        status = json.loads(output)["status"]
        ends = status.get("expirationTimestamp")
        until = datetime.fromisoformat(ends.replace("Z", "+00:00")).timestamp() if ends else float("inf")
        answer = _Exec(
            status.get("token") or "",
            status.get("clientCertificateData") or "",
            status.get("clientKeyData") or "",
            until,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable(f"The login program {command!r} gave no usable answer.", "Run it by hand to see.") from error
    if not answer.token and not (answer.certificate and answer.key):
        raise Unreachable(f"The login program {command!r} gave no credential.", "Log in with it again.")
    return answer


def _oidc_token(access: Access) -> str:
    """The id token of an OpenID Connect login; an expired one is renewed, and written back, by the official client."""
    provider = access.user_entry["auth-provider"]
    config = provider.get("config") or {}
    if provider.get("name") != "oidc":
        raise Unreachable(
            f"The context {access.context!r} logs in by {provider.get('name')!r}, which kubectl no longer supports.",
            "Set the context up with the provider's exec plugin.",
        )
    token = str(config.get("id-token") or "")
    if token and _jwt_expiry(token) - _EXPIRY_MARGIN > time.time():
        return token
    if not any(config.get(name) for name in ("idp-certificate-authority", "idp-certificate-authority-data")):
        # The official client would then renew over TLS that it does not check.
        raise Unreachable(
            f"The login of {access.user!r} has expired.", "Any kubectl command renews it; try again then."
        )
    from kubernetes.client import Configuration
    from kubernetes.config.kube_config import load_kube_config

    renewed: Any = type.__call__(Configuration)
    files = os.pathsep.join(map(str, access.files))
    try:
        load_kube_config(files, context=access.context, client_configuration=renewed, persist_config=True)
    except Exception as error:  # the libraries behind it raise dozens of kinds
        raise Unreachable(f"The login of {access.user!r} could not be renewed.", "Log in again.") from error
    return str(renewed.api_key.get("BearerToken") or "").removeprefix("Bearer ")


def _jwt_expiry(token: str) -> float:
    """Unix time at which a JWT ends; 0 when it cannot be read."""
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return 0.0


@contextmanager
def _as_file(content: bytes) -> Generator[str]:
    """A path under which this process reads the content, as long as the context lasts."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("shipmate"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600
        file.write(content)
        file.flush()
        yield file.name
