//! Blocks that are not what their `meta.json` says: queries that need them fail and name them, and
//! nothing else does; the process goes on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};

use common::corpus::{assert_equal, recorded};
use common::{Options, Server, data_path};

/// The block of the corpus, and a copy of it that is spoilt.
const SOUND: &str = "945fc1d4-153f-42ea-b142-3df5e9d9f809";
const SPOILT: &str = "00000000-0000-4000-8000-0000000000bd";

/// What is wrong, and how it comes about in the block's directory.
type Case<'a> = (&'static str, &'a dyn Fn(&Path));

const RANGE: [(&str, &str); 2] = [("start", "1768470000"), ("end", "1768490000")];

/// A server with the sound block of a version and a copy under another id, which `spoil` changes.
fn server_with(version: &str, sound: &str, spoil: &dyn Fn(&Path)) -> Server {
    Server::start_on(Options::default(), |dir| {
        let from = data_path(&format!("blocks/{version}/single-tenant")).join(sound);
        let tenant = dir.join("blocks/single-tenant");
        for id in [sound, SPOILT] {
            let to = tenant.join(id);
            std::fs::create_dir_all(&to).unwrap();
            for file in std::fs::read_dir(&from).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        let spoilt = tenant.join(SPOILT);
        change(&spoilt.join("meta.json"), &|meta| replace(meta, sound, SPOILT));
        spoil(&spoilt);
    })
}

fn change(file: &Path, change: &dyn Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(std::mem::take(bytes)).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    *bytes = text.replace(from, to).into_bytes();
}

fn meta(from: &'static str, to: &'static str) -> impl Fn(&Path) {
    move |block| change(&block.join("meta.json"), &|bytes| replace(bytes, from, to))
}

fn data(how: impl Fn(&mut Vec<u8>)) -> impl Fn(&Path) {
    move |block| change(&block.join("data.parquet"), &how)
}

/// Every query is answered, or fails and names the spoilt block; without it all is as it was.
fn assert_named(server: &mut Server, what: &str) {
    let id = recorded().into_keys().nth(50).unwrap();
    let trace = format!("/api/v2/traces/{id}");
    let search = "/api/search?q=%7B%7D&limit=300&start=1768470000&end=1768490000".to_owned();
    let tags = "/api/v2/search/tags?start=1768470000&end=1768490000".to_owned();
    let range = "start=1768478400&end=1768482300";
    let metrics = format!("/api/metrics/query_range?q=%7B%7D%7Crate()&{range}&step=60s");
    for path in [&trace, &search, &tags, &metrics] {
        let answer = server.get(path);
        let is_named = answer.text().contains(SPOILT);
        assert!(
            answer.status == 200 || is_named,
            "{what}: {path}: {} {}",
            answer.status,
            answer.text()
        );
    }
    assert_eq!(server.get("/ready").status, 200, "{what}");
    let spoilt: PathBuf = server.tenant_dir().join(SPOILT);
    std::fs::remove_dir_all(spoilt).unwrap();
    server.restart();
    assert_equal(server, what, &recorded());
    let all = server.search(&[RANGE[0], RANGE[1], ("limit", "1000")]);
    assert_eq!(all.len(), recorded().len(), "{what}");
}

#[test]
fn damaged_rows_are_named_by_the_queries_that_need_them() {
    let cases: [Case<'_>; 7] = [
        ("no data", &|block| std::fs::remove_file(block.join("data.parquet")).unwrap()),
        ("empty data", &data(Vec::clear)),
        ("half of the data", &data(|bytes| bytes.truncate(bytes.len() / 2))),
        ("another file", &data(|bytes| *bytes = vec![b'x'; bytes.len()])),
        (
            "a spoilt footer",
            &data(|bytes| bytes.iter_mut().rev().skip(5000).take(80).for_each(|b| *b ^= 0x55)),
        ),
        ("spoilt pages", &data(|bytes| bytes[5000..90_000].iter_mut().for_each(|b| *b ^= 0x55))),
        ("zeros", &data(|bytes| bytes.fill(0))),
    ];
    for (what, spoil) in cases {
        let mut server = server_with("vparquet5", SOUND, spoil);
        assert_named(&mut server, what);
    }
}

#[test]
fn a_meta_that_lies_misleads_nobody() {
    let cases: [Case<'_>; 7] = [
        ("a size too large", &meta("\"size\":147702", "\"size\":9147702")),
        ("a size too small", &meta("\"size\":147702", "\"size\":1477")),
        ("no size", &meta("\"size\":147702,", "")),
        ("a wrong footer", &meta("\"footerSize\":", "\"footerSize\":9")),
        ("another version", &meta("vParquet5", "vParquet4")),
        ("too many filters", &meta("\"bloomShards\":1", "\"bloomShards\":7")),
        ("too few columns", &meta("{\"n\":\"http.request.method\"},", "")),
    ];
    for (what, spoil) in cases {
        let mut server = server_with("vparquet5", SOUND, spoil);
        assert_named(&mut server, what);
    }
}

#[test]
fn damaged_blocks_of_older_versions_are_named_too() {
    let older = [
        ("vparquet4", "05edbaed-eaf0-4337-b73e-b939870ff338"),
        ("vparquet3", "3f64549d-2de5-4a54-9c5c-c29acacd03e2"),
    ];
    for (version, id) in older {
        let spoil = data(|bytes| bytes[5000..90_000].iter_mut().for_each(|b| *b ^= 0x55));
        let server = server_with(version, id, &spoil);
        let trace = recorded().into_keys().nth(50).unwrap();
        let answer = server.get(&format!("/api/v2/traces/{trace}"));
        assert!(answer.status == 200 || answer.text().contains(SPOILT), "{}", answer.text());
        let answer = server.get("/api/search?q=%7B%7D&start=1768470000&end=1768490000");
        assert!(answer.status == 200 || answer.text().contains(SPOILT), "{}", answer.text());
        assert_eq!(server.get("/ready").status, 200);
    }
}
