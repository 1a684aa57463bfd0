//! `cargo xtask bench` without a name: every figure in one table, beside those that were committed
//! last, or beside another revision whose rounds alternate with ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::json;

use super::figure::{Better, Figure, Figures, Verdict, relative_change, verdict};
use super::ingest::{Bench, Load};
use super::{machine, merge, number, pressure, search};
use crate::error::{What, XtaskError, failed};
use crate::tools::{self, Binaries};

/// The figures that were committed last.
const COMMITTED: &str = "benches/figures.json";
/// What the server costs, from which its peak follows.
const COST: &str = "CPU-s per million spans in all";

/// Adds the command's options.
pub fn arguments(command: clap::Command) -> clap::Command {
    let option = |name, shape, help| Arg::new(name).long(name).value_name(shape).help(help);
    command.args([
        option("rounds", "N", "How often everything is measured").default_value("3"),
        option("spans", "N", "Spans of a run, as 500k or 2m").default_value("1m"),
        option("search-spans", "N", "Spans in blocks that are searched").default_value("3m"),
        option("against", "REVISION", "Measure that, too, in turns"),
        option("save", "", "Write the figures to benches/figures.json").action(ArgAction::SetTrue),
        tools::no_build_arg(),
    ])
}

/// What is measured.
struct Side {
    name: String,
    binaries: Binaries,
    /// The bench of merging blocks; of another revision it is not built.
    merge: Option<PathBuf>,
    figures: Figures,
}

/// Runs it.
///
/// # Errors
/// When a build, a server or the load generator fails.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let (rounds, spans) = (number(text("rounds"))?, number(text("spans"))?);
    let search_spans = number(text("search-spans"))?;
    let dir = super::directory()?;
    let mut sides = sides(matches, &dir)?;
    for round in 0..rounds {
        for turn in 0..sides.len() {
            // Whoever comes first in one round comes last in the next.
            let side = (turn + round as usize) % sides.len();
            let Side { name, binaries, merge, figures } = &mut sides[side];
            eprintln!("round {} of {rounds}: {name}", round + 1);
            figures.add(measure(binaries, &dir, spans, search_spans)?);
            if let Some(bench) = merge {
                figures.add(merge::figures(bench)?);
            }
        }
    }
    let ours = sides.remove(0);
    let before = sides.pop();
    let json = json!({
        "machine": machine(),
        "revision": ours.name,
        "arguments": { "rounds": rounds, "spans": spans, "search_spans": search_spans },
        "figures": ours.figures.json(),
    });
    match before {
        Some(before) => print(&ours, &before.name, &before.figures),
        None => print_beside_committed(&ours)?,
    }
    super::write(&dir.join("bench.json"), &json)?;
    if matches.get_flag("save") {
        super::write(&tools::root().join(COMMITTED), &json)
    } else {
        Ok(())
    }
}

/// Ours first.
fn sides(matches: &ArgMatches, dir: &Path) -> Result<Vec<Side>, XtaskError> {
    let side = |name, binaries, merge| Side { name, binaries, merge, figures: Figures::default() };
    let ours = tools::build("release", matches)?.copied_to(dir)?;
    let mut sides = vec![side(revision()?, ours, Some(merge::build()?))];
    if let Some(other) = matches.get_one::<String>("against") {
        sides.push(side(other.clone(), build_revision(other, dir)?, None));
    }
    Ok(sides)
}

/// All figures, once.
fn measure(
    binaries: &Binaries,
    dir: &Path,
    spans: u64,
    search_spans: u64,
) -> Result<Vec<Figure>, XtaskError> {
    let bench = Bench::new(Load::of(spans), binaries.clone(), dir.to_owned())?;
    let mut figures = bench.figures()?;
    let Some(cost) = figures.iter().find(|figure| figure.name == COST).map(Figure::median) else {
        return failed("the load generator reports no CPU time of the server");
    };
    let peak = 1e6 / cost;
    figures.push(Figure::new("peak: spans per second and core for long", Better::Higher, peak));
    figures.extend(pressure::latency(&bench, peak)?);
    figures.extend(pressure::overload(&bench, peak)?);
    figures.extend(pressure::replay(&bench)?);
    figures.extend(search::Bench::new(binaries.clone(), dir, search_spans).figures()?);
    Ok(figures)
}

/// Builds another revision in a tree of its own; what is built there is kept for the next time.
fn build_revision(revision: &str, dir: &Path) -> Result<Binaries, XtaskError> {
    let (tree, target) = (dir.join("against"), dir.join("against-target"));
    let binaries = dir.join("against-bin");
    remove_tree(&tree)?;
    let mut add = git(["worktree", "add", "--force", "--detach"]);
    tools::run(add.arg(&tree).arg(revision))?;
    let packages = ["-p", "stringendo", "-p", "stringendo-loadgen"];
    let mut build = tools::cargo("build");
    build.current_dir(&tree).env("CARGO_TARGET_DIR", &target).arg("--release").args(packages);
    let built = tools::run(&mut build);
    remove_tree(&tree)?;
    built?;
    std::fs::create_dir_all(&binaries).what(|| binaries.display().to_string())?;
    let release = target.join("release");
    let built = Binaries { server: release.join("stringendo"), loadgen: release.join("loadgen") };
    built.copied_to(&binaries)
}

fn remove_tree(tree: &PathBuf) -> Result<(), XtaskError> {
    if tree.exists() {
        tools::run(git(["worktree", "remove", "--force"]).arg(tree))?;
    }
    tools::run(&mut git(["worktree", "prune"]))
}

fn git<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(tools::root()).args(arguments);
    command
}

/// Of this tree, with a mark if it has changes.
fn revision() -> Result<String, XtaskError> {
    let mut command = git(["describe", "--always", "--dirty", "--exclude=*"]);
    let output = command.output().what(|| "git".to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn print_beside_committed(ours: &Side) -> Result<(), XtaskError> {
    let path = tools::root().join(COMMITTED);
    if !path.exists() {
        print(ours, "nothing committed", &Figures::default());
        return Ok(());
    }
    let json = super::read(&path)?;
    let revision = json["revision"].as_str().unwrap_or("committed");
    print(ours, revision, &Figures::of_json(&json["figures"])?);
    let committed_on = json["machine"].as_str().unwrap_or_default();
    if committed_on != machine() {
        println!("{revision} was measured on another machine: {committed_on}");
    }
    Ok(())
}

fn print(ours: &Side, before_name: &str, before: &Figures) {
    println!("\n{} on {}", ours.name, machine());
    println!("medians of the rounds, least and most of ours; beside {before_name}\n");
    println!("{:<52} {:>10} {:>21} {:>10} {:>8}", "", "now", "range", "before", "change");
    for figure in &ours.figures.all {
        let [least, most] = figure.range().map(rounded);
        let (now, range) = (rounded(figure.median()), format!("{least}–{most}"));
        let [then, change] = match before.get(&figure.name) {
            Some(before) => [rounded(before.median()), change(before, figure)],
            None => ["-".to_owned(), String::new()],
        };
        println!("{:<52} {now:>10} {range:>21} {then:>10} {change}", figure.name);
    }
    println!();
}

fn change(before: &Figure, now: &Figure) -> String {
    let percent = format!("{:+7.1}%", relative_change(before, now) * 100.0);
    match verdict(before, now) {
        Verdict::Same => format!("{percent} same within noise"),
        Verdict::Better => format!("{percent} better"),
        Verdict::Worse => format!("{percent} WORSE"),
    }
}

/// Three digits that count.
fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
