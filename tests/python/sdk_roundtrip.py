#!/usr/bin/env python3
"""Sends traces with the real OpenTelemetry SDK and compares what the server gives back.

    sdk_roundtrip.py grpc|http|http-gzip OTLP_ENDPOINT API_URL

Needs opentelemetry-sdk and its OTLP exporters. What was sent is taken from the SDK's own objects
and turned into the API's JSON by this script, apart from the exporters' encoders and from the
server's decoders. Prints what was compared; ends with 1 at the first difference.
"""

import base64
import json
import sys
import urllib.request

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState

KINDS = {
    SpanKind.INTERNAL: "SPAN_KIND_INTERNAL",
    SpanKind.SERVER: "SPAN_KIND_SERVER",
    SpanKind.CLIENT: "SPAN_KIND_CLIENT",
    SpanKind.PRODUCER: "SPAN_KIND_PRODUCER",
    SpanKind.CONSUMER: "SPAN_KIND_CONSUMER",
}
STATUSES = {StatusCode.OK: "STATUS_CODE_OK", StatusCode.ERROR: "STATUS_CODE_ERROR"}

EVERY_TYPE = {
    "string": "text",
    "string.empty": "",
    "string.unicode": "naïve café 日本語 🚀 \"quoted\" \\ \n\t",
    "string.long": "x" * 2000,
    "bool.true": True,
    "bool.false": False,
    "int": 42,
    "int.zero": 0,
    "int.min": -(2**63),
    "int.max": 2**63 - 1,
    "double": 3.141592653589793,
    "double.zero": 0.0,
    "double.whole": 5.0,
    "double.tiny": 5e-324,
    "double.infinite": float("inf"),
    "strings": ["a", "", "c"],
    "ints": [1, -2, 3],
    "doubles": [1.5, -2.25],
    "bools": [True, False],
    # Names with columns of their own in a block.
    "http.method": "GET",
    "http.url": "http://example.com/?a=b&c=d",
    "http.status_code": 503,
    "http.status_code.text": "503",
}


def exporter(protocol, endpoint):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, insecure=True)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    compression = Compression.Gzip if protocol == "http-gzip" else Compression.NoCompression
    return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", compression=compression)


def make_provider(name, exports, resource):
    provider = TracerProvider(
        resource=Resource({"service.name": name, "service.version": "1.2.3", **resource}),
        span_limits=SpanLimits(max_events=3, max_links=3, max_span_attributes=200),
    )
    for processor in exports:
        provider.add_span_processor(processor)
    return provider


def make_traces(shop, billing):
    """A trace over two services, and one with everything else that a span can hold."""
    web = shop.get_tracer("web", "0.1.0", attributes={"scope.attribute": "s", "scope.int": 7})
    database = shop.get_tracer("database")
    charge = billing.get_tracer("charge", "2.0")
    server = SpanKind.SERVER
    with web.start_as_current_span("GET /cart", kind=server, attributes=EVERY_TYPE) as root:
        root.set_status(Status(StatusCode.OK))
        with database.start_as_current_span("SELECT", kind=SpanKind.CLIENT) as span:
            span.set_attribute("db.system", "postgresql")
            span.add_event("rows", {"count": 12, "cached": False, "names": ["a", "b"]})
        with charge.start_as_current_span("charge", kind=SpanKind.CONSUMER) as span:
            try:
                raise ValueError("card declined: 💳")
            except ValueError as error:
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, "declined"))
        for number in range(20):
            with database.start_as_current_span(f"row {number}"):
                pass
    linked = SpanContext(
        trace_id=0x0102030405060708090A0B0C0D0E0F10,
        span_id=0x1112131415161718,
        is_remote=True,
        trace_flags=TraceFlags(1),
        trace_state=TraceState([("vendor", "value"), ("other", "1")]),
    )
    remote_parent = SpanContext(
        trace_id=0xAA02030405060708090A0B0C0D0E0F10,
        span_id=0xBB12131415161718,
        is_remote=True,
        trace_flags=TraceFlags(1),
        trace_state=TraceState([("rojo", "00f067aa0ba902b7")]),
    )
    with charge.start_as_current_span(
        "settle",
        context=set_span_in_context(NonRecordingSpan(remote_parent)),
        kind=SpanKind.PRODUCER,
        links=[
            Link(linked, {"link.kind": "follows", "weight": 0.5}),
            Link(root.get_span_context()),
        ],
    ) as span:
        for number in range(5):
            span.add_event(f"event {number}", {"n": number})


def value(sent):
    """An attribute's value in the API's JSON."""
    if isinstance(sent, bool):
        return {"boolValue": sent}
    if isinstance(sent, int):
        return {"intValue": str(sent)}
    if isinstance(sent, float):
        infinite = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
        return {"doubleValue": infinite.get(sent, sent)}
    if isinstance(sent, str):
        return {"stringValue": sent}
    if isinstance(sent, bytes):
        return {"bytesValue": base64.b64encode(sent).decode()}
    return {"arrayValue": {"values": [value(element) for element in sent]}}


def attributes(sent):
    return {key: value(sent[key]) for key in sent or {}}


def number(text):
    """64-bit integers are strings in JSON; absent ones are zero."""
    return int(text or 0)


def identifier(sent, length):
    return base64.b64encode(sent.to_bytes(length, "big")).decode()


def expected_span(span):
    scope = span.instrumentation_scope
    return {
        "resource": attributes(span.resource.attributes),
        "scope": (scope.name, scope.version or "", attributes(scope.attributes)),
        "parent": identifier(span.parent.span_id, 8) if span.parent else "",
        "name": span.name,
        "kind": KINDS[span.kind],
        "state": span.context.trace_state.to_header(),
        "times": (span.start_time, span.end_time),
        "attributes": attributes(span.attributes),
        "status": (STATUSES.get(span.status.status_code, ""), span.status.description or ""),
        "events": [(e.name, e.timestamp, attributes(e.attributes)) for e in span.events],
        "links": [
            (
                identifier(link.context.trace_id, 16),
                identifier(link.context.span_id, 8),
                # The SDK's exporters do not send a link's trace state.
                "",
                attributes(link.attributes),
            )
            for link in span.links
        ],
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
    }


def found_attributes(pairs):
    pairs = pairs or []
    keys = [pair["key"] for pair in pairs]
    assert len(keys) == len(set(keys)), f"keys twice: {keys}"
    # A double may come back as a whole number of JSON: 5.0 is written `5`.
    return {pair["key"]: as_float(pair["value"]) for pair in pairs}


def as_float(found):
    if "doubleValue" in found and not isinstance(found["doubleValue"], str):
        return {"doubleValue": float(found["doubleValue"])}
    if "arrayValue" in found:
        return {"arrayValue": {"values": [as_float(v) for v in found["arrayValue"]["values"]]}}
    return found


def found_span(resource, scope, span):
    status = span.get("status", {})
    return {
        "resource": found_attributes(resource.get("attributes")),
        "scope": (
            scope.get("name", ""),
            scope.get("version", ""),
            found_attributes(scope.get("attributes")),
        ),
        "parent": span.get("parentSpanId", ""),
        "name": span["name"],
        "kind": span["kind"],
        "state": span.get("traceState", ""),
        "times": (number(span.get("startTimeUnixNano")), number(span.get("endTimeUnixNano"))),
        "attributes": found_attributes(span.get("attributes")),
        "status": (status.get("code", ""), status.get("message", "")),
        "events": [
            (e["name"], number(e["timeUnixNano"]), found_attributes(e.get("attributes")))
            for e in span.get("events", [])
        ],
        "links": [
            (
                link["traceId"],
                link["spanId"],
                link.get("traceState", ""),
                found_attributes(link.get("attributes")),
            )
            for link in span.get("links", [])
        ],
        "dropped": (
            span.get("droppedAttributesCount", 0),
            span.get("droppedEventsCount", 0),
            span.get("droppedLinksCount", 0),
        ),
    }


def read_trace(api, trace_id):
    """All spans of a trace, by id."""
    request = urllib.request.Request(f"{api}/api/traces/{trace_id:032x}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        batches = json.load(answer)["batches"]
    found = {}
    for batch in batches:
        for scope_spans in batch["scopeSpans"]:
            for span in scope_spans["spans"]:
                assert span["traceId"] == identifier(trace_id, 16), span
                assert span["spanId"] not in found, f"span twice: {span}"
                found[span["spanId"]] = found_span(
                    batch.get("resource", {}), scope_spans.get("scope", {}), span
                )
    return found


def compare(api, spans):
    """Holds what the server gives against what the SDK sent; the number of parts compared."""
    counts = {"spans": 0, "attributes": 0, "events": 0, "links": 0}
    by_trace = {}
    for span in spans:
        by_trace.setdefault(span.context.trace_id, {})[identifier(span.context.span_id, 8)] = span
    for trace_id, sent in by_trace.items():
        found = read_trace(api, trace_id)
        assert found.keys() == sent.keys(), f"{trace_id:032x}: {found.keys() ^ sent.keys()}"
        for span_id, span in sent.items():
            expected = expected_span(span)
            for part, expected_part in expected.items():
                if found[span_id][part] != expected_part:
                    sys.exit(
                        f"{trace_id:032x} {span.name}: {part} differs\n"
                        f"  sent  {expected_part!r}\n  found {found[span_id][part]!r}"
                    )
            counts["spans"] += 1
            counts["attributes"] += len(expected["attributes"])
            counts["events"] += len(expected["events"])
            counts["links"] += len(expected["links"])
    return counts


def flush(api):
    request = urllib.request.Request(f"{api}/flush", method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 204


def main():
    protocol, endpoint, api = sys.argv[1:]
    kept = InMemorySpanExporter()
    exports = [SimpleSpanProcessor(kept), BatchSpanProcessor(exporter(protocol, endpoint))]
    of_shop = {"host.name": "h-1", "process.pid": 4711, "az": ["a", "b"]}
    shop = make_provider("shop", exports, of_shop)
    billing = make_provider("billing", exports, {"k8s.pod.name": "billing-0", "ratio": 0.25})
    make_traces(shop, billing)
    assert exports[1].force_flush(), "the exporter did not finish"
    spans = kept.get_finished_spans()
    print(f"{protocol}, live:", compare(api, spans))
    flush(api)
    print(f"{protocol}, in a block:", compare(api, spans))
    billing.shutdown()
    shop.shutdown()


if __name__ == "__main__":
    main()
