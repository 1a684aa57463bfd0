use http::HeaderValue;

use super::*;

fn named(names: &[&'static str]) -> Result<String, (&'static str, String)> {
    let tenants = Tenants::new(TenantSettings { multitenancy: true, ..Default::default() });
    let mut headers = HeaderMap::new();
    for name in names {
        headers.append("x-scope-orgid", HeaderValue::from_static(name));
    }
    let tenant = tenants.of(&headers).map(|tenant| tenant.to_string());
    tenant.map_err(|refusal| (refusal.reason, refusal.message.into_owned()))
}

#[test]
fn without_tenants_the_header_means_nothing() {
    let tenants = Tenants::new(TenantSettings::default());
    let mut headers = HeaderMap::new();
    headers.insert("x-scope-orgid", HeaderValue::from_static("a/b"));
    assert_eq!(tenants.of(&headers).unwrap().as_str(), "single-tenant");
}

#[test]
fn exactly_one_valid_name_is_taken() {
    assert_eq!(named(&["team-a"]).unwrap(), "team-a");
    assert_eq!(named(&[]).unwrap_err(), ("no_tenant", "no org id".to_owned()));
    assert_eq!(named(&[""]).unwrap_err().0, "no_tenant");
    for names in [&["a", "b"][..], &["../x"], &[".."], &["a|b"]] {
        assert_eq!(named(names).unwrap_err().0, "invalid_tenant", "{names:?}");
    }
}
