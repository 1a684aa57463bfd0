//! The process's allocator, and when it gives memory back.
//!
//! Buffers of many megabytes come and go with requests, segments and blocks, and the memory budget
//! speaks of resident memory. Freed pages are kept for whoever needs some next, since a fresh page
//! costs more than most of what is done with it; [`crate::resident`] gives them back when resident
//! memory comes near the budget. No page is kept by a huge page that is still in use in part. What
//! that costs and saves stands in docs/PERFORMANCE.md ("Memory").
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of `mi_option_t` in mimalloc.h.
const PURGE_DELAY: c_int = 15;
/// So long after something was freed all that is free goes back, if it is not needed before.
const PURGE_DELAY_MS: c_long = 10_000;

unsafe extern "C" {
    /// mimalloc.h: sets an option for the whole process.
    fn mi_option_set(option: c_int, value: c_long);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
    /// mimalloc.h: gives free pages back to the system; all, or those whose delay is over.
    fn mi_collect(force: bool);
}

/// The library's own variable, which goes before what we think best.
const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

/// To be called once, before other threads start.
pub fn configure() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        // The log is not set up yet; a kernel without huge pages has nothing to switch off.
        eprintln!("transparent huge pages stay as they are, memory may exceed its budget: {error}");
    }
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    // SAFETY: both signatures are those of mimalloc.h, whose enum has the type `int`; the library
    // checks the option's number, and no other thread reads options yet.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) }
}

/// Gives the process's free pages back to the system.
pub fn give_back_all() {
    // SAFETY: the signature is that of mimalloc.h; the function may be called on any thread.
    unsafe { mi_collect(true) }
}

/// Gives those back that nobody has needed for [`PURGE_DELAY_MS`].
pub fn give_back_unused() {
    // SAFETY: as in `give_back_all`.
    unsafe { mi_collect(false) }
}

#[cfg(test)]
mod tests {
    use super::{PURGE_DELAY, PURGE_DELAY_MS, configure, give_back_all, mi_option_get};
    use crate::resident::Resident;

    #[test]
    fn the_number_of_the_option_is_that_of_the_linked_library() {
        // SAFETY: as in `configure`; reading an option changes nothing.
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        // The library's own default; its neighbours in the enum are switches or zero.
        assert_eq!(get(), 1000);
        configure();
        assert_eq!(get(), PURGE_DELAY_MS);
    }

    #[test]
    fn what_is_freed_is_given_back_when_it_is_asked_for() {
        const BYTES: usize = 256 << 20;
        let resident = Resident::open().expect("/proc");
        let before = resident.bytes().expect("a size");
        let filled = std::hint::black_box(vec![1_u8; BYTES]);
        let during = resident.bytes().expect("a size");
        assert!(during - before >= BYTES as u64 * 9 / 10, "{before} {during}");
        drop(filled);
        give_back_all();
        let after = resident.bytes().expect("a size");
        assert!(during - after >= BYTES as u64 * 9 / 10, "{before} {during} {after}");
    }
}
