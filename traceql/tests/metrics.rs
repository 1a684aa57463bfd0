//! Metrics queries over the contract's fixture (§11).

#[path = "metrics/batch.rs"]
mod batch;
mod support;

use std::convert::Infallible;

use stringendo_traceql::metrics::{
    Accumulator, Label, LabelValue, MetricsPlan, RangeLimits, Series, TimeAxis, TraceSpans,
    compile_metrics,
};
use support::timed_traces;

const SECOND: u64 = 1_000_000_000;
/// A whole number of minutes.
const BASE: u64 = 1_700_000_040 * SECOND;
const LIMITS: RangeLimits =
    RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX };

fn seconds(step: u64) -> TimeAxis {
    TimeAxis::range(BASE, BASE + 10 * SECOND, Some(step * SECOND), &LIMITS).expect("valid")
}

fn plan(query: &str) -> MetricsPlan {
    compile_metrics(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// Accumulators of the traces whose number `takes` takes.
fn accumulate(
    plan: &MetricsPlan,
    axis: TimeAxis,
    base: u64,
    takes: impl Fn(usize) -> bool,
) -> Vec<Accumulator> {
    let one = |leg| {
        let mut accumulator = Accumulator::new(leg, axis, plan.exemplars(0, 100));
        let mut sets = Vec::new();
        let traces = timed_traces(leg.search().fields()).into_iter().enumerate();
        for (_, trace) in traces.filter(|(number, _)| takes(*number)) {
            let start = |offset: &u64| base + offset * 1_000_000;
            let spans = TraceSpans {
                columns: &trace.columns,
                start_unix_nanos: &trace.start_offsets_ms.iter().map(start).collect::<Vec<_>>(),
                trace_id: trace.id,
                attributes: &trace.attributes,
                again: false,
            };
            leg.search().spansets(&trace.columns, &mut sets).expect("evaluates");
            let mut charged = 0;
            let mut grow = |bytes| {
                charged += bytes;
                Ok::<(), Infallible>(())
            };
            let held = accumulator.memory_bytes();
            let Ok(()) = accumulator.observe(&spans, &sets, &mut grow);
            let more = accumulator.memory_bytes() - held;
            assert!(more <= charged, "{charged} bytes were announced, {more} taken");
        }
        accumulator
    };
    plan.legs().iter().map(one).collect()
}

fn series(query: &str, axis: TimeAxis, base: u64) -> Vec<Series> {
    let plan = plan(query);
    let whole = plan.finish(accumulate(&plan, axis, base, |_| true));
    // As text, since missing points are NaN.
    let (one, two) = (format!("{whole:?}"), format!("{:?}", merged(&plan, axis, base)));
    assert_eq!(one, two, "{query}: merged is the same");
    if let Some(accumulators) = batch::accumulate(&plan, axis, base) {
        let batch = format!("{:?}", plan.finish(accumulators));
        assert_eq!(one, batch, "{query}: all traces at once are the same");
    }
    whole
}

/// From two halves.
fn merged(plan: &MetricsPlan, axis: TimeAxis, base: u64) -> Vec<Series> {
    let mut odd = accumulate(plan, axis, base, |number| number % 2 == 1);
    let even = accumulate(plan, axis, base, |number| number % 2 == 0);
    for (odd, even) in odd.iter_mut().zip(even) {
        let Ok(()) = odd.merge(even, &mut |_| Ok::<(), Infallible>(()));
    }
    plan.finish(odd)
}

fn label(label: &Label) -> String {
    let value = match &label.value {
        LabelValue::Str(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        LabelValue::Int(value) => value.to_string(),
        LabelValue::Float(value) => format!("{value:?}"),
        LabelValue::Bool(value) => value.to_string(),
    };
    format!("{}={value}", label.key)
}

/// `{name="A"} 0:1 1:5`; zeros are left out if asked for.
fn text(series: &Series, axis: &TimeAxis, base: u64, shows_zeros: bool) -> String {
    let labels: Vec<String> = series.labels.iter().map(label).collect();
    let mut text = format!("{{{}}}", labels.join(","));
    for (interval, value) in series.values.iter().enumerate() {
        let second = axis.timestamp_ms(interval) / 1000 - (base / SECOND) as i64;
        if !value.is_nan() && (shows_zeros || *value != 0.0) {
            let rounded = (value * 1e7).round() / 1e7;
            text += &format!(" {second}:{rounded}");
        }
    }
    text
}

/// Series of the query over seconds 0 to 10, step 1 s.
fn range(query: &str) -> String {
    shown(query, true)
}

/// The same without points that are 0.
fn nonzero(query: &str) -> String {
    shown(query, false)
}

fn shown(query: &str, shows_zeros: bool) -> String {
    let axis = seconds(1);
    let series = series(query, axis, BASE);
    let texts = series.iter().map(|series| text(series, &axis, BASE, shows_zeros));
    texts.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn same(found: &str, expected: &[&str]) {
    assert_eq!(found, expected.join("\n"));
}

#[test]
fn spans_are_counted_by_the_interval_in_which_they_start() {
    same(
        &range("{} | count_over_time()"),
        &[r#"{__name__="count_over_time"} 0:1 1:5 2:1 3:1 4:1 5:2 6:0 7:0 8:1 9:0 10:0"#],
    );
    same(&nonzero("{} | rate()"), &[r#"{__name__="rate"} 0:1 1:5 2:1 3:1 4:1 5:2 8:1"#]);
}

#[test]
fn a_range_that_is_not_aligned_gets_whole_steps_around_it() {
    let base = BASE + 2 * SECOND;
    let axis = TimeAxis::range(base, base + 10 * SECOND, Some(3 * SECOND), &LIMITS).expect("valid");
    let series = series("{} | count_over_time()", axis, base);
    let found = text(&series[0], &axis, base, true);
    assert_eq!(found, r#"{__name__="count_over_time"} -2:0 1:6 4:3 7:2 10:1"#);
}

#[test]
fn an_instant_query_has_one_value() {
    let axis = TimeAxis::instant(BASE - SECOND, BASE + 9 * SECOND, &LIMITS).expect("valid");
    let found = series("{} | rate()", axis, BASE);
    assert_eq!(found[0].values, [1.2]);
    assert!(found[0].exemplars.is_empty());
    assert!(series("{} | max_over_time(.nosuch)", axis, BASE).is_empty());
}

#[test]
fn functions_over_time_are_those_of_the_contract() {
    same(
        &range("{} | max_over_time(duration)"),
        &[r#"{__name__="max_over_time"} 0:1 1:0.4 2:0.1 3:0.05 4:2 5:0.1 8:0"#],
    );
    same(
        &range("{} | min_over_time(duration)"),
        &[r#"{__name__="min_over_time"} 0:1 1:0.05 2:0.1 3:0.05 4:2 5:0.01 8:0"#],
    );
    same(
        &range("{} | sum_over_time(traceDuration)"),
        &["{__name__=\"sum_over_time\"} 0:1000000000 1:5000000000 2:100000000 3:100000000 \
           4:2000000000 5:4000000000 8:0"],
    );
    same(&range("{} | avg_over_time(.x)"), &[r#"{__name__="avg_over_time"} 1:6"#]);
    same(&range("{} | sum_over_time(.x)"), &[r#"{__name__="sum_over_time"} 1:12"#]);
    same(&range("{} | avg_over_time(span.bytes)"), &[r#"{__name__="avg_over_time"} 0:10 1:11.25"#]);
    same(&range("{} | min_over_time(name)"), &[]);
    same(&range("{} | min_over_time(.nosuch)"), &[]);
}

#[test]
fn queries_without_groups_count_zero_where_nothing_matches() {
    let zeros = " 0:0 1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0";
    same(&range("{ false } | rate()"), &[&format!("{{__name__=\"rate\"}}{zeros}")]);
    same(&range("{ false } | rate() by(name)"), &[]);
    same(&range("{ false } | quantile_over_time(duration, .5)"), &[]);
}

#[test]
fn labels_are_typed_and_absent_values_have_none() {
    same(
        &nonzero("{} | count_over_time() by(.x)"),
        &[r#"{.x="nil"} 0:1 1:3 2:1 3:1 4:1 5:2 8:1"#, "{.x=5} 1:1", "{.x=7} 1:1"][1..]
            .iter()
            .copied()
            .chain([r#"{.x="nil"} 0:1 1:3 2:1 3:1 4:1 5:2 8:1"#])
            .collect::<Vec<_>>(),
    );
    same(
        &nonzero(
            "{ resource.service.name = `front` || resource.service.name = `back` \
                  || name = `L` } | count_over_time() by(.x, .foo)",
        ),
        &[
            "{.foo=1} 1:1",
            r#"{.foo="bar"} 1:2"#,
            r#"{.x="nil"} 0:1 8:1"#,
            "{.x=5,.foo=1} 1:1",
            "{.x=7,.foo=1.5} 1:1",
        ],
    );
    same(
        &nonzero("{} | count_over_time() by(resource.service.name, status)"),
        &[
            r#"{resource.service.name="",status="unset"} 8:1"#,
            r#"{resource.service.name="back",status="error"} 1:1"#,
            r#"{resource.service.name="back",status="unset"} 1:1"#,
            r#"{resource.service.name="front",status="error"} 1:1"#,
            r#"{resource.service.name="front",status="ok"} 0:1"#,
            r#"{resource.service.name="front",status="unset"} 1:2"#,
            r#"{resource.service.name="multi",status="unset"} 4:1 5:2"#,
            r#"{resource.service.name="orph",status="unset"} 2:1 3:1"#,
        ],
    );
    same(
        &nonzero("{ name = `A` } | rate() by(duration, span.flag, span.ratio, kind, parent.x)"),
        &[r#"{duration="1s",span.flag=true,span.ratio=0.5,kind="server"} 0:1"#],
    );
    same(&nonzero("{ name = `A` } | rate() by(span.tags)"), &[r#"{span.tags="nil"} 0:1"#]);
}

#[test]
fn histograms_have_a_series_per_power_of_two() {
    same(
        &nonzero("{ name =~ `A|B|C` } | histogram_over_time(duration)"),
        &["{__bucket=0.134217728} 1:1", "{__bucket=0.536870912} 1:1", "{__bucket=1.073741824} 0:1"],
    );
    same(
        &nonzero("{} | histogram_over_time(.x) by(.x)"),
        &["{.x=5,__bucket=8.0} 1:1", "{.x=7,__bucket=8.0} 1:1"],
    );
    same(&nonzero("{} | histogram_over_time(.x) by(.nosuch)"), &["{__bucket=8.0} 1:2"]);
    same(&nonzero("{} | histogram_over_time(.ratio)"), &[]);
}

#[test]
fn quantiles_interpolate_in_buckets_and_are_zero_without_data() {
    same(
        &nonzero("{ name =~ `[B-F]` } | quantile_over_time(duration, .5, .9, 0, 1)"),
        &[
            "{p=0.0} 1:0.0474531",
            "{p=0.5} 1:0.1342177",
            "{p=0.9} 1:0.5368709",
            "{p=1.0} 1:0.5368709",
        ],
    );
    same(
        &range("{} | quantile_over_time(.x, .5)"),
        &["{p=0.5} 0:0 1:5.6568542 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0"],
    );
}

#[test]
fn topk_and_bottomk_choose_at_each_point_in_time() {
    same(
        &range("{} | max_over_time(duration) by(name) | topk(2)"),
        &[
            r#"{name="A"} 0:1"#,
            r#"{name="B"} 1:0.4"#,
            r#"{name="D"} 1:0.3"#,
            r#"{name="G"} 2:0.1"#,
            r#"{name="H"} 3:0.05"#,
            r#"{name="I"} 4:2"#,
            r#"{name="J"} 5:0.1"#,
            r#"{name="K"} 5:0.01"#,
            r#"{name="L"} 8:0"#,
        ],
    );
    same(
        &range("{ name =~ `A|B|C` } | count_over_time() by(name) | topk(1)"),
        &[r#"{name="A"} 0:1 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0"#, r#"{name="B"} 1:1"#],
    );
    same(
        &range("{ name =~ `A|B|C` } | count_over_time() by(name) | bottomk(1)"),
        &[r#"{name="A"} 1:0"#, r#"{name="C"} 0:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0"#],
    );
    let unchanged = range("{ name =~ `A|B|C` } | rate() by(name)");
    assert_eq!(range("{ name =~ `A|B|C` } | rate() by(name) | topk(3)"), unchanged);
}

#[test]
fn comparisons_keep_the_points_that_satisfy_them() {
    let expected = r#"{__name__="max_over_time"} 0:1 4:2"#;
    same(&range("{} | max_over_time(duration) > 500ms"), &[expected]);
    same(&range("{} | max_over_time(duration) > 0.5"), &[expected]);
    same(&range("{} | rate() >= 1 != 5"), &[r#"{__name__="rate"} 0:1 2:1 3:1 4:1 5:2 8:1"#]);
    same(&range("{} | rate() > 100"), &[]);
}

#[test]
fn arithmetic_pairs_series_and_points() {
    same(
        &range(
            "({ status = error } | count_over_time() by(resource.service.name)) / \
                ({} | count_over_time() by(resource.service.name))",
        ),
        &[
            r#"{resource.service.name="back"} 1:0.5"#,
            r#"{resource.service.name="front"} 0:0 1:0.3333333"#,
        ],
    );
    same(
        &nonzero("({} | count_over_time()) * 100"),
        &[r#"{__name__="count_over_time"} 0:100 1:500 2:100 3:100 4:100 5:200 8:100"#],
    );
    same(&range("({} | count_over_time() > 2) * 10"), &[r#"{__name__="count_over_time"} 1:50"#]);
    same(&range("({} | count_over_time() by(name)) * ({} | count_over_time() by(kind))"), &[]);
    same(&range("({} | count_over_time()) / 0.0"), &[]);
    same(
        &nonzero("({} | count_over_time()) / ({} | rate())"),
        &[r#"{__name__="(count_over_time / rate)"} 0:1 1:1 2:1 3:1 4:1 5:1 8:1"#],
    );
    same(
        &nonzero("({ name = `A` } | count_over_time() by(name)) / ({} | count_over_time())"),
        &[r#"{name="A"} 0:1"#],
    );
    same(
        &nonzero("({} | count_over_time()) - ({ name =~ `A|B` } | count_over_time() by(name)) > 3"),
        &[r#"{name="A"} 1:5"#, r#"{name="B"} 1:4"#],
    );
    same(
        &range("10 - ({} | count_over_time() > 1) * (3 / 2)"),
        &[r#"{__name__="count_over_time"} 1:5 5:8"#],
    );
}

#[test]
fn exemplars_are_at_most_one_per_trace_with_what_the_query_reads() {
    let found = series("{ span.foo != nil } | max_over_time(duration) by(kind)", seconds(1), BASE);
    let exemplars: Vec<String> = found
        .iter()
        .flat_map(|series| &series.exemplars)
        .map(|exemplar| {
            let labels: Vec<String> = exemplar.labels.iter().map(label).collect();
            format!("{} {}", labels.join(","), exemplar.value)
        })
        .collect();
    let id = |last: &str| format!("trace:id=\"000000000000000000000000000000{last}\"");
    let expected = [
        format!("{},span.foo=\"bar\",duration=\"400ms\",kind=\"client\" 0.4", id("01")),
        format!("{},span.foo=\"orphan\",duration=\"100ms\",kind=\"unspecified\" 0.1", id("b2")),
        format!("{},span.foo=\"r\",duration=\"2s\",kind=\"unspecified\" 2", id("b3")),
    ];
    assert_eq!(exemplars, expected);
    let rate = series("{} | count_over_time()", seconds(5), BASE);
    let values: Vec<f64> = rate[0].exemplars.iter().map(|exemplar| exemplar.value).collect();
    assert_eq!(values, [1.0, 10.0, 10.0, 1.0], "values of the series' own samples");
}

#[test]
fn exemplars_go_with_the_points_that_a_comparison_drops() {
    let kept = |query| {
        let series = series(query, seconds(1), BASE);
        series.iter().map(|series| series.exemplars.len()).sum::<usize>()
    };
    assert_eq!(kept("{} | max_over_time(duration) > 0.5"), 2);
    assert_eq!(kept("{} | rate() > 0"), 0);
    assert_eq!(kept("{} | rate() | topk(5)"), 4);
    assert_eq!(kept("({} | rate()) * 2"), 0);
}

#[test]
fn the_number_of_exemplars_is_bound_by_parameter_hint_and_configuration() {
    let of = |query: &str, wanted| plan(query).exemplars(wanted, 100);
    assert_eq!(of("{} | rate()", 0), 100);
    assert_eq!(of("{} | rate()", 7), 7);
    assert_eq!(of("{} | rate()", 500), 100);
    assert_eq!(of("{} | rate() with(exemplars=3)", 7), 3);
    assert_eq!(of("{} | rate() with(exemplars=300)", 7), 100);
    assert_eq!(of("{} | rate() with(exemplars=false)", 7), 0);
    assert_eq!(of("{} | rate() with(exemplars=true)", 7), 7);
}

#[test]
fn compare_counts_values_inside_and_outside_of_a_selection() {
    let found = nonzero("{ name =~ `[A-F]` } | compare({ status = error })");
    let lines: Vec<&str> = found.lines().collect();
    for expected in [
        r#"{__meta_type="selection",name="B"} 1:1"#,
        r#"{__meta_type="selection",name="F"} 1:1"#,
        r#"{__meta_type="baseline",name="A"} 0:1"#,
        r#"{__meta_type="selection_total",status="nil"} 1:2"#,
        r#"{__meta_type="baseline_total",status="nil"} 0:1 1:3"#,
        r#"{__meta_type="selection",span.foo=1.5} 1:1"#,
        r#"{__meta_type="baseline",span.foo=1} 1:2"#,
        r#"{__meta_type="selection",resource.service.name="back"} 1:1"#,
        r#"{__meta_type="selection",instrumentation.lang="go"} 1:1"#,
        r#"{__meta_type="selection_total",span.x="nil"} 1:1"#,
        r#"{__meta_type="baseline",rootName="A"} 0:1 1:3"#,
    ] {
        assert!(lines.contains(&expected), "{expected} is not in\n{found}");
    }
    assert!(!found.contains("duration"), "{found}");
    assert!(!found.contains("span:id"), "{found}");
}

#[test]
fn compare_shows_the_most_frequent_values_and_can_select_by_time() {
    let found = nonzero("{ name =~ `[A-F]` } | compare({ true }, 1)");
    assert!(found.contains(r#"{__meta_type="selection",kind="server"} 0:1 1:2"#), "{found}");
    assert_eq!(found.matches(r#"{__meta_type="selection",kind="#).count(), 1, "{found}");
    let (start, end) = (BASE + 50_000_000, BASE + 100_000_000);
    let found =
        nonzero(&format!("{{ name =~ `[A-F]` }} | compare({{ true }}, 10, {start}, {end})"));
    assert!(found.contains(r#"{__meta_type="selection_total",name="nil"} 1:1"#), "{found}");
    assert!(found.contains(r#"{__meta_type="baseline_total",name="nil"} 0:1 1:4"#), "{found}");
}

#[test]
fn errors_are_said_as_each_endpoint_says_them() {
    let said = |query: &str, is_instant| {
        compile_metrics(query).expect_err(query).response_text(is_instant)
    };
    assert!(said("{", false).starts_with("parse error at line 1"));
    assert!(said("{", true).starts_with("compiling query: parse error at line 1"));
    let text = "compiling query: limit must be greater than 0";
    assert_eq!(said("{} | rate() | topk(0)", false), text);
    assert_eq!(said("{} | rate() | topk(0)", true), text);
    assert_eq!(said("{}", false), "not a metrics query");
    assert_eq!(said("({} | count() > 2) && ({})", true), "not a metrics query");
}

#[test]
fn a_plan_knows_whether_pieces_of_traces_can_be_counted_apart() {
    let judges = |query: &str| plan(query).legs().iter().any(|leg| leg.judges_whole_traces());
    for query in [
        "{ .a = 1 } | rate() by(name)",
        "{ .a = 1 } || { .b } | { .c } | rate()",
        "({ .a } | rate()) / ({} | rate())",
    ] {
        assert!(!judges(query), "{query}");
    }
    for query in ["{} | rate() by(rootName)", "{ traceDuration > 1s } | rate()"] {
        assert!(judges(query), "{query}");
    }
}

#[test]
fn memory_that_is_refused_is_not_taken() {
    let plan = plan("{} | rate() by(name)");
    let leg = &plan.legs()[0];
    let mut accumulator = Accumulator::new(leg, seconds(1), 0);
    let trace = timed_traces(leg.search().fields()).remove(0);
    let spans = TraceSpans {
        columns: &trace.columns,
        start_unix_nanos: &[BASE; 6],
        trace_id: trace.id,
        attributes: &[],
        again: false,
    };
    let mut sets = Vec::new();
    leg.search().spansets(&trace.columns, &mut sets).expect("evaluates");
    let mut calls = 0;
    let outcome = accumulator.observe(&spans, &sets, &mut |_| {
        calls += 1;
        if calls > 2 { Err("no more") } else { Ok(()) }
    });
    assert_eq!(outcome, Err("no more"));
    assert_eq!(plan.finish(vec![accumulator]).len(), 2);
}
