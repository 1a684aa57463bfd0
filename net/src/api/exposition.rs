//! `/metrics`: the counters of all cores in Prometheus' text format.

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use stringendo_engine::metrics::{Family, Kind, Sample, Series, families};
use stringendo_ring::offload;

use super::failure::Failure;
use super::{Api, process};
use crate::http1::Answer;
use crate::settings::BuildInfo;

impl Api {
    /// Asks every core and renders the sum.
    pub(super) async fn metrics(&self) -> Result<Answer, Failure> {
        let mut rendered = families_of(&self.node.metrics().await);
        rendered.push(build_info(&self.pages.build));
        match offload(process::read).await {
            Ok(process) => rendered.extend(process.into_iter().map(gauge_or_counter)),
            Err(error) => tracing::warn!(%error, "metrics of the process are missing"),
        }
        rendered.sort_by(|a, b| a.name().cmp(b.name()));
        let body = TextEncoder::new().encode_to_string(&rendered).map_err(|error| Failure {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: error.to_string().into(),
        })?;
        let mut answer = Response::new(Full::new(body.into()));
        let mime = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, mime);
        Ok(answer)
    }
}

/// Series by family. Families without labels are there from the start, at zero.
fn families_of(series: &[Series]) -> Vec<MetricFamily> {
    let mut rendered = Vec::with_capacity(families::ALL.len());
    for family in families::ALL {
        let of_family = series.iter().filter(|series| series.family.name == family.name);
        let mut metrics: Vec<Metric> = of_family.map(metric).collect();
        if metrics.is_empty() && family.labels.is_empty() {
            metrics.push(sample(family, &empty(family)));
        }
        if !metrics.is_empty() {
            rendered.push(rendered_family(family.name, family.help, kind(family.kind), metrics));
        }
    }
    rendered
}

fn rendered_family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut rendered = MetricFamily::default();
    rendered.set_name(name.to_owned());
    rendered.set_help(help.to_owned());
    rendered.set_field_type(kind);
    rendered.set_metric(metrics);
    rendered
}

fn kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram(_) => MetricType::HISTOGRAM,
    }
}

fn empty(family: &Family) -> Sample {
    match family.kind {
        Kind::Counter | Kind::Gauge => Sample::Number(0.0),
        Kind::Histogram(bounds) => Sample::Buckets(vec![0; bounds.len() + 1], 0.0),
    }
}

fn metric(series: &Series) -> Metric {
    let mut metric = sample(series.family, &series.sample);
    let names = series.family.labels.iter();
    let pairs = names.zip(&series.labels).map(|(name, value)| label(name, value));
    metric.set_label(pairs.collect());
    metric
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn sample(family: &Family, sample: &Sample) -> Metric {
    let mut metric = Metric::default();
    match (family.kind, sample) {
        (Kind::Histogram(bounds), Sample::Buckets(counts, sum)) => {
            metric.set_histogram(histogram(bounds, counts, *sum));
        }
        (Kind::Counter, Sample::Number(value)) => metric.set_counter(counter(*value)),
        (_, Sample::Number(value)) => metric.set_gauge(gauge(*value)),
        // A family has one kind of samples.
        (_, Sample::Buckets(..)) => {}
    }
    metric
}

fn counter(value: f64) -> Counter {
    let mut counter = Counter::default();
    counter.set_value(value);
    counter
}

fn gauge(value: f64) -> Gauge {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    gauge
}

fn histogram(bounds: &[f64], counts: &[u64], sum: f64) -> Histogram {
    let mut total = 0;
    let mut cumulative = counts.iter().map(|count| {
        total += count;
        total
    });
    let buckets = bounds.iter().zip(&mut cumulative).map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counts.iter().sum());
    histogram.set_sample_sum(sum);
    histogram
}

fn build_info(build: &BuildInfo) -> MetricFamily {
    let mut metric = Metric::default();
    metric.set_gauge(gauge(1.0));
    metric.set_label(vec![
        label("branch", &build.branch),
        label("goarch", std::env::consts::ARCH),
        label("goos", std::env::consts::OS),
        label("goversion", &build.compiler_version),
        label("revision", &build.revision),
        label("tags", ""),
        label("version", &build.version),
    ]);
    let help = "A metric with a constant '1' value labeled by what was built.";
    rendered_family("tempo_build_info", help, MetricType::GAUGE, vec![metric])
}

fn gauge_or_counter(fact: process::Fact) -> MetricFamily {
    let mut metric = Metric::default();
    let kind = if fact.name.ends_with("_total") {
        metric.set_counter(counter(fact.value));
        MetricType::COUNTER
    } else {
        metric.set_gauge(gauge(fact.value));
        MetricType::GAUGE
    };
    rendered_family(fact.name, fact.help, kind, vec![metric])
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;
