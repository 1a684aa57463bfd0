//! Pages about limits of tenants: `/status/runtime_config`, `/status/overrides` and
//! `/status/overrides/{tenant}` (contract http-api.md §9).

use std::collections::BTreeSet;
use std::fmt::Write;

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use stringendo_engine::{Limits, TenantId, TenantLimits};

use super::failure::Failure;
use super::params::Params;
use super::{Api, Call};
use crate::http1::Answer;

/// The tenant that a status page is about; empty for the page about all of them.
pub(super) fn tenant_of(page: &str) -> Option<&str> {
    let rest = page.strip_prefix("overrides")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

impl Api {
    /// The text of `/status/runtime_config`.
    pub(super) fn runtime_config(&self, params: &Params) -> Result<String, Failure> {
        let yaml: fn(&TenantLimits) -> &str = match params.get("mode") {
            None => |limits| &limits.yaml,
            Some("diff") => |limits| &limits.yaml_diff,
            Some(other) => {
                let message = format!("unknown value for mode: {other:?}").into();
                return Err(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, message });
            }
        };
        let limits = self.node.shard().limits();
        let mut page = format!("---\ndefaults:{}", below(yaml(&limits.defaults), 2));
        let mut entries: Vec<_> =
            limits.tenants.iter().map(|(tenant, entry)| (tenant.as_str(), entry)).collect();
        entries.extend(limits.any.iter().map(|entry| ("*", entry)));
        entries.sort_by_key(|(name, _)| *name);
        page.push_str(if entries.is_empty() { "overrides: {}\n" } else { "overrides:\n" });
        for (name, entry) in entries {
            let _infallible = write!(page, "  {}:{}", Value::from(name), below(yaml(entry), 4));
        }
        Ok(page)
    }

    /// `/status/overrides` and `/status/overrides/{tenant}`.
    pub(super) fn overrides_page(&self, tenant: &str, call: &Call) -> Result<Answer, Failure> {
        let limits = self.node.shard().limits();
        let page = match tenant {
            "" => self.all_tenants(&limits),
            name => {
                let tenant = TenantId::parse(name);
                let tenant = tenant.map_err(|error| Failure::bad(error.to_string()))?;
                self.one_tenant(&limits, &tenant)
            }
        };
        let accept = call.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let wants_json = accept.is_some_and(|accept| accept.contains("application/json"));
        Ok(match wants_json {
            true => typed("application/json", page.json.to_string()),
            false => typed("text/html; charset=utf-8", page.html),
        })
    }

    fn all_tenants(&self, limits: &Limits) -> Page {
        let names: BTreeSet<&TenantId> = limits.tenants.keys().chain(limits.user.keys()).collect();
        let (mut rows, mut tenants) = (String::new(), Vec::with_capacity(names.len()));
        for tenant in names {
            let runtime = limits.tenants.contains_key(tenant);
            let user = limits.user.contains_key(tenant);
            let name = escaped(tenant.as_str());
            let _infallible = writeln!(
                rows,
                "<tr><td><a href=\"overrides/{name}\">{name}</a></td><td>{runtime}</td>\
                 <td>{user}</td></tr>"
            );
            tenants.push(json!({
                "name": tenant.as_str(),
                "has_runtime_overrides": runtime,
                "has_user_configurable_overrides": user,
            }));
        }
        let table = format!(
            "<table><tr><th>Tenant</th><th>Runtime overrides</th>\
             <th>User-configurable overrides</th></tr>\n{rows}</table>"
        );
        Page {
            html: html("Overrides", &self.now(), &table),
            json: json!({ "now": self.now(), "tenants": tenants }),
        }
    }

    fn one_tenant(&self, limits: &Limits, tenant: &TenantId) -> Page {
        let operator = &limits.of_operator(tenant).yaml;
        let user = limits.user.get(tenant).map(|user| Value::Object(user.limits.clone()));
        let shown = user.as_ref().map_or_else(|| "none".to_owned(), Value::to_string);
        let body = format!(
            "<h2>Runtime overrides</h2><pre>{}</pre>\
             <h2>User-configurable overrides</h2><pre>{}</pre>",
            escaped(operator.trim_start_matches("---").trim()),
            escaped(&shown)
        );
        let json = json!({
            "now": self.now(),
            "name": tenant.as_str(),
            "has_runtime_overrides": limits.tenants.contains_key(tenant),
            "has_user_configurable_overrides": user.is_some(),
            "runtime_overrides": operator,
            "user_configurable_overrides": user,
        });
        Page { html: html(&format!("Overrides of {}", tenant.as_str()), &self.now(), &body), json }
    }

    fn now(&self) -> String {
        let nanos = i128::from(self.node.clock().unix_nanos());
        jiff::Timestamp::from_nanosecond(nanos).map(|now| now.to_string()).unwrap_or_default()
    }
}

/// A page in both forms.
struct Page {
    html: String,
    json: Value,
}

fn html(title: &str, now: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1><p>{now}</p>\n{body}\n</body></html>\n"
    )
}

/// Text between tags, or in an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// What follows a key: the lines of a document, moved to the right.
fn below(yaml: &str, indent: usize) -> String {
    let yaml = yaml.strip_prefix("---").unwrap_or(yaml);
    match yaml.strip_prefix('\n') {
        Some(lines) => lines.lines().fold("\n".to_owned(), |mut out, line| {
            let _infallible = writeln!(out, "{:indent$}{line}", "");
            out
        }),
        // A value of one line, such as `{}`.
        None if yaml.is_empty() => " {}\n".to_owned(),
        None => yaml.to_owned(),
    }
}

fn typed(mime: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    answer
}
