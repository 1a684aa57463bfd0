//! Which web pages may post spans (`cors` of an HTTP receiver).

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use crate::http1::{Answer, text};
use crate::settings::Cors;

/// The answer to a preflight; `None` if the request is none.
pub fn preflight<B>(cors: &Cors, request: &Request<B>) -> Option<Answer> {
    let headers = request.headers();
    let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let mut answer = text(StatusCode::NO_CONTENT, "");
    let out = answer.headers_mut();
    out.remove(header::CONTENT_TYPE);
    let origin = allowed_origin(cors, headers)?;
    out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    out.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        && are_allowed(cors, asked)
    {
        out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    if !cors.max_age.is_zero() {
        out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(cors.max_age.as_secs()));
    }
    Some(answer)
}

/// Lets the page read the answer, if its origin is allowed.
pub fn mark(cors: &Cors, request: &HeaderMap, answer: &mut Answer) {
    if let Some(origin) = allowed_origin(cors, request) {
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// What `Access-Control-Allow-Origin` says.
fn allowed_origin(cors: &Cors, request: &HeaderMap) -> Option<HeaderValue> {
    let origin = request.get(header::ORIGIN)?;
    if cors.allowed_origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let text = origin.to_str().ok()?;
    cors.allowed_origins.iter().any(|allowed| fits(allowed, text)).then(|| origin.clone())
}

/// Headers that every page may send, besides those that are configured.
const SAFE_HEADERS: [&str; 4] = ["accept", "content-type", "origin", "x-requested-with"];

fn are_allowed(cors: &Cors, asked: &HeaderValue) -> bool {
    let Ok(asked) = asked.to_str() else { return false };
    asked.split(',').map(str::trim).all(|name| {
        let is = |allowed: &String| allowed == "*" || allowed.eq_ignore_ascii_case(name);
        SAFE_HEADERS.iter().any(|safe| safe.eq_ignore_ascii_case(name))
            || cors.allowed_headers.iter().any(is)
    })
}

/// Whether `text` fits a pattern in which the first `*` stands for any run of characters.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.eq_ignore_ascii_case(text),
        Some((before, after)) => {
            text.len() >= before.len() + after.len()
                && text.starts_with(before)
                && text.ends_with(after)
        }
    }
}

#[cfg(test)]
#[path = "cors_tests.rs"]
mod tests;
