"""What the suites share: the list of cases, the types of the store, values that bite."""

import json
import pathlib

LIST = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text())

# All types that schemas/sql uses, and those that billing jobs read. `supplies` is Nested, as in `polls`.
TYPES = [
    ("n", "UInt64"), ("text", "String"), ("color", "LowCardinality(String)"), ("total", "Nullable(Int64)"),
    ("ratio", "Float64"), ("price", "Decimal(18, 4)"), ("id", "UUID"), ("ts", "DateTime('UTC')"),
    ("ts_ms", "DateTime64(3, 'UTC')"), ("day", "Date"), ("sure", "Bool"), ("levels", "Array(Nullable(Int64))"),
    ("extra", "Map(String, Int64)"), ("supplies.name", "Array(LowCardinality(String))"),
    ("supplies.level", "Array(Int64)"),
]

# As in `polls`, what belongs together is Nested: two arrays of one length.
COLUMNS = ", ".join(f"{name} {kind}" for name, kind in TYPES if not name.startswith("supplies."))
COLUMNS += ", supplies Nested(name LowCardinality(String), level Int64)"

# Never ends by itself.
ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"

HOSTILE = [
    "", "a'b", "back\\slash", "tab\tline\nend\r", "é ✓ \U0001f5a8", "?", "{x:String}", "'; DROP TABLE t; --", "\\N",
]


def expect(fact, otherwise):
    if not fact:
        raise AssertionError(str(otherwise)[:400])
