//! Whose request it is (contract receivers.md §2 step 1, http-api.md §1.1).

use http::{HeaderMap, StatusCode};
use stringendo_engine::TenantId;

use crate::settings::TenantSettings;
use crate::status::{Code, Refusal};

/// Finds the tenant of requests on one core.
#[derive(Clone, Debug)]
pub struct Tenants {
    settings: TenantSettings,
    single: TenantId,
}

impl Tenants {
    /// By these settings.
    pub fn new(settings: TenantSettings) -> Self {
        Self { settings, single: TenantId::single() }
    }

    /// The tenant named by exactly one header.
    ///
    /// # Errors
    /// None or several are named, or the name is not allowed.
    pub fn of(&self, headers: &HeaderMap) -> Result<TenantId, Refusal> {
        if !self.settings.multitenancy {
            return Ok(self.single.clone());
        }
        parse(self.named(headers)?)
    }

    /// The tenants whose data is read: several are joined by `|`. Each once, in order.
    ///
    /// # Errors
    /// As [`Tenants::of`].
    pub fn of_reader(&self, headers: &HeaderMap) -> Result<Vec<TenantId>, Refusal> {
        if !self.settings.multitenancy {
            return Ok(vec![self.single.clone()]);
        }
        let each = self.named(headers)?.split('|').map(parse);
        let mut tenants = each.collect::<Result<Vec<_>, _>>()?;
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    fn named<'a>(&self, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
        let mut named = headers.get_all(self.settings.header.as_str()).iter();
        let name = named.next().filter(|name| !name.is_empty()).ok_or_else(Refusal::no_tenant)?;
        if named.next().is_some() {
            return Err(invalid(format!("several {} headers", self.settings.header)));
        }
        name.to_str().map_err(|_| invalid("tenant ID is not ASCII".to_owned()))
    }
}

fn parse(name: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(name).map_err(|error| invalid(error.to_string()))
}

fn invalid(message: String) -> Refusal {
    Refusal::new("invalid_tenant", Code::InvalidArgument, StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
