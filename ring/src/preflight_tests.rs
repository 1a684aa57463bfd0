use super::*;

#[test]
fn this_machine_passes_and_has_a_cpu() {
    check(1).unwrap();
    assert!(available_cpus() >= 1);
}

#[test]
fn old_kernels_are_named_and_unreadable_releases_left_to_the_probe() {
    let error = check_kernel("5.4.0-150-generic").unwrap_err().to_string();
    assert!(error.contains("5.4.0-150-generic") && error.contains("5.8"), "{error}");
    for release in ["5.8.0", "5.15.0-91", "6.18.44-fc", "7.0-rc1", "custom"] {
        check_kernel(release).unwrap();
    }
}

#[test]
fn a_refusal_says_how_to_mend_it() {
    let text = io_uring_advice(Errno::PERM);
    assert!(
        text.contains("sysctl kernel.io_uring_disabled=0") && text.contains("seccomp"),
        "{text}"
    );
    assert!(io_uring_advice(Errno::NOMEM).contains("memlock=-1"));
}

#[test]
fn more_locked_memory_than_allowed_is_an_error_with_advice() {
    if getrlimit(Resource::Memlock).maximum.is_some() {
        let error = check_memlock(u64::MAX - 1).unwrap_err().to_string();
        assert!(error.contains("LimitMEMLOCK=infinity"), "{error}");
    }
    assert!(is_enough(None, u64::MAX) && !is_enough(Some(1), 2));
}
