//! What must hold for any bytes that are taken for an OTLP batch. Shared by the fuzz target and by
//! the test that replays the corpus.

use prost::Message;
use stringendo_proto::TraceId;
use stringendo_proto::cut::cut;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::truncate::truncate;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};
use stringendo_proto::wire::Fields;

/// Small, so that short inputs reach them.
const LIMITS: WalkLimits = WalkLimits { value_depth_max: 4, attribute_bytes_max: 12 };
const OWNERS: usize = 3;

fn owner_of(id: &TraceId) -> usize {
    usize::from(id.0[15]) % OWNERS
}

/// Runs everything that a received batch goes through, and panics if anything disagrees.
pub fn check(batch: &[u8]) {
    let mut index = BatchIndex::default();
    let Ok(summary) = walk(batch, &LIMITS, &mut index) else { return };
    check_spans(batch, &index);
    if !summary.needs_truncation {
        check_parts(batch, &index);
        return;
    }
    let spans = index.spans.len();
    let (rewritten, _) = truncate(batch, LIMITS.attribute_bytes_max as usize);
    let summary = walk(&rewritten, &LIMITS, &mut index).expect("what was cut is still valid");
    assert!(!summary.needs_truncation, "one rewrite is enough");
    assert_eq!(index.spans.len(), spans);
    check_spans(&rewritten, &index);
    check_parts(&rewritten, &index);
}

/// The spans found are those that a decoder finds.
fn check_spans(batch: &[u8], index: &BatchIndex) {
    let data = TracesData::decode(batch).expect("what is accepted decodes");
    let scopes = data.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let decoded: Vec<_> = scopes.flat_map(|scope| &scope.spans).collect();
    assert_eq!(decoded.len(), index.spans.len());
    for (span, pos) in decoded.iter().zip(&index.spans) {
        assert_eq!(span.trace_id, pos.trace_id.0[..]);
        assert_eq!(span.start_time_unix_nano, pos.start_unix_nano);
        assert_eq!(span.end_time_unix_nano, pos.end_unix_nano);
        assert!(Fields::new(pos.body.of(batch)).all(|field| field.is_ok()));
    }
}

/// The parts are valid, are indexed as they are, and hold every span once, at its owner.
fn check_parts(batch: &[u8], index: &BatchIndex) {
    let parts = cut(batch, index, OWNERS, owner_of);
    let mut walked = BatchIndex::default();
    for (owner, part) in parts.iter().enumerate() {
        walk(&part.bytes, &LIMITS, &mut walked).expect("parts are valid");
        assert_eq!(walked, part.index);
        assert!(part.bytes.len() <= batch.len());
        check_spans(&part.bytes, &part.index);
        let whole = index.spans.iter().filter(|span| owner_of(&span.trace_id) == owner);
        assert!(
            whole.map(|span| span.body.of(batch)).eq(part
                .index
                .spans
                .iter()
                .map(|span| span.body.of(&part.bytes)))
        );
    }
}
