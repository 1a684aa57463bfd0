//! Blocks that are not what they should be, one or many among sound ones: every endpoint answers
//! with what can be read and names what cannot, metrics count it, and the process goes on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};

use common::corpus::{assert_equal, recorded};
use common::{Options, Server, data_path, wait};

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

/// The number behind a key becomes another one.
fn number(key: &'static str, becomes: &'static str) -> impl Fn(&Path) {
    move |block| {
        change(&block.join("meta.json"), &|bytes| {
            let mut meta: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            assert!(meta[key].is_u64(), "{key}");
            meta[key] = becomes.parse::<u64>().unwrap().into();
            *bytes = meta.to_string().into_bytes();
        });
    }
}

fn data(how: impl Fn(&mut Vec<u8>)) -> impl Fn(&Path) {
    move |block| change(&block.join("data.parquet"), &how)
}

/// Every endpoint that has a way to say that something is missing.
fn paths(trace: &str) -> [String; 9] {
    let range = "start=1768478400&end=1768482300";
    let time = "start=1768470000&end=1768490000";
    [
        format!("/api/v2/traces/{trace}"),
        format!("/api/search?q=%7B%7D&limit=300&{time}"),
        format!("/api/search?q=%7Bname%21%3D%22x%22%7D%7Ccount()%3E0&limit=300&{time}"),
        format!("/api/v2/search/tags?{time}"),
        format!("/api/v2/search/tags?q=%7Bduration%3E1ns%7D&{time}"),
        format!("/api/v2/search/tag/resource.service.name/values?{time}"),
        format!("/api/v2/search/tag/.http.url/values?q=%7Bduration%3E1ns%7D&{time}"),
        format!("/api/metrics/query_range?q=%7B%7D%7Crate()&{range}&step=60s"),
        format!("/api/metrics/query?q=%7B%7D%7Ccount_over_time()by(name)&{range}"),
    ]
}

/// Whether the answer says that something is missing; it then names a block like this.
fn is_labelled(answer: &serde_json::Value, block: &str) -> bool {
    let status = answer["status"] == "PARTIAL";
    let damaged = answer["metrics"]["additionalMetrics"]["blocksDamaged"].as_str().is_some()
        || answer["metrics"]["additionalMetrics"]["blocksDamaged"].as_u64().is_some();
    if status || damaged {
        assert!(answer.to_string().contains(block), "{answer}");
    }
    status || damaged
}

/// Every query is answered; how many of the answers say that something is missing.
fn count_labels(server: &Server, what: &str, block: &str) -> usize {
    let id = recorded().into_keys().nth(50).unwrap();
    let labelled = paths(&id).into_iter().filter(|path| {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{what}: {path}: {}", answer.text());
        is_labelled(&answer.json(), block)
    });
    let count = labelled.count();
    // The first version has no label: it answers in full, or fails and names the block.
    let answer = server.get(&format!("/api/traces/{id}"));
    let names = answer.status == 500 && answer.text().contains(block);
    assert!(answer.status == 200 || names, "{what}: {} {}", answer.status, answer.text());
    let all = server.search(&[RANGE[0], RANGE[1], ("limit", "1000")]);
    assert_eq!(all.len(), recorded().len(), "{what}: the sound block has them all");
    assert_eq!(server.get("/ready").status, 200, "{what}");
    assert!(!server.log().contains("panicked"), "{what}");
    count
}

/// What counts damaged blocks that are known now.
fn known(server: &Server) -> f64 {
    server.metric("stringendo_damaged_blocks", &[("tenant", "single-tenant")])
}

/// Answers say what is missing, and metrics too; without the block all is as it was.
fn assert_labelled(server: &mut Server, what: &str) {
    assert!(count_labels(server, what, SPOILT) > 0, "{what}: nobody noticed");
    assert!(server.metric("stringendo_damaged_block_reads_total", &[]) > 0.0, "{what}");
    wait::until("core 0 knows it", || (known(server) == 1.0).then_some(()));
    let lines = server.log();
    assert_eq!(lines.matches("a block is damaged").count(), 1, "{what}");
    assert_whole_without(server, what);
}

fn assert_whole_without(server: &mut Server, what: &str) {
    let spoilt: PathBuf = server.tenant_dir().join(SPOILT);
    std::fs::remove_dir_all(spoilt).unwrap();
    server.restart();
    assert_equal(server, what, &recorded());
    assert_eq!(count_labels(server, what, SPOILT), 0);
    assert_eq!(known(server), 0.0, "{what}");
}

#[test]
fn of_damaged_rows_the_rest_is_answered_and_labelled() {
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
        assert_labelled(&mut server, what);
    }
}

#[test]
fn damage_to_what_stands_beside_the_rows_costs_no_answer() {
    let cases: [Case<'_>; 5] = [
        ("no filters", &|block| std::fs::remove_file(block.join("bloom-0")).unwrap()),
        ("an empty filter", &|block| change(&block.join("bloom-0"), &Vec::clear)),
        ("half a filter", &|block| change(&block.join("bloom-0"), &|it| it.truncate(it.len() / 2))),
        ("no index", &|block| std::fs::remove_file(block.join("index")).unwrap()),
        ("a foreign file", &|block| std::fs::write(block.join("stringendo.filters"), "x").unwrap()),
    ];
    for (what, spoil) in cases {
        let mut server = server_with("vparquet5", SOUND, spoil);
        assert_eq!(count_labels(&server, what, SPOILT), 0, "{what}: nothing is missing");
        assert_whole_without(&mut server, what);
    }
}

#[test]
fn a_block_whose_meta_cannot_be_read_is_named_by_every_answer() {
    let cases: [Case<'_>; 4] = [
        ("an empty meta", &|block| change(&block.join("meta.json"), &Vec::clear)),
        ("half a meta", &|block| change(&block.join("meta.json"), &|it| it.truncate(it.len() / 2))),
        ("an unknown version", &meta("vParquet5", "vParquet9")),
        ("another block's meta", &meta(SPOILT, SOUND)),
    ];
    for (what, spoil) in cases {
        let mut server = server_with("vparquet5", SOUND, spoil);
        let all = paths("1").len();
        assert_eq!(count_labels(&server, what, SPOILT), all, "{what}");
        let nothing = format!("/api/traces/{}", "0123456789abcde7".repeat(2));
        assert_eq!(server.get(&nothing).status, 404, "{what}: nobody knows what it holds");
        assert_eq!(known(&server), 1.0, "{what}");
        assert_whole_without(&mut server, what);
    }
}

#[test]
fn a_block_that_is_mended_is_whole_again_without_a_restart() {
    let server = server_with("vparquet5", SOUND, &data(|bytes| bytes.truncate(500)));
    assert!(count_labels(&server, "cut", SPOILT) > 0);
    let tenant = server.tenant_dir();
    let (sound, spoilt) = (tenant.join(SOUND), tenant.join(SPOILT));
    std::fs::copy(sound.join("data.parquet"), spoilt.join("new")).unwrap();
    std::fs::rename(spoilt.join("new"), spoilt.join("data.parquet")).unwrap();
    assert_eq!(count_labels(&server, "mended", SPOILT), 0);
}

#[test]
fn a_flipped_byte_anywhere_makes_no_query_fail() {
    const COPIES: usize = 24;
    let server = server_with("vparquet5", SOUND, &|spoilt| {
        let tenant = spoilt.parent().unwrap();
        let bytes = std::fs::read(spoilt.join("data.parquet")).unwrap();
        for copy in 1..COPIES {
            let id = format!("{}{copy:02x}", &SPOILT[..SPOILT.len() - 2]);
            let dir = tenant.join(&id);
            std::fs::create_dir_all(&dir).unwrap();
            for file in ["meta.json", "bloom-0", "index"] {
                std::fs::copy(spoilt.join(file), dir.join(file)).unwrap();
            }
            change(&dir.join("meta.json"), &|meta| replace(meta, SPOILT, &id));
            // The last copies have theirs in the footer.
            let back =
                if copy > COPIES / 2 { 400 * (COPIES - copy) } else { bytes.len() * copy / COPIES };
            let mut bytes = bytes.clone();
            let at = bytes.len() - 1 - back;
            bytes[at] ^= 0x41;
            std::fs::write(dir.join("data.parquet"), bytes).unwrap();
        }
    });
    assert!(count_labels(&server, "flipped", &SPOILT[..SPOILT.len() - 2]) > 0);
    let reads = server.metric("stringendo_damaged_block_reads_total", &[("reason", "corrupt")]);
    assert!(reads > 0.0);
}

#[test]
fn a_meta_that_lies_misleads_nobody() {
    const MOST: &str = "18446744073709551615";
    let cases: [Case<'_>; 12] = [
        ("more traces than can be", &number("totalObjects", MOST)),
        ("more bytes than can be", &number("size", MOST)),
        ("more filters than can be", &number("bloomShards", "4294967295")),
        ("more footer than can be", &number("footerSize", "4294967295")),
        ("a level as high as can be", &number("compactionLevel", "4294967295")),
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
        count_labels(&server, what, SPOILT);
        assert_whole_without(&mut server, what);
    }
}

#[test]
fn what_is_no_block_is_left_alone_and_costs_nothing() {
    const FILES: [&str; 7] = [
        "README.txt",
        "lost+found/data.parquet",
        "single-tenant/notes.txt",
        "single-tenant/tmp/meta.json",
        "single-tenant/not-a-uuid-at-all/meta.json",
        "another/.hidden",
        "945fc1d4-153f-42ea-b142-3df5e9d9f809/meta.json",
    ];
    let mut server = server_with("vparquet5", SOUND, &|spoilt| {
        let blocks = spoilt.parent().unwrap().parent().unwrap();
        for file in FILES {
            let file = blocks.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "mine").unwrap();
        }
        // Named like a block, and none: a file, a link to nothing, a directory without a meta.
        let tenant = blocks.join("single-tenant");
        let id = |digit: &str| format!("00000000-0000-4000-8000-00000000000{digit}");
        std::fs::write(tenant.join(id("1")), "mine").unwrap();
        std::os::unix::fs::symlink("/nonexistent", tenant.join(id("2"))).unwrap();
        std::fs::create_dir(tenant.join(id("3"))).unwrap();
    });
    assert_eq!(count_labels(&server, "foreign files", SPOILT), 0);
    assert_whole_without(&mut server, "foreign files");
    assert_eq!(server.metric("tempodb_blocklist_poll_errors_total", &[]), 0.0);
    assert_eq!(server.metric("tempodb_blocklist_length", &[]), 1.0);
    for file in FILES {
        assert_eq!(std::fs::read(server.dir().join("blocks").join(file)).unwrap(), b"mine");
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
        let (trace, mut labelled) = (recorded().into_keys().nth(50).unwrap(), 0);
        for path in paths(&trace) {
            let answer = server.get(&path);
            assert_eq!(answer.status, 200, "{version}: {path}: {}", answer.text());
            labelled += usize::from(is_labelled(&answer.json(), SPOILT));
        }
        assert!(labelled > 0, "{version}");
        assert_eq!(server.get("/ready").status, 200);
    }
}
