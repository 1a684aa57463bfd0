//! The process's allocator, and how soon it gives memory back.
//!
//! Buffers of many megabytes come and go with requests, segments and blocks, and the memory budget
//! speaks of resident memory. So resident memory must follow what is allocated: freed pages leave
//! the process at once, and none of them is kept by a huge page that is still in use in part. What
//! that costs and saves stands in docs/PERFORMANCE.md ("Memory").
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of `mi_option_t` in mimalloc.h.
const PURGE_DELAY: c_int = 15;
/// At once. With any delay the library looks for what is due only every ten thousand allocations,
/// of which a server that works in large buffers makes few.
const PURGE_DELAY_MS: c_long = 0;

unsafe extern "C" {
    /// mimalloc.h: sets an option for the whole process.
    fn mi_option_set(option: c_int, value: c_long);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
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

#[cfg(test)]
mod tests {
    use super::{PURGE_DELAY, PURGE_DELAY_MS, configure, mi_option_get};

    #[test]
    fn the_number_of_the_option_is_that_of_the_linked_library() {
        // SAFETY: as in `configure`; reading an option changes nothing.
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        // The library's own default; its neighbours in the enum are switches or zero.
        assert_eq!(get(), 1000);
        configure();
        assert_eq!(get(), PURGE_DELAY_MS);
    }
}
