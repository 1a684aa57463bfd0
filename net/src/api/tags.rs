//! Names and values of tags (contract http-api.md §5): from parameters to [`Node::tag_names`] and
//! [`Node::tag_values`].
//!
//! [`Node::tag_names`]: stringendo_engine::Node::tag_names
//! [`Node::tag_values`]: stringendo_engine::Node::tag_values

use http::HeaderMap;
use prost::Message;
use stringendo_engine::query::memory::{AnswerMemory, Held};
use stringendo_engine::query::tags::TagsProgress;
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

/// A question for the names of tags.
pub struct NamesRun {
    asked: Names,
    tenants: Vec<TenantId>,
    progress: TagsProgress,
}

impl NamesRun {
    /// What was found so far. `memory` grows by what the copy holds.
    ///
    /// # Errors
    /// There is no memory for a copy.
    pub fn so_far(&self, memory: &mut AnswerMemory) -> Result<Option<NamesAnswer>, QueryError> {
        self.progress.names_so_far(memory)
    }
}

/// A question for the values of a tag.
pub struct ValuesRun {
    asked: Values,
    tenants: Vec<TenantId>,
    progress: TagsProgress,
}

impl ValuesRun {
    /// What was found so far. `memory` grows by what the copy holds.
    ///
    /// # Errors
    /// There is no memory for a copy.
    pub fn so_far(&self, memory: &mut AnswerMemory) -> Result<Option<ValuesAnswer>, QueryError> {
        self.progress.values_so_far(memory)
    }
}

impl Api {
    /// Answers with the names of tags.
    pub(super) async fn answer_tag_names(
        &self,
        version: Version,
        call: &Call,
    ) -> Result<Answer, Failure> {
        let run = self.begin_tag_names(version, &call.params, &call.headers)?;
        let Held { value: names, kept: _kept } = self.run_tag_names(&run).await?;
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
        let run = self.begin_tag_values(version, tag, &call.params, &call.headers)?;
        let Held { value: values, kept: _kept } = self.run_tag_values(&run).await?;
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

    /// Reads which names are asked for; HTTP and gRPC alike.
    ///
    /// # Errors
    /// 400 or 401 with what is wrong.
    pub fn begin_tag_names(
        &self,
        version: Version,
        params: &Params,
        headers: &HeaderMap,
    ) -> Result<NamesRun, Failure> {
        let tenants = self.query_tenants(headers)?;
        let now = self.node.clock().unix_nanos();
        let settings = (&self.search_settings(&tenants), &self.tag_settings(&tenants));
        let asked = tags_params::names(version, params, settings, now)?;
        Ok(NamesRun { asked, tenants, progress: TagsProgress::default() })
    }

    /// Finds the names.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn run_tag_names(&self, run: &NamesRun) -> Result<Held<NamesAnswer>, Failure> {
        let counts = self.count_tags(&run.tenants)?;
        let asked = &run.asked;
        let found = self.node.tag_names_with(&run.tenants, &asked.request, &run.progress);
        let mut names = found.await?;
        completed(counts, names.value.inspected_bytes());
        if asked.with_intrinsic {
            names.value.add_fixed("intrinsic", &INTRINSIC_TAGS);
        }
        Ok(names)
    }

    /// Reads of which tag values are asked for; HTTP and gRPC alike.
    ///
    /// # Errors
    /// 400 or 401 with what is wrong.
    pub fn begin_tag_values(
        &self,
        version: Version,
        tag: &str,
        params: &Params,
        headers: &HeaderMap,
    ) -> Result<ValuesRun, Failure> {
        let tenants = self.query_tenants(headers)?;
        let now = self.node.clock().unix_nanos();
        let settings = (&self.search_settings(&tenants), &self.tag_settings(&tenants));
        let asked = tags_params::values(version, tag, params, settings, now)?;
        Ok(ValuesRun { asked, tenants, progress: TagsProgress::default() })
    }

    /// Finds the values.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn run_tag_values(&self, run: &ValuesRun) -> Result<Held<ValuesAnswer>, Failure> {
        let request = match &run.asked {
            Values::Known(words) => {
                return Ok(Held { value: ValuesAnswer::of_strings(words), ..Held::default() });
            }
            Values::Asked(request) => request,
        };
        let counts = self.count_tags(&run.tenants)?;
        let values = self.node.tag_values_with(&run.tenants, request, &run.progress).await?;
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
