//! One page: header, checksum, decompression, levels, values.
//!
//! From: bytes of a column chunk ([`super::stream`]). To: rows. Input is not trusted: sizes in
//! headers are checked against the bytes at hand and the limits below before anything is allocated.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::levels::{KnownLevels, Levels, bit_width, definitions};
use super::parts::{Parts, decompress};
use super::some_values::{decode_some, pick};
use super::thrift::{BadThrift, Thrift, kind};
use super::values::{
    BadPage, Dictionary, Physical, Values, decode, decode_code_list, decode_dictionary, is_codes,
    look_up_numbers,
};
use super::window::{KnownWindows, Rows};

/// Largest page when decompressed. Data pages are some 256 KiB; a dictionary has no limit in Tempo
/// but that of its row group (100 MB by default).
const PAGE_BYTES_MAX: usize = 256 << 20;
/// Most values in a page. A default row group holds at most some 14 million attributes.
const PAGE_VALUES_MAX: usize = 1 << 24;

/// Codecs that are read; LZ4, LZO and Brotli are not (Tempo writes none of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Snappy,
    Gzip,
    Zstd,
}

impl Codec {
    /// Parquet's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "UNCOMPRESSED",
            Self::Snappy => "SNAPPY",
            Self::Gzip => "GZIP",
            Self::Zstd => "ZSTD",
        }
    }
}

/// What a page decodes to depends on its column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnKind {
    pub(crate) physical: Physical,
    pub(crate) codec: Codec,
    pub(crate) max_rep: u8,
    pub(crate) max_def: u8,
    /// Whether compressed levels and values are frames of their own, as we write them.
    pub(crate) is_framed: bool,
}

/// Kinds of page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    DataV1,
    DataV2,
    Dictionary,
    Other,
}

/// A page's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageHeader {
    pub(crate) kind: PageKind,
    pub(crate) compressed_len: usize,
    uncompressed_len: usize,
    crc: Option<u32>,
    pub(crate) values: usize,
    /// Always known in V2, else where the offset index says so.
    pub(crate) rows: Option<usize>,
    /// Values that are absent: always known in V2, else where statistics say so. What depends on it
    /// must be held against the levels.
    nulls: Option<usize>,
    encoding: u8,
    rep_len: usize,
    def_len: usize,
    is_compressed: bool,
}

impl PageHeader {
    /// Reads a header; also returns its length.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, usize), BadPage> {
        let mut thrift = Thrift::new(bytes);
        let header = read_header(&mut thrift).map_err(|BadThrift| BadPage("page header"))?;
        if header.uncompressed_len > PAGE_BYTES_MAX {
            return Err(BadPage("page is larger than the limit"));
        }
        if header.values > PAGE_VALUES_MAX {
            return Err(BadPage("page has more values than the limit"));
        }
        if header.compressed_len > bytes.len() - thrift.position() {
            return Err(BadPage("page is cut short"));
        }
        Ok((header, thrift.position()))
    }

    /// About the memory that the decoded page takes, and not less where the header is right.
    pub(crate) fn memory_bytes(&self) -> usize {
        let present = self.values.saturating_sub(self.nulls.unwrap_or(0));
        let rows = self.rows.unwrap_or(self.values).min(self.values);
        // Two levels each, values of at most 8 bytes, two positions of 4.
        self.uncompressed_len + self.values * 2 + present * 8 + (rows + 1) * 8
    }
}

fn read_header(thrift: &mut Thrift<'_>) -> Result<PageHeader, BadThrift> {
    let mut header = PageHeader {
        kind: PageKind::Other,
        compressed_len: 0,
        uncompressed_len: 0,
        crc: None,
        values: 0,
        rows: None,
        nulls: None,
        encoding: 0,
        rep_len: 0,
        def_len: 0,
        is_compressed: true,
    };
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::I32) => header.kind = page_kind(t.int()?),
            (2, kind::I32) => header.uncompressed_len = t.unsigned()? as usize,
            (3, kind::I32) => header.compressed_len = t.unsigned()? as usize,
            (4, kind::I32) => header.crc = Some(t.int()? as u32),
            (5, kind::STRUCT) | (7, kind::STRUCT) => read_v1(t, &mut header)?,
            (8, kind::STRUCT) => read_v2(t, &mut header)?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(header)
}

fn page_kind(number: i64) -> PageKind {
    match number {
        0 => PageKind::DataV1,
        2 => PageKind::Dictionary,
        3 => PageKind::DataV2,
        _ => PageKind::Other,
    }
}

/// Data page V1 and dictionary page begin with the same two fields.
fn read_v1(thrift: &mut Thrift<'_>, header: &mut PageHeader) -> Result<(), BadThrift> {
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::I32) => header.values = t.unsigned()? as usize,
            (2, kind::I32) => header.encoding = encoding(t.int()?),
            (5, kind::STRUCT) => header.nulls = read_nulls(t)?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })
}

/// The number of absent values in a page's statistics.
fn read_nulls(thrift: &mut Thrift<'_>) -> Result<Option<usize>, BadThrift> {
    let mut nulls = None;
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (3, kind::I64) => nulls = usize::try_from(t.int()?).ok(),
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(nulls)
}

fn read_v2(thrift: &mut Thrift<'_>, header: &mut PageHeader) -> Result<(), BadThrift> {
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::I32) => header.values = t.unsigned()? as usize,
            (2, kind::I32) => header.nulls = Some(t.unsigned()? as usize),
            (3, kind::I32) => header.rows = Some(t.unsigned()? as usize),
            (4, kind::I32) => header.encoding = encoding(t.int()?),
            (5, kind::I32) => header.def_len = t.unsigned()? as usize,
            (6, kind::I32) => header.rep_len = t.unsigned()? as usize,
            (7, kind::TRUE | kind::FALSE) => header.is_compressed = ty == kind::TRUE,
            _ => t.skip(ty)?,
        }
        Ok(())
    })
}

fn encoding(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A decoded data page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Columns of one list share them.
    pub(crate) levels: Arc<Levels>,
    pub(crate) values: Values,
    /// Codes of numbers, where whoever reads wants them as well.
    pub(crate) codes: Option<Vec<u32>>,
    /// Which of its rows were decoded; all if none is said.
    decoded: Option<Rows>,
    page_rows: usize,
}

impl Page {
    /// How many rows it has, decoded or not.
    pub(crate) fn rows(&self) -> usize {
        self.page_rows
    }

    /// Where a row is among those that were decoded.
    pub(crate) fn place(&self, row: usize) -> Option<usize> {
        let Some(decoded) = &self.decoded else { return Some(row) };
        let mut before = 0;
        for range in decoded.iter() {
            if row < range.end {
                return row.checked_sub(range.start).map(|within| before + within);
            }
            before += range.len();
        }
        None
    }

    /// Memory held; of shared levels, too, as if they were not.
    pub(crate) fn memory_bytes(&self) -> usize {
        let codes = self.codes.as_ref().map_or(0, Vec::capacity) * size_of::<u32>();
        self.levels.memory_bytes() + self.values.memory_bytes() + codes
    }
}

/// A data page whose levels and values are not decoded yet.
#[derive(Debug)]
pub(crate) struct RawPage {
    header: PageHeader,
    parts: Parts,
}

/// Checks a data page and finds its parts in the bytes after its header.
pub(crate) fn open_page(
    column: &ColumnKind,
    header: &PageHeader,
    body: &Bytes,
) -> Result<RawPage, BadPage> {
    check_crc(header, body)?;
    let plain_len = header.uncompressed_len;
    let parts = match header.kind {
        PageKind::DataV2 => {
            let levels = (header.rep_len, header.def_len);
            Parts::of_v2(column, levels, (header.is_compressed, plain_len), body)?
        }
        PageKind::DataV1 => Parts::of_v1(column, plain_len, body)?,
        _ => return Err(BadPage("no data page")),
    };
    Ok(RawPage { header: *header, parts })
}

impl RawPage {
    /// Its levels.
    pub(crate) fn levels(
        &self,
        column: &ColumnKind,
        known: &mut KnownLevels,
    ) -> Result<Arc<Levels>, BadPage> {
        known.levels(column, (&self.parts.rep, &self.parts.def), self.header.values)
    }

    /// Its definition levels alone.
    pub(crate) fn definitions(&self, column: &ColumnKind) -> Result<Vec<u8>, BadPage> {
        definitions(&self.parts.def, column.max_def, self.header.values)
    }

    /// How many values are there, as far as its header says.
    pub(crate) fn present(&self) -> Option<usize> {
        self.header.nulls.map(|nulls| self.header.values.saturating_sub(nulls))
    }

    /// Whether its values are codes of a dictionary.
    pub(crate) fn has_codes(&self) -> bool {
        is_codes(self.header.encoding)
    }

    /// Its `present` values as codes of a dictionary.
    pub(crate) fn codes(&self, present: usize) -> Result<Vec<u32>, BadPage> {
        decode_code_list(&self.parts.values.values()?, present)
    }

    /// Its `present` values.
    pub(crate) fn values(
        &self,
        column: &ColumnKind,
        present: usize,
        dictionary: Option<&Dictionary>,
    ) -> Result<Values, BadPage> {
        let (encoding, data) = (self.header.encoding, self.parts.values.values()?);
        decode(column.physical, encoding, &data, present, dictionary, PAGE_BYTES_MAX)
    }

    /// Those of its `count` values that are in `ranges`, which ascend.
    fn some_values(
        &self,
        column: &ColumnKind,
        count: usize,
        ranges: &[Range<usize>],
        dictionary: Option<&Dictionary>,
    ) -> Result<Values, BadPage> {
        let (physical, encoding) = (column.physical, self.header.encoding);
        let data = self.parts.values.values()?;
        match decode_some(physical, encoding, &data, (count, ranges), dictionary) {
            Some(values) => values,
            None => {
                let all = decode(physical, encoding, &data, count, dictionary, PAGE_BYTES_MAX)?;
                Ok(pick(all, ranges))
            }
        }
    }
}

/// Whether the bytes of two pages show that their repetition levels are the same.
pub(crate) fn has_same_repetition(
    one: (&ColumnKind, &RawPage),
    other: (&ColumnKind, &RawPage),
) -> bool {
    let width = |column: &ColumnKind| bit_width(column.max_rep);
    width(one.0) == width(other.0)
        && one.1.header.values == other.1.header.values
        && one.1.parts.rep == other.1.parts.rep
}

/// Decodes a data page from the bytes after its header.
pub(crate) fn decode_page(
    column: &ColumnKind,
    header: &PageHeader,
    body: &Bytes,
    dictionary: Option<&Dictionary>,
    known: &mut KnownLevels,
) -> Result<Page, BadPage> {
    let raw = open_page(column, header, body)?;
    let levels = raw.levels(column, known)?;
    let page_rows = levels.rows();
    check_rows(header, page_rows)?;
    let values = raw.values(column, levels.present(), dictionary)?;
    Ok(Page { levels, values, codes: None, decoded: None, page_rows })
}

/// The same, with the codes of numbers.
pub(crate) fn decode_page_with_codes(
    column: &ColumnKind,
    header: &PageHeader,
    body: &Bytes,
    dictionary: Option<&Dictionary>,
    known: &mut KnownLevels,
) -> Result<Page, BadPage> {
    let Some(numbers @ (Dictionary::Int(_) | Dictionary::Float(_))) = dictionary else {
        return decode_page(column, header, body, dictionary, known);
    };
    let raw = open_page(column, header, body)?;
    if !raw.has_codes() {
        return decode_page(column, header, body, dictionary, known);
    }
    let levels = raw.levels(column, known)?;
    let page_rows = levels.rows();
    check_rows(header, page_rows)?;
    let codes = raw.codes(levels.present())?;
    let values = look_up_numbers(&codes, numbers)?;
    Ok(Page { levels, values, codes: Some(codes), decoded: None, page_rows })
}

/// Decodes some rows of a data page.
pub(crate) fn decode_some_rows(
    column: &ColumnKind,
    header: &PageHeader,
    body: &Bytes,
    rows: Rows,
    dictionary: Option<&Dictionary>,
    known: &mut KnownWindows,
) -> Result<Page, BadPage> {
    let raw = open_page(column, header, body)?;
    let said = (header.rows.unwrap_or(usize::MAX), raw.present().is_none());
    let parts = (&raw.parts.rep, &raw.parts.def);
    let window = known.levels(column, parts, header.values, (&rows, said))?;
    check_rows(header, window.page_rows)?;
    let page_values = window.page_values.or(raw.present()).unwrap_or(header.values);
    let values = raw.some_values(column, page_values, &window.values, dictionary)?;
    let (levels, page_rows) = (Arc::clone(&window.levels), window.page_rows);
    Ok(Page { levels, values, codes: None, decoded: Some(rows), page_rows })
}

fn check_rows(header: &PageHeader, page_rows: usize) -> Result<(), BadPage> {
    match header.rows.is_none_or(|rows| rows == page_rows) {
        true => Ok(()),
        false => Err(BadPage("rows are not as many as the header says")),
    }
}

/// Decodes a dictionary page from the bytes after its header.
pub(crate) fn decode_dictionary_page(
    column: &ColumnKind,
    header: &PageHeader,
    body: &Bytes,
) -> Result<Dictionary, BadPage> {
    check_crc(header, body)?;
    let body = decompress(column.codec, body, header.uncompressed_len)?;
    decode_dictionary(column.physical, &body, header.values)
}

fn check_crc(header: &PageHeader, body: &[u8]) -> Result<(), BadPage> {
    // A fuzzer could never get past it.
    if cfg!(fuzzing) {
        return Ok(());
    }
    match header.crc {
        Some(crc) if crc != crc32fast::hash(body) => Err(BadPage("checksum does not match")),
        _ => Ok(()),
    }
}
