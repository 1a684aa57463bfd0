//! What the engine counts while it works.

mod common;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use common::{corpus, settings, with_engine};
use prost::Message;
use stringendo_engine::metrics::{Family, Sample, families as family};
use stringendo_engine::{Node, TenantId};
use stringendo_proto::otlp::TracesData;

async fn sample(node: &Node, family: &'static Family) -> Option<Sample> {
    let all = node.metrics().await;
    all.into_iter().find(|series| series.family.name == family.name).map(|series| series.sample)
}

/// Different trace ids of a request.
fn traces_of(request: &Bytes) -> usize {
    let request = TracesData::decode(request.clone()).expect("well-formed");
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| &span.trace_id).collect::<HashSet<_>>().len()
}

#[test]
fn every_batch_counts_its_traces_once_however_many_cores_share_them() {
    for cores in [1, 2] {
        let dir = Arc::new(tempfile::tempdir().expect("a directory"));
        with_engine(cores, settings(dir.path()), |node| async move {
            let mut expected = Vec::new();
            for request in corpus() {
                expected.push(traces_of(&request));
                node.ingest(&TenantId::single(), request).await.expect("accepted");
            }
            // A request without spans is no batch.
            expected.retain(|traces| *traces > 0);
            let sample = sample(&node, &family::TRACES_PER_BATCH).await;
            let Some(Sample::Buckets(counts, sum)) = sample else { panic!("{sample:?}") };
            assert_eq!(counts.iter().sum::<u64>(), expected.len() as u64);
            assert_eq!(sum, expected.iter().sum::<usize>() as f64);
            assert!(expected.iter().any(|traces| *traces > 1));
        });
    }
}
