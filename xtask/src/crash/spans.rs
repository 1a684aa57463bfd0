//! Counts the spans of an OTLP request on its wire bytes, apart from the product's own walker.

/// Path to a span: `resource_spans` (1), `scope_spans` (2), `spans` (2).
const PATH: [u64; 3] = [1, 2, 2];

/// Spans in a whole `ExportTraceServiceRequest`; none if the bytes are no protobuf.
pub fn count(request: &[u8]) -> Option<u64> {
    along(request, &PATH)
}

fn along(mut message: &[u8], path: &[u64]) -> Option<u64> {
    let Some((field, rest)) = path.split_first() else { return Some(1) };
    let mut found = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let bytes = match tag & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, behind) = message.split_at_checked(bytes)?;
        message = behind;
        if tag == field << 3 | 2 {
            found += along(value, rest)?;
        }
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn spans_of_all_resources_and_scopes_are_counted() {
        // Two scopes in one resource: the first has two empty spans, the second one with a field.
        let scopes = [0x12, 4, 0x12, 0, 0x12, 0, 0x12, 4, 0x12, 2, 0x08, 1];
        let mut request = vec![0x0a, scopes.len() as u8];
        request.extend(scopes);
        assert_eq!(count(&request), Some(3));
        assert_eq!(count(&[]), Some(0));
    }

    #[test]
    fn bytes_that_are_no_protobuf_have_no_count() {
        assert_eq!(count(&[0x0a, 5, 1]), None);
        assert_eq!(count(&[0x0f]), None);
    }
}
