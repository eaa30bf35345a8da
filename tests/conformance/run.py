"""`make conformance`: the cases of cases.json by three clients, against an embedded engine or the server at --url.

Each client asserts what a ClickHouse server does. Where the embedded engine is known to differ, it must differ; anything
else is a failure. Writes docs/engine-conformance.md when it ran against the embedded engine, else prints the table.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import types
import urllib.parse
import urllib.request

import clickhouse_connect_suite
import curl_suite
from cases import LIST

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ["clickhouse-connect", "clickhouse crate", "curl"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password-file", type=pathlib.Path)
    parser.add_argument("--cargo", default="cargo")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if arguments.url:
            if not arguments.password_file:
                parser.error("--url needs --password-file")
            target = aim(arguments.url, arguments.user, arguments.password_file)
        else:
            target = stack.enter_context(engine())
        results = {
            suite.NAME: python(suite, target) for suite in (clickhouse_connect_suite, curl_suite)
        } | {"clickhouse crate": crate(target, arguments.cargo)}
    page = render(target, results)
    if target.embedded:
        (ROOT / "docs/engine-conformance.md").write_text(page)
    print(page)
    failed = [f"{client}: {name}: {told}" for client, cases in results.items() for name, told in cases.items() if told.startswith("FAILED")]
    print("\n".join(failed) or "every case as expected")
    return 1 if failed else 0


def aim(url, user, password_file):
    parts = urllib.parse.urlsplit(url)
    password = password_file.read_text().strip()
    request = urllib.request.Request(
        f"{url.rstrip('/')}/?query=SELECT+version()", headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        embedded = reply.headers.get("X-ClickHouse-Server-Display-Name") == "embedded-clickhouse"
        version = reply.read().decode().strip()
    port = parts.port or (8443 if parts.scheme == "https" else 8123)
    return types.SimpleNamespace(
        url=url.rstrip("/"), scheme=parts.scheme, host=parts.hostname, port=port, user=user, password=password,
        password_file=password_file, embedded=embedded, version=version,
    )


@contextlib.contextmanager
def engine():
    """An embedded engine of its own, ended at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port, health = free_port(), free_port()
        (folder / "password").write_text("conformance")
        (folder / "config.toml").write_text(
            f'[http_interface]\nlisten = "127.0.0.1:{port}"\n[http]\nlisten = "127.0.0.1:{health}"\n'
            f'[engine]\npath = "{folder}/data"\nmemory_max_mb = 1024\nfsync = false\n'
            '[[users]]\nname = "default"\npassword = "conformance"\n'
        )
        with open(folder / "log", "w") as log:
            program = ROOT / "target/debug/embedded-clickhouse"
            process = subprocess.Popen([program, "run", "--config", folder / "config.toml"], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    yield aim(f"http://127.0.0.1:{port}", "default", folder / "password")
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit((folder / "log").read_text()) from None
                    time.sleep(0.1)
        finally:
            process.terminate()
            process.wait(30)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def python(suite, target):
    results, client = {}, suite.Suite(target)
    for case in LIST["cases"]:
        name = case["name"]
        if suite.NAME in LIST["not_offered"].get(name, {}):
            results[name] = "not offered"
            continue
        try:
            getattr(client, name)()
            told = None
        except Exception as error:  # any end but a good one is an answer
            told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        results[name] = verdict(name, suite.NAME, target.embedded, told)
        print(f"{suite.NAME:20}{name:20}{results[name]}", flush=True)
    client.close()
    return results


def verdict(name, client, embedded, told):
    differs = embedded and client in LIST["differences"].get(name, {}).get("clients", [])
    if told is None:
        return "FAILED: holds, although cases.json lists it as a difference" if differs else "ok"
    return "differs" if differs else f"FAILED: {told}"


def crate(target, cargo):
    """The same by the official crate, which is an integration test."""
    report = ROOT / "target/conformance/crate.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    environment = os.environ | {
        "PLATEN_CONFORMANCE_URL": target.url, "PLATEN_CONFORMANCE_USER": target.user,
        "PLATEN_CONFORMANCE_PASSWORD_FILE": str(target.password_file),
        "PLATEN_CONFORMANCE_EMBEDDED": "1" if target.embedded else "0", "PLATEN_CONFORMANCE_REPORT": str(report),
    }
    command = [*cargo.split(), "test", "-q", "-p", "testbed", "--test", "it", "every_conformance_case"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if not report.exists():
        raise SystemExit(f"the crate's cases did not run (exit code {ended.returncode})")
    return json.loads(report.read_text())


def render(target, results):
    what = "the embedded engine" if target.embedded else "a ClickHouse server"
    lines = [
        "# Stock clients against the engine", "",
        "The same cases by PyPI's `clickhouse-connect`, the official Rust crate and `curl`. Each asserts what a ClickHouse server",
        f"does; `make conformance` ran them against {what}, version {target.version}, and wrote this page.",
        "`make conformance URL=https://… USER=… PASSWORD_FILE=…` runs them against a server, where no difference is allowed.", "",
        "| case | what | " + " | ".join(f"{client}" for client in CLIENTS) + " |",
        "|---|---|" + "---|" * len(CLIENTS),
    ]
    for case in LIST["cases"]:
        cells = [results[client][case["name"]] for client in CLIENTS]
        cells = ["FAILED" if cell.startswith("FAILED") else cell.replace("not offered", "–") for cell in cells]
        lines.append(f"| `{case['name']}` | {case['what']} | " + " | ".join(cells) + " |")
    if target.embedded:
        lines += ["", "## Where the embedded engine differs, and why", ""]
        lines += [f"- **`{name}`** ({', '.join(known['clients'])}): {known['why']}." for name, known in LIST["differences"].items()]
    lines += ["", "## Not offered by a client (–)", ""]
    lines += [
        f"- `{name}`: " + "; ".join(f"{client}: {why}" for client, why in clients.items()) + "."
        for name, clients in LIST["not_offered"].items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
