//! The schema of one edition, and questions about the schema itself.

use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::{ExtendedType, Implementers};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Schema, introspection};
use serde_json::Value;

use super::plan::Plan;

const SDL: &str = include_str!("../../schema.graphql");

/// The schema, ready for validating against.
pub struct Api {
    schema: Valid<Schema>,
    implementers: HashMap<Name, Implementers>,
}

impl Api {
    /// The schema of the Enterprise Edition, or that of the Community Edition, which lacks the `@ee` fields.
    pub fn new(enterprise: bool) -> Self {
        Self::from_sdl(SDL, enterprise)
    }

    /// A schema from its text, which must be valid.
    pub(super) fn from_sdl(sdl: &str, enterprise: bool) -> Self {
        let mut schema = Schema::parse(sdl, "schema.graphql").expect("the schema in the source parses");
        for definition in schema.types.values_mut() {
            if let ExtendedType::Object(object) = definition
                && !enterprise
                && !object.is_built_in()
            {
                object.make_mut().fields.retain(|_, field| !field.directives.has("ee"));
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
