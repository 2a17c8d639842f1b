//! A validated operation turned into what execution needs: fields merged, fragments and directives gone, arguments
//! and variables filled in. It is made once, however many rows the answer has.

use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema, request::coerce_variable_values};
use serde_json::{Map, Value, json};

use super::Request;

/// What to execute.
pub struct Plan {
    operation: Node<Operation>,
    pub variables: Valid<JsonMap>,
    pub fields: Vec<Field>,
    /// Levels of fields, the leaves included.
    pub depth: usize,
}

/// A field to answer.
#[derive(Debug)]
pub struct Field {
    /// The key in the answer: the alias, or the name.
    pub key: String,
    pub name: String,
    /// The type that has the field.
    pub parent: String,
    /// Whether an error in it becomes null here; otherwise it spreads to the field above.
    pub nullable: bool,
    /// Arguments with the schema's defaults.
    pub arguments: Map<String, Value>,
    pub selection: Vec<Field>,
}

impl Field {
    pub fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument)?.as_str()
    }

    pub fn flag(&self, argument: &str) -> Option<bool> {
        self.arguments.get(argument)?.as_bool()
    }

    pub fn number(&self, argument: &str) -> Option<i64> {
        self.arguments.get(argument)?.as_i64()
    }

    /// A list of texts; one value alone counts as a list of one.
    pub fn texts(&self, argument: &str) -> Option<Vec<&str>> {
        match self.arguments.get(argument)? {
            Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect()),
            Value::String(item) => Some(vec![item]),
            _ => None,
        }
    }
}

impl Plan {
    /// The plan of the operation that the request names; or an error in GitLab's form.
    pub fn new(schema: &Valid<Schema>, document: &Valid<ExecutableDocument>, request: &Request) -> Result<Self, Value> {
        let operation = document
            .operations
            .get(request.operation_name.as_deref())
            .map_err(|_| json!({"message": no_operation(request.operation_name.as_deref())}))?;
        let variables = coerce_variable_values(schema, operation, &request.variables)
            .map_err(|error| invalid_variable(operation, request, &error.message().to_string()))?;
        let mut planner = Planner {
            document,
            variables: &variables,
            depth: 0,
        };
        let fields = planner.fields(&operation.selection_set, 1);
        let depth = planner.depth;
        Ok(Self {
            operation: operation.clone(),
            variables,
            fields,
            depth,
        })
    }

    pub fn operation(&self) -> &Operation {
        &self.operation
    }
}

fn no_operation(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("No operation named \"{name}\""),
        None => "An operation name is required".to_owned(),
    }
}

/// GitLab's words for a variable that does not fit its type.
fn invalid_variable(operation: &Operation, request: &Request, explanation: &str) -> Value {
    let culprit = operation.variables.iter().find(|variable| {
        explanation.contains(&format!("${}", variable.name)) || explanation.contains(variable.name.as_str())
    });
    let message = culprit.map_or_else(
        || explanation.to_owned(),
        |variable| {
            format!(
                "Variable ${} of type {} was provided invalid value",
                variable.name, variable.ty
            )
        },
    );
    let value = culprit.and_then(|variable| request.variables.get(variable.name.as_str()));
    json!({
        "message": message,
        "extensions": {"value": value, "problems": [{"path": [], "explanation": explanation}]},
    })
}

struct Planner<'a> {
    document: &'a ExecutableDocument,
    variables: &'a JsonMap,
    depth: usize,
}

impl<'a> Planner<'a> {
    fn fields(&mut self, selections: &'a SelectionSet, level: usize) -> Vec<Field> {
        let mut fields = Vec::new();
        self.collect(selections, level, &mut fields);
        fields
    }

    fn collect(&mut self, selections: &'a SelectionSet, level: usize, fields: &mut Vec<Field>) {
        for selection in &selections.selections {
            if !self.included(selection) {
                continue;
            }
            match selection {
                Selection::InlineFragment(inline) => self.collect(&inline.selection_set, level, fields),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = spread.fragment_def(self.document) {
                        self.collect(&fragment.selection_set, level, fields);
                    }
                }
                Selection::Field(field) => {
                    self.depth = self.depth.max(level);
                    let depth = self.depth;
                    let inner = self.fields(&field.selection_set, level + 1);
                    // Introspection counts in the score, but not as depth; the compiler answers it.
                    if field.name.starts_with("__") {
                        self.depth = depth;
                    }
                    let key = field.response_key().as_str();
                    if let Some(same) = fields.iter_mut().find(|other| other.key == key) {
                        merge(&mut same.selection, inner);
                        continue;
                    }
                    fields.push(Field {
                        key: key.to_owned(),
                        name: field.name.to_string(),
                        parent: selections.ty.to_string(),
                        nullable: !field.definition.ty.is_non_null(),
                        arguments: self.arguments(field),
                        selection: inner,
                    });
                }
            }
        }
    }

    fn included(&self, selection: &Selection) -> bool {
        let condition = |name: &str| {
            let value = selection.directives().get(name)?.specified_argument_by_name("if")?;
            self.value(value).and_then(|value| value.as_bool())
        };
        condition("skip") != Some(true) && condition("include") != Some(false)
    }

    fn arguments(&self, field: &apollo_compiler::executable::Field) -> Map<String, Value> {
        let mut arguments = Map::new();
        for definition in &field.definition.arguments {
            let given = field
                .arguments
                .iter()
                .find(|argument| argument.name == definition.name)
                .and_then(|argument| self.value(&argument.value));
            let value = given.or_else(|| definition.default_value.as_ref().and_then(|value| self.value(value)));
            if let Some(value) = value {
                arguments.insert(definition.name.to_string(), fit(&definition.ty, value));
            }
        }
        arguments
    }

    /// The value of a literal; None for a variable that was not given.
    fn value(&self, literal: &Literal) -> Option<Value> {
        Some(match literal {
            Literal::Null => Value::Null,
            Literal::Enum(name) => Value::String(name.to_string()),
            Literal::Variable(name) => plain(self.variables.get(name.as_str())?),
            Literal::String(text) => Value::String(text.clone()),
            Literal::Float(number) => json!(number.try_to_f64().ok()?),
            Literal::Int(number) => json!(number.as_str().parse::<i64>().ok()?),
            Literal::Boolean(flag) => Value::Bool(*flag),
            Literal::List(items) => Value::Array(items.iter().filter_map(|item| self.value(item)).collect()),
            Literal::Object(_) => return None,
        })
    }
}

fn plain(value: &JsonValue) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// GraphQL takes whole numbers where an ID is wanted.
fn fit(wanted: &Type, value: Value) -> Value {
    match value {
        Value::Number(number) if !matches!(wanted.inner_named_type().as_str(), "Int" | "Float") => {
            Value::String(number.to_string())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| fit(wanted, item)).collect()),
        value => value,
    }
}

fn merge(into: &mut Vec<Field>, more: Vec<Field>) {
    for field in more {
        match into.iter_mut().find(|other| other.key == field.key) {
            Some(same) => merge(&mut same.selection, field.selection),
            None => into.push(field),
        }
    }
}
