//! Page-aligned memory for direct I/O, without unsafe code.
//!
//! Filled by [`crate::group`] (a group that gathers) or by who reads a segment back
//! ([`AlignedBuf::zeroed`]); from here the bytes go to the disk as whole pages and to the engine as
//! [`Bytes`] over the same memory. Knows nothing of frames.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use bytes::Bytes;

/// Size and alignment of a page: what direct I/O asks for.
pub const PAGE_BYTES: usize = 4096;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; PAGE_BYTES]);

/// A growable byte buffer whose memory starts on a page and fills whole pages.
///
/// Memory is zeroed page by page as it is first used, never for the whole capacity; a cleared
/// buffer keeps its pages for the next use.
#[derive(Default)]
pub struct AlignedBuf {
    /// Initialised pages; those behind `len` may hold bytes of an earlier use.
    pages: Vec<Page>,
    /// Bytes written. From here to the end of its page all is zero.
    len: usize,
}

impl AlignedBuf {
    /// An empty buffer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { pages: Vec::with_capacity(bytes.div_ceil(PAGE_BYTES)), len: 0 }
    }

    /// Zeros, to be written over: memory that nobody has touched.
    pub fn zeroed(bytes: usize) -> Self {
        Self { pages: bytemuck::zeroed_vec(bytes.div_ceil(PAGE_BYTES)), len: bytes }
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

    /// What was written, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.memory_mut()[..len]
    }

    /// What was written, padded with zeros to whole pages.
    pub fn as_pages(&self) -> &[u8] {
        bytemuck::cast_slice(&self.pages[..self.len.div_ceil(PAGE_BYTES)])
    }

    /// Appends `bytes`.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        self.extend(bytes.len()).copy_from_slice(bytes);
    }

    /// Appends `more` bytes for the caller to fill: until then they are zeros or what an earlier
    /// use of the memory left.
    #[inline]
    pub fn extend(&mut self, more: usize) -> &mut [u8] {
        let start = self.len;
        self.extend_zeroed_tail(more);
        &mut self.as_mut_slice()[start..]
    }

    /// Appends zeros until the length is a multiple of `alignment`, a power of two of at most a
    /// page.
    #[inline]
    pub fn pad_to(&mut self, alignment: usize) {
        debug_assert!(alignment.is_power_of_two() && alignment <= PAGE_BYTES);
        // The rest of the page is zero already, and padding never leaves the page.
        self.len = self.len.next_multiple_of(alignment);
    }

    /// Forgets the bytes, keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Gives back memory that is not in use. Copies what was written.
    pub fn shrink_to_fit(&mut self) {
        self.pages.truncate(self.len.div_ceil(PAGE_BYTES));
        self.pages.shrink_to_fit();
    }

    /// All initialised memory.
    fn memory_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.pages)
    }

    /// Moves the end by `more` bytes, which the caller overwrites; behind them the page is zero.
    #[inline]
    fn extend_zeroed_tail(&mut self, more: usize) {
        let (pages_before, end) = (self.len.div_ceil(PAGE_BYTES), self.len + more);
        let pages_after = end.div_ceil(PAGE_BYTES);
        self.len = end;
        if pages_after > self.pages.len() {
            self.pages.resize(pages_after, Page::zeroed());
        } else if pages_after > pages_before {
            self.memory_mut()[end..pages_after * PAGE_BYTES].fill(0);
        }
    }
}

impl AsRef<[u8]> for AlignedBuf {
    /// The page view, for direct I/O.
    fn as_ref(&self) -> &[u8] {
        self.as_pages()
    }
}

impl AsMut<[u8]> for AlignedBuf {
    /// The page view, for direct I/O.
    fn as_mut(&mut self) -> &mut [u8] {
        let pages = self.len.div_ceil(PAGE_BYTES);
        bytemuck::cast_slice_mut(&mut self.pages[..pages])
    }
}

/// Shared pages, as file types take them (`impl AsRef<[u8]> + Send + Sync + 'static`).
#[derive(Clone)]
pub struct Pages(pub Arc<AlignedBuf>);

impl AsRef<[u8]> for Pages {
    /// The page view, for direct I/O.
    fn as_ref(&self) -> &[u8] {
        self.0.as_pages()
    }
}

impl Pages {
    /// What was written (without the padding), sharing the memory: slices of it cost no copy.
    pub fn bytes(&self) -> Bytes {
        Bytes::from_owner(self.clone()).slice(..self.0.len())
    }
}

#[cfg(test)]
#[path = "buffer_tests.rs"]
mod tests;
