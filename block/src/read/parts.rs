//! The parts of a data page: repetition levels, definition levels, values. Each is decompressed
//! when it is asked for, where the writer made it a frame of its own.
//!
//! From: the bytes after a page's header. To: [`super::page`]. Columns of one list repeat their
//! levels, and most pages of a search hold no value that it looks for: frames that are known or
//! not needed cost nothing.

use std::cell::RefCell;
use std::io::Read;

use bytes::Bytes;

use super::page::{Codec, ColumnKind};
use super::values::BadPage;

/// Snappy cannot shrink anything to less than 3 bytes in 64.
const SNAPPY_RATIO_MAX: usize = 24;
/// Before levels stands their length.
const PREFIX_BYTES: usize = 4;

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// As it is.
    Plain(Bytes),
    /// A Zstd frame of so many bytes.
    Frame(Bytes, usize),
}

impl Part {
    const EMPTY: Self = Self::Plain(Bytes::new());

    /// The values in it.
    pub(crate) fn values(&self) -> Result<Bytes, BadPage> {
        match self {
            Self::Plain(bytes) => Ok(bytes.clone()),
            Self::Frame(frame, len) => decompress(Codec::Zstd, frame, *len),
        }
    }

    /// The levels in it.
    pub(crate) fn levels(&self) -> Result<Bytes, BadPage> {
        match self {
            Self::Plain(bytes) => Ok(bytes.clone()),
            Self::Frame(frame, len) => {
                let (levels, behind) = prefixed(decompress(Codec::Zstd, frame, *len)?)?;
                if behind.is_empty() { Ok(levels) } else { Err(BadPage("levels are cut short")) }
            }
        }
    }
}

/// A page's parts.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) rep: Part,
    pub(super) def: Part,
    pub(super) values: Part,
}

impl Parts {
    /// Of a page of version 2, whose levels are not compressed.
    pub(super) fn of_v2(
        column: &ColumnKind,
        (rep_len, def_len): (usize, usize),
        (is_compressed, plain_len): (bool, usize),
        body: &Bytes,
    ) -> Result<Self, BadPage> {
        let levels_len = rep_len.saturating_add(def_len);
        if levels_len > body.len() || levels_len > plain_len {
            return Err(BadPage("levels are longer than the page"));
        }
        let values = body.slice(levels_len..);
        let values = match is_compressed {
            true => decompress(column.codec, &values, plain_len - levels_len)?,
            false => values,
        };
        let (rep, def) = (body.slice(..rep_len), body.slice(rep_len..levels_len));
        Ok(Self { rep: Part::Plain(rep), def: Part::Plain(def), values: Part::Plain(values) })
    }

    /// Of a page of version 1, which is compressed as a whole.
    pub(super) fn of_v1(
        column: &ColumnKind,
        plain_len: usize,
        body: &Bytes,
    ) -> Result<Self, BadPage> {
        if let Some(frames) = Self::frames(column, plain_len, body) {
            return Ok(frames);
        }
        let body = decompress(column.codec, body, plain_len)?;
        let levels = |body, max| match max {
            0 => Ok((Bytes::new(), body)),
            _ => prefixed(body),
        };
        let (rep, body) = levels(body, column.max_rep)?;
        let (def, values) = levels(body, column.max_def)?;
        Ok(Self { rep: Part::Plain(rep), def: Part::Plain(def), values: Part::Plain(values) })
    }

    /// The parts as frames, if the writer makes such.
    fn frames(column: &ColumnKind, plain_len: usize, body: &Bytes) -> Option<Self> {
        if !column.is_framed || column.codec != Codec::Zstd {
            return None;
        }
        let (mut rest, mut left) = (body.clone(), plain_len);
        let mut levels = |max| match max {
            0 => Some(Part::EMPTY),
            _ => take_frame(&mut rest, &mut left),
        };
        let (rep, def) = (levels(column.max_rep)?, levels(column.max_def)?);
        let values = match (rest.is_empty(), left) {
            (true, 0) => Part::EMPTY,
            (true, _) => return None,
            (false, left) => Part::Frame(rest, left),
        };
        Some(Self { rep, def, values })
    }
}

/// The first frame of `rest`, which takes its part of the `left` bytes of the page.
fn take_frame(rest: &mut Bytes, left: &mut usize) -> Option<Part> {
    let len = zstd::zstd_safe::get_frame_content_size(rest).ok()??;
    let len = usize::try_from(len).ok().filter(|len| len <= left)?;
    let stored = zstd::zstd_safe::find_frame_compressed_size(rest).ok()?;
    *left -= len;
    Some(Part::Frame(rest.split_to(stored), len))
}

/// Levels that have their length before them, and what follows.
fn prefixed(bytes: Bytes) -> Result<(Bytes, Bytes), BadPage> {
    let (length, rest) = bytes.split_first_chunk().ok_or(BadPage("levels are cut short"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() {
        return Err(BadPage("levels are cut short"));
    }
    let end = PREFIX_BYTES + length;
    Ok((bytes.slice(PREFIX_BYTES..end), bytes.slice(end..)))
}

thread_local! {
    /// Its tables are large for a page: making them anew for every page costs more than the page.
    static UNZSTD: RefCell<zstd::bulk::Decompressor<'static>> = RefCell::default();
}

pub(super) fn decompress(
    codec: Codec,
    bytes: &Bytes,
    expected_len: usize,
) -> Result<Bytes, BadPage> {
    let plain = match codec {
        Codec::None => bytes.clone(),
        _ if expected_len == 0 => Bytes::new(),
        Codec::Snappy => Bytes::from(decompress_snappy(bytes, expected_len)?),
        Codec::Zstd => {
            let plain = UNZSTD.with_borrow_mut(|unzstd| unzstd.decompress(bytes, expected_len));
            Bytes::from(plain.map_err(|_| BadPage("zstd data"))?)
        }
        Codec::Gzip => Bytes::from(decompress_gzip(bytes, expected_len)?),
    };
    match plain.len() == expected_len {
        true => Ok(plain),
        false => Err(BadPage("page decompresses to another length than its header says")),
    }
}

fn decompress_snappy(bytes: &[u8], expected_len: usize) -> Result<Vec<u8>, BadPage> {
    let length = snap::raw::decompress_len(bytes).map_err(|_| BadPage("snappy data"))?;
    if length != expected_len || length / SNAPPY_RATIO_MAX > bytes.len() {
        return Err(BadPage("snappy data of an impossible length"));
    }
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(|_| BadPage("snappy data"))
}

fn decompress_gzip(bytes: &[u8], expected_len: usize) -> Result<Vec<u8>, BadPage> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(expected_len as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|_| BadPage("gzip data"))?;
    Ok(plain)
}
