#!/usr/bin/env python3
"""Queries over gRPC with the real client library, compared with the answers over HTTP.

    stream_queries.py API_URL GRPC_ADDRESS...

Needs grpcio and grpcio-tools. Each address is asked everything; the server must hold spans and
receive none meanwhile. Prints what was compared; ends with 1 at the first difference.
"""

import json
import os
import re
import sys
import time
import urllib.parse
import urllib.request

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pb, services = grpc.protos_and_services("query.proto")

# Reads every span and matches none.
SLOW = '{ name =~ ".*[xyz].*[0-9].*[xyz]" || .nothing =~ ".*a.*b" }'
ALL = "{ }"
LIMIT = 500


def get(api, path, **parameters):
    url = f"{api}{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def metric(api, name, *labels):
    """The sum of the series that carry all labels."""
    with urllib.request.urlopen(f"{api}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    fits = (line for line in lines if re.match(rf"{name}[{{ ]", line))
    return sum(float(line.split()[-1]) for line in fits if all(label in line for label in labels))


def until(what, holds):
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise SystemExit(f"never: {what}")


def same(what, found, expected):
    if found != expected:
        raise SystemExit(f"{what} differ:\n{found}\n{expected}")


def any_value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [any_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def json_value(value):
    if "arrayValue" in value:
        return [json_value(item) for item in value["arrayValue"].get("values", [])]
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()), None)


def trace_of_message(trace):
    spans = [
        (span.spanID, span.startTimeUnixNano, span.durationNanos,
         [(pair.key, any_value(pair.value)) for pair in span.attributes])
        for found in trace.spanSets
        for span in found.spans
    ]
    return (trace.rootServiceName, trace.rootTraceName, trace.startTimeUnixNano, trace.durationMs,
            [found.matched for found in trace.spanSets], spans,
            {name: (one.spanCount, one.errorCount) for name, one in trace.serviceStats.items()})


def trace_of_json(trace):
    spans = [
        (span["spanID"], int(span["startTimeUnixNano"]), int(span.get("durationNanos", 0)),
         [(pair["key"], json_value(pair["value"])) for pair in span.get("attributes", [])])
        for found in trace.get("spanSets", [])
        for span in found.get("spans", [])
    ]
    stats = trace.get("serviceStats", {})
    return (trace["rootServiceName"], trace.get("rootTraceName", ""),
            int(trace["startTimeUnixNano"]), trace.get("durationMs", 0),
            [found["matched"] for found in trace.get("spanSets", [])], spans,
            {name: (one["spanCount"], one.get("errorCount", 0)) for name, one in stats.items()})


def search_request(query, start, end):
    return pb.SearchRequest(Query=query, start=start, end=end, Limit=LIMIT, SpansPerSpanSet=3)


def newest(traces):
    """The client's part: what was shown early may have been pushed out by newer traces since."""
    def order(item):
        return -item[1][2], item[0].zfill(32)

    return dict(sorted(traces.items(), key=order)[:LIMIT])


def search(api, stub, start, end):
    for query in [ALL, "{ status = error } | select(resource.service.name)", SLOW]:
        expected = get(api, "/api/search", q=query, start=start, end=end, limit=LIMIT, spss=3)
        expected = {found["traceID"]: trace_of_json(found) for found in expected["traces"]}
        added_up, messages = {}, 0
        for message in stub.Search(search_request(query, start, end)):
            messages += 1
            added_up.update((found.traceID, trace_of_message(found)) for found in message.traces)
        same(query, newest(added_up), expected)
        same("jobs", message.metrics.completedJobs, message.metrics.totalJobs)
        print(f"{query}: {len(expected)} traces in {messages} messages")


def tags(api, stub, start, end):
    request = pb.SearchTagsRequest(start=start, end=end)
    names = {name for message in stub.SearchTags(request) for name in message.tagNames}
    expected = get(api, "/api/search/tags", start=start, end=end)["tagNames"]
    same("names", sorted(names), sorted(expected))
    scopes = {}
    for message in stub.SearchTagsV2(request):
        for scope in message.scopes:
            scopes.setdefault(scope.name, set()).update(scope.tags)
    expected = get(api, "/api/v2/search/tags", start=start, end=end)["scopes"]
    same("scopes", scopes, {scope["name"]: set(scope["tags"]) for scope in expected})
    print(f"tags: {len(names)} names in {len(scopes)} scopes")


def tag_values(api, stub, start, end):
    request = pb.SearchTagValuesRequest(tagName="service.name", start=start, end=end)
    values = {value for message in stub.SearchTagValues(request) for value in message.tagValues}
    expected = get(api, "/api/search/tag/service.name/values", start=start, end=end)["tagValues"]
    same("values", sorted(values), sorted(expected))
    for tag, query in [("resource.service.name", "{ status = error }"), ("name", ""),
                       ("status", "")]:
        request = pb.SearchTagValuesRequest(tagName=tag, query=query, start=start, end=end)
        found = {(value.type, value.value)
                 for message in stub.SearchTagValuesV2(request) for value in message.tagValues}
        path = f"/api/v2/search/tag/{tag}/values"
        expected = get(api, path, q=query, start=start, end=end)["tagValues"]
        same(f"values of {tag}", found, {(one["type"], one["value"]) for one in expected})
        print(f"{tag}: {len(found)} values")


def labels_of_message(series):
    return tuple((label.key, any_value(label.value)) for label in series.labels)


def labels_of_json(series):
    return tuple((label["key"], json_value(label["value"])) for label in series["labels"])


def metrics(api, stub, start, end):
    # What lies in the future is cut off by the moment of the question.
    start, end = end - 180, end - 60
    for query in ["{ } | rate() by (resource.service.name)",
                  "{ } | quantile_over_time(duration, .5, .99) with (exemplars=false)"]:
        path, step = "/api/metrics/query_range", 1
        answer = get(api, path, q=query, start=start, end=end, step=f"{step}s", exemplars=1)
        expected = {
            labels_of_json(series): [(int(one["timestampMs"]), one.get("value", 0))
                                     for one in series["samples"]]
            for series in answer["series"]
        }
        request = pb.QueryRangeRequest(query=query, start=start * 10**9, end=end * 10**9,
                                       step=step * 10**9, exemplars=1)
        added_up = {}
        for message in stub.MetricsQueryRange(request):
            for series in message.series:
                samples = added_up.setdefault(labels_of_message(series), {})
                samples.update((one.timestamp_ms, one.value) for one in series.samples)
        added_up = {labels: sorted(samples.items()) for labels, samples in added_up.items()}
        same(query, added_up, expected)
        same("there are series", bool(expected), True)
        print(f"{query}: {len(expected)} series")
    query = "{ } | count_over_time() by (resource.service.name)"
    answer = get(api, "/api/metrics/query", q=query, start=start, end=end)
    expected = {labels_of_json(series): series.get("value", 0) for series in answer["series"]}
    request = pb.QueryInstantRequest(query=query, start=start * 10**9, end=end * 10**9)
    added_up = {labels_of_message(series): series.value
                for message in stub.MetricsQueryInstant(request) for series in message.series}
    same(query, added_up, expected)
    print(f"{query}: {len(expected)} series")


def cancel(api, stub, start, end):
    names = pb.SearchTagsRequest(query=SLOW, start=start, end=end)
    values = pb.SearchTagValuesRequest(tagName="span.http.method", query=SLOW, start=start, end=end)
    rate = f"{SLOW} | rate()"
    metrics = pb.QueryRangeRequest(query=rate, start=start * 10**9, end=end * 10**9)
    cancelled(api, "search", lambda: stub.Search(search_request(SLOW, start, end)))
    cancelled(api, "metadata", lambda: stub.SearchTagsV2(names))
    cancelled(api, "metadata", lambda: stub.SearchTagValuesV2(values))
    cancelled(api, "metrics", lambda: stub.MetricsQueryRange(metrics))


def cancelled(api, op, begin):
    calls = ("tempo_request_duration_seconds_count", 'method="gRPC"', 'status_code="cancel"')
    queries = ("tempo_query_frontend_queries_total", f'op="{op}"', 'result="canceled"')
    before, queries_before = metric(api, *calls), metric(api, *queries)
    # One that had its answer before it was cancelled does not count, nor one that had not begun.
    for number in range(50):
        call = begin()
        time.sleep(0.001 * number)
        call.cancel()
    until("a call is cancelled", lambda: metric(api, *calls) > before)
    until("a query is counted as cancelled", lambda: metric(api, *queries) > queries_before)
    at_work = ("tempo_inflight_requests", 'method="gRPC"')
    until("nothing is at work", lambda: metric(api, *at_work) == 0)
    held = ("stringendo_memory_used_bytes", 'use="query"')
    until("nothing is read any more", lambda: metric(api, *held) == 0)
    print(f"cancelled {op}: {metric(api, *calls) - before:.0f}")


def fails(call, code, text):
    try:
        for _ in call:
            pass
    except grpc.RpcError as error:
        same("code", error.code(), code)
        if text not in error.details():
            raise SystemExit(f"{text!r} is not in {error.details()!r}")
        return
    raise SystemExit(f"{code} was expected")


def errors(stub, start, end):
    code = grpc.StatusCode
    wrong = search_request("{ .a = ", start, end)
    fails(stub.Search(wrong), code.INVALID_ARGUMENT, "parse error at line 1")
    backwards = search_request(ALL, end, start)
    fails(stub.Search(backwards), code.INVALID_ARGUMENT, "must be before end")
    late = stub.Search(search_request(SLOW, start, end), timeout=0.001)
    fails(late, code.DEADLINE_EXCEEDED, "")
    print("errors: as they should be")


def main():
    api, addresses = sys.argv[1], sys.argv[2:]
    # Everything was sent before this second.
    time.sleep(1)
    now = int(time.time())
    start, end = now - 3600, now + 60
    for address in addresses:
        print(address)
        with grpc.insecure_channel(address) as channel:
            stub = services.StreamingQuerierStub(channel)
            search(api, stub, start, end)
            tags(api, stub, start, end)
            tag_values(api, stub, start, end)
            metrics(api, stub, start, end)
            errors(stub, start, end)
            cancel(api, stub, start, end)


if __name__ == "__main__":
    main()
