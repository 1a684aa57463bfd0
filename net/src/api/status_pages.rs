//! Build info and the pages below `/status` (contract http-api.md §9).

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use std::fmt::Write;

use super::Api;
use super::failure::Failure;
use super::format::Format;
use super::not_found;
use super::params::Params;
use crate::http1::{Answer, text};

/// What is served, for `/status/endpoints`.
const ENDPOINTS: [&str; 18] = [
    "/api/echo",
    "/api/overrides",
    "/api/search",
    "/api/status/buildinfo",
    "/api/traces/{traceID}",
    "/api/v2/traces/{traceID}",
    "/flush",
    "/ingester/shutdown",
    "/metrics",
    "/ready",
    "/shutdown",
    "/status",
    "/status/config",
    "/status/overrides",
    "/status/overrides/{tenant}",
    "/status/runtime_config",
    "/status/{endpoint}",
    "/status/usage-stats",
];

/// Pages of `/status`, in its order.
const PAGES: [&str; 5] = ["version", "services", "endpoints", "runtime_config", "config"];

impl Api {
    /// `/api/status/buildinfo`.
    pub(super) fn build_info(&self) -> Answer {
        let build = &self.pages.build;
        let json = serde_json::json!({
            "version": build.version,
            "revision": build.revision,
            "branch": build.branch,
            "buildUser": build.build_user,
            "buildDate": build.build_date,
            "goVersion": build.compiler_version,
        });
        Format::Json.answer(json.to_string().into_bytes())
    }

    /// `/status`: all pages below each other.
    pub(super) async fn status(&self) -> Result<Answer, Failure> {
        let mut all = String::new();
        for name in PAGES {
            let page = self.page(name, &Params::default()).await?.unwrap_or_default();
            let _infallible = write!(all, "GET /status/{name}\n{page}\n");
        }
        Ok(text(StatusCode::OK, all))
    }

    /// `/status/{name}`.
    pub(super) async fn status_page(&self, name: &str, params: &Params) -> Result<Answer, Failure> {
        if name == "backendscheduler" {
            return Err(Failure::not_served(&format!("/status/{name}")));
        }
        let Some(page) = self.page(name, params).await? else { return Ok(not_found()) };
        if !["config", "runtime_config"].contains(&name) {
            return Ok(text(StatusCode::OK, page));
        }
        let mut answer = Response::new(Full::new(page.into()));
        let mime = HeaderValue::from_static("text/yaml; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, mime);
        Ok(answer)
    }

    async fn page(&self, name: &str, params: &Params) -> Result<Option<String>, Failure> {
        Ok(Some(match name {
            "version" => self.version(),
            "services" => self.services().await,
            "endpoints" => self.endpoints(),
            "config" => self.config(params)?,
            "runtime_config" => self.runtime_config(params)?,
            _ => return Ok(None),
        }))
    }

    fn version(&self) -> String {
        let build = &self.pages.build;
        format!(
            "tempo, version {} (branch: {}, revision: {})\n  build user:       {}\n  \
             build date:       {}\n  compiler:         {}\n  platform:         {}/{}\n",
            build.version,
            build.branch,
            build.revision,
            build.build_user,
            build.build_date,
            build.compiler_version,
            std::env::consts::OS,
            std::env::consts::ARCH,
        )
    }

    /// One line per core, since a core is what can be up or not.
    async fn services(&self) -> String {
        let ready = self.node.ready().await;
        let mut table = "service name | status | failure case\n".to_owned();
        for core in self.node.cores() {
            let status = match &ready {
                Err(stringendo_engine::node::NotReady::Stopping) => "Stopping",
                Err(stringendo_engine::node::NotReady::Cores(cores)) if cores.contains(&core) => {
                    "Starting"
                }
                _ => "Running",
            };
            let _infallible = writeln!(table, "core-{} | {status} |", core.0);
        }
        table
    }

    fn endpoints(&self) -> String {
        let mut table = "name\n".to_owned();
        for endpoint in ENDPOINTS {
            let has_prefix = endpoint.starts_with("/api/") || endpoint == "/status/usage-stats";
            let api_prefix = if has_prefix { self.settings.api_prefix.as_str() } else { "" };
            let _infallible =
                writeln!(table, "{}{api_prefix}{endpoint}", self.settings.path_prefix);
        }
        table.push_str("\nAPI documentation: https://grafana.com/docs/tempo/latest/api_docs/\n");
        table
    }

    fn config(&self, params: &Params) -> Result<String, Failure> {
        let yaml = match params.get("mode") {
            None => &self.pages.config_yaml,
            Some("defaults") => &self.pages.config_defaults_yaml,
            Some("diff") => &self.pages.config_diff_yaml,
            Some(other) => {
                let message = format!("unknown value for mode: {other:?}").into();
                return Err(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, message });
            }
        };
        let start = if yaml.starts_with("---") { "" } else { "---\n" };
        Ok(format!("{start}{yaml}"))
    }
}
