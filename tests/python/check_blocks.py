#!/usr/bin/env python3
"""Checks blocks with pyarrow, independently of this repository's own code.

    python3 -m venv target/venv && target/venv/bin/pip install pyarrow duckdb
    cargo test -p stringendo-block --test written_blocks     # writes target/tmp/blocks/*
    target/venv/bin/python tests/python/check_blocks.py target/tmp/blocks/v5 …

Each argument is a directory that holds blocks at any depth (a directory with a meta.json is one).
For every block: the exact column tree of the contract, the encodings that Tempo insists on, page
checksums, sorted and unique trace ids, the meta's fields, Bloom filters, the index, and the
invariants of rows. DuckDB, whose reader is another one, must find the same in every column. The
column tree is also compared with that of a block that Tempo wrote. With
`--like DIR` the rows are compared with those of the block in DIR, and differences are printed.
"""

import argparse
import base64
import json
import pathlib
import struct
import sys

import duckdb
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCKS_OF_TEMPO = ROOT / "data" / "blocks"

ATTR = [
    ("Key", "req", "str", "D", "s"),
    ("IsArray", "req", "bool", "P", "s"),
    ("Value", "rep", "str", "D", "s"),
    ("ValueInt", "rep", "i64", "D", "s"),
    ("ValueDouble", "rep", "f64", "D", "s"),
    ("ValueBool", "rep", "bool", "P", "s"),
    ("ValueUnsupported", "opt", "str", "L", "s"),
]


def leaf(name, kind, encoding, compression="-"):
    return (name, "req", kind, encoding, compression)


def attrs():
    return ("Attrs", "rep", ATTR)


def dedicated(scope, columns):
    """The group of dedicated columns of a scope, or nothing."""
    of_scope = [c for c in columns if c.get("s", "span") == scope]
    strings = [c for c in of_scope if c.get("t", "string") == "string"]
    ints = [c for c in columns if c.get("s", "span") == scope and c.get("t", "string") == "int"]
    leaves = []
    for number, column in enumerate(strings[:20], 1):
        blob = "blob" in column.get("o", [])
        leaves.append((f"String{number:02}", "rep", "str", *(("L", "z") if blob else ("D", "s"))))
    for number, _ in enumerate(ints[:5], 1):
        leaves.append((f"Int{number:02}", "rep", "i64", "D", "s"))
    return [("DedicatedAttributes", "req", leaves)] if leaves else []


def tree_v4(columns):
    """The vParquet4 tree of the contract; lists take two levels more, which `flatten` adds."""
    static = lambda name, kind="str": (name, "opt", kind, "D", "s")
    spare = ("DedicatedAttributes", "req", [static(f"String{i:02}") for i in range(1, 11)])
    dropped = leaf("DroppedAttributesCount", "i32", "B", "s")
    spans = ("Spans", "rep", [
        leaf("SpanID", "bin", "L"), leaf("ParentSpanID", "bin", "L"), leaf("ParentID", "i32", "B"),
        leaf("NestedSetLeft", "i32", "B"), leaf("NestedSetRight", "i32", "B"),
        leaf("Name", "str", "D", "s"), leaf("Kind", "i64", "B"),
        leaf("TraceState", "str", "L", "s"), leaf("StartTimeUnixNano", "u64", "B"),
        leaf("DurationNano", "u64", "B"), leaf("StatusCode", "i64", "B"),
        leaf("StatusMessage", "str", "L", "s"), attrs(), dropped,
        ("Events", "rep", [
            leaf("TimeSinceStartNano", "u64", "B"), leaf("Name", "str", "D", "s"), attrs(), dropped,
        ]),
        leaf("DroppedEventsCount", "i32", "P", "s"),
        ("Links", "rep", [
            leaf("TraceID", "bin", "L"), leaf("SpanID", "bin", "L"),
            leaf("TraceState", "str", "L", "s"), attrs(), dropped,
        ]),
        leaf("DroppedLinksCount", "i32", "P", "s"),
        static("HttpMethod"), static("HttpUrl"), static("HttpStatusCode", "i64"), spare,
    ])
    resource = ("Resource", "req", [
        attrs(), dropped, leaf("ServiceName", "str", "D", "s"),
        *(static(name) for name in (
            "Cluster", "Namespace", "Pod", "Container", "K8sClusterName", "K8sNamespaceName",
            "K8sPodName", "K8sContainerName",
        )),
        spare,
    ])
    scope = ("Scope", "req", [
        leaf("Name", "str", "D", "s"), leaf("Version", "str", "D", "s"), attrs(), dropped,
    ])
    return [
        *tree(columns)[:7],
        # Tempo's keys have encoding L; it reads any but LZ4's.
        ("ServiceStats.key_value", "map", [
            leaf("key", "str", "D", "s"), leaf("value.SpanCount", "u32", "B"),
            leaf("value.ErrorCount", "u32", "B"),
        ]),
        ("rs", "rep", [resource, ("ss", "rep", [scope, spans])]),
    ]


def tree(columns):
    """The vParquet5 tree of the contract."""
    dropped = leaf("DroppedAttributesCount", "i32", "B", "s")
    events = ("Events", "rep", [
        leaf("TimeSinceStartNano", "u64", "B"), leaf("Name", "str", "D", "s"), attrs(), dropped,
        *dedicated("event", columns),
    ])
    links = ("Links", "rep", [
        leaf("TraceID", "bin", "L"),
        leaf("SpanID", "bin", "L"),
        leaf("TraceState", "str", "L", "s"),
        attrs(), dropped,
    ])
    spans = ("Spans", "rep", [
        leaf("SpanID", "bin", "L"), leaf("ParentSpanID", "bin", "L"), leaf("ParentID", "i32", "B"),
        leaf("NestedSetLeft", "i32", "B"), leaf("NestedSetRight", "i32", "B"),
        leaf("ChildCount", "i32", "B"), leaf("Name", "str", "D", "s"), leaf("Kind", "i64", "B"),
        leaf("TraceState", "str", "L", "s"), leaf("StartTimeUnixNano", "u64", "B"),
        leaf("DurationNano", "u64", "B"), leaf("StatusCode", "i64", "B"),
        leaf("StatusMessage", "str", "L", "s"), attrs(), dropped, events,
        leaf("DroppedEventsCount", "i32", "P", "s"), links,
        leaf("DroppedLinksCount", "i32", "P", "s"), *dedicated("span", columns),
        leaf("StartTimeRounded15", "u32", "B"), leaf("StartTimeRounded60", "u32", "B"),
        leaf("StartTimeRounded300", "u32", "B"), leaf("StartTimeRounded3600", "u32", "B"),
    ])
    scope = ("Scope", "req", [
        leaf("Name", "str", "D", "s"), leaf("Version", "str", "D", "s"), attrs(), dropped,
    ])
    resource = ("Resource", "req", [
        leaf("ServiceName", "str", "D", "s"), attrs(), dropped, *dedicated("resource", columns),
    ])
    return [
        leaf("TraceID", "bin", "L"), leaf("TraceIDText", "str", "L", "s"),
        leaf("StartTimeUnixNano", "u64", "B"), leaf("EndTimeUnixNano", "u64", "B"),
        leaf("DurationNano", "u64", "B"), leaf("RootServiceName", "str", "D"),
        leaf("RootSpanName", "str", "D"),
        ("ServiceStats", "rep", [
            leaf("ServiceName", "str", "D", "s"), leaf("SpanCount", "u32", "B"),
            leaf("ErrorCount", "u32", "B"),
        ]),
        ("rs", "rep", [resource, ("ss", "rep", [scope, spans, leaf("SpanCount", "i32", "B")])]),
    ]


def flatten(nodes, lists, prefix="", definition=0, repetition=0):
    """(path, type, definition level, repetition level, encoding, compression) of all leaves."""
    for node in nodes:
        name, repeated = node[0], node[1]
        levels = (definition + (repeated != "req"), repetition + (repeated in ("rep", "map")))
        path = f"{prefix}{name}{'.list.element' if lists and repeated == 'rep' else ''}"
        if isinstance(node[2], list):
            yield from flatten(node[2], lists, f"{path}.", *levels)
        else:
            yield (path, node[2], *levels, node[3], node[4])


PHYSICAL = {
    "str": "BYTE_ARRAY", "bin": "BYTE_ARRAY", "i32": "INT32", "u32": "INT32", "i64": "INT64",
    "u64": "INT64", "f64": "DOUBLE", "bool": "BOOLEAN",
}
CONVERTED = {
    "str": "UTF8", "bin": "NONE", "i32": "INT_32", "u32": "UINT_32", "i64": "INT_64",
    "u64": "UINT_64", "f64": "NONE", "bool": "NONE",
}
ENCODING = {
    "D": "RLE_DICTIONARY",
    "L": "DELTA_LENGTH_BYTE_ARRAY",
    "B": "DELTA_BINARY_PACKED",
    "P": "PLAIN",
}
# What Tempo reads (it writes none and SNAPPY, and ZSTD for blobs); LZ4 it does not.
CODECS = {"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"}


class Check:
    """Collects what is wrong."""

    def __init__(self, name):
        self.name, self.wrong = name, 0

    def that(self, right, what):
        if not right:
            self.wrong += 1
            print(f"{self.name}: {what}")

    def equal(self, found, expected, what):
        self.that(found == expected, f"{what}: {found!r}, expected {expected!r}")


def column_of(descriptor):
    return (
        descriptor.path, descriptor.physical_type, descriptor.converted_type,
        str(descriptor.logical_type), descriptor.max_definition_level,
        descriptor.max_repetition_level,
    )


def check_tree(check, parquet, version, columns):
    is_v4 = version == "vParquet4"
    check.that(is_v4 or version == "vParquet5", f"format {version}")
    expected = list(flatten(tree_v4(columns) if is_v4 else tree(columns), is_v4))
    schema = parquet.schema
    check.equal(len(schema), len(expected), "leaves")
    for i, (path, kind, definition, repetition, _, _) in enumerate(expected[: len(schema)]):
        column = schema.column(i)
        found = column_of(column)[:3] + column_of(column)[4:]
        wanted = (path, PHYSICAL[kind], CONVERTED[kind], definition, repetition)
        check.equal(found, wanted, f"column {i}")
    return expected


def check_chunks(check, parquet, expected):
    metadata = parquet.metadata
    for group in range(metadata.num_row_groups):
        for i, (path, _, _, _, encoding, _) in enumerate(expected):
            chunk = metadata.row_group(group).column(i)
            what = f"row group {group} {path}"
            check.that(chunk.compression in CODECS, f"{what} compression {chunk.compression}")
            allowed = {"RLE", ENCODING[encoding]} | ({"PLAIN"} if encoding == "D" else set())
            check.that(set(chunk.encodings) <= allowed, f"{what} has encodings {chunk.encodings}")
            check.that(ENCODING[encoding] in chunk.encodings, f"{what} lacks {ENCODING[encoding]}")
            check.equal(chunk.has_dictionary_page, encoding == "D", f"{what} dictionary")
            check.that(chunk.has_offset_index, f"{what} has no offset index")
            check.that(chunk.has_column_index, f"{what} has no column index")


def check_like_tempo(check, parquet, version):
    """The same tree as Tempo's own block has, dedicated columns of vParquet5 aside."""
    tempo = BLOCKS_OF_TEMPO / version.lower()
    if not tempo.is_dir():
        return
    tempo = next(tempo.glob("*/*/data.parquet"))
    tempo = pq.ParquetFile(tempo)

    def described(file):
        columns = (column_of(file.schema.column(i)) for i in range(len(file.schema)))
        is_fixed = lambda path: version == "vParquet4" or ".DedicatedAttributes." not in path
        return {c[0]: c[1:] for c in columns if is_fixed(c[0])}

    ours, theirs = described(parquet), described(tempo)
    check.equal(list(ours), list(theirs), "paths against Tempo's")
    for path, column in theirs.items():
        check.equal(ours.get(path), column, f"{path} against Tempo's")


def fnv1(data):
    value = 0x811C9DC5
    for byte in data:
        value = (value * 0x01000193 & 0xFFFFFFFF) ^ byte
    return value


def murmur(data):
    mask = (1 << 64) - 1
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    rotate = lambda x, r: (x << r | x >> (64 - r)) & mask
    mix1 = lambda k: rotate(k * c1 & mask, 31) * c2 & mask
    mix2 = lambda k: rotate(k * c2 & mask, 33) * c1 & mask

    def final(k):
        k = (k ^ k >> 33) * 0xFF51AFD7ED558CCD & mask
        k = (k ^ k >> 33) * 0xC4CEB9FE1A85EC53 & mask
        return k ^ k >> 33

    h1 = h2 = 0
    blocks = len(data) // 16
    for i in range(blocks):
        k1, k2 = struct.unpack_from("<QQ", data, i * 16)
        h1 = ((rotate(h1 ^ mix1(k1), 27) + h2) * 5 + 0x52DCE729) & mask
        h2 = ((rotate(h2 ^ mix2(k2), 31) + h1) * 5 + 0x38495AB5) & mask
    k1, k2 = struct.unpack("<QQ", data[blocks * 16:].ljust(16, b"\0"))
    h1, h2 = h1 ^ mix1(k1) ^ len(data), h2 ^ mix2(k2) ^ len(data)
    h1 = (h1 + h2) & mask
    h2 = (h2 + h1) & mask
    h1, h2 = final(h1), final(h2)
    h1 = (h1 + h2) & mask
    return h1, (h2 + h1) & mask


def may_contain(bloom, trace_id):
    m, k, again = struct.unpack_from(">QQQ", bloom)
    assert m == again and len(bloom) == 24 + (m + 63) // 64 * 8
    h = [*murmur(trace_id), *murmur(trace_id + b"\1")]
    for i in range(k):
        bit = (h[i % 2] + i * h[2 + (i + i % 2) % 4 // 2]) % (1 << 64) % m
        word = struct.unpack_from(">Q", bloom, 24 + bit // 64 * 8)[0]
        if not word >> bit % 64 & 1:
            return False
    return True


def check_ids(check, block, meta, ids, parquet):
    check.that(all(len(i) == 16 for i in ids), "a trace id is not of 16 bytes")
    check.that(all(a < b for a, b in zip(ids, ids[1:])), "trace ids are not ascending and unique")
    blooms = [(block / f"bloom-{i}").read_bytes() for i in range(meta["bloomShards"])]
    one_more = block / f"bloom-{len(blooms)}"
    check.that(not one_more.exists(), "more bloom objects than the meta says")
    missing = [i.hex() for i in ids if not may_contain(blooms[fnv1(i) % len(blooms)], i)]
    check.equal(missing, [], "ids that the bloom filters do not hold")
    last, row = [], 0
    for group in range(parquet.metadata.num_row_groups):
        row += parquet.metadata.row_group(group).num_rows
        last.append(base64.b64encode(ids[row - 1]).decode())
    index = json.loads((block / "index").read_bytes())
    check.equal(index, {"rowGroups": last or None}, "index")


def check_meta(check, block, meta, parquet, rows):
    data = (block / "data.parquet").read_bytes()
    check.equal((data[:4], data[-4:]), (b"PAR1", b"PAR1"), "magic")
    check.equal(meta["blockID"], block.name, "blockID")
    check.equal(meta["tenantID"], block.parent.name, "tenantID")
    check.equal(meta["size"], len(data), "size")
    check.equal(meta["footerSize"], struct.unpack_from("<I", data, len(data) - 8)[0], "footerSize")
    check.equal(meta["totalRecords"], parquet.metadata.num_row_groups, "totalRecords")
    check.equal(meta["totalObjects"], parquet.metadata.num_rows, "totalObjects")
    check.equal(meta.get("replicationFactor"), 1, "replicationFactor")
    check.that(not parquet.metadata.metadata, "key/value metadata")
    check.equal(parquet.metadata.format_version, "2.6", "footer version (2 is shown as 2.6)")
    starts = [r["StartTimeUnixNano"] for r in rows if r["StartTimeUnixNano"]]
    ends = [r["EndTimeUnixNano"] for r in rows]
    for key, times in (("startTime", starts), ("endTime", ends)):
        expected = (min if key == "startTime" else max)(times, default=0)
        check.equal(nanos(meta[key]) // 10**9, expected // 10**9, key)


def nanos(text):
    import datetime
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    seconds = moment.timestamp()
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)


def spans_of(row):
    for resource in row["rs"]:
        for scope in resource["ss"]:
            yield from ((resource, scope, span) for span in scope["Spans"])


def stats_of(stats):
    """Name, spans, errors of every service: a list of entries, or a map in vParquet4."""
    for entry in stats:
        if isinstance(entry, tuple):
            yield (entry[0], entry[1]["SpanCount"], entry[1]["ErrorCount"])
        else:
            yield (entry["ServiceName"], entry["SpanCount"], entry["ErrorCount"])


def check_row(check, row):
    name = row["TraceID"].hex()
    check.equal(row["TraceIDText"], (name.lstrip("0") or "0").encode(), f"{name} TraceIDText")
    spans = [span for _, _, span in spans_of(row)]
    starts = [span["StartTimeUnixNano"] for span in spans if span["StartTimeUnixNano"]]
    check.equal(row["StartTimeUnixNano"], min(starts, default=0), f"{name} start")
    duration = (row["EndTimeUnixNano"] - row["StartTimeUnixNano"]) % 2**64
    check.equal(row["DurationNano"], duration, f"{name} duration")
    stats = {}
    for resource, _, span in spans_of(row):
        stat = stats.setdefault(resource["Resource"]["ServiceName"], [0, 0])
        stat[0] += 1
        stat[1] += span["StatusCode"] == 2
    found = list(stats_of(row["ServiceStats"]))
    check.equal(found, [(n, *s) for n, s in sorted(stats.items())], f"{name} service stats")
    for scope in (scope for resource in row["rs"] for scope in resource["ss"]):
        check.equal(scope.get("SpanCount", len(scope["Spans"])), len(scope["Spans"]),
                    f"{name} ss.SpanCount")
    for span in spans:
        for step in (15, 60, 300, 3600):
            start = span["StartTimeUnixNano"]
            rounded = (start - 1) // (step * 10**9) if start else 0
            found = span.get(f"StartTimeRounded{step}", rounded)
            check.equal(found, rounded, f"{name} rounded {step}")
    lefts = {span["NestedSetLeft"] for span in spans if span["NestedSetLeft"]}
    for span in spans:
        parent = span["ParentID"]
        check.that(parent <= 0 or parent in lefts, f"{name} ParentID {parent} is no span's left")
        nested = (span["NestedSetRight"] - span["NestedSetLeft"]) % 2
        has_left = span["NestedSetLeft"] > 0
        check.that(nested == has_left, f"{name} nested set of {span['SpanID'].hex()}")


def read_rows(path):
    """Rows as dictionaries; texts as bytes, since they need not be UTF-8."""
    import pyarrow as pa
    table = pq.ParquetFile(path, page_checksum_verification=True).read()

    def binary(kind):
        if pa.types.is_string(kind):
            return pa.binary()
        if pa.types.is_map(kind):
            return pa.map_(binary(kind.key_type), binary(kind.item_type))
        if pa.types.is_list(kind):
            return pa.list_(binary(kind.value_type))
        if pa.types.is_struct(kind):
            return pa.struct([pa.field(f.name, binary(f.type), f.nullable) for f in kind])
        return kind

    schema = pa.schema([pa.field(f.name, binary(f.type), f.nullable) for f in table.schema])
    return table.cast(schema).to_pylist()


def read_rows_again(path):
    """The same rows by DuckDB, which does not use Arrow."""
    found = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(path)])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


def as_bytes(value):
    """Texts as bytes, all the way down."""
    if isinstance(value, dict):
        return {key: as_bytes(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_bytes(inner) for inner in value]
    return value.encode() if isinstance(value, str) else value


def check_other_reader(check, path, rows):
    others = read_rows_again(path)
    check.equal(len(others), len(rows), "rows that DuckDB finds")
    for row, other in zip(rows, others):
        if isinstance(other["ServiceStats"], dict):
            other["ServiceStats"] = list(other["ServiceStats"].items())
        found = list(differing(row, as_bytes(other), ""))
        check.that(not found, f"{row['TraceID'].hex()} read by DuckDB: {found[:4]}")


def check_block(block, like):
    check = Check(str(block))
    meta = json.loads((block / "meta.json").read_bytes())
    parquet = pq.ParquetFile(block / "data.parquet")
    columns = meta.get("dedicatedColumns", [])
    version = meta["format"]
    expected = check_tree(check, parquet, version, columns)
    check_chunks(check, parquet, expected)
    check_like_tempo(check, parquet, version)
    rows = read_rows(block / "data.parquet")
    check_meta(check, block, meta, parquet, rows)
    check_ids(check, block, meta, [row["TraceID"] for row in rows], parquet)
    for row in rows:
        check_row(check, row)
    check_other_reader(check, block / "data.parquet", rows)
    if like:
        compare(rows, read_rows(next(pathlib.Path(like).rglob("data.parquet"))))
    spans = sum(1 for row in rows for _ in spans_of(row))
    groups = parquet.metadata.num_row_groups
    print(f"{block}: {len(expected)} columns, {groups} row groups, {len(rows)} traces, "
          f"{spans} spans, {check.wrong} faults")
    return check.wrong


def compare(rows, others):
    """Prints where rows differ from those of another block, leaf by leaf."""
    others = {row["TraceID"]: row for row in others}
    same = 0
    for row in rows:
        differences = list(differing(row, others.pop(row["TraceID"], None), ""))
        same += not differences
        if differences:
            shown = "; ".join(differences[:4])
            print(f"  {row['TraceID'].hex()}: {len(differences)} differences: {shown[:600]}")
    print(f"  {same} of {len(rows)} traces are equal in every leaf; {len(others)} are only there")


def differing(a, b, path):
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() | b.keys():
            yield from differing(a.get(key), b.get(key), f"{path}.{key}")
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differing(x, y, f"{path}[{i}]")
    elif a != b and not (a != a and b != b):
        shown = [str(len(x)) + " elements" if isinstance(x, list) else repr(x)[:80] for x in (a, b)]
        yield f"{path}: {shown[0]} here, {shown[1]} there"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dirs", nargs="+", type=pathlib.Path)
    parser.add_argument("--like", help="compare rows with those of the block in this directory")
    arguments = parser.parse_args()
    blocks = [meta.parent for d in arguments.dirs for meta in sorted(d.rglob("meta.json"))]
    if not blocks:
        sys.exit("no blocks found")
    sys.exit(sum(check_block(block, arguments.like) for block in blocks) > 0)


if __name__ == "__main__":
    main()
