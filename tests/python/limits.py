#!/usr/bin/env python3
"""Limits of tenants as real clients see them: grpcio and requests, with OTLP's own messages.

    limits.py API_URL OTLP_GRPC_ADDRESS OTLP_HTTP_URL QUERY_GRPC_ADDRESS

The server must have the tenants of tests/limits.rs. Prints what was checked; ends with 1 at the
first difference.
"""

import os
import re
import sys
import time

import grpc
import requests
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as stubs

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pb, services = grpc.protos_and_services("query.proto")

API, GRPC, HTTP, QUERIES = sys.argv[1:]
START = int(time.time()) - 10
stub = stubs.TraceServiceStub(grpc.insecure_channel(GRPC))
queries_of = services.StreamingQuerierStub(grpc.insecure_channel(QUERIES))
numbers = iter(range(1, 1 << 20))
TAG = "resource.service.name"


def same(what, found, expected):
    if found != expected:
        raise SystemExit(f"{what}: {found!r} is not {expected!r}")
    print(what, "is", found)


def request(trace, size=100, spans=1, service_named="shop", start=START):
    """Spans of one trace, each with an attribute of so many bytes."""
    batch = service.ExportTraceServiceRequest()
    resource = batch.resource_spans.add()
    service_name = resource.resource.attributes.add(key="service.name")
    service_name.value.string_value = service_named
    scope = resource.scope_spans.add()
    for _ in range(spans):
        span = scope.spans.add(name="GET /", kind=2, trace_id=trace.to_bytes(16, "big"))
        span.span_id = next(numbers).to_bytes(8, "big")
        span.start_time_unix_nano = start * 10**9
        span.end_time_unix_nano = start * 10**9 + 10**6
        span.attributes.add(key="filler").value.string_value = "x" * size
    return batch


def export(tenant, batch):
    """Code, text and seconds of the hint of a call."""
    try:
        stub.Export(batch, metadata=[("x-scope-orgid", tenant)] if tenant else [])
        return "OK", "", None
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or []) | dict(error.initial_metadata() or [])
        return error.code().name, error.details(), hint(trailers.get("grpc-status-details-bin"))


def hint(details):
    if details is None:
        return None
    status, info = status_pb2.Status.FromString(details), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    return info.retry_delay.seconds


def post(tenant, batch):
    headers = {"Content-Type": "application/x-protobuf"}
    headers |= {"X-Scope-OrgID": tenant} if tenant else {}
    return requests.post(f"{HTTP}/v1/traces", data=batch.SerializeToString(), headers=headers)


def get(tenant, path, **parameters):
    return requests.get(f"{API}{path}", params=parameters, headers={"X-Scope-OrgID": tenant})


def stream(tenant, call, asked):
    """Code and messages of a query over gRPC."""
    metadata = [("x-scope-orgid", tenant)] if tenant else []
    try:
        return "OK", list(call(asked, metadata=metadata))
    except grpc.RpcError as error:
        return error.code().name, []


def metric(name, *labels):
    lines = requests.get(f"{API}/metrics").text.splitlines()
    fits = (line for line in lines if re.match(rf"{name}[{{ ]", line))
    return sum(float(line.split()[-1]) for line in fits if all(label in line for label in labels))


def discarded(tenant, reason):
    return metric("tempo_discarded_spans_total", f'tenant="{tenant}"', f'reason="{reason}"')


def failed(route, status):
    """Requests to a route of the API, or calls of a method, that ended so."""
    labels = f'route="{route}"', f'status_code="{status}"'
    return metric("tempo_request_duration_seconds_count", *labels)


def spans_of(tenant, trace):
    answer = get(tenant, f"/api/traces/{trace:x}")
    if answer.status_code == 404:
        return 0
    scopes = (scope for batch in answer.json()["batches"] for scope in batch["scopeSpans"])
    return sum(len(scope["spans"]) for scope in scopes)


def rates():
    same("first request of `slow`", export("slow", request(1))[0], "OK")
    code, text, seconds = export("slow", request(2, 2000, spans=3))
    same("code above the rate", code, "RESOURCE_EXHAUSTED")
    same("beginning of its text", text[:14], "RATE_LIMITED: ")
    same("its hint", seconds, 5)
    answer = post("slow", request(2, 2000))
    same("status above the rate", (answer.status_code, answer.headers["Retry-After"]), (429, "5"))
    same("spans discarded for it", discarded("slow", "rate_limited"), 4)
    same("hint of `silent`", export("silent", request(1))[::2], ("RESOURCE_EXHAUSTED", None))
    answer = post("silent", request(1))
    same("header of `silent`", (answer.status_code, answer.headers.get("Retry-After")), (429, None))
    same("others at that time", export("other", request(1, 2000))[0], "OK")


def traces():
    for trace in range(1, 6):
        same(f"trace {trace} of `few`", export("few", request(trace))[0], "OK")
    same("stored of them", [spans_of("few", trace) for trace in range(1, 6)], [1, 1, 0, 0, 0])
    same("discarded of them", discarded("few", "live_traces_exceeded"), 3)
    same("one more over HTTP", post("few", request(6)).status_code, 200)
    same("discarded then", discarded("few", "live_traces_exceeded"), 4)
    for trace in range(1, 4):
        same(f"trace {trace} of `all`", export("all", request(trace))[0], "OK")
    same("discarded by the global number", discarded("all", "live_traces_exceeded"), 1)
    for part in range(4):
        same(f"part {part} of a trace of `small`", post("small", request(9, 700)).status_code, 200)
    same("stored of it", spans_of("small", 9), 2)
    same("discarded of it", discarded("small", "trace_too_large"), 2)
    same("one more over gRPC", export("small", request(9, 700))[0], "OK")
    same("discarded then", discarded("small", "trace_too_large"), 3)


def looked_up():
    same("a trace of `other`", export("other", request(0x77, 3000))[0], "OK")
    same("looked up", get("other", "/api/traces/77").status_code, 200)
    # Of several tenants the strictest limit holds.
    same("by readers of `small`, too", get("other|small", "/api/traces/77").status_code, 422)
    same("traces that were not shown", failed("api_traces_traceid", 422), 1)
    part = get("other|small", "/api/v2/traces/77")
    same("with v2", (part.status_code, part.json()["status"]), (200, "PARTIAL"))


def attributes():
    same("spans of `cut`", export("cut", request(1, 3000))[0], "OK")
    body = get("cut", "/api/traces/1").text
    same("longest value of `cut`", max(map(len, re.findall("x+", body))), 12)
    truncated = metric("tempo_distributor_attributes_truncated_total", 'tenant="cut"')
    same("values that were cut", truncated, 1)
    same("spans of `cut` over HTTP", post("cut", request(2, 3000)).status_code, 200)
    truncated = metric("tempo_distributor_attributes_truncated_total", 'tenant="cut"')
    same("values that were cut then", truncated, 2)


def delays():
    begun = time.monotonic()
    same("spans of `late`", post("late", request(1)).status_code, 200)
    same("whether that took long", time.monotonic() - begun >= 0.2, True)
    added = metric("tempo_distributor_added_latency_seconds_count", 'tenant="late"')
    same("requests that were held back", added, 1)
    begun = time.monotonic()
    same("spans of `late` over gRPC", export("late", request(2))[0], "OK")
    same("whether that took long, too", time.monotonic() - begun >= 0.2, True)


def queries():
    range_of = {"q": "{}", "start": START - 7200, "end": START}
    answer = get("reader", "/api/search", **range_of)
    same("search over two hours", (answer.status_code, answer.text[:44]),
         (400, "range specified by start and end exceeds 1h0"))
    same("searches that failed", failed("api_search", 400), 1)
    same("the same by others", get("other", "/api/search", **range_of).status_code, 200)
    range_of["q"] = "{} | rate()"
    answer = get("reader", "/api/metrics/query_range", **range_of)
    same("metrics over two hours", answer.status_code, 400)
    same("metrics that failed", failed("api_metrics_query_range", 400), 1)
    times = {"start": (START - 7200) * 10**9, "end": START * 10**9}
    asked = pb.QueryRangeRequest(query="{} | rate()", **times)
    same("the same over gRPC", stream("reader", queries_of.MetricsQueryRange, asked)[0],
         "INVALID_ARGUMENT")
    same("calls that failed", failed("/tempopb.StreamingQuerier/MetricsQueryRange", "error"), 1)
    asked = pb.SearchRequest(Query="{}", start=START - 7200, end=START)
    cases = [("reader", "INVALID_ARGUMENT"), ("other|reader", "INVALID_ARGUMENT"), ("other", "OK"),
             (None, "UNAUTHENTICATED"), ("a/b", "INVALID_ARGUMENT")]
    for tenant, expected in cases:
        same(f"stream of {tenant}", stream(tenant, queries_of.Search, asked)[0], expected)
    for number in range(50):
        export("reader", request(100, 20, service_named=f"service-{number:02}"))
    values = get("reader", f"/api/v2/search/tag/{TAG}/values").json()["tagValues"]
    same("values of a tag, cut at 200 bytes", 0 < len(values) < 50, True)
    asked = pb.SearchTagValuesRequest(tagName=TAG)
    values = stream("reader", queries_of.SearchTagValuesV2, asked)[1][-1].tagValues
    same("the same over gRPC", 0 < len(values) < 50, True)
    padded = get("reader", "/api/search", q="{}").json()["traces"][0]["traceID"]
    same("digits of a trace id", len(padded), 32)


def tags():
    narrowed = '{ .a = "1" || .b = "2" }'
    answer = get("narrow", f"/api/v2/search/tag/{TAG}/values", q=narrowed)
    same("two alternatives where one is allowed", answer.status_code, 400)
    same("questions that failed", failed("api_v2_search_tag_tagname_values", 400), 1)
    answer = get("other", f"/api/v2/search/tag/{TAG}/values", q=narrowed)
    same("the same of others", answer.status_code, 200)
    asked = pb.SearchTagValuesRequest(tagName=TAG, query=narrowed)
    same("over gRPC", stream("narrow", queries_of.SearchTagValuesV2, asked)[0],
         "INVALID_ARGUMENT")
    for number, name in enumerate(["older", "newer"]):
        batch = request(1 + number, service_named=name, start=START + 5 * number)
        same(f"spans of the {name} block", export("newest", batch)[0], "OK")
        same("a block", requests.post(f"{API}/flush").status_code, 204)
    values = get("newest", f"/api/v2/search/tag/{TAG}/values").json()["tagValues"]
    same("values of one block", [value["value"] for value in values], ["newer"])
    asked = pb.SearchTagValuesRequest(tagName=TAG)
    values = stream("newest", queries_of.SearchTagValuesV2, asked)[1][-1].tagValues
    same("over gRPC", [value.value for value in values], ["newer"])


def tenancy():
    same("no tenant over gRPC", export(None, request(1))[:2], ("UNAVAILABLE", "no org id"))
    same("no tenant over HTTP", post(None, request(1)).status_code, 503)
    same("a tenant that cannot be", export("../x", request(1))[0], "INVALID_ARGUMENT")
    same("the same over HTTP", post("a b", request(1)).status_code, 400)
    same("two tenants", export("a|b", request(1))[0], "INVALID_ARGUMENT")
    answer = requests.get(f"{API}/api/search")
    same("a query of nobody", (answer.status_code, answer.text), (401, "no org id\n"))


def gauges():
    name = "tempo_limits_overrides"
    limit = 'limit_name="max_local_traces_per_user"'
    same("gauge of a limit", metric(name, limit, 'user="few"'), 2)
    same("last reload", metric("tempo_runtime_config_last_reload_successful"), 1)


for check in [rates, traces, looked_up, attributes, delays, queries, tags, tenancy, gauges]:
    check()
print("all limits hold")
