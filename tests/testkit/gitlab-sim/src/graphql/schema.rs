//! The schema of one edition, and questions about the schema itself.

use apollo_compiler::ast::DirectiveList;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::{ExtendedType, Implementers};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Schema, introspection};
use serde_json::Value;

use super::plan::Plan;
use crate::data::Version;

const SDL: &str = include_str!("../../schema.graphql");

/// The schema, ready for validating against.
pub struct Api {
    schema: Valid<Schema>,
    implementers: HashMap<Name, Implementers>,
}

impl Api {
    /// The schema of the Enterprise Edition, or that of the Community Edition, which lacks the `@ee` fields; the old
    /// version lacks the `@newer` ones too.
    pub fn new(enterprise: bool, version: Version) -> Self {
        Self::from_sdl(SDL, enterprise, version)
    }

    /// A schema from its text, which must be valid.
    pub(super) fn from_sdl(sdl: &str, enterprise: bool, version: Version) -> Self {
        let unknown = |directives: &DirectiveList| {
            !enterprise && directives.has("ee") || version == Version::Old && directives.has("newer")
        };
        let mut schema = Schema::parse(sdl, "schema.graphql").expect("the schema in the source parses");
        for definition in schema.types.values_mut() {
            match definition {
                ExtendedType::Object(object) if !object.is_built_in() => {
                    let object = object.make_mut();
                    object.fields.retain(|_, field| !unknown(&field.directives));
                    for field in object.fields.values_mut() {
                        let arguments = &mut field.make_mut().arguments;
                        arguments.retain(|argument| !unknown(&argument.directives));
                    }
                }
                ExtendedType::Enum(of) if !of.is_built_in() => {
                    of.make_mut().values.retain(|_, value| !unknown(&value.directives));
                }
                _ => {}
            }
        }
        let schema = schema.validate().expect("the schema in the source is valid");
        let implementers = schema.implementers_map();
        Self { schema, implementers }
    }

    pub fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }

    /// The answers to `__schema` and `__type`, by response key; Null when the query asks for neither.
    pub(super) fn introspect(&self, document: &Valid<ExecutableDocument>, plan: &Plan) -> Value {
        if !plan
            .fields
            .iter()
            .any(|field| matches!(field.name.as_str(), "__schema" | "__type"))
        {
            return Value::Null;
        }
        introspection::partial_execute(
            &self.schema,
            &self.implementers,
            document,
            plan.operation(),
            &plan.variables,
        )
        .ok()
        .and_then(|response| serde_json::to_value(response.data).ok())
        .unwrap_or_default()
    }
}
