//! What must hold for any bytes that are taken for an OTLP request in JSON: reading them ends,
//! without a panic, and what comes of it is protobuf that says the same. Shared by the fuzz target
//! and by the test that replays the corpus.

use prost::Message;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::otlp_json;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};

const LIMITS: WalkLimits = WalkLimits { value_depth_max: 64, attribute_bytes_max: 0 };

/// Reads a request, and goes on with it as the server does.
pub fn check(body: &[u8]) {
    let Ok(data) = otlp_json::parse(body) else { return };
    let encoded = data.encode_to_vec();
    // What is known takes no more than twice its text: hex digits, names of fields, braces.
    assert!(encoded.len() <= 2 * body.len(), "{} of {}", encoded.len(), body.len());
    let decoded = TracesData::decode(encoded.as_slice()).expect("what is written decodes");
    assert_eq!(decoded.encode_to_vec(), encoded);
    let mut index = BatchIndex::default();
    if walk(&encoded, &LIMITS, &mut index).is_ok() {
        let scopes = data.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        assert_eq!(index.spans.len(), scopes.map(|scope| scope.spans.len()).sum::<usize>());
    }
}
