//! The process's allocator, and how soon it gives memory back.
//!
//! Buffers of many megabytes come and go with segments and blocks. The memory budget holds resident
//! memory only if freed pages leave the process soon (docs/PERFORMANCE.md has the comparison).
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of `mi_option_t` in mimalloc.h.
const PURGE_DELAY: c_int = 15;
/// Shorter costs page faults, longer costs resident memory beside the budget.
const PURGE_DELAY_MS: c_long = 10;

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
