//! Finds the placeholders in an encoded batch: one walk over its wire bytes.
//!
//! Comes from [`crate::template`], which encoded the batch; goes to [`crate::patch`] as positions.
//! Knows only as much of protobuf as the batches of this crate need.

use crate::attributes::{HEX_PER_SPAN, HEX_PER_TRACE};

/// A fixed-width place in an encoded batch, and what its placeholder says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// 16 bytes: the id of this trace.
    TraceId {
        /// Slot of the trace in its group.
        slot: u32,
    },
    /// 8 bytes: the id of this span.
    SpanId {
        /// Slot of the trace in its group.
        slot: u32,
        /// Index of the span in its trace.
        index: u32,
    },
    /// 8 bytes, little-endian: a time; holds the placeholder's value.
    Time {
        /// The placeholder.
        placeholder_ns: u64,
    },
    /// 16 hex digits, the same in the whole trace (`index` 0) or of one span (its index plus one).
    Hex {
        /// Slot of the trace in its group.
        slot: u32,
        /// 0, or the span's index plus one.
        index: u32,
    },
}

/// The batch is not what [`crate::template`] encodes.
#[derive(Debug, thiserror::Error)]
#[error("encoded batch cannot be read back: {what} at byte {at}")]
pub struct ScanError {
    what: &'static str,
    at: usize,
}

/// Calls `found` with the offset of every placeholder in `batch`.
///
/// # Errors
/// Bytes that are not the protobuf this crate encodes: a defect of this crate.
pub fn scan(batch: &[u8], found: &mut impl FnMut(usize, Place)) -> Result<(), ScanError> {
    each_field(batch, 0, batch.len(), &mut |resource_spans| {
        each_message(batch, resource_spans, 2, &mut |scope_spans| {
            each_message(batch, scope_spans, 2, &mut |span| scan_span(batch, span, found))
        })
    })
}

/// A field of a message: number, and where its payload is.
#[derive(Clone, Copy)]
struct Field {
    number: u64,
    from: usize,
    to: usize,
}

fn each_message(
    batch: &[u8],
    outer: Field,
    number: u64,
    visit: &mut impl FnMut(Field) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    each_field(batch, outer.from, outer.to, &mut |field| {
        if field.number == number { visit(field) } else { Ok(()) }
    })
}

fn scan_span(
    batch: &[u8],
    span: Field,
    found: &mut impl FnMut(usize, Place),
) -> Result<(), ScanError> {
    let mut own = (0, 0);
    each_field(batch, span.from, span.to, &mut |field| {
        match field.number {
            1 => found(field.from, trace_place(batch, field)?),
            2 => {
                own = span_numbers(batch, field)?;
                found(field.from, Place::SpanId { slot: own.0, index: own.1 });
            }
            4 => found(field.from, span_place(batch, field)?),
            7 | 8 => found(field.from, time_place(batch, field)?),
            9 => scan_hex(batch, field, own, found),
            11 => each_message(batch, field, 1, &mut |time| {
                found(time.from, time_place(batch, time)?);
                Ok(())
            })?,
            13 => each_field(batch, field.from, field.to, &mut |link| {
                match link.number {
                    1 => found(link.from, trace_place(batch, link)?),
                    2 => found(link.from, span_place(batch, link)?),
                    _ => {}
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })
}

fn scan_hex(
    batch: &[u8],
    attribute: Field,
    (slot, index): (u32, u32),
    found: &mut impl FnMut(usize, Place),
) {
    let bytes = &batch[attribute.from..attribute.to];
    for (placeholder, index) in [(HEX_PER_TRACE, 0), (HEX_PER_SPAN, index + 1)] {
        for at in memchr::memmem::find_iter(bytes, placeholder) {
            found(attribute.from + at, Place::Hex { slot, index });
        }
    }
}

fn trace_place(batch: &[u8], field: Field) -> Result<Place, ScanError> {
    let number = u128::from_be_bytes(fixed(batch, field)?);
    Ok(Place::TraceId { slot: (number - 1) as u32 })
}

fn span_numbers(batch: &[u8], field: Field) -> Result<(u32, u32), ScanError> {
    let number = u64::from_be_bytes(fixed(batch, field)?);
    Ok(((number >> 32) as u32 - 1, number as u32 - 1))
}

fn span_place(batch: &[u8], field: Field) -> Result<Place, ScanError> {
    let (slot, index) = span_numbers(batch, field)?;
    Ok(Place::SpanId { slot, index })
}

fn time_place(batch: &[u8], field: Field) -> Result<Place, ScanError> {
    Ok(Place::Time { placeholder_ns: u64::from_le_bytes(fixed(batch, field)?) })
}

fn fixed<const N: usize>(batch: &[u8], field: Field) -> Result<[u8; N], ScanError> {
    let error = ScanError { what: "a field of another width", at: field.from };
    batch[field.from..field.to].try_into().map_err(|_| error)
}

fn each_field(
    batch: &[u8],
    from: usize,
    to: usize,
    visit: &mut impl FnMut(Field) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut at = from;
    while at < to {
        let tag = varint(batch, &mut at)?;
        let length = match tag & 7 {
            0 => {
                varint(batch, &mut at)?;
                continue;
            }
            1 => 8,
            2 => varint(batch, &mut at)? as usize,
            5 => 4,
            _ => return Err(ScanError { what: "unknown wire type", at }),
        };
        if length > to - at {
            return Err(ScanError { what: "a field longer than its message", at });
        }
        visit(Field { number: tag >> 3, from: at, to: at + length })?;
        at += length;
    }
    Ok(())
}

fn varint(batch: &[u8], at: &mut usize) -> Result<u64, ScanError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let error = ScanError { what: "a varint that does not end", at: *at };
        let byte = *batch.get(*at).ok_or(error)?;
        *at += 1;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(value);
        }
    }
    Err(ScanError { what: "a varint of more than ten bytes", at: *at })
}
