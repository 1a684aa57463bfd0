use super::*;

fn plain(path: &str) -> (Route, String) {
    let routes = Routes::new("", "");
    let route = routes.find(path);
    let label = routes.label(&route).into_owned();
    (route, label)
}

#[test]
fn every_endpoint_has_its_route_and_label() {
    let id = || "0aF".to_owned();
    assert_eq!(plain("/api/traces/0aF"), (Route::Trace(id()), "api_traces_traceid".into()));
    assert_eq!(plain("/api/v2/traces/0aF"), (Route::TraceV2(id()), "api_v2_traces_traceid".into()));
    assert_eq!(plain("/api/search"), (Route::Search, "api_search".into()));
    assert_eq!(plain("/ready"), (Route::Ready, "ready".into()));
    assert_eq!(plain("/ingester/shutdown"), (Route::Shutdown, "shutdown".into()));
    assert_eq!(plain("/status/config").0, Route::StatusPage("config".into()));
    assert_eq!(plain("/status/usage-stats").0, Route::UsageStats);
    let label = "api_v2_search_tag_tagname_values";
    let values = |tag: &str| (Route::TagValues(Version::V2, tag.into()), label.into());
    assert_eq!(plain("/api/v2/search/tag/a/b/values"), values("a/b"));
    assert_eq!(plain("/api/v2/search/tag/span.a%2Fb%20c/values"), values("span.a/b c"));
    assert_eq!(plain("/api/search/tags").0, Route::TagNames(Version::V1));
    assert_eq!(plain("/memberlist"), (Route::NotServed("memberlist"), "memberlist".into()));
    assert_eq!(plain("/nothing"), (Route::Unknown, "other".into()));
}

#[test]
fn what_is_almost_an_endpoint_is_none() {
    for path in ["", "/", "/api/traces/", "/api/traces", "/api/traces/1/2", "/api/searchx", "api/"]
    {
        assert_eq!(plain(path).0, Route::Unknown, "{path}");
    }
}

#[test]
fn variables_are_decoded_once() {
    assert_eq!(plain("/api/traces/%2541").0, Route::Trace("%41".into()));
}

#[test]
fn prefixes_are_asked_for_and_show_in_labels() {
    let routes = Routes::new("/all", "/tempo/");
    let search = routes.find("/all/tempo/api/search");
    assert_eq!(search, Route::Search);
    assert_eq!(routes.label(&search), "all_tempo_api_search");
    let ready = routes.find("/all/ready");
    assert_eq!(routes.label(&ready), "all_ready");
    for path in ["/api/search", "/all/api/search", "/tempo/api/search", "/ready"] {
        assert_eq!(routes.find(path), Route::Unknown, "{path}");
    }
    assert_eq!(routes.label(&Route::Unknown), "other");
    assert_eq!(routes.find("/all/tempo/status/usage-stats"), Route::UsageStats);
}
