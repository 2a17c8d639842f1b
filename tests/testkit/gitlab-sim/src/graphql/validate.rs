//! Validation, with errors in the words of GitLab's GraphQL library.

use std::collections::HashMap;

use apollo_compiler::ast::{Definition, Document, Selection};
use apollo_compiler::parser::Parser;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Value, json};

use super::Api;

/// GitLab stops after so many validation errors.
const MAX_ERRORS: usize = 5;

/// The document, or what is wrong with it.
pub fn document(api: &Api, query: &str) -> Result<Valid<ExecutableDocument>, Vec<Value>> {
    if query.trim().is_empty() {
        return Err(vec![json!({"message": "No query string was present"})]);
    }
    let document = match Parser::new().parse_ast(query, "query.graphql") {
        Ok(document) => document,
        Err(failure) => {
            let message = failure
                .errors
                .iter()
                .next()
                .map_or_else(String::new, |first| first.error.to_string());
            return Err(vec![json!({"message": format!("Parse error: {message}")})]);
        }
    };
    let mut unknown = Unknown::new(api.schema(), &document);
    unknown.look();
    if !unknown.errors.is_empty() {
        unknown.errors.truncate(MAX_ERRORS);
        return Err(unknown.errors);
    }
    ExecutableDocument::parse_and_validate(api.schema(), query, "query.graphql").map_err(|failure| {
        let errors = failure.errors.iter().take(MAX_ERRORS);
        errors
            .map(|error| serde_json::to_value(error.to_json()).unwrap_or_default())
            .collect()
    })
}

/// Looks for fields and arguments that do not exist. Clients key on these errors to learn what an instance lacks, so
/// they carry GitLab's text and codes rather than the compiler's.
struct Unknown<'a> {
    schema: &'a Schema,
    document: &'a Document,
    fragments: HashMap<&'a str, &'a str>,
    errors: Vec<Value>,
}

impl<'a> Unknown<'a> {
    fn new(schema: &'a Schema, document: &'a Document) -> Self {
        let fragments = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::FragmentDefinition(fragment) => {
                    Some((fragment.name.as_str(), fragment.type_condition.as_str()))
                }
                _ => None,
            })
            .collect();
        Self {
            schema,
            document,
            fragments,
            errors: Vec::new(),
        }
    }

    fn look(&mut self) {
        for definition in &self.document.definitions {
            match definition {
                Definition::OperationDefinition(operation) => {
                    if let Some(root) = self.schema.root_operation(operation.operation_type) {
                        self.selections(root.as_str(), &operation.selection_set);
                    }
                }
                Definition::FragmentDefinition(fragment) => {
                    self.selections(self.fragments[fragment.name.as_str()], &fragment.selection_set);
                }
                _ => {}
            }
        }
    }

    fn selections(&mut self, on: &'a str, selections: &'a [Selection]) {
        for selection in selections {
            match selection {
                Selection::InlineFragment(inline) => {
                    let on = inline.type_condition.as_ref().map_or(on, |name| name.as_str());
                    self.selections(on, &inline.selection_set);
                }
                Selection::FragmentSpread(_) => {}
                Selection::Field(field) if field.name.starts_with("__") => {}
                Selection::Field(field) => {
                    let Some(ExtendedType::Object(object)) = self.schema.types.get(on) else {
                        continue;
                    };
                    let name = field.name.as_str();
                    let Some(definition) = object.fields.get(name) else {
                        self.errors.push(json!({
                            "message": format!("Field '{name}' doesn't exist on type '{on}'"),
                            "locations": [], "path": [],
                            "extensions": {"code": "undefinedField", "typeName": on, "fieldName": name},
                        }));
                        continue;
                    };
                    for argument in &field.arguments {
                        let argument = argument.name.as_str();
                        if definition.argument_by_name(argument).is_none() {
                            self.errors.push(json!({
                                "message": format!("Field '{name}' doesn't accept argument '{argument}'"),
                                "locations": [], "path": [],
                                "extensions": {
                                    "code": "argumentNotAccepted", "name": name, "typeName": "Field",
                                    "argumentName": argument,
                                },
                            }));
                        }
                    }
                    self.selections(definition.ty.inner_named_type().as_str(), &field.selection_set);
                }
            }
        }
    }
}
