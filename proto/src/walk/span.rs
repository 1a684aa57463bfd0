//! Spans, events and links: ids and times are taken, all else is only checked.

use super::{MissingId, Slice32, SpanPos, Walker, bytes_tag, skip, varint_tag};
use crate::TraceId;
use crate::wire::{Reader, Tag, WireError, WireType};

const TRACE_ID_LENGTH: &str = "invalid length for TraceID: not 16 bytes";
const SPAN_ID_LENGTH: &str = "invalid length for SpanID: not 8 bytes";

const fn fixed64_tag(field: u32) -> u32 {
    Tag::new(field, WireType::Fixed64).0
}

const fn fixed32_tag(field: u32) -> u32 {
    Tag::new(field, WireType::Fixed32).0
}

/// Reads an id of `N` bytes; one of no bytes is absent, which is all zero.
#[inline]
fn id<const N: usize>(r: &mut Reader<'_>, what: &'static str) -> Result<[u8; N], WireError> {
    let bytes = r.bytes()?;
    match <[u8; N]>::try_from(bytes) {
        Ok(id) => Ok(id),
        Err(_) if bytes.is_empty() => Ok([0; N]),
        Err(_) => Err(r.error(what)),
    }
}

impl Walker<'_> {
    /// `Span`: the one function that every span's every field passes through.
    pub(super) fn span(&mut self, mut r: Reader<'_>, scope: u32) -> Result<(), WireError> {
        const TRACE_ID: u32 = bytes_tag(1);
        const SPAN_ID: u32 = bytes_tag(2);
        const TRACE_STATE: u32 = bytes_tag(3);
        const PARENT_SPAN_ID: u32 = bytes_tag(4);
        const NAME: u32 = bytes_tag(5);
        const KIND: u32 = varint_tag(6);
        const START: u32 = fixed64_tag(7);
        const END: u32 = fixed64_tag(8);
        const ATTRIBUTE: u32 = bytes_tag(9);
        const DROPPED_ATTRIBUTES: u32 = varint_tag(10);
        const EVENT: u32 = bytes_tag(11);
        const DROPPED_EVENTS: u32 = varint_tag(12);
        const LINK: u32 = bytes_tag(13);
        const DROPPED_LINKS: u32 = varint_tag(14);
        const STATUS: u32 = bytes_tag(15);
        const FLAGS: u32 = fixed32_tag(16);

        let body = Slice32::rest_of(&r);
        let mut trace_id = [0; 16];
        let mut span_id = [0; 8];
        let (mut start_unix_nano, mut end_unix_nano) = (0, 0);
        let mut has_status = false;
        while let Some(tag) = r.tag()? {
            match tag.0 {
                ATTRIBUTE => self.attributes::<ATTRIBUTE>(&mut r)?,
                TRACE_ID => trace_id = id(&mut r, TRACE_ID_LENGTH)?,
                SPAN_ID => span_id = id(&mut r, SPAN_ID_LENGTH)?,
                PARENT_SPAN_ID => _ = id::<8>(&mut r, SPAN_ID_LENGTH)?,
                TRACE_STATE | NAME => _ = r.bytes()?,
                KIND | DROPPED_ATTRIBUTES | DROPPED_EVENTS | DROPPED_LINKS => _ = r.varint()?,
                START => start_unix_nano = r.fixed64()?,
                END => end_unix_nano = r.fixed64()?,
                EVENT => self.event(r.message()?)?,
                LINK => self.link(r.message()?)?,
                STATUS => {
                    self.needs_rewrite |= has_status;
                    has_status = true;
                    status(r.message()?)?;
                }
                FLAGS => _ = r.fixed32()?,
                _ => skip(&mut r, tag, 0x1_fffe, "wrong wire type in Span")?,
            }
        }
        self.check_ids(&trace_id, &span_id);
        let trace_id = TraceId(trace_id);
        self.index.spans.push(SpanPos { trace_id, body, scope, start_unix_nano, end_unix_nano });
        Ok(())
    }

    #[inline]
    fn check_ids(&mut self, trace_id: &[u8; 16], span_id: &[u8; 8]) {
        if *trace_id == [0; 16] {
            self.missing_id.get_or_insert(MissingId::Trace);
        } else if *span_id == [0; 8] {
            self.missing_id.get_or_insert(MissingId::Span);
        }
    }

    fn event(&mut self, mut r: Reader<'_>) -> Result<(), WireError> {
        const TIME: u32 = fixed64_tag(1);
        const NAME: u32 = bytes_tag(2);
        const ATTRIBUTE: u32 = bytes_tag(3);
        const DROPPED: u32 = varint_tag(4);
        while let Some(tag) = r.tag()? {
            match tag.0 {
                TIME => _ = r.fixed64()?,
                NAME => _ = r.bytes()?,
                ATTRIBUTE => self.attributes::<ATTRIBUTE>(&mut r)?,
                DROPPED => _ = r.varint()?,
                _ => skip(&mut r, tag, 0b11110, "wrong wire type in Span.Event")?,
            }
        }
        Ok(())
    }

    fn link(&mut self, mut r: Reader<'_>) -> Result<(), WireError> {
        const TRACE_ID: u32 = bytes_tag(1);
        const SPAN_ID: u32 = bytes_tag(2);
        const TRACE_STATE: u32 = bytes_tag(3);
        const ATTRIBUTE: u32 = bytes_tag(4);
        const DROPPED: u32 = varint_tag(5);
        const FLAGS: u32 = fixed32_tag(6);
        while let Some(tag) = r.tag()? {
            match tag.0 {
                TRACE_ID => _ = id::<16>(&mut r, TRACE_ID_LENGTH)?,
                SPAN_ID => _ = id::<8>(&mut r, SPAN_ID_LENGTH)?,
                TRACE_STATE => _ = r.bytes()?,
                ATTRIBUTE => self.attributes::<ATTRIBUTE>(&mut r)?,
                DROPPED => _ = r.varint()?,
                FLAGS => _ = r.fixed32()?,
                _ => skip(&mut r, tag, 0b111_1110, "wrong wire type in Span.Link")?,
            }
        }
        Ok(())
    }
}

fn status(mut r: Reader<'_>) -> Result<(), WireError> {
    const MESSAGE: u32 = bytes_tag(2);
    const CODE: u32 = varint_tag(3);
    while let Some(tag) = r.tag()? {
        match tag.0 {
            MESSAGE => _ = r.bytes()?,
            CODE => _ = r.varint()?,
            _ => skip(&mut r, tag, 0b1100, "wrong wire type in Status")?,
        }
    }
    Ok(())
}
