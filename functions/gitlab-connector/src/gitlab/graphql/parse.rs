//! Reads the fields that streams name as text.

#[cfg(test)]
use serde_json::Value as Json;

use crate::gitlab::graphql::{Argument, Field, Selection};

impl Selection {
    /// Reads fields from their text, such as `id author { id } notes(first: 30) { nodes { id } }`.
    ///
    /// # Panics
    /// If it is none; the texts are constants of this program.
    pub fn parse(text: &str) -> Self {
        let mut rest = text.trim();
        let selection = fields(&mut rest);
        assert!(rest.is_empty(), "{text} is no selection of fields: {rest} is left");
        selection
    }

    /// Reads a query that was written, with the values of its variables.
    #[cfg(test)]
    pub fn read(text: &str, variables: &Json) -> Self {
        fn fill(selection: &mut Selection, variables: &Json) {
            for field in &mut selection.0 {
                for (_, value) in &mut field.arguments {
                    if let Argument::Literal(text) = &*value
                        && let Some(name) = text.strip_prefix('$')
                    {
                        *value = Argument::Variable("", variables[name].clone());
                    }
                }
                fill(&mut field.selection, variables);
            }
        }
        let (_, inner) = text.split_once('{').expect("a query");
        let mut selection = Self::parse(inner.trim_end().strip_suffix('}').expect("its end"));
        fill(&mut selection, variables);
        selection
    }
}

fn fields(rest: &mut &str) -> Selection {
    let mut selection = Selection::default();
    loop {
        *rest = rest.trim_start();
        let end = rest
            .find([' ', '(', ')', '{', '}', ',', ':', '\n'])
            .unwrap_or(rest.len());
        if end == 0 {
            return selection;
        }
        let mut field = Field::new(rest[..end].to_owned());
        *rest = rest[end..].trim_start();
        if let Some(after) = rest.strip_prefix(':') {
            let after = after.trim_start();
            let end = after.find([' ', '(', '{', '}']).unwrap_or(after.len());
            field = Field::new(after[..end].to_owned()).named(field.name);
            *rest = after[end..].trim_start();
        }
        if let Some(inner) = rest.strip_prefix('(') {
            let (arguments, after) = inner.split_once(')').unwrap_or((inner, ""));
            for argument in arguments.split(',') {
                let (name, value) = argument.split_once(':').unwrap_or((argument, ""));
                let value = Argument::Literal(value.trim().to_owned().into());
                field.arguments.push((name.trim().to_owned().into(), value));
            }
            *rest = after.trim_start();
        }
        if let Some(inner) = rest.strip_prefix('{') {
            *rest = inner;
            field.selection = fields(rest);
            // Without its end something is left, which the caller finds.
            *rest = rest.strip_prefix('}').unwrap_or("{");
        }
        selection.0.push(field);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let text =
            "id all: notes(first: 30, filter: ALL_NOTES) { pageInfo { hasNextPage } nodes { id } } author { id }";
        let (written, variables) = Selection::parse(text).write("Q");
        assert_eq!((written, variables), (format!("query Q {{ {text} }}"), json!({})));
        assert_eq!(Selection::parse(""), Selection::default());
    }

    #[test]
    #[should_panic(expected = "is no selection of fields")]
    fn what_has_no_end_is_no_selection() {
        Selection::parse("author { id");
    }
}
