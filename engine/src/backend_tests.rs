use super::check_root_path;

#[test]
fn objects_beside_blocks_have_paths_below_the_store() {
    for path in ["single-tenant/index.json.gz", "overrides/a/overrides.json", "work.json"] {
        assert!(check_root_path(path).is_ok(), "{path}");
    }
    for path in ["", "/etc/passwd", "a/../../b", "..", "a//b", "a/.", "a\\b", "a\0b", "a/"] {
        assert!(check_root_path(path).is_err(), "{path}");
    }
}
