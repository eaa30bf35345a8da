"""The conformance cases by PyPI's clickhouse-connect, used as its documentation shows."""

import datetime as dt
import decimal
import threading
import time
import uuid

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.external import ExternalData

from cases import COLUMNS, ENDLESS, HOSTILE, TYPES, expect

NAME = "clickhouse-connect"
UTC = dt.timezone.utc


class Suite:
    def __init__(self, target):
        self.target = target
        self.client = self.connect()

    def connect(self, **more):
        t = self.target
        arguments = dict(
            host=t.host, port=t.port, interface=t.scheme, username=t.user, password=t.password,
            autogenerate_session_id=False,
        )
        return clickhouse_connect.get_client(**(arguments | more))

    def close(self):
        self.client.command("DROP TABLE IF EXISTS conformance_py")

    def table(self):
        self.client.command("DROP TABLE IF EXISTS conformance_py")
        self.client.command(f"CREATE TABLE conformance_py ({COLUMNS}) ENGINE = MergeTree ORDER BY n")

    def rows(self, count):
        moment = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
        return [
            [
                at, f"text '{at}' \\ \t é", ["black", "cyan"][at % 2], None if at % 3 == 0 else -at, at / 3.0,
                decimal.Decimal(at) / 10000, uuid.UUID(int=at), moment + dt.timedelta(seconds=at),
                moment + dt.timedelta(milliseconds=at), dt.date(2026, 3, 1) + dt.timedelta(days=at % 30),
                at % 2 == 0, [None, at], {"a3": at, "": -1}, ["x", "y"], [at, -at],
            ]
            for at in range(count)
        ]

    def read(self):
        names = [name for name, _ in TYPES]
        columns = ", ".join(f"`{name}`" for name in names)
        result = self.client.query(
            f"SELECT {columns} FROM conformance_py ORDER BY n", query_tz="UTC", tz_mode="aware",
        )
        expect(list(result.column_names) == names, result.column_names)
        return [list(row) for row in result.result_rows]

    def ping(self):
        expect(self.client.ping(), "no pong")

    def version(self):
        expect(int(self.client.server_version.split(".")[0]) >= 24, self.client.server_version)

    def ddl(self):
        self.table()
        described = self.client.query("DESCRIBE TABLE conformance_py").result_rows
        expect([row[0] for row in described] == [name for name, _ in TYPES], described)
        expect(self.client.command("EXISTS TABLE conformance_py") == 1, "it does not exist")
        self.client.command("DROP TABLE conformance_py")
        expect(self.client.command("EXISTS TABLE conformance_py") == 0, "it was not dropped")

    def insert_rows(self):
        self.table()
        names = [name for name, _ in TYPES]
        self.client.insert("conformance_py", self.rows(1000), column_names=names)
        expect(self.client.command("SELECT count() FROM conformance_py") == 1000, "rows are missing")

    def insert_columns(self):
        self.table()
        names = [name for name, _ in TYPES]
        columns = [list(column) for column in zip(*self.rows(1000))]
        self.client.insert("conformance_py", columns, column_names=names, column_oriented=True)
        expect(self.read() == self.rows(1000), "columns came back differently")

    def typed_rows(self):
        self.table()
        names = [name for name, _ in TYPES]
        sent = self.rows(300)
        self.client.insert("conformance_py", sent, column_names=names)
        for found, wanted in zip(self.read(), sent, strict=True):
            expect(found == wanted, f"{found} instead of {wanted}")

    def empty_result(self):
        result = self.client.query("SELECT number AS n, 'x' AS s FROM numbers(9) LIMIT 0")
        expect(list(result.column_names) == ["n", "s"] and not result.result_rows, result.column_names)

    def parameters(self):
        for value in HOSTILE:
            found = self.client.query("SELECT {x:String}", parameters={"x": value}).result_rows[0][0]
            expect(found == value, f"{value!r} came back as {found!r}")
        found = self.client.query("SELECT arraySum({a:Array(UInt64)})", parameters={"a": [1, 2, 3]})
        expect(found.result_rows == [(6,)], found.result_rows)

    def streamed_result(self):
        expected = 0
        with self.client.query_column_block_stream("SELECT number FROM numbers(2000000)") as stream:
            for block in stream:
                for number in block[0]:
                    expect(number == expected, f"{number} instead of {expected}")
                    expected += 1
        expect(expected == 2_000_000, f"ended after {expected}")

    def compression(self, kind):
        client = self.connect(compress=kind)
        client.command("DROP TABLE IF EXISTS conformance_py")
        client.command("CREATE TABLE conformance_py (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        rows = [[at, "the same text " * 5] for at in range(20000)]
        client.insert("conformance_py", rows, column_names=["n", "s"])
        found = client.query("SELECT n, s FROM conformance_py ORDER BY n").result_rows
        expect([list(row) for row in found] == rows, "rows came back differently")

    def compression_lz4(self):
        self.compression("lz4")

    def compression_zstd(self):
        self.compression("zstd")

    def compression_gzip(self):
        self.compression("gzip")

    def formats(self):
        sql = "SELECT number AS n, 'a,b' AS s FROM numbers(2)"
        for name, begins in [
            ("JSONEachRow", b'{"n":'), ("CSV", b'0,"a,b"\n'), ("TabSeparated", b"0\ta,b\n"), ("JSONCompact", b"{"),
            ("Native", b"\x02\x02\x01n"), ("Parquet", b"PAR1"),
        ]:
            reply = self.client.raw_query(sql, fmt=name)
            expect(reply.startswith(begins), f"{name}: {reply[:40]}")
        self.client.command("DROP TABLE IF EXISTS conformance_py")
        self.client.command("CREATE TABLE conformance_py (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        self.client.raw_insert("conformance_py", insert_block='7,"x,y"\n8,"z"\n', fmt="CSV")
        expect(self.client.query("SELECT * FROM conformance_py ORDER BY n").result_rows == [(7, "x,y"), (8, "z")], "CSV")

    def settings(self):
        found = self.client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).result_rows
        expect(found == [(3,)], found)
        with refused(115):
            # The client itself knows the settings of the server; a raw request does not ask it.
            self.client.raw_query("SELECT 1", settings={"no_such_setting": 1})

    def session(self):
        client = self.connect(session_id=str(uuid.uuid4()))
        client.command("CREATE TEMPORARY TABLE conformance_temporary (n UInt64)")
        expect(client.command("SELECT count() FROM conformance_temporary") == 0, "a temporary table")

    def external_data(self):
        data = ExternalData(file_name="words.csv", data=b"1,a\n2,b\n", fmt="CSV", structure=["n UInt64", "s String"])
        found = self.client.query("SELECT count() FROM words", external_data=data).result_rows
        expect(found == [(2,)], found)

    def query_id(self):
        name = f"conformance-{uuid.uuid4()}"
        result = self.client.query("SELECT 1", settings={"query_id": name})
        expect(result.query_id == name, result.query_id)

    def summary(self):
        self.client.command("DROP TABLE IF EXISTS conformance_py")
        self.client.command("CREATE TABLE conformance_py (n UInt64) ENGINE = MergeTree ORDER BY n")
        summary = self.client.insert("conformance_py", [[at] for at in range(10)], column_names=["n"])
        expect(summary.written_rows == 10, summary.summary)

    def error_codes(self):
        for sql, code in [
            ("SELECT * FROM nowhere", 60), ("SELEC 1", 62), ("SELECT nothing", 47), ("SELECT * FROM nodb.t", 81),
            ("SELECT throwIf(1)", 395),
        ]:
            with refused(code):
                self.client.query(sql)

    def error_midway(self):
        sql = "SELECT toUInt64(throwIf(number = 900000)) FROM numbers(1000000)"
        rows = 0
        try:
            settings = {"max_block_size": 1000}
            with self.client.query_row_block_stream(sql, settings=settings) as stream:
                for block in stream:
                    rows += len(block)
        except ClickHouseError as error:
            expect(rows > 0 and "395" in str(error), f"{rows} rows, then {error}")
            return
        raise AssertionError(f"the reply ended as if it were whole, after {rows} rows")

    def wrong_password(self):
        with refused(516):
            self.connect(password="certainly-not-it")

    def timeout(self):
        with refused(159):
            self.client.query(
                ENDLESS, settings={"max_execution_time": 1},
            )

    def running(self, mark):
        sql = f"SELECT 1 FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'"
        return bool(self.client.query(sql).result_rows)

    def until(self, fact, what):
        deadline = time.monotonic() + 30
        while not fact():
            expect(time.monotonic() < deadline, what)
            time.sleep(0.05)

    def endless(self, mark, told):
        client = self.connect()
        settings = {"query_id": mark, "cancel_http_readonly_queries_on_client_close": 1}
        try:
            client.query(f"{ENDLESS} /* {mark} */", settings=settings)
        except Exception as error:  # whatever it is, the case looks at it
            told.append(str(error))

    def killed(self, which):
        mark, told = f"python-{uuid.uuid4()}", []
        asking = threading.Thread(target=self.endless, args=(mark, told), daemon=True)
        asking.start()
        self.until(lambda: self.running(mark), "the statement is not among the processes")
        self.client.command(f"KILL QUERY WHERE {which.replace('MARK', mark)} ASYNC")
        asking.join(5)
        if asking.is_alive():
            self.client.command(f"KILL QUERY WHERE query LIKE '%{mark}%' AND query NOT LIKE '%KILL%' ASYNC")
        expect(not asking.is_alive() and told and "394" in told[0], told or "the statement runs on")

    def cancel(self):
        self.killed("query LIKE '%MARK%' AND query NOT LIKE '%KILL%'")

    def kill_by_id(self):
        self.killed("query_id = 'MARK'")

    def leave(self):
        # The client closes its connection when its own time for an answer is over.
        mark = f"python-{uuid.uuid4()}"
        impatient = self.connect(send_receive_timeout=2, query_retries=0)
        settings = {"cancel_http_readonly_queries_on_client_close": 1}
        try:
            impatient.query(f"{ENDLESS} /* {mark} */", settings=settings)
        except Exception:  # noqa: BLE001 - that it gave up is the point
            self.until(lambda: not self.running(mark), "the statement of a client that left runs on")
            return
        raise AssertionError("the endless statement ended")


class refused:
    """The block must fail with this code."""

    def __init__(self, code):
        self.code = code

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        expect(error is not None, f"accepted, expected code {self.code}")
        expect(isinstance(error, (DatabaseError, ClickHouseError)), repr(error))
        text = str(error)
        expect(f"Code: {self.code}" in text or f"code {self.code}" in text or f" {self.code} " in text, text)
        return True
