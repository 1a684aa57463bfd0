//! `stringendo blocks`, the real binary on directories of blocks that Tempo and we wrote.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::corpus::{assert_equal, recorded, send_over_http};
use common::{Options, Server, data_path};
use serde_json::Value;

/// Blocks of the corpus in every version, by name and id.
const BLOCKS: [(&str, &str); 3] = [
    ("vparquet3", "3f64549d-2de5-4a54-9c5c-c29acacd03e2"),
    ("vparquet4", "05edbaed-eaf0-4337-b73e-b939870ff338"),
    ("vparquet5", "945fc1d4-153f-42ea-b142-3df5e9d9f809"),
];

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A directory `blocks` with copies of Tempo's blocks.
struct Store {
    dir: tempfile::TempDir,
}

impl Store {
    fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in names {
            copy_dir(&data_path(&format!("blocks/{name}")), &dir.path().join("blocks"));
        }
        Self { dir }
    }

    fn block(&self, id: &str) -> PathBuf {
        self.dir.path().join("blocks/single-tenant").join(id)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(&self.dir.path().join("blocks"), arguments)
    }

    /// Runs a command that must end well; gives what it printed.
    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    }

    /// Runs a command that must end badly; gives what it printed.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        text(&output.stdout) + &text(&output.stderr)
    }
}

fn run(blocks: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stringendo"));
    command.arg("blocks").args(arguments).arg("--path").arg(blocks).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn blocks_of_every_version_are_listed() {
    let store = Store::of(&BLOCKS.map(|(name, _)| name));
    let table = store.printed(&["list"]);
    for (name, id) in BLOCKS {
        let line = table.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.to_lowercase().contains(name) && line.contains("208"), "{line}");
        assert!(line.contains("1115"), "{line}");
    }
    assert!(table.contains("3 blocks") && table.contains("624 traces, 3345 spans"), "{table}");
    let lines = store.printed(&["list", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["spans"] == 1115 && line["level"] == 0), "{lines:?}");
    let none = store.printed(&["list", "--json", "--tenant", "another"]);
    assert_eq!(none, "");
}

#[test]
fn a_block_is_shown_with_its_columns() {
    let store = Store::of(&["vparquet4"]);
    let shown = store.printed(&["show", BLOCKS[1].1]);
    for part in ["\"format\": \"vParquet4\"", "row group 0: 208 traces", "filters none"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let key = "rs.list.element.ss.list.element.Spans.list.element.Attrs.list.element.Key";
    let line = shown.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(line.contains("SNAPPY") && line.contains("RLE_DICTIONARY"), "{line}");
    let json: Value =
        serde_json::from_str(&store.printed(&["show", BLOCKS[1].1, "--json"])).unwrap();
    assert_eq!(json["columns"].as_array().unwrap().len(), 103);
    assert_eq!(json["spans"], 1115);
    assert!(store.refused(&["show", "no-such-block"]).contains("no live block no-such-block"));
}

#[test]
fn tempos_blocks_are_sound_also_with_filters_made_for_them() {
    let names = ["vparquet3", "vparquet4", "vparquet5", "vparquet5-dedicated"];
    let store = Store::of(&names);
    let printed = store.printed(&["check"]);
    assert_eq!(printed.matches("sound (208 traces, 1115 spans").count(), 4, "{printed}");
    assert!(printed.contains("4 blocks, 0 faults"), "{printed}");
    assert_eq!(store.printed(&["rebuild-filters"]).lines().count(), 4);
    assert!(store.block(BLOCKS[0].1).join("stringendo.filters").is_file());
    assert!(store.printed(&["check"]).contains("4 blocks, 0 faults"));
    assert_eq!(store.printed(&["rebuild-filters", "--missing"]), "");
}

#[test]
fn what_is_wrong_with_a_block_is_named() {
    let (name, id) = BLOCKS[2];
    let store = Store::of(&[name]);
    let file = |name: &str| store.block(id).join(name);
    let change = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let whole = std::fs::read(file(name)).unwrap();
        let mut bytes = whole.clone();
        change(&mut bytes);
        std::fs::write(file(name), bytes).unwrap();
        let printed = store.refused(&["check"]);
        std::fs::write(file(name), whole).unwrap();
        printed
    };
    let replace = |from: &'static str, to: &'static str| {
        move |bytes: &mut Vec<u8>| *bytes = text(bytes).replace(from, to).into_bytes()
    };
    let printed = change("meta.json", &replace("\"totalRecords\":1", "\"totalRecords\":2"));
    assert!(printed.contains("meta.json: totalRecords is 2, expected 1"), "{printed}");
    let printed = change("meta.json", &replace("\"totalObjects\":208", "\"totalObjects\":9"));
    assert!(printed.contains("totalObjects is 9, expected 208"), "{printed}");
    let printed = change("meta.json", &replace("vParquet5", "vParquet9"));
    assert!(printed.contains("version \"vParquet9\""), "{printed}");
    let printed = change("meta.json", &|bytes| bytes.truncate(40));
    assert!(printed.contains("meta.json"), "{printed}");
    let printed = change("data.parquet", &|bytes| bytes[20_000] ^= 1);
    assert!(printed.contains("checksum does not match"), "{printed}");
    let printed = change("data.parquet", &|bytes| bytes.truncate(50_000));
    assert!(printed.contains("data.parquet"), "{printed}");
    let printed = change("bloom-0", &|bytes| bytes[24..].fill(0));
    assert!(printed.contains("bloom-0 denies trace"), "{printed}");
    let printed = change("index", &|bytes| bytes.truncate(10));
    assert!(printed.contains("index does not name"), "{printed}");
    store.printed(&["rebuild-filters"]);
    let printed = change("stringendo.filters", &|bytes| {
        let end = bytes.len() - 1;
        bytes[end / 2..end].fill(0);
    });
    assert!(printed.contains("stringendo.filters"), "{printed}");
    assert!(store.printed(&["check"]).contains("0 faults"));
}

#[test]
fn a_deleted_trace_is_in_no_block_and_all_others_are() {
    let store = Store::of(&["vparquet4", "vparquet5"]);
    let id = recorded().into_keys().nth(100).unwrap();
    let plan = store.printed(&["delete-trace", &id, "--dry-run"]);
    assert_eq!(plan.matches("to be rewritten").count(), 2, "{plan}");
    let receipt = store.printed(&["delete-trace", &id]);
    assert_eq!(receipt.matches("marked compacted, into").count(), 2, "{receipt}");
    assert_eq!(receipt.matches("superseded, still has it").count(), 2, "{receipt}");
    assert!(receipt.contains("from 2 of 2 blocks, 0 failures"), "{receipt}");
    let table = store.printed(&["list"]);
    assert!(table.contains("2 blocks") && table.contains("414 traces"), "{table}");
    assert!(store.printed(&["check"]).contains("2 blocks, 0 faults"));
    let again = store.printed(&["delete-trace", &id, "--purge"]);
    assert_eq!(again.matches("superseded, is deleted").count(), 2, "{again}");
    assert!(again.contains("0 spans removed from 0 of 2 blocks"), "{again}");
    let blocks = store.dir.path().join("blocks/single-tenant");
    let left = std::fs::read_dir(blocks).unwrap().filter(|it| it.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 2);
}

#[test]
fn a_trace_is_deleted_whatever_filters_say() {
    let store = Store::of(&["vparquet5"]);
    let filter = store.block(BLOCKS[2].1).join("bloom-0");
    let mut bytes = std::fs::read(&filter).unwrap();
    // Behind sizes and the number of hashes: no trace is there.
    bytes[24..].fill(0);
    std::fs::write(filter, bytes).unwrap();
    let id = recorded().into_keys().nth(100).unwrap();
    let receipt = store.printed(&["delete-trace", &id]);
    assert!(receipt.contains("from 1 of 1 blocks, 0 failures"), "{receipt}");
}

#[test]
fn a_block_of_a_version_that_is_only_read_is_rewritten_as_one_that_is_written() {
    let store = Store::of(&["vparquet3"]);
    let id = recorded().into_keys().nth(7).unwrap();
    let receipt = store.printed(&["delete-trace", &id]);
    let how = "rewritten as vParquet4 (it was vParquet3), the old block marked compacted, into";
    assert!(receipt.contains(how), "{receipt}");
    assert!(receipt.contains("from 1 of 1 blocks, 0 failures"), "{receipt}");
    assert!(store.printed(&["check"]).contains("sound (207 traces"));
    assert!(store.printed(&["list"]).contains("vParquet4"));
    assert!(store.refused(&["delete-trace", "no id"]).contains("is no trace id"));
    // What is there of the others is what was there before.
    let server = Server::start_on(Options::default(), |dir| {
        copy_dir(&store.dir.path().join("blocks"), &dir.join("blocks"));
    });
    let before = Server::start_on(Options::default(), |dir| {
        copy_dir(&data_path("blocks/vparquet3"), &dir.join("blocks"));
    });
    let others = recorded().into_keys().filter(|other| *other != id).map(|other| {
        let mut answer = before.get(&format!("/api/v2/traces/{other}")).ok().json();
        (other, answer["trace"].take())
    });
    assert_equal(&server, "rewritten", &others.collect());
    assert_eq!(server.get(&format!("/api/traces/{id}")).status, 404);
}

#[test]
fn a_trace_is_deleted_only_while_no_server_uses_the_data() {
    let mut server = Server::start(Options::default());
    send_over_http(&server);
    server.flush();
    let blocks = server.dir().join("blocks");
    let id = recorded().into_keys().nth(42).unwrap();
    assert!(run(&blocks, &["list"]).status.success());
    let refused = run(&blocks, &["delete-trace", &id]);
    assert_eq!(refused.status.code(), Some(1));
    let why = text(&refused.stderr);
    assert!(why.contains("A server uses this data. Stop it"), "{why}");
    server.kill9();
    // The log of a server that was killed holds what may be in no block yet.
    server.start_again();
    assert!(server.terminate().success());
    let config = format!("--config.file={}", server.dir().join("config.yaml").display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_stringendo"));
    let output =
        command.args(["blocks", "delete-trace", &id, "--purge", &config]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains("the old block deleted, into"), "{output:?}");
    server.start_again();
    let answer = server.get(&format!("/api/traces/{id}"));
    assert_eq!(answer.status, 404, "{output:?}");
    let all = server.search(&[("start", "1768470000"), ("end", "1768490000"), ("limit", "1000")]);
    assert_eq!(all.len(), recorded().len() - 1);
}
