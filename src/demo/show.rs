//! What the demo prints after the workload: a trace, a search, and where to go on.

use form_urlencoded::Serializer;
use stringendo_loadgen::Report;

use super::client::Client;
use super::{Addresses, DemoError, tree};

/// Traces that the search shows.
const SEARCH_LIMIT: u32 = 5;
/// What the search asks for when the run brought no trace to ask by.
const ANY_ERROR: &str = "{ status = error }";

/// Reads the report's example trace back and prints it as a tree.
pub fn example_trace(client: &Client, report: &Report) -> Result<(), DemoError> {
    let Some(example) = &report.example else {
        println!("No trace was acknowledged in whole, so there is none to show.");
        return Ok(());
    };
    let answer = client.json(&format!("/api/v2/traces/{}", example.trace_id))?;
    println!("Trace {}, read back from the server:\n", example.trace_id);
    println!("{}", tree::render(&answer));
    Ok(())
}

/// Searches and prints what was found.
pub fn search(client: &Client, report: &Report) -> Result<(), DemoError> {
    let query = query(report);
    let answer = client.json(&search_path(&query))?;
    let empty = Vec::new();
    let traces = answer["traces"].as_array().unwrap_or(&empty);
    println!("Search {query}, newest {} of those found:\n", traces.len());
    for trace in traces {
        println!(
            "  {:>32}  {:<24} {:<28} {:>6} ms  {} spans match",
            text(&trace["traceID"]),
            text(&trace["rootServiceName"]),
            text(&trace["rootTraceName"]),
            trace["durationMs"].as_u64().unwrap_or(0),
            trace["spanSets"][0]["matched"].as_u64().unwrap_or(0),
        );
    }
    println!("\n  inspected: {}\n", answer["metrics"]);
    Ok(())
}

/// The way on, to copy and paste.
pub fn where_to_go(addresses: &Addresses, report: &Report) {
    let Addresses { api, otlp_grpc, otlp_http } = addresses;
    println!("Serving until Ctrl-C:");
    println!("  Grafana data source (type Tempo)  http://{api}");
    println!("  OTLP over gRPC                    {otlp_grpc}");
    println!("  OTLP over HTTP                    http://{otlp_http}/v1/traces");
    println!("  metrics, status                   http://{api}/metrics  http://{api}/status");
    if let Some(example) = &report.example {
        println!("  curl http://{api}/api/traces/{}", example.trace_id);
    }
    println!("  curl 'http://{api}{}'", search_path(&query(report)));
}

/// Errors of a service that had one.
fn query(report: &Report) -> String {
    let example = report.example.as_ref();
    match example.and_then(|example| example.services.first()) {
        Some(service) => {
            format!("{{ resource.service.name = \"{service}\" && status = error }}")
        }
        None => ANY_ERROR.to_owned(),
    }
}

fn search_path(query: &str) -> String {
    let mut parameters = Serializer::new(String::new());
    parameters.append_pair("q", query).append_pair("limit", &SEARCH_LIMIT.to_string());
    format!("/api/search?{}", parameters.finish())
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or("-")
}
