//! Names and values of tags (contract http-api.md §5): from parameters to [`Node::tag_names`] and
//! [`Node::tag_values`].
//!
//! [`Node::tag_names`]: stringendo_engine::Node::tag_names
//! [`Node::tag_values`]: stringendo_engine::Node::tag_values

use http::HeaderMap;
use prost::Message;
use stringendo_engine::query::memory::Held;
use stringendo_engine::query::tags::answer::{NamesAnswer, ValuesAnswer};
use stringendo_engine::{QueryError, TenantId};
use stringendo_proto::render_json;
use stringendo_traceql::narrow::INTRINSIC_TAGS;

use super::counted::QueryCount;
use super::failure::Failure;
use super::format::Format;
use super::params::Params;
use super::tags_params::{self, Names, Values};
use super::{Api, Call};
use crate::http1::Answer;

/// Which form of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Names of all scopes in one list; values as texts.
    V1,
    /// Names by scope; values with types.
    V2,
}

impl Api {
    /// Answers with the names of tags.
    pub(super) async fn answer_tag_names(
        &self,
        version: Version,
        call: &Call,
    ) -> Result<Answer, Failure> {
        let Held { value: names, kept: _kept } =
            self.tag_names(version, &call.params, &call.headers).await?;
        let format = Format::without_llm(&call.headers);
        match version {
            Version::V1 => {
                let answer = names.into_v1();
                self.written(format, answer.encoded_len(), || match format {
                    Format::Protobuf => answer.encode_to_vec(),
                    Format::Json | Format::Llm => render_json::tag_names_v1(&answer),
                })
            }
            Version::V2 => {
                let answer = names.into_v2();
                self.written(format, answer.encoded_len(), || match format {
                    Format::Protobuf => answer.encode_to_vec(),
                    Format::Json | Format::Llm => render_json::tag_names_v2(&answer),
                })
            }
        }
    }

    /// Answers with the values of a tag.
    pub(super) async fn answer_tag_values(
        &self,
        version: Version,
        tag: &str,
        call: &Call,
    ) -> Result<Answer, Failure> {
        let Held { value: values, kept: _kept } =
            self.tag_values(version, tag, &call.params, &call.headers).await?;
        match version {
            Version::V1 => {
                let (answer, format) = (values.into_v1(), Format::without_llm(&call.headers));
                self.written(format, answer.encoded_len(), || match format {
                    Format::Protobuf => answer.encode_to_vec(),
                    Format::Json | Format::Llm => render_json::tag_values_v1(&answer),
                })
            }
            Version::V2 => {
                let (answer, format) = (values.into_v2(), Format::of(&call.headers));
                self.written(format, answer.encoded_len(), || match format {
                    Format::Protobuf => answer.encode_to_vec(),
                    Format::Json => render_json::tag_values_v2(&answer),
                    Format::Llm => render_json::tag_values_llm(&answer),
                })
            }
        }
    }

    /// The names that these parameters ask for; HTTP and gRPC alike.
    ///
    /// # Errors
    /// What is wrong with the parameters, or why there is no answer.
    pub async fn tag_names(
        &self,
        version: Version,
        params: &Params,
        headers: &HeaderMap,
    ) -> Result<Held<NamesAnswer>, Failure> {
        let tenants = self.query_tenants(headers)?;
        let now = self.node.clock().unix_nanos();
        let settings = (&self.settings.search, &self.settings.tags);
        let Names { request, with_intrinsic } = tags_params::names(version, params, settings, now)?;
        let counts = self.count_tags(&tenants)?;
        let mut names = self.node.tag_names(&tenants, request).await?;
        completed(counts, names.value.inspected_bytes());
        if with_intrinsic {
            names.value.add_fixed("intrinsic", &INTRINSIC_TAGS);
        }
        Ok(names)
    }

    /// The values that these parameters ask for; HTTP and gRPC alike.
    ///
    /// # Errors
    /// What is wrong with the parameters, or why there is no answer.
    pub async fn tag_values(
        &self,
        version: Version,
        tag: &str,
        params: &Params,
        headers: &HeaderMap,
    ) -> Result<Held<ValuesAnswer>, Failure> {
        let tenants = self.query_tenants(headers)?;
        let now = self.node.clock().unix_nanos();
        let settings = (&self.settings.search, &self.settings.tags);
        let request = match tags_params::values(version, tag, params, settings, now)? {
            Values::Known(words) => {
                return Ok(Held { value: ValuesAnswer::of_strings(words), ..Held::default() });
            }
            Values::Asked(request) => request,
        };
        let counts = self.count_tags(&tenants)?;
        let values = self.node.tag_values(&tenants, *request).await?;
        completed(counts, values.value.inspected_bytes());
        Ok(values)
    }

    fn count_tags<'a>(
        &'a self,
        tenants: &'a [TenantId],
    ) -> Result<Vec<QueryCount<'a>>, QueryError> {
        let begin = |tenant| QueryCount::begin(&self.node, tenant, "metadata");
        tenants.iter().map(begin).collect()
    }
}

fn completed(counts: Vec<QueryCount<'_>>, bytes: &[u64]) {
    let bytes = bytes.iter().copied().chain(std::iter::repeat(0));
    counts.into_iter().zip(bytes).for_each(|(count, bytes)| count.completed(bytes));
}
