"""The conformance cases by curl: what ClickHouse's own documentation of its HTTP interface shows."""

import gzip
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse
import uuid

from cases import COLUMNS, ENDLESS, HOSTILE, TYPES, expect

NAME = "curl"
TABLE = "conformance_curl"


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self):
        return self.body.decode()


class Suite:
    def __init__(self, target):
        self.target = target
        self.folder = tempfile.TemporaryDirectory()
        # The password is in a file: arguments are seen by everybody on the machine.
        self.login = pathlib.Path(self.folder.name) / "login"
        self.login.write_text(
            f'header = "X-ClickHouse-User: {target.user}"\nheader = "X-ClickHouse-Key: {target.password}"\n'
        )

    def close(self):
        self.ask(f"DROP TABLE IF EXISTS {TABLE}")
        self.folder.cleanup()

    def command(self, parameters, arguments, login=None):
        query = urllib.parse.urlencode(parameters)
        return ["curl", "-sS", "-m", "60", "-D", "-", "-K", str(login or self.login), f"{self.target.url}/?{query}", *arguments]

    def ask(self, sql, parameters=(), arguments=(), login=None):
        """One POST with the statement as body."""
        return self.send(self.command(parameters, ["--data-binary", "@-", *arguments], login), sql.encode())

    def send(self, command, body=b""):
        raw = subprocess.run(command, input=body, capture_output=True, check=True).stdout
        head, _, body = raw.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = [line.split(": ", 1) for line in lines[1:] if ": " in line]
        return Reply(int(lines[0].split()[1]), {name.lower(): value for name, value in fields}, body)

    def good(self, sql, parameters=(), arguments=()):
        reply = self.ask(sql, parameters, arguments)
        expect(reply.status == 200, reply.body[:300])
        return reply

    def refused(self, code, status, sql, parameters=(), login=None):
        reply = self.ask(sql, parameters, login=login)
        told = (reply.status, reply.headers.get("x-clickhouse-exception-code"))
        expect(told == (status, str(code)), f"{sql}: {told}, expected {(status, code)}: {reply.body[:200]}")

    def table(self):
        self.good(f"DROP TABLE IF EXISTS {TABLE}")
        self.good(f"CREATE TABLE {TABLE} ({COLUMNS}) ENGINE = MergeTree ORDER BY n")

    def rows(self, count):
        return [
            {
                "n": at, "text": f"text '{at}' \\ \t é", "color": ["black", "cyan"][at % 2],
                "total": None if at % 3 == 0 else -at, "ratio": at / 4.0, "price": at / 8.0,
                "id": str(uuid.UUID(int=at)), "ts": f"2026-03-01 12:00:{at % 60:02}",
                "ts_ms": f"2026-03-01 12:00:00.{at % 1000:03}", "day": f"2026-03-{at % 30 + 1:02}",
                "sure": at % 2 == 0, "levels": [None, at], "extra": {"a3": at, "": -1},
                "supplies.name": ["x", "y"], "supplies.level": [at, -at],
            }
            for at in range(count)
        ]

    def insert(self, rows, parameters=(), arguments=(), pack=None):
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        parameters = [("query", f"INSERT INTO {TABLE} FORMAT JSONEachRow"), *parameters]
        command = self.command(parameters, ["--data-binary", "@-", *arguments])
        reply = self.send(command, pack(body) if pack else body)
        expect(reply.status == 200, reply.body[:300])
        return reply

    def read(self, parameters=(), arguments=()):
        settings = [("output_format_json_quote_64bit_integers", 0), ("output_format_json_quote_decimals", 0), *parameters]
        names = ", ".join(f"`{name}`" for name, _ in TYPES)
        return self.good(f"SELECT {names} FROM {TABLE} ORDER BY n FORMAT JSONEachRow", settings, arguments)

    def ping(self):
        reply = self.send(["curl", "-sS", "-D", "-", f"{self.target.url}/ping"])
        expect(reply.body == b"Ok.\n", reply.body)

    def version(self):
        expect(int(self.good("SELECT version()").text().split(".")[0]) >= 24, "an old version")

    def ddl(self):
        self.table()
        described = [json.loads(line) for line in self.good(f"DESCRIBE {TABLE} FORMAT JSONEachRow").text().splitlines()]
        expect([row["name"] for row in described] == [name for name, _ in TYPES], described)
        self.good(f"DROP TABLE {TABLE}")
        expect(self.good(f"EXISTS TABLE {TABLE}").text() == "0\n", "it was not dropped")

    def insert_rows(self):
        self.table()
        self.insert(self.rows(1000))
        expect(self.good(f"SELECT count() FROM {TABLE}").text() == "1000\n", "rows are missing")

    def typed_rows(self):
        self.table()
        self.insert(self.rows(300))
        self.same(self.read().text(), 300)

    def same(self, text, count):
        for line, sent in zip(text.splitlines(), self.rows(count), strict=True):
            expect(json.loads(line) == sent, f"{line} instead of {sent}")

    def empty_result(self):
        reply = self.good("SELECT number AS n, 'x' AS s FROM numbers(0) FORMAT TSVWithNames")
        expect(reply.text() == "n\ts\n", reply.text())

    def parameters(self):
        for value in HOSTILE:
            escaped = value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
            reply = self.good("SELECT {x:String} AS v FORMAT JSONEachRow", [("param_x", escaped)])
            found = json.loads(reply.text())["v"]
            expect(found == value, f"{value!r} came back as {found!r}")
        expect(self.good("SELECT arraySum({a:Array(UInt64)})", [("param_a", "[1,2,3]")]).text() == "6\n", "an array")

    def streamed_result(self):
        text = self.good("SELECT number FROM numbers(2000000)").text()
        expect(text == "".join(f"{number}\n" for number in range(2_000_000)), "other numbers")

    def compression_lz4(self):
        # ClickHouse's native blocks, there and back again.
        packed = self.good("SELECT number FROM numbers(1000) FORMAT RowBinary", [("compress", 1)]).body
        self.good(f"DROP TABLE IF EXISTS {TABLE}")
        self.good(f"CREATE TABLE {TABLE} (n UInt64) ENGINE = MergeTree ORDER BY n")
        parameters = [("query", f"INSERT INTO {TABLE} FORMAT RowBinary"), ("decompress", 1)]
        reply = self.send(self.command(parameters, ["--data-binary", "@-"]), packed)
        expect(reply.status == 200, reply.body[:300])
        expect(self.good(f"SELECT count(), sum(n) FROM {TABLE}").text() == "1000\t499500\n", "other rows")

    def compression_zstd(self):
        self.packed("zstd", lambda body: subprocess.run(["zstd", "-qc"], input=body, capture_output=True, check=True).stdout)

    def compression_gzip(self):
        self.packed("gzip", gzip.compress)

    def packed(self, encoding, pack):
        self.table()
        self.insert(self.rows(300), arguments=["-H", f"Content-Encoding: {encoding}"], pack=pack)
        reply = self.read([("enable_http_compression", 1)], ["-H", f"Accept-Encoding: {encoding}"])
        plain = reply.body
        if reply.headers.get("content-encoding") == encoding:
            plain = subprocess.run([encoding, "-dqc"], input=plain, capture_output=True, check=True).stdout
        self.same(plain.decode(), 300)

    def reply_encoding(self):
        reply = self.good("SELECT 1", [("enable_http_compression", 1)], ["-H", "Accept-Encoding: gzip"])
        expect(reply.headers.get("content-encoding") == "gzip", f"the reply is not packed: {reply.headers}")

    def formats(self):
        for name, begins in [
            ("JSONEachRow", b'{"n":'), ("CSV", b'0,"a,b"\n'), ("TabSeparated", b"0\ta,b\n"), ("JSONCompact", b"{"),
            ("Native", b"\x02\x02\x01n"), ("Parquet", b"PAR1"),
        ]:
            for parameters, tail in [([("default_format", name)], ""), ([], f" FORMAT {name}")]:
                reply = self.good(f"SELECT number AS n, 'a,b' AS s FROM numbers(2){tail}", parameters)
                expect(reply.body.startswith(begins), f"{name}: {reply.body[:40]}")
                expect(reply.headers["x-clickhouse-format"] == name, reply.headers)

    def settings(self):
        expect(self.good("SELECT getSetting('max_threads')", [("max_threads", 3)]).text() == "3\n", "max_threads")
        self.refused(115, 404, "SELECT 1", [("no_such_setting", 1)])

    def session(self):
        parameters = [("session_id", f"conformance-{uuid.uuid4()}")]
        self.good("CREATE TEMPORARY TABLE conformance_temporary (n UInt64)", parameters)
        expect(self.good("SELECT count() FROM conformance_temporary", parameters).text() == "0\n", "a temporary table")

    def external_data(self):
        parameters = [("query", "SELECT count() FROM words"), ("words_structure", "n UInt64, s String")]
        reply = self.send(self.command(parameters, ["-F", "words=@-;filename=words.tsv"]), b"1\ta\n2\tb\n")
        expect(reply.status == 200 and reply.body == b"2\n", reply.body[:300])

    def query_id(self):
        name = f"conformance-{uuid.uuid4()}"
        reply = self.good("SELECT 1", [("query_id", name)])
        expect(reply.headers.get("x-clickhouse-query-id") == name, reply.headers)

    def summary(self):
        self.table()
        summary = json.loads(self.insert(self.rows(10)).headers["x-clickhouse-summary"])
        expect(summary["written_rows"] == "10", summary)

    def progress(self):
        parameters = [("send_progress_in_http_headers", 1), ("http_headers_progress_interval_ms", 10), ("wait_end_of_query", 1)]
        reply = self.good("SELECT count() FROM numbers(50000000) WHERE sipHash64(number) > 0", parameters)
        expect(reply.text() == "50000000\n" and "x-clickhouse-progress" in reply.headers, reply.headers)

    def error_codes(self):
        for sql, status, code in [
            ("SELECT * FROM nowhere", 404, 60), ("SELEC 1", 400, 62), ("SELECT nothing", 404, 47),
            ("SELECT * FROM nodb.t", 404, 81), ("SELECT throwIf(1)", 500, 395),
        ]:
            self.refused(code, status, sql)

    def error_midway(self):
        sql = "SELECT toUInt64(throwIf(number = 900000)) FROM numbers(1000000)"
        command = self.command([("max_block_size", 1000)], ["--data-binary", "@-"])
        ended = subprocess.run(command, input=sql.encode(), capture_output=True, check=False)
        expect(ended.returncode != 0 or b"Code: 395" in ended.stdout[-2000:], "the reply ended as if it were whole")

    def wrong_password(self):
        login = pathlib.Path(self.folder.name) / "wrong"
        login.write_text(f'header = "X-ClickHouse-User: {self.target.user}"\nheader = "X-ClickHouse-Key: not-it"\n')
        self.refused(516, 403, "SELECT 1", login=login)

    def timeout(self):
        self.refused(159, 408, ENDLESS, [("max_execution_time", 1)])

    def running(self, mark):
        sql = f"SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'"
        return self.good(sql).text() != "0\n"

    def begun(self, mark):
        """An endless statement with a mark in its text and as its id, seen to run."""
        parameters = [("query_id", mark), ("cancel_http_readonly_queries_on_client_close", 1)]
        command = self.command(parameters, ["--data-binary", f"{ENDLESS} /* {mark} */"])
        asking = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.until(lambda: self.running(mark), "the statement is not among the processes")
        return asking

    def until(self, fact, what):
        deadline = time.monotonic() + 30
        while not fact():
            expect(time.monotonic() < deadline, what)
            time.sleep(0.05)

    def killed(self, which):
        mark = f"curl-{uuid.uuid4()}"
        asking = self.begun(mark)
        self.good(f"KILL QUERY WHERE {which.replace('MARK', mark)} ASYNC")
        try:
            told = asking.communicate(timeout=5)[0]
        except subprocess.TimeoutExpired:
            asking.kill()
            asking.communicate()
            raise AssertionError("the statement runs on") from None
        expect(b"Code: 394" in told, told)

    def cancel(self):
        self.killed("query LIKE '%MARK%' AND query NOT LIKE '%KILL%'")

    def kill_by_id(self):
        self.killed("query_id = 'MARK'")

    def leave(self):
        mark = f"curl-{uuid.uuid4()}"
        asking = self.begun(mark)
        asking.kill()
        asking.communicate()
        self.until(lambda: not self.running(mark), "the statement of a client that left runs on")
