//! Page-aligned memory for direct I/O, without unsafe code.

use bytemuck::{Pod, Zeroable};

/// Size and alignment of a page: what direct I/O asks for.
pub const PAGE_BYTES: usize = 4096;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; PAGE_BYTES]);

/// A growable byte buffer whose memory starts on a page and fills whole pages.
#[derive(Default)]
pub struct AlignedBuf {
    pages: Vec<Page>,
    len: usize,
}

impl AlignedBuf {
    /// An empty buffer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { pages: Vec::with_capacity(bytes.div_ceil(PAGE_BYTES)), len: 0 }
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.pages.capacity() * PAGE_BYTES
    }

    /// What was written.
    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.pages)[..self.len]
    }

    /// What was written, padded with zeros to whole pages.
    pub fn as_pages(&self) -> &[u8] {
        bytemuck::cast_slice(&self.pages)
    }
}
